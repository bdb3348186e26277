"""The writer: a receipt as one carrier notates it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Final, Literal

from gateway.smpp.constants import MessageState, Tag
from gateway.smpp.frozen import frozen
from gateway.smpp.receipt.ids import DECIMAL, HEXADECIMAL
from gateway.smpp.receipt.model import ESM_INTERMEDIATE, ESM_RECEIPT, STAT_WORDS
from gateway.smpp.times import utc_datetime
from gateway.smpp.tlv import Tlv

_RECEIPTED_MESSAGE_ID: Final = int(Tag.RECEIPTED_MESSAGE_ID)
_NETWORK_ERROR_CODE: Final = int(Tag.NETWORK_ERROR_CODE)
_MESSAGE_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
_MESSAGE_STATE: Final = int(Tag.MESSAGE_STATE)

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
    if kind == "hex_of_decimal" and DECIMAL.fullmatch(message_id):
        return f"{int(message_id):x}"
    if kind == "decimal_of_hex" and HEXADECIMAL.fullmatch(message_id.lower()):
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
