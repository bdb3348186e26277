"""`limiter:`, the throttling core in process: a million reservations in world time, as fast as they go.

The world's clock follows the arrivals, so a minute of traffic is judged as a minute however long it takes to
compute. Latency is the real time of one reservation; there is no queue before it, so nothing is due late.
"""

import gc
import random
import time
from collections.abc import Callable, Iterator
from typing import Final

from gateway.load.arrivals import arrivals
from gateway.load.conformance import Ledger
from gateway.load.judge import Admitted
from gateway.load.mix import Draft, Mix
from gateway.load.profile import Profile
from gateway.load.report import Report
from gateway.load.tally import Outcome, Tally
from gateway.throttle.limiter import Limiter, Plan, Refused
from gateway.throttle.limits import SECOND_NS, ScopeLimit
from gateway.throttle.scopes import Scope, ScopeKeys

START_NS: Final = 1_790_000_000 * SECOND_NS
"""World time at which a run begins: 2026-09-21T14:13:20Z."""
FOLD_EVERY: Final = 256
Progress = Callable[[Tally, float], None]
"""Told now and then: the tally so far and the world's seconds."""


def run_limiter(
    profile: Profile, progress: Progress | None = None, stopped: Callable[[], bool] = lambda: False
) -> Report:
    """Run a profile against the throttling core and judge what it admitted."""
    gc.collect()
    gc.freeze()
    gc.disable()  # millions of records without a cycle among them: collecting would only stop the world
    try:
        return _run(profile, progress, stopped)
    finally:
        gc.enable()
        gc.unfreeze()


def _run(profile: Profile, progress: Progress | None, stopped: Callable[[], bool]) -> Report:
    limiter = Limiter(profile.limits.defaults(), _terms(profile))
    plans = _Plans(limiter)
    tally, ledger = Tally(), Ledger(START_NS)
    clock = time.perf_counter_ns
    spent_ns, began = 0, clock()
    sweep_every_ns = round(profile.limits.sweep_interval_s * SECOND_NS)
    sweep_ns = START_NS + sweep_every_ns
    outcomes: list[Outcome] = []
    cut = False
    for count, (at_ns, draft) in enumerate(_texts(profile)):
        if count == profile.requests:
            break
        plan, segments = plans.of(draft, at_ns), draft.segments
        started = clock()
        answer = limiter.reserve(plan, segments, at_ns, str(draft.destination))
        took_ns = clock() - started
        spent_ns += took_ns
        due_ns = at_ns - START_NS
        refused = isinstance(answer, Refused)
        code = answer.code if isinstance(answer, Refused) else None
        outcomes.append(Outcome(due_ns, due_ns, due_ns, due_ns + took_ns, draft.sender.name, segments, code))
        ledger.note(
            plan.keys,
            at_ns,
            segments,
            None if refused else Admitted(answer.release_ns, segments),  # type: ignore[union-attr]
        )
        if at_ns >= sweep_ns:
            sweep_ns = at_ns + sweep_every_ns
            limiter.sweep(at_ns)
        if count % FOLD_EVERY == 0:
            tally.add(outcomes)
            outcomes.clear()
            if progress is not None:
                progress(tally, due_ns / SECOND_NS)
            if stopped():
                cut = True
                break
    tally.add(outcomes)
    rate = tally.offered / (spent_ns / SECOND_NS) if spent_ns else 0.0
    note = f"{tally.offered:,} reservations, {rate:,.0f} a second inside the limiter"
    elapsed_s = (clock() - began) / SECOND_NS
    conformance = tuple(ledger.judged(limiter.limit_of))
    return Report(
        profile,
        tally,
        elapsed_s,
        conformance=conformance,
        scope_seconds=ledger.drawn(),
        notes=(note,),
        stopped=cut,
    )


def _terms(profile: Profile) -> Callable[[Scope, str], ScopeLimit | None]:
    """Return the carriers' caps as the limiter asks for them."""
    caps, limits = profile.caps, profile.limits
    derived = {}
    if caps.campaign_minute is not None:
        derived[Scope.CAMPAIGN] = limits.campaign_limit(caps.campaign_minute)
    if caps.brand_day is not None:
        derived[Scope.BRAND_DAY] = limits.brand_day_limit(caps.brand_day, caps.brand_day_zone)
    return lambda scope, _key: derived.get(scope)


def _texts(profile: Profile) -> Iterator[tuple[int, Draft]]:
    """Yield the texts of a run in the order they arrive; the same seed gives the same."""
    mix = Mix(profile.senders, profile.seed)
    settings = profile.arrivals
    spacing = random.Random(profile.seed + 1) if settings.spacing == "poisson" else None  # noqa: S311
    for at_s in arrivals(settings.build(), profile.duration_s, spacing):
        yield START_NS + round(at_s * SECOND_NS), mix.draw()


class _Plans:
    """The plan of each sender's number and carrier, kept as the gateway keeps them."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._plans: dict[tuple[int, str], Plan] = {}

    def of(self, draft: Draft, at_ns: int) -> Plan:
        """Return a draft's plan."""
        carriers = draft.sender.carriers
        carrier = carriers[draft.destination % len(carriers)]
        plan = self._plans.get((draft.source, carrier))
        if plan is None:
            plan = self._limiter.plan(_keys(draft, carrier), at_ns)
            self._plans[draft.source, carrier] = plan
        return plan


def _keys(draft: Draft, carrier: str) -> ScopeKeys:
    sender = draft.sender
    campaign = draft.number // sender.numbers_per_campaign
    brand = campaign // sender.campaigns_per_brand
    return ScopeKeys.of(
        number=f"+{draft.source}",
        person=f"{sender.name}-{draft.number}",
        campaign=f"{sender.name}-c{campaign}",
        brand=f"{sender.name}-b{brand}",
        carrier=carrier,
        organization=f"{sender.name}-o{brand}",
    )
