"""One key under one limit, as a plan holds it: where its state is, and how a reservation asks and takes.

The hot path reads the head of an entry directly; the methods here serve the texts that have to wait, the
refunds, the rebuild after a restart and the reports. Times are world nanoseconds.
"""

from gateway.throttle.dimension import EPOCH_NS, PERSONAL, Rates, Windows
from gateway.throttle.limits import Overflow, RateLimit, WindowLimit
from gateway.throttle.scopes import CODES, Scope
from gateway.throttle.state import FAR, NEVER, Cell
from gateway.throttle.windows import MAX_COUNT, Calendar, Window

REFUSALS = {scope: (scope, code) for scope, code in CODES.items()}
"""What a full limit of each scope says, made once."""

PLACES = {scope: place for place, scope in enumerate(Scope)}
"""Where each scope stands among the others, as in a stored reservation."""


class _RateHead(Cell):
    """What a reservation reads of a rate. Slots of a base class come first in memory, together."""

    __slots__ = ("step_ns", "tau_ns")

    step_ns: int
    tau_ns: int


class RateEntry(_RateHead):
    """One key under a rate."""

    __slots__ = ("dimension", "index", "key", "limit", "personal", "place", "refusal", "scope")

    def __init__(self, dimension: Rates, key: str, limit: RateLimit) -> None:
        super().__init__()
        self.dimension = dimension
        self.scope = dimension.scope
        self.place = PLACES[dimension.scope]
        self.key = key
        self.limit = limit
        self.step_ns = limit.step_ns
        self.tau_ns = limit.tau_ns
        self.index = hash(key) & dimension.mask
        self.refusal = None if limit.waits else REFUSALS[dimension.scope]
        self.personal = dimension.scope in PERSONAL

    def find(self) -> None:
        """Find the key's state: at first, and again after the key was swept."""
        self.dimension.state.attach(self.index, self.key, self)

    def admit(self, segments: int, now_ns: int) -> int | None:
        """Take room at once; where there is none take nothing and return the value that was too much."""
        now = now_ns - EPOCH_NS
        tat = self.values[self.slot] if self.personal else self.value
        if tat < now:  # noqa: PLR1730 - max() costs three times as much here
            tat = now
        tat += segments * self.step_ns
        if tat - self.tau_ns > now:
            return None if tat >= FAR and self.squeeze(segments, now) else tat
        if self.personal:
            self.values[self.slot] = tat
        else:
            self.value = tat
        return None

    def undo(self, segments: int) -> None:
        """Take back what the hot path has just taken."""
        need = segments * self.limit.step_ns
        value = self.dimension.read(self.index, self.key)
        if value < FAR:
            self.dimension.write(self.index, self.key, value - need)
        else:
            self.dimension.timeline(self.index, self.key).frontier -= need

    def plain(self, now_ns: int) -> bool:
        """Whether a refusal needs no closer look (without islands, which the caller has seen)."""
        del now_ns
        return True

    def wait_ns(self, segments: int, value: int, now_ns: int) -> int | None:
        """Return how long until `segments` fit, given the TAT they would make; `None`: they never do."""
        tau = self.limit.tau_ns
        return value - tau - (now_ns - EPOCH_NS) if segments * self.limit.step_ns <= tau else None

    def earliest(self, at_ns: int, segments: int, now_ns: int) -> int | None:
        """Return the first moment from `at_ns` at which `segments` fit; `None`: they never do."""
        need = segments * self.limit.step_ns
        if need > self.limit.tau_ns:
            return None
        value = self.dimension.read(self.index, self.key)
        at = at_ns - EPOCH_NS
        if value != FAR:
            return max(at, max(value, at) + need - self.limit.tau_ns) + EPOCH_NS
        timeline = self.dimension.timeline(self.index, self.key)
        timeline.tidy(now_ns - EPOCH_NS, self.limit.step_ns)
        return timeline.earliest(at, need, self.limit.tau_ns) + EPOCH_NS

    def squeeze(self, segments: int, now: int) -> bool:
        """Take room at once before the islands, if there is (`now`: ns since 2020)."""
        timeline = self.dimension.booked[self.index].get(self.key)
        if timeline is None:
            return False
        timeline.tidy(now, self.limit.step_ns)
        end = timeline.frontier + segments * self.limit.step_ns
        if end - self.limit.tau_ns > now or (timeline.starts and timeline.starts[0] < end):
            return False
        timeline.frontier = end
        self.dimension.put(self.index, self.key, timeline)
        return True

    def take(self, release_ns: int, segments: int, now_ns: int) -> int:
        """Reserve `segments` for `release_ns`; return the end of their interval (ns since 2020)."""
        need, now = segments * self.limit.step_ns, now_ns - EPOCH_NS
        timeline = self.dimension.timeline(self.index, self.key)
        start = timeline.gap(release_ns - EPOCH_NS, need)
        timeline.take(start, need, now, self.limit.step_ns)
        self.dimension.put(self.index, self.key, timeline)
        return start + need

    def restore(self, release_ns: int, until_ns: int | None, segments: int, waited: bool) -> int:
        """Take up a stored reservation; `until_ns` is what `busy_until_ns` said of it, `None` nothing.

        A text that waited has an interval of its own; one that left at once found everything before the end
        of its interval taken.
        """
        need = segments * self.limit.step_ns
        timeline = self.dimension.timeline(self.index, self.key)
        if until_ns is None or waited:
            release = release_ns - EPOCH_NS
            own = release if until_ns is None else max(release, until_ns - EPOCH_NS - need)
            start = timeline.gap(own, need)
            timeline.take(start, need, NEVER, self.limit.step_ns)
            end = start + need
        else:
            end = until_ns - EPOCH_NS
            timeline.tidy(end, self.limit.step_ns)
        self.dimension.put(self.index, self.key, timeline)
        return end

    def busy_until_ns(self) -> int:
        """Return the end of what is reserved without a gap."""
        value = self.values[self.slot] if self.personal else self.value
        if value >= FAR:  # islands, or a key that was swept meanwhile
            value = self.dimension.timeline(self.index, self.key).frontier
        return value + EPOCH_NS

    def refund(self, end: int, segments: int, reserved_ns: int, now_ns: int) -> None:
        """Free the interval that ends at `end`, unless the rate has changed since it was taken."""
        if reserved_ns <= self.dimension.changed[self.index].get(self.key, NEVER):
            return
        need = segments * self.limit.step_ns
        timeline = self.dimension.timeline(self.index, self.key)
        timeline.free(end - need, need, now_ns - EPOCH_NS)
        self.dimension.put(self.index, self.key, timeline)

    def retry_ns(self, at_ns: int, now_ns: int) -> int:
        """Return how long to wait where the earliest moment was `at_ns`."""
        return at_ns - now_ns

    def too_late(self, at_ns: int, floor_ns: int, delay_ns: int) -> int | None:
        """Return by how much a delay of this scope is too long, `None` if it is not."""
        return delay_ns - self.limit.max_wait_ns if delay_ns > self.limit.max_wait_ns else None


