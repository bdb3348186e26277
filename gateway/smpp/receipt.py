"""Delivery receipts, read and written in every notation met in the field (SMPP 3.4 appendix B, §5.3.2.9, .12,
.31).

The text form is a convention, not a standard: `id:I sub:001 dlvrd:001 submit date:YYMMDDhhmm done
date:YYMMDDhhmm stat:DELIVRD err:000 text:…`. The reader takes any order, case, omission and width; the writer
produces what a `ReceiptNotation` describes. Where text and TLVs disagree, the TLVs win and a warning says so.

A warning is a stable word: `id_disagrees`, `state_disagrees`, `error_disagrees`, `unknown_stat`,
`unknown_state`, `date_unreadable`, `count_unreadable`, `error_unreadable`, `text_not_ascii`,
`tlv_unreadable`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from gateway.smpp.constants import ESM_MESSAGE_TYPE_MASK, MessageState, Tag
from gateway.smpp.frozen import frozen
from gateway.smpp.text import TextError
from gateway.smpp.times import epoch_ns, utc_datetime
from gateway.smpp.tlv import Tlv

ESM_RECEIPT: Final = 0x04
ESM_INTERMEDIATE: Final = 0x20
_RECEIPTED_MESSAGE_ID: Final = int(Tag.RECEIPTED_MESSAGE_ID)
_NETWORK_ERROR_CODE: Final = int(Tag.NETWORK_ERROR_CODE)
_MESSAGE_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
_MESSAGE_STATE: Final = int(Tag.MESSAGE_STATE)

Tlvs = Sequence[tuple[int, bytes]]


class NotAReceipt(TextError):
    """Neither the text nor the TLVs name a message."""

    def __str__(self) -> str:
        return "no message id in the text and no receipted_message_id: not a receipt that can be matched"


STAT_WORDS: Final[Mapping[MessageState, str]] = MappingProxyType(
    {
        MessageState.ENROUTE: "ENROUTE",
        MessageState.DELIVERED: "DELIVRD",
        MessageState.EXPIRED: "EXPIRED",
        MessageState.DELETED: "DELETED",
        MessageState.UNDELIVERABLE: "UNDELIV",
        MessageState.ACCEPTED: "ACCEPTD",
        MessageState.UNKNOWN: "UNKNOWN",
        MessageState.REJECTED: "REJECTD",
    }
)
_BY_VALUE: Final = {int(state): state for state in MessageState}
_STATES: Final = {word.encode(): state for state, word in STAT_WORDS.items()} | {
    b"FAILED": MessageState.UNDELIVERABLE,
    b"DELIVERED": MessageState.DELIVERED,
    b"UNDELIVERABLE": MessageState.UNDELIVERABLE,
    b"UNDELIVERED": MessageState.UNDELIVERABLE,
    b"ACCEPTED": MessageState.ACCEPTED,
    b"REJECTED": MessageState.REJECTED,
    b"CANCELLED": MessageState.DELETED,
    b"BUFFERED": MessageState.ENROUTE,
}


@frozen
class Receipt:
    """One receipt. Absent or unreadable fields are None; dates are taken as UTC, in nanoseconds since the
    epoch."""

    message_id: str
    state: MessageState
    error: str | None = None
    """`err` as written: `000`, `0012`, `00A`; from network_error_code where only that is there."""
    submitted: int | None = None
    delivered: int | None = None
    submitted_ns: int | None = None
    done_ns: int | None = None
    text: bytes = b""
    intermediate: bool = False
    network_type: int | None = None
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def final(self) -> bool:
        """True when no other receipt has to follow."""
        return self.state not in (MessageState.ENROUTE, MessageState.ACCEPTED)


def is_receipt(esm_class: int) -> bool:
    """True for a deliver_sm or data_sm whose esm_class marks a receipt or an intermediate notification."""
    return esm_class & ESM_MESSAGE_TYPE_MASK in (ESM_RECEIPT, ESM_INTERMEDIATE)


# --- reading ------------------------------------------------------------------------------------------------

_USUAL: Final = re.compile(
    rb"id:(\S+) sub:(\d{3}) dlvrd:(\d{3}) submit date:(\d+) done date:(\d+) stat:([A-Z]+) err:(\w+)"
    rb"(?: [tT]ext:(.*))?",
    re.DOTALL,
)
_FIELD: Final = re.compile(
    rb"(?i)(?:^|(?<=\s))(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text)\s*:"
)


def read_receipt(short_message: bytes, *, esm_class: int = ESM_RECEIPT, tlvs: Tlvs = ()) -> Receipt:
    """Read a receipt out of a deliver_sm's (or data_sm's) text and TLVs; raises `NotAReceipt`.

    The text is taken from message_payload where `short_message` is empty. A state that neither names is
    UNKNOWN.
    """
    if not tlvs:
        usual = _read_usual(short_message, esm_class)
        if usual is not None:
            return usual
    values = dict(tlvs)
    warnings: list[str] = []
    raw = _read_text(short_message or values.get(_MESSAGE_PAYLOAD, b""))
    message_id = _choose_id(raw.get("id", b""), values.get(_RECEIPTED_MESSAGE_ID), warnings)
    if not message_id:
        raise NotAReceipt
    state = _choose_state(raw.get("stat"), values.get(_MESSAGE_STATE), warnings)
    error, network_type = _choose_error(raw.get("err"), values.get(_NETWORK_ERROR_CODE), warnings)
    text = raw.get("text", b"")
    if not text.isascii():
        warnings.append("text_not_ascii")
    return Receipt(
        message_id,
        state,
        error,
        _read_count(raw.get("sub"), warnings),
        _read_count(raw.get("dlvrd"), warnings),
        _read_date(raw.get("submitdate"), warnings),
        _read_date(raw.get("donedate"), warnings),
        text,
        esm_class & ESM_MESSAGE_TYPE_MASK == ESM_INTERMEDIATE,
        network_type,
        tuple(warnings),
    )


def _read_usual(octets: bytes, esm_class: int) -> Receipt | None:
    """Read a text as most carriers write it, without anything to warn of; None for all others."""
    usual = _USUAL.fullmatch(octets)
    if usual is None:
        return None
    message_id, sub, dlvrd, submit_date, done_date, stat, err, text = usual.groups(b"")
    state = _STATES.get(stat)
    submitted_ns, done_ns = _parse_date(submit_date), _parse_date(done_date)
    if state is None or submitted_ns is None or done_ns is None or not text.isascii():
        return None
    if not err.isalnum() or len(err) > 10 or err.lower() == b"null":
        return None
    return Receipt(
        message_id.decode("latin-1"),
        state,
        err.decode("ascii"),
        int(sub),
        int(dlvrd),
        submitted_ns,
        done_ns,
        text,
        esm_class & ESM_MESSAGE_TYPE_MASK == ESM_INTERMEDIATE,
    )


_USUAL_KEYS: Final = ("id", "sub", "dlvrd", "submitdate", "donedate", "stat", "err", "text")


def _read_text(octets: bytes) -> dict[str, bytes]:
    usual = _USUAL.fullmatch(octets)
    if usual is not None:
        return dict(zip(_USUAL_KEYS, usual.groups(b""), strict=True))
    found: dict[str, bytes] = {}
    key, start = "", 0
    for match in _FIELD.finditer(octets):
        if key:
            found.setdefault(key, octets[start : match.start()].strip())
        key = match[1].lower().replace(b" ", b"").replace(b"_", b"").decode("ascii")
        start = match.end()
        if key == "text":
            break  # the rest is the text, whatever it looks like
    if key:
        found.setdefault(key, octets[start:] if key == "text" else octets[start:].strip())
    return found


def _choose_id(written: bytes, tlv: bytes | None, warnings: list[str]) -> str:
    text_id = written.split(None, 1)[0].decode("latin-1") if written else ""
    tlv_id = (tlv or b"").split(b"\0", 1)[0].decode("latin-1").strip()
    if not tlv_id:
        return text_id
    if text_id and text_id != tlv_id and not _same_id(text_id, tlv_id):
        warnings.append("id_disagrees")
    return tlv_id


def _choose_state(word: bytes | None, tlv: bytes | None, warnings: list[str]) -> MessageState:
    state = None
    if word:
        state = _STATES.get(word) or _STATES.get(word.upper())
        if state is None:
            warnings.append("unknown_stat")
    if tlv is not None:
        value = int.from_bytes(tlv, "big") if len(tlv) <= 4 else 0
        if not 1 <= value <= 8:
            warnings.append("unknown_state")
        else:
            if state is not None and state != value:
                warnings.append("state_disagrees")
            state = _BY_VALUE[value]
    return MessageState.UNKNOWN if state is None else state


def _choose_error(
    written: bytes | None, tlv: bytes | None, warnings: list[str]
) -> tuple[str | None, int | None]:
    error = None
    if written and written.lower() != b"null":
        if written.isalnum() and len(written) <= 10:
            error = written.decode("ascii")
        else:
            warnings.append("error_unreadable")
    if tlv is None:
        return error, None
    if len(tlv) != 3:
        warnings.append("tlv_unreadable")
        return error, None
    code = int.from_bytes(tlv[1:], "big")
    if error is None:
        return f"{code:03}", tlv[0]
    if code not in error_codes(error):
        warnings.append("error_disagrees")
        return f"{code:03}", tlv[0]
    return error, tlv[0]


@lru_cache(maxsize=1024)
def error_codes(error: str) -> tuple[int, ...]:
    """Return the numbers an `err` may mean: decimal and hexadecimal, or none for other words."""
    return tuple({int(error, base) for base, digits in _BASES if set(error) <= digits})


_BASES: Final = ((10, frozenset("0123456789")), (16, frozenset("0123456789abcdefABCDEF")))


def _read_count(written: bytes | None, warnings: list[str]) -> int | None:
    if not written or written.lower() == b"null":
        return None
    if written.isdigit() and len(written) <= 9:
        return int(written)
    warnings.append("count_unreadable")
    return None


def _read_date(written: bytes | None, warnings: list[str]) -> int | None:
    if not written or written.lower() == b"null":
        return None
    moment = _parse_date(written)
    if moment is None and "date_unreadable" not in warnings:
        warnings.append("date_unreadable")
    return moment


@lru_cache(maxsize=1024)
def _parse_date(written: bytes) -> int | None:
    """Read 10, 12 or 14 digits; 12 are YYMMDDhhmmss, or YYYYMMDDhhmm where that makes no date."""
    if not written.isdigit():
        return None
    digits = written.decode("ascii")
    candidates = {10: ["20" + digits], 12: ["20" + digits, digits], 14: [digits]}.get(len(digits), [])
    for candidate in candidates:
        year, rest = int(candidate[:4]), candidate[4:]
        numbers = [int(rest[index : index + 2]) for index in range(0, len(rest), 2)]
        try:
            return epoch_ns(datetime(year, *numbers, tzinfo=UTC))  # type: ignore[arg-type,misc]
        except ValueError:
            continue
    return None


# --- message ids --------------------------------------------------------------------------------------------

_DECIMAL: Final = re.compile(r"[0-9]{1,65}")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]{1,65}")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@lru_cache(maxsize=4096)
def canonical_id(message_id: str) -> str:
    """Return the form under which a message id is kept and found: lower case, no leading zeros, bare
    UUIDs."""
    canonical = message_id.strip().lower()
    if len(canonical) == 36 and _UUID.fullmatch(canonical):
        canonical = canonical.replace("-", "")
    if canonical.startswith("0"):
        if canonical.startswith("0x") and _HEXADECIMAL.fullmatch(canonical, 2):
            canonical = canonical[2:]
        canonical = canonical.lstrip("0") or "0"
    return canonical


def id_candidates(message_id: str) -> tuple[str, ...]:
    """Return the canonical ids under which the submit of a receipt's `message_id` may have been kept,
    likeliest first.

    As it is; as hexadecimal if it is the decimal of that; as decimal if it is the hexadecimal of that. Look
    each up in turn, one dict access apiece, and compare the destination too: 100 may be 0x64 as well as 256.
    """
    canonical = canonical_id(message_id)
    if not _HEXADECIMAL.fullmatch(canonical):
        return (canonical,)
    as_decimal = str(int(canonical, 16))
    if _DECIMAL.fullmatch(canonical):
        as_hexadecimal = f"{int(canonical):x}"
        return tuple(dict.fromkeys((canonical, as_hexadecimal, as_decimal)))
    return (canonical, as_decimal)


def _same_id(first: str, second: str) -> bool:
    return canonical_id(second) in id_candidates(first)


# --- writing ------------------------------------------------------------------------------------------------

IdNotation = Literal["same", "hex_of_decimal", "decimal_of_hex", "zero_padded", "upper", "lower"]


@dataclass(frozen=True, slots=True)
class ReceiptNotation:
    """How one carrier writes its receipts; the defaults are appendix B with the three TLVs."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    where: Literal["text", "text_and_tlvs", "tlvs", "payload"] = "text_and_tlvs"
    """The text alone; with TLVs; TLVs alone with an empty text; the text in message_payload with sm_length
    0."""
    text_key: Literal["text", "Text", "absent"] = "text"
    """How the key of the quoted text is written."""
    text: Literal["original", "empty", "non_ascii"] = "original"
    """The first 20 octets of the message; nothing; octets above 0x7F."""
    date_digits: Literal[10, 12, 14] = 10
    """Digits of the two dates: YYMMDDhhmm, with seconds, or with the century too."""
    counts: Literal["numbers", "null", "absent"] = "numbers"
    """How `sub` and `dlvrd` are written."""
    error: Literal["decimal3", "decimal4", "hex", "absent"] = "decimal3"
    """How `err` is written."""
    stat: Mapping[str, str] = field(default_factory=dict)
    """Words in place of the usual ones, for example `UNDELIVERABLE: FAILED`."""
    id: IdNotation = "same"
    """How the id of submit_sm_resp is written in the receipt."""
    id_digits: int = 10
    """Width for `zero_padded`, in characters."""


