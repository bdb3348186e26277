"""The event bus: what happened, told once, to whoever wants to know, without anyone waiting.

Publishing costs a dictionary look-up when nobody listens. A slow subscriber loses its own oldest events
(counted in `Subscription.lost`) and never slows the publisher or other subscribers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

from gateway.runtime.log import get_logger

_log = get_logger("bus")


class Event(Protocol):
    """A frozen dataclass that carries its public name, e.g. `message.accepted`."""

    name: ClassVar[str]


class Subscription:
    """A bounded queue of events of the wanted types: an async iterator and async context manager.

    Closing it ends the iteration after the events that still wait. For one consumer task at a time.
    """

    def __init__(self, bus: Bus, event_types: tuple[type, ...], max_pending: int) -> None:
        self._bus = bus
        self._event_types = event_types
        self._pending: deque[Any] = deque(maxlen=max_pending)
        self._max_pending = max_pending
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self.lost = 0

    def __len__(self) -> int:
        return len(self._pending)

    def deliver(self, event: Any) -> None:
        """Queue one event; the oldest is dropped and counted when the queue is full."""
        if len(self._pending) == self._max_pending:
            self.lost += 1
        self._pending.append(event)
        self._wake()

    async def next_batch(self) -> list[Any]:
        """Wait for events and take all that wait; an empty list says the subscription is closed."""
        while not self._pending and not self._closed:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        batch = list(self._pending)
        self._pending.clear()
        return batch

    def close(self) -> None:
        """Stop receiving. Events that already wait can still be read."""
        if not self._closed:
            self._closed = True
            self._bus.forget(self._event_types, self)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while not self._pending:
            if self._closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._pending.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Bus:
    """Typed publish and subscribe inside one process; used from the event loop's thread only.

    Types match exactly. `object`, or no type at all in `subscribe`, stands for every event.
    """

    def __init__(self) -> None:
        self._receivers: dict[type, list[Callable[[Any], None]]] = {}
        self._routes: dict[type, tuple[Callable[[Any], None], ...]] = {}

    def publish(self, event: Any) -> None:
        """Hand an event to every listener (inline) and subscription (queued). Never raises."""
        receivers = self._routes.get(type(event))
        if receivers is None:
            receivers = self._route(type(event))
        for receiver in receivers:
            try:
                receiver(event)
            except Exception:
                _log.error("listener failed", event_type=type(event).__name__, exc_info=True)

    def listen(self, event_type: type, receiver: Callable[[Any], None]) -> Callable[[], None]:
        """Call `receiver` inline for every event of the type. Return a function that ends it."""
        self._add(event_type, receiver)
        return lambda: self._remove(event_type, receiver)

    def subscribe(self, *event_types: type, max_pending: int = 1000) -> Subscription:
        """Queue the events of the types (all if none is named) for one consumer."""
        wanted = event_types or (object,)
        subscription = Subscription(self, wanted, max_pending)
        for event_type in wanted:
            self._add(event_type, subscription.deliver)
        return subscription

    def wanted(self, event_type: type) -> bool:
        """Tell whether anyone listens, so that a costly event need not be built."""
        receivers = self._routes.get(event_type)
        return bool(self._route(event_type) if receivers is None else receivers)

    def forget(self, event_types: tuple[type, ...], subscription: Subscription) -> None:
        """Take a subscription off the bus; `Subscription.close` calls it."""
        for event_type in event_types:
            self._remove(event_type, subscription.deliver)

    def _add(self, event_type: type, receiver: Callable[[Any], None]) -> None:
        self._receivers.setdefault(event_type, []).append(receiver)
        self._routes.clear()

    def _remove(self, event_type: type, receiver: Callable[[Any], None]) -> None:
        receivers = self._receivers.get(event_type, [])
        if receiver in receivers:
            receivers.remove(receiver)
        self._routes.clear()

    def _route(self, event_type: type) -> tuple[Callable[[Any], None], ...]:
        found = [*self._receivers.get(event_type, ()), *self._receivers.get(object, ())]
        route = self._routes[event_type] = tuple(dict.fromkeys(found))
        return route
