"""The SMSC's side of a replay: recorded answers, receipts and inbound texts for an ESME that does it again.

An ESME under test has its own order and pace, so its submits are found in the capture by what they are:
numbers, coding, text and place in a long text. One that is not recorded is accepted, and counted. Pure; see
`gateway.replay.player`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Any, Final

from gateway.replay.compare import Ledger
from gateway.replay.player import StepReader
from gateway.replay.remembered import Awaited
from gateway.replay.rewrite import Halves, References, rewrite_receipt
from gateway.replay.story import AnswerStep, RequestStep, Step, wants_receipt
from gateway.replay.trace import Side
from gateway.smpp.frozen import frozen
from gateway.smpp.pdu import DataSm, Pdu, SubmitMulti, SubmitSm, response_to
from gateway.smpp.segment import MalformedUdh, read_part

LOOK_AHEAD: Final = 10_000
_FIRST_REFERENCE: Final = 0x4000
_Pair = tuple[str, str]


@frozen
class Reply:
    """The answer to a submit, and how long to wait with it. `number` 0: not in the capture."""

    number: int
    response: Pdu
    after_ns: int


@frozen
class Deliver:
    """Send the SMSC's request `number`; `about` is the submit that a receipt is about, or 0.

    What `sending` returns is what goes out.
    """

    number: int
    pdu: Pdu
    about: int


@dataclass(frozen=True, slots=True)
class ServedSoFar:
    """Where a stopped `CarrierPlayer` was, for the one that takes it up."""

    now_ns: int
    steps: int = 0
    """Steps of the capture that were read."""
    todo: frozenset[int] = frozenset()
    """Requests among them that were neither asked for nor sent."""
    answered: dict[int, tuple[str, int]] = field(default_factory=dict)
    """(message id, moment) of the submits whose receipts are still to come."""
    opened: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What had come of messages whose recorded outcome has not been read."""
    ids: int = 0
    matched: int = 0
    delivered: int = 0
    unexpected: int = 0
    references: Halves = field(default_factory=lambda: Halves(_FIRST_REFERENCE))


class _Submit:
    """A recorded submit that has not been matched, or whose receipts are still to come."""

    __slots__ = ("answered_ns", "at_ns", "message_id", "receipts", "status", "took_ns")

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns
        self.status: int | None = None
        self.took_ns = 0
        self.answered_ns: int | None = None
        self.message_id = ""
        self.receipts: list[RequestStep] = []


