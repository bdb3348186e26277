"""Stored texts go out from here: at their release time, in order per pair of numbers, each segment once.

No task and no timer per text: what may go now is handed to the carrier's binds, what has to wait stands in
the world clock's one queue. The segments of a text are queued together, so that no other text of the pair
comes between them; a refused segment takes back those that have not gone.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence

from gateway.esme.errors import EsmeError
from gateway.esme.pool import CarrierPool
from gateway.esme.submission import Setback, Submission, SubmitOutcome, SubmitResult
from gateway.messages.correlation import Awaited
from gateway.messages.intents import InsertSegment, InsertSetback
from gateway.messages.ledger import Ledger
from gateway.messages.model import Message, Segment, State
from gateway.messages.outbound import SubmitTerms, build_submits
from gateway.messages.receipts import Receipts
from gateway.runtime.clock import TimerHandle
from gateway.runtime.database import DatabaseError
from gateway.smpp.constants import status_name
from gateway.smpp.pdu import SubmitSm

SECOND_NS = 1_000_000_000
#: Of one text and one run; a carrier that refuses it for hours says nothing new.
MAX_SETBACKS = 100
_new = tuple.__new__  # without the frame of a named tuple's own: one is made for every answer
# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_ACCEPTED = SubmitOutcome.ACCEPTED


class Outgoing:
    """One text on its way out."""

    __slots__ = (
        "answered",
        "carrier",
        "destination",
        "expires_ns",
        "failed",
        "flying",
        "message_id",
        "pending",
        "reservation",
        "setbacks",
        "submitted_ns",
        "timer",
        "total",
    )

    def __init__(self, message: Message, total: int, reservation: object, submitted_ns: int) -> None:
        self.message_id = message.id
        self.carrier = message.carrier
        self.destination = message.destination
        self.expires_ns = message.expires_ns
        self.total = total
        self.answered = 0
        self.failed = False
        self.flying = 0
        self.submitted_ns = submitted_ns
        self.reservation = reservation
        self.setbacks = 0
        self.pending: list[Submission] = []
        self.timer: TimerHandle | None = None


class Dispatch:
    """Hands texts to carriers and notes what the carriers answer.

    `refund(reservation, now_ns)` gives a text's room in the limiter back when it did not go;
    `refund_refused` says whether a carrier's refusal does so too. `opted_out(message)`: its recipient has
    opted out while it waited for its release.
    """

    def __init__(
        self,
        *,
        outlets: Mapping[str, CarrierPool],
        terms_of: Callable[[str], SubmitTerms],
        ledger: Ledger,
        receipts: Receipts,
        refund: Callable[[object, int], None],
        refund_refused: bool = False,
        opted_out: Callable[[Message], bool] | None = None,
    ) -> None:
        self._outlets = outlets
        self.terms_of = terms_of
        self._ledger = ledger
        self._clock = ledger.clock
        self._receipts = receipts
        self._refund = refund
        self._refund_refused = refund_refused
        self._opted_out = opted_out
        self._later: dict[int, tuple[Message, object, frozenset[int], TimerHandle]] = {}
        self._accepted_ns: dict[str, dict[int, int]] = {carrier: {} for carrier in outlets}
        self._stopping = False
        for outlet in outlets.values():
            outlet.on_lost = self._lost
            outlet.on_setbacks = self._set_back

    def waiting(self, carrier: str) -> int:
        """Texts and segments that wait for this carrier: for their release time or for a bind."""
        return len(self._accepted_ns[carrier]) + self._outlets[carrier].queue_length

    def oldest_s(self, carrier: str) -> float:
        """Seconds the oldest of them has waited: world time for a release, wire time for a bind."""
        accepted_ns = next(iter(self._accepted_ns[carrier].values()), None)
        waited_s = self._outlets[carrier].queue_oldest_s
        if accepted_ns is None:
            return waited_s
        return max(waited_s, (self._clock.now_ns() - accepted_ns) / SECOND_NS)

    def serves(self, carrier: str) -> bool:
        """Whether there are binds to this carrier."""
        return carrier in self._outlets

    def take(self, message: Message, reservation: object = None, done: frozenset[int] = frozenset()) -> None:
        """Send a durable text now, or at its release time; `done` are the parts a restart need not repeat."""
        if self._stopping:
            return  # it is durable: the next start sends it
        if message.release_ns > self._clock.now_ns():
            self._wait(message, reservation, done)
        else:
            self._release(message, reservation, done)

    def take_all(self, taken: Sequence[tuple[Message, object]]) -> None:
        """As `take` for each text with its reservation, in order."""
        if self._stopping:
            return
        now_ns = self._clock.now_ns()
        due = []
        for one in taken:
            message, reservation = one
            if message.release_ns > now_ns:
                self._wait(message, reservation, frozenset())
            elif message.expires_ns <= now_ns:
                self._release(message, reservation, frozenset())
            else:
                due.append(one)
        submits = [build_submits(message, self.terms_of(message.carrier), now_ns) for message, _ in due]
        alone: dict[str, list[tuple[Message, SubmitSm, object]]] = {}  # of one segment, by carrier
        for (message, reservation), pdus in zip(due, submits, strict=True):
            if len(pdus) == 1:
                alone.setdefault(message.carrier, []).append((message, pdus[0], reservation))
            else:
                self._send_together(alone, now_ns)  # so that texts of a pair go in their order
                alone.clear()
                self._send(message, pdus, reservation, frozenset(), now_ns)
        self._send_together(alone, now_ns)

    def _send_together(
        self, alone: Mapping[str, Sequence[tuple[Message, SubmitSm, object]]], now_ns: int
    ) -> None:
        """As `_send` for each text of one segment."""
        for carrier, texts in alone.items():
            outlet = self._outlets[carrier]
            if not outlet.bound or outlet.room < len(texts):
                for message, pdu, reservation in texts:
                    self._send(message, (pdu,), reservation, frozenset(), now_ns)
                continue
            outgoings = [Outgoing(message, 1, reservation, now_ns) for message, _, reservation in texts]
            segments = [
                (pdu, (message.source, message.destination), (outgoing, 0))
                for (message, pdu, _), outgoing in zip(texts, outgoings, strict=True)
            ]
            submissions = outlet.submit_all(segments, self._answered)
            self._clock.begin(len(texts))
            for outgoing, submission in zip(outgoings, submissions, strict=True):
                outgoing.pending.append(submission)
                outgoing.flying = 1

    def _wait(self, message: Message, reservation: object, done: frozenset[int]) -> None:
        timer = self._clock.call_at(message.release_ns, self._release_later, message.id)
        self._later[message.id] = message, reservation, done, timer
        self._accepted_ns[message.carrier][message.id] = message.created_ns
        self._ledger.queued(message.id)

    async def cancel(self, message_id: int) -> bool:
        """Take back a text that waits for its release time; False if it has gone or is not known.

        True once that is durable. Raises `DatabaseError` where it cannot be stored: the text then still goes.
        """
        waiting = self._later.get(message_id)
        if waiting is None:
            return False
        message, reservation, done, timer = waiting
        outcome = self._ledger.outcome(message_id, message.carrier, State.DELETED, code="cancelled")
        durable = self._ledger.finish(outcome)
        del self._later[message_id]
        self._accepted_ns[message.carrier].pop(message_id)
        timer.cancel()
        self._refund(reservation, self._clock.now_ns())
        try:
            await durable
        except DatabaseError:
            self.take(message, None, done)
            raise
        return True

    def stop(self) -> None:
        """Hand nothing more out; what waits is durable and goes out after the next start."""
        self._stopping = True
        for *_, timer in self._later.values():
            timer.cancel()
        self._later.clear()
        for waiting in self._accepted_ns.values():
            waiting.clear()

    def _release_later(self, message_id: int) -> None:
        message, reservation, done, _ = self._later.pop(message_id)
        self._accepted_ns[message.carrier].pop(message_id)
        if self._opted_out is not None and not done and self._opted_out(message):
            self._refund(reservation, self._clock.now_ns())
            code, party = "recipient_opted_out", "gateway"
            self._end(message.id, message.carrier, State.REJECTED, code, party)
            return
        self._release(message, reservation, done)

    def _release(self, message: Message, reservation: object, done: frozenset[int]) -> None:
        now_ns = self._clock.now_ns()
        if now_ns >= message.expires_ns:
            self._refund(reservation, now_ns)
            self._end(message.id, message.carrier, State.EXPIRED, "validity_expired")
            return
        submits = build_submits(message, self.terms_of(message.carrier), now_ns)
        self._send(message, submits, reservation, done, now_ns)

    def _end(
        self, message_id: int, carrier: str, state: State, code: str, blocked_by: str | None = None
    ) -> None:
        outcome = self._ledger.outcome(message_id, carrier, state, code=code, blocked_by=blocked_by)
        self._ledger.finish_soon(outcome)

    def _send(
        self,
        message: Message,
        submits: tuple[SubmitSm, ...],
        reservation: object,
        done: frozenset[int],
        now_ns: int,
    ) -> None:
        outlet = self._outlets[message.carrier]
        outgoing = Outgoing(message, len(submits), reservation, now_ns)
        outgoing.answered = len(done)
        bound = outlet.bound
        if not bound:
            self._ledger.queued(message.id)
        pair = (message.source, message.destination)
        for part, pdu in enumerate(submits):
            if part not in done:
                self._submit(outlet, outgoing, part, pdu, pair, bound)
                if outgoing.failed:
                    return
        if outgoing.answered == outgoing.total:
            self._ledger.submitted([(message.id,)])
        elif outgoing.total > 1 or not bound:
            outgoing.timer = self._clock.call_at(message.expires_ns, self._expire, outgoing)

    def _submit(
        self, outlet: CarrierPool, outgoing: Outgoing, part: int, pdu: SubmitSm, pair: Hashable, bound: bool
    ) -> None:
        try:
            outgoing.pending.append(outlet.submit(pdu, pair, self._answered, (outgoing, part)))
        except EsmeError:
            self._fail(outgoing, State.REJECTED, "queue_full", "gateway")
            return
        if bound:  # what waits for a bind must not hold the world still
            self._clock.begin()
            outgoing.flying += 1

    def _land(self, outgoing: Outgoing) -> None:
        if outgoing.flying:
            outgoing.flying -= 1
            self._clock.end()

    def _answered(self, results: list[tuple[tuple[Outgoing, int], SubmitResult]]) -> None:
        """Note what carriers made of segments, in order; step by step over those accepted, as intake does."""
        accepted: list[tuple[Outgoing, int, SubmitResult]] = []
        landed = 0
        try:
            for (outgoing, part), result in results:
                if outgoing.flying:
                    outgoing.flying -= 1
                    landed += 1
                if result.outcome is _ACCEPTED:
                    accepted.append((outgoing, part, result))
                else:
                    self._accepted(accepted)
                    accepted.clear()
                    self._not_accepted(outgoing, part, result)
            self._accepted(accepted)
        finally:
            self._clock.end(landed)

    def _not_accepted(self, outgoing: Outgoing, part: int, result: SubmitResult) -> None:
        if result.outcome is SubmitOutcome.REFUSED:
            answer = self._segment(outgoing, part, result, None, self._clock.now_ns())
            self._ledger.note(outgoing.message_id, answer)
            name = status_name(result.command_status).lower()
            self._fail(outgoing, State.REJECTED, name, "carrier", refused=True)
        elif result.outcome is SubmitOutcome.EXPIRED:
            self._fail(outgoing, State.EXPIRED, "window_wait_timeout", "gateway")
        elif result.outcome is SubmitOutcome.NO_RESPONSE:
            self._fail(outgoing, State.UNKNOWN, "no_response", None, refused=True)
        # STOPPED: the text stays as it is stored, and the next start goes on with it.

    def _accepted(self, accepted: list[tuple[Outgoing, int, SubmitResult]]) -> None:
        now_ns, expect = self._clock.now_ns(), self._receipts.expect
        answers = [
            self._segment(outgoing, part, result, result.message_id, now_ns)
            for outgoing, part, result in accepted
        ]
        submitted = []
        for (outgoing, _, _), answer in zip(accepted, answers, strict=True):
            outgoing.answered += 1
            if outgoing.answered == outgoing.total:
                outgoing.pending.clear()  # they know this text: a circle, which would wait for the collector
                if not outgoing.failed:
                    if outgoing.timer is not None:
                        outgoing.timer.cancel()
                    submitted.append((outgoing.message_id, answer))
                    continue
            self._ledger.note(outgoing.message_id, answer)
        self._ledger.submitted(submitted)
        for outgoing, part, result in accepted:
            if result.message_id and not outgoing.failed:
                segment = _new(Awaited, (outgoing.message_id, part, outgoing.total))
                expect(
                    outgoing.carrier, result.message_id, segment, outgoing.destination, outgoing.expires_ns
                )

    def _segment(
        self, outgoing: Outgoing, part: int, result: SubmitResult, smsc_id: str | None, now_ns: int
    ) -> InsertSegment:
        response = result.response
        sequence_number = response.sequence_number if response is not None else 0
        answer = smsc_id, sequence_number, result.command_status, outgoing.submitted_ns, now_ns
        return _new(InsertSegment, (outgoing.message_id, part, outgoing.carrier, *answer))

    def _lost(self, lost: list[tuple[Outgoing, int]]) -> None:
        """A bind went down under segments, which go again, but not for longer than the text is valid."""
        for outgoing, _ in lost:
            if outgoing.timer is None and not outgoing.failed:
                outgoing.timer = self._clock.call_at(outgoing.expires_ns, self._expire, outgoing)

    def _set_back(self, setbacks: list[tuple[tuple[Outgoing, int], Setback]]) -> None:
        """Sendings settled nothing: note them for their texts' stories, as long as those can be read."""
        now_ns = self._clock.now_ns()
        for (outgoing, part), setback in setbacks:
            outgoing.setbacks += 1
            if outgoing.setbacks <= MAX_SETBACKS:
                bind, trouble, number, status = (
                    setback.bind,
                    setback.trouble.value,
                    setback.sequence_number,
                    setback.command_status,
                )
                told = InsertSetback(
                    outgoing.message_id, part, outgoing.carrier, bind, trouble, number, status, now_ns
                )
                self._ledger.database.write_soon(told)

    def _expire(self, outgoing: Outgoing) -> None:
        """The validity is over; segments that are with the carrier will say so themselves."""
        if outgoing.answered == outgoing.total or outgoing.failed:
            return
        self._fail(outgoing, State.EXPIRED, "validity_expired", "gateway")

    def _fail(
        self, outgoing: Outgoing, state: State, code: str, blocked_by: str | None, *, refused: bool = False
    ) -> None:
        if outgoing.failed:
            return
        outgoing.failed = True
        if outgoing.timer is not None:
            outgoing.timer.cancel()
        outlet = self._outlets[outgoing.carrier]
        for submission in outgoing.pending:
            if outlet.withdraw(submission):
                self._land(outgoing)
        outgoing.pending.clear()
        if not refused or self._refund_refused:
            self._refund(outgoing.reservation, self._clock.now_ns())
        self._receipts.forget(outgoing.message_id)
        self._end(outgoing.message_id, outgoing.carrier, state, code, blocked_by)


def done_parts(segments: list[Segment]) -> frozenset[int]:
    """Parts that a carrier has accepted: what a restart need not send again."""
    return frozenset(segment.part for segment in segments if segment.status == 0)
