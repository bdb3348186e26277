"""`limiter:`, the throttling core in process: a million reservations in world time, as fast as they go.

The world's clock follows the arrivals, so a minute of traffic is judged as a minute however long it takes to
compute. Latency is the real time of one reservation; there is no queue before it, so nothing is due late.
"""

import gc
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple

from gateway.load.arrivals import arrivals
from gateway.load.judge import Admitted, Excess, rate_excess, window_excess
from gateway.load.profile import Profile, SenderSettings
from gateway.load.report import Report, ScopeConformance
from gateway.load.tally import Outcome, Tally
from gateway.throttle.limiter import Limiter, Plan, Refused
from gateway.throttle.limits import SECOND_NS, ScopeLimit
from gateway.throttle.scopes import Scope, ScopeKeys

START_NS = 1_790_000_000 * SECOND_NS
"""World time at which a run begins: 2026-09-21T14:13:20Z."""
SWEEP_EVERY = 256
SHOWN_VIOLATIONS = 5
Progress = Callable[[Tally, float], None]
"""Told now and then: the tally so far and the world's seconds."""


class _Text(NamedTuple):
    at_ns: int
    plan: Plan
    sender: str
    segments: int
    destination: str


class Ledger:
    """Everything that was asked of the limiter and what it admitted, by scope and key."""

    def __init__(self) -> None:
        self.offered: dict[Scope, dict[str, int]] = {scope: defaultdict(int) for scope in Scope}
        self.admitted: dict[Scope, dict[str, list[Admitted]]] = {scope: defaultdict(list) for scope in Scope}
        self.seconds: dict[Scope, dict[int, list[int]]] = {
            scope: defaultdict(lambda: [0, 0, 0]) for scope in Scope
        }

    def note(self, keys: ScopeKeys, at_ns: int, segments: int, release_ns: int | None) -> None:
        """Note one text: refused where `release_ns` is None."""
        second = (at_ns - START_NS) // SECOND_NS
        left = None if release_ns is None else Admitted(release_ns, segments)
        for scope, key in zip(Scope, keys, strict=True):
            if key is None:
                continue
            self.offered[scope][key] += segments
            seconds = self.seconds[scope]
            seconds[second][0] += segments
            if left is not None:
                self.admitted[scope][key].append(left)
                seconds[second][1] += segments
                seconds[(left.at_ns - START_NS) // SECOND_NS][2] += segments

    def judged(self, limiter: Limiter) -> Iterator[ScopeConformance]:
        """Judge every key of every scope by the list of what left."""
        for scope in Scope:
            found = (
                (key, excess)
                for key, entries in self.admitted[scope].items()
                for excess in excesses(entries, limiter.limit_of(scope, key))
            )
            violations = sorted(found, key=lambda one: one[1].segments - one[1].allowed, reverse=True)
            admitted = sum(e.segments for entries in self.admitted[scope].values() for e in entries)
            yield ScopeConformance(
                scope.value,
                len(self.offered[scope]),
                sum(self.offered[scope].values()),
                admitted,
                sum(released for _, _, released in self.seconds[scope].values()),
                tuple(f"{key}: {excess}" for key, excess in violations[:SHOWN_VIOLATIONS]),
            )

    def drawn(self) -> dict[str, list[tuple[int, int, int, int]]]:
        """Return (second, offered, admitted, released) per scope, for drawing."""
        return {
            scope.value: [
                (second, counts[0], counts[1], counts[2]) for second, counts in sorted(seconds.items())
            ]
            for scope, seconds in self.seconds.items()
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


def run_limiter(profile: Profile, progress: Progress | None = None) -> Report:
    """Run a profile against the throttling core and judge what it admitted."""
    gc.collect()
    gc.freeze()
    gc.disable()  # millions of records without a cycle among them: collecting would only stop the world
    try:
        return _run(profile, progress)
    finally:
        gc.enable()
        gc.unfreeze()


def _run(profile: Profile, progress: Progress | None) -> Report:
    limiter = Limiter(profile.limits.defaults(), _terms(profile))
    tally, ledger = Tally(), Ledger()
    clock = time.perf_counter_ns
    spent_ns, began = 0, clock()
    for count, text in enumerate(_texts(profile, limiter)):
        if count == profile.requests:
            break
        started = clock()
        answer = limiter.reserve(text.plan, text.segments, text.at_ns, text.destination)
        took_ns = clock() - started
        spent_ns += took_ns
        due_ns = text.at_ns - START_NS
        code, release_ns = (answer.code, None) if isinstance(answer, Refused) else (None, answer.release_ns)
        tally.add(Outcome(due_ns, due_ns, due_ns + took_ns, text.sender, text.segments, code))
        ledger.note(text.plan.keys, text.at_ns, text.segments, release_ns)
        if count % SWEEP_EVERY == 0:
            limiter.sweep(text.at_ns)
            if progress is not None:
                progress(tally, due_ns / SECOND_NS)
    rate = tally.offered / (spent_ns / SECOND_NS) if spent_ns else 0.0
    note = f"{tally.offered:,} reservations, {rate:,.0f} a second inside the limiter"
    conformance = tuple(ledger.judged(limiter))
    return Report(profile, tally, (clock() - began) / SECOND_NS, conformance, ledger.drawn(), (note,))


def _terms(profile: Profile) -> Callable[[Scope, str], ScopeLimit | None]:
    """Return the carriers' caps as the limiter asks for them."""
    caps, limits = profile.caps, profile.limits
    derived = {}
    if caps.campaign_minute is not None:
        derived[Scope.CAMPAIGN] = limits.campaign_limit(caps.campaign_minute)
    if caps.brand_day is not None:
        derived[Scope.BRAND_DAY] = limits.brand_day_limit(caps.brand_day)
    return lambda scope, _key: derived.get(scope)


def _texts(profile: Profile, limiter: Limiter) -> Iterator[_Text]:
    """Yield the texts of a run in the order they arrive; the same seed gives the same."""
    rng = random.Random(profile.seed)  # noqa: S311 - traffic, not secrets
    settings = profile.arrivals
    spacing = random.Random(profile.seed + 1) if settings.spacing == "poisson" else None  # noqa: S311
    senders = [_Sender(index, sender, limiter) for index, sender in enumerate(profile.senders)]
    weights = list(accumulate(sender.settings.share for sender in senders))
    for at_s in arrivals(settings.build(), profile.duration_s, spacing):
        sender = rng.choices(senders, cum_weights=weights)[0]
        yield sender.text(START_NS + round(at_s * SECOND_NS), rng)


class _Sender:
    """Makes the texts of one kind of sender; plans are kept as the gateway keeps them."""

    def __init__(self, index: int, settings: SenderSettings, limiter: Limiter) -> None:
        self.settings = settings
        self._index = index
        self._limiter = limiter
        self._plans: dict[tuple[int, str], Plan] = {}

    def text(self, at_ns: int, rng: random.Random) -> _Text:
        settings = self.settings
        number = int(rng.random() * settings.numbers)
        destination = int(rng.random() * settings.destinations)
        carrier = settings.carriers[destination % len(settings.carriers)]
        plan = self._plans.get((number, carrier))
        if plan is None:
            plan = self._plans[number, carrier] = self._limiter.plan(self._keys(number, carrier), at_ns)
        segments = settings.segments[int(rng.random() * len(settings.segments))]
        return _Text(at_ns, plan, settings.name, segments, f"+1310{destination:07}")

    def _keys(self, number: int, carrier: str) -> ScopeKeys:
        settings = self.settings
        campaign = number // settings.numbers_per_campaign
        brand = campaign // settings.campaigns_per_brand
        return ScopeKeys.of(
            number=f"+1{2_000_000_000 + self._index * 100_000_000 + number}",
            person=f"{settings.name}-{number}",
            campaign=f"{settings.name}-c{campaign}",
            brand=f"{settings.name}-b{brand}",
            carrier=carrier,
            organization=f"{settings.name}-o{brand}",
        )