class CarrierPlayer:
    """`prefix` begins the message ids of this run.

    `earlier` is what an earlier run, that was stopped, has done already (`stopped`).
    """

    def __init__(
        self,
        steps: Iterator[Step],
        ledger: Ledger,
        *,
        prefix: str = "r",
        look_ahead: int = LOOK_AHEAD,
        earlier: ServedSoFar | None = None,
    ) -> None:
        self._reader = StepReader(steps)
        self._ledger = ledger
        self._prefix = prefix
        self._look_ahead = look_ahead
        self._index: dict[bytes, deque[int]] = {}
        self._submits: Awaited[int, _Submit] = Awaited(20 * look_ahead)
        self._unmatched = 0
        self._pairs: dict[_Pair, set[int]] = {}
        self._heap: list[tuple[int, int, RequestStep]] = []
        self._released: list[_Ordered] = []
        self.start_ns = self._reader.captured_ns
        self._earlier = earlier = earlier or ServedSoFar(self.start_ns)
        self.start_ns = max(self.start_ns, earlier.now_ns)
        self._steps = 0
        self._todo: set[int] = set()
        self._handed: dict[int, RequestStep] = {}
        self._references = References()
        self._references.take_up(earlier.references)
        self._ids = earlier.ids
        self.matched, self.unexpected = earlier.matched, earlier.unexpected
        self.delivered = earlier.delivered
        self._load()

    @property
    def exhausted(self) -> bool:
        """Everything recorded was asked for, answered and sent."""
        return self._reader.next_ns is None and not (self._unmatched or self._heap or self._released)

    @property
    def missing(self) -> int:
        """Recorded submits that were read and have not come."""
        return self._unmatched

    @property
    def share(self) -> float:
        """How much of what was read has been asked for or sent, 0 to 1: reading runs ahead of the ESME."""
        done = self.matched + self.delivered
        return done / (done + len(self._todo)) if self._todo else 1.0

    def submitted(self, pdu: Pdu, now_ns: int) -> Reply:
        """The ESME submits."""
        number = self._match(pdu)
        self._ids += 1
        message_id = f"{self._prefix}{self._ids:x}"
        submit = self._submits.get(number) if number else None
        if submit is None:
            self.unexpected += 1
            return Reply(0, response_to(pdu, message_id=message_id), 0)
        self.matched += 1
        status = submit.status or 0
        submit.message_id, submit.answered_ns = message_id, now_ns
        self._ledger.sent(number, now_ns)
        self._ledger.answered(number, status, now_ns + submit.took_ns)
        for step in submit.receipts:
            self._schedule(step, submit)
        submit.receipts.clear()
        if status or not wants_receipt(pdu):
            self._submits.settle(number)
        self._load()
        body = {} if status else {"message_id": message_id}
        return Reply(number, response_to(pdu, status, **body), submit.took_ns)

    def next_due_ns(self) -> int | None:
        """When the next receipt or inbound text goes out; None while nothing is scheduled."""
        times = [self._heap[0][0]] if self._heap else []
        times += [self._released[0][0]] if self._released else []
        return min(times, default=None)

    def due(self, now_ns: int | None) -> list[Deliver]:
        """What is to be sent by now, in order. With None, a text answers only what it followed."""
        ready: list[Deliver] = []
        while self._released and (now_ns is None or self._released[0][0] <= now_ns):
            due_ns, step, message_id, submitted_ns = heappop(self._released)
            done_ns = due_ns if now_ns is None else now_ns
            pdu = rewrite_receipt(step.pdu, message_id, submitted_ns, done_ns)
            ready.append(self._deliver(step, pdu, step.about))
        held: list[tuple[int, int, RequestStep]] = []
        while self._heap and (now_ns is None or self._heap[0][0] <= now_ns):
            entry = heappop(self._heap)
            if now_ns is None and self._follows_something(entry[2]):
                held.append(entry)
                continue
            ready.append(self._deliver(entry[2], entry[2].pdu, 0))
        for entry in held:
            heappush(self._heap, entry)
        if ready:
            self._load()
        return ready

    def sending(self, deliver: Deliver, now_ns: int) -> Pdu:
        """A receipt or inbound text goes out now."""
        step = self._handed.pop(deliver.number)
        self.delivered += 1
        self._todo.discard(deliver.number)
        self._ledger.sent(deliver.number, now_ns)
        if step.receipt is not None and step.receipt.final:
            self._submits.settle(step.about)
        return self._references.rewrite(deliver.pdu, step.conversation)

    def answered(self, number: int, status: int, now_ns: int) -> None:
        """The ESME has answered a receipt or inbound text."""
        self._ledger.answered(number, status, now_ns)

    def finish(self) -> None:
        """Nothing more will come; every message is settled."""
        for number, submit in self._submits.opened():
            if submit.answered_ns is None and submit.status is None:
                self._ledger.expect_answer(number, 0, 0)
        self._ledger.finish()

    def stopped(self, now_ns: int) -> ServedSoFar:
        """Nothing more is done in this run: what a later one has to know.

        What nobody waits for any more is settled.
        """
        opened = self._ledger.opened()
        self._ledger.finish(but=opened.keys() | self._todo)
        answered = {
            number: (submit.message_id, submit.answered_ns)
            for number, submit in self._submits.opened()
            if submit.answered_ns is not None
        }
        return ServedSoFar(
            now_ns, max(self._steps, self._earlier.steps), frozenset(self._todo), answered, opened,
            self._ids, self.matched, self.delivered, self.unexpected, self._references.halves(),
        )  # fmt: skip

    def _deliver(self, step: RequestStep, pdu: Pdu, about: int) -> Deliver:
        self._handed[step.number] = step
        return Deliver(step.number, pdu, about)

    def _load(self) -> None:
        """Read on until enough is known of what may come."""
        while (
            self._steps < self._earlier.steps
            or self._unmatched + len(self._heap) + len(self._released) < self._look_ahead
        ):
            step = self._reader.take(None)
            if step is None:
                return
            self._steps += 1
            if self._steps <= self._earlier.steps and isinstance(step, RequestStep):
                self._recall(step)
            else:
                self._note(step)

    def _recall(self, step: RequestStep) -> None:
        """A request that an earlier run has read: most are done with, but for receipts of theirs."""
        if step.number in self._earlier.todo:
            self._note(step)
            return
        answered = self._earlier.answered.get(step.number)
        if answered is not None:
            submit = _Submit(step.at_ns)
            submit.message_id, submit.answered_ns = answered
            self._submits.add(step.number, submit)
        kept = self._earlier.opened.get(step.number)
        if kept is not None:
            self._ledger.restore(step.number, step.pdu, None, kept, receipts=False)

    def _note(self, step: Step) -> None:
        if isinstance(step, AnswerStep):
            took_ns = self._reader.since(step.number, step.at_ns)
            self._ledger.expect_answer(step.number, step.status, took_ns)
            submit = self._submits.get(step.number)
            if submit is not None:
                submit.status, submit.took_ns = step.status, took_ns
        elif isinstance(step, RequestStep) and step.sender is Side.ESME:
            if isinstance(step.pdu, SubmitSm | DataSm | SubmitMulti):
                self._expect(step)
        elif isinstance(step, RequestStep):
            self._todo.add(step.number)
            self._ledger.request(step.number, step.pdu, step.at_ns, None, receipts=False)
            about = self._submits.get(step.about)
            if step.receipt is None or about is None:
                heappush(self._heap, (step.at_ns, step.number, step))
            elif about.answered_ns is None:
                about.receipts.append(step)
            else:
                self._schedule(step, about)

    def _expect(self, step: RequestStep) -> None:
        self._submits.add(step.number, _Submit(step.at_ns))
        self._index.setdefault(content_key(step.pdu), deque()).append(step.number)
        self._pairs.setdefault(_pair(step.pdu), set()).add(step.number)
        self._unmatched += 1
        self._todo.add(step.number)
        self._ledger.request(step.number, step.pdu, step.at_ns, None, receipts=False)

    def _match(self, pdu: Pdu) -> int:
        key = content_key(pdu)
        numbers = self._index.get(key)
        if not numbers:
            return 0
        number = numbers.popleft()
        if not numbers:
            del self._index[key]
        pair = _pair(pdu)
        waiting = self._pairs.get(pair)
        if waiting is not None:
            waiting.discard(number)
            if not waiting:
                del self._pairs[pair]
        self._unmatched -= 1
        self._todo.discard(number)
        return number

    def _schedule(self, step: RequestStep, submit: _Submit) -> None:
        """A receipt follows its submit as closely as it did, and never goes before the answer."""
        assert submit.answered_ns is not None  # noqa: S101 - only answered submits get here
        after_ns = max(step.at_ns - submit.at_ns, submit.took_ns)
        due_ns = submit.answered_ns + after_ns
        entry = (due_ns, step, submit.message_id, submit.answered_ns)
        heappush(self._released, _Ordered(entry))

    def _follows_something(self, step: RequestStep) -> bool:
        """Whether a submit of the same two numbers that came before is still awaited."""
        source, destination = _pair(step.pdu)
        waiting = self._pairs.get((destination, source), ())
        return any(number < step.number for number in waiting)


