"""A heap of timers: what is due at which moment, in order. Pure: no clock, no loop."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any


class TimerHandle:
    """One scheduled callback. `cancel()` is cheap and may be called at any time."""

    __slots__ = ("_args", "_callback", "_queue", "background", "due_ns")

    def __init__(
        self,
        queue: TimerQueue,
        due_ns: int,
        callback: Callable[..., None],
        args: tuple[Any, ...],
        background: bool = False,
    ) -> None:
        self.due_ns = due_ns
        self.background = background
        self._queue: TimerQueue | None = queue
        self._callback: Callable[..., None] | None = callback
        self._args = args

    @property
    def pending(self) -> bool:
        """Tell whether the callback will still be called."""
        return self._queue is not None

    def cancel(self) -> None:
        """Make sure the callback is not called (any more)."""
        queue = self._queue
        if queue is not None:
            self._queue = self._callback = None
            self._args = ()
            queue.note_cancelled(self.background)

    def run(self) -> None:
        """Call the callback; `WorldClock` does this."""
        callback, args = self._callback, self._args
        self._queue = self._callback = None
        self._args = ()
        if callback is not None:
            callback(*args)


class TimerQueue:
    """A heap of timers in order of (due moment, scheduling order). Pure: no clock, no loop."""

    __slots__ = ("_background", "_cancelled", "_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, TimerHandle]] = []
        self._sequence = 0
        self._cancelled = 0
        self._background = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    @property
    def busy(self) -> bool:
        """Tell whether anything but housekeeping is scheduled."""
        return len(self) > self._background

    def add(
        self,
        due_ns: int,
        callback: Callable[..., None],
        args: tuple[Any, ...] = (),
        *,
        background: bool = False,
    ) -> TimerHandle:
        """Schedule a callback; `background` marks housekeeping that recurs for ever."""
        handle = TimerHandle(self, due_ns, callback, args, background)
        self._sequence += 1
        self._background += background
        heappush(self._heap, (due_ns, self._sequence, handle))
        return handle

    def next_due_ns(self) -> int | None:
        """Return the earliest due moment, None if nothing is scheduled."""
        heap = self._heap
        while heap and not heap[0][2].pending:
            heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def pop_due(self, now_ns: int) -> TimerHandle | None:
        """Take out the first timer due at `now_ns` or before, None if there is none."""
        due_ns = self.next_due_ns()
        if due_ns is None or due_ns > now_ns:
            return None
        handle = heappop(self._heap)[2]
        self._background -= handle.background
        return handle

    def note_cancelled(self, background: bool = False) -> None:
        """Count a cancelled timer; once they outnumber the living the heap is swept."""
        self._cancelled += 1
        self._background -= background
        if self._cancelled > 1000 and self._cancelled * 2 > len(self._heap):
            self._heap[:] = [entry for entry in self._heap if entry[2].pending]
            heapify(self._heap)
            self._cancelled = 0
