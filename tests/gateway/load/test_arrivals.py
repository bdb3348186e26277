"""Arrival processes: counts follow the shape, order holds, seeds repeat."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.load.arrivals import Bursts, Constant, Diurnal, Ramp, Replayed, Stage, arrivals

rates = st.floats(0.1, 50)
slopes = st.just(0.0) | st.floats(1e-3, 50)
"""Rates as people write them: one of 10⁻¹⁷⁰ arrives where floats tell no seconds apart."""
shapes = st.one_of(
    st.builds(Constant, rates),
    st.builds(
        Ramp,
        slopes,
        st.lists(st.builds(Stage, slopes, st.floats(0.1, 10)), min_size=1, max_size=4),
    ),
    st.builds(Diurnal, rates, st.floats(0, 0.99), st.floats(1, 30)),
    st.builds(Bursts, st.integers(1, 20), st.floats(0.5, 10), st.floats(0, 20)),
    st.builds(Replayed, st.lists(st.floats(0, 30), min_size=1, max_size=50), st.floats(0.5, 4)),
)


@settings(max_examples=300, deadline=None)
@given(shapes, st.floats(0.5, 20), st.none() | st.integers(0, 99))
def test_arrivals_come_in_order_within_the_time(shape, duration_s, seed):
    rng = None if seed is None else random.Random(seed)
    found = list(arrivals(shape, duration_s, rng))
    assert all(0 <= at_s < duration_s for at_s in found)
    assert all(before <= after + 1e-9 for before, after in pairwise(found))


@settings(max_examples=300, deadline=None)
@given(shapes, st.floats(0.5, 20))
def test_evenly_spaced_arrivals_are_as_many_as_the_shape_says(shape, duration_s):
    expected = shape.expected(duration_s - 1e-9)  # what comes at the very end is not of the time
    if math.isfinite(expected):
        burst = shape.size if isinstance(shape, Bursts) else 0
        assert abs(len(list(arrivals(shape, duration_s))) - expected) <= 2 + burst


@settings(max_examples=200, deadline=None)
@given(shapes, st.floats(0.01, 200))
def test_reached_and_expected_are_inverse(shape, count):
    at_s = shape.reached(count)
    if math.isfinite(at_s):
        assert shape.expected(at_s + 1e-6) >= count - 0.01
        assert shape.expected(max(at_s - 1e-3, 0.0)) <= count + shape.expected(0.0) + 0.5


def test_evenly_spaced_constant_traffic():
    assert list(arrivals(Constant(4), 1.0)) == [0.0, 0.25, 0.5, 0.75]
    assert list(arrivals(Constant(0), 1.0)) == []


def test_a_ramp_is_the_integral_of_its_rate():
    ramp = Ramp(0, [Stage(100, 10), Stage(100, 5), Stage(0, 10)])
    assert [ramp.expected(at_s) for at_s in (0, 5, 10, 15, 25, 99)] == [0, 125, 500, 1000, 1500, 1500]
    assert ramp.reached(500) == pytest.approx(10)
    assert ramp.reached(1e9) == math.inf
    with pytest.raises(ValueError, match="stage"):
        Ramp(1, [])


def test_bursts_arrive_together_over_the_traffic_between():
    assert list(arrivals(Bursts(3, 2.0), 5)) == [0.0] * 3 + [2.0] * 3 + [4.0] * 3
    found = list(arrivals(Bursts(2, 2.0, rate=1.0), 4))
    assert found == [0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 3.0]


def test_a_day_is_lowest_at_its_start_and_highest_in_its_middle():
    found = list(arrivals(Diurnal(100, 0.8, 100), 100))
    by_tenth = [sum(1 for at_s in found if low <= at_s < low + 10) for low in range(0, 100, 10)]
    assert by_tenth[0] < by_tenth[2] < by_tenth[4]
    assert sum(by_tenth) == pytest.approx(10_000, abs=2)


def test_recorded_traffic_comes_as_recorded_or_faster():
    assert list(arrivals(Replayed([3.0, 1.0, 1.0]), 10)) == [1.0, 1.0, 3.0]
    assert list(arrivals(Replayed([3.0, 1.0], speed=2), 10)) == [0.5, 1.5]
    with pytest.raises(ValueError, match="speed"):
        Replayed([1.0], speed=0)


def test_poisson_arrivals_have_exponential_distances():
    found = list(arrivals(Constant(1000), 50, random.Random(7)))
    gaps = [after - before for before, after in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    spread = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert mean == pytest.approx(0.001, rel=0.02)
    assert spread / mean == pytest.approx(1.0, abs=0.03)
    assert sum(gap > 0.001 for gap in gaps) / len(gaps) == pytest.approx(math.exp(-1), abs=0.01)


def test_the_same_seed_gives_the_same_arrivals():
    one, again, other = (list(arrivals(Constant(50), 5, random.Random(seed))) for seed in (1, 1, 2))
    assert one == again != other
