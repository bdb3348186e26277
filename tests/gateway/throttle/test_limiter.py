"""The limiter case by case: order, all or none, refunds, changes, restart, sweeping, clocks."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.load.judge import Admitted, rate_excess
from gateway.throttle.limiter import Granted, Limiter, Refused, busy_until_ns
from gateway.throttle.limits import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Overflow,
    RateLimit,
    ScopeLimit,
    WindowLimit,
)
from gateway.throttle.scopes import Scope, ScopeKeys
from gateway.throttle.usage import listing, usage
from gateway.throttle.windows import Calendar, Period

ALICE = ScopeKeys.of(
    number="+12025550100", person="alice", campaign="c1", brand="b1", carrier="tmobile", organization="acme"
)
BOB = ScopeKeys.of(
    number="+12025550101", person="bob", campaign="c1", brand="b1", carrier="tmobile", organization="acme"
)
HANDSET, OTHER = "+13105550120", "+13105550121"


def rate(segments=1, burst=1, overflow=Overflow.REJECT, **more) -> ScopeLimit:
    return ScopeLimit(rate=RateLimit(segments, SECOND_NS, burst, overflow, **more))


def queue(segments=1, burst=1, **more) -> ScopeLimit:
    return rate(segments, burst, Overflow.QUEUE, **more)


def day(cap, calendar, overflow=Overflow.REJECT, **more) -> ScopeLimit:
    return ScopeLimit(window=WindowLimit(cap, calendar, overflow, **more))


def releases(limiter, keys, now_ns, count, segments=1, destination=None):
    plan = limiter.plan(keys, now_ns)
    answers = [limiter.reserve(plan, segments, now_ns, destination) for _ in range(count)]
    return [a.release_ns - now_ns if isinstance(a, Granted) else a.code for a in answers]


def test_without_limits_everything_passes_and_nothing_is_kept(now_ns):
    limiter = Limiter()
    assert releases(limiter, ALICE, now_ns, 3, segments=10) == [0, 0, 0]
    assert not any(shard for rates in limiter.rates.values() for shard in rates.shards)


def test_a_scope_without_a_key_is_not_limited(limiter_of, now_ns):
    limiter = limiter_of(campaign=rate(), number=rate(burst=3))
    assert releases(limiter, ScopeKeys.of(number="+12025550101", carrier="bell"), now_ns, 4) == [
        0,
        0,
        0,
        "throttled_number",
    ]


@pytest.mark.parametrize("scope", list(Scope))
def test_each_scope_refuses_with_its_own_code(scope, now_ns):
    limiter = Limiter({scope: rate(burst=2)})
    assert releases(limiter, ALICE, now_ns, 3) == [0, 0, f"throttled_{scope.value}"]


@pytest.mark.parametrize("scope", list(Scope))
def test_each_scope_refuses_a_full_day_with_its_own_code(scope, pacific, now_ns):
    limiter = Limiter({scope: day(2, pacific)})
    assert releases(limiter, ALICE, now_ns, 3) == [0, 0, f"throttled_{scope.value}"]


def test_senders_share_the_scopes_they_share(limiter_of, now_ns):
    limiter = limiter_of(campaign=rate(burst=3))
    assert releases(limiter, ALICE, now_ns, 2) == [0, 0]
    assert releases(limiter, BOB, now_ns, 2) == [0, "throttled_campaign"]


def test_campaigns_are_counted_apart_per_carrier_and_per_number_where_the_class_says_so():
    att = ScopeKeys.of(number="+12025550100", campaign="c1", brand="b1", carrier="att")
    assert (att.campaign, att.brand_day) == ("c1@att", "b1@att")
    proxy = ScopeKeys.of(number="+12025550100", campaign="c1", carrier="att", campaign_counts_per_number=True)
    assert proxy.campaign == "+12025550100@att"
    assert ScopeKeys.of(number="+12025550100", carrier="att").campaign is None


def test_a_refusal_takes_nothing_anywhere(limiter_of, pacific, now_ns):
    limiter = limiter_of(number=rate(burst=9), carrier=rate(burst=1), brand_day=day(9, pacific))
    plan = limiter.plan(ALICE, now_ns)
    limiter.reserve(plan, 1, now_ns)
    for _ in range(50):
        assert isinstance(limiter.reserve(plan, 1, now_ns), Refused)
    limiter.set_limit(Scope.CARRIER, "tmobile", ScopeLimit())
    assert releases(limiter, ALICE, now_ns, 9) == [0] * 8 + ["throttled_number"]


def test_cost_is_segments(limiter_of, now_ns):
    limiter = limiter_of(number=rate(burst=10))
    assert releases(limiter, ALICE, now_ns, 4, segments=3) == [0, 0, 0, "throttled_number"]


def test_a_text_larger_than_the_burst_never_fits(limiter_of, pacific, now_ns):
    for limit in (rate(burst=2), queue(burst=2), day(2, pacific), day(2, pacific, Overflow.DEFER)):
        answer = limiter_of(number=limit)
        refused = answer.reserve(answer.plan(ALICE, now_ns), 3, now_ns)
        assert refused == Refused(Scope.NUMBER, "throttled_number", None)


def test_a_queue_releases_smoothly_and_is_bounded(limiter_of, now_ns):
    limiter = limiter_of(number=queue(segments=2, burst=2, max_wait_ns=SECOND_NS))
    half = SECOND_NS // 2
    assert releases(limiter, ALICE, now_ns, 6) == [0, 0, half, 2 * half, "queue_full", "queue_full"]


def test_four_hours_of_the_rate_are_queued(limiter_of, now_ns):
    limiter = limiter_of(number=queue(burst=1))
    got = releases(limiter, ALICE, now_ns, 4 * 3600 + 2)
    assert got[-2:] == [4 * HOUR_NS, "queue_full"]


def test_a_text_held_back_by_its_number_does_not_block_the_carrier(limiter_of, now_ns):
    limiter = limiter_of(number=queue(), carrier=queue(segments=10, burst=1))
    assert releases(limiter, ALICE, now_ns, 3) == [0, SECOND_NS, 2 * SECOND_NS]
    assert releases(limiter, BOB, now_ns, 2) == [SECOND_NS // 10, SECOND_NS + SECOND_NS // 10]


def test_what_waits_for_later_keeps_its_room(limiter_of, now_ns):
    """Bob's text leaves in 2 s; what leaves before may not use its share of the carrier up."""
    limiter = limiter_of(carrier=queue(burst=5))
    limiter.set_limit(
        Scope.NUMBER, BOB.number, ScopeLimit(rate=RateLimit(1, 2 * SECOND_NS, 1, Overflow.QUEUE))
    )
    left = [Admitted(now_ns + wait, 1) for wait in releases(limiter, BOB, now_ns, 2)]
    for second in range(4):
        at_ns = now_ns + second * SECOND_NS
        for segments in (3, 1, 1):
            (wait,) = releases(limiter, ALICE, at_ns, 1, segments)
            left.append(Admitted(at_ns + wait, segments))
    assert rate_excess(left, 1, SECOND_NS, 5) is None


