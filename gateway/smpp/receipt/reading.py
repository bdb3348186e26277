"""The reader: any order, case, omission and width; where text and TLVs disagree, the TLVs win with a warning.

A warning is a stable word: `id_disagrees`, `state_disagrees`, `error_disagrees`, `unknown_stat`,
`unknown_state`, `date_unreadable`, `count_unreadable`, `error_unreadable`, `text_not_ascii`,
`tlv_unreadable`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from gateway.smpp.constants import ESM_MESSAGE_TYPE_MASK, MessageState, Tag
from gateway.smpp.receipt.ids import same_id
from gateway.smpp.receipt.model import ESM_INTERMEDIATE, ESM_RECEIPT, STAT_WORDS, NotAReceipt, Receipt
from gateway.smpp.times import epoch_ns

_RECEIPTED_MESSAGE_ID: Final = int(Tag.RECEIPTED_MESSAGE_ID)
_NETWORK_ERROR_CODE: Final = int(Tag.NETWORK_ERROR_CODE)
_MESSAGE_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
_MESSAGE_STATE: Final = int(Tag.MESSAGE_STATE)

Tlvs = Sequence[tuple[int, bytes]]

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
    if text_id and text_id != tlv_id and not same_id(text_id, tlv_id):
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
