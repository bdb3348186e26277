"""Frames out of a byte stream (SMPP 3.4 §3.2), however the network has cut it.

A `command_length` is judged as soon as its four octets are there: below 16 or above the limit is fatal before
anything of that PDU is kept. Every octet is copied a constant number of times, whatever the segment sizes; at
most one unfinished PDU is kept.
"""

import struct
from typing import Final

from gateway.smpp.constants import DEFAULT_MAX_PDU_OCTETS, HEADER_OCTETS
from gateway.smpp.errors import CommandLengthInvalid

_unpack_length: Final = struct.Struct(">I").unpack_from


class Framer:
    """Cuts a stream into frames. After a fault it takes nothing more."""

    __slots__ = ("_needed", "_tail", "fault", "limit_octets")

    def __init__(self, limit_octets: int = DEFAULT_MAX_PDU_OCTETS) -> None:
        self.limit_octets = limit_octets
        self.fault: CommandLengthInvalid | None = None
        self._tail = bytearray()
        self._needed = 4

    @property
    def buffered_octets(self) -> int:
        """Octets of an unfinished PDU."""
        return len(self._tail)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, in order.

        Sets `fault` at the first impossible `command_length`.
        """
        if self.fault is not None:
            return []
        if self._tail:
            self._tail += data
            if len(self._tail) < self._needed:
                return []
            data = bytes(self._tail)
            self._tail.clear()
        return self._cut(data)

    def _cut(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        position, end, limit = 0, len(data), self.limit_octets
        while end - position >= 4:
            (length,) = _unpack_length(data, position)
            if not HEADER_OCTETS <= length <= limit:
                self.fault = _fault(data, position, length, limit)
                return frames
            if end - position < length:
                self._needed = length
                self._tail += data[position:]
                return frames
            frames.append(data[position : position + length])
            position += length
        self._needed = 4
        self._tail += data[position:]
        return frames


def _fault(data: bytes, position: int, length: int, limit: int) -> CommandLengthInvalid:
    """The error, with the sequence number if a whole header has arrived."""
    header = data[position : position + HEADER_OCTETS]
    readable = length >= HEADER_OCTETS and len(header) == HEADER_OCTETS
    return CommandLengthInvalid(length, limit, int.from_bytes(header[12:16], "big") if readable else 0)
