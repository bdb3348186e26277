"""Packets out of pcap and pcapng files, either byte order, microseconds or nanoseconds, several interfaces.

Sources: the libpcap file format; the pcapng file format, blocks SHB, IDB, EPB, SPB and PB. A damaged record
is reported with its position, and reading goes on at the next one that makes sense.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from gateway.replay.trace import PartUnreadable, Position

_SECOND_NS: Final = 1_000_000_000
MAX_PACKET_BYTES: Final = 1 << 20
_RESYNC_BYTES: Final = 4 << 20
_CHUNK_BYTES: Final = 1 << 18
_YEAR_S: Final = 366 * 86_400
_new: Final = tuple.__new__
"""Makes a named tuple without the detour over its own `__new__`: a capture holds many packets."""

PCAP_MAGICS: Final[dict[bytes, tuple[str, int]]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""Magic of a pcap file: byte order, nanoseconds per tick of the fraction."""
PCAPNG_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
_SHB, _IDB, _PB, _SPB, _EPB = 0x0A0D0D0A, 1, 2, 3, 6
_KNOWN_BLOCKS: Final = frozenset({_SHB, _IDB, _PB, _SPB, 4, 5, _EPB, 9, 10})


class Packet(NamedTuple):
    """One captured packet: what was kept of it, and how long it was on the wire."""

    at_ns: int
    link_type: int
    data: bytes
    wire_bytes: int
    position: Position


class _Window:
    """A file read forwards, with a little look-ahead; counts octets, never seeks."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._ended = False
        self.octet = 0

    def peek(self, size: int) -> bytes:
        """Up to `size` octets from here on; fewer at the end of the file."""
        while len(self._buffer) < size and not self._ended:
            chunk = self._stream.read(max(_CHUNK_BYTES, size - len(self._buffer)))
            self._ended = not chunk
            self._buffer += chunk
        return bytes(self._buffer[:size])

    def skip(self, size: int) -> None:
        """Move on by octets that were peeked at."""
        del self._buffer[:size]
        self.octet += size

    def take(self, size: int) -> bytes:
        """Read `size` octets; fewer at the end."""
        data = self.peek(size)
        self.skip(len(data))
        return data


def read_packets(stream: BinaryIO) -> Iterator[Packet | PartUnreadable]:
    """Every packet of a pcap or pcapng stream, in file order."""
    window = _Window(stream)
    magic = window.peek(4)
    if magic in PCAP_MAGICS:
        return _read_pcap(window, *PCAP_MAGICS[magic])
    if magic == PCAPNG_MAGIC:
        return _PcapngReader(window).read()
    return iter((PartUnreadable(Position("packet", 1, 0), "neither pcap nor pcapng"),))


# --- pcap ---------------------------------------------------------------------------------------------------


def _read_pcap(window: _Window, order: str, tick_ns: int) -> Iterator[Packet | PartUnreadable]:
    header = window.take(24)
    if len(header) < 24:
        yield PartUnreadable(Position("packet", 1, 0), "the file ends inside its header")
        return
    link_type = struct.unpack(order + "I", header[20:])[0] & 0x0FFF_FFFF
    record = struct.Struct(order + "IIII")
    number, last_s = 0, -1
    while True:
        # The usual case works on a piece of the file in place: all packets that are whole in it.
        piece, at, begin = window.peek(_CHUNK_BYTES), 0, window.octet
        most = len(piece) - 16
        while at <= most:
            seconds, fraction, kept, wire = record.unpack_from(piece, at)
            end = at + 16 + kept
            if not _plausible(seconds, fraction, kept, wire, last_s, tick_ns) or end > len(piece):
                break
            number += 1
            position = _new(Position, ("packet", number, begin + at))
            at_ns = seconds * _SECOND_NS + fraction * tick_ns
            yield _new(Packet, (at_ns, link_type, piece[at + 16 : end], wire, position))
            last_s, at = seconds, end
        window.skip(at)
        if at:
            continue
        head = window.peek(16)
        if not head:
            return
        number += 1
        position = Position("packet", number, window.octet)
        if len(head) < 16:
            yield PartUnreadable(position, "the file ends inside a packet's header")
            return
        seconds, fraction, kept, wire = record.unpack(head)
        if not _plausible(seconds, fraction, kept, wire, last_s, tick_ns):
            yield PartUnreadable(position, f"no packet's header; {_resync_pcap(window, record, tick_ns)}")
            continue
        window.skip(16)
        data = window.take(kept)
        if len(data) < kept:
            yield PartUnreadable(position, f"the file ends inside a packet ({len(data)} of {kept} octets)")
            return
        last_s = seconds
        yield Packet(seconds * _SECOND_NS + fraction * tick_ns, link_type, data, wire, position)


def _plausible(seconds: int, fraction: int, kept: int, wire: int, last_s: int, tick_ns: int) -> bool:
    """Whether a packet's header makes sense; `last_s` -1 where no packet came before it."""
    near = last_s < 0 or abs(seconds - last_s) < _YEAR_S
    return near and fraction * tick_ns < _SECOND_NS and kept <= wire + 4 and kept <= MAX_PACKET_BYTES