class _Ordered(tuple[int, RequestStep, str, int]):
    """A heap entry in order of (time, number)."""

    __slots__ = ()

    def __lt__(self, other: Any) -> bool:
        return bool((self[0], self[1].number) < (other[0], other[1].number))


def _digits(address: str) -> str:
    return address.removeprefix("+")


def _pair(pdu: Pdu) -> _Pair:
    anything: Any = pdu
    destination = getattr(pdu, "destination_addr", "")
    return _digits(anything.source_addr), _digits(destination)


def content_key(pdu: Pdu) -> bytes:
    """What makes two submits the same message, whoever sends them: all but references and numbers."""
    anything: Any = pdu
    short_message = getattr(pdu, "short_message", b"")
    try:
        part = read_part(
            "", "", short_message, esm_class=anything.esm_class, data_coding=anything.data_coding,
            tlvs=pdu.tlvs,
        )  # fmt: skip
        body, total, number = part.body, part.total, part.number
        if not body and not short_message:
            body = next((tlv.value for tlv in pdu.tlvs if tlv.tag == 0x0424), b"")
    except MalformedUdh:
        body, total, number = short_message, 1, 1
    key = repr((_pair(pdu), anything.data_coding, total, number)).encode() + body
    return blake2b(key, digest_size=16).digest()
