"""From a captured packet to its TCP segment: link layers, IPv4 and IPv6.

Link types of the libpcap registry: Ethernet with 802.1Q tags, raw IP, Linux cooked (SLL, SLL2), BSD loopback
(NULL, LOOP). Sources: RFC 791, RFC 8200, RFC 9293.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

from gateway.replay.packets import Packet

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
_IPV4, _IPV6 = 0x0800, 0x86DD
_VERSIONS: Final = {4: _IPV4, 6: _IPV6}
_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100})
_TCP: Final = 6
_EXTENSIONS: Final = frozenset({0, 43, 60})  # hop-by-hop, routing, destination options
_FRAGMENT: Final = 44
_IPV4_HEAD: Final = struct.Struct(">HHH")
_TCP_HEAD: Final = struct.Struct(">HHIIBB")
_new: Final = tuple.__new__
_AF_INET6: Final = frozenset({10, 24, 28, 30})


class Segment(NamedTuple):
    """One TCP segment; addresses packed. `missing` octets of its data were on the wire but not captured."""

    source: bytes
    source_port: int
    destination: bytes
    destination_port: int
    sequence: int
    acknowledged: int
    flags: int
    data: bytes
    missing: int


class Unreadable(ValueError):
    """The packet is broken, or of a kind that cannot be read; the reason is its text."""


def tcp_segment(packet: Packet) -> Segment | None:
    """The packet's TCP segment; None for anything else. Raises `Unreadable`."""
    strip = _LINKS.get(packet.link_type)
    if strip is None:
        raise Unreadable(f"link type {packet.link_type} is not read")
    try:
        ether_type, at = strip(packet.data)
        if ether_type == _IPV4:
            return _ipv4(packet.data, at, packet.wire_bytes - len(packet.data))
        if ether_type == _IPV6:
            return _ipv6(packet.data, at, packet.wire_bytes - len(packet.data))
    except (struct.error, IndexError):
        raise Unreadable("the packet is cut inside its headers") from None
    return None


@lru_cache(maxsize=4096)
def endpoint_name(address: bytes, port: int) -> str:
    """`10.0.0.1:2775`, `[2001:db8::1]:2775`."""
    host = ip_address(address)
    return f"{host}:{port}" if host.version == 4 else f"[{host}]:{port}"


# --- link layers: ether type and where the network layer begins ---------------------------------------------


def _ethernet(data: bytes) -> tuple[int, int]:
    at = 12
    kind = int(struct.unpack_from(">H", data, at)[0])
    while kind in _TAGS:
        at += 4
        kind = int(struct.unpack_from(">H", data, at)[0])
    return kind, at + 2


def _raw(data: bytes) -> tuple[int, int]:
    return _VERSIONS.get(data[0] >> 4, 0), 0


def _cooked(data: bytes) -> tuple[int, int]:
    return int(struct.unpack_from(">H", data, 14)[0]), 16


def _cooked_2(data: bytes) -> tuple[int, int]:
    return int(struct.unpack_from(">H", data, 0)[0]), 20


def _loopback(data: bytes) -> tuple[int, int]:
    """NULL is in the byte order of the capturing machine, LOOP in network order: families are small."""
    family = min(int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big"))
    if len(data) < 4:
        raise IndexError
    return (_IPV6 if family in _AF_INET6 else _IPV4 if family == 2 else 0), 4


_LINKS: Final[dict[int, Callable[[bytes], tuple[int, int]]]] = {
    0: _loopback,
    1: _ethernet,
    12: _raw,
    14: _raw,
    101: _raw,
    108: _loopback,
    113: _cooked,
    228: _raw,
    229: _raw,
    276: _cooked_2,
}


# --- network and transport ---------------------------------------------------------------------------------


def _ipv4(data: bytes, at: int, cut: int) -> Segment | None:
    total, _, fragment = _IPV4_HEAD.unpack_from(data, at + 2)
    if data[at + 9] != _TCP:
        return None
    if fragment & 0x3FFF:
        raise Unreadable("IP fragment")
    header = (data[at] & 0x0F) * 4
    if header < 20 or (total and total < header):
        raise Unreadable("IP header lengths do not add up")
    # Offloaded segments are captured before their length is known; everything that is there belongs to them.
    end = at + total if total else len(data) + cut
    return _tcp(data, at + header, end, data[at + 12 : at + 16], data[at + 16 : at + 20])


def _ipv6(data: bytes, at: int, cut: int) -> Segment | None:
    payload, following = struct.unpack_from(">HB", data, at + 4)
    end = at + 40 + payload if payload else len(data) + cut
    source, destination = data[at + 8 : at + 24], data[at + 24 : at + 40]
    at += 40
    while following in _EXTENSIONS:
        following, size = data[at], data[at + 1]
        at += (size + 1) * 8
    if following == _FRAGMENT:
        raise Unreadable("IP fragment")
    return _tcp(data, at, end, source, destination) if following == _TCP else None


def _tcp(data: bytes, at: int, end: int, source: bytes, destination: bytes) -> Segment:
    source_port, destination_port, sequence, acknowledged, offset, flags = _TCP_HEAD.unpack_from(data, at)
    header = (offset >> 4) * 4
    if header < 20 or at + header > end:
        raise Unreadable("TCP header lengths do not add up")
    body = data[at + header : end]
    missing = max(0, end - max(len(data), at + header))
    return _new(
        Segment,
        (source, source_port, destination, destination_port, sequence, acknowledged, flags, body, missing),
    )
