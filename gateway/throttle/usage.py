"""What is used of each limit right now, for `GET /v1/limits` and the cap gauges."""

from typing import NamedTuple

from gateway.throttle.dimension import EPOCH_NS, Rates, Windows
from gateway.throttle.limiter import Limiter
from gateway.throttle.limits import RateLimit, ScopeLimit, WindowLimit
from gateway.throttle.scopes import Scope
from gateway.throttle.state import FAR


class RateUsage(NamedTuple):
    """A rate now: `used` of `limit.burst` segments (more where texts wait)."""

    limit: RateLimit
    used: int
    next_ns: int
    """When one more segment could leave: now, or the end of the queue."""
    idle_ns: int
    """When the whole burst is free again."""


class WindowUsage(NamedTuple):
    """A window now: `used` of `limit.cap` segments until `resets_ns`; `ahead` are booked after it."""

    limit: WindowLimit
    used: int
    ahead: int
    resets_ns: int

    @property
    def ratio(self) -> float | None:
        """Used share of the cap; `None` without one."""
        return None if self.limit.cap is None else self.used / self.limit.cap


class Usage(NamedTuple):
    """One key of one scope: its limits and what is used of them."""

    scope: Scope
    key: str
    limit: ScopeLimit
    overridden: bool
    rate: RateUsage | None
    window: WindowUsage | None


class Cursor(NamedTuple):
    """Where a listing goes on: after `key` in a shard. Good for this process's life."""

    shard: int = 0
    key: str = ""


def usage(limiter: Limiter, scope: Scope, key: str, now_ns: int) -> Usage:
    """Return the use of one key, whether it has any or not."""
    limit = limiter.limit_of(scope, key)
    limiter.rates[scope].adopt(key, limit.rate, now_ns)
    return Usage(
        scope,
        key,
        limit,
        (scope, key) in limiter.overrides,
        None if limit.rate is None else _rate(limiter.rates[scope], key, limit.rate, now_ns),
        None if limit.window is None else _window(limiter.windows[scope], key, limit.window, now_ns),
    )


def listing(
    limiter: Limiter, scope: Scope, now_ns: int, *, after: Cursor | None = None, count: int = 100
) -> tuple[list[Usage], Cursor | None]:
    """Return up to `count` keys in use and where to go on (`None`: that was all).

    It walks shard by shard, so that a page of a million keys costs no more than a page of a thousand.
    """
    first, last = after or Cursor()
    found: list[Usage] = []
    for shard in range(first, len(limiter.rates[scope].shards)):
        keys = limiter.rates[scope].shards[shard].keys() | limiter.windows[scope].shards[shard].keys()
        for key in sorted(key for key in keys if key > last):
            if len(found) == count:
                return found, Cursor(shard, last)
            found.append(usage(limiter, scope, key, now_ns))
            last = key
        last = ""
    return found, None


def _rate(rates: Rates, key: str, limit: RateLimit, now_ns: int) -> RateUsage:
    now = now_ns - EPOCH_NS
    index = hash(key) & rates.mask
    tat = rates.read(index, key)
    if tat < FAR:
        busy_ns, last = max(tat - now, 0), tat
        following = max(now, max(tat, now) + limit.step_ns - limit.tau_ns)
    else:
        timeline = rates.timeline(index, key)
        islands = zip(timeline.starts, timeline.ends, strict=True)
        busy_ns = max(timeline.frontier - now, 0) + sum(e - max(s, now) for s, e in islands if e > now)
        last = timeline.last_end()
        following = timeline.earliest(now, limit.step_ns, limit.tau_ns)
    used = -(-busy_ns // limit.step_ns)
    return RateUsage(limit, used, following + EPOCH_NS, max(last, now) + EPOCH_NS)


def _window(windows: Windows, key: str, asked: WindowLimit, now_ns: int) -> WindowUsage:
    index = hash(key) & windows.mask
    limit = windows.adopt(key, asked, now_ns) or asked
    limit.calendar.roll(now_ns)
    window = limit.calendar.window_at(max(now_ns, limit.calendar.start_ns))
    booked = windows.ahead[index].get(key, {})
    ahead = sum(used for start_ns, used in booked.items() if start_ns > window.start_ns)
    return WindowUsage(limit, windows.used(index, key, limit, window), ahead, window.end_ns)
