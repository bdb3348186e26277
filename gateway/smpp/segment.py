"""Long texts: user data headers, segmentation to the septet, and reassembly.

Sizes are those of a short message of 140 octets (3GPP TS 23.040 §9.2.3.24): 160 septets or 70 UCS-2 units
alone, 153/67 behind a user data header with an 8-bit reference, 152/66 with a 16-bit one. A segment never
ends between an escape and its extension character, nor between the two halves of a surrogate pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import Any, Final, NamedTuple

from gateway.smpp.constants import EsmClass, Tag
from gateway.smpp.frozen import frozen
from gateway.smpp.text import (
    ESCAPE,
    Alphabet,
    TextError,
    data_coding_for,
    decode_gsm7,
    decode_text,
    encode_cheapest,
    pack,
    read_data_coding,
    unpack,
)
from gateway.smpp.tlv import Tlv

ESM_UDHI: Final = int(EsmClass.UDHI)
_SOURCE_PORT: Final = int(Tag.SOURCE_PORT)
_DESTINATION_PORT: Final = int(Tag.DESTINATION_PORT)
_SAR_REFERENCE: Final = int(Tag.SAR_MSG_REF_NUM)
_SAR_TOTAL: Final = int(Tag.SAR_TOTAL_SEGMENTS)
_SAR_NUMBER: Final = int(Tag.SAR_SEGMENT_SEQNUM)
_MESSAGE_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
WAP_PUSH_PORT: Final = 2948

Tlvs = Sequence[tuple[int, bytes]]


class MalformedUdh(TextError):
    """A user data header whose lengths do not add up; `length` is what its first octet says."""

    def __init__(self, length: int, available: int) -> None:
        super().__init__(length, available)
        self.length = length
        self.available = available

    def __str__(self) -> str:
        return (
            f"user data header of {self.length} octets does not fit its elements or {self.available} octets"
        )


class TooManySegments(TextError):
    """A text of `count` segments, where the header can count 255."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count

    def __str__(self) -> str:
        return f"{self.count} segments are more than 255: shorten the text or send it as message_payload"


# --- user data header ---------------------------------------------------------------------------------------


class InformationElement(NamedTuple):
    """One element of a user data header (3GPP TS 23.040 §9.2.3.24)."""

    identifier: int
    data: bytes


class Concat(NamedTuple):
    """Which part of which message: IEI 0x00 (8-bit reference), 0x08 (16-bit) or the SAR TLVs."""

    reference: int
    total: int
    number: int


class Ports(NamedTuple):
    """Application ports: IEI 0x04 (8-bit) or 0x05 (16-bit)."""

    destination: int
    source: int


@dataclass(frozen=True, slots=True)
class UserDataHeader:
    """A user data header: its elements in order."""

    elements: tuple[InformationElement, ...] = ()

    @property
    def concat(self) -> Concat | None:
        """The concatenation, or None; one with number 0 or above its total is ignored (23.040
        §9.2.3.24.1)."""
        for identifier, data in self.elements:
            if identifier == 0x00 and len(data) == 3:
                reference, total, number = data
            elif identifier == 0x08 and len(data) == 4:
                reference, total, number = data[0] << 8 | data[1], data[2], data[3]
            else:
                continue
            return Concat(reference, total, number) if 1 <= number <= total else None
        return None

    @property
    def ports(self) -> Ports | None:
        """The application ports, or None."""
        for identifier, data in self.elements:
            if identifier == 0x04 and len(data) == 2:
                return Ports(data[0], data[1])
            if identifier == 0x05 and len(data) == 4:
                return Ports(data[0] << 8 | data[1], data[2] << 8 | data[3])
        return None

    def build(self) -> bytes:
        """Return the header with its length octet; raises `MalformedUdh` when it is longer than 255
        octets."""
        body = b"".join(bytes((identifier, len(data))) + data for identifier, data in self.elements)
        if len(body) > 255:
            raise MalformedUdh(len(body), 255)
        return bytes((len(body),)) + body


def concat_element(concat: Concat, *, wide: bool = False) -> InformationElement:
    """Return the information element of a part, with a 16-bit reference where `wide`."""
    reference, total, number = concat
    if wide:
        return InformationElement(0x08, bytes((reference >> 8 & 0xFF, reference & 0xFF, total, number)))
    return InformationElement(0x00, bytes((reference & 0xFF, total, number)))


