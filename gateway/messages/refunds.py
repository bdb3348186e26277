"""What a refused text took of the limits, given back when its carrier says so in the receipt only.

A refusal in the response is refunded where it is heard (`dispatch`), which still has the reservation at hand.
A receipt comes later: the reservation is looked up by its text, in its row or in the totals it was folded
into. Only with `limits.refund_refused`; without it nothing is looked up.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from gateway.messages.admission import Throttle
from gateway.messages.backlog import reservation_of
from gateway.messages.senders import Registrations
from gateway.messages.store import MessageStore
from gateway.runtime.clock import WorldClock
from gateway.throttle.store import LocalStore

Spawn = Callable[[Coroutine[Any, Any, Any], str], object]


class Refunds:
    """Gives back, beside the texts that go on."""

    def __init__(
        self,
        *,
        store: MessageStore,
        reservations: LocalStore,
        throttle: Throttle,
        registrations: Registrations,
        clock: WorldClock,
        spawn: Spawn,
    ) -> None:
        self._store = store
        self._reservations = reservations
        self._throttle = throttle
        self._registrations = registrations
        self._clock = clock
        self._spawn = spawn

    def refused(self, message_id: int) -> None:
        """A receipt said that the carrier refused this text."""
        self._clock.begin()
        self._spawn(self._give_back(message_id), "refund")

    async def _give_back(self, message_id: int) -> None:
        try:
            message = await self._store.get(message_id)
            if message is None:
                return
            now_ns = self._clock.now_ns()
            await self._reservations.give_back(
                message_id,
                now_ns,
                lambda: reservation_of(message, self._throttle, self._registrations, now_ns),
            )
        finally:
            self._clock.end()
