"""One integer per key: slots for many keys, cells for shared ones, and what sweeping leaves behind."""

import pytest

from gateway.throttle.limiter import Granted, Limiter, Refused
from gateway.throttle.limits import HOUR_NS, SECOND_NS, RateLimit, ScopeLimit
from gateway.throttle.scopes import Scope, ScopeKeys
from gateway.throttle.state import DEAD, NEVER, Cell, Cells, Slots


def value(state, cell: Cell) -> int:
    return cell.value if isinstance(state, Cells) else cell.values[cell.slot]


@pytest.fixture(params=[Slots, Cells])
def state(request):
    return request.param(4)


def test_a_key_nobody_used_has_no_value_and_leaves_no_trace(state):
    assert state.read(1, "a") == NEVER
    assert not any(state.shards)


def test_a_value_is_read_as_it_was_written(state):
    for number in range(100):
        state.write(number % 4, str(number), number)
    state.write(0, "0", -7)
    assert state.read(0, "0") == -7
    assert dict(state.items(3)) == {str(number): number for number in range(3, 100, 4)}


def test_an_attached_cell_shows_what_was_there_before_it(state):
    state.write(2, "a", 41)
    cell = Cell()
    state.attach(2, "a", cell)
    assert value(state, cell) == 41
    state.write(2, "a", 42)
    assert value(state, cell) == 42


def test_a_swept_key_marks_what_was_attached_to_it(state):
    cell = Cell()
    state.attach(0, "a", cell)
    state.write(0, "b", 5)
    state.drop(0, ["a"])
    assert value(state, cell) == DEAD
    assert (state.read(0, "a"), state.read(0, "b")) == (NEVER, 5)
    state.attach(0, "a", cell)
    assert value(state, cell) == NEVER


def test_a_slot_never_serves_another_key():
    state, gone, kept = Slots(1), Cell(), Cell()
    state.attach(0, "gone", gone)
    state.attach(0, "kept", kept)
    state.write(0, "kept", 5)
    for number in range(50):
        state.write(0, str(number), number)
        state.drop(0, ["gone", str(number)] if number == 0 else [str(number)])
        assert value(state, gone) == DEAD
    assert value(state, kept) == DEAD, "its shard has a new array"
    state.attach(0, "kept", kept)
    assert (value(state, kept), state.read(0, "kept")) == (5, 5)
    state.write(0, "kept", 6)
    assert value(state, kept) == 6
    assert len(state.values[0]) <= 2


def test_an_empty_shard_gives_its_array_back():
    state = Slots(1)
    for number in range(1000):
        state.write(0, str(number), number)
    state.drop(0, [str(number) for number in range(1000)])
    assert len(state.values[0]) == 0


def test_a_second_cell_of_a_shared_key_ends_the_first():
    state, first, second = Cells(1), Cell(), Cell()
    state.attach(0, "a", first)
    first.value = 7
    state.attach(0, "a", second)
    assert (first.value, second.value, state.read(0, "a")) == (DEAD, 7, 7)


def campaign(number: int) -> ScopeKeys:
    return ScopeKeys.of(number=f"+1202555{number:04}", campaign="c1", carrier="att")


def test_senders_of_a_campaign_share_its_entry_through_sweeps_and_changes():
    now_ns = 1_800_000_000 * SECOND_NS
    limiter = Limiter({Scope.CAMPAIGN: ScopeLimit(rate=RateLimit(1, SECOND_NS, burst=3))}, shards=4)
    old = limiter.plan(campaign(1), now_ns)
    later_ns = now_ns + HOUR_NS
    limiter.sweep(later_ns, 4)
    new = limiter.plan(campaign(2), later_ns)
    answers = [limiter.reserve(plan, 1, later_ns) for plan in (old, new, old, new)]
    assert [isinstance(answer, Granted) for answer in answers] == [True, True, True, False]
    assert old.campaign is new.campaign
    limiter.set_limit(Scope.CAMPAIGN, "c1@att", ScopeLimit(rate=RateLimit(1, SECOND_NS, burst=4)))
    assert isinstance(limiter.reserve(new, 1, later_ns), Granted)
    assert isinstance(limiter.reserve(old, 1, later_ns), Refused)
    assert old.campaign is new.campaign


def test_a_change_elsewhere_keeps_the_entry():
    now_ns = 1_800_000_000 * SECOND_NS
    limiter = Limiter({Scope.CAMPAIGN: ScopeLimit(rate=RateLimit(1))}, shards=4)
    plan = limiter.plan(campaign(1), now_ns)
    entry = plan.campaign
    limiter.set_limit(Scope.NUMBER, "+12025550001", ScopeLimit(rate=RateLimit(5)))
    limiter.reserve(plan, 1, now_ns)
    assert plan.campaign is entry


@pytest.mark.parametrize("scope", list(Scope))
def test_every_scope_counts_whether_read_directly_or_among_the_others(scope):
    """Rates of all scopes hold; `scope` alone is tight, wherever the plan keeps it."""
    now_ns = 1_800_000_000 * SECOND_NS
    limits = {each: ScopeLimit(rate=RateLimit(1, SECOND_NS, burst=50)) for each in Scope}
    limits[scope] = ScopeLimit(rate=RateLimit(1, SECOND_NS, burst=2))
    limiter = Limiter(limits, shards=4)
    keys = ScopeKeys.of(
        number="+12025550100", person="p", campaign="c", brand="b", carrier="att", organization="o"
    )
    plan = limiter.plan(keys, now_ns)
    answers = [limiter.reserve(plan, 1, now_ns) for _ in range(9)]
    assert [isinstance(answer, Granted) for answer in answers] == [True] * 2 + [False] * 7
    assert set(answers[2:]) == {Refused(scope, f"throttled_{scope.value}", SECOND_NS)}
    limiter.set_limit(scope, dict(zip(Scope, keys, strict=True))[scope], ScopeLimit())
    rest = [limiter.reserve(plan, 1, now_ns) for _ in range(49)]
    assert [isinstance(answer, Granted) for answer in rest] == [True] * 48 + [False]
