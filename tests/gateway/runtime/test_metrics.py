"""Metrics: one of each name, bounded labels, text format."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from gateway.runtime.metrics import Metrics, bounded_label


def test_a_name_is_one_metric() -> None:
    metrics = Metrics(process=False)
    first = metrics.counter("gateway_things_total", "Things", ("kind",))
    first.labels("a").inc(2)
    assert metrics.counter("gateway_things_total", "Things", ("kind",)) is first
    assert b'gateway_things_total{kind="a"} 2.0' in metrics.render()


@pytest.mark.parametrize("labels", [(), ("other",)])
def test_the_same_name_with_other_labels_is_refused(labels: tuple[str, ...]) -> None:
    metrics = Metrics(process=False)
    metrics.counter("gateway_things_total", "Things", ("kind",))
    with pytest.raises(ValueError, match="gateway_things_total exists"):
        metrics.counter("gateway_things_total", "Things", labels)


def test_the_same_name_as_another_kind_is_refused() -> None:
    metrics = Metrics(process=False)
    metrics.gauge("gateway_level", "Level")
    with pytest.raises(ValueError, match="exists as Gauge"):
        metrics.counter("gateway_level", "Level")


def test_histograms_have_their_buckets() -> None:
    metrics = Metrics(process=False)
    metrics.histogram("gateway_wait_seconds", "Wait", buckets=(0.1, 1.0)).observe(0.5)
    text = metrics.render().decode()
    assert 'gateway_wait_seconds_bucket{le="0.1"} 0.0' in text
    assert 'gateway_wait_seconds_bucket{le="1.0"} 1.0' in text
    assert "_created" not in text


def test_two_services_share_nothing() -> None:
    one, other = Metrics(process=False), Metrics(process=False)
    one.counter("gateway_things_total", "Things").inc()
    assert b"gateway_things_total" not in other.render()


def test_the_process_is_measured_too() -> None:
    assert b"process_resident_memory_bytes" in Metrics().render()


def test_peer_chosen_values_fold_to_other() -> None:
    assert bounded_label("submit_sm", {"submit_sm"}) == "submit_sm"
    assert bounded_label("x" * 1000, {"submit_sm"}) == "other"


def test_the_labels_of_every_metric_are_known_by_name() -> None:
    metrics = Metrics(process=False)
    metrics.counter("asked_total", "…", ("direction", "code"))
    metrics.gauge("waiting", "…")
    assert metrics.label_names() == {"asked_total": ("direction", "code"), "waiting": ()}


amounts = st.floats(allow_nan=False, min_value=-5, max_value=20) | st.sampled_from(
    [0.1, 1.0, math.inf, -math.inf]
)


@given(st.lists(amounts, max_size=8))
def test_what_is_quick_counts_as_the_library_does(values: list[float]) -> None:
    metrics, registry = Metrics(process=False), CollectorRegistry()
    ours = (
        metrics.counter("a_total", "A", ("kind",)).labels("x"),
        metrics.histogram("b", "B", buckets=(0.1, 1.0)),
    )
    theirs = (
        Counter("a_total", "A", ("kind",), registry=registry).labels("x"),
        Histogram("b", "B", registry=registry, buckets=(0.1, 1.0)),
    )
    for counter, histogram in (ours, theirs):
        for value in values:
            histogram.observe(value)
            if value >= 0:
                counter.inc(value)
    assert metrics.render() == generate_latest(registry)


def test_a_metric_with_labels_is_not_counted_without() -> None:
    metrics = Metrics(process=False)
    with pytest.raises(ValueError, match="label"):
        metrics.counter("a_total", "A", ("kind",)).inc()
    with pytest.raises(ValueError, match="label"):
        metrics.histogram("b", "B", ("kind",)).observe(1)
    with pytest.raises(ValueError, match="non-negative"):
        metrics.counter("c_total", "C").inc(-1)
