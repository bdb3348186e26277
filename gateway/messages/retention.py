"""Texts are kept so long and no longer (webex.md B6): swept by world time, oldest first, counted."""

from collections.abc import Callable, Mapping

from gateway.messages.intents import DeleteMessage, DeleteOldIdempotencyKeys
from gateway.messages.store import Kept, MessageStore
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database
from gateway.runtime.metrics import Metrics

DAY_NS = 86_400 * 1_000_000_000
SECOND_NS = 1_000_000_000
BATCH = 1_000


class Retention:
    """Deletes texts whose retention is over; opt-outs, counters and audit live elsewhere and outlive them.

    `own_days` gives the organisations with a retention of their own, in days, where that can be customised.
    """

    def __init__(
        self,
        database: Database,
        clock: WorldClock,
        metrics: Metrics,
        *,
        retention_days: float,
        idempotency_s: float,
        own_days: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._database = database
        self._store = MessageStore(database)
        self._clock = clock
        self._retention_ns = round(retention_days * DAY_NS)
        self._own_days = own_days
        self._idempotency_ns = round(idempotency_s * SECOND_NS)
        self._swept = metrics.counter(
            "gateway_messages_swept_total", "Texts deleted because their retention is over"
        )

    async def sweep(self) -> int:
        """Delete what is too old; return how many texts went."""
        now_ns = self._clock.now_ns()
        await self._database.write(DeleteOldIdempotencyKeys(now_ns - self._idempotency_ns))
        own_days = self._own_days()
        swept = await self._sweep(now_ns - self._retention_ns, Kept(but=tuple(own_days)))
        for organization_id, days in own_days.items():
            swept += await self._sweep(now_ns - days * DAY_NS, Kept(only=organization_id))
        return swept

    async def _sweep(self, before_ns: int, whose: Kept) -> int:
        swept = 0
        while old := await self._store.oldest(before_ns, BATCH, whose):
            await self._database.write(*(DeleteMessage(message_id) for message_id in old))
            swept += len(old)
            self._swept.inc(len(old))
            if len(old) < BATCH:
                break
        return swept
