"""One heap for everything that waits: transactions, unanswered 2xx, session timers, connections."""

import heapq
from typing import Protocol

_TOLERATED = 1024


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
    """Deadlines of many things; a deadline that moved later costs nothing until the old one is reached.

    Entries that no longer count stay in the heap until they surface, or until they are half of it.
    """

    __slots__ = ("_count", "_heap", "_stale")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Waiting]] = []
        self._count = 0
        self._stale = 0

    def __len__(self) -> int:
        return len(self._heap)

    def arm(self, thing: Waiting) -> None:
        """See to it that the thing is looked at by its next deadline."""
        due = thing.next_deadline()
        if due is None or (thing.armed is not None and thing.armed <= due):
            return
        if thing.armed is not None:
            self._stale += 1
        thing.armed = due
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, thing))

    def disarm(self, thing: Waiting) -> None:
        """Forget a thing that is over, so that nothing holds it until its deadline."""
        if thing.armed is None:
            return
        thing.armed = None
        self._stale += 1
        if self._stale > _TOLERATED and self._stale * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].armed == entry[0]]
            heapq.heapify(self._heap)
            self._stale = 0

    def next_deadline(self) -> float | None:
        """Return when `handle_timeout` is to be called next."""
        heap = self._heap
        while heap and heap[0][2].armed != heap[0][0]:
            heapq.heappop(heap)
            self._stale -= 1
        return heap[0][0] if heap else None

    def handle_timeout(self, now: float) -> None:
        """Let everything that is due act."""
        while self._heap and self._heap[0][0] <= now:
            when, _, thing = heapq.heappop(self._heap)
            if thing.armed != when:
                self._stale -= 1
                continue
            thing.armed = None
            due = thing.next_deadline()
            if due is not None and due <= now:
                thing.handle_timeout(now)
            self.arm(thing)