def _resync_pcap(window: _Window, record: struct.Struct, tick_ns: int) -> str:
    """Skip to the next place where two packets follow each other; says how far that was."""
    begin = window.octet
    while window.octet - begin < _RESYNC_BYTES:
        data = window.peek(_CHUNK_BYTES)
        for at in range(1, len(data) - 32):
            found: tuple[int, int, int, int] = record.unpack_from(data, at)
            following = at + 16 + found[2]
            if not (found[2] and _plausible(*found, -1, tick_ns)) or following + 16 > len(data):
                continue
            behind: tuple[int, int, int, int] = record.unpack_from(data, following)
            if _plausible(*behind, found[0], tick_ns):
                window.skip(at)
                return f"{window.octet - begin} octets skipped"
        window.skip(max(1, len(data) - 32) if len(data) == _CHUNK_BYTES else len(data))
        if len(data) < _CHUNK_BYTES:
            break
    window.skip(len(window.peek(_RESYNC_BYTES)))
    return "no further packet found"


# --- pcapng -------------------------------------------------------------------------------------------------


class _Interface(NamedTuple):
    link_type: int
    snap_bytes: int
    ticks_per_second: int
    offset_ns: int

    def at_ns(self, ticks: int) -> int:
        """A timestamp of this interface in nanoseconds since the epoch, exactly."""
        return ticks * _SECOND_NS // self.ticks_per_second + self.offset_ns


class _PcapngReader:
    """Walks the blocks; sections begin anew with their byte order and interfaces."""

    def __init__(self, window: _Window) -> None:
        self._window = window
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._blocks = 0
        self._last_ns = 0

    def read(self) -> Iterator[Packet | PartUnreadable]:
        """Every packet of every section."""
        window = self._window
        while head := window.peek(12):
            self._blocks += 1
            position = Position("block", self._blocks, window.octet)
            size = self._block_size(head)
            if size is None:
                yield PartUnreadable(position, f"no block begins here; {self._resync()}")
                continue
            block = window.take(size)
            if len(block) < size:
                yield PartUnreadable(
                    position, f"the file ends inside a block ({len(block)} of {size} octets)"
                )
                return
            if block[-4:] != block[4:8]:
                yield PartUnreadable(position, "the block's two lengths differ")
            try:
                found = self._read_block(block, position)
            except (struct.error, IndexError):
                found = PartUnreadable(position, "the block is shorter than its kind")
            if found is not None:
                yield found

    def _block_size(self, head: bytes) -> int | None:
        if len(head) < 12:
            return None
        if head[:4] == PCAPNG_MAGIC:
            order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(head[8:12])
            if order is None:
                return None
            self._order = order
        kind, size = struct.unpack(self._order + "II", head[:8])
        size = (size + 3) & ~3
        if not 12 <= size <= MAX_PACKET_BYTES + 4096 or (
            kind not in _KNOWN_BLOCKS and size > MAX_PACKET_BYTES
        ):
            return None
        return int(size)

    def _read_block(self, block: bytes, position: Position) -> Packet | PartUnreadable | None:
        kind = struct.unpack(self._order + "I", block[:4])[0]
        if kind == _SHB:
            self._interfaces.clear()
        elif kind == _IDB:
            self._interfaces.append(self._read_interface(block))
        elif kind == _EPB:
            index, high, low, kept, wire = struct.unpack(self._order + "IIIII", block[8:28])
            return self._packet(index, high << 32 | low, block[28:-4], kept, wire, position)
        elif kind == _PB:
            index, _, high, low, kept, wire = struct.unpack(self._order + "HHIIII", block[8:28])
            return self._packet(index, high << 32 | low, block[28:-4], kept, wire, position)
        elif kind == _SPB:
            wire = struct.unpack(self._order + "I", block[8:12])[0]
            snap = self._interfaces[0].snap_bytes or wire
            return self._packet(0, None, block[12:-4], min(wire, snap), wire, position)
        return None

    def _packet(
        self, index: int, ticks: int | None, body: bytes, kept: int, wire: int, position: Position
    ) -> Packet | PartUnreadable:
        if index >= len(self._interfaces):
            return PartUnreadable(position, f"interface {index} is not described in this section")
        if kept > len(body):
            return PartUnreadable(position, f"{kept} octets are claimed, {len(body)} are there")
        interface = self._interfaces[index]
        self._last_ns = self._last_ns if ticks is None else interface.at_ns(ticks)
        return Packet(self._last_ns, interface.link_type, body[:kept], wire, position)

    def _read_interface(self, block: bytes) -> _Interface:
        link_type, _, snap = struct.unpack(self._order + "HHI", block[8:16])
        per_second, offset_ns, at = 1_000_000, 0, 16
        while at + 4 <= len(block) - 4:
            code, size = struct.unpack(self._order + "HH", block[at : at + 4])
            value = block[at + 4 : at + 4 + size]
            at += 4 + (size + 3 & ~3)
            if code == 0:
                break
            if code == 9 and len(value) == 1:
                power = min(value[0] & 0x7F, 63)
                per_second = 1 << power if value[0] & 0x80 else 10 ** min(power, 18)
            elif code == 14 and len(value) == 8:
                offset_ns = int(struct.unpack(self._order + "q", value)[0]) * _SECOND_NS
        return _Interface(link_type, snap, per_second, offset_ns)

    def _resync(self) -> str:
        """Skip to the next block whose two lengths agree; says how far that was."""
        window, begin = self._window, self._window.octet
        limit = len(window.peek(_RESYNC_BYTES))
        data = window.peek(limit)
        for at in range(4, limit - 12, 4):
            size = self._block_size(data[at : at + 12])
            if size is None or at + size > limit or data[at + size - 4 : at + size] != data[at + 4 : at + 8]:
                continue
            if struct.unpack(self._order + "I", data[at : at + 4])[0] in _KNOWN_BLOCKS:
                window.skip(at)
                return f"{window.octet - begin} octets skipped"
        window.skip(limit)
        return "no further block found"
