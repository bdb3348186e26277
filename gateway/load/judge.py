"""Throttle conformance: was more admitted than a limit allows, in any window, by the plainest possible model.

The model is a list of (time, segments). It holds no bucket and no arrival time; it states the invariant over
every pair of entries, so that it can judge the limiter, which is built quite differently.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple


class Admitted(NamedTuple):
    """`segments` that left at `at_ns`."""

    at_ns: int
    segments: int


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
    of prefix sums, so that the worst start for each end is a running minimum.
    """
    worst = 0
    found: Excess | None = None
    total = 0
    lowest: tuple[int, int, int] | None = None
    for at_ns, cost in sorted(admitted):
        level = total * period_ns - segments * at_ns
        if lowest is None or level < lowest[0]:
            lowest = level, at_ns, total
        total += cost
        excess = total * period_ns - segments * at_ns - lowest[0] - burst * period_ns
        if excess > worst:
            worst = excess
            allowed = burst + segments * (at_ns - lowest[1]) / period_ns
            found = Excess(lowest[1], at_ns, total - lowest[2], allowed)
    return found


def window_excess(
    admitted: Iterable[Admitted], cap: int, window_of: Callable[[int], tuple[int, int]]
) -> Excess | None:
    """Return the fullest calendar window with more than `cap` segments, if there is one."""
    counts: dict[tuple[int, int], int] = {}
    for at_ns, cost in admitted:
        window = window_of(at_ns)
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
    for at_ns, cost in sorted(admitted, reverse=True):
        since += cost
        release_ns = max(release_ns, at_ns + (since - burst) * step_ns)
    return release_ns


class SecondOfScope(NamedTuple):
    """One second of one scope's key: segments offered, admitted, refused."""

    second: int
    offered: int
    admitted: int
    refused: int


def per_second(
    offered: Iterable[Admitted], admitted: Iterable[Admitted], start_ns: int
) -> list[SecondOfScope]:
    """Return offered against admitted segments for each second since `start_ns`, for drawing."""
    offers, grants = _by_second(offered, start_ns), _by_second(admitted, start_ns)
    last = max((*offers, *grants), default=-1)
    return [
        SecondOfScope(s, offers.get(s, 0), grants.get(s, 0), max(offers.get(s, 0) - grants.get(s, 0), 0))
        for s in range(last + 1)
    ]


def _by_second(entries: Iterable[Admitted], start_ns: int) -> dict[int, int]:
    seconds = sorted(((at_ns - start_ns) // 1_000_000_000, segments) for at_ns, segments in entries)
    return {second: sum(s for _, s in group) for second, group in groupby(seconds, itemgetter(0))}