class _WindowHead(Cell):
    """What a reservation reads of a window."""

    __slots__ = ("calendar", "cap")

    calendar: Calendar
    cap: int


class WindowEntry(_WindowHead):
    """One key under a calendar window."""

    __slots__ = ("dimension", "index", "key", "limit", "personal", "refusal", "scope")

    def __init__(self, dimension: Windows, key: str, limit: WindowLimit) -> None:
        super().__init__()
        self.dimension = dimension
        self.scope = dimension.scope
        self.key = key
        self.limit = limit
        self.calendar = limit.calendar
        self.cap = MAX_COUNT if limit.cap is None else limit.cap
        self.index = hash(key) & dimension.mask
        self.refusal = None if limit.waits else REFUSALS[dimension.scope]
        self.personal = dimension.scope in PERSONAL

    def find(self) -> None:
        """Find the key's state: at first, and again after the key was swept."""
        self.dimension.state.attach(self.index, self.key, self)

    def admit(self, segments: int, now_ns: int) -> int | None:
        """Take room at once; where there is none take nothing and return the value that was too much."""
        calendar = self.calendar
        if now_ns >= calendar.end_ns:
            calendar.roll(now_ns)
        count = self.values[self.slot] if self.personal else self.value
        if count < calendar.base:
            count = self.opening()
        count += segments
        if count - calendar.base > self.cap or now_ns < calendar.start_ns:
            return count
        if self.personal:
            self.values[self.slot] = count
        else:
            self.value = count
        return None

    def undo(self, segments: int) -> None:
        """Take back what the hot path has just taken."""
        value = self.dimension.read(self.index, self.key)
        self.dimension.write(self.index, self.key, value - segments)

    def wait_ns(self, segments: int, value: int, now_ns: int) -> int | None:
        """Return how long until the reset; `None`: so many never fit."""
        del value
        return self.limit.calendar.end_ns - now_ns if segments <= self.cap else None

    def plain(self, now_ns: int) -> bool:
        """Whether the next window is empty and the clock in the current one."""
        return self.key not in self.dimension.ahead[self.index] and now_ns >= self.limit.calendar.start_ns

    def opening(self) -> int:
        """Return the counter at the start of the current window: what was booked ahead."""
        return self.dimension.enter(self.index, self.key, self.limit)

    def earliest(self, at_ns: int, segments: int, now_ns: int) -> int | None:
        """Return the first moment from `at_ns` at which `segments` fit; `None`: they never do."""
        cap, calendar = self.cap, self.limit.calendar
        if segments > cap:
            return None
        calendar.roll(now_ns)
        at_ns = max(at_ns, calendar.start_ns)
        while True:
            window = calendar.window_at(at_ns)
            if self.used(window) + segments <= cap:
                return max(at_ns, self._smooth(window)) if self._defers_to(window, segments) else at_ns
            at_ns = self._smooth(calendar.window_at(window.end_ns))

    def take(self, release_ns: int, segments: int, now_ns: int) -> int:
        """Count `segments` in the window of `release_ns`; return that window's start."""
        window = self.limit.calendar.window_at(release_ns)
        self.dimension.add(self.index, self.key, self.limit, window, segments)
        return window.start_ns

    def add(self, release_ns: int, segments: int, now_ns: int) -> None:
        """Count (negative: give back) `segments` where that window still matters, and only there."""
        calendar = self.limit.calendar
        calendar.roll(now_ns)
        window = calendar.window_at(release_ns)
        if window.start_ns >= calendar.start_ns:
            self.dimension.add(self.index, self.key, self.limit, window, segments)

    def in_force(self) -> bool:
        """Whether the key is still counted by this calendar."""
        limit = self.dimension.limit_of(self.key)
        return limit is not None and limit.calendar is self.limit.calendar

    def used(self, window: Window) -> int:
        """Return the segments counted in `window`, the current or a later one."""
        return self.dimension.used(self.index, self.key, self.limit, window)

    def retry_ns(self, at_ns: int, now_ns: int) -> int:
        """Return how long to wait where the earliest moment was `at_ns`: until the reset before it."""
        return self.limit.calendar.window_at(at_ns).start_ns - now_ns

    def too_late(self, at_ns: int, floor_ns: int, delay_ns: int) -> int | None:
        """Return by how much a delay of this scope is too long, `None` if it is not."""
        if self.limit.overflow is Overflow.QUEUE:
            return delay_ns - self.limit.max_wait_ns if delay_ns > self.limit.max_wait_ns else None
        calendar = self.limit.calendar
        window = calendar.window_at(floor_ns)
        reset_ns = window.end_ns
        for _ in range(self.limit.windows_ahead):
            window = calendar.window_at(window.end_ns)
            if at_ns < window.end_ns:
                return None
        return reset_ns - floor_ns

    def _defers_to(self, window: Window, segments: int) -> bool:
        """Return whether `window` takes what the one before it has no room for."""
        calendar = self.limit.calendar
        if window.start_ns <= calendar.start_ns or not self.limit.waits:
            return False
        return self.used(calendar.window_at(window.start_ns - 1)) + segments > self.cap

    def _smooth(self, window: Window) -> int:
        """Return where in a later window the next deferred text leaves, at the earliest."""
        offset_ns = self.used(window) * self.limit.spacing_ns
        return min(window.start_ns + offset_ns, window.end_ns - 1)


def rate_entry(rates: Rates, key: str, limit: RateLimit) -> RateEntry:
    """Return the entry of `key`, the one other senders have where they share it."""
    live = rates.state.cell(hash(key) & rates.mask, key)
    return live if isinstance(live, RateEntry) and live.limit == limit else RateEntry(rates, key, limit)


def window_entry(windows: Windows, key: str, limit: WindowLimit) -> WindowEntry:
    """Return the entry of `key`, the one other senders have where they share it."""
    live = windows.state.cell(hash(key) & windows.mask, key)
    return live if isinstance(live, WindowEntry) and live.limit == limit else WindowEntry(windows, key, limit)
