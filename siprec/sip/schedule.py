"""One heap for everything that waits: transactions, unanswered 2xx, session timers, connections."""

import heapq
from typing import Protocol


class Waiting(Protocol):
    """Something with a deadline. `armed` belongs to the schedule: when it is to be looked at next."""

    armed: float | None

    def next_deadline(self) -> float | None:
        """Return when `handle_timeout` is due, None for never."""
        ...

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        ...


class Schedule:
    """Deadlines of many things; a deadline that moved later costs nothing until the old one is reached."""

    __slots__ = ("_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Waiting]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    def arm(self, thing: Waiting) -> None:
        """See to it that the thing is looked at by its next deadline."""
        due = thing.next_deadline()
        if due is None or (thing.armed is not None and thing.armed <= due):
            return
        thing.armed = due
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, thing))

    def next_deadline(self) -> float | None:
        """Return when `handle_timeout` is to be called next (at the latest)."""
        return self._heap[0][0] if self._heap else None

    def handle_timeout(self, now: float) -> None:
        """Let everything that is due act."""
        while self._heap and self._heap[0][0] <= now:
            when, _, thing = heapq.heappop(self._heap)
            if thing.armed != when:
                continue
            thing.armed = None
            due = thing.next_deadline()
            if due is not None and due <= now:
                thing.handle_timeout(now)
            self.arm(thing)