def test_a_deferred_text_waits_for_midnight_and_the_next_days_cap(limiter_of, pacific, now_ns):
    midnight_ns = pacific.window_at(now_ns).end_ns
    limiter = limiter_of(brand_day=day(2, pacific, Overflow.DEFER))
    wait = midnight_ns - now_ns
    assert releases(limiter, ALICE, now_ns, 5) == [0, 0, wait, wait, "queue_full"]
    assert releases(limiter, BOB, midnight_ns, 1) == [DAY_NS]


@pytest.mark.parametrize("destination", [None, HANDSET], ids=["to many", "to one"])
def test_deferred_texts_leave_apart_after_the_reset(limiter_of, pacific, now_ns, destination):
    wait = pacific.window_at(now_ns).end_ns - now_ns
    limiter = limiter_of(brand_day=day(3, pacific, Overflow.DEFER, spacing_ns=SECOND_NS))
    got = releases(limiter, ALICE, now_ns, 6, destination=destination)
    assert got == [0, 0, 0, wait, wait + SECOND_NS, wait + 2 * SECOND_NS]


def test_a_window_with_a_queue_waits_only_so_long(limiter_of, now_ns):
    minute = Calendar(Period.MINUTE)
    limiter = limiter_of(campaign=day(1, minute, Overflow.QUEUE, max_wait_ns=90 * SECOND_NS))
    start_ns = minute.window_at(now_ns).start_ns
    assert releases(limiter, ALICE, start_ns, 3) == [0, MINUTE_NS, "queue_full"]


