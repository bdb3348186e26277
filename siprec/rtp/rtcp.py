"""RTCP (RFC 3550 §6): compound packets read and written.

Sender and receiver reports, SDES and BYE are understood; APP, feedback (RFC 4585), XR (RFC 3611) and whatever
else comes is kept as `OtherRtcp`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from siprec.rtp.errors import MalformedPacketError

SR, RR, SDES, BYE, APP, RTPFB, PSFB, XR = 200, 201, 202, 203, 204, 205, 206, 207
CNAME = 1
MAX_COUNT = 31

NTP_EPOCH_OFFSET_S = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970 (Unix)."""

_HEAD = Struct("!BBH")
_WORD = Struct("!I")
_SENDER = Struct("!QIII")
_BLOCK = Struct("!IIIIII")


class ReportBlock(NamedTuple):
    """Reception of one source (RFC 3550 §6.4.1); jitter in units of its RTP clock, delays in 1/65,536 s."""

    ssrc: int
    fraction_lost: int = 0
    packets_lost: int = 0
    highest_sequence: int = 0
    jitter: int = 0
    last_sr: int = 0
    delay_since_last_sr: int = 0


@dataclass(frozen=True, slots=True)
class SenderReport:
    """SR: the sender's clock against its RTP timestamps. ntp: 64-bit NTP time."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RR: what we received."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """SDES: items (type, text) per source; every compound packet carries our CNAME."""

    chunks: tuple[tuple[int, tuple[tuple[int, str], ...]], ...]

    @classmethod
    def cname(cls, ssrc: int, name: str) -> "SourceDescription":
        """The one item that must be sent."""
        return cls(((ssrc, ((CNAME, name),)),))


@dataclass(frozen=True, slots=True)
class Goodbye:
    """BYE: these sources stop."""

    sources: tuple[int, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OtherRtcp:
    """A packet of a type we do not interpret. count: the five bits of the header."""

    packet_type: int
    count: int
    body: bytes


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye | OtherRtcp


def ntp_of(now_ns: int) -> int:
    """World time as a 64-bit NTP timestamp."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return (seconds + NTP_EPOCH_OFFSET_S & 0xFFFFFFFF) << 32 | (rest << 32) // 1_000_000_000


def middle_of(ntp: int) -> int:
    """The middle 32 bits, as LSR wants them."""
    return ntp >> 16 & 0xFFFFFFFF


def parse_compound(data: bytes) -> tuple[RtcpPacket, ...]:
    """Read a datagram; raises MalformedPacketError. The rules on order (RFC 3550 A.2) are not enforced."""
    packets: list[RtcpPacket] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise MalformedPacketError("truncated RTCP header")
        first, packet_type, words = _HEAD.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2:
            raise MalformedPacketError(f"RTCP version {first >> 6}")
        if end > len(data):
            raise MalformedPacketError("RTCP packet longer than the datagram")
        packets.append(_parse_one(packet_type, first & 0x1F, _unpadded(data[at + 4 : end], first)))
        at = end
    if not packets:
        raise MalformedPacketError("empty RTCP datagram")
    return tuple(packets)


def _unpadded(body: bytes, first: int) -> bytes:
    if not first & 0x20:
        return body
    padding = body[-1] if body else 0
    if not 0 < padding <= len(body):
        raise MalformedPacketError(f"{padding} bytes of RTCP padding")
    return body[:-padding]


def _parse_one(packet_type: int, count: int, body: bytes) -> RtcpPacket:
    if packet_type == SR:
        if len(body) < 24 + 24 * count:
            raise MalformedPacketError("truncated sender report")
        (ssrc,) = _WORD.unpack_from(body)
        ntp, timestamp, packet_count, octets = _SENDER.unpack_from(body, 4)
        return SenderReport(ssrc, ntp, timestamp, packet_count, octets, _parse_blocks(body, 24, count))
    if packet_type == RR:
        if len(body) < 4 + 24 * count:
            raise MalformedPacketError("truncated receiver report")
        return ReceiverReport(_WORD.unpack_from(body)[0], _parse_blocks(body, 4, count))
    if packet_type == SDES:
        return _parse_sdes(body, count)
    if packet_type == BYE:
        return _parse_bye(body, count)
    return OtherRtcp(packet_type, count, body)


