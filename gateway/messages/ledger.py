"""Where a text's story is written on: the one place that stores an outcome, tells the bus and counts it."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

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
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database
from gateway.runtime.ids import id_unix_ms
from gateway.runtime.metrics import Metrics

_new = tuple.__new__  # without the frame of a named tuple's own: one is made for every text

#: Texts kept at hand for events; older ones are read back when somebody wants to hear of them.
RECENT_TEXTS = 20_000


class Ledger:
    """Outcomes of texts: durable, told and counted, each once."""

    def __init__(self, database: Database, bus: Bus, clock: WorldClock, metrics: Metrics) -> None:
        self.database = database
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

    def queued(self, message_id: int) -> None:
        """The text has to wait for its release time or for a bind."""
        now_ns = self.clock.now_ns()
        self.database.write_soon(MarkQueued(now_ns, message_id))
        self._tell(MessageQueued, message_id, State.QUEUED, now_ns)

    def submitted(self, texts: Iterable[tuple[Any, ...]]) -> None:
        """Every segment is with its carrier: of each text its id and what becomes durable with that."""
        now_ns, write_soon = self.clock.now_ns(), self.database.write_soon
        told = self._bus.wanted(MessageSubmitted)
        for message_id, *marks in texts:
            write_soon(*marks, _new(MarkSubmitted, (now_ns, message_id)))
            if told:
                self._tell(MessageSubmitted, message_id, State.SUBMITTED, now_ns)

    def finish(
        self,
        message_id: int,
        carrier: str,
        state: State,
        *,
        code: str | None = None,
        blocked_by: str | None = None,
        marks: Iterable[Any] = (),
    ) -> "asyncio.Future[None]":
        """The text has its outcome; the future resolves when that and `marks` (write intents) are durable."""
        now_ns = self.clock.now_ns()
        durable = self.database.write(*marks, MarkFinal(state.value, now_ns, code, blocked_by, message_id))
        self._finished_child("outbound", carrier, state).inc()
        if state is State.DELIVERED:
            self._latency_child(carrier).observe(max(0.0, time.time() - id_unix_ms(message_id) / 1000))
        kind = MessageDelivered if state is State.DELIVERED else MessageFailed
        self._tell(kind, message_id, state, now_ns, code, blocked_by)
        self._recent.pop(message_id, None)
        return durable

    def _count_segments(self, direction: str, carrier: str, count: int) -> None:
        key = (direction, carrier)
        child = self._segment_children.get(key)
        if child is None:
            child = self._segment_children[key] = self._segments.labels(*key)
        child.inc(count)

    def _finished_child(self, direction: str, carrier: str, state: State) -> Counter:
        key = (direction, carrier, state.value)
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
        await self.database.flush()
        message = await self.store.get(message_id)
        if message is not None:
            self._bus.publish(kind(message))
