"""PDUs as the API shows them: every field by the name SMPP 3.4 gives it, optional parameters, octets."""

from contextlib import suppress
from dataclasses import fields
from typing import Any

from gateway.smpp.constants import EsmClass, Tag, command_name, status_name
from gateway.smpp.errors import FieldInvalid
from gateway.smpp.pdu import Pdu, encode
from gateway.smpp.text import TextError, decode_text
from gateway.smpp.tlv import Tlv

_HEADER = frozenset({"command_status", "sequence_number", "tlvs"})
_TAGS = frozenset(int(tag) for tag in Tag)


def pdu_document(pdu: Pdu) -> dict[str, Any]:
    """A PDU decoded: `command`, `status`, `sequenceNumber`, `fields`, `tlvs`, its text where it has one, and
    its frame as hexadecimal `octets` (absent where a field does not fit the wire)."""
    document: dict[str, Any] = {
        "command": command_name(pdu.command_id),
        "status": status_name(pdu.command_status),
        "sequenceNumber": pdu.sequence_number,
        "fields": {
            each.name: _plain(getattr(pdu, each.name))
            for each in fields(pdu)  # type: ignore[arg-type]
            if each.name not in _HEADER
        },
        "tlvs": {tag_label(tlv.tag): _tlv_value(tlv) for tlv in pdu.tlvs},
    }
    if (text := text_of(pdu)) is not None:
        document["text"] = text
    with suppress(FieldInvalid):
        document["octets"] = encode(pdu).hex()
    return document


def tag_label(tag: int) -> str:
    """Name of an optional parameter, `0x1400` for one the specification does not know."""
    return Tag(tag).name.lower() if tag in _TAGS else f"0x{tag:04X}"


def text_of(pdu: Pdu) -> str | None:
    """What a person reads of a PDU that carries a message, without its user data header; None for others."""
    octets = getattr(pdu, "short_message", None)
    if octets is None:
        return None
    payload = pdu.tlv(Tag.MESSAGE_PAYLOAD)
    octets = octets or (payload.value if payload is not None else b"")
    esm_class: int = getattr(pdu, "esm_class", 0)
    if esm_class & EsmClass.UDHI and octets:
        octets = octets[1 + octets[0] :]
    try:
        return decode_text(octets, getattr(pdu, "data_coding", 0))
    except TextError:
        return None


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _tlv_value(tlv: Tlv) -> str:
    return f"0x{tlv.value.hex()}" if tlv.value else ""
