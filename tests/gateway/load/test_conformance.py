"""The ledger: what is drawn and judged; and the judge where moments are known only as spans."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.load.conformance import Ledger, excesses
from gateway.load.judge import Admitted, rate_excess, window_excess
from gateway.throttle.limits import SECOND_NS, RateLimit, ScopeLimit, WindowLimit
from gateway.throttle.scopes import Scope, ScopeKeys
from gateway.throttle.windows import Calendar, Period

START = 1_790_000_000 * SECOND_NS
spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15), st.integers(1, 4)), max_size=25)


@settings(max_examples=400)
@given(spans, st.integers(1, 3), st.integers(1, 9), st.integers(1, 8), st.randoms(use_true_random=False))
def test_an_excess_of_spans_is_one_wherever_the_moments_lie(found, segments, period, burst, rng):
    """Nobody is accused who may have kept the limit."""
    entries = [Admitted(at, cost, at + span) for at, span, cost in found]
    if rate_excess(entries, segments, period, burst) is not None:
        truth = [Admitted(at + rng.randint(0, span), cost) for at, span, cost in found]
        assert rate_excess(truth, segments, period, burst) is not None


@settings(max_examples=200)
@given(spans, st.integers(1, 12), st.randoms(use_true_random=False))
def test_nor_in_a_calendar_window(found, cap, rng):
    def ten(at_ns: int) -> tuple[int, int]:
        return at_ns // 10 * 10, at_ns // 10 * 10 + 10

    entries = [Admitted(at, cost, at + span) for at, span, cost in found]
    if window_excess(entries, cap, ten) is not None:
        truth = [Admitted(at + rng.randint(0, span), cost) for at, span, cost in found]
        assert window_excess(truth, cap, ten) is not None


def test_a_cheat_is_found_though_only_question_and_answer_are_known():
    entries = [Admitted(n * SECOND_NS // 100, 1, n * SECOND_NS // 100 + 1000) for n in range(100)]
    excess = rate_excess(entries, 10, SECOND_NS, 10)
    assert excess is not None
    assert excess.segments == 100


def test_what_is_offered_admitted_and_released_is_drawn_by_second():
    ledger = Ledger(START)
    keys = ScopeKeys(number="+12025550190", carrier="target")
    ledger.note(keys, START, 2, Admitted(START + 3 * SECOND_NS, 2))
    ledger.note(keys, START + SECOND_NS, 1, None)
    assert ledger.drawn() == {
        "number": [(0, 2, 2, 0), (1, 1, 0, 0), (3, 0, 0, 2)],
        "carrier": [(0, 2, 2, 0), (1, 1, 0, 0), (3, 0, 0, 2)],
    }


def test_only_scopes_in_use_are_judged_and_the_worst_keys_are_named():
    ledger = Ledger(START)
    for number in range(8):
        for _ in range(number):
            at_ns = START + 1000
            ledger.note(ScopeKeys(number=f"+1{number}"), at_ns, 1, Admitted(at_ns, 1))
    limit = ScopeLimit(rate=RateLimit(1, SECOND_NS, 1))
    [scope] = ledger.judged(lambda _, __: limit)
    assert (scope.scope, scope.keys, scope.offered, scope.admitted) == ("number", 7, 28, 28)
    assert [violation.partition(":")[0] for violation in scope.violations] == [
        "+17",
        "+16",
        "+15",
        "+14",
        "+13",
    ]


def test_each_kind_of_limit_is_judged():
    entries = [Admitted(START + n, 1) for n in range(5)]
    rate, window = RateLimit(1, SECOND_NS, 2), WindowLimit(3, Calendar(Period.DAY))
    assert len(list(excesses(entries, ScopeLimit(rate=rate, window=window)))) == 2
    assert list(excesses(entries, ScopeLimit(rate=RateLimit(1, SECOND_NS, 5)))) == []
    assert list(excesses(entries, ScopeLimit())) == []
    assert Scope.NUMBER.value == "number"