def _parse_blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for at in range(start, start + 24 * count, 24):
        ssrc, lost, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, at)
        cumulative = lost & 0xFFFFFF
        if cumulative & 0x800000:
            cumulative -= 0x1000000
        blocks.append(ReportBlock(ssrc, lost >> 24, cumulative, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _parse_sdes(body: bytes, count: int) -> SourceDescription:
    chunks = []
    at = 0
    for _ in range(count):
        if at + 4 > len(body):
            raise MalformedPacketError("truncated SDES")
        (ssrc,) = _WORD.unpack_from(body, at)
        at += 4
        items = []
        while at < len(body) and body[at]:
            end = at + 2 + (body[at + 1] if at + 1 < len(body) else len(body))
            if end > len(body):
                raise MalformedPacketError("truncated SDES item")
            items.append((body[at], body[at + 2 : end].decode("utf-8", "replace")))
            at = end
        at += 4 - at % 4  # the null that ends the list, and what aligns the next chunk
        chunks.append((ssrc, tuple(items)))
    return SourceDescription(tuple(chunks))


def _parse_bye(body: bytes, count: int) -> Goodbye:
    if len(body) < 4 * count:
        raise MalformedPacketError("truncated BYE")
    sources = tuple(_WORD.unpack_from(body, 4 * index)[0] for index in range(count))
    rest = body[4 * count :]
    if not rest:
        return Goodbye(sources)
    if 1 + rest[0] > len(rest):
        raise MalformedPacketError("truncated reason in BYE")
    return Goodbye(sources, rest[1 : 1 + rest[0]].decode("utf-8", "replace"))


def build_compound(packets: Sequence[RtcpPacket]) -> bytes:
    """The bytes of a compound packet, in the order given."""
    return b"".join(_build_one(packet) for packet in packets)


def _build_one(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport():
            head = _WORD.pack(packet.ssrc) + _SENDER.pack(
                packet.ntp,
                packet.rtp_timestamp,
                packet.packet_count & 0xFFFFFFFF,
                packet.octet_count & 0xFFFFFFFF,
            )
            return _framed(SR, len(packet.blocks), head + _build_blocks(packet.blocks))
        case ReceiverReport():
            return _framed(RR, len(packet.blocks), _WORD.pack(packet.ssrc) + _build_blocks(packet.blocks))
        case SourceDescription():
            return _framed(SDES, len(packet.chunks), b"".join(map(_build_chunk, packet.chunks)))
        case Goodbye():
            return _framed(BYE, len(packet.sources), _build_bye(packet))
        case OtherRtcp():
            return _framed(packet.packet_type, packet.count, packet.body)


def _framed(packet_type: int, count: int, body: bytes) -> bytes:
    if count > MAX_COUNT:
        raise ValueError(f"at most {MAX_COUNT} items in an RTCP packet")
    body += bytes(-len(body) % 4)
    return _HEAD.pack(0x80 | count, packet_type, len(body) // 4) + body


def _build_blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            b.ssrc,
            b.fraction_lost << 24 | max(min(b.packets_lost, 0x7FFFFF), -0x800000) & 0xFFFFFF,
            b.highest_sequence & 0xFFFFFFFF,
            b.jitter & 0xFFFFFFFF,
            b.last_sr,
            b.delay_since_last_sr & 0xFFFFFFFF,
        )
        for b in blocks
    )


def _build_chunk(chunk: tuple[int, tuple[tuple[int, str], ...]]) -> bytes:
    ssrc, items = chunk
    texts = [(kind, text.encode()[:255]) for kind, text in items]
    body = _WORD.pack(ssrc) + b"".join(bytes([kind, len(text)]) + text for kind, text in texts)
    return body + bytes(4 - len(body) % 4)


def _build_bye(packet: Goodbye) -> bytes:
    body = b"".join(map(_WORD.pack, packet.sources))
    if packet.reason is None:
        return body
    reason = packet.reason.encode()[:255]
    return body + bytes([len(reason)]) + reason
