"""Inbound traffic: receipts to their segments, texts to their person; durable before deliver_sm_resp.

An inbound text that a rule refuses is stored with its code, counted and shown, and answered ESME_ROK: the
carrier did its part, and a refusal on the wire would only make it try again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from gateway.directory.model import Person
from gateway.esme.deliver import Acknowledge
from gateway.messages.intents import DeleteInboundSegment, InsertInboundSegment, InsertMessage
from gateway.messages.ledger import Ledger
from gateway.messages.model import Direction, Message, State, message_row
from gateway.messages.outbound import TON_INTERNATIONAL, encoding_of
from gateway.messages.receipts import Durable, Receipts
from gateway.messages.senders import Senders
from gateway.messages.settings import MessagesSettings
from gateway.messages.verdicts import VerdictLog
from gateway.policy import rules
from gateway.policy.numbers import normalise
from gateway.policy.pipeline import Pipeline
from gateway.policy.snapshot import Text
from gateway.policy.verdict import Verdict
from gateway.runtime.clock import TimerHandle
from gateway.runtime.database import DatabaseError
from gateway.runtime.ids import IdSource
from gateway.runtime.metrics import Metrics
from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import DataSm, DeliverSm
from gateway.smpp.receipt import is_receipt
from gateway.smpp.segment import MalformedUdh, Part, Reassembled, Reassembler, read_part

SECOND_NS = 1_000_000_000
#: States by what refused: nobody to take it, or a rule about the text itself.
_NOBODY = frozenset({rules.RECIPIENT_UNKNOWN.code, rules.RECIPIENT_TEXTING_DISABLED.code})


class Hearing(Protocol):
    """Something that follows from an inbound text, on its way to being durable with it."""

    @property
    def intents(self) -> tuple[Any, ...]:
        """What to write in the text's own transaction."""

    def settle(self) -> None:
        """The text is durable."""

    def abandon(self) -> None:
        """The text could not be stored; the carrier will send it again."""


Listener = Callable[[Message], Hearing | None]


