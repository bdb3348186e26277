"""RTP packets (RFC 3550 §5): parsed and built; nothing else."""

from struct import Struct, error
from typing import NamedTuple

from siprec.rtp.errors import MalformedPacketError

HEADER_BYTES = 12
MAX_CSRC = 15

RTCP_TYPES = frozenset(bytes([kind]) for kind in range(192, 224))
"""The second byte of RTCP packets (RFC 5761 §4)."""

_HEADER = Struct("!BBHII")
_EXTENSION = Struct("!HH")
_WORD = Struct("!I")


class Extension(NamedTuple):
    """A header extension (RFC 3550 §5.3.1): profile-defined 16 bits, and whole 32-bit words."""

    profile: int
    data: bytes


class RtpPacket(NamedTuple):
    """One packet. timestamp is in units of the codec's RTP clock."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrc: tuple[int, ...] = ()
    extension: Extension | None = None


_new_tuple = tuple.__new__


def parse(data: bytes) -> RtpPacket:
    """Read a packet; raises MalformedPacketError for another version or a truncated one."""
    try:
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    except error:
        raise MalformedPacketError(f"{len(data)} bytes are too few for RTP") from None
    if first == 0x80:  # version 2 and nothing optional: nearly every packet there is
        fields = (second & 0x7F, sequence, timestamp, ssrc, data[12:], second > 0x7F, (), None)
        return _new_tuple(RtpPacket, fields)
    if first >> 6 != 2:
        raise MalformedPacketError(f"RTP version {first >> 6}")
    return _parse_full(data, RtpPacket(second & 0x7F, sequence, timestamp, ssrc, b"", second > 0x7F))


def _parse_full(data: bytes, head: RtpPacket) -> RtpPacket:
    first = data[0]
    start, end = HEADER_BYTES + 4 * (first & 0x0F), len(data)
    if start > end:
        raise MalformedPacketError("truncated in the contributing sources")
    csrc = tuple(_WORD.unpack_from(data, at)[0] for at in range(HEADER_BYTES, start, 4))
    extension = None
    if first & 0x10:
        extension, start = _parse_extension(data, start)
    if first & 0x20:
        padding = data[-1] if end > start else 0
        if not 0 < padding <= end - start:
            raise MalformedPacketError(f"{padding} bytes of padding")
        end -= padding
    return head._replace(payload=data[start:end], csrc=csrc, extension=extension)


def _parse_extension(data: bytes, start: int) -> tuple[Extension, int]:
    if start + 4 > len(data):
        raise MalformedPacketError("truncated in the header extension")
    profile, words = _EXTENSION.unpack_from(data, start)
    end = start + 4 + 4 * words
    if end > len(data):
        raise MalformedPacketError("header extension longer than the packet")
    return Extension(profile, data[start + 4 : end]), end


def build(packet: RtpPacket, padding_bytes: int = 0) -> bytes:
    """The bytes of a packet. padding_bytes: 0–255, ending in its own count (RFC 3550 §5.1)."""
    if not 0 <= padding_bytes <= 255 or len(packet.csrc) > MAX_CSRC:
        raise ValueError("at most 255 bytes of padding and 15 contributing sources")
    first = 0x80 | len(packet.csrc) | (0x20 if padding_bytes else 0) | (0x10 if packet.extension else 0)
    second = packet.payload_type | (0x80 if packet.marker else 0)
    head = _HEADER.pack(first, second, packet.sequence, packet.timestamp, packet.ssrc)
    if first == 0x80:
        return head + packet.payload
    parts = [head, *(_WORD.pack(source) for source in packet.csrc)]
    if packet.extension is not None:
        data = packet.extension.data + bytes(-len(packet.extension.data) % 4)
        parts.append(_EXTENSION.pack(packet.extension.profile, len(data) // 4) + data)
    parts.append(packet.payload)
    if padding_bytes:
        parts.append(bytes(padding_bytes - 1) + bytes([padding_bytes]))
    return b"".join(parts)


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on a multiplexed port is RTCP (RFC 5761 §4): payload types 64–95 with the marker."""
    return data[1:2] in RTCP_TYPES
