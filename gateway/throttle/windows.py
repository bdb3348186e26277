"""Calendar windows: which minute, hour or day an instant belongs to, in a time zone, DST-true.

Minutes and hours are those of UTC. A day starts at 00:00 local time, so a T-Mobile day in America/Los_Angeles
has 23 or 25 hours twice a year (10dlc.md). The current window is cached: asking for it costs two comparisons
until the next reset. Time zones are arguments (`tzinfo`), so nothing here reads a zone database.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from typing import NamedTuple

SECOND_NS = 1_000_000_000


class Period(Enum):
    """Length of a calendar window."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


LONGEST_S = {Period.MINUTE: 60, Period.HOUR: 3600, Period.DAY: 25 * 3600}
"""The longest a window of each period can last, in seconds; a day has 25 hours when DST ends."""


class Window(NamedTuple):
    """One calendar window: it holds every instant with `start_ns ≤ t < end_ns`."""

    start_ns: int
    end_ns: int


COUNT_BITS = 30
MAX_COUNT = (1 << COUNT_BITS) - 1
"""The most segments one window can count."""
EPOCH_S = 1_577_836_800
"""2020-01-01T00:00Z: counters hold times from here, so that they stay small integers until 2054."""


def count_base(start_ns: int) -> int:
    """Return the counter value of a window that starts at `start_ns` and has counted nothing.

    A counter is one integer, window start (seconds) and segments side by side: a value below the current
    window's base belongs to an earlier window and counts as zero.
    """
    return (start_ns // SECOND_NS - EPOCH_S) << COUNT_BITS


class Calendar:
    """The windows of one period in one time zone; equal where period and zone are."""

    __slots__ = ("_days", "base", "end_ns", "period", "start_ns", "zone")

    def __init__(self, period: Period, zone: tzinfo = UTC) -> None:
        self.period = period
        self.zone = zone
        self.start_ns = 0
        """Start of the current window; see `roll`."""
        self.end_ns = 0
        """End of the current window: the next reset."""
        self.base = count_base(0)
        """What a counter of the current window starts from; see `count_base`."""
        self._days: dict[int, Window] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and (self.period, str(self.zone)) == (
            other.period,
            str(other.zone),
        )

    def __hash__(self) -> int:
        return hash((self.period, str(self.zone)))

    def __repr__(self) -> str:
        return f"Calendar({self.period.value}, {self.zone})"

    def roll(self, now_ns: int) -> None:
        """Make the window of `now_ns` the current one; never backwards."""
        if now_ns >= self.end_ns:
            self.start_ns, self.end_ns = self.window_at(now_ns)
            self.base = count_base(self.start_ns)

    def window_at(self, at_ns: int) -> Window:
        """Return the window that holds `at_ns`."""
        if self.period is not Period.DAY:
            length_ns = LONGEST_S[self.period] * SECOND_NS
            start_ns = at_ns // length_ns * length_ns
            return Window(start_ns, start_ns + length_ns)
        if self.start_ns <= at_ns < self.end_ns:
            return Window(self.start_ns, self.end_ns)
        for window in self._days.values():
            if window.start_ns <= at_ns < window.end_ns:
                return window
        return self._remember(self._day_at(at_ns))

    def _day_at(self, at_ns: int) -> Window:
        day = datetime.fromtimestamp(at_ns // SECOND_NS, self.zone).date()
        start, end = (
            int(datetime(d.year, d.month, d.day, tzinfo=self.zone).timestamp()) * SECOND_NS
            for d in (day, day + timedelta(days=1))
        )
        return Window(start, end)

    def _remember(self, window: Window) -> Window:
        if len(self._days) >= 16:
            del self._days[next(iter(self._days))]
        self._days[window.start_ns] = window
        return window
