"""What has to be done next, so that a capture happens again: pure, in captured time.

`EsmePlayer` sends what the recorded ESME sent; `carrier_player.CarrierPlayer` answers as the recorded SMSC
did, and sends its receipts and inbound texts. `now_ns` is a moment of captured time (the world of a replay
begins where its capture does); None is the end of all time: whatever may happen, happens.

Kept in any case: the order of requests in a conversation, its window, that nothing refers to a message before
that has got its id of this run, and that a receipt never goes before the answer to its submit. Memory is
bounded: reading stops while much waits to be sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gateway.replay.compare import Ledger
from gateway.replay.remembered import Awaited, Remembered
from gateway.replay.rewrite import Halves, References, with_message_id
from gateway.replay.story import (
    AnswerStep,
    BindStep,
    EndStep,
    RequestStep,
    Step,
    read_receipt_of,
    wants_receipt,
)
from gateway.replay.trace import Side
from gateway.smpp.constants import MessageState
from gateway.smpp.frozen import frozen
from gateway.smpp.pdu import BindTransceiver, Pdu
from gateway.smpp.receipt import Receipt, canonical_id, id_candidates

if TYPE_CHECKING:
    from gateway.replay.expectations import Expectation

MAX_WAITING: Final = 10_000


@frozen
class OpenLink:
    """A conversation begins: have a bind of kind `command_id` for it."""

    conversation: int
    command_id: int


@frozen
class SendRequest:
    """Send message `number` over its conversation's link."""

    conversation: int
    number: int
    pdu: Pdu


@frozen
class CloseLink:
    """A conversation has ended; its link may serve another one."""

    conversation: int


Command = OpenLink | SendRequest | CloseLink


