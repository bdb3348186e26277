"""Reading the parts of long texts, and putting them together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from gateway.smpp.constants import Tag
from gateway.smpp.frozen import frozen
from gateway.smpp.text import Alphabet, decode_gsm7, decode_text, read_data_coding, unpack
from gateway.smpp.udh import ESM_UDHI, WAP_PUSH_PORT, Concat, Concatenation, Ports, split_udh

_SOURCE_PORT: Final = int(Tag.SOURCE_PORT)
_DESTINATION_PORT: Final = int(Tag.DESTINATION_PORT)
_SAR_REFERENCE: Final = int(Tag.SAR_MSG_REF_NUM)
_SAR_TOTAL: Final = int(Tag.SAR_TOTAL_SEGMENTS)
_SAR_NUMBER: Final = int(Tag.SAR_SEGMENT_SEQNUM)
_MESSAGE_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)

Tlvs = Sequence[tuple[int, bytes]]


@frozen
class Part:
    """What one PDU carries of a text: the body without header, and its place; `total` 1 stands alone."""

    source: str
    destination: str
    body: bytes
    data_coding: int = 0
    reference: int = 0
    total: int = 1
    number: int = 1
    ports: Ports | None = None
    header_octets: int = 0
    form: Concatenation | None = None
    """How the part says so: UDH8, UDH16 or SAR; None where it stands alone."""
    context: Any = field(default=None, compare=False)
    """Whatever the caller wants back with the whole message, for example a row id."""

    @property
    def is_mms_notification(self) -> bool:
        """True for a WAP push to port 2948 with 8-bit data: the announcement of an MMS
        (m-notification.ind)."""
        return (
            self.ports is not None
            and self.ports.destination == WAP_PUSH_PORT
            and read_data_coding(self.data_coding).alphabet is Alphabet.BINARY
        )


def user_data(short_message: bytes, tlvs: Tlvs = ()) -> bytes:
    """Return the octets of a message: its message_payload where short_message is empty (SMPP 3.4
    §5.3.2.32)."""
    if short_message:
        return short_message
    return next((value for tag, value in tlvs if tag == _MESSAGE_PAYLOAD), b"")


def read_part(
    source: str,
    destination: str,
    short_message: bytes,
    *,
    esm_class: int = 0,
    data_coding: int = 0,
    tlvs: Tlvs = (),
    context: object = None,
) -> Part:
    """Read header or SAR TLVs of one PDU's message; raises `MalformedUdh`.

    SAR TLVs that are incomplete, of a wrong length or contradictory are ignored, as such a header would be.
    """
    if not esm_class & ESM_UDHI and not tlvs:
        return Part(source, destination, short_message, data_coding, context=context)
    octets = user_data(short_message, tlvs)
    concat, ports, form, header_octets = None, None, None, 0
    if esm_class & ESM_UDHI:
        header, body = split_udh(octets)
        concat, ports = header.concat, header.ports
        if concat is not None:
            wide = any(identifier == 0x08 for identifier, _ in header.elements)
            form = Concatenation.UDH16 if wide else Concatenation.UDH8
        header_octets = len(octets) - len(body)
        octets = body
    if concat is None and (concat := _read_sar(tlvs)) is not None:
        form = Concatenation.SAR
    ports = ports or _read_ports(tlvs)
    reference, total, number = concat or (0, 1, 1)
    return Part(
        source,
        destination,
        octets,
        data_coding,
        reference,
        total,
        number,
        ports,
        header_octets,
        form,
        context,
    )


def _read_sar(tlvs: Tlvs) -> Concat | None:
    found = {tag: value for tag, value in tlvs if tag in (_SAR_REFERENCE, _SAR_TOTAL, _SAR_NUMBER)}
    reference = found.get(_SAR_REFERENCE, b"")
    total, number = found.get(_SAR_TOTAL, b""), found.get(_SAR_NUMBER, b"")
    if (len(reference), len(total), len(number)) != (2, 1, 1) or not 1 <= number[0] <= total[0]:
        return None
    return Concat(int.from_bytes(reference, "big"), total[0], number[0])


def _read_ports(tlvs: Tlvs) -> Ports | None:
    found = {
        tag: value for tag, value in tlvs if tag in (_SOURCE_PORT, _DESTINATION_PORT) and len(value) == 2
    }
    if _DESTINATION_PORT not in found:
        return None
    source = int.from_bytes(found.get(_SOURCE_PORT, b""), "big")
    return Ports(int.from_bytes(found[_DESTINATION_PORT], "big"), source)


_Key = tuple[str, str, int, int]
_PART_BYTES: Final = 256  # what a part costs besides its body, so that empty ones are bounded too


@frozen
class Reassembled:
    """The parts of one message in order; all `total` of them, unless it was given up."""

    parts: tuple[Part, ...]

    @property
    def complete(self) -> bool:
        """True when no part is missing."""
        return len(self.parts) == self.parts[0].total

    @property
    def body(self) -> bytes:
        """The octets of all parts, joined."""
        return b"".join(part.body for part in self.parts)

    def text(self, *, default: Alphabet = Alphabet.GSM7, packed: bool = False) -> str:
        """Read the text, leniently.

        Neighbours in one alphabet are joined first: some senders cut a pair in the middle.
        """
        pieces = []
        for coding, parts in groupby(self.parts, key=lambda part: part.data_coding):
            alphabet = default if coding == 0 else read_data_coding(coding).alphabet
            if packed and alphabet is Alphabet.GSM7:
                septets = b"".join(unpack(p.body, fill_bits=-8 * p.header_octets % 7) for p in parts)
                pieces.append(decode_gsm7(septets))
            else:
                pieces.append(decode_text(b"".join(part.body for part in parts), coding, default=default))
        return "".join(pieces)


@dataclass(slots=True)
class _Pending:
    deadline_ns: int
    size_bytes: int = 0
    parts: dict[int, Part] = field(default_factory=dict)


class Reassembler:
    """Puts parts together, keyed by (source, destination, reference, total); pure, in bounded memory.

    Parts come in any order; one that is there already, or belongs to a message finished less than
    `duplicate_ns` ago, is ignored. A part that contradicts the one kept under its number starts its message
    anew: the sender has come round to the same reference. Past `max_messages` or `max_bytes` the oldest
    unfinished message is dropped. Whoever fails to store a part or a message says so (`take_back`, `reopen`):
    it comes again then, and is no duplicate.
    """

    def __init__(
        self,
        *,
        expiry_ns: int = 600_000_000_000,
        duplicate_ns: int = 60_000_000_000,
        max_messages: int = 10_000,
        max_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self._expiry_ns = expiry_ns
        self._duplicate_ns = duplicate_ns
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._pending: dict[_Key, _Pending] = {}  # in order of their deadlines
        self._finished: dict[
            _Key, tuple[int, int, tuple[Part, ...]]
        ] = {}  # the same, with their size in bytes
        self._finished_bytes = 0
        self._size_bytes = 0
        self.evicted = 0
        """Unfinished messages dropped because memory was full or their reference was used again."""

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def size_bytes(self) -> int:
        """Octets held in unfinished messages, with an allowance for the parts themselves."""
        return self._size_bytes

    def add(self, part: Part, now_ns: int) -> Reassembled | None:
        """Take one part; return the whole message when it was the last one missing."""
        if part.total == 1:
            return Reassembled((part,))
        if self.find(part, now_ns) is not None:
            return None
        key = _key(part)
        pending = self._pending.get(key)
        if pending is not None and part.number in pending.parts:
            self._drop(key)
            self.evicted += 1
        self._insert(key, part, now_ns)
        if len(self._pending[key].parts) == part.total:
            return self._finish(key, now_ns)
        self._keep_within_bounds()
        return None

    def find(self, part: Part, now_ns: int) -> Part | None:
        """Return the part that `part` repeats, with its context, if it is one that `add` would ignore."""
        self._forget_finished(now_ns)
        key = _key(part)
        pending = self._pending.get(key)
        if pending is not None:
            known = pending.parts.get(part.number)
        else:
            finished = self._finished.get(key)
            known = finished[2][part.number - 1] if finished is not None else None
        return known if known == part else None

    def take_back(self, part: Part) -> None:
        """Forget this very part, if its message is unfinished: it is as if it had never come."""
        key = _key(part)
        pending = self._pending.get(key)
        if pending is None or pending.parts.get(part.number) is not part:
            return
        del pending.parts[part.number]
        pending.size_bytes -= _size(part)
        self._size_bytes -= _size(part)
        if not pending.parts:
            del self._pending[key]

    def reopen(self, whole: Reassembled, parts: Sequence[Part], now_ns: int) -> Reassembled | None:
        """Wait anew for a message that `add` returned: of it only `parts` are still there.

        Return it whole if the others have come again meanwhile.
        """
        key = _key(whole.parts[0])
        finished = self._finished.get(key)
        if finished is not None and finished[2] is whole.parts:
            del self._finished[key]
            self._finished_bytes -= finished[1]
        for part in parts:
            pending = self._pending.get(key)
            if pending is None or part.number not in pending.parts:
                self._insert(key, part, now_ns)
        pending = self._pending.get(key)
        if pending is not None and len(pending.parts) == whole.parts[0].total:
            return self._finish(key, now_ns)
        self._keep_within_bounds()
        return None

    def expire(self, now_ns: int) -> list[Reassembled]:
        """Give up what has waited for `expiry_ns` since its first part, and return it as far as it came."""
        given_up = []
        while self._pending:
            key, pending = next(iter(self._pending.items()))
            if pending.deadline_ns > now_ns:
                break
            self._drop(key)
            given_up.append(_in_order(pending))
        return given_up

    def next_deadline(self) -> int | None:
        """When `expire` is due next, in world nanoseconds, or None."""
        return next(iter(self._pending.values())).deadline_ns if self._pending else None

    def _insert(self, key: _Key, part: Part, now_ns: int) -> None:
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = _Pending(now_ns + self._expiry_ns)
        pending.parts[part.number] = part
        pending.size_bytes += _size(part)
        self._size_bytes += _size(part)

    def _forget_finished(self, now_ns: int) -> None:
        while self._finished:
            oldest, (deadline_ns, size, _) = next(iter(self._finished.items()))
            within = len(self._finished) <= self._max_messages and self._finished_bytes <= self._max_bytes
            if deadline_ns > now_ns and within:
                break
            del self._finished[oldest]
            self._finished_bytes -= size

    def _finish(self, key: _Key, now_ns: int) -> Reassembled:
        whole = _in_order(self._drop(key))
        if key in self._finished:
            self._finished_bytes -= self._finished.pop(key)[1]
        size = sum(map(_size, whole.parts))
        self._finished[key] = (now_ns + self._duplicate_ns, size, whole.parts)
        self._finished_bytes += size
        return whole

    def _drop(self, key: _Key) -> _Pending:
        pending = self._pending.pop(key)
        self._size_bytes -= pending.size_bytes
        return pending

    def _keep_within_bounds(self) -> None:
        while self._pending and (
            len(self._pending) > self._max_messages or self._size_bytes > self._max_bytes
        ):
            self._drop(next(iter(self._pending)))
            self.evicted += 1


def _key(part: Part) -> _Key:
    return part.source, part.destination, part.reference, part.total


def _size(part: Part) -> int:
    return len(part.body) + _PART_BYTES


def _in_order(pending: _Pending) -> Reassembled:
    return Reassembled(tuple(pending.parts[number] for number in sorted(pending.parts)))
