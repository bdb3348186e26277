"""Captures made to order: conversations as IP packets, in every container and link layer that is read.

packets = conversation([(True, encode(bind)), (False, encode(bind_resp))])
data = pcap_file(packets, link="ethernet", order=">", nanoseconds=False)
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.replay.pcap import Endpoint, PcapWriter

SECOND_NS: Final = 1_000_000_000
START_NS: Final = 1_790_000_000 * SECOND_NS
CLIENT, SERVER = Endpoint("10.0.0.1", 40_000), Endpoint("10.0.0.2", 9_999)
LINKS: Final = {"raw": 101, "ethernet": 1, "vlan": 1, "sll": 113, "sll2": 276, "null": 0, "loop": 108}

TimedPacket = tuple[int, bytes]


def conversation(
    script: Iterable[tuple[bool, bytes]],
    *,
    client: Endpoint = CLIENT,
    server: Endpoint = SERVER,
    start_ns: int = START_NS,
    step_ns: int = SECOND_NS,
    handshake: bool = True,
    ends: bool = True,
) -> list[TimedPacket]:
    """IP packets of one TCP conversation: each (from the client, octets) a step later than the one before."""
    stream = io.BytesIO()
    flow = PcapWriter(stream).flow(client, server, start_ns)
    at_ns = start_ns
    for from_client, data in script:
        at_ns += step_ns
        flow.write(data, at_ns, from_client=from_client)
    if ends:
        flow.close(at_ns)
    packets = _unwrap(stream.getvalue())
    return packets if handshake else packets[3:]


def _unwrap(data: bytes) -> list[TimedPacket]:
    at, packets = 24, []
    while at < len(data):
        seconds, fraction, kept, _ = struct.unpack_from("<IIII", data, at)
        packets.append((seconds * SECOND_NS + fraction, data[at + 16 : at + 16 + kept]))
        at += 16 + kept
    return packets


def framed(packet: bytes, link: str, order: str = "<") -> bytes:
    """An IP packet in its link layer."""
    six = packet[0] >> 4 == 6
    kind = b"\x86\xdd" if six else b"\x08\x00"
    family = 30 if six else 2
    return {
        "raw": b"",
        "ethernet": b"\2" * 12 + kind,
        "vlan": b"\2" * 12 + b"\x81\x00\x00\x07" + kind,
        "sll": b"\0" * 14 + kind,
        "sll2": kind + b"\0" * 18,
        "null": struct.pack(order + "I", family),
        "loop": struct.pack(">I", family),
    }[link] + packet


def pcap_file(
    packets: Iterable[TimedPacket], *, link: str = "raw", order: str = "<", nanoseconds: bool = True
) -> bytes:
    """A pcap file."""
    magic, tick = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1_000)
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, LINKS[link])]
    for at_ns, packet in packets:
        data = framed(packet, link, order)
        seconds, fraction = divmod(at_ns, SECOND_NS)
        parts.append(struct.pack(order + "IIII", seconds, fraction // tick, len(data), len(data)) + data)
    return b"".join(parts)


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def pcapng_section(
    packets: Iterable[tuple[int, int, bytes]],
    *,
    links: Sequence[str] = ("raw",),
    order: str = "<",
    resolution: int | None = None,
) -> bytes:
    """One section: (interface, time, IP packet) each; `resolution` is if_tsresol, microseconds without it."""
    parts = [_block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))]
    for link in links:
        body = struct.pack(order + "HHI", LINKS[link], 0, 0)
        if resolution is not None:
            body += struct.pack(order + "HHBxxx", 9, 1, resolution) + struct.pack(order + "HH", 0, 0)
        parts.append(_block(order, 1, body))
    parts.append(_block(order, 5, struct.pack(order + "III", 0, 0, 0)))
    per_second = 10 ** (6 if resolution is None else resolution)
    for interface, at_ns, packet in packets:
        data = framed(packet, links[interface], order)
        ticks = at_ns * per_second // SECOND_NS
        head = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFF_FFFF, len(data), len(data))
        parts.append(_block(order, 6, head + data))
    return b"".join(parts)
