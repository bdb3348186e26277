"""Limits as values: a rate (GCRA), a calendar window, and what happens to the text that does not fit.

All costs are counted in segments, never in messages (10dlc.md). Values are frozen; a limit is changed while
running by giving the limiter another value.

Source: architecture section 7; 10dlc.md (AT&T per campaign and minute, T-Mobile per brand and day, queue
convention of about four hours of the rate).
"""

from dataclasses import dataclass, field
from enum import Enum

from gateway.throttle.windows import MAX_COUNT, Calendar

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
FOUR_HOURS_NS = 4 * HOUR_NS
LONGEST_BURST_NS = 10_000 * DAY_NS
"""The longest a whole burst may take to come back: times of a rate then fit in 63 bits."""
LONGEST_MESSAGE = 10
"""Segments of the longest text that policy lets through: a default burst always fits one."""


class Overflow(Enum):
    """What a scope does with a text that does not fit at the moment of asking."""

    REJECT = "reject"
    """Refuse it, with the time after which it would fit."""
    QUEUE = "queue"
    """Give it a later release time, as long as this scope delays it by no more than `max_wait_ns`."""
    DEFER = "defer"
    """Windows only: release it after the window's reset, as long as that window too has room."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`segments` per `period_ns`, with up to `burst` segments at once.

    Invariant: in every closed window of length T at most `burst + T / step_ns` segments are released, which
    is never more than `burst + segments · T / period_ns`. A text of more than `burst` segments never fits and
    is refused without a retry time.
    """

    segments: int
    period_ns: int = SECOND_NS
    burst: int = LONGEST_MESSAGE
    overflow: Overflow = Overflow.REJECT
    max_wait_ns: int = FOUR_HOURS_NS
    step_ns: int = field(init=False)
    """Emission interval of one segment, rounded up so that the rate is never exceeded."""
    tau_ns: int = field(init=False)
    """Burst tolerance: `burst` emission intervals."""

    def __post_init__(self) -> None:
        if self.segments < 1 or self.period_ns < 1 or self.burst < 1 or self.max_wait_ns < 0:
            raise ValueError(
                "a rate needs positive segments, period and burst, "
                f"not {self.segments} per {self.period_ns} ns and {self.burst}"
            )
        if self.overflow is Overflow.DEFER:
            raise ValueError("a rate has no reset to defer to: use reject or queue")
        step_ns = -(-self.period_ns // self.segments)
        if self.burst * step_ns > LONGEST_BURST_NS:
            days = self.burst * step_ns / DAY_NS
            raise ValueError(
                f"a burst of {self.burst} segments at this rate takes {days:,.0f} days to come back; "
                f"at most {LONGEST_BURST_NS // DAY_NS:,}"
            )
        object.__setattr__(self, "step_ns", step_ns)
        object.__setattr__(self, "tau_ns", self.burst * step_ns)

    @property
    def waits(self) -> bool:
        """Whether a text may be given a later release time."""
        return self.overflow is not Overflow.REJECT


@dataclass(frozen=True, slots=True)
class WindowLimit:
    """At most `cap` segments per window of `calendar`; `None` counts without limiting."""

    cap: int | None
    calendar: Calendar
    overflow: Overflow = Overflow.REJECT
    max_wait_ns: int = FOUR_HOURS_NS
    windows_ahead: int = 1
    """With `defer`: how many resets ahead a text may be booked."""
    spacing_ns: int = 0
    """Smooth release: deferred segments leave this far apart after the reset instead of all at once."""

    def __post_init__(self) -> None:
        if (
            (self.cap is not None and not 1 <= self.cap <= MAX_COUNT)
            or self.max_wait_ns < 0
            or self.spacing_ns < 0
        ):
            raise ValueError(f"a window needs a cap from 1 to {MAX_COUNT}, not {self.cap}")
        if self.windows_ahead < 1:
            raise ValueError("windows_ahead counts from 1, the next window")

    @property
    def waits(self) -> bool:
        """Whether a text may be given a later release time."""
        return self.overflow is not Overflow.REJECT


@dataclass(frozen=True, slots=True)
class ScopeLimit:
    """What holds for one key of one scope: a rate, a window, both, or neither."""

    rate: RateLimit | None = None
    window: WindowLimit | None = None


UNLIMITED = ScopeLimit()
"""A key without any limit: it costs nothing and leaves no state."""


def default_burst(cap: int) -> int:
    """Return the burst, in segments, that a cap per minute gets where none is set.

    One second of the cap, but at least the longest message and always less than the cap: a per-minute
    cap is then kept in every window of a minute, wherever the carrier's own minute starts.
    """
    return min(max(LONGEST_MESSAGE, cap // 60), cap - 1)


def per_minute(
    cap: int,
    *,
    burst: int | None = None,
    overflow: Overflow = Overflow.QUEUE,
    max_wait_ns: int = FOUR_HOURS_NS,
) -> RateLimit:
    """Return the rate that keeps `cap` segments in every minute: `burst + 60 s · rate ≤ cap`.

    Raises `ValueError` where nothing is left for the rate (a cap below 2, a burst not below the cap).
    """
    if cap < 2:
        raise ValueError("a cap per minute must be at least 2 segments")
    burst = default_burst(cap) if burst is None else burst
    if burst >= cap:
        raise ValueError(f"a burst of {burst} leaves nothing of a cap of {cap} per minute")
    return RateLimit(cap - burst, MINUTE_NS, burst, overflow, max_wait_ns)
