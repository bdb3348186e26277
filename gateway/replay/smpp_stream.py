"""SMPP recognised in any byte stream by its content, and cut into PDUs even if the stream has holes.

A place counts as the beginning of a PDU if `command_length`, `command_id` and `command_status` are possible
together and the whole PDU, where it is there, can be decoded. Three small integers that must fit each other
leave no room for other protocols to pass.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final, NamedTuple

from gateway.smpp.constants import DEFAULT_MAX_PDU_OCTETS, HEADER_OCTETS, RESPONSE_BIT
from gateway.smpp.errors import SmppError
from gateway.smpp.pdu import CLASSES, DECODERS, Pdu

SEARCH_OCTETS: Final = 2 * DEFAULT_MAX_PDU_OCTETS
"""How far a stream is searched for a PDU before it counts as something else."""
_MAX_STATUS: Final = 0xFFFF
_HEADER: Final = struct.Struct(">IIII")
_new: Final = tuple.__new__


class _State(Enum):
    SEEKING = "seeking"
    IN_STEP = "in step"
    FOREIGN = "foreign"


class Found(NamedTuple):
    """A PDU, or (pdu None) something unreadable with its reason."""

    pdu: Pdu | None
    reason: str = ""


class SmppStream:
    """One direction of a conversation. `from_start`: its first octet is the first of a PDU, or it is none."""

    __slots__ = ("_at_start", "_buffer", "_searched", "_state", "pdus")

    def __init__(self, *, from_start: bool) -> None:
        self._buffer = b""
        self._at_start = from_start
        self._searched = 0
        self._state = _State.SEEKING
        self.pdus = 0

    @property
    def foreign(self) -> bool:
        """Whether the stream has turned out to be no SMPP."""
        return self._state is _State.FOREIGN

    def lose(self, octets: int) -> list[Found]:
        """Octets are missing here: what was begun is torn, and the next PDU has to be found again."""
        if self._state is _State.FOREIGN:
            return []
        torn, self._buffer = len(self._buffer), b""
        self._at_start = False
        if self._state is not _State.IN_STEP:
            return []
        self._state = _State.SEEKING
        tail = f", {torn} octets of a PDU before them are of no use" if torn else ""
        return [Found(None, f"{octets} octets were not captured{tail}")]

    def feed(self, data: bytes) -> list[Found]:
        """What `data` completes, in order."""
        if self._state is _State.IN_STEP and not self._buffer:
            size = len(data)
            if HEADER_OCTETS <= size <= DEFAULT_MAX_PDU_OCTETS and int.from_bytes(data[:4], "big") == size:
                self.pdus += 1
                return [_read(data)]  # the usual case: a segment is a PDU
        if self._state is _State.FOREIGN:
            return []
        self._buffer += data
        found: list[Found] = []
        while True:
            if self._state is _State.SEEKING:
                found += self._seek()
            if self._state is not _State.IN_STEP:
                return found
            found += self._cut()
            if self._state is _State.IN_STEP:
                return found

    def finish(self) -> list[Found]:
        """The stream has ended; a PDU that was begun is torn."""
        torn, self._buffer = len(self._buffer), b""
        if self._state is _State.IN_STEP and torn:
            return [Found(None, f"the conversation ends inside a PDU ({torn} octets)")]
        return []

    def _seek(self) -> list[Found]:
        """Find the next PDU. What was looked at and is no beginning is never looked at again."""
        data = self._buffer
        if len(data) < HEADER_OCTETS:
            return []
        if self._at_start:
            self._at_start = False
            fits = _begins_pdu(data, 0, any_status=True)
            self._state, self._buffer = (_State.IN_STEP, data) if fits else (_State.FOREIGN, b"")
            return []
        last = len(data) - HEADER_OCTETS
        at = next((at for at in range(last + 1) if _begins_pdu(data, at)), None)
        self._searched += last + 1 if at is None else at
        if at is None:
            self._buffer = data[last + 1 :]
            if self._searched > SEARCH_OCTETS and not self.pdus:
                self._state, self._buffer = _State.FOREIGN, b""
            return []
        skipped, self._searched = self._searched, 0
        self._state, self._buffer = _State.IN_STEP, data[at:]
        return [Found(None, f"{skipped} octets before the next PDU are of none")] if skipped else []

    def _cut(self) -> list[Found]:
        found: list[Found] = []
        data, at, end = self._buffer, 0, len(self._buffer)
        while end - at >= HEADER_OCTETS:
            length = int.from_bytes(data[at : at + 4], "big")
            if not HEADER_OCTETS <= length <= DEFAULT_MAX_PDU_OCTETS:
                self._state = _State.SEEKING
                found.append(Found(None, f"command_length {length} is outside 16…{DEFAULT_MAX_PDU_OCTETS}"))
                at += 1
                break
            if end - at < length:
                break
            found.append(_read(data[at : at + length]))
            self.pdus += 1
            at += length
        self._buffer = data[at:]
        return found


def _begins_pdu(data: bytes, at: int, *, any_status: bool = False) -> bool:
    length = int.from_bytes(data[at : at + 4], "big")
    if not HEADER_OCTETS <= length <= DEFAULT_MAX_PDU_OCTETS:
        return False
    command_id = int.from_bytes(data[at + 4 : at + 8], "big")
    pdu_class = CLASSES.get(command_id)
    if pdu_class is None:
        return False
    if not any_status and int.from_bytes(data[at + 8 : at + 12], "big") > _MAX_STATUS:
        return False
    if length > HEADER_OCTETS and not pdu_class.has_body:
        return False
    if length == HEADER_OCTETS and pdu_class.has_body and command_id < RESPONSE_BIT:
        return False
    return len(data) - at < length or _read(data[at : at + length]).pdu is not None


def _read(frame: bytes) -> Found:
    _, command_id, status, sequence = _HEADER.unpack_from(frame)
    decoder = DECODERS.get(command_id)
    if decoder is None:
        return Found(None, f"command_id 0x{command_id:08X} is unknown")
    try:
        pdu = decoder(frame, status, sequence)
    except SmppError as error:
        return Found(None, str(error))
    return _new(Found, (pdu, ""))
