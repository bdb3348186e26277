"""Long texts: segmentation to the septet; with `udh` and `reassembly`, whose names can be had from here.

Sizes are those of a short message of 140 octets (3GPP TS 23.040 §9.2.3.24): 160 septets or 70 UCS-2 units
alone, 153/67 behind a user data header with an 8-bit reference, 152/66 with a 16-bit one. A segment never
ends between an escape and its extension character, nor between the two halves of a surrogate pair.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from gateway.smpp.constants import Tag
from gateway.smpp.frozen import frozen
from gateway.smpp.reassembly import Part, Reassembled, Reassembler, read_part, user_data
from gateway.smpp.text import ESCAPE, Alphabet, TextError, data_coding_for, encode_cheapest, pack
from gateway.smpp.tlv import Tlv
from gateway.smpp.udh import (
    ESM_UDHI,
    WAP_PUSH_PORT,
    Concat,
    Concatenation,
    InformationElement,
    MalformedUdh,
    Ports,
    UserDataHeader,
    concat_element,
    ports_element,
    split_udh,
)

__all__ = [
    "ESM_UDHI",
    "WAP_PUSH_PORT",
    "Concat",
    "Concatenation",
    "InformationElement",
    "MalformedUdh",
    "Part",
    "Ports",
    "Reassembled",
    "Reassembler",
    "Segment",
    "TooManySegments",
    "UserDataHeader",
    "concat_element",
    "count_segments",
    "encode_once",
    "ports_element",
    "read_part",
    "sar_tlvs",
    "segment_octets",
    "segment_text",
    "split_udh",
    "user_data",
]

_SAR_REFERENCE: Final = int(Tag.SAR_MSG_REF_NUM)
_SAR_TOTAL: Final = int(Tag.SAR_TOTAL_SEGMENTS)
_SAR_NUMBER: Final = int(Tag.SAR_SEGMENT_SEQNUM)
_MESSAGE_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)


class TooManySegments(TextError):
    """A text of `count` segments, where the header can count 255."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count

    def __str__(self) -> str:
        return f"{self.count} segments are more than 255: shorten the text or send it as message_payload"


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
# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_GSM7 = Alphabet.GSM7
_SHORT: Final = 160  # characters of texts whose octets are remembered
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
        if alphabet is _GSM7:
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


@lru_cache(maxsize=8192)
def _kept(text: str, allowed: tuple[Alphabet, ...]) -> tuple[Alphabet, bytes]:
    return encode_cheapest(text, allowed)


def encode_once(text: str, allowed: tuple[Alphabet, ...]) -> tuple[Alphabet, bytes]:
    """As `encode_cheapest`, remembering short texts: one is counted, named and cut within milliseconds."""
    return _kept(text, allowed) if len(text) <= _SHORT else encode_cheapest(text, allowed)


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
    alphabet, octets = encode_once(text, allowed)
    return count_octets(octets, alphabet, concatenation)


def count_octets(octets: bytes, alphabet: Alphabet, concatenation: Concatenation) -> int:
    """As `count_segments`, for a text that is encoded already."""
    return 1 if len(octets) <= _ALONE[alphabet] else len(_sized(octets, alphabet, concatenation))


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
    alphabet, octets = encode_once(text, allowed)
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
    packed = packed and alphabet is _GSM7
    if len(octets) <= _ALONE[alphabet]:
        return (Segment(1, 1, data_coding, pack(octets) if packed else octets),)
    ends = _sized(octets, alphabet, concatenation)
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