def ports_element(ports: Ports) -> InformationElement:
    """Return the 16-bit application port element."""
    return InformationElement(0x05, ports.destination.to_bytes(2, "big") + ports.source.to_bytes(2, "big"))


def split_udh(octets: bytes) -> tuple[UserDataHeader, bytes]:
    """Split a short message that carries a user data header into header and body; raises `MalformedUdh`."""
    if not octets:
        raise MalformedUdh(0, 0)
    end = octets[0] + 1
    if end > len(octets):
        raise MalformedUdh(octets[0], len(octets) - 1)
    elements = []
    position = 1
    while position < end:
        body = position + 2
        if body > end or (following := body + octets[position + 1]) > end:
            raise MalformedUdh(octets[0], len(octets) - 1)
        elements.append(InformationElement(octets[position], octets[body:following]))
        position = following
    return UserDataHeader(tuple(elements)), octets[end:]


# --- segmentation -------------------------------------------------------------------------------------------


class Concatenation(Enum):
    """How the segments of a long text are tied together."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    """sar_* TLVs; sized like UDH8, because the network writes that header."""
    PAYLOAD = "payload"
    """One PDU with message_payload; the SMSC cuts it, sized like UDH8."""
    PLAIN = "plain"
    """Nothing ties them: a carrier without concatenation shows separate texts."""

    __hash__ = object.__hash__


_ALONE: Final = {
    Alphabet.GSM7: 160,
    Alphabet.IA5: 160,
    Alphabet.UCS2: 140,
    Alphabet.LATIN1: 140,
    Alphabet.BINARY: 140,
    Alphabet.CYRILLIC: 140,
    Alphabet.HEBREW: 140,
}
"""Octets on our wire (septets unpacked) of a message alone."""


def _limits(octets: int) -> dict[Alphabet, int]:
    """Octets on our wire per segment whose user data has `octets` left beside the header."""
    whole = dict.fromkeys(_ALONE, octets)
    septets = octets * 8 // 7
    return whole | {Alphabet.GSM7: septets, Alphabet.IA5: septets, Alphabet.UCS2: octets & ~1}


_LIMITS: Final = {
    Concatenation.UDH8: _limits(134),
    Concatenation.UDH16: _limits(133),
    Concatenation.SAR: _limits(134),
    Concatenation.PAYLOAD: _limits(134),
    Concatenation.PLAIN: _ALONE,
}
_ALWAYS_ONE: Final = 35  # characters that fit one segment in every alphabet, two units or septets each


@frozen
class Segment:
    """One submit_sm's worth of a text."""

    number: int
    total: int
    data_coding: int
    short_message: bytes
    esm_class: int = 0
    tlvs: tuple[Tlv, ...] = ()


def _ends(octets: bytes, alphabet: Alphabet, limit: int) -> list[int]:
    """Where each segment ends, greedily, never inside a pair."""
    ends = []
    end, size = 0, len(octets)
    while size - end > limit:
        end += limit
        if alphabet is Alphabet.GSM7:
            if octets[end - 1] == ESCAPE:
                end -= 1
        elif alphabet is Alphabet.UCS2 and 0xDC <= octets[end] <= 0xDF:
            end -= 2
        ends.append(end)
    ends.append(size)
    return ends


def _sized(octets: bytes, alphabet: Alphabet, concatenation: Concatenation) -> list[int]:
    if len(octets) <= _ALONE[alphabet]:
        return [len(octets)]
    return _ends(octets, alphabet, _LIMITS[concatenation][alphabet])


def count_segments(
    text: str,
    concatenation: Concatenation = Concatenation.UDH8,
    *,
    allowed: tuple[Alphabet, ...] = (Alphabet.GSM7, Alphabet.UCS2),
) -> int:
    """Return how many segments the network carries for `text`, without building them: the cost of a throttle.

    For PAYLOAD that is more than the one PDU sent. Texts of up to 35 characters are 1 without a look at them;
    longer ones raise `CannotEncode` as `segment_text` does.
    """
    if len(text) <= _ALWAYS_ONE:
        return 1
    alphabet, octets = encode_cheapest(text, allowed)
    return len(_sized(octets, alphabet, concatenation))


