"""Inbound traffic: receipts to their segments, texts to their person; durable before deliver_sm_resp.

What cannot be stored is as if it had never come: the carrier is answered ESME_RX_T_APPN and sends it again.
An inbound text that a rule refuses is stored with its code, counted and shown, and answered ESME_ROK: the
carrier did its part, and a refusal on the wire would only make it try again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
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


@dataclass(slots=True, eq=False)
class Held:
    """A segment of an unfinished text: its row, and what makes it durable.

    `row`: the row is being stored or is there; False where it could not be, and for the segment that made its
    text whole. `storing`: the latest write that has it, None after a restart.
    """

    row_id: int
    row: bool = True
    storing: Durable | None = None


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
            if is_receipt(pdu.esm_class):
                self._receipts.take(carrier, pdu, acknowledge)
                return
            part = self._read(pdu)
            if part.total == 1:
                self._store(carrier, Reassembled((part,)), acknowledge)
            else:
                self._gather(carrier, part, acknowledge)
        except DatabaseError:  # overloaded: later is better than lost
            acknowledge(CommandStatus.RX_T_APPN)

    def resume(self, row_id: int, carrier: str, part: Part, received_ns: int) -> None:
        """After a restart: a segment that waits for the rest of its text."""
        reassembler = self._reassembler(carrier)
        if reassembler.find(part, received_ns) is not None:
            self._ledger.unstored.write(row_id, (DeleteInboundSegment(row_id),))
            return
        whole = reassembler.add(replace(part, context=Held(row_id)), received_ns)
        if whole is not None:
            self._store_soon(carrier, whole)
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

    def _gather(self, carrier: str, part: Part, acknowledge: Acknowledge) -> None:
        now_ns = self._ledger.clock.now_ns()
        reassembler = self._reassembler(carrier)
        known = reassembler.find(part, now_ns)
        if known is not None:
            _answer(acknowledge, known.context.storing)
            return
        held = Held(self._ids.new_id())
        part = replace(part, context=held)
        whole = reassembler.add(part, now_ns)
        if whole is not None:
            held.row = False
            self._store_whole(carrier, whole, acknowledge)
            return
        self._arm()
        try:
            held.storing = self._ledger.database.write(_row(carrier, part, now_ns))
        except DatabaseError:
            reassembler.take_back(part)
            raise
        held.storing.add_done_callback(partial(self._segment_stored, reassembler, part, acknowledge))

    def _segment_stored(
        self, reassembler: Reassembler, part: Part, acknowledge: Acknowledge, durable: Durable
    ) -> None:
        if _failed(durable):
            part.context.row = False
            reassembler.take_back(part)
        _acknowledge(acknowledge, durable)

    def _store_whole(self, carrier: str, whole: Reassembled, acknowledge: Acknowledge) -> None:
        """Store a text whose last segment is here; without that, its other segments go on waiting for it."""
        reopen = partial(self._reopen, carrier, whole)
        try:
            durable = self._store(carrier, whole, acknowledge, reopen)
        except BaseException:
            reopen()
            raise
        for part in whole.parts:
            part.context.storing = durable

    def _reopen(self, carrier: str, whole: Reassembled) -> None:
        kept = [part for part in whole.parts if part.context.row]
        for part in kept:
            if part.context.storing is not None and part.context.storing.done():
                part.context.storing = None  # its row is there
        again = self._reassembler(carrier).reopen(whole, kept, self._ledger.clock.now_ns())
        if again is not None:  # the rest of it came again while this was under way, and is stored
            self._store_soon(carrier, again)
        self._arm()

    def _reassembler(self, carrier: str) -> Reassembler:
        found = self._reassemblers.get(carrier)
        if found is None:
            found = self._reassemblers[carrier] = Reassembler(expiry_ns=self._expiry_ns)
        return found

    def _store(
        self,
        carrier: str,
        whole: Reassembled,
        acknowledge: Acknowledge,
        forget: Callable[[], None] | None = None,
    ) -> Durable:
        """Store a text, then acknowledge it; where that fails, `forget` it and have it sent again."""
        message, heard, intents = self._taken(carrier, whole)
        try:
            durable = self._ledger.database.write(*intents)
        except DatabaseError:
            for each in heard:
                each.abandon()
            raise
        durable.add_done_callback(partial(self._stored, message, heard, acknowledge, forget))
        return durable

    def _store_soon(self, carrier: str, whole: Reassembled) -> None:
        """Store a text that nobody sends again, however long it takes."""
        message, heard, intents = self._taken(carrier, whole)
        self._ledger.unstored.write(message.id, intents, partial(self._told, message, heard))

    def _taken(self, carrier: str, whole: Reassembled) -> tuple[Message, list[Hearing], tuple[Any, ...]]:
        """A judged text, what follows from it, and what to write for both."""
        message = self._judged(carrier, whole)
        done = [DeleteInboundSegment(part.context.row_id) for part in whole.parts if part.context is not None]
        heard = [each for listener in self._listeners if (each := listener(message)) is not None]
        follows = [intent for each in heard for intent in each.intents]
        return message, heard, (InsertMessage(*message_row(message)), *done, *follows)

    def _stored(
        self,
        message: Message,
        heard: list[Hearing],
        acknowledge: Acknowledge,
        forget: Callable[[], None] | None,
        durable: Durable,
    ) -> None:
        try:
            if not _failed(durable):
                self._told(message, heard)
                return
            for each in heard:
                each.abandon()
            if forget is not None:
                forget()
        finally:
            _acknowledge(acknowledge, durable)

    def _told(self, message: Message, heard: list[Hearing]) -> None:
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
                self._store_soon(carrier, given_up)
        self._arm()


def _answer(acknowledge: Acknowledge, storing: Durable | None) -> None:
    """Answer what came already: when what it came with is durable."""
    if storing is None:
        acknowledge(CommandStatus.ROK)
    else:
        storing.add_done_callback(partial(_acknowledge, acknowledge))


def _acknowledge(acknowledge: Acknowledge, durable: Durable) -> None:
    acknowledge(CommandStatus.RX_T_APPN if _failed(durable) else CommandStatus.ROK)


def _failed(durable: Durable) -> bool:
    return durable.cancelled() or durable.exception() is not None


def _row(carrier: str, part: Part, now_ns: int) -> InsertInboundSegment:
    return InsertInboundSegment(
        part.context.row_id,
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


def _state_of(verdict: Verdict | None) -> State:
    if verdict is None:
        return State.RECEIVED
    return State.UNDELIVERABLE if verdict.code in _NOBODY else State.REJECTED


def _e164(address: str, ton: int) -> str:
    if ton == TON_INTERNATIONAL and not address.startswith("+"):
        return f"+{address}"
    return address