class Inbound:
    """Takes what carriers deliver, has it judged and stored, and lets listeners add what follows from it."""

    def __init__(
        self,
        *,
        senders: Senders,
        pipeline: Pipeline,
        ledger: Ledger,
        receipts: Receipts,
        settings: MessagesSettings,
        ids: IdSource,
        metrics: Metrics,
    ) -> None:
        self._senders = senders
        self._pipeline = pipeline
        self._verdicts = VerdictLog(pipeline)
        self._ledger = ledger
        self._receipts = receipts
        self._ids = ids
        self._reassemblers: dict[str, Reassembler] = {}
        self._expiry_ns = round(settings.reassembly_s * SECOND_NS)
        self._timer: TimerHandle | None = None
        self._listeners: list[Listener] = []
        self._incomplete = metrics.counter(
            "gateway_inbound_incomplete_total",
            "Inbound multipart texts that never became whole",
            ("carrier",),
        )

    def listen(self, listener: Listener) -> None:
        """Have `listener` asked what follows from each text; it is stored in the text's transaction."""
        self._listeners.append(listener)

    def on_deliver(self, carrier: str, pdu: DeliverSm | DataSm, acknowledge: Acknowledge) -> None:
        """The links' `DeliverHandler`: acknowledge what is durable, have the rest sent again."""
        try:
            durable = self.deliver(carrier, pdu)
        except DatabaseError:  # overloaded: later is better than lost
            acknowledge(CommandStatus.RX_T_APPN)
            return
        if durable is None:
            acknowledge(CommandStatus.ROK)
        else:
            durable.add_done_callback(partial(_acknowledge, acknowledge))

    def deliver(self, carrier: str, pdu: DeliverSm | DataSm) -> Durable | None:
        """Take one deliver_sm or data_sm; answer it when the future is done, at once when there is none."""
        if is_receipt(pdu.esm_class):
            return self._receipts.take(carrier, pdu)
        part = self._read(pdu)
        if part.total == 1:
            return self._store(carrier, Reassembled((part,)))
        return self._gather(carrier, part)

    def resume(self, row_id: int, carrier: str, part: Part, received_ns: int) -> None:
        """After a restart: a segment that waits for the rest of its text."""
        self._reassembler(carrier).add(replace(part, context=row_id), received_ns)
        self._arm()

    def _read(self, pdu: DeliverSm | DataSm) -> Part:
        source = _e164(pdu.source_addr, pdu.source_addr_ton)
        destination = _e164(pdu.destination_addr, pdu.dest_addr_ton)
        short_message = pdu.short_message if isinstance(pdu, DeliverSm) else b""
        shape: dict[str, Any] = {"data_coding": pdu.data_coding, "tlvs": pdu.tlvs}
        try:
            return read_part(source, destination, short_message, esm_class=pdu.esm_class, **shape)
        except MalformedUdh:
            # Readable or not, it is somebody's text: shown as it came rather than lost.
            return read_part(source, destination, short_message, **shape)

    def _gather(self, carrier: str, part: Part) -> Durable | None:
        row_id = self._ids.new_id()
        now_ns = self._ledger.clock.now_ns()
        whole = self._reassembler(carrier).add(replace(part, context=row_id), now_ns)
        if whole is not None:
            return self._store(carrier, whole)
        self._arm()
        return self._ledger.database.write(
            InsertInboundSegment(
                row_id,
                carrier,
                part.source,
                part.destination,
                part.reference,
                part.total,
                part.number,
                part.data_coding,
                part.body,
                now_ns,
            )
        )

    def _reassembler(self, carrier: str) -> Reassembler:
        found = self._reassemblers.get(carrier)
        if found is None:
            found = self._reassemblers[carrier] = Reassembler(expiry_ns=self._expiry_ns)
        return found

    def _store(self, carrier: str, whole: Reassembled) -> Durable:
        message = self._judged(carrier, whole)
        done = [DeleteInboundSegment(part.context) for part in whole.parts if part.context is not None]
        heard = [each for listener in self._listeners if (each := listener(message)) is not None]
        follows = [intent for each in heard for intent in each.intents]
        try:
            durable = self._ledger.database.write(InsertMessage(*message_row(message)), *done, *follows)
        except DatabaseError:
            for each in heard:
                each.abandon()
            raise
        durable.add_done_callback(lambda future: self._told(future, message, heard))
        return durable

    def _told(self, future: "asyncio.Future[None]", message: Message, heard: list[Hearing]) -> None:
        if future.cancelled() or future.exception() is not None:
            for each in heard:
                each.abandon()
            return
        self._ledger.received(message)
        for each in heard:
            each.settle()

    def _judged(self, carrier: str, whole: Reassembled) -> Message:
        first = whole.parts[0]
        body = "" if first.is_mms_notification else whole.text()
        now_ns = self._ledger.clock.now_ns()
        source, destination = normalise(first.source), normalise(first.destination)
        person = self._senders.directory.person_by_number(destination.e164)
        snapshot = self._senders.snapshot(person, destination.e164, source.e164, carrier)
        text = Text(source, destination, body, len(whole.parts), first.is_mms_notification)
        shadowed: list[Verdict] | None = [] if self._pipeline.shadowing else None
        verdict = self._pipeline.check_inbound(text, snapshot, now_ns, shadowed)
        return Message(
            self._ids.new_id(),
            Direction.INBOUND,
            _state_of(verdict),
            source.e164[:24],
            destination.e164[:24],
            body,
            encoding_of(body),
            len(whole.parts),
            carrier,
            now_ns,
            now_ns,
            now_ns,
            now_ns,
            self._owner(person, destination.e164),
            person.id if person is not None else None,
            first.reference,
            verdict.code if verdict is not None else None,
            verdict.blocked_by.value if verdict is not None else None,
            self._verdicts.document(shadowed),
        )

    def _owner(self, person: Person | None, number: str) -> str | None:
        """The organisation whose text it is: a number may be theirs and nobody's yet."""
        if person is not None:
            return person.organization_id
        held = self._senders.directory.number(number)
        return held.organization_id if held is not None else None

    # Texts that never become whole

    def _arm(self) -> None:
        deadlines = [
            deadline for each in self._reassemblers.values() if (deadline := each.next_deadline()) is not None
        ]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadlines:
            self._timer = self._ledger.clock.call_at(min(deadlines), self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        for carrier, reassembler in self._reassemblers.items():
            for given_up in reassembler.expire(self._ledger.clock.now_ns()):
                self._incomplete.labels(carrier).inc()
                # What came is shown: half a text says more than none.
                self._store(carrier, Reassembled(given_up.parts))
        self._arm()


def _acknowledge(acknowledge: Acknowledge, durable: Durable) -> None:
    failed = durable.cancelled() or durable.exception() is not None
    acknowledge(CommandStatus.RX_T_APPN if failed else CommandStatus.ROK)


def _state_of(verdict: Verdict | None) -> State:
    if verdict is None:
        return State.RECEIVED
    return State.UNDELIVERABLE if verdict.code in _NOBODY else State.REJECTED


def _e164(address: str, ton: int) -> str:
    if ton == TON_INTERNATIONAL and not address.startswith("+"):
        return f"+{address}"
    return address
