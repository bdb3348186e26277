"""Receipts as one carrier writes them, and as its faults distort them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from gateway.carriers.profile import ReceiptSettings
from gateway.carriers.texts import TakenText
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import DeliverSm
from gateway.smpp.receipt import ReceiptNotation, write_receipt
from gateway.smpp.segment import read_part
from gateway.smpp.text import TextError
from gateway.smpp.udh import ESM_UDHI

_NOTATION_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "receipt_text_only": {"where": "text"},
    "receipt_tlvs_only": {"where": "tlvs"},
    "receipt_payload_only": {"where": "payload"},
    "receipt_non_ascii": {"text": "non_ascii", "where": "text_and_tlvs"},
    "receipt_null_counts": {"counts": "null", "where": "text_and_tlvs"},
}


_ABSENT_SUBSCRIBER: Final = 27
"""Of the mobile application part (3GPP TS 29.002), as a handset that is off."""


def error_of(text: TakenText, state: MessageState) -> int:
    """Return the error a text in `state` is told with.

    One that expired was not delivered for want of its subscriber; one that was cancelled met no error.
    """
    return text.error or (_ABSENT_SUBSCRIBER if state is MessageState.EXPIRED else 0)


def _written(text: TakenText) -> bytes:
    """The octets somebody wrote: without the user data header, which is no part of the text."""
    octets = text.short_message
    return octets[octets[0] + 1 :] if octets and text.pdu.esm_class & ESM_UDHI else octets


class ReceiptWriter:
    """Writes the receipts of one carrier."""

    def __init__(self, settings: ReceiptSettings) -> None:
        self._settings = settings

    @property
    def other_bind(self) -> bool:
        """Whether receipts prefer a bind other than the one the text came by."""
        return self._settings.other_bind

    def covers(self, text: TakenText) -> bool:
        """Whether this segment of a multipart text has a receipt of its own."""
        which = self._settings.segments
        if which == "each":
            return True
        pdu = text.pdu
        try:
            part = read_part("", "", text.short_message, esm_class=pdu.esm_class, tlvs=pdu.tlvs)
        except TextError:
            return True
        return part.number == (1 if which == "first" else part.total)

    def write(
        self,
        text: TakenText,
        state: MessageState,
        done_ns: int,
        fault: str = "",
        *,
        intermediate: bool = False,
    ) -> DeliverSm:
        """Return the deliver_sm that says a text is in `state` since `done_ns`; `fault` names a
        distortion."""
        notation = self._notation(state, fault)
        message_id = text.message_id
        if fault == "receipt_unknown_id":
            message_id = "9" * min(18, max(4, len(message_id)))
        error = 0 if intermediate else error_of(text, state)
        written = write_receipt(
            message_id,
            state,
            error=error,
            submitted_ns=text.submitted_ns,
            done_ns=done_ns,
            text=_written(text),
            intermediate=intermediate,
            notation=notation,
        )
        pdu = text.pdu
        return DeliverSm(
            pdu.service_type,
            text.destination_ton,
            text.destination_npi,
            text.destination,
            pdu.source_addr_ton,
            pdu.source_addr_npi,
            pdu.source_addr,
            written.esm_class,
            short_message=written.short_message,
            tlvs=written.tlvs,
        )

    def _notation(self, state: MessageState, fault: str) -> ReceiptNotation:
        notation = self._settings.notation
        if fault == "receipt_bad_state":
            other = "REJECTD" if state is MessageState.DELIVERED else "DELIVRD"
            return replace(notation, where="text_and_tlvs", stat={state.name: other})
        changes = _NOTATION_FAULTS.get(fault)
        return replace(notation, **changes) if changes else notation
