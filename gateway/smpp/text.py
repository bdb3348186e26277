"""Text on the wire: alphabets, data_coding, and the septets of GSM 03.38.

The errors of the payload modules (`text`, `segment`, `receipt`, `times`) form one branch of `SmppError`::

    TextError
    ├── CannotEncode          a text holds a character its alphabet lacks
    ├── CannotDecode          octets that are no text of their alphabet (strict decoding only)
    ├── MalformedUdh          a user data header that does not add up
    ├── TooManySegments       a text longer than 255 segments
    ├── NotAReceipt           neither text nor TLVs name a message
    └── MalformedTime         no SMPP time

Decoding is lenient unless asked otherwise: what cannot be read becomes U+FFFD and nothing is raised, because
one odd text from a peer must not cost the rest. `strict=True` raises `CannotDecode` instead.

Septets travel unpacked, one to an octet, unless packed is asked for. Sources: 3GPP TS 23.038 §4 (data
coding), §6.1.2 (packing), §6.2.1 (alphabet and extension table); SMPP 3.4 §5.2.19.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.smpp.errors import SmppError


class TextError(SmppError, ValueError):
    """Branch of the errors of the payload modules."""


class CannotEncode(TextError):
    """`text[position]` is not in `alphabet`."""

    def __init__(self, alphabet: Alphabet, position: int) -> None:
        super().__init__(alphabet, position)
        self.alphabet = alphabet
        self.position = position

    def __str__(self) -> str:
        return f"character {self.position} cannot be written in {self.alphabet.value}"


class CannotDecode(TextError):
    """The octet at `position` is no text of `alphabet`."""

    def __init__(self, alphabet: Alphabet, position: int) -> None:
        super().__init__(alphabet, position)
        self.alphabet = alphabet
        self.position = position

    def __str__(self) -> str:
        return f"octet {self.position} cannot be read as {self.alphabet.value}"


class Alphabet(Enum):
    """What a data_coding says the octets are."""

    GSM7 = "gsm7"
    IA5 = "ia5"
    LATIN1 = "latin1"
    BINARY = "binary"
    UCS2 = "ucs2"
    JIS = "jis"
    CYRILLIC = "cyrillic"
    HEBREW = "hebrew"
    ISO_2022_JP = "iso-2022-jp"
    EXTENDED_KANJI = "extended-kanji"
    KOREAN = "korean"

    # By identity: members are singletons, and Enum's own hash is a Python call on every dict lookup.
    __hash__ = object.__hash__


_CODECS: Final[dict[Alphabet, str]] = {
    Alphabet.IA5: "ascii",
    Alphabet.LATIN1: "latin-1",
    Alphabet.UCS2: "utf-16-be",
    Alphabet.JIS: "shift_jis",
    Alphabet.CYRILLIC: "iso8859-5",
    Alphabet.HEBREW: "iso8859-8",
    Alphabet.ISO_2022_JP: "iso2022-jp",
    Alphabet.EXTENDED_KANJI: "iso2022-jp-1",
    Alphabet.KOREAN: "euc-kr",
    # Octets without a meaning as text are shown one character each.
    Alphabet.BINARY: "latin-1",
}

# --- data_coding --------------------------------------------------------------------------------------------

_SMPP_CODINGS: Final[dict[int, Alphabet]] = {
    0x00: Alphabet.GSM7,
    0x01: Alphabet.IA5,
    0x02: Alphabet.BINARY,
    0x03: Alphabet.LATIN1,
    0x04: Alphabet.BINARY,
    0x05: Alphabet.JIS,
    0x06: Alphabet.CYRILLIC,
    0x07: Alphabet.HEBREW,
    0x08: Alphabet.UCS2,
    0x09: Alphabet.BINARY,
    0x0A: Alphabet.ISO_2022_JP,
    0x0D: Alphabet.EXTENDED_KANJI,
    0x0E: Alphabet.KOREAN,
}
_GENERAL: Final = (Alphabet.GSM7, Alphabet.BINARY, Alphabet.UCS2, Alphabet.GSM7)


@dataclass(frozen=True, slots=True)
class DataCoding:
    """One data_coding octet, read.

    `message_class` is 0 (shown at once) to 3, or None. `known` is False for reserved values, which are read
    as the default alphabet (3GPP TS 23.038 §4: "any reserved codings shall be assumed to be the GSM 7 bit
    default").
    """

    value: int
    alphabet: Alphabet
    message_class: int | None = None
    compressed: bool = False
    known: bool = True


def _read_data_coding(value: int) -> DataCoding:
    if value in _SMPP_CODINGS:
        return DataCoding(value, _SMPP_CODINGS[value])
    group = value >> 4
    if 1 <= group <= 7:  # general group, 4 to 7 marked for automatic deletion
        message_class = value & 3 if value & 0x10 else None
        alphabet = _GENERAL[value >> 2 & 3]
        return DataCoding(value, alphabet, message_class, bool(value & 0x20), known=value >> 2 & 3 != 3)
    if group in (0xC, 0xD):
        return DataCoding(value, Alphabet.GSM7)
    if group == 0xE:
        return DataCoding(value, Alphabet.UCS2)
    if group == 0xF:
        return DataCoding(value, Alphabet.BINARY if value & 4 else Alphabet.GSM7, value & 3)
    return DataCoding(value, Alphabet.GSM7, known=False)


_DATA_CODINGS: Final = tuple(_read_data_coding(value) for value in range(256))
_VALUES: Final = {alphabet: value for value, alphabet in reversed(_SMPP_CODINGS.items())} | {
    Alphabet.BINARY: 0x04
}


def read_data_coding(value: int) -> DataCoding:
    """Say what the data_coding octet `value` (0 to 255) means (SMPP 3.4 §5.2.19; 3GPP TS 23.038 §4)."""
    return _DATA_CODINGS[value & 0xFF]


def data_coding_for(alphabet: Alphabet, message_class: int | None = None) -> int:
    """Return the data_coding of `alphabet`, in the message class group where `message_class` (0 to 3) is
    given.

    Raises `ValueError` for a class with an alphabet that has no such group.
    """
    if message_class is None:
        return _VALUES[alphabet]
    base = {Alphabet.GSM7: 0xF0, Alphabet.BINARY: 0xF4, Alphabet.UCS2: 0x18}.get(alphabet)
    if base is None or not 0 <= message_class <= 3:
        raise ValueError(f"no data_coding says {alphabet.value} with message class {message_class}")
    return base | message_class


# --- GSM 03.38, unpacked ------------------------------------------------------------------------------------

ESCAPE: Final = 0x1B
_DEFAULT: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_SENTINEL: Final = 0xFF  # neither a septet nor, as ÿ, a character of the alphabet


def _septet_table() -> bytes:
    table = bytearray([_SENTINEL]) * 256
    for septet, character in enumerate(_DEFAULT):
        if septet != ESCAPE and ord(character) < 256:
            table[ord(character)] = septet
    return bytes(table)


def _character_table() -> bytes:
    table = bytearray([_SENTINEL]) * 256
    for septet, character in enumerate(_DEFAULT):
        if septet != ESCAPE and ord(character) < 256:
            table[septet] = ord(character)
    return bytes(table)


_TO_SEPTETS: Final = _septet_table()
_TO_LATIN1: Final = _character_table()
_SEPTETS_OF: Final = {ord(c): bytes([s]) for s, c in enumerate(_DEFAULT) if s != ESCAPE} | {
    ord(c): bytes([ESCAPE, s]) for s, c in _EXTENSION.items()
}
# Character of each octet without an escape; an escape that nothing follows is shown as a space (23.038
# §6.2.1).
_CHARACTERS: Final = _DEFAULT.replace("\x1b", " ") + "\ufffd" * 128


def try_gsm7(text: str) -> bytes | None:
    """Return `text` as unpacked septets, an extension character as two of them, or None if it does not
    fit."""
    try:
        septets = text.encode("latin-1").translate(_TO_SEPTETS)
        if _SENTINEL not in septets:
            return septets
    except UnicodeEncodeError:
        pass
    try:
        return codecs.charmap_encode(text, "strict", _SEPTETS_OF)[0]
    except UnicodeEncodeError:
        return None


def encode_gsm7(text: str) -> bytes:
    """Return `text` as unpacked septets; raises `CannotEncode`."""
    septets = try_gsm7(text)
    if septets is None:
        position = next(index for index, c in enumerate(text) if ord(c) not in _SEPTETS_OF)
        raise CannotEncode(Alphabet.GSM7, position)
    return septets


def decode_gsm7(septets: bytes, *, strict: bool = False) -> str:
    """Read unpacked septets.

    An escape before a septet that is not in the extension table is dropped and the septet read by the default
    alphabet, an escape at the end is a space, an octet above 0x7F is U+FFFD; `strict` raises `CannotDecode`
    for each.
    """
    latin1 = septets.translate(_TO_LATIN1)
    if _SENTINEL not in latin1:
        return latin1.decode("latin-1")
    if strict:
        _check_septets(septets)
    if ESCAPE not in septets:
        return codecs.charmap_decode(septets, "strict", _CHARACTERS)[0]
    first, *rest = septets.split(b"\x1b")
    pieces = [codecs.charmap_decode(first, "strict", _CHARACTERS)[0]]
    for piece in rest:
        if not piece:
            pieces.append(" ")  # two escapes, or one at the very end
        elif piece[0] in _EXTENSION:
            pieces.append(_EXTENSION[piece[0]] + codecs.charmap_decode(piece[1:], "strict", _CHARACTERS)[0])
        else:
            pieces.append(codecs.charmap_decode(piece, "strict", _CHARACTERS)[0])
    return "".join(pieces)


def _check_septets(septets: bytes) -> None:
    escaped = False
    for position, septet in enumerate(septets):
        if septet > 0x7F or (escaped and septet not in _EXTENSION):
            raise CannotDecode(Alphabet.GSM7, position)
        escaped = septet == ESCAPE and not escaped
    if escaped:
        raise CannotDecode(Alphabet.GSM7, len(septets) - 1)


# --- GSM 03.38, packed --------------------------------------------------------------------------------------

_CR: Final = 0x0D


def pack(septets: bytes, *, fill_bits: int = 0) -> bytes:
    """Pack septets into octets, after `fill_bits` (0 to 6) that align them behind a user data header.

    Seven bits left over at the end would read as '@', so they carry a carriage return, and a text that itself
    ends with one on an octet boundary gets a second (3GPP TS 23.038 §6.1.2.3.1).
    """
    spare = -(fill_bits + 7 * len(septets)) % 8
    if spare == 7 or (spare == 0 and septets[-1:] == b"\r"):
        septets += b"\r"
    bits = 0
    for septet in reversed(septets):
        bits = bits << 7 | septet & 0x7F
    return (bits << fill_bits).to_bytes((fill_bits + 7 * len(septets) + 7) // 8, "little")


def unpack(octets: bytes, *, fill_bits: int = 0) -> bytes:
    """Return the septets packed in `octets`, without a carriage return that only fills the last octet."""
    count = max(0, (8 * len(octets) - fill_bits) // 7)
    bits = int.from_bytes(octets, "little") >> fill_bits
    septets = bytes(bits >> 7 * index & 0x7F for index in range(count))
    full = (8 * len(octets) - fill_bits) % 7 == 0
    return septets[:-1] if full and septets[-1:] == b"\r" else septets


# --- any alphabet -------------------------------------------------------------------------------------------

_BITS_PER_UNIT: Final = {Alphabet.GSM7: 7, Alphabet.IA5: 7}


def encode_text(text: str, alphabet: Alphabet, *, packed: bool = False) -> bytes:
    """Return `text` in `alphabet`; `packed` concerns GSM7 alone. Raises `CannotEncode`."""
    if alphabet is Alphabet.GSM7:
        septets = encode_gsm7(text)
        return pack(septets) if packed else septets
    try:
        return text.encode(_CODECS[alphabet])
    except UnicodeEncodeError as error:
        raise CannotEncode(alphabet, error.start) from None


def decode_text(
    octets: bytes,
    data_coding: int,
    *,
    default: Alphabet = Alphabet.GSM7,
    packed: bool = False,
    strict: bool = False,
) -> str:
    """Read `octets` as `data_coding` says, with `default` as the SMSC's default alphabet (data_coding 0).

    Octets that are no text (8-bit data) come as one Latin-1 character each; `strict` raises `CannotDecode`
    for them as for anything else that cannot be read.
    """
    alphabet = default if data_coding == 0 else _DATA_CODINGS[data_coding & 0xFF].alphabet
    if alphabet is Alphabet.GSM7:
        return decode_gsm7(unpack(octets) if packed else octets, strict=strict)
    if strict and alphabet is Alphabet.BINARY:
        raise CannotDecode(alphabet, 0)
    try:
        return octets.decode(_CODECS[alphabet], "strict" if strict else "replace")
    except UnicodeDecodeError as error:
        raise CannotDecode(alphabet, error.start) from None


def encode_cheapest(
    text: str, allowed: tuple[Alphabet, ...] = (Alphabet.GSM7, Alphabet.UCS2)
) -> tuple[Alphabet, bytes]:
    """Return the alphabet of `allowed` that needs the fewest bits for `text`, and the octets (septets
    unpacked).

    Between equals the earlier in `allowed` wins. Raises `CannotEncode` if none of them holds the whole text.
    """
    if allowed[0] is Alphabet.GSM7:
        septets = try_gsm7(text)
        # Seven bits a character cannot be beaten; with extension characters Latin-1 or UCS-2 might still do
        # better.
        if septets is not None and len(septets) == len(text):
            return Alphabet.GSM7, septets
    best: tuple[Alphabet, bytes] | None = None
    best_bits = 0
    for alphabet in allowed:
        try:
            octets = encode_text(text, alphabet)
        except CannotEncode as error:
            failed = error
            continue
        bits = len(octets) * _BITS_PER_UNIT.get(alphabet, 8)
        if best is None or bits < best_bits:
            best, best_bits = (alphabet, octets), bits
    if best is None:
        raise failed
    return best
