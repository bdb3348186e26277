"""Benchmark the limiter: four scopes, 100,000 random numbers, beside throttled-py, limits and pyrate-limiter.

    python loadtests/bench_throttle.py [seconds]

Every figure comes from one process and one run, in rounds that take turns, so that a noisy machine treats all
alike; the calibration loop says how fast the machine was. A reservation is complete when it returns: state
changed in every scope or in none. The peers are asked for the same: four limits, one after the other (they
cannot take all or none, so a refusal costs them less than it should).
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from gateway.throttle.limiter import Limiter
from gateway.throttle.limits import MINUTE_NS, SECOND_NS, RateLimit, ScopeLimit, WindowLimit
from gateway.throttle.scopes import Scope, ScopeKeys
from gateway.throttle.usage import Cursor, listing
from gateway.throttle.windows import Calendar, Period

KEYS = 100_000
CAMPAIGNS = 2_041
BRANDS = 1_000
CARRIERS = ("tmobile", "att", "verizon", "uscellular", "bell", "rogers", "telus")
CHUNK = 2_000
ROUNDS = 5

Ask = Callable[[Sequence[Any]], None]
"""One reservation for each prepared sender, each contestant in its own shortest loop."""


def run(seconds: float = 10.0) -> dict[str, object]:
    """Measure for about `seconds`; return figures that `json.dumps` takes."""
    gc.collect()
    gc.freeze()
    accepting, refusing = _Ours(burst=1_000_000), _Ours(burst=1)
    refusing.ask(refusing.senders)
    peers = {peer.name: peer for peer in _peers()}
    contestants = {"accepted": accepting, "refused": refusing, **peers}
    rates, calibration = _compete(contestants, seconds)
    best_peer = max((rates[name] for name in peers), default=None)
    gc.unfreeze()
    return {
        "accepted_per_s": round(rates["accepted"]),
        "refused_per_s": round(rates["refused"]),
        "peers_per_s": {name: round(rates[name]) for name in peers},
        "ratio_best_peer": round(rates["accepted"] / best_peer, 1) if best_peer else None,
        "calibration_loops_per_s": round(calibration),
        "keys": KEYS,
        "scopes": 4,
        "bytes_per_idle_key": _bytes_per_key(),
        "million_keys": _pauses(),
    }


def _compete(contestants: dict[str, _Contestant], seconds: float) -> tuple[dict[str, float], float]:
    """Let all take turns; return the median rate of each and of the calibration loop."""
    rng = random.Random(7)
    share = seconds / (ROUNDS * (len(contestants) + 0.2))
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    calibration = []
    for _ in range(ROUNDS):
        calibration.append(_calibrate())
        for name, contestant in contestants.items():
            rates[name].append(_rate(contestant, share, rng))
    return {name: statistics.median(values) for name, values in rates.items()}, statistics.median(calibration)


def _rate(contestant: _Contestant, seconds: float, rng: random.Random) -> float:
    ask = contestant.ask
    done, spent = 0, 0.0
    while spent < seconds:
        chosen = rng.choices(contestant.senders, k=CHUNK)
        started = time.perf_counter()
        ask(chosen)
        spent += time.perf_counter() - started
        done += CHUNK
    return done / spent


def _calibrate() -> float:
    started = time.perf_counter()
    total = 0
    for number in range(500_000):
        total += number & 3
    return 500_000 / (time.perf_counter() - started)


class _Contestant:
    """What is asked (`ask`), and with what: one prepared sender per key."""

    name: str
    ask: Ask
    senders: Sequence[Any]


class _Ours(_Contestant):
    """The limiter with a rate per number, campaign and carrier and a Pacific day per brand."""

    def __init__(self, burst: int) -> None:
        self.limiter = Limiter(
            {
                Scope.NUMBER: ScopeLimit(rate=RateLimit(1, SECOND_NS, burst)),
                Scope.CAMPAIGN: ScopeLimit(rate=RateLimit(4_500_000, MINUTE_NS, 10_000_000)),
                Scope.BRAND_DAY: ScopeLimit(
                    window=WindowLimit(100_000_000, Calendar(Period.DAY, ZoneInfo("America/Los_Angeles")))
                ),
                Scope.CARRIER: ScopeLimit(rate=RateLimit(10_000_000, SECOND_NS, 100_000_000)),
            }
        )
        self.now_ns = time.time_ns()
        self.senders = [self.limiter.plan(_keys(index), self.now_ns) for index in range(KEYS)]
        reserve, now_ns = self.limiter.reserve, self.now_ns

        def ask(plans: Sequence[Any]) -> None:
            for plan in plans:
                reserve(plan, 1, now_ns)

        self.ask = ask


def _keys(index: int) -> ScopeKeys:
    return ScopeKeys.of(
        number=f"+1{2_000_000_000 + index * 7919}",
        campaign=f"campaign{index % CAMPAIGNS}",
        brand=f"brand{index % BRANDS}",
        carrier=CARRIERS[index % len(CARRIERS)],
    )


# --- peers --------------------------------------------------------------------------------------------------


class _Peer(_Contestant):
    def __init__(self, name: str, ask: Ask) -> None:
        self.name = name
        self.ask = ask
        self.senders = _scope_keys()


def _peers() -> list[_Peer]:
    found = []
    for make in (_throttled, _limits, _pyrate):
        try:
            found.append(make())
        except ImportError:
            continue
    return found


def _scope_keys() -> list[tuple[str, str, str, str]]:
    keys = (_keys(index) for index in range(KEYS))
    return [(str(k.number), str(k.campaign), str(k.brand_day), str(k.carrier)) for k in keys]


def _throttled() -> _Peer:
    from throttled import MemoryStore, RateLimiterType, Throttled, per_day, per_min, per_sec

    store = MemoryStore(options={"MAX_SIZE": 10_000_000})
    gcra, window = RateLimiterType.GCRA.value, RateLimiterType.FIXED_WINDOW.value
    quotas = (
        (gcra, per_sec(1, burst=1_000_000)),
        (gcra, per_min(4_500_000, burst=10_000_000)),
        (window, per_day(100_000_000)),
        (gcra, per_sec(10_000_000, burst=100_000_000)),
    )
    throttles = [Throttled(using=using, quota=quota, store=store) for using, quota in quotas]

    number, campaign, brand_day, carrier = (throttle.limit for throttle in throttles)

    def ask(senders: Sequence[Any]) -> None:
        for first, second, third, fourth in senders:
            number(first, 1)
            campaign(second, 1)
            brand_day(third, 1)
            carrier(fourth, 1)

    return _Peer("throttled-py", ask)


def _limits() -> _Peer:
    from limits import RateLimitItemPerDay, RateLimitItemPerMinute, RateLimitItemPerSecond
    from limits.storage import MemoryStorage
    from limits.strategies import FixedWindowRateLimiter

    limiter = FixedWindowRateLimiter(MemoryStorage())
    items = (
        RateLimitItemPerSecond(1_000_000),
        RateLimitItemPerMinute(4_500_000),
        RateLimitItemPerDay(100_000_000),
        RateLimitItemPerSecond(10_000_000),
    )

    number, campaign, brand_day, carrier = items
    hit = limiter.hit

    def ask(senders: Sequence[Any]) -> None:
        for first, second, third, fourth in senders:
            hit(number, first)
            hit(campaign, second)
            hit(brand_day, third)
            hit(carrier, fourth)

    return _Peer("limits", ask)


def _pyrate() -> _Peer:
    from pyrate_limiter import (
        BucketFactory,
        MonotonicClock,
        Rate,
        RateItem,
        StateBucket,
    )
    from pyrate_limiter import (
        Limiter as PyrateLimiter,
    )

    class ByName(BucketFactory):
        """One constant-state GCRA bucket per key: the fastest this library offers."""

        def __init__(self, limit: int, period_ms: int) -> None:
            self.quota = limit, period_ms
            self.clock = MonotonicClock()
            self.buckets: dict[str, StateBucket] = {}

        def wrap_item(self, name: str, weight: int = 1) -> RateItem:
            return RateItem(name, self.clock.now(), weight=weight)

        def get(self, item: RateItem) -> StateBucket:
            bucket = self.buckets.get(item.name)
            if bucket is None:
                bucket = self.buckets[item.name] = StateBucket([Rate(*self.quota)])
            return bucket

    quotas = ((1_000_000, 1000), (4_500_000, 60_000), (100_000_000, 86_400_000), (10_000_000, 1000))
    limiters = [PyrateLimiter(ByName(*quota)) for quota in quotas]

    number, campaign, brand_day, carrier = (limiter.try_acquire for limiter in limiters)

    def ask(senders: Sequence[Any]) -> None:
        for first, second, third, fourth in senders:
            number(first, blocking=False)
            campaign(second, blocking=False)
            brand_day(third, blocking=False)
            carrier(fourth, blocking=False)

    return _Peer("pyrate-limiter", ask)


# --- memory and pauses --------------------------------------------------------------------------------------


def _bytes_per_key(keys: int = 200_000) -> int:
    """Memory of one key that was used and has become idle, its name included."""
    limiter, now_ns = Limiter({Scope.NUMBER: ScopeLimit(rate=RateLimit(1))}), time.time_ns()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for index in range(keys):
        limiter.reserve(limiter.plan(_number(index), now_ns), 1, now_ns)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round((after - before) / keys)


def _number(index: int) -> ScopeKeys:
    return ScopeKeys(number=f"+1{2_000_000_000 + index * 7919}")


def _pauses(keys: int = 1_000_000) -> dict[str, float]:
    """Grow to a million keys, list them, sweep them all: CPU milliseconds of one call, p99.9."""
    limiter, now_ns = Limiter({Scope.NUMBER: ScopeLimit(rate=RateLimit(1))}), time.time_ns()
    gc.collect()
    gc.freeze()
    grown: list[int] = []
    clock = time.thread_time_ns
    for index in range(keys):
        plan = limiter.plan(_number(index), now_ns)
        started = clock()
        limiter.reserve(plan, 1, now_ns)
        grown.append(clock() - started)
    listed = _timed_pages(limiter, now_ns)
    swept = []
    for _ in range(len(limiter.rates[Scope.NUMBER].shards)):
        started = clock()
        limiter.sweep(now_ns + 2 * SECOND_NS, shards=1)
        swept.append(clock() - started)
    gc.unfreeze()
    left = sum(len(shard) for shard in limiter.rates[Scope.NUMBER].shards)
    return {
        "grow_p999_ms": _p999_ms(grown),
        "list_p999_ms": _p999_ms(listed),
        "sweep_p999_ms": _p999_ms(swept),
        "keys_left": left,
    }


def _timed_pages(limiter: Limiter, now_ns: int) -> list[int]:
    """Time pages of 100 keys from all over the listing."""
    spent = []
    for shard in range(len(limiter.rates[Scope.NUMBER].shards)):
        started = time.thread_time_ns()
        listing(limiter, Scope.NUMBER, now_ns, after=Cursor(shard), count=100)
        spent.append(time.thread_time_ns() - started)
    return spent


def _p999_ms(values: list[int]) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.999))] / 1e6, 3)


if __name__ == "__main__":
    print(json.dumps(run(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0), indent=2))
