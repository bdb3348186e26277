"""Webhooks: every event on the bus, posted to whoever registered for it, at least once.

The body is the document the stream carries: `{"id", "event", "created", "data"}`. Each post has the headers
`X-Delivery-Id` (the same for every attempt, for receivers that must not act twice), `X-Delivery-Attempt`
and, where the webhook has a secret, `X-Spark-Signature` and `X-Signature-256`. Any 2xx is success; 410
switches the webhook off; everything else is repeated with growing delays and in the end a dead letter.

A delivery that is not answered within `STORE_AFTER_S` is kept in the database until its 2xx, so that a
restart goes on where it stopped. Nothing waits for that write: what happened in the instant before a crash
may be lost to webhooks, never to its message.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import to_json

from gateway.messages.webhooks.client import Sender
from gateway.messages.webhooks.queue import GONE, Delivery, DeliveryQueue, Failure, RetryPolicy
from gateway.messages.webhooks.selection import parse_filter, passes, wants
from gateway.messages.webhooks.settings import WebhooksSettings
from gateway.messages.webhooks.store import (
    ChangeWebhook,
    DeleteWebhook,
    DropDeliveriesOf,
    DropDelivery,
    DropOldDeadLetters,
    InsertDelivery,
    MarkAttempt,
    MarkDead,
    MarkRevived,
    Webhook,
    WebhookStore,
    insert_of,
)
from gateway.messages.webhooks.wire import Response, parse_target
from gateway.runtime.bus import Bus
from gateway.runtime.clock import SECOND_NS, WorldClock
from gateway.runtime.database import Database, DatabaseError
from gateway.runtime.http.wire import event_name, event_payload, format_ns, visible_to
from gateway.runtime.ids import encode_id, new_id
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics

STORE_AFTER_S = 0.02
QUEUE_FULL = "too many deliveries waited"

_log = get_logger("webhooks")


class TooManyWebhooks(Exception):
    """`webhooks.max_webhooks` exist already."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A delivery that ended in this run: `delivered` or `dead`."""

    delivery: Delivery
    state: str
    status: int | None
    finished_ns: int


class Subscriber:
    """One webhook at work: what it wants, its queue and connections, what it did lately."""

    def __init__(
        self,
        webhook: Webhook,
        settings: WebhooksSettings,
        outcomes: Webhooks,
    ) -> None:
        self.webhook = webhook
        self.conditions = parse_filter(webhook.filter)
        self.recent: deque[Finished] = deque(maxlen=settings.recent)
        self._outcomes = outcomes
        policy = RetryPolicy(settings.max_attempts, settings.first_retry_s, settings.longest_retry_s)
        self.queue = DeliveryQueue(policy, settings.connections, settings.max_pending, random.random)
        self.sender = Sender(parse_target(webhook.target_url), webhook.secret, self.queue, settings, self)

    def delivered(self, delivery: Delivery, response: Response) -> None:
        """See `Outcomes.delivered`."""
        self._outcomes.delivered(self, delivery, response.status)

    def failed(self, delivery: Delivery, failure: Failure, final: bool) -> None:
        """See `Outcomes.failed`."""
        self._outcomes.failed(self, delivery, failure, final)

    def wants(self, name: str) -> bool:
        """Tell whether events of this name are for this webhook."""
        return self.webhook.status == "active" and wants(self.webhook.resource, self.webhook.event, name)


