"""GCRA over a timeline of reserved intervals, in integer nanoseconds.

The classic algorithm keeps one number, the theoretical arrival time (TAT): a message of cost c takes the
interval [TAT, TAT + c·step) and may leave at r when TAT + c·step ≤ r + burst·step. That is enough while
messages leave in the order they were admitted. Here a message can be held back by another scope (a day cap,
a slow number), and its share of this scope must lie where it will leave, without blocking everyone before it.

So a rate is a set of disjoint busy intervals. A message that leaves at r holds [a, a + c·step) with

    r ≤ a   and   a + c·step ≤ r + burst·step.

Whatever leaves in a window [s, t] therefore holds disjoint intervals inside [s, t + burst·step], so its
segments are at most (t - s) / step + burst: the invariant, whatever the order of admission. Everything
before `frontier` is busy or past; later bookings are islands. With no island this is GCRA, number by number.

Times are any integer nanoseconds with one origin; nothing here reads a clock.
"""

from bisect import bisect_right

MAX_ISLANDS = 4096
"""Above this the smaller half of the gaps is given up: capacity is lost, the invariant is not."""


class Timeline:
    """Reserved intervals of one rate: the frontier (TAT) and the islands after it, sorted and disjoint."""

    __slots__ = ("ends", "frontier", "starts")

    def __init__(self, frontier: int) -> None:
        self.frontier = frontier
        self.starts: list[int] = []
        self.ends: list[int] = []

    def tidy(self, now: int, step: int) -> None:
        """Move the frontier to `now` at least, over islands with no room for one segment before them."""
        frontier = max(self.frontier, now)
        passed = 0
        for start, end in zip(self.starts, self.ends, strict=True):
            if start - frontier >= step:
                break
            frontier = max(frontier, end)
            passed += 1
        self.frontier = frontier
        if passed:
            del self.starts[:passed], self.ends[:passed]

    def gap(self, at: int, need: int) -> int:
        """Return the start of the first free interval of `need` ns that starts at `at` or later."""
        start = max(at, self.frontier)
        starts, ends = self.starts, self.ends
        index = bisect_right(ends, start)
        while index < len(starts) and starts[index] - start < need:
            start = ends[index]
            index += 1
        return start

    def earliest(self, at: int, need: int, tau: int) -> int:
        """Return the earliest release, `at` or later, of a message needing `need` ns (at most `tau`)."""
        return max(at, self.gap(at, need) + need - tau)

    def take(self, start: int, need: int, now: int, step: int) -> None:
        """Reserve the free interval [start, start + need)."""
        if start <= max(self.frontier, now):
            self.frontier = start + need
        else:
            self._insert(start, start + need, step)
        self.tidy(now, step)

    def free(self, start: int, need: int, now: int) -> None:
        """Give the interval of a message that will not leave back; what lies in the past is gone."""
        low, high = max(start, now), start + need
        if high <= low:
            return
        if high <= self.frontier:
            if high < self.frontier:
                self.starts.insert(0, high)
                self.ends.insert(0, self.frontier)
            self.frontier = low
            return
        index = bisect_right(self.starts, low) - 1
        if index < 0 or self.ends[index] < high:
            return  # swallowed by the frontier in part: it stays busy
        begin, end = self.starts[index], self.ends[index]
        parts = [(a, b) for a, b in ((begin, low), (high, end)) if a < b]
        self.starts[index : index + 1] = [a for a, _ in parts]
        self.ends[index : index + 1] = [b for _, b in parts]

    def last_end(self) -> int:
        """Return the end of the last reserved interval."""
        return self.ends[-1] if self.ends else self.frontier

    def _insert(self, start: int, end: int, step: int) -> None:
        """Add an island, joining neighbours that leave no room for one segment between."""
        index = bisect_right(self.starts, start)
        if index and start - self.ends[index - 1] < step:
            index -= 1
            self.ends[index] = end
        else:
            self.starts.insert(index, start)
            self.ends.insert(index, end)
        after = index + 1
        if after < len(self.starts) and self.starts[after] - end < step:
            self.ends[index] = self.ends.pop(after)
            del self.starts[after]
        if len(self.starts) > MAX_ISLANDS:
            self._coalesce()

    def _coalesce(self) -> None:
        gaps = [after - before for before, after in zip(self.ends, self.starts[1:], strict=False)]
        limit = sorted(gaps)[len(gaps) // 2]
        keep = [index for index, gap in enumerate(gaps) if gap > limit]
        self.starts = [self.starts[0], *(self.starts[index + 1] for index in keep)]
        self.ends = [*(self.ends[index] for index in keep), self.ends[-1]]


def rescale(tat: int, now: int, old: tuple[int, int], new_step: int) -> int:
    """Return the TAT after a change from `old` (step, tau) to `new_step`, keeping the level in segments.

    What is already released, or will be by the old limit's spacing, is not undone: up to the last release the
    line stays busy; what the bucket holds at that moment drains at the new rate.
    """
    old_step, old_tau = old
    pivot = max(now, tat - old_tau)
    if tat <= pivot:
        return tat
    return pivot - (pivot - tat) * new_step // old_step
