"""Where a text's story is written on: the one place that stores an outcome, tells the bus and counts it."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from prometheus_client import Counter, Histogram

from gateway.messages.events import (
    MessageAccepted,
    MessageDelivered,
    MessageEvent,
    MessageFailed,
    MessageQueued,
    MessageReceived,
    MessageRefused,
    MessageSubmitted,
)
from gateway.messages.intents import MarkFinal, MarkQueued, MarkSubmitted
from gateway.messages.model import Direction, Message, State
from gateway.messages.store import MessageStore
from gateway.messages.unstored import Unstored
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, DatabaseError
from gateway.runtime.ids import id_unix_ms
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics

_log = get_logger("messages")
_new = tuple.__new__  # without the frame of a named tuple's own: one is made for every text
_DELIVERED = State.DELIVERED  # bound once: an enumeration's member costs ten times a name

#: Texts kept at hand for events; older ones are read back when somebody wants to hear of them.
RECENT_TEXTS = 20_000


class Outcome(NamedTuple):
    """How an outbound text ended, and when: `at_ns` in world time, `heard_s` in seconds of real time."""

    message_id: int
    carrier: str
    state: State
    code: str | None
    blocked_by: str | None
    at_ns: int
    heard_s: float


class Ledger:
    """Outcomes of texts: durable, then told and counted, each once.

    What its teller repeats until it is durable (`hand_over`, `finish`) may fail; everything else is kept in
    `unstored` until the database has it.
    """

    def __init__(self, database: Database, bus: Bus, clock: WorldClock, metrics: Metrics) -> None:
        self.database = database
        self.unstored = Unstored(database)
        self.store = MessageStore(database)
        self.clock = clock
        self._bus = bus
        self._recent: dict[int, Message] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._segment_children: dict[tuple[str, str], Counter] = {}
        self._finished_children: dict[tuple[str, str, str], Counter] = {}
        self._latency_children: dict[str, Histogram] = {}
        accepted = metrics.counter(
            "gateway_messages_accepted_total", "Texts that were stored to go on", ("direction",)
        )
        self._accepted = {direction: accepted.labels(direction.value) for direction in Direction}
        self._rejected = metrics.counter(
            "gateway_messages_rejected_total", "Texts refused by a rule, by its code", ("direction", "code")
        )
        self._finished = metrics.counter(
            "gateway_messages_finished_total", "Texts with an outcome", ("direction", "carrier", "state")
        )
        self._segments = metrics.counter(
            "gateway_message_segments_total", "SMPP segments of accepted texts", ("direction", "carrier")
        )
        self._latency = metrics.histogram(
            "gateway_delivery_latency_seconds", "Acceptance to delivery receipt, real time", ("carrier",)
        )

    def accepted(self, messages: Sequence[Message]) -> None:
        """Outbound texts are durable and their senders are about to be told."""
        self._accepted[Direction.OUTBOUND].inc(len(messages))
        segments: dict[str, int] = {}
        for message in messages:
            segments[message.carrier] = segments.get(message.carrier, 0) + message.segments
        for carrier, count in segments.items():
            self._count_segments("outbound", carrier, count)
        if self._bus.wanted(MessageAccepted):
            for message in messages:
                self._bus.publish(MessageAccepted(message))
        self._remember(messages)

    def refused(self, event: MessageRefused) -> None:
        """A rule refused an outbound text before it was stored."""
        self._rejected.labels(Direction.OUTBOUND.value, event.code).inc()
        self._bus.publish(event)

    def received(self, message: Message) -> None:
        """An inbound text is durable, whatever the rules made of it."""
        if message.state is State.RECEIVED:
            self._accepted[Direction.INBOUND].inc()
        elif message.code is not None:
            self._rejected.labels(Direction.INBOUND.value, message.code).inc()
        self._count_segments("inbound", message.carrier, message.segments)
        self._finished_child("inbound", message.carrier, message.state).inc()
        self._bus.publish(MessageReceived(message))

    def note(self, message_id: int, *intents: Any) -> None:
        """Store what happened to a text; nobody waits for it, and nobody would say it again."""
        try:
            self.database.write_soon(*intents)
        except DatabaseError:
            self.unstored.keep(message_id, intents)

    def queued(self, message_id: int) -> None:
        """The text has to wait for its release time or for a bind."""
        now_ns = self.clock.now_ns()
        self.note(message_id, MarkQueued(now_ns, message_id))
        self._tell(MessageQueued, message_id, State.QUEUED, now_ns)

    def submitted(self, texts: Iterable[tuple[Any, ...]]) -> None:
        """Every segment is with its carrier: of each text its id and what becomes durable with that."""
        now_ns, told = self.clock.now_ns(), self._bus.wanted(MessageSubmitted)
        for message_id, *marks in texts:
            self.note(message_id, *marks, _new(MarkSubmitted, (now_ns, message_id)))
            if told:
                self._tell(MessageSubmitted, message_id, State.SUBMITTED, now_ns)

    def outcome(
        self,
        message_id: int,
        carrier: str,
        state: State,
        code: str | None = None,
        blocked_by: str | None = None,
    ) -> Outcome:
        """The text has its outcome, now; nobody has been told."""
        now_ns = self.clock.now_ns()
        return _new(Outcome, (message_id, carrier, state, code, blocked_by, now_ns, time.time()))

    def hand_over(self, outcome: Outcome, *marks: Any) -> "asyncio.Future[None]":
        """Hand an outcome and `marks` (write intents) to the database: call `finished` once it has them.

        Whoever heard of it hears of it again if the database does not take it.
        """
        return self.database.write(*marks, _final(outcome))

    def finished(self, outcome: Outcome) -> None:
        """The outcome is durable: tell and count it."""
        message_id, carrier, state, code, blocked_by, at_ns, heard_s = outcome
        self._finished_child("outbound", carrier, state).inc()
        if state is _DELIVERED:
            self._latency_child(carrier).observe(max(0.0, heard_s - id_unix_ms(message_id) / 1000))
        kind = MessageDelivered if state is _DELIVERED else MessageFailed
        self._tell(kind, message_id, state, at_ns, code, blocked_by)
        self._recent.pop(message_id, None)

    def finish(self, outcome: Outcome) -> "asyncio.Future[None]":
        """Store an outcome and tell it; where the future fails, nobody was told."""
        durable = self.hand_over(outcome)
        durable.add_done_callback(partial(self._finished_if_durable, outcome))
        return durable

    def finish_soon(self, outcome: Outcome, *marks: Any) -> None:
        """Store an outcome and `marks`, however long it takes, then tell it: nobody says it again."""
        self.unstored.write(outcome.message_id, (*marks, _final(outcome)), partial(self.finished, outcome))

    def _finished_if_durable(self, outcome: Outcome, durable: "asyncio.Future[None]") -> None:
        if not durable.cancelled() and durable.exception() is None:
            self.finished(outcome)

    def _count_segments(self, direction: str, carrier: str, count: int) -> None:
        key = (direction, carrier)
        child = self._segment_children.get(key)
        if child is None:
            child = self._segment_children[key] = self._segments.labels(*key)
        child.inc(count)

    def _finished_child(self, direction: str, carrier: str, state: State) -> Counter:
        key = (direction, carrier, state._value_)
        child = self._finished_children.get(key)
        if child is None:
            child = self._finished_children[key] = self._finished.labels(*key)
        return child

    def _latency_child(self, carrier: str) -> Histogram:
        child = self._latency_children.get(carrier)
        if child is None:
            child = self._latency_children[carrier] = self._latency.labels(carrier)
        return child

    def _remember(self, messages: Sequence[Message]) -> None:
        recent = self._recent
        recent.update([(message.id, message) for message in messages])
        if len(recent) > RECENT_TEXTS:  # many at once: each look for the oldest walks over those gone before
            for oldest in list(islice(recent, RECENT_TEXTS // 10)):
                del recent[oldest]

    def _tell(
        self,
        kind: type[MessageEvent],
        message_id: int,
        state: State,
        now_ns: int,
        code: str | None = None,
        blocked_by: str | None = None,
    ) -> None:
        if not self._bus.wanted(kind):
            return
        message = self._recent.get(message_id)
        if message is None:
            task = asyncio.get_running_loop().create_task(self._tell_later(kind, message_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        self._bus.publish(kind(message, state, now_ns, code, blocked_by))

    async def _tell_later(self, kind: type[MessageEvent], message_id: int) -> None:
        try:
            with suppress(DatabaseError):  # of what was written just before
                await self.database.flush()
            message = await self.store.get(message_id)
        except DatabaseError as error:
            _log.warning("event not told: its text cannot be read", error=type(error).__name__)
            return
        if message is not None:
            self._bus.publish(kind(message))


def _final(outcome: Outcome) -> MarkFinal:
    """What makes an outcome durable."""
    message_id, _, state, code, blocked_by, at_ns, _ = outcome
    return _new(MarkFinal, (state._value_, at_ns, code, blocked_by, message_id))
