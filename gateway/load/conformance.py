"""Offered against admitted, per scope, key and second, and the judgement of every key by `judge`."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.load.judge import Admitted, Excess, rate_excess, window_excess
from gateway.throttle.limits import SECOND_NS, ScopeLimit
from gateway.throttle.scopes import Scope, ScopeKeys

SHOWN_VIOLATIONS: Final = 5
ScopeSecond = tuple[int, int, int, int]
"""(second, offered, admitted, released) segments."""


@dataclass(frozen=True, slots=True)
class ScopeConformance:
    """One scope's limits, judged key by key against the list of what left."""

    scope: str
    keys: int
    offered: int
    admitted: int
    released: int
    violations: tuple[str, ...] = ()
    """The worst windows that held too much, if any."""


class Ledger:
    """Everything that was asked for and what was admitted, by scope and key."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._offered: dict[Scope, dict[str, int]] = {scope: defaultdict(int) for scope in Scope}
        self._admitted: dict[Scope, dict[str, list[Admitted]]] = {scope: defaultdict(list) for scope in Scope}
        self._seconds: dict[Scope, dict[int, list[int]]] = {
            scope: defaultdict(lambda: [0, 0, 0]) for scope in Scope
        }

    def note(self, keys: ScopeKeys, at_ns: int, segments: int, left: Admitted | None) -> None:
        """Note one text that was due at `at_ns`, and when it left; None where it was refused."""
        second = (at_ns - self._start_ns) // SECOND_NS
        for scope, key in zip(Scope, keys, strict=True):
            if key is None:
                continue
            self._offered[scope][key] += segments
            seconds = self._seconds[scope]
            counts = seconds[second]
            counts[0] += segments
            if left is not None:
                self._admitted[scope][key].append(left)
                counts[1] += segments
                seconds[(left.at_ns - self._start_ns) // SECOND_NS][2] += segments

    def judged(self, limit_of: Callable[[Scope, str], ScopeLimit]) -> Iterator[ScopeConformance]:
        """Judge every key of every scope that was used."""
        for scope in Scope:
            if not self._offered[scope]:
                continue
            found = (
                (key, excess)
                for key, entries in self._admitted[scope].items()
                for excess in excesses(entries, limit_of(scope, key))
            )
            violations = sorted(found, key=lambda one: one[1].segments - one[1].allowed, reverse=True)
            yield ScopeConformance(
                scope.value,
                len(self._offered[scope]),
                sum(self._offered[scope].values()),
                sum(e.segments for entries in self._admitted[scope].values() for e in entries),
                sum(released for _, _, released in self._seconds[scope].values()),
                tuple(f"{key}: {excess}" for key, excess in violations[:SHOWN_VIOLATIONS]),
            )

    def drawn(self) -> dict[str, list[ScopeSecond]]:
        """Return (second, offered, admitted, released) per scope, for drawing."""
        return {
            scope.value: [
                (second, counts[0], counts[1], counts[2]) for second, counts in sorted(seconds.items())
            ]
            for scope, seconds in self._seconds.items()
            if seconds
        }


def excesses(entries: list[Admitted], limit: ScopeLimit) -> Iterator[Excess]:
    """Yield the worst window of one key that held more than its limit, for each kind of limit."""
    rate, window = limit.rate, limit.window
    if rate is not None:
        worst = rate_excess(entries, rate.segments, rate.period_ns, rate.burst)
        if worst is not None:
            yield worst
    if window is not None and window.cap is not None:
        worst = window_excess(entries, window.cap, window.calendar.window_at)
        if worst is not None:
            yield worst
