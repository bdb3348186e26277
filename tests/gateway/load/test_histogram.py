"""Percentiles against sorted lists; merging; going over the wire."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.load.histogram import Histogram

values = st.lists(st.integers(0, 10**10) | st.integers(0, 300), min_size=1, max_size=200)
percents = st.sampled_from((0.1, 1, 25, 50, 90, 99, 99.9, 100))


def histogram_of(found) -> Histogram:
    histogram = Histogram()
    for value in found:
        histogram.record(value)
    return histogram


@settings(max_examples=300)
@given(values, percents)
def test_a_percentile_is_within_one_percent_of_the_sorted_list(found, percent):
    exact = sorted(found)[max(math.ceil(len(found) * percent / 100 - 1e-9), 1) - 1]
    got = histogram_of(found).percentile(percent)
    assert exact <= got <= exact * 1.01 + 1


@given(values)
def test_count_mean_and_extremes_are_exact(found):
    summary = histogram_of(found).summary()
    assert (summary.count, summary.minimum, summary.maximum) == (len(found), min(found), max(found))
    assert summary.mean == pytest.approx(sum(found) / len(found))
    assert summary.minimum <= summary.p50 <= summary.p90 <= summary.p99 <= summary.p999 <= summary.maximum


@given(values, values)
def test_merged_is_as_if_counted_together(some, others):
    merged = histogram_of(some)
    merged.merge(histogram_of(others))
    assert merged.to_json() == histogram_of(some + others).to_json()


@settings(max_examples=300)
@given(st.lists(st.integers(-5, 2**52), max_size=200), st.lists(st.integers(0, 300), max_size=50))
def test_an_array_counts_as_its_values_do(many, some):
    one_by_one, at_once = histogram_of(some), histogram_of(some)
    for value in many:
        one_by_one.record(value)
    at_once.record_many(np.array(many, dtype=np.int64))
    assert at_once.to_json() == one_by_one.to_json()
    assert at_once.count == one_by_one.count


@given(values)
def test_items_hold_every_value_once(found):
    histogram = histogram_of(found)
    items = list(histogram.items())
    assert sum(times for _, times in items) == len(found)
    assert [value for value, _ in items] == sorted(value for value, _ in items)
    assert items[-1][0] == max(found)


@given(values)
def test_a_histogram_survives_the_wire(found):
    histogram = histogram_of(found)
    again = Histogram.from_json(json.loads(json.dumps(histogram.to_json())))
    assert again.summary() == histogram.summary()


def test_an_empty_histogram_is_nothing():
    empty, other = Histogram(), histogram_of([5])
    assert empty.summary().count == empty.percentile(99) == 0
    empty.merge(Histogram())
    other.merge(empty)
    assert other.count == 1
    empty.merge(other)
    assert (empty.minimum, empty.maximum, empty.mean) == (5, 5, 5.0)


def test_many_at_once_and_a_clock_that_stepped_back():
    histogram = Histogram()
    histogram.record(10, times=99)
    histogram.record(-3)
    assert (histogram.count, histogram.minimum, histogram.percentile(99)) == (100, 0, 10)


def test_what_is_no_histogram_is_refused():
    with pytest.raises(ValueError, match="buckets"):
        Histogram.from_json({"total": 1})


def test_a_few_kilobytes_hold_a_million_values():
    histogram = Histogram()
    for value in range(0, 10**9, 1000):
        histogram.record(value)
    assert histogram.count == 10**6
    assert len(histogram._buckets) < 3000