@dataclass(frozen=True, slots=True)
class SentSoFar:
    """Where a stopped `EsmePlayer` was, for the one that takes it up."""

    taken: int
    """Requests of the ESME that were read."""
    waiting: frozenset[int] = frozenset()
    """Those of them that had not gone out: another conversation was ahead of theirs."""
    opened: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What had come of those that still wait for a receipt, and their message ids (`id`)."""
    inbound: int = 0
    references: Halves = field(default_factory=lambda: Halves(1))


class StepReader:
    """Steps with a look at the next one; knows when each request was captured."""

    def __init__(self, steps: Iterator[Step]) -> None:
        self._steps = steps
        self._head = next(steps, None)
        self._asked: Awaited[int, int] = Awaited()
        self.captured_ns = self._head.at_ns if self._head is not None else 0
        """Captured time of the latest step taken: a trace may step back, this does not."""

    @property
    def next_ns(self) -> int | None:
        """When the next step is due; None at the end."""
        return None if self._head is None else max(self._head.at_ns, self.captured_ns)

    @property
    def at_request(self) -> bool:
        """Whether the next step is a request of the ESME."""
        return isinstance(self._head, RequestStep) and self._head.sender is Side.ESME

    def take(self, now_ns: int | None) -> Step | None:
        """The next step if it is due, or if it only tells how something went on."""
        step, due_ns = self._head, self.next_ns
        if step is None or due_ns is None:
            return None
        if now_ns is not None and due_ns > now_ns and not _only_tells(step):
            return None
        self.captured_ns = due_ns
        self._head = next(self._steps, None)
        if isinstance(step, RequestStep):
            self._asked.add(step.number, step.at_ns, settled=not wants_receipt(step.pdu))
            if step.about and step.receipt is not None and step.receipt.final:
                self._asked.settle(step.about)
        return step

    def since(self, number: int, at_ns: int) -> int:
        """How long after request `number` a captured moment is; 0 where that is not known."""
        asked_ns = self._asked.get(number)
        return 0 if asked_ns is None else max(0, at_ns - asked_ns)


def _only_tells(step: Step) -> bool:
    return isinstance(step, AnswerStep) or (isinstance(step, RequestStep) and step.sender is Side.SMSC)


class EsmePlayer:
    """The ESME's side; `earlier` is what an earlier run, that was stopped, has done already (`stopped`)."""

    def __init__(
        self,
        steps: Iterator[Step],
        ledger: Ledger,
        *,
        expectation: Expectation | None = None,
        window: int = 10,
        earlier: SentSoFar | None = None,
    ) -> None:
        self._reader = StepReader(steps)
        self._ledger = ledger
        self._expectation = expectation
        self._window = window
        self._earlier = earlier = earlier or SentSoFar(0)
        self._taken = 0
        self._queues: dict[int, deque[RequestStep]] = {}
        self._waiting: set[int] = set()
        self._outstanding: dict[int, int] = {}
        self._used: dict[int, int] = {}
        self._ids: Awaited[int, str] = Awaited()
        self._numbers: Awaited[str, int] = Awaited()
        self._orphans: Remembered[str, tuple[Receipt, int]] = Remembered(10_000)
        self._references = References()
        self._references.take_up(earlier.references)
        self.sent = 0
        self.inbound = earlier.inbound
        self.recorded_inbound = 0
        self.restored: dict[int, str] = {}
        """Messages of an earlier run that are open still, and their ids."""
        self._first: list[Command] = []
        if earlier.taken:
            self._skip_what_was_sent()

    @property
    def captured_ns(self) -> int:
        """How far in captured time the replay is."""
        return self._reader.captured_ns

    @property
    def exhausted(self) -> bool:
        """Nothing is left to be sent."""
        return self._reader.next_ns is None and not (self._waiting or self._first)

    @property
    def unsent(self) -> frozenset[int]:
        """Messages that were read and have not gone out."""
        first = (command.number for command in self._first if isinstance(command, SendRequest))
        return frozenset(self._waiting).union(first)

    @property
    def outstanding(self) -> int:
        """Requests without an answer."""
        return len(self._outstanding)

    def next_due_ns(self) -> int | None:
        """When `due` will have more to do by time alone; None while it waits for answers, or at the end."""
        if self._first:
            return self.captured_ns
        return self._reader.next_ns if len(self._waiting) < MAX_WAITING else None

    def due(self, now_ns: int | None) -> list[Command]:
        """What is to be done by now, in order."""
        commands, self._first = self._first, []
        while len(self._waiting) < MAX_WAITING:
            step = self._reader.take(now_ns)
            if step is None:
                break
            self._note(step, commands)
        if self._waiting:
            for conversation in list(self._queues):
                self._send(conversation, commands)
        return commands

    def sending(self, number: int, now_ns: int) -> None:
        """A request goes out now: its times count from here."""
        self._ledger.sent(number, now_ns)

    def answered(self, number: int, status: int, message_id: str, now_ns: int, code: str = "") -> None:
        """The answer to a request has come."""
        self._release(number)
        if message_id and not status:
            heard = not self._ledger.awaits_receipt(number)
            self._ids.add(number, message_id, settled=heard)
            self._numbers.add(canonical_id(message_id), number, settled=heard)
        self._ledger.answered(number, status, now_ns, code)
        if not self._orphans or not message_id:
            return
        for candidate in id_candidates(message_id):
            early = self._orphans.pop(candidate, None)
            if early is not None:
                self._ledger.receipted(number, early[0].state, early[1])

    def failed(self, number: int) -> None:
        """There will be no answer: timed out, or the connection is gone."""
        self._release(number)

    def told(self, number: int, state: MessageState, now_ns: int) -> None:
        """The state of a message, learnt otherwise than by a receipt."""
        self._ledger.receipted(number, state, now_ns)

    def received(self, pdu: Pdu, now_ns: int) -> None:
        """The SMSC has sent something: a receipt, or an inbound text."""
        receipt = read_receipt_of(pdu)
        if receipt is None:
            self.inbound += 1
            return
        canonical = canonical_id(receipt.message_id)
        number = self._numbers.get(canonical) or self._otherwise_written(receipt.message_id)
        if number:
            self._ledger.receipted(number, receipt.state, now_ns)
            if receipt.final:
                self._numbers.settle(canonical)
                self._ids.settle(number)
        else:
            self._orphans[canonical] = receipt, now_ns

    def stopped(self, *, wait_on: bool) -> SentSoFar:
        """Nothing more is sent in this run: what a later one has to know.

        `wait_on`: whoever owes receipts will still be there then. What nobody waits for is settled.
        """
        opened = self._ledger.opened() if wait_on else {}
        waiting = self.unsent
        self._ledger.finish(but=opened.keys() | waiting)
        kept = {number: {**each, "id": self._ids.get(number) or ""} for number, each in opened.items()}
        return SentSoFar(self._taken, waiting, kept, self.inbound, self._references.halves())

    def finish(self) -> None:
        """Nothing more will come; every message is settled."""
        self._ledger.finish()

    def _skip_what_was_sent(self) -> None:
        """Go to the first request that was not sent; have the links that are open there."""
        links: dict[int, OpenLink] = {}
        requests: list[Command] = []
        while not (self._reader.at_request and self._taken >= self._earlier.taken):
            step = self._reader.take(None)
            if step is None:
                break
            commands: list[Command] = []
            self._note(step, commands)
            for command in commands:
                if isinstance(command, OpenLink):
                    links[command.conversation] = command
                elif isinstance(command, CloseLink):
                    links.pop(command.conversation, None)
                else:
                    requests.append(command)
        self._first = [*links.values(), *requests]
        if not self._first and len(self._ledger):  # somebody has to be there for the receipts
            self._first = [OpenLink(0, int(BindTransceiver.command_id))]

    def _otherwise_written(self, message_id: str) -> int:
        """The message a receipt is about that writes its id in another base; 0 if there is none."""
        found = (self._numbers.get(one) for one in id_candidates(message_id))
        return next((number for number in found if number), 0)

    def _note(self, step: Step, commands: list[Command]) -> None:
        if isinstance(step, BindStep):
            command_id = step.pdu.command_id if step.pdu is not None else BindTransceiver.command_id
            commands.append(OpenLink(step.conversation, int(command_id)))
        elif isinstance(step, EndStep):
            self._send(step.conversation, commands)
            commands.append(CloseLink(step.conversation))
        elif isinstance(step, AnswerStep):
            self._ledger.expect_answer(step.number, step.status, self._reader.since(step.number, step.at_ns))
        elif step.sender is Side.ESME:
            self._queue(step)
        elif step.receipt is None:
            self.recorded_inbound += 1
        elif step.about:
            after_ns = self._reader.since(step.about, step.at_ns)
            self._ledger.expect_receipt(step.about, step.receipt.state, after_ns)

    def _queue(self, step: RequestStep) -> None:
        self._taken += 1
        kept = self._earlier.opened.get(step.number)
        if self._taken <= self._earlier.taken and kept is None and step.number not in self._earlier.waiting:
            return
        expectation = self._expectation
        expected = expectation.expected(step.number, step.pdu) if expectation is not None else None
        if kept is not None:
            self._ledger.restore(step.number, step.pdu, expected, dict(kept))
            self.restored[step.number] = kept["id"]
            self._ids.add(step.number, kept["id"])
            self._numbers.add(canonical_id(kept["id"]), step.number)
            return
        self._ledger.request(step.number, step.pdu, self._reader.captured_ns, expected)
        self._queues.setdefault(step.conversation, deque()).append(step)
        self._waiting.add(step.number)

    def _send(self, conversation: int, commands: list[Command]) -> None:
        queue = self._queues.get(conversation)
        while queue and self._used.get(conversation, 0) < self._window:
            step = queue[0]
            if step.about in self._outstanding or step.about in self._waiting:
                break
            queue.popleft()
            self._waiting.discard(step.number)
            pdu = self._references.rewrite(step.pdu, conversation)
            if step.about:
                pdu = with_message_id(pdu, self._ids.get(step.about) or str(getattr(pdu, "message_id", "")))
            self._outstanding[step.number] = conversation
            self._used[conversation] = self._used.get(conversation, 0) + 1
            self.sent += 1
            commands.append(SendRequest(conversation, step.number, pdu))
        if queue is not None and not queue:
            del self._queues[conversation]

    def _release(self, number: int) -> None:
        conversation = self._outstanding.pop(number, None)
        if conversation is not None:
            self._used[conversation] -= 1
            if not self._used[conversation]:
                del self._used[conversation]
