"""Many streams sent on time with one timer."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

TIMER_GRAIN_S = 0.001
"""uvloop's timers count in milliseconds and may fire up to one early: what is due by then is due, for asking
again would spin until it is."""


class PacedStream:
    """One stream of a Pacer; `stop()` ends it."""

    __slots__ = ("_next", "running")

    def __init__(self, send_next: Callable[[], float | None]) -> None:
        self._next = send_next
        self.running = True

    def stop(self) -> None:
        """Send no more."""
        self.running = False

    def step(self) -> float | None:
        """Send what is due; returns the seconds to the next, None at the end."""
        wait = self._next() if self.running else None
        if wait is None:
            self.running = False
        return wait


class Pacer:
    """Sends many streams on time with one timer: due times add up, so that nothing drifts."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[tuple[float, int, PacedStream]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def streams(self) -> int:
        """Streams that run."""
        return sum(stream.running for _, _, stream in self._due)

    def start(self, send_next: Callable[[], float | None], delay_s: float = 0.0) -> PacedStream:
        """Call `send_next` from `delay_s` on; it sends and returns the seconds to its next turn, or None."""
        stream = PacedStream(send_next)
        self._push(self._loop.time() + delay_s, stream)
        self._arm()
        return stream

    def close(self) -> None:
        """Stop every stream."""
        for _, _, stream in self._due:
            stream.stop()
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _push(self, due: float, stream: PacedStream) -> None:
        heapq.heappush(self._due, (due, next(self._order), stream))

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due:
            self._timer = self._loop.call_at(self._due[0][0], self._run)

    def _run(self) -> None:
        self._timer = None
        now = self._loop.time() + TIMER_GRAIN_S
        while self._due and self._due[0][0] <= now:
            due, _, stream = heapq.heappop(self._due)
            wait = stream.step()
            if wait is not None:
                self._push(due + wait, stream)
        self._arm()
