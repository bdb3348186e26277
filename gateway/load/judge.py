"""Throttle conformance: was more admitted than a limit allows, in any window, by the plainest possible model.

The model is a list of (time, segments). It holds no bucket and no arrival time; it states the invariant over
every pair of entries, so that it can judge the limiter, which is built quite differently.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Admitted(NamedTuple):
    """`segments` that left at `at_ns`; seen from outside, at some moment from then to `until_ns`.

    Someone who only knows when he asked and when he was answered gives both; 0 says that `at_ns` is exact.
    """

    at_ns: int
    segments: int
    until_ns: int = 0


@dataclass(frozen=True, slots=True)
class Excess:
    """The worst window: `segments` left in the closed window from `start_ns` to `end_ns`, `allowed` may."""

    start_ns: int
    end_ns: int
    segments: int
    allowed: float

    def __str__(self) -> str:
        span_s = (self.end_ns - self.start_ns) / 1e9
        return f"{self.segments} segments in {span_s:.3f} s, {self.allowed:.3f} allowed"


def rate_excess(admitted: Iterable[Admitted], segments: int, period_ns: int, burst: int) -> Excess | None:
    """Return the worst window with more than `burst + segments · T / period_ns` segments, if there is one.

    Every closed window that starts and ends at an entry is looked at; no other can hold more for its length.
    Exact: the comparison is in integers. Linear after sorting, because the sum from i to j is a difference
    of prefix sums, so that the worst start for each end is a running minimum. Where moments are known only
    as spans, a window reaches to the last moment at which anything up to its end may have left: what is
    found is an excess wherever in their spans the moments lie.
    """
    worst = 0
    found: Excess | None = None
    total = end_ns = 0
    lowest: tuple[int, int, int] | None = None
    for at_ns, cost, until_ns in sorted(admitted):
        level = total * period_ns - segments * at_ns
        if lowest is None or level < lowest[0]:
            lowest = level, at_ns, total
        total += cost
        end_ns = max(end_ns, at_ns, until_ns)
        excess = total * period_ns - segments * end_ns - lowest[0] - burst * period_ns
        if excess > worst:
            worst = excess
            allowed = burst + segments * (end_ns - lowest[1]) / period_ns
            found = Excess(lowest[1], end_ns, total - lowest[2], allowed)
    return found


def window_excess(
    admitted: Iterable[Admitted], cap: int, window_of: Callable[[int], tuple[int, int]]
) -> Excess | None:
    """Return the fullest calendar window with more than `cap` segments, if there is one.

    What may have left in either of two windows is counted in none.
    """
    counts: dict[tuple[int, int], int] = {}
    for at_ns, cost, until_ns in admitted:
        window = window_of(at_ns)
        if until_ns > at_ns and window_of(until_ns) != window:
            continue
        counts[window] = counts.get(window, 0) + cost
    over = [(used, window) for window, used in counts.items() if used > cap]
    if not over:
        return None
    used, (start_ns, end_ns) = max(over)
    return Excess(start_ns, end_ns, used, cap)


def earliest_release(
    admitted: Sequence[Admitted], segments: int, floor_ns: int, step_ns: int, burst: int
) -> int:
    """Return when `segments` more may leave after everything in `admitted`, from `floor_ns` on.

    Straight from the invariant: for each entry i, all that left since i and the new text need
    `(sum - burst) · step_ns` from i.
    """
    release_ns, since = floor_ns, segments
    for at_ns, cost, _ in sorted(admitted, reverse=True):
        since += cost
        release_ns = max(release_ns, at_ns + (since - burst) * step_ns)
    return release_ns