def write_id(message_id: str, notation: ReceiptNotation) -> str:
    """Return `message_id` as `notation` writes it; one that is no number of the base asked for stays as it
    is."""
    kind = notation.id
    if kind == "hex_of_decimal" and _DECIMAL.fullmatch(message_id):
        return f"{int(message_id):x}"
    if kind == "decimal_of_hex" and _HEXADECIMAL.fullmatch(message_id.lower()):
        return str(int(message_id, 16))
    if kind == "zero_padded":
        return message_id.zfill(notation.id_digits)
    if kind == "upper":
        return message_id.upper()
    return message_id.lower() if kind == "lower" else message_id


@frozen
class WrittenReceipt:
    """What a deliver_sm carries for a receipt."""

    short_message: bytes
    esm_class: int
    tlvs: tuple[Tlv, ...]


_DEFAULT_NOTATION: Final = ReceiptNotation()
_ERROR_FORMATS: Final = {"decimal3": "{:03}", "decimal4": "{:04}", "hex": "{:03X}"}
_DATE_FORMATS: Final = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}
_NON_ASCII: Final = b"caf\xc3\xa9 \xff"


def write_receipt(
    message_id: str,
    state: MessageState,
    *,
    error: int = 0,
    network_type: int = 3,
    submitted: int = 1,
    delivered: int | None = None,
    submitted_ns: int,
    done_ns: int,
    text: bytes = b"",
    intermediate: bool = False,
    notation: ReceiptNotation = _DEFAULT_NOTATION,
) -> WrittenReceipt:
    """Write a receipt; `text` is the message's own octets, of which the first 20 are quoted.

    `error` (0 to 65535) is `err` and the code of network_error_code, whose `network_type` 3 is GSM.
    `delivered` is by default `submitted` for a delivered message and 0 for any other.
    """
    if delivered is None:
        delivered = submitted if state is MessageState.DELIVERED else 0
    written_id = write_id(message_id, notation)
    esm_class = ESM_INTERMEDIATE if intermediate else ESM_RECEIPT
    tlvs = [
        Tlv(_RECEIPTED_MESSAGE_ID, written_id.encode("latin-1", "replace") + b"\0"),
        Tlv(_MESSAGE_STATE, bytes((state,))),
    ]
    if error or notation.where == "tlvs":
        tlvs.append(Tlv(_NETWORK_ERROR_CODE, bytes((network_type, error >> 8 & 0xFF, error & 0xFF))))
    if notation.where == "tlvs":
        return WrittenReceipt(b"", esm_class, tuple(tlvs))
    octets = _write_text(
        notation,
        written_id,
        state=state,
        error=error,
        counts=(submitted, delivered),
        dates_ns=(submitted_ns, done_ns),
        text=text,
    )
    if notation.where == "payload":
        return WrittenReceipt(b"", esm_class, (Tlv(_MESSAGE_PAYLOAD, octets),))
    return WrittenReceipt(octets, esm_class, tuple(tlvs) if notation.where == "text_and_tlvs" else ())


