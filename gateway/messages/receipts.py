"""Delivery receipts: matched whatever their notation, also when they overtake the submit_sm_resp, each once.

A receipt is answered only when what it says is durable; where that fails everything is as if it had never
come, since the carrier sends it again. One that no known submit explains is stored as an orphan and waits for
its submit_sm_resp; a segment whose receipt stays out is given up after the validity and its grace.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gateway.esme.deliver import Acknowledge
from gateway.messages.correlation import Awaited, AwaitedReceipts, Matched
from gateway.messages.intents import DeleteOrphanReceipt, InsertOrphanReceipt, MarkReceipt
from gateway.messages.ledger import Ledger, Outcome
from gateway.messages.model import STATE_OF_RECEIPT, Progress, State
from gateway.messages.settings import MessagesSettings
from gateway.runtime.clock import TimerHandle
from gateway.runtime.database import DatabaseError
from gateway.runtime.ids import IdSource
from gateway.runtime.metrics import Metrics
from gateway.smpp.constants import CommandStatus, MessageState
from gateway.smpp.pdu import DataSm, DeliverSm
from gateway.smpp.receipt import STAT_WORDS, NotAReceipt, Receipt, canonical_id, id_candidates, read_receipt
from gateway.smpp.segment import user_data

_new = tuple.__new__  # without the frame of a named tuple's own: one is made for every receipt
_DELIVERED = State.DELIVERED  # bound once: an enumeration's member costs ten times a name
SECOND_NS = 1_000_000_000
_STATE_OF_WORD = {word: STATE_OF_RECEIPT.get(state) for state, word in STAT_WORDS.items()}
Durable = asyncio.Future[None]


@dataclass(slots=True)
class Orphan:
    """A final receipt that waits for its submit_sm_resp."""

    id: int
    carrier: str
    candidates: tuple[str, ...]
    source: str
    state: MessageState
    error: str | None
    received_ns: int
    text: bytes
    matched: bool = False


class Receipts:
    """The receipts of all carriers; `refused` hears of each text that its receipts say was refused."""

    def __init__(self, ledger: Ledger, settings: MessagesSettings, ids: IdSource, metrics: Metrics) -> None:
        self._ledger = ledger
        self._ids = ids
        self._validity_ns = round(settings.validity_s * SECOND_NS)
        self._grace_ns = round(settings.receipt_grace_s * SECOND_NS)
        self._orphan_ns = round(settings.orphan_receipt_s * SECOND_NS)
        self._awaited: dict[str, AwaitedReceipts] = {}
        self._progress: dict[int, Progress] = {}
        self._orphans: dict[tuple[str, str], Orphan] = {}
        self._orphan_aliases: dict[tuple[str, str, str], Orphan] = {}
        self._orphan_order: deque[Orphan] = deque()
        self._timer: TimerHandle | None = None
        self.refused: Callable[[int], None] | None = None
        self._missing = metrics.counter(
            "gateway_receipts_missing_total", "Segments whose receipt never came", ("carrier",)
        )
        self._unexpected = metrics.counter(
            "gateway_receipts_unexpected_total", "Receipts for nothing that was submitted here", ("carrier",)
        )
        self._warnings = metrics.counter(
            "gateway_receipt_warnings_total", "Receipts that contradict themselves", ("carrier", "warning")
        )

    @property
    def waiting(self) -> int:
        """Segments whose receipt may still come."""
        return sum(len(awaited) for awaited in self._awaited.values())

    def expect(self, carrier: str, smsc_id: str, segment: Awaited, destination: str, expires_ns: int) -> None:
        """A carrier accepted a segment under `smsc_id`; its receipt may have come already."""
        canonical = canonical_id(smsc_id)
        if segment.total > 1:
            self._progress.setdefault(segment.message_id, Progress(segment.total))
        orphan = self._orphan_of(carrier, canonical, destination) if self._orphan_order else None
        if orphan is not None:
            self._settle_from(orphan, segment)
            return
        awaited = self._awaited.get(carrier)
        if awaited is None:
            awaited = self._awaited[carrier] = AwaitedReceipts(self._validity_ns)
        awaited.expect(canonical, segment, destination, expires_ns + self._grace_ns)
        if self._timer is None:
            self._arm()

    def resume(self, message_id: int, total: int, part: int, receipt_word: str) -> None:
        """After a restart: this part of a multipart text has its receipt already."""
        state = _STATE_OF_WORD.get(receipt_word)
        if state is not None and total > 1:
            self._progress.setdefault(message_id, Progress(total)).settle(part, state)

    def resume_orphan(self, orphan: Orphan) -> None:
        """After a restart: a receipt that still waits for its submit."""
        self._keep(orphan)

    def take(self, carrier: str, pdu: DeliverSm | DataSm, acknowledge: Acknowledge) -> None:
        """Take a receipt: acknowledge it once it is durable, have it sent again where it cannot be stored.

        Raises `DatabaseError` where it is not even taken; then it is not answered.
        """
        short_message = pdu.short_message if isinstance(pdu, DeliverSm) else b""
        try:
            receipt = read_receipt(short_message, esm_class=pdu.esm_class, tlvs=pdu.tlvs)
        except NotAReceipt:
            self._unexpected.labels(carrier).inc()
            acknowledge(CommandStatus.ROK)
            return
        for warning in receipt.warnings:
            self._warnings.labels(carrier, warning).inc()
        if receipt.state not in STATE_OF_RECEIPT:  # on its way; the final receipt is still to come
            acknowledge(CommandStatus.ROK)
            return
        awaited = self._awaited.get(carrier)
        segment = None
        if awaited is not None:  # most carriers write an id one way: the others are worked out if need be
            segment = awaited.match((canonical_id(receipt.message_id),), pdu.source_addr)
        text = user_data(short_message, pdu.tlvs)
        if segment is None:
            candidates = id_candidates(receipt.message_id)
            segment = awaited.match(candidates, pdu.source_addr) if awaited is not None else None
            if segment is None:
                self._adopt(carrier, candidates, pdu.source_addr, receipt, text, acknowledge)
                return
        self._settle(carrier, segment, receipt, text, pdu.source_addr, acknowledge)

    def _settle(
        self,
        carrier: str,
        segment: Matched,
        receipt: Receipt,
        text: bytes,
        source: str,
        acknowledge: Acknowledge,
    ) -> None:
        state = receipt.state
        now_ns = self._ledger.clock.now_ns()
        told = STAT_WORDS[state], receipt.error, now_ns, text, segment.message_id, segment.part
        mark = _new(MarkReceipt, told)
        ended = self._outcome(carrier, segment, state, receipt.error)
        try:
            if ended is None:
                durable = self._ledger.database.write(mark)
            else:
                durable = self._ledger.hand_over(ended, mark)
        except DatabaseError:
            self._put_back(carrier, segment, ended, source)
            raise
        durable.add_done_callback(partial(self._stored, carrier, segment, mark, ended, source, acknowledge))

    def _stored(
        self,
        carrier: str,
        segment: Matched,
        mark: MarkReceipt,
        ended: Outcome | None,
        source: str,
        acknowledge: Acknowledge,
        durable: Durable,
    ) -> None:
        if durable.cancelled() or durable.exception() is not None:
            self._put_back(carrier, segment, ended, source)
            acknowledge(CommandStatus.RX_T_APPN)
            return
        try:
            if self._ledger.unstored:
                self._ledger.unstored.amend(mark)
            if ended is not None:
                if segment.total > 1:
                    self._progress.pop(segment.message_id, None)
                if self.refused is not None and ended.state is State.REJECTED:
                    self.refused(ended.message_id)
                self._ledger.finished(ended)
        finally:
            acknowledge(CommandStatus.ROK)

    def _put_back(self, carrier: str, segment: Matched, ended: Outcome | None, source: str) -> None:
        """A receipt could not be stored: the carrier sends it again, and it is awaited as before."""
        progress = self._progress.get(segment.message_id)
        if progress is not None:
            progress.take_back(segment.part)
            if ended is not None:
                progress.ending = False
        orphan = self._orphan_of(carrier, segment.smsc_id, source) if self._orphan_order else None
        if orphan is not None:  # it was sent again before it was answered
            self._settle_from(orphan, Awaited(segment.message_id, segment.part, segment.total))
            return
        self._awaited[carrier].put_back(segment)
        if self._timer is None:
            self._arm()

    def _settle_from(self, orphan: Orphan, segment: Awaited) -> None:
        """A receipt that came before was for this segment; nobody sends it again."""
        self._forget(orphan)
        word, now_ns = STAT_WORDS[orphan.state], self._ledger.clock.now_ns()
        mark = MarkReceipt(word, orphan.error, now_ns, orphan.text, segment.message_id, segment.part)
        ended = self._outcome(orphan.carrier, segment, orphan.state, orphan.error)
        self._settle_soon(segment, ended, mark, DeleteOrphanReceipt(orphan.id))

    def _settle_soon(
        self, segment: Awaited, ended: Outcome | None, *marks: MarkReceipt | DeleteOrphanReceipt
    ) -> None:
        if ended is not None:
            self._progress.pop(segment.message_id, None)
            if self.refused is not None and ended.state is State.REJECTED:
                self.refused(ended.message_id)
            self._ledger.finish_soon(ended, *marks)
        elif marks:
            self._ledger.unstored.write(segment.message_id, marks)

    def _outcome(
        self, carrier: str, segment: Awaited | Matched, state: MessageState, error: str | None
    ) -> Outcome | None:
        """What the text comes to with this receipt, None while it has others to wait for."""
        outcome = STATE_OF_RECEIPT[state]
        if segment.total > 1:
            together = self._aggregate(segment, outcome)
            if together is None:
                return None
            outcome = together
        if outcome is _DELIVERED:
            return self._ledger.outcome(segment.message_id, carrier, outcome)
        return self._ledger.outcome(
            segment.message_id,
            carrier,
            outcome,
            code=f"carrier_{error}" if error else None,
            blocked_by="carrier" if outcome is State.REJECTED else None,
        )

    def _aggregate(self, segment: Awaited | Matched, state: State) -> State | None:
        if segment.total == 1:
            return state
        progress = self._progress.get(segment.message_id)
        if progress is None:
            return None  # the text has ended already: a segment was refused
        outcome = progress.settle(segment.part, state)
        if outcome is None or progress.ending:
            return None
        progress.ending = True
        return outcome

    def forget(self, message_id: int) -> None:
        """The text ended without waiting for its receipts (a segment was refused)."""
        self._progress.pop(message_id, None)

    # Orphans

    def _adopt(
        self,
        carrier: str,
        candidates: tuple[str, ...],
        source: str,
        receipt: Receipt,
        text: bytes,
        acknowledge: Acknowledge,
    ) -> None:
        now_ns = self._ledger.clock.now_ns()
        orphan = Orphan(
            self._ids.new_id(), carrier, candidates, source, receipt.state, receipt.error, now_ns, text
        )
        durable = self._ledger.database.write(
            InsertOrphanReceipt(
                orphan.id, carrier, candidates[0], source, receipt.state.name, receipt.error, now_ns, text
            )
        )
        self._keep(orphan)
        durable.add_done_callback(partial(self._adopted, orphan, acknowledge))

    def _adopted(self, orphan: Orphan, acknowledge: Acknowledge, durable: Durable) -> None:
        if durable.cancelled() or durable.exception() is not None:
            self._forget(orphan)
            acknowledge(CommandStatus.RX_T_APPN)
        else:
            acknowledge(CommandStatus.ROK)

    def _orphan_of(self, carrier: str, canonical: str, destination: str) -> Orphan | None:
        """The receipt that waits for this id: as written, or in another notation from the same number."""
        orphan = self._orphans.get((carrier, canonical))
        if orphan is None:
            orphan = self._orphan_aliases.get((carrier, canonical, _digits(destination)))
        return orphan

    def _keep(self, orphan: Orphan) -> None:
        canonical, *others = orphan.candidates
        self._orphans[orphan.carrier, canonical] = orphan
        for candidate in others:
            self._orphan_aliases[orphan.carrier, candidate, _digits(orphan.source)] = orphan
        self._orphan_order.append(orphan)
        if self._timer is None or len(self._orphan_order) == 1:
            self._arm()

    def _forget(self, orphan: Orphan) -> None:
        canonical, *others = orphan.candidates
        if self._orphans.get((orphan.carrier, canonical)) is orphan:
            del self._orphans[orphan.carrier, canonical]
        for candidate in others:
            key = (orphan.carrier, candidate, _digits(orphan.source))
            if self._orphan_aliases.get(key) is orphan:
                del self._orphan_aliases[key]
        orphan.matched = True

    # Time

    def _arm(self) -> None:
        deadlines = [
            deadline
            for awaited in self._awaited.values()
            if (deadline := awaited.next_deadline()) is not None
        ]
        if self._orphan_order:
            deadlines.append(self._orphan_order[0].received_ns + self._orphan_ns)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadlines:
            self._timer = self._ledger.clock.call_at(min(deadlines), self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        now_ns = self._ledger.clock.now_ns()
        for carrier, awaited in self._awaited.items():
            for segment in awaited.give_up(now_ns):
                self._missing.labels(carrier).inc()
                outcome = self._aggregate(segment, State.UNKNOWN)
                if outcome is not None:
                    ended = segment.message_id, carrier, outcome
                    self._settle_soon(segment, self._ledger.outcome(*ended, code="receipt_missing"))
        self._drop_orphans(now_ns)
        self._arm()

    def _drop_orphans(self, now_ns: int) -> None:
        while self._orphan_order and self._orphan_order[0].received_ns + self._orphan_ns <= now_ns:
            orphan = self._orphan_order.popleft()
            if not orphan.matched:
                self._forget(orphan)
                self._unexpected.labels(orphan.carrier).inc()
                self._ledger.unstored.write(orphan.id, (DeleteOrphanReceipt(orphan.id),))


def _digits(number: str) -> str:
    """The part of a telephone number that every notation shares."""
    return number[-10:]