def segment_text(
    text: str,
    reference: int = 0,
    concatenation: Concatenation = Concatenation.UDH8,
    *,
    allowed: tuple[Alphabet, ...] = (Alphabet.GSM7, Alphabet.UCS2),
    message_class: int | None = None,
    packed: bool = False,
) -> tuple[Segment, ...]:
    """Cut `text` into what each submit_sm carries, in the cheapest alphabet of `allowed`.

    `reference` is taken modulo its width. Raises `CannotEncode`, and `TooManySegments` past 255 (not for
    PLAIN).
    """
    alphabet, octets = encode_cheapest(text, allowed)
    return segment_octets(
        octets, alphabet, reference, concatenation, data_coding_for(alphabet, message_class), packed=packed
    )


def segment_octets(
    octets: bytes,
    alphabet: Alphabet,
    reference: int,
    concatenation: Concatenation,
    data_coding: int,
    *,
    packed: bool = False,
) -> tuple[Segment, ...]:
    """Cut encoded text (septets unpacked, without header) into segments; raises `TooManySegments`."""
    packed = packed and alphabet is Alphabet.GSM7
    ends = _sized(octets, alphabet, concatenation)
    if len(ends) == 1:
        return (Segment(1, 1, data_coding, pack(octets) if packed else octets),)
    if concatenation is Concatenation.PAYLOAD:
        payload = pack(octets) if packed else octets
        return (Segment(1, 1, data_coding, b"", 0, (Tlv(_MESSAGE_PAYLOAD, payload),)),)
    total = len(ends)
    if total > 255 and concatenation is not Concatenation.PLAIN:
        raise TooManySegments(total)
    starts = [0, *ends[:-1]]
    return tuple(
        _segment(octets[start:end], Concat(reference, total, number), concatenation, data_coding, packed)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), 1)
    )


def _segment(
    body: bytes, concat: Concat, concatenation: Concatenation, data_coding: int, packed: bool
) -> Segment:
    _, total, number = concat
    if concatenation is Concatenation.PLAIN:
        return Segment(number, total, data_coding, pack(body) if packed else body)
    if concatenation is Concatenation.SAR:
        return Segment(number, total, data_coding, pack(body) if packed else body, 0, sar_tlvs(concat))
    udh = UserDataHeader((concat_element(concat, wide=concatenation is Concatenation.UDH16),)).build()
    if packed:
        body = pack(body, fill_bits=-8 * len(udh) % 7)
    return Segment(number, total, data_coding, udh + body, ESM_UDHI)


def sar_tlvs(concat: Concat) -> tuple[Tlv, ...]:
    """Return the three sar_* TLVs of a part (SMPP 3.4 §5.3.2.22 to §5.3.2.24)."""
    return (
        Tlv(_SAR_REFERENCE, (concat.reference & 0xFFFF).to_bytes(2, "big")),
        Tlv(_SAR_TOTAL, bytes((concat.total,))),
        Tlv(_SAR_NUMBER, bytes((concat.number,))),
    )


# --- reading a part -----------------------------------------------------------------------------------------


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


# --- reassembly ---------------------------------------------------------------------------------------------

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
    unfinished message is dropped.
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
        key = (part.source, part.destination, part.reference, part.total)
        if self._is_late_duplicate(key, part, now_ns):
            return None
        pending = self._pending.get(key)
        if pending is not None and (known := pending.parts.get(part.number)) is not None:
            if known == part:
                return None
            self._drop(key)
            self.evicted += 1
            pending = None
        if pending is None:
            pending = self._pending[key] = _Pending(now_ns + self._expiry_ns)
        pending.parts[part.number] = part
        pending.size_bytes += _size(part)
        self._size_bytes += _size(part)
        if len(pending.parts) == part.total:
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

    def _is_late_duplicate(self, key: _Key, part: Part, now_ns: int) -> bool:
        while self._finished:
            oldest, (deadline_ns, size, _) = next(iter(self._finished.items()))
            within = len(self._finished) <= self._max_messages and self._finished_bytes <= self._max_bytes
            if deadline_ns > now_ns and within:
                break
            del self._finished[oldest]
            self._finished_bytes -= size
        finished = self._finished.get(key)
        return finished is not None and key not in self._pending and finished[2][part.number - 1] == part

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


def _size(part: Part) -> int:
    return len(part.body) + _PART_BYTES


def _in_order(pending: _Pending) -> Reassembled:
    return Reassembled(tuple(pending.parts[number] for number in sorted(pending.parts)))
