"""World time for tests: it stands still until the test moves it, and then passes each due moment in order."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.runtime.clock import SECOND_NS, WorldClock
from gateway.testing.backstage import Backstage

START: Final = datetime(2026, 6, 1, 15, 0, tzinfo=UTC)
"""A Monday: eleven in the morning in New York, eight in California."""
PATIENCE_S: Final = 0.5
"""Real seconds to wait for somebody outside, who may be waiting for us."""
_TURNS: Final = 10


class FrozenWorld:
    """The clock that the fakes of one test share."""

    def __init__(self, backstage: Backstage, start: datetime = START) -> None:
        self._backstage = backstage
        self.clock = WorldClock(int(start.timestamp()) * SECOND_NS, frozen=True)

    @property
    def now(self) -> datetime:
        """The world's moment, UTC."""
        return datetime.fromtimestamp(self.clock.now_ns() / SECOND_NS, UTC)

    def advance(self, seconds: float | timedelta) -> None:
        """Let world time pass: receipts, throttle windows, validity, reviews come due in order.

        Each step waits until the fakes have done with the one before; a client of the test's own that does
        not answer meanwhile holds nothing up for longer than half a second.
        """
        if isinstance(seconds, timedelta):
            seconds = seconds.total_seconds()
        until_ns = self.clock.now_ns() + round(seconds * SECOND_NS)
        self._backstage.run(self._pass(until_ns), timeout_s=300.0)

    def close(self) -> None:
        """Let go of the event loop."""
        self.clock.close()

    async def _pass(self, until_ns: int) -> None:
        clock = self.clock
        patient = await self._settled()
        while (due_ns := clock.next_due_ns()) is not None and due_ns <= until_ns:
            clock.advance_to(max(due_ns, clock.now_ns()))
            patient = patient and await self._settled()
        clock.advance_to(until_ns)
        if patient:
            await self._settled()

    async def _settled(self) -> bool:
        """Whether nothing is under way any more, or somebody outside lets it wait."""
        loop = asyncio.get_running_loop()
        deadline, quiet = loop.time() + PATIENCE_S, 0
        while quiet < _TURNS:
            if self.clock.in_flight:
                quiet = 0
                if loop.time() > deadline:
                    return False
                await asyncio.sleep(0.001)
            else:
                quiet += 1
                await asyncio.sleep(0)
        return True
