"""Captures as pcap files: SMPP frames wrapped into TCP conversations that any analyser reads.

What a tap sees are frames, not packets, so addresses, ports, times and octets are real while TCP's own
numbers are made up consistently: handshake, sequence numbers, acknowledgements, end. Nanosecond pcap, link
type raw IP; sources: the libpcap file format, RFC 791, RFC 8200, RFC 9293.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple, Protocol

_MAGIC_NANOSECONDS: Final = 0xA1B23C4D
_LINKTYPE_RAW: Final = 101
_SNAP_BYTES: Final = 262_144
_SEGMENT_BYTES: Final = 1_400
_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10
_TCP: Final = 6
_SECOND_NS: Final = 1_000_000_000


class Writable(Protocol):
    """Takes octets."""

    def write(self, data: bytes, /) -> object:
        """Write them all."""


class Endpoint(NamedTuple):
    """One side of a conversation."""

    host: str
    """IPv4 or IPv6 address."""
    port: int


class PcapWriter:
    """Writes packets to a binary stream, which stays its owner's to close."""

    def __init__(self, stream: Writable) -> None:
        self._stream = stream
        self.packets = 0
        stream.write(struct.pack("<IHHiIII", _MAGIC_NANOSECONDS, 2, 4, 0, 0, _SNAP_BYTES, _LINKTYPE_RAW))

    def flow(self, client: Endpoint, server: Endpoint, at_ns: int) -> Flow:
        """Open a TCP conversation at a moment (nanoseconds since the epoch)."""
        return Flow(self, client, server, at_ns)

    def packet(self, packet: bytes, at_ns: int) -> None:
        """Write one IP packet."""
        seconds, nanoseconds = divmod(at_ns, _SECOND_NS)
        size = len(packet)
        self._stream.write(struct.pack("<IIII", seconds, nanoseconds, size, size) + packet)
        self.packets += 1


class Flow:
    """One TCP conversation."""

    def __init__(self, writer: PcapWriter, client: Endpoint, server: Endpoint, at_ns: int) -> None:
        self._writer = writer
        self._ends = (client, server)
        self._next = [1_000, 2_000]
        self._send(0, _SYN, b"", at_ns)
        self._send(1, _SYN | _ACK, b"", at_ns)
        self._send(0, _ACK, b"", at_ns)

    def write(self, data: bytes, at_ns: int, *, from_client: bool) -> None:
        """Add octets of one side, cut into packets of an Ethernet's size."""
        side = 0 if from_client else 1
        for start in range(0, len(data), _SEGMENT_BYTES):
            self._send(side, _PSH | _ACK, data[start : start + _SEGMENT_BYTES], at_ns)

    def close(self, at_ns: int) -> None:
        """End the conversation."""
        self._send(0, _FIN | _ACK, b"", at_ns)
        self._send(1, _FIN | _ACK, b"", at_ns)
        self._send(0, _ACK, b"", at_ns)

    def _send(self, side: int, flags: int, data: bytes, at_ns: int) -> None:
        source, destination = self._ends[side], self._ends[1 - side]
        acknowledged = self._next[1 - side] if flags & _ACK else 0
        segment = _tcp(source, destination, self._next[side], acknowledged, flags, data)
        self._writer.packet(_ip(source.host, destination.host, segment), at_ns)
        self._next[side] = (self._next[side] + len(data) + bool(flags & (_SYN | _FIN))) & 0xFFFF_FFFF


@lru_cache(maxsize=1024)
def _packed(host: str) -> bytes:
    return ip_address(host.partition("%")[0]).packed


def _tcp(
    source: Endpoint, destination: Endpoint, sequence: int, acknowledged: int, flags: int, data: bytes
) -> bytes:
    header = struct.pack(
        ">HHIIBBHHH", source.port, destination.port, sequence, acknowledged, 5 << 4, flags, 65_535, 0, 0
    )
    addresses = _packed(source.host) + _packed(destination.host)
    pseudo = addresses + struct.pack(">II", len(header) + len(data), _TCP)
    checksum = _checksum(pseudo + header + data)
    return header[:16] + checksum.to_bytes(2, "big") + header[18:] + data


def _ip(source: str, destination: str, payload: bytes) -> bytes:
    from_host, to_host = _packed(source), _packed(destination)
    if len(from_host) == 16:
        return struct.pack(">IHBB", 6 << 28, len(payload), _TCP, 64) + from_host + to_host + payload
    header = (
        struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, _TCP, 0) + from_host + to_host
    )
    return header[:10] + _checksum(header).to_bytes(2, "big") + header[12:] + payload


def _checksum(data: bytes) -> int:
    """RFC 1071: a remainder modulo 0xFFFF is the ones' complement sum."""
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data, "big") % 0xFFFF
    return ~total & 0xFFFF if total else (0 if any(data) else 0xFFFF)
