"""The timeline of reserved intervals against a plain set of taken nanoseconds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.throttle import gcra
from gateway.throttle.gcra import Timeline, rescale


def free(line: Timeline, moment: int) -> bool:
    inside = any(start <= moment < end for start, end in zip(line.starts, line.ends, strict=True))
    return moment >= line.frontier and not inside


def wellformed(line: Timeline) -> bool:
    edges = [line.frontier]
    for start, end in zip(line.starts, line.ends, strict=True):
        edges += [start, end]
    return edges == sorted(edges) and all(a < b for a, b in zip(edges[1::2], edges[2::2], strict=True))


actions = st.lists(
    st.tuples(st.sampled_from(("take", "free", "tick")), st.integers(0, 120), st.integers(1, 9)), max_size=40
)


@settings(max_examples=300)
@given(actions)
def test_what_is_taken_stays_taken_and_what_is_given_back_is_free(story):
    line, now, taken = Timeline(0), 0, []
    for action, at, need in story:
        if action == "take":
            start = line.gap(max(now, at), need)
            assert all(free(line, moment) for moment in range(start, start + need))
            line.take(start, need, now, 1)
            taken.append((start, need))
        elif action == "free" and taken:
            start, length = taken.pop(at % len(taken))
            line.free(start, length, now)
            assert all(free(line, moment) for moment in range(max(start, now), start + length))
        else:
            now += at // 10
            line.tidy(now, 1)
        assert wellformed(line)
        for start, length in taken:
            assert not any(free(line, moment) for moment in range(max(start, now), start + length))


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 9)), max_size=20),
    st.integers(0, 200),
    st.integers(1, 9),
)
def test_a_gap_is_the_first_that_is_large_enough(taken, at, need):
    line = Timeline(-1)
    for start, length in taken:
        line.take(line.gap(start, length), length, -1, 1)
    expected = next(
        start for start in range(at, 1000) if all(free(line, moment) for moment in range(start, start + need))
    )
    assert line.gap(at, need) == expected


def test_the_earliest_release_uses_the_burst():
    line = Timeline(100)
    assert line.earliest(at=90, need=10, tau=10) == 100
    assert line.earliest(at=90, need=10, tau=15) == 95
    assert line.earliest(at=90, need=10, tau=50) == 90


def test_an_island_does_not_block_what_fits_before_it():
    line = Timeline(0)
    line.take(1000, 50, 0, 10)
    assert (line.frontier, line.starts, line.ends) == (0, [1000], [1050])
    assert line.gap(0, 1000) == 0
    assert line.gap(1, 1000) == 1050
    line.take(0, 990, 0, 10)
    assert line.starts == [1000], "there is room for one segment between"
    line.take(990, 10, 0, 10)
    assert (line.frontier, line.starts) == (1050, [])


def test_gaps_too_small_for_a_segment_close():
    line = Timeline(0)
    line.take(100, 10, 0, 10)
    line.take(115, 10, 0, 10)
    line.take(85, 10, 0, 10)
    assert (line.starts, line.ends) == ([85], [125])


def test_far_too_many_islands_give_up_the_smaller_gaps(monkeypatch):
    monkeypatch.setattr(gcra, "MAX_ISLANDS", 8)
    line = Timeline(0)
    starts = [100 * n + n * n for n in range(1, 40)]
    for start in starts:
        line.take(start, 10, 0, 1)
        assert len(line.starts) <= 8
        assert wellformed(line)
    assert not any(free(line, moment) for start in starts for moment in range(start, start + 10))


@pytest.mark.parametrize(
    ("tat", "expected"),
    [(50, 50), (100, 100), (130, 115), (140, 120), (500, 480)],
)
def test_a_twice_as_fast_rate_halves_what_drains_after_the_last_release(tat, expected):
    assert rescale(tat, 100, (10, 40), 5) == expected


def test_a_slower_rate_never_shortens():
    assert rescale(105, 100, (10, 40), 25) == 113
    assert rescale(500, 100, (10, 40), 20) == 540