def _write_text(
    notation: ReceiptNotation,
    written_id: str,
    *,
    state: MessageState,
    error: int,
    counts: tuple[int, int],
    dates_ns: tuple[int, int],
    text: bytes,
) -> bytes:
    pieces = ["id:", written_id]
    if notation.counts == "numbers":
        pieces.append(f" sub:{counts[0]:03} dlvrd:{counts[1]:03}")
    elif notation.counts == "null":
        pieces.append(" sub:null dlvrd:null")
    digits = notation.date_digits
    pieces.append(f" submit date:{_write_date(dates_ns[0] // 1_000_000_000, digits)}")
    pieces.append(f" done date:{_write_date(dates_ns[1] // 1_000_000_000, digits)}")
    pieces.append(f" stat:{notation.stat.get(state.name) or STAT_WORDS[state]}")
    if notation.error != "absent":
        pieces.append(" err:" + _ERROR_FORMATS[notation.error].format(error))
    octets = "".join(pieces).encode("latin-1", "replace")
    if notation.text_key == "absent":
        return octets
    quoted = {"original": text[:20], "empty": b"", "non_ascii": _NON_ASCII}[notation.text]
    return octets + f" {notation.text_key}:".encode() + quoted


@lru_cache(maxsize=1024)
def _write_date(at_s: int, digits: int) -> str:
    return utc_datetime(at_s * 1_000_000_000).strftime(_DATE_FORMATS[digits])
