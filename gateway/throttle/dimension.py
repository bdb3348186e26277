"""One kind of limit in one scope: the keys' state in shards, the default limit, the keys that have another.

A key whose value says no more than a fresh one would is idle and may be swept; no other key ever is.

A changed default reaches its keys shard by shard, when a shard is next touched or swept: changing the limit
of a million numbers stalls nobody.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from gateway.throttle.gcra import Timeline, rescale
from gateway.throttle.limits import RateLimit, WindowLimit
from gateway.throttle.scopes import Scope
from gateway.throttle.state import FAR, Cells, Slots, State
from gateway.throttle.windows import EPOCH_S, LONGEST_S, MAX_COUNT, SECOND_NS, Calendar, Window, count_base

EPOCH_NS = EPOCH_S * SECOND_NS
PERSONAL = (Scope.NUMBER, Scope.PERSON)
"""The scopes with a key per sender."""

Limit = TypeVar("Limit", RateLimit, WindowLimit)


class Dimension(ABC, Generic[Limit]):
    """Shards of one scope's rates or windows, its default limit and the keys that have another."""

    def __init__(self, scope: Scope, default: Limit | None, shards: int) -> None:
        self.scope = scope
        self.default: Limit | None = default
        self.mask = shards - 1
        self.state: State = Slots(shards) if scope in PERSONAL else Cells(shards)
        self.read, self.write = self.state.read, self.state.write
        self.pinned: list[dict[str, Limit | None]] = [{} for _ in range(shards)]
        self.changes: list[tuple[Limit | None, Limit | None]] = []
        self._settled = [0] * shards

    @property
    def shards(self) -> Sequence[Mapping[str, object]]:
        """The keys that have a value, by shard."""
        return self.state.shards

    def set_default(self, limit: Limit | None) -> None:
        """Change the default; keys follow when their shard is next settled."""
        if limit != self.default:
            self.changes.append((self.default, limit))
            self.default = limit

    def adopt(self, key: str, limit: Limit | None, now_ns: int) -> Limit | None:
        """Make `limit` the limit of `key`, carrying over what it has used; return the one in force."""
        index = hash(key) & self.mask
        self.settle(index, now_ns)
        pinned = self.pinned[index]
        if limit is self.default and key not in pinned:
            return limit
        old = pinned.get(key, self.default)
        if limit == self.default:
            pinned.pop(key, None)
        else:
            pinned[key] = limit
        if old != limit and key in self.shards[index]:
            self._convert(index, key, old, limit, now_ns)
        return limit

    def limit_of(self, key: str) -> Limit | None:
        """Return the limit last adopted for `key`."""
        return self.pinned[hash(key) & self.mask].get(key, self.default)

    def settle(self, index: int, now_ns: int) -> None:
        """Apply the changes of the default that one shard has not seen."""
        if self._settled[index] == len(self.changes):
            return
        pinned = self.pinned[index]
        for old, new in self.changes[self._settled[index] :]:
            for key in [key for key in self.shards[index] if key not in pinned]:
                self._convert(index, key, old, new, now_ns)
        self._settled[index] = len(self.changes)

    def forget_changes(self) -> None:
        """Drop the record of default changes once every shard has seen them."""
        if self.changes and min(self._settled) == len(self.changes):
            self.changes.clear()
            self._settled = [0] * len(self._settled)

    def sweep(self, index: int, now_ns: int) -> int:
        """Forget the idle keys of one shard and give their memory back; return how many."""
        self.settle(index, now_ns)
        idle = self._idle(index, now_ns)
        if idle:
            self.state.drop(index, idle)
        return len(idle)

    @abstractmethod
    def _idle(self, index: int, now_ns: int) -> list[str]:
        """Return the keys of one shard whose value says no more than a fresh one would."""

    @abstractmethod
    def _convert(self, index: int, key: str, old: Limit | None, new: Limit | None, now_ns: int) -> None:
        """Carry over what `key` has used from one limit to another."""


class Rates(Dimension[RateLimit]):
    """TAT per key, in ns since 2020; keys with islands have their timeline in `booked`."""

    def __init__(self, scope: Scope, default: RateLimit | None, shards: int) -> None:
        super().__init__(scope, default, shards)
        self.booked: list[dict[str, Timeline]] = [{} for _ in range(shards)]
        self.changed: list[dict[str, int]] = [{} for _ in range(shards)]

    def timeline(self, index: int, key: str) -> Timeline:
        """Return the timeline of `key`; `put` it back after changing it."""
        return self.booked[index].get(key) or Timeline(self.read(index, key))

    def put(self, index: int, key: str, timeline: Timeline) -> None:
        """Store a changed timeline, as one integer where it has no islands."""
        if timeline.starts:
            self.booked[index][key] = timeline
            self.write(index, key, FAR)
        else:
            self.booked[index].pop(key, None)
            self.write(index, key, timeline.frontier)

    def _idle(self, index: int, now_ns: int) -> list[str]:
        now = now_ns - EPOCH_NS
        for key, timeline in list(self.booked[index].items()):
            if timeline.last_end() <= now:
                timeline.tidy(now, 1)
                self.put(index, key, timeline)
        idle = [key for key, tat in self.state.items(index) if tat <= now]
        changed = self.changed[index]
        if changed:
            for key in idle:
                changed.pop(key, None)
        return idle

    def _convert(
        self, index: int, key: str, old: RateLimit | None, new: RateLimit | None, now_ns: int
    ) -> None:
        if old is None or new is None or old.step_ns == new.step_ns:
            return
        timeline, now = self.timeline(index, key), now_ns - EPOCH_NS
        if timeline.last_end() <= now:
            return
        self.changed[index][key] = now_ns
        frontier = rescale(timeline.frontier, now, (old.step_ns, old.tau_ns), new.step_ns)
        if timeline.starts:
            frontier = max(frontier, timeline.frontier)
        timeline.frontier = frontier
        timeline.tidy(now, 1)
        self.put(index, key, timeline)


