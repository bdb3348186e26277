"""Random traffic, limits, limit changes, refunds, restarts and clocks, judged by a list of timestamps."""

from collections import defaultdict
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.load.judge import Admitted, earliest_release, rate_excess, window_excess
from gateway.throttle.limiter import Granted, Limiter, Refused, busy_until_ns
from gateway.throttle.limits import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Overflow,
    RateLimit,
    ScopeLimit,
    WindowLimit,
)
from gateway.throttle.scopes import CODES, QUEUE_FULL, Scope, ScopeKeys
from gateway.throttle.windows import Calendar, Period

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
CALENDARS = (
    Calendar(Period.MINUTE),
    Calendar(Period.HOUR),
    Calendar(Period.DAY, LOS_ANGELES),
    Calendar(Period.DAY, ZoneInfo("America/Toronto")),
)
STARTS = tuple(
    round(datetime(*moment, tzinfo=UTC).timestamp()) * SECOND_NS
    for moment in ((2026, 3, 8, 7, 58), (2026, 3, 9, 6, 59), (2026, 11, 1, 6, 59), (2026, 11, 2, 7, 59))
)
"""Shortly before midnights in Los Angeles around both DST changes of 2026."""

rates = st.builds(
    RateLimit,
    segments=st.integers(1, 20),
    period_ns=st.sampled_from((SECOND_NS, 7 * SECOND_NS, MINUTE_NS)),
    burst=st.integers(1, 12),
    overflow=st.sampled_from((Overflow.REJECT, Overflow.QUEUE)),
    max_wait_ns=st.sampled_from((0, 5 * SECOND_NS, MINUTE_NS, 4 * HOUR_NS)),
)
windows = st.builds(
    WindowLimit,
    cap=st.integers(1, 30),
    calendar=st.sampled_from(CALENDARS),
    overflow=st.sampled_from(tuple(Overflow)),
    max_wait_ns=st.sampled_from((0, MINUTE_NS, 4 * HOUR_NS)),
    windows_ahead=st.integers(1, 3),
    spacing_ns=st.sampled_from((0, SECOND_NS, 10 * SECOND_NS)),
)
scope_limits = st.builds(ScopeLimit, rate=rates | st.none(), window=windows | st.none())
scopes = st.sampled_from(tuple(Scope))

SENDERS = tuple(
    ScopeKeys.of(
        number=f"+1202555010{n}",
        person=f"p{n // 2}",
        campaign=f"c{n % 2}",
        brand="b",
        carrier=("att", "tmobile")[n % 2],
        organization="o",
    )
    for n in range(4)
)

