"""Open loop: every arrival is offered when it is due, whatever became of those before it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Final

SECOND_NS: Final = 1_000_000_000
TICK_S: Final = 0.001
"""Arrivals nearer than this to one another are offered together: one turn of the loop for all of them."""
BATCH: Final = 256
"""Arrivals offered before answers are looked at again."""
MAX_BEHIND_S: Final = 10.0
"""A generator that is later than this gives up: its figures would say nothing about the target."""
MOST_BEHIND_NS: Final = round(MAX_BEHIND_S * SECOND_NS)

Offer = Callable[[int, int], None]
"""(due, now) in ns of the clock."""


class Pacer:
    """Offers arrivals (seconds from the start, in order) as their time comes. One thread."""

    def __init__(
        self, moments: Iterator[float], offer: Offer, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.start_ns = 0
        self.ended_ns = 0
        """When the last arrival was offered."""
        self.offered = 0
        self.gave_up = False
        self._moments = moments
        self._offer = offer
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._due_ns = 0

    async def run(self) -> None:
        """Offer everything. Raises what `offer` raises."""
        self.start_ns = self.ended_ns = self._clock()
        if self._next():
            self._tick()
        await self._done

    def stop(self) -> None:
        """Offer nothing more."""
        if not self._done.done():
            self._done.set_result(None)

    def _next(self) -> bool:
        moment = next(self._moments, None)
        if moment is None:
            self.stop()
            return False
        self._due_ns = self.start_ns + int(moment * SECOND_NS)
        return True

    def _tick(self) -> None:
        if self._done.done():
            return
        try:
            now_ns = self._turn()
        except Exception as error:
            self._done.set_exception(error)
            return
        if not self._done.done():
            wait_s = (self._due_ns - now_ns) / SECOND_NS
            if wait_s <= 0:
                self._loop.call_soon(self._tick)
            else:
                self._loop.call_later(max(wait_s, TICK_S), self._tick)

    def _turn(self) -> int:
        """Offer what is due, at most a batch; return the time."""
        clock, offer = self._clock, self._offer
        now_ns = clock()
        for _ in range(BATCH):
            behind_ns = now_ns - self._due_ns
            if behind_ns < 0:
                break
            if behind_ns > MOST_BEHIND_NS:
                self.gave_up = True
                self.stop()
                break
            offer(self._due_ns, now_ns)
            self.offered += 1
            self.ended_ns = now_ns
            if not self._next():
                break
            now_ns = clock()
        return now_ns
