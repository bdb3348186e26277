"""Taken texts as rows of the journal, and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from gateway.carriers.address import e164
from gateway.carriers.behaviour import Plan
from gateway.carriers.faults import FaultSpec
from gateway.carriers.numbers import NumberTable
from gateway.carriers.receipts import ReceiptWriter
from gateway.carriers.tables import ChangeText, InsertText
from gateway.carriers.texts import TakenText
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import DataSm, decode, encode
from gateway.smpp.segment import user_data


def row_of(carrier: str, text: TakenText) -> InsertText:
    """Return the write of a text that was just taken."""
    plan = text.plan
    return InsertText(
        text.key,
        carrier,
        text.account,
        text.message_id,
        text.destination,
        text.destination_ton,
        text.destination_npi,
        text.registered_delivery,
        text.submitted_ns,
        text.halfway_ns,
        text.ends_ns,
        int(text.final_state),
        text.error,
        plan.outcome,
        int(plan.receipt),
        plan.receipt_delay_ns,
        plan.fault.kind if plan.fault is not None else None,
        plan.receipt_fault.kind if plan.receipt_fault is not None else None,
        0,
        0,
        None,
        encode(text.pdu),
    )


def change_of(text: TakenText) -> ChangeText:
    """Return the write of what can change about a text."""
    return ChangeText(
        text.registered_delivery,
        text.halfway_ns,
        text.ends_ns,
        int(text.final_state),
        text.error,
        int(text.told),
        int(text.arrived),
        text.short_message,
        text.key,
    )


def text_of(row: Row[Any], receipts: ReceiptWriter, handsets: NumberTable) -> TakenText:
    """Return a text as it was, but for its bind: nobody is bound yet."""
    pdu: Any = decode(row.pdu)
    octets = row.octets
    if octets is None:
        octets = user_data(b"" if isinstance(pdu, DataSm) else pdu.short_message, pdu.tlvs)
    plan = Plan(
        row.message_id,
        row.outcome,
        0,
        MessageState(row.final_state),
        row.error,
        bool(row.receipt),
        0.0,
        row.receipt_delay_ns,
        _fault(row.fault),
        _fault(row.receipt_fault),
        handsets.get(e164(row.destination, row.destination_ton)),
    )
    return TakenText(
        row.message_id,
        row.account,
        None,
        pdu,
        row.destination,
        row.destination_ton,
        row.destination_npi,
        octets,
        row.registered_delivery,
        plan,
        row.submitted_ns,
        row.ends_ns,
        MessageState(row.final_state),
        row.error,
        receipts,
        halfway_ns=row.halfway_ns,
        key=row.id,
        told=bool(row.told),
        arrived=bool(row.arrived),
    )


def _fault(kind: Any) -> FaultSpec | None:
    return None if kind is None else FaultSpec(kind=kind)