reserve = st.tuples(
    st.just("reserve"), st.integers(0, 3), st.integers(0, 2), st.integers(1, 4), st.integers(1, 6)
)
tick = st.tuples(
    st.just("tick"),
    st.sampled_from((1, SECOND_NS // 3, SECOND_NS, 20 * SECOND_NS, MINUTE_NS, HOUR_NS, 9 * HOUR_NS))
    | st.integers(1, 30 * SECOND_NS),
)
back = st.tuples(st.just("tick"), st.sampled_from((-1, -SECOND_NS, -90 * SECOND_NS)))
refund = st.tuples(st.just("refund"), st.integers(0, 1000))
change = st.tuples(st.just("change"), scopes, st.none() | st.integers(0, 3), scope_limits)
sweep = st.tuples(st.just("sweep"))
restart = st.tuples(st.just("restart"))
outage = st.tuples(
    st.just("outage"), st.sampled_from((0, SECOND_NS, MINUTE_NS, 40 * MINUTE_NS, 9 * HOUR_NS, 26 * HOUR_NS))
)
calm = st.one_of(reserve, reserve, reserve, reserve, tick, tick, refund, sweep)
broken = st.one_of(reserve, reserve, reserve, reserve, tick, tick, refund, sweep, restart, outage)
wild = st.one_of(
    reserve, reserve, reserve, reserve, reserve, tick, tick, back, refund, sweep, restart, change
)


class Stretch:
    """Since which text a key has its present rate, any rate, and its present window."""

    def __init__(self) -> None:
        self.rate: RateLimit | None = None
        self.rate_since = self.limited_since = self.window_since = 1
        self.rates: list[RateLimit] = []
        self.calendar: Calendar | None = None

    def note(self, limit: ScopeLimit, next_id: int) -> None:
        if limit.rate != self.rate:
            if self.rate is None:
                self.limited_since, self.rates = next_id, []
            self.rate, self.rate_since = limit.rate, next_id
            if limit.rate is not None:
                self.rates.append(limit.rate)
        calendar = limit.window.calendar if limit.window is not None else None
        if calendar != self.calendar:
            self.calendar, self.window_since = calendar, next_id


class World:
    """A limiter, a clock, and a list of what was admitted."""

    def __init__(self, limits: dict[Scope, ScopeLimit], start_ns: int) -> None:
        self.now_ns = start_ns
        self.latest_ns = start_ns
        """The latest moment seen: what was released by then has left, even if the clock steps back."""
        self.defaults = dict(limits)
        self.overrides: dict[tuple[Scope, str], ScopeLimit] = {}
        self.limiter = Limiter(limits, shards=2)
        self.plans = [self.limiter.plan(keys, start_ns) for keys in SENDERS]
        self.admitted: list[Granted] = []
        self.moved: list[Granted] = []
        """What the last outage delayed, in order."""
        self.ends_ns: dict[int, dict[Scope, int]] = {}
        self.next_id = 1
        self.last_release: dict[tuple[str | None, str], int] = {}
        self.stretches: dict[tuple[Scope, str], Stretch] = {}
        self.note_limits()

    def limit(self, scope: Scope, key: str) -> ScopeLimit:
        return self.overrides.get((scope, key), self.defaults.get(scope, ScopeLimit()))

    def note_limits(self) -> None:
        """Note from which text on the present limits hold."""
        for keys in SENDERS:
            for scope, key in zip(Scope, keys, strict=True):
                stretch = self.stretches.setdefault((scope, key), Stretch())
                stretch.note(self.limit(scope, key), self.next_id)

    def entries(self, scope: Scope, key: str, since: int = 0) -> list[Admitted]:
        position = tuple(Scope).index(scope)
        return [
            Admitted(g.release_ns, g.segments)
            for g in self.admitted
            if g.plan.keys[position] == key and g.message_id >= since
        ]

    def run(self, step: tuple) -> None:
        getattr(self, step[0])(*step[1:])

    def tick(self, by_ns: int) -> None:
        self.now_ns += by_ns
        self.latest_ns = max(self.latest_ns, self.now_ns)

    def sweep(self) -> None:
        self.limiter.sweep(self.now_ns, 2)

    def change(self, scope: Scope, sender: int | None, limit: ScopeLimit) -> None:
        if sender is None:
            self.defaults[scope] = limit
            self.limiter.set_default(scope, limit)
        else:
            key = SENDERS[sender][tuple(Scope).index(scope)]
            self.overrides[scope, key] = limit
            self.limiter.set_limit(scope, key, limit)
        self.note_limits()

    def refund(self, pick: int) -> None:
        waiting = [g for g in self.admitted if g.release_ns > self.now_ns]
        if waiting:
            gone = waiting[pick % len(waiting)]
            self.admitted.remove(gone)
            pair = gone.plan.keys.number, gone.destination
            left = (g for g in self.admitted if (g.plan.keys.number, g.destination) == pair)
            self.last_release[pair] = max((g.release_ns for g in left), default=0)
            self.limiter.refund(self.limiter.waiting(gone.message_id) or gone, self.now_ns)

    def restart(self) -> None:
        """A crash: nothing is left but the rows."""
        for row in self.reborn():
            self.limiter.restore(row, self.ends_ns[row.message_id], self.now_ns)
        self.forget_old_rates()

    def outage(self, down_ns: int) -> None:
        """A crash, after which nobody sends for a while: what falls due meanwhile still has to go."""
        crashed_ns = self.now_ns
        self.tick(down_ns)
        rows = self.reborn()
        unsent = [row for row in rows if row.release_ns > crashed_ns]
        for row in rows:
            if row not in unsent:
                self.limiter.restore(row, self.ends_ns[row.message_id], self.now_ns)
        if any(row.release_ns <= self.now_ns for row in unsent):
            self.admitted = [row for row in rows if row not in unsent]
            for row in unsent:  # nobody sent them: nothing of them is on the wire
                self.move(row, self.limiter.readmit(row, self.now_ns))
        else:
            for row in unsent:
                self.limiter.restore(row, self.ends_ns[row.message_id], self.now_ns)
        self.forget_old_rates()

    def move(self, row: Granted, granted: Granted) -> None:
        assert granted.release_ns >= max(row.release_ns, self.now_ns), (
            "no text leaves earlier than it was told"
        )
        pair = granted.plan.keys.number, str(granted.destination)
        moved = [each for each in self.moved if (each.plan.keys.number, str(each.destination)) == pair]
        assert all(each.release_ns <= granted.release_ns for each in moved), "order per pair"
        self.moved.append(granted)
        self.admitted.append(granted)
        self.ends_ns[granted.message_id] = {entry.scope: end_ns for entry, end_ns in busy_until_ns(granted)}
        self.last_release[pair] = granted.release_ns
        self.judge_windows(granted)

    def reborn(self) -> list[Granted]:
        """Start the limiter anew; return the rows to restore."""
        rows = sorted(self.admitted, key=lambda g: (g.release_ns, g.message_id))
        self.moved = []
        self.limiter = Limiter(self.defaults, shards=2)
        for (scope, key), limit in self.overrides.items():
            self.limiter.set_limit(scope, key, limit)
        self.plans = [self.limiter.plan(keys, self.now_ns) for keys in SENDERS]
        return [replace(row, plan=self.plans[SENDERS.index(row.plan.keys)], taken=()) for row in rows]

    def forget_old_rates(self) -> None:
        for stretch in self.stretches.values():
            stretch.rates = stretch.rates[-1:]
            stretch.limited_since = max(stretch.limited_since, stretch.rate_since)

    def reserve(self, sender: int, destination: int, segments: int, times: int) -> None:
        for _ in range(times):
            self.reserve_one(sender, f"+1212555012{destination}", segments)

    def reserve_one(self, sender: int, destination: str, segments: int) -> None:
        plan = self.plans[sender]
        self.limiter.plan(plan.keys, self.now_ns)  # limits that changed reach these keys
        before = self.footprint(plan.keys)
        answer = self.limiter.reserve(self.plans[sender], segments, self.now_ns, destination, self.next_id)
        if isinstance(answer, Refused):
            assert answer.code in (CODES[answer.scope], QUEUE_FULL)
            assert answer.retry_after_ns is None or answer.retry_after_ns > 0
            assert self.footprint(plan.keys) == before, "a refused text leaves no trace"
            return
        self.next_id += 1
        self.admitted.append(answer)
        self.ends_ns[answer.message_id] = {entry.scope: end_ns for entry, end_ns in busy_until_ns(answer)}
        pair = answer.plan.keys.number, destination
        assert answer.release_ns >= self.now_ns
        last_ns = self.last_release.get(pair, 0)
        assert last_ns <= self.latest_ns or answer.release_ns >= last_ns, "order per pair"
        self.last_release[pair] = answer.release_ns
        self.judge_windows(answer)

    def judge_windows(self, granted: Granted) -> None:
        for scope, key in zip(Scope, granted.plan.keys, strict=True):
            window = self.limit(scope, key).window
            if window is None:
                continue
            span = local_window(window.calendar, granted.release_ns)
            counted = self.entries(scope, key, self.stretches[scope, key].window_since)
            inside = [entry for entry in counted if span[0] <= entry.at_ns < span[1]]
            excess = window_excess(inside, window.cap, lambda _, span=span: span)
            assert excess is None, f"{scope}: {excess}"

    def judge_rates(self) -> None:
        for (scope, key), stretch in self.stretches.items():
            if stretch.rate is None:
                continue
            now = stretch.rate
            current = self.entries(scope, key, stretch.rate_since)
            excess = rate_excess(current, now.segments, now.period_ns, now.burst)
            assert excess is None, f"{scope} {key}: {excess}"
            step = min(rate.step_ns for rate in stretch.rates)
            burst = -(-max(rate.tau_ns for rate in stretch.rates) // step)
            mixed = rate_excess(self.entries(scope, key, stretch.limited_since), 1, step, burst)
            assert mixed is None, f"{scope} {key} across changes: {mixed}"

    def footprint(self, keys: ScopeKeys) -> list:
        """What the limiter holds of these keys, without what is past."""
        found = []
        for scope, key in zip(Scope, keys, strict=True):
            dimension, rate = self.limiter.rates[scope], self.limit(scope, key).rate
            line = copy(dimension.timeline(hash(key) & dimension.mask, key))
            line.starts, line.ends = list(line.starts), list(line.ends)
            line.tidy(self.now_ns - 1_577_836_800 * SECOND_NS, rate.step_ns if rate else 1)
            found.append((scope, line.starts, line.ends, line.frontier))
            found.append(self.used(scope, key))
        return found

    def used(self, scope: Scope, key: str) -> list[tuple[int, int]]:
        dimension = self.limiter.windows[scope]
        index = hash(key) & dimension.mask
        limit = dimension.pinned[index].get(key, dimension.default)
        if limit is None:
            return []
        limit.calendar.roll(self.now_ns)
        start_ns = limit.calendar.start_ns
        ahead = dimension.ahead[index].get(key, {})
        current = dimension.used(index, key, limit, limit.calendar.window_at(start_ns))
        return [(start_ns, current), *((start, n) for start, n in sorted(ahead.items()) if start > start_ns)]


def local_window(calendar: Calendar, at_ns: int) -> tuple[int, int]:
    """The window of an instant, found the long way: by walking local clock time."""
    if calendar.period is not Period.DAY:
        length = {Period.MINUTE: MINUTE_NS, Period.HOUR: HOUR_NS}[calendar.period]
        return at_ns // length * length, at_ns // length * length + length
    day = datetime.fromtimestamp(at_ns // SECOND_NS, UTC).astimezone(calendar.zone).date()
    following = day + timedelta(days=1)
    return tuple(
        round(datetime(d.year, d.month, d.day, tzinfo=calendar.zone).timestamp()) * SECOND_NS
        for d in (day, following)
    )


LIMITS = st.dictionaries(scopes, scope_limits, min_size=1, max_size=3)
STORY = settings(
    max_examples=100, deadline=None, suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large)
)


@STORY
@given(LIMITS, st.sampled_from(STARTS), st.lists(calm, min_size=15, max_size=60))
def test_no_window_of_any_length_holds_more_than_its_limit(limits, start_ns, story):
    world = World(limits, start_ns)
    for step in story:
        world.run(step)
    world.judge_rates()


@STORY
@given(LIMITS, st.sampled_from(STARTS), st.lists(broken, min_size=15, max_size=60))
def test_limits_hold_on_the_wire_across_outages(limits, start_ns, story):
    """What fell due while the gateway was down is released anew: late, in order, and within every limit."""
    world = World(limits, start_ns)
    for step in story:
        told = {granted.message_id for granted in world.admitted}
        world.run(step)
        if step[0] in ("outage", "restart"):
            assert {granted.message_id for granted in world.admitted} == told, "none lost, none twice"
            assert len(world.admitted) == len(told)
    world.judge_rates()


@STORY
@given(LIMITS, st.sampled_from(STARTS), st.lists(wild, min_size=20, max_size=80))
def test_limits_hold_across_changes_restarts_and_clocks_that_step_back(limits, start_ns, story):
    world = World(limits, start_ns)
    for step in story:
        world.run(step)
    world.judge_rates()


@STORY
@given(LIMITS, st.sampled_from(STARTS), st.lists(wild, max_size=60))
def test_nobody_starves(limits, start_ns, story):
    """Once traffic stops, every sender's next text fits within the longest wait its limits explain."""
    world = World(limits, start_ns)
    for step in story:
        world.run(step)
    latest = max((g.release_ns for g in world.admitted), default=start_ns)
    world.now_ns = max(world.now_ns, latest) + 40 * 24 * HOUR_NS
    for sender in range(len(SENDERS)):
        answer = world.limiter.reserve(world.plans[sender], 1, world.now_ns, "+12125550199")
        assert isinstance(answer, Granted)
        assert answer.release_ns == world.now_ns
        world.now_ns += 40 * 24 * HOUR_NS


@STORY
@given(
    rates.filter(lambda rate: rate.overflow is Overflow.QUEUE),
    st.lists(st.tuples(st.integers(0, 20 * SECOND_NS), st.integers(1, 6)), max_size=40),
)
def test_one_queue_releases_exactly_when_the_list_of_timestamps_says(rate, story):
    """No later than needed, and full exactly where the wait is too long."""
    limiter = Limiter({Scope.CARRIER: ScopeLimit(rate=rate)}, shards=2)
    now_ns = STARTS[0]
    plan = limiter.plan(ScopeKeys(carrier="att"), now_ns)
    admitted: list[Admitted] = []
    for wait_ns, segments in story:
        now_ns += wait_ns
        expected = earliest_release(admitted, segments, now_ns, rate.step_ns, rate.burst)
        answer = limiter.reserve(plan, segments, now_ns)
        if segments > rate.burst:
            assert answer == Refused(Scope.CARRIER, "throttled_carrier", None)
        elif expected - now_ns > rate.max_wait_ns:
            assert answer == Refused(Scope.CARRIER, QUEUE_FULL, expected - now_ns - rate.max_wait_ns)
        else:
            assert answer.release_ns == expected
            admitted.append(Admitted(expected, segments))


@STORY
@given(
    st.dictionaries(scopes, rates.filter(lambda rate: rate.overflow is Overflow.REJECT), min_size=1),
    st.lists(st.tuples(st.integers(0, 5 * SECOND_NS), st.integers(0, 3), st.integers(1, 4)), max_size=40),
)
def test_a_rejecting_rate_refuses_exactly_what_does_not_fit(limits, story):
    limiter = Limiter({scope: ScopeLimit(rate=rate) for scope, rate in limits.items()}, shards=2)
    now_ns = STARTS[0]
    plans = [limiter.plan(keys, now_ns) for keys in SENDERS]
    admitted: dict[tuple[Scope, str], list[Admitted]] = defaultdict(list)
    for wait_ns, sender, segments in story:
        now_ns += wait_ns
        earliest = {
            scope: earliest_release(admitted[scope, key], segments, now_ns, rate.step_ns, rate.burst)
            for scope, key in zip(Scope, SENDERS[sender], strict=True)
            if (rate := limits.get(scope)) is not None
        }
        answer = limiter.reserve(plans[sender], segments, now_ns)
        if max(earliest.values()) > now_ns or any(segments > limits[scope].burst for scope in earliest):
            assert isinstance(answer, Refused)
            limit = limits[answer.scope]
            fits = segments <= limit.burst
            assert answer.retry_after_ns == (earliest[answer.scope] - now_ns if fits else None)
        else:
            assert answer.release_ns == now_ns
            for scope, key in zip(Scope, SENDERS[sender], strict=True):
                admitted[scope, key].append(Admitted(now_ns, segments))


@pytest.mark.parametrize("overflow", [Overflow.REJECT, Overflow.QUEUE])
def test_retry_after_is_the_moment_it_fits(overflow):
    rate = RateLimit(1, SECOND_NS, 2, overflow, max_wait_ns=3 * SECOND_NS)
    limiter = Limiter({Scope.NUMBER: ScopeLimit(rate=rate)})
    now_ns = STARTS[0]
    plan = limiter.plan(SENDERS[0], now_ns)
    answers = [limiter.reserve(plan, 1, now_ns) for _ in range(8)]
    refused = next(answer for answer in answers if isinstance(answer, Refused))
    just_before = limiter.reserve(plan, 1, now_ns + refused.retry_after_ns - 1)
    assert isinstance(just_before, Refused)
    assert isinstance(limiter.reserve(plan, 1, now_ns + refused.retry_after_ns), Granted)