class Windows(Dimension[WindowLimit]):
    """Counter per key of the current window; bookings of later windows are in `ahead`, by window start."""

    def __init__(self, scope: Scope, default: WindowLimit | None, shards: int) -> None:
        self._calendars: dict[Calendar, Calendar] = {}
        self._longest_ns = 0
        super().__init__(scope, None if default is None else self._own(default), shards)
        self.ahead: list[dict[str, dict[int, int]]] = [{} for _ in range(shards)]

    def set_default(self, limit: WindowLimit | None) -> None:
        """Change the default; a removed one goes on counting, so that it can come back."""
        if limit is None and self.default is not None:
            limit = WindowLimit(None, self.default.calendar)
        super().set_default(None if limit is None else self._own(limit))

    def adopt(self, key: str, limit: WindowLimit | None, now_ns: int) -> WindowLimit | None:
        """Make `limit` the limit of `key`; a removed one goes on counting, so that it can come back."""
        index = hash(key) & self.mask
        if limit is None:
            old = self.pinned[index].get(key, self.default)
            if old is not None and (old.cap is None or key in self.shards[index]):
                limit = WindowLimit(None, old.calendar)
        if limit is not None:
            limit = self.default if limit == self.default else self._own(limit)
        return super().adopt(key, limit, now_ns)

    def _own(self, limit: WindowLimit) -> WindowLimit:
        """Return the limit with this dimension's calendar, whose current window moves with its own world."""
        calendar = limit.calendar
        self._longest_ns = max(self._longest_ns, LONGEST_S[calendar.period] * SECOND_NS)
        own = self._calendars.setdefault(calendar, Calendar(calendar.period, calendar.zone))
        return replace(limit, calendar=own)

    def used(self, index: int, key: str, limit: WindowLimit, window: Window) -> int:
        """Return the segments of `key` counted in `window`, the current or a later one."""
        if window.start_ns != limit.calendar.start_ns:
            return self.ahead[index].get(key, {}).get(window.start_ns, 0)
        base = limit.calendar.base
        value = self.read(index, key)
        if value < base:
            value = self.enter(index, key, limit)
        return value - base

    def enter(self, index: int, key: str, limit: WindowLimit) -> int:
        """Return the counter of `key` at its first use in the current window: what was booked ahead."""
        calendar = limit.calendar
        booked = self.ahead[index].get(key)
        if booked is None:
            return calendar.base
        value = calendar.base + booked.get(calendar.start_ns, 0)
        for start in [start for start in booked if start <= calendar.start_ns]:
            del booked[start]
        if not booked:
            del self.ahead[index][key]
        self.write(index, key, value)
        return value

    def add(self, index: int, key: str, limit: WindowLimit, window: Window, segments: int) -> None:
        """Count `segments` (negative: a refund) of `key` in `window`, the current or a later one."""
        used = min(max(self.used(index, key, limit, window) + segments, 0), MAX_COUNT)
        if window.start_ns == limit.calendar.start_ns:
            self.write(index, key, limit.calendar.base + used)
        else:
            self.ahead[index].setdefault(key, {})[window.start_ns] = used
            self.write(index, key, self.read(index, key))

    def _idle(self, index: int, now_ns: int) -> list[str]:
        ended = count_base(now_ns - self._longest_ns)
        ahead = self.ahead[index]
        for key, booked in list(ahead.items()):
            if max(booked, default=0) + self._longest_ns <= now_ns:
                del ahead[key]
        return [
            key
            for key, value in self.state.items(index)
            if (value < ended or not value & MAX_COUNT) and key not in ahead
        ]

    def _convert(
        self, index: int, key: str, old: WindowLimit | None, new: WindowLimit | None, now_ns: int
    ) -> None:
        if old is None or new is None or old.calendar == new.calendar:
            return
        old.calendar.roll(now_ns)
        new.calendar.roll(now_ns)
        current = self.used(index, key, old, Window(old.calendar.start_ns, old.calendar.end_ns))
        booked = self.ahead[index].pop(key, {})
        self.write(index, key, new.calendar.base + current)
        for start_ns, used in booked.items():
            if start_ns > old.calendar.start_ns:
                self.add(index, key, new, new.calendar.window_at(start_ns), used)
