"""Recorded PDUs made those of this run: message ids, receipt texts and dates, concatenation references.

Sequence numbers need nothing: a session numbers what it sends. Everything else of a PDU stays as recorded,
octet for octet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from gateway.replay.remembered import Remembered
from gateway.smpp.constants import EsmClass, Tag
from gateway.smpp.pdu import CancelSm, DataSm, DeliverSm, Pdu, QuerySm, ReplaceSm, SubmitMulti, SubmitSm
from gateway.smpp.times import utc_datetime
from gateway.smpp.tlv import Tlv
from gateway.smpp.udh import InformationElement, MalformedUdh, UserDataHeader, split_udh

_ID: Final = re.compile(rb"(?i)((?:^|\s)id\s*:\s*)(\S*)")
_DATES: Final = {
    "submit": re.compile(rb"(?i)(\bsubmit[ _]?date\s*:\s*)(\d{14}|\d{12}|\d{10})(?!\d)"),
    "done": re.compile(rb"(?i)(\bdone[ _]?date\s*:\s*)(\d{14}|\d{12}|\d{10})(?!\d)"),
}
RECEIPT_TEXT: Final = re.compile(rb"(?i)\stext\s*:")
"""Where a receipt begins to quote its message (SMPP 3.4 appendix B)."""
_FORMATS: Final = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}
_SAR: Final = int(Tag.SAR_MSG_REF_NUM)
_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)
_RECEIPTED: Final = int(Tag.RECEIPTED_MESSAGE_ID)
_TEXTS: Final = (SubmitSm, SubmitMulti, DeliverSm, DataSm)
_Key = tuple[int, str, str, int, int]
"""(conversation, source, destination, recorded reference, parts) of a message of several parts."""


@dataclass(frozen=True, slots=True)
class Halves:
    """`References` between two runs: the next one, and which parts of which messages have gone out so far."""

    following: int
    begun: tuple[tuple[_Key, int, tuple[int, ...]], ...] = ()


class References:
    """Concatenation references of this run: one new one for each recorded message of several parts."""

    def __init__(self, first: int = 1) -> None:
        self._next = first
        self._known: Remembered[_Key, int] = Remembered()
        self._seen: Remembered[_Key, set[int]] = Remembered()

    def halves(self) -> Halves:
        """What a later run needs, so that a message begun in this one becomes whole."""
        begun = ((key, self._known[key], tuple(sorted(seen))) for key, seen in self._seen.items())
        return Halves(self._next, tuple(begun))

    def take_up(self, halves: Halves) -> None:
        """Go on where an earlier run was stopped."""
        self._next = halves.following
        for key, reference, seen in halves.begun:
            self._known[key], self._seen[key] = reference, set(seen)

    def rewrite(self, pdu: Pdu, conversation: int) -> Pdu:
        """The PDU with its reference replaced; one without any comes back as it is."""
        if not isinstance(pdu, _TEXTS):
            return pdu
        anything: Any = pdu
        changes: dict[str, Any] = {}
        if pdu.esm_class & EsmClass.UDHI:
            changes = self._in_header(anything, conversation)
        if any(tlv.tag == _SAR for tlv in pdu.tlvs):
            changes["tlvs"] = self._in_tlvs(anything, conversation)
        return replace(anything, **changes) if changes else pdu

    def _in_header(self, pdu: Any, conversation: int) -> dict[str, Any]:
        octets = getattr(pdu, "short_message", b"") or next(
            (t.value for t in pdu.tlvs if t.tag == _PAYLOAD), b""
        )
        try:
            header, body = split_udh(octets)
        except MalformedUdh:
            return {}
        concat = header.concat
        if concat is None:
            return {}
        new = self._new(pdu, conversation, concat.reference, concat.total, concat.number)
        elements = tuple(_numbered(element, new) for element in header.elements)
        rewritten = UserDataHeader(elements).build() + body
        if getattr(pdu, "short_message", b""):
            return {"short_message": rewritten}
        return {"tlvs": tuple(Tlv(t.tag, rewritten) if t.tag == _PAYLOAD else t for t in pdu.tlvs)}

    def _in_tlvs(self, pdu: Any, conversation: int) -> tuple[Tlv, ...]:
        values = {tlv.tag: tlv.as_int for tlv in pdu.tlvs}
        new = self._new(
            pdu,
            conversation,
            values[_SAR],
            values.get(int(Tag.SAR_TOTAL_SEGMENTS), 0),
            values.get(int(Tag.SAR_SEGMENT_SEQNUM), 0),
        )
        return tuple(Tlv.integer(_SAR, new & 0xFFFF) if tlv.tag == _SAR else tlv for tlv in pdu.tlvs)

    def _new(self, pdu: Any, conversation: int, reference: int, total: int, number: int) -> int:
        """A part number that was there already begins another message: the sender came round."""
        destination = getattr(pdu, "destination_addr", "")
        key = (conversation, pdu.source_addr, destination, reference, total)
        seen = self._seen.get(key)
        if seen is None or number in seen:
            self._seen[key] = seen = set()
            self._known[key] = self._next
            self._next = self._next % 0xFFFF + 1
        seen.add(number)
        reference = self._known[key]
        if len(seen) == total:  # whole: the same reference means another message from here on
            del self._known[key], self._seen[key]
        return reference


def _numbered(element: InformationElement, reference: int) -> InformationElement:
    if element.identifier == 0x00 and len(element.data) == 3:
        return InformationElement(0x00, bytes((reference & 0xFF,)) + element.data[1:])
    if element.identifier == 0x08 and len(element.data) == 4:
        return InformationElement(0x08, (reference & 0xFFFF).to_bytes(2, "big") + element.data[2:])
    return element


def with_message_id(pdu: Pdu, message_id: str) -> Pdu:
    """A query_sm, cancel_sm or replace_sm about the message as it is called in this run."""
    if not isinstance(pdu, QuerySm | CancelSm | ReplaceSm):
        return pdu
    return replace(pdu, message_id=message_id)


def rewrite_receipt(pdu: Pdu, message_id: str, submitted_ns: int, done_ns: int) -> Pdu:
    """A recorded receipt about `message_id`, its dates those of this run; notation and rest as recorded."""
    anything: Any = pdu
    dates = {"submit": utc_datetime(submitted_ns), "done": utc_datetime(done_ns)}
    tlvs = tuple(_receipt_tlv(tlv, message_id, dates) for tlv in pdu.tlvs)
    changes: dict[str, Any] = {"tlvs": tlvs}
    if isinstance(pdu, DeliverSm):
        changes["short_message"] = _receipt_text(pdu.short_message, message_id, dates)[:254]
    return replace(anything, **changes)  # type: ignore[no-any-return]


def _receipt_tlv(tlv: Tlv, message_id: str, dates: dict[str, datetime]) -> Tlv:
    if tlv.tag == _RECEIPTED:
        return Tlv(tlv.tag, message_id.encode("latin-1", "replace") + b"\0")
    if tlv.tag == _PAYLOAD:
        return Tlv(tlv.tag, _receipt_text(tlv.value, message_id, dates))
    return tlv


def _receipt_text(text: bytes, message_id: str, dates: dict[str, datetime]) -> bytes:
    """Only what stands before `text:` is a receipt's; the quoted text may look like anything."""
    head, mark, quoted = text, b"", b""
    found = RECEIPT_TEXT.search(text)
    if found is not None:
        head, mark, quoted = text[: found.start()], found[0], text[found.end() :]
    written = message_id.encode("latin-1", "replace")
    head = _ID.sub(lambda match: match[1] + written, head, count=1)
    for name, pattern in _DATES.items():
        found = pattern.search(head)
        if found is not None:
            moment = dates[name].strftime(_FORMATS[len(found[2])]).encode()
            head = head[: found.start(2)] + moment + head[found.end(2) :]
    return head + mark + quoted