class Webhooks:
    """All webhooks of the gateway; a part of its lifecycle."""

    def __init__(
        self,
        bus: Bus,
        database: Database,
        clock: WorldClock,
        metrics: Metrics,
        settings: WebhooksSettings | None = None,
    ) -> None:
        self.settings = settings or WebhooksSettings()
        self.store = WebhookStore(database)
        self._bus = bus
        self._database = database
        self._clock = clock
        self._subscribers: dict[int, Subscriber] = {}
        self._wanting: dict[type, tuple[Subscriber, ...]] = {}
        self._unlisten: Callable[[], None] | None = None
        self._unstored_yet: dict[int, InsertDelivery] = {}
        self._store_timer: asyncio.TimerHandle | None = None
        self._draining = False
        self._idle = asyncio.Event()
        counter = metrics.counter(
            "gateway_webhook_deliveries_total",
            "Attempts to post an event to a webhook, by outcome",
            ("outcome",),
        )
        self._delivered, self._retried, self._dead, self._unstored = (
            counter.labels(outcome) for outcome in ("delivered", "retried", "dead", "unstored")
        )
        metrics.gauge("gateway_webhook_pending", "Deliveries that wait for their webhook").set_function(
            lambda: float(self.pending)
        )

    @property
    def pending(self) -> int:
        """How many deliveries are not settled."""
        return sum(len(subscriber.queue) for subscriber in self._subscribers.values())

    async def start(self) -> None:
        """Load the webhooks, go on with what waited for them, listen to the bus."""
        keep_ns = round(self.settings.dead_letter_keep_s * SECOND_NS)
        await self._database.write(DropOldDeadLetters(self._clock.now_ns() - keep_ns))
        for webhook in await self.store.webhooks():
            self._subscribers[webhook.id] = Subscriber(webhook, self.settings, self)
        await self._resume(set(self._subscribers))
        self._changed()

    async def drain(self, deadline_s: float) -> None:
        """Take no new events; give what waits `deadline_s` seconds. The rest stays for the next start."""
        self._stop_listening()
        self._draining = True
        try:
            async with asyncio.timeout(deadline_s):
                while self.pending:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            _log.info("webhooks wait for the next start", pending=self.pending)
        finally:
            self._draining = False

    async def stop(self) -> None:
        """Close all connections."""
        self._stop_listening()
        for subscriber in self._subscribers.values():
            subscriber.sender.close()
        self._store_waiting()
        await asyncio.sleep(0)

    # What the API asks for.

    def all(self) -> list[Webhook]:
        """Return every webhook, oldest first."""
        return [self._subscribers[key].webhook for key in sorted(self._subscribers)]

    def get(self, webhook_id: int) -> Webhook | None:
        """Return one webhook."""
        subscriber = self._subscribers.get(webhook_id)
        return None if subscriber is None else subscriber.webhook

    async def create(self, webhook: Webhook) -> None:
        """Register a webhook, whose URL and filter are valid. Raises `TooManyWebhooks`."""
        if len(self._subscribers) >= self.settings.max_webhooks:
            raise TooManyWebhooks
        await self._database.write(insert_of(webhook))
        self._subscribers[webhook.id] = Subscriber(webhook, self.settings, self)
        self._changed()

    async def change(
        self, webhook: Webhook, *, name: str, target_url: str, secret: str | None, status: str
    ) -> Webhook:
        """Change a webhook. What waits goes to the new target, or stays until it is active again."""
        changed = replace(webhook, name=name, target_url=target_url, secret=secret, status=status)
        await self._database.write(ChangeWebhook(name, target_url, secret, status, webhook.id))
        await self._exchange(changed)
        return changed

    async def delete(self, webhook_id: int) -> None:
        """End a webhook and everything that waits for it."""
        subscriber = self._subscribers.pop(webhook_id, None)
        self._changed()
        self._store_waiting()
        try:
            await self._database.write(DropDeliveriesOf(webhook_id), DeleteWebhook(webhook_id))
        except DatabaseError:  # it is there still, and can be deleted again
            if subscriber is not None:
                self._subscribers[webhook_id] = subscriber
                self._changed()
            raise
        if subscriber is not None:
            subscriber.sender.close()
            subscriber.queue.drain()

    def recent(self, webhook_id: int) -> list[Finished]:
        """Return the deliveries of a webhook that ended lately, newest first."""
        subscriber = self._subscribers.get(webhook_id)
        return [] if subscriber is None else list(reversed(subscriber.recent))

    def waiting(self, webhook_id: int) -> int:
        """Return how many deliveries wait for a webhook."""
        subscriber = self._subscribers.get(webhook_id)
        return 0 if subscriber is None else len(subscriber.queue)

    async def redeliver(self, webhook_id: int, delivery: Delivery) -> bool:
        """Try a dead letter again, from its first attempt; False says that the queue is full."""
        subscriber = self._subscribers[webhook_id]
        if len(subscriber.queue) >= self.settings.max_pending:
            return False
        await self._database.write(MarkRevived(0, delivery.id))
        delivery.attempts = 0
        return subscriber.webhook.status != "active" or subscriber.sender.add(delivery)

    # Events in.

    def _on_event(self, event: Any) -> None:
        wanting = self._wanting.get(type(event))
        if wanting is None:
            name = event_name(event)
            wanting = tuple(one for one in self._subscribers.values() if one.wants(name))
            self._wanting[type(event)] = wanting
        if wanting:
            self._post(event, wanting)

    def _post(self, event: Any, wanting: tuple[Subscriber, ...]) -> None:
        data: Any = None
        body = b""
        created_ns = self._clock.now_ns()
        name = event_name(event)
        for subscriber in wanting:
            if not visible_to(event, subscriber.webhook.owner):
                continue
            if data is None:
                data = event_payload(event)
                document = {
                    "id": encode_id(new_id()),
                    "event": name,
                    "created": format_ns(created_ns),
                    "data": data,
                }
                body = to_json(document, by_alias=True, serialize_unknown=True)
            if subscriber.conditions and not passes(subscriber.conditions, data):
                continue
            delivery_id = new_id()
            key = str(data.get("id") or delivery_id)[:64]
            self._take(subscriber, Delivery(delivery_id, subscriber.webhook.id, key, name, body, created_ns))

    def _take(self, subscriber: Subscriber, delivery: Delivery) -> None:
        if len(subscriber.queue) >= self.settings.max_pending:
            delivery.error = QUEUE_FULL
            self._store(_row(delivery, delivery.created_ns))
            self._finish(subscriber, delivery, "dead", None)
            return
        self._unstored_yet[delivery.id] = _row(delivery, None)
        if self._store_timer is None:
            self._store_timer = asyncio.get_running_loop().call_later(STORE_AFTER_S, self._store_waiting)
        subscriber.sender.add(delivery)

    # Outcomes.

    def delivered(self, subscriber: Subscriber, delivery: Delivery, status: int) -> None:
        """A receiver has it."""
        if self._unstored_yet.pop(delivery.id, None) is None:
            self._store(DropDelivery(delivery.id))
        self._finish(subscriber, delivery, "delivered", status)

    def failed(self, subscriber: Subscriber, delivery: Delivery, failure: Failure, final: bool) -> None:
        """An attempt failed."""
        if (row := self._unstored_yet.pop(delivery.id, None)) is not None:
            self._store(row)
        if final:
            self._store(MarkDead(delivery.attempts, delivery.error, self._clock.now_ns(), delivery.id))
            self._finish(subscriber, delivery, "dead", failure.status)
        else:
            self._retried.inc()
            self._store(MarkAttempt(delivery.attempts, delivery.error, delivery.id))
        if failure.status == GONE and subscriber.webhook.status == "active":
            self._switch_off(subscriber)

    def _finish(self, subscriber: Subscriber, delivery: Delivery, state: str, status: int | None) -> None:
        (self._delivered if state == "delivered" else self._dead).inc()
        subscriber.recent.append(Finished(delivery, state, status, self._clock.now_ns()))
        if self._draining and not self.pending:
            self._idle.set()

    def _store_waiting(self) -> None:
        if self._store_timer is not None:
            self._store_timer.cancel()
            self._store_timer = None
        for row in self._unstored_yet.values():
            self._store(row)
        self._unstored_yet.clear()

    def _store(self, intent: Any) -> None:
        try:
            self._database.write_soon(intent)
        except DatabaseError as error:
            self._unstored.inc()
            _log.warning("webhook delivery not stored", error=type(error).__name__)

    def _switch_off(self, subscriber: Subscriber) -> None:
        self._store_waiting()
        webhook = replace(subscriber.webhook, status="inactive")
        subscriber.webhook = webhook
        subscriber.queue.drain()
        self._changed()
        self._store(
            ChangeWebhook(webhook.name, webhook.target_url, webhook.secret, webhook.status, webhook.id)
        )
        _log.warning("webhook switched off: its receiver answered 410", webhook=encode_id(webhook.id))

    # Taking changes over.

    async def _exchange(self, webhook: Webhook) -> None:
        old = self._subscribers.get(webhook.id)
        fresh = Subscriber(webhook, self.settings, self)
        if old is not None:
            old.sender.close()
            fresh.recent.extend(old.recent)
            waiting = old.queue.drain()
            if webhook.status == "active":
                for delivery in waiting:
                    fresh.sender.add(delivery)
        self._subscribers[webhook.id] = fresh
        self._changed()
        if old is None or old.webhook.status != "active":
            await self._resume({webhook.id})

    async def _resume(self, webhook_ids: set[int]) -> None:
        self._store_waiting()
        for delivery in await self.store.pending():
            subscriber = self._subscribers.get(delivery.webhook_id)
            if subscriber and delivery.webhook_id in webhook_ids and subscriber.webhook.status == "active":
                subscriber.sender.add(delivery)

    def _changed(self) -> None:
        self._wanting.clear()
        active = any(subscriber.webhook.status == "active" for subscriber in self._subscribers.values())
        if not active:
            self._stop_listening()
        elif self._unlisten is None:
            self._unlisten = self._bus.listen(object, self._on_event)

    def _stop_listening(self) -> None:
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None


def _row(delivery: Delivery, dead_ns: int | None) -> InsertDelivery:
    return InsertDelivery(
        delivery.id,
        delivery.webhook_id,
        delivery.key,
        delivery.event,
        delivery.body,
        delivery.created_ns,
        delivery.attempts,
        delivery.error,
        dead_ns,
    )
