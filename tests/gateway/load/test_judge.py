"""The judge against every pair of entries, and against traffic that cheats."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.load.judge import Admitted, earliest_release, rate_excess, window_excess

S = 1_000_000_000
entries = st.lists(st.builds(Admitted, st.integers(0, 40), st.integers(1, 5), st.just(0)), max_size=25)


def worst_by_pairs(found, segments, period, burst):
    ordered = sorted(found)
    worst = Fraction(0)
    for first, start in enumerate(ordered):
        total = 0
        for end in ordered[first:]:
            total += end.segments
            allowed = burst + Fraction(segments * (end.at_ns - start.at_ns), period)
            worst = max(worst, total - allowed)
    return worst


@settings(max_examples=400)
@given(entries, st.integers(1, 4), st.integers(1, 9), st.integers(1, 8))
def test_the_worst_window_is_that_of_all_pairs(found, segments, period, burst):
    worst = worst_by_pairs(found, segments, period, burst)
    excess = rate_excess(found, segments, period, burst)
    if excess is None:
        assert worst == 0
    else:
        allowed = burst + Fraction(segments * (excess.end_ns - excess.start_ns), period)
        assert excess.segments - allowed == worst
        inside = (e.segments for e in found if excess.start_ns <= e.at_ns <= excess.end_ns)
        assert excess.segments == sum(inside)


@settings(max_examples=300)
@given(entries, st.integers(1, 5), st.integers(0, 50), st.integers(1, 5), st.integers(5, 9))
def test_the_earliest_release_breaks_nothing_and_one_earlier_does(found, cost, floor, step, burst):
    kept: list[Admitted] = []
    for at_ns, segments, _ in sorted(found):
        kept.append(Admitted(earliest_release(kept, segments, at_ns, step, burst), segments))
    assert rate_excess(kept, 1, step, burst) is None
    at = earliest_release(kept, cost, max(floor, max((e.at_ns for e in kept), default=0)), step, burst)
    assert rate_excess([*kept, Admitted(at, cost)], 1, step, burst) is None
    if at > max(floor, max((e.at_ns for e in kept), default=0)):
        assert rate_excess([*kept, Admitted(at - 1, cost)], 1, step, burst) is not None


def test_a_cheat_is_named():
    excess = rate_excess([Admitted(0, 2), Admitted(S, 1), Admitted(S, 2)], 1, S, 2)
    assert excess is not None
    assert (excess.start_ns, excess.end_ns, excess.segments) == (0, S, 5)
    assert str(excess) == "5 segments in 1.000 s, 3.000 allowed"


def test_the_fullest_calendar_window_is_named():
    def minute(at_ns: int) -> tuple[int, int]:
        return at_ns // 60 * 60, at_ns // 60 * 60 + 60

    found = [Admitted(59, 3), Admitted(60, 2), Admitted(119, 2)]
    assert window_excess(found, 4, minute) is None
    excess = window_excess(found, 3, minute)
    assert excess is not None
    assert (excess.start_ns, excess.segments, excess.allowed) == (60, 4, 3)
    assert window_excess([], 1, minute) is None