def test_refusal_by_a_full_window_says_when_it_resets(limiter_of, pacific, now_ns):
    limiter = limiter_of(brand_day=day(1, pacific))
    plan = limiter.plan(ALICE, now_ns)
    limiter.reserve(plan, 1, now_ns)
    refused = limiter.reserve(plan, 1, now_ns)
    assert refused.retry_after_ns == pacific.window_at(now_ns).end_ns - now_ns


def test_a_pair_keeps_its_order_and_others_overtake(limiter_of, pacific, now_ns):
    """Two segments do not fit today; one would, but it is behind them."""
    limiter = limiter_of(brand_day=day(3, pacific, Overflow.DEFER))
    wait = pacific.window_at(now_ns).end_ns - now_ns
    assert releases(limiter, ALICE, now_ns, 1, segments=2, destination=HANDSET) == [0]
    assert releases(limiter, ALICE, now_ns, 1, segments=2, destination=HANDSET) == [wait]
    assert releases(limiter, ALICE, now_ns, 1, segments=1, destination=HANDSET) == [wait]
    assert releases(limiter, ALICE, now_ns, 1, segments=1, destination=OTHER) == [0]


def test_a_rejecting_limit_must_have_room_at_the_release_too(limiter_of, now_ns):
    """Bob's second text would leave at 10.5 s, while the carrier is busy with Alice's until 11 s."""

    def every(period_ns):
        return ScopeLimit(rate=RateLimit(1, period_ns, 1, Overflow.QUEUE))

    limiter = limiter_of(number=every(10 * SECOND_NS), carrier=rate())
    limiter.set_limit(Scope.NUMBER, BOB.number, every(19 * SECOND_NS // 2))
    assert releases(limiter, ALICE, now_ns, 1) == [0]
    assert releases(limiter, BOB, now_ns + SECOND_NS, 1) == [0]
    later_ns = now_ns + 3 * SECOND_NS
    assert releases(limiter, ALICE, later_ns, 1) == [7 * SECOND_NS]
    refused = limiter.reserve(limiter.plan(BOB, later_ns), 1, later_ns)
    assert refused == Refused(Scope.CARRIER, "throttled_carrier", 8 * SECOND_NS)


# --- refunds ------------------------------------------------------------------------------------------------


def test_a_cancelled_text_gives_its_place_in_the_queue_to_the_next(limiter_of, now_ns):
    limiter = limiter_of(number=queue())
    plan = limiter.plan(ALICE, now_ns)
    first, second, third = (limiter.reserve(plan, 1, now_ns, message_id=n) for n in (1, 2, 3))
    limiter.refund(second, now_ns)
    assert limiter.waiting(2) is None
    assert limiter.waiting(3) is third
    assert limiter.reserve(plan, 1, now_ns).release_ns == second.release_ns
    assert limiter.reserve(plan, 1, now_ns).release_ns == third.release_ns + SECOND_NS
    assert first.release_ns == now_ns


def test_a_cancelled_day_is_free_again(limiter_of, pacific, now_ns):
    limiter = limiter_of(brand_day=day(2, pacific, Overflow.DEFER))
    plan = limiter.plan(ALICE, now_ns)
    today, _, tomorrow, _ = (limiter.reserve(plan, 1, now_ns) for _ in range(4))
    assert isinstance(limiter.reserve(plan, 1, now_ns), Refused)
    limiter.refund(tomorrow, now_ns)
    assert limiter.reserve(plan, 1, now_ns).release_ns == tomorrow.release_ns
    limiter.refund(today, now_ns)
    assert limiter.reserve(plan, 1, now_ns).release_ns == now_ns


def test_a_refund_of_a_day_that_is_over_changes_nothing(limiter_of, pacific, now_ns):
    limiter = limiter_of(brand_day=day(1, pacific))
    plan = limiter.plan(ALICE, now_ns)
    yesterday = limiter.reserve(plan, 1, now_ns)
    later_ns = now_ns + DAY_NS
    limiter.reserve(plan, 1, later_ns)
    limiter.refund(yesterday, later_ns)
    assert isinstance(limiter.reserve(plan, 1, later_ns), Refused)


def test_a_refund_from_before_a_change_of_rate_frees_nothing_of_the_new_one(limiter_of, now_ns):
    """The interval of the old text is by now that of new ones."""
    limiter = limiter_of(number=queue(burst=2))
    plan = limiter.plan(ALICE, now_ns)
    old = [limiter.reserve(plan, 1, now_ns, message_id=n) for n in range(1, 6)]
    limiter.set_limit(Scope.NUMBER, "+12025550100", queue(segments=2, burst=2))
    new = [limiter.reserve(plan, 1, now_ns) for _ in range(3)]
    limiter.refund(old[-1], now_ns)
    new += [limiter.reserve(plan, 1, now_ns) for _ in range(3)]
    left = [Admitted(text.release_ns, 1) for text in new]
    assert rate_excess(left, 2, SECOND_NS, 2) is None


def test_a_refund_from_before_a_change_of_calendar_disturbs_no_other(limiter_of, pacific, now_ns):
    limiter = limiter_of(campaign=day(5, Calendar(Period.MINUTE)))
    plan = limiter.plan(ALICE, now_ns)
    old = limiter.reserve(plan, 2, now_ns)
    limiter.set_default(Scope.CAMPAIGN, day(5, pacific))
    limiter.refund(old, now_ns)
    assert usage(limiter, Scope.CAMPAIGN, "c1@tmobile", now_ns).window.used == 2
    assert releases(limiter, ALICE, now_ns, 4) == [0, 0, 0, "throttled_campaign"]


def test_a_refund_of_a_text_that_was_never_counted_gives_nothing(limiter_of, pacific, now_ns):
    limiter = limiter_of(number=queue())
    old = [limiter.reserve(limiter.plan(ALICE, now_ns), 1, now_ns, message_id=n) for n in (1, 2)]
    limiter.set_default(Scope.BRAND_DAY, day(2, pacific))
    releases(limiter, BOB, now_ns, 1)
    limiter.refund(old[1], now_ns)
    assert usage(limiter, Scope.BRAND_DAY, "b1@tmobile", now_ns).window.used == 1


# --- changes ------------------------------------------------------------------------------------------------


def test_a_changed_limit_holds_for_the_next_text(limiter_of, now_ns):
    limiter = limiter_of(number=rate(burst=2))
    plan = limiter.plan(ALICE, now_ns)
    limiter.set_default(Scope.NUMBER, rate(burst=4))
    answers = [limiter.reserve(plan, 1, now_ns) for _ in range(5)]
    assert [isinstance(a, Granted) for a in answers] == [True] * 4 + [False]
    limiter.set_limit(Scope.NUMBER, ALICE.number, rate(burst=5))
    assert isinstance(limiter.reserve(plan, 1, now_ns), Granted)
    limiter.set_limit(Scope.NUMBER, ALICE.number, None)
    assert isinstance(limiter.reserve(plan, 1, now_ns), Refused)


def test_a_faster_rate_starts_behind_what_is_already_queued(limiter_of, now_ns):
    """A text admitted keeps its release time; the new ones may not pile up on it."""
    limiter = limiter_of(number=queue(burst=1))
    assert releases(limiter, ALICE, now_ns, 5)[-1] == 4 * SECOND_NS
    limiter.set_default(Scope.NUMBER, queue(segments=4, burst=1))
    quarter = SECOND_NS // 4
    assert releases(limiter, ALICE, now_ns, 2) == [4 * SECOND_NS + quarter, 4 * SECOND_NS + 2 * quarter]


def test_a_burst_in_use_drains_at_the_new_rate(limiter_of, now_ns):
    limiter = limiter_of(number=rate(burst=4))
    assert releases(limiter, ALICE, now_ns, 5)[-1] == "throttled_number"
    limiter.set_default(Scope.NUMBER, rate(segments=2, burst=4))
    assert releases(limiter, ALICE, now_ns, 1) == ["throttled_number"]
    assert releases(limiter, ALICE, now_ns + SECOND_NS, 3) == [0, 0, "throttled_number"]


def test_a_changed_default_reaches_keys_swept_in_the_meantime_and_spares_overrides(limiter_of, now_ns):
    limiter = limiter_of(number=queue(burst=1))
    assert releases(limiter, ALICE, now_ns, 2) == releases(limiter, BOB, now_ns, 2) == [0, SECOND_NS]
    limiter.set_limit(Scope.NUMBER, BOB.number, queue(burst=1))
    assert releases(limiter, BOB, now_ns, 1) == [2 * SECOND_NS]
    limiter.set_default(Scope.NUMBER, queue(segments=1, burst=1, max_wait_ns=0))
    limiter.set_default(Scope.NUMBER, queue(segments=10, burst=1))
    limiter.sweep(now_ns, 4)
    assert releases(limiter, ALICE, now_ns, 1) == [SECOND_NS + SECOND_NS // 10]
    assert releases(limiter, BOB, now_ns, 1) == [3 * SECOND_NS]
    assert not limiter.rates[Scope.NUMBER].changes


def test_a_lowered_cap_admits_nothing_more_today(limiter_of, pacific, now_ns):
    limiter = limiter_of(brand_day=day(5, pacific))
    assert releases(limiter, ALICE, now_ns, 3) == [0, 0, 0]
    limiter.set_default(Scope.BRAND_DAY, day(2, pacific))
    assert releases(limiter, ALICE, now_ns, 1) == ["throttled_brand_day"]
    assert releases(limiter, ALICE, now_ns + DAY_NS, 3) == [0, 0, "throttled_brand_day"]


def test_a_removed_cap_goes_on_counting(limiter_of, pacific, now_ns):
    limiter = limiter_of(brand_day=day(3, pacific))
    releases(limiter, ALICE, now_ns, 2)
    for remove, back in (
        (
            lambda: limiter.set_default(Scope.BRAND_DAY, ScopeLimit()),
            lambda: limiter.set_default(Scope.BRAND_DAY, day(4, pacific)),
        ),
        (
            lambda: limiter.set_limit(Scope.BRAND_DAY, "b1@tmobile", ScopeLimit()),
            lambda: limiter.set_limit(Scope.BRAND_DAY, "b1@tmobile", day(5, pacific)),
        ),
    ):
        remove()
        assert releases(limiter, ALICE, now_ns, 2) == [0, 0]
        back()
        assert releases(limiter, ALICE, now_ns, 1) == ["throttled_brand_day"]


def test_derived_limits_follow_the_registry_and_overrides_beat_them(now_ns):
    classes = {"c1@tmobile": rate(burst=2)}
    limiter = Limiter({Scope.CAMPAIGN: rate(burst=7)}, lambda scope, key: classes.get(key), shards=2)
    plan = limiter.plan(ALICE, now_ns)
    assert limiter.limit_of(Scope.CAMPAIGN, "c1@tmobile") == rate(burst=2)
    assert limiter.limit_of(Scope.CAMPAIGN, "c9@tmobile") == rate(burst=7)
    assert [isinstance(limiter.reserve(plan, 1, now_ns), Granted) for _ in range(3)] == [True, True, False]
    classes["c1@tmobile"] = rate(burst=3)
    limiter.invalidate()
    assert isinstance(limiter.reserve(plan, 1, now_ns), Granted)
    limiter.set_limit(Scope.CAMPAIGN, "c1@tmobile", rate(burst=4))
    assert isinstance(limiter.reserve(plan, 1, now_ns), Granted)
    assert limiter.overrides == {(Scope.CAMPAIGN, "c1@tmobile"): rate(burst=4)}


# --- other vendors, restart, sweeping, clocks ---------------------------------------------------------------


def test_other_vendors_use_the_same_day(limiter_of, pacific, now_ns):
    limiter = limiter_of(brand_day=day(10, pacific))
    limiter.count(Scope.BRAND_DAY, "b1@tmobile", 8, now_ns, now_ns)
    assert releases(limiter, ALICE, now_ns, 3) == [0, 0, "throttled_brand_day"]
    limiter.count(Scope.BRAND_DAY, "b1@tmobile", 99, now_ns, now_ns)
    assert releases(limiter, ALICE, now_ns + DAY_NS, 1) == [0]


def rebuilt(limits, granted, now_ns):
    limiter = Limiter(limits, shards=4)
    for old, ends_ns in granted:
        plan = limiter.plan(old.plan.keys, now_ns)
        limiter.restore(replace(old, plan=plan, taken=()), ends_ns, now_ns)
    return limiter


def test_after_a_restart_the_next_decisions_are_the_same(pacific, now_ns):
    limits = {
        Scope.NUMBER: queue(burst=2, max_wait_ns=20 * SECOND_NS),
        Scope.CARRIER: queue(segments=3, burst=4),
        Scope.BRAND_DAY: day(25, pacific, Overflow.DEFER),
        Scope.ORGANIZATION: rate(burst=40, segments=5),
    }
    limiter, granted = Limiter(limits, shards=4), []
    for step in range(30):
        keys = (ALICE, BOB)[step % 2]
        at_ns = now_ns + step * SECOND_NS // 3
        answer = limiter.reserve(limiter.plan(keys, at_ns), 1 + step % 2, at_ns, HANDSET, step + 1)
        if isinstance(answer, Granted):
            granted.append((answer, {entry.scope: end_ns for entry, end_ns in busy_until_ns(answer)}))
    later_ns = now_ns + 10 * SECOND_NS
    again = rebuilt(limits, granted, later_ns)
    for step in range(20):
        keys = (ALICE, BOB)[step % 2]
        before, after = (
            one.reserve(one.plan(keys, later_ns), 1, later_ns, OTHER, 100 + step) for one in (limiter, again)
        )
        if isinstance(before, Granted):
            assert (before.release_ns, before.segments) == (after.release_ns, after.segments)
        else:
            assert (before.scope, before.code) == (after.scope, after.code)


def test_a_text_that_waited_through_a_restart_can_be_refunded(limiter_of, now_ns):
    limits = {Scope.NUMBER: queue()}
    limiter = Limiter(limits)
    plan = limiter.plan(ALICE, now_ns)
    texts = (limiter.reserve(plan, 1, now_ns, message_id=n) for n in (1, 2, 3))
    rows = [(text, {entry.scope: end_ns for entry, end_ns in busy_until_ns(text)}) for text in texts]
    again = rebuilt(limits, rows, now_ns)
    again.refund(again.waiting(2), now_ns)
    assert again.reserve(again.plan(ALICE, now_ns), 1, now_ns).release_ns == rows[1][0].release_ns


def test_long_past_texts_weigh_nothing_after_a_restart(now_ns):
    limits = {Scope.NUMBER: queue(burst=1)}
    limiter = Limiter(limits)
    plan = limiter.plan(ALICE, now_ns)
    moments = (now_ns + n * SECOND_NS for n in range(50))
    texts = (limiter.reserve(plan, 1, at_ns, message_id=1) for at_ns in moments)
    granted = [(text, {entry.scope: end_ns for entry, end_ns in busy_until_ns(text)}) for text in texts]
    later_ns = now_ns + 60 * SECOND_NS
    assert releases(rebuilt(limits, granted, later_ns), ALICE, later_ns, 2) == [0, SECOND_NS]


def test_sweeping_forgets_idle_keys_only(limiter_of, pacific, now_ns):
    limiter = limiter_of(number=queue(burst=3), brand_day=day(2, pacific, Overflow.DEFER))
    assert releases(limiter, ALICE, now_ns, 2) == [0, 0]
    assert limiter.sweep(now_ns + 2 * SECOND_NS - 1, 4) == 0
    assert limiter.sweep(now_ns + 2 * SECOND_NS, 4) == 1
    midnight_ns = pacific.window_at(now_ns).end_ns
    assert releases(limiter, BOB, now_ns + 2 * SECOND_NS, 1)[0] > HOUR_NS, "the day is still counted"
    limiter.sweep(midnight_ns - 1, 4)
    assert releases(limiter, ALICE, midnight_ns - 1, 1) == [1], "the booking of tomorrow is not forgotten"
    assert releases(limiter, ALICE, midnight_ns - 1, 1) == ["queue_full"]
    for hour in range(80):
        limiter.sweep(midnight_ns + hour * HOUR_NS, 4)
    assert not any(shard for d in limiter._dimensions() for shard in d.shards)
    assert limiter._floors.size == limiter._waiting.size == 0


def test_a_booking_survives_sweeps_until_its_window_comes(limiter_of, pacific, now_ns):
    limiter = limiter_of(number=day(1, pacific, Overflow.DEFER))
    assert releases(limiter, ALICE, now_ns, 2)[0] == 0
    midnight_ns = pacific.window_at(now_ns).end_ns
    for at_ns in (midnight_ns - 1, midnight_ns, midnight_ns + HOUR_NS):
        limiter.sweep(at_ns, 4)
    assert releases(limiter, ALICE, midnight_ns + HOUR_NS, 1)[0] > HOUR_NS


def test_a_key_with_bookings_is_listed_until_they_are_over(limiter_of, pacific, now_ns):
    limiter = limiter_of(brand_day=day(1, pacific, Overflow.DEFER, windows_ahead=3))
    assert len(set(releases(limiter, ALICE, now_ns, 4))) == 4
    for hours in range(1, 48):
        limiter.sweep(now_ns + hours * HOUR_NS, 4)
    found, _ = listing(limiter, Scope.BRAND_DAY, now_ns + 48 * HOUR_NS)
    assert [(one.key, one.window.used, one.window.ahead) for one in found] == [("b1@tmobile", 1, 1)]


def test_sweeping_gives_memory_back_without_moving_the_shard(limiter_of, now_ns):
    limiter = limiter_of(number=rate())
    for number in range(4000):
        limiter.reserve(limiter.plan(ScopeKeys(number=f"+1202{number:07}"), now_ns), 1, now_ns)
    size = sum(shard.__sizeof__() for shard in limiter.rates[Scope.NUMBER].shards)
    assert limiter.sweep(now_ns + SECOND_NS, 4) == 4000
    assert sum(shard.__sizeof__() for shard in limiter.rates[Scope.NUMBER].shards) < size / 100


def test_plans_made_before_a_sweep_and_after_it_count_the_same_keys(limiter_of, pacific, now_ns):
    limits = {name: rate(burst=2) for name in ("number", "person", "campaign", "carrier", "organization")}
    limiter = limiter_of(**limits, brand_day=day(2, pacific))
    old = limiter.plan(ALICE, now_ns)
    limiter.reserve(old, 2, now_ns)
    tomorrow_ns = now_ns + 2 * DAY_NS
    for _ in range(3):
        limiter.sweep(tomorrow_ns, 4)
    new = limiter.plan(ALICE, tomorrow_ns)
    assert isinstance(limiter.reserve(new, 1, tomorrow_ns), Granted)
    assert isinstance(limiter.reserve(old, 1, tomorrow_ns), Granted)
    assert isinstance(limiter.reserve(old, 1, tomorrow_ns), Refused)
    assert isinstance(limiter.reserve(new, 1, tomorrow_ns), Refused)


def test_swept_keys_give_their_memory_back_and_disturb_no_other(limiter_of, now_ns):
    limiter = limiter_of(number=rate(burst=1))
    plans = [limiter.plan(ScopeKeys(number=str(number)), now_ns) for number in range(300)]
    busy = limiter.plan(ScopeKeys(number="busy"), now_ns)
    version = busy.version
    for hour in range(10):
        at_ns = now_ns + hour * HOUR_NS
        for plan in plans[hour * 20 : hour * 20 + 100]:
            assert isinstance(limiter.reserve(plan, 1, at_ns), Granted)
            assert isinstance(limiter.reserve(plan, 1, at_ns), Refused)
        at_ns += MINUTE_NS
        assert isinstance(limiter.reserve(busy, 1, at_ns), Granted)
        limiter.sweep(at_ns, 4)
        assert isinstance(limiter.reserve(busy, 1, at_ns), Refused), "a live limit is never forgotten"
    assert sum(len(values) for values in limiter.rates[Scope.NUMBER].state.values) <= 12
    assert busy.version == version, "sweeping looks no limits up"


def test_a_clock_that_steps_back_over_midnight_opens_no_second_day(limiter_of, pacific, now_ns):
    limiter = limiter_of(brand_day=day(1, pacific), number=queue(burst=5))
    plan = limiter.plan(ALICE, now_ns)
    midnight_ns = pacific.window_at(now_ns).end_ns
    assert isinstance(limiter.reserve(plan, 1, midnight_ns - SECOND_NS), Granted)
    assert isinstance(limiter.reserve(plan, 1, midnight_ns), Granted)
    assert isinstance(limiter.reserve(plan, 1, midnight_ns - 1), Refused)
    limiter.set_default(Scope.BRAND_DAY, day(2, pacific))
    refused = limiter.reserve(plan, 1, midnight_ns - 1)
    assert refused == Refused(Scope.BRAND_DAY, "throttled_brand_day", 1)


@pytest.mark.parametrize(("day_", "hours"), [((2026, 3, 8), 23), ((2026, 11, 1), 25), ((2026, 7, 1), 24)])
def test_a_tmobile_day_is_as_long_as_the_pacific_one(day_, hours, limiter_of, pacific):
    start_ns = round(datetime(*day_, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp()) * SECOND_NS
    limiter = limiter_of(brand_day=day(2, pacific))
    assert releases(limiter, ALICE, start_ns - 1, 3) == [0, 0, "throttled_brand_day"]
    assert releases(limiter, ALICE, start_ns, 3) == [0, 0, "throttled_brand_day"]
    end_ns = start_ns + hours * HOUR_NS
    assert releases(limiter, ALICE, end_ns - 1, 1) == ["throttled_brand_day"]
    assert releases(limiter, ALICE, end_ns, 1) == [0]
    assert datetime.fromtimestamp(end_ns / 1e9, UTC).hour in (7, 8)


def test_two_limiters_of_one_setting_live_in_their_own_worlds(pacific, now_ns):
    limits = {Scope.BRAND_DAY: day(1, pacific)}
    future, present = Limiter(limits), Limiter(limits)
    assert releases(future, ALICE, now_ns + 900 * DAY_NS, 1) == [0]
    assert releases(present, ALICE, now_ns, 2) == [0, "throttled_brand_day"]


def test_the_number_of_shards_is_a_power_of_two():
    with pytest.raises(ValueError, match="power of two"):
        Limiter(shards=1000)


def test_granted_knows_whether_it_waits(limiter_of, now_ns):
    limiter = limiter_of(number=queue())
    plan = limiter.plan(ALICE, now_ns)
    assert not limiter.reserve(plan, 1, now_ns).waits
    assert limiter.reserve(plan, 1, now_ns).waits


def test_limits_are_values(pacific):
    assert day(2, pacific) == day(2, Calendar(Period.DAY, ZoneInfo("America/Los_Angeles")))
    assert replace(day(2, pacific).window, cap=3) != day(2, pacific).window
