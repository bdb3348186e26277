"""Metrics: one registry per service, in Prometheus' words.

Base units, bounded labels, no number, id or text. Callers keep the children they increment:
`accepted = metrics.counter("gateway_messages_accepted_total", "…", ("direction",)).labels("outbound")`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCY_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_M = TypeVar("_M", bound=MetricWrapperBase)

disable_created_metrics()  # type: ignore[no-untyped-call]


class LoopCounter(Counter):
    """A counter without a lock, a tenth of the price: each child is incremented by one thread."""

    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:
        """Increment by `amount`; raises `ValueError` below zero and for a metric whose labels are missing."""
        if amount < 0 or exemplar or (self._labelnames and not self._labelvalues):
            super().inc(amount, exemplar)
        else:
            self._value._value += amount


class LoopHistogram(Histogram):
    """A histogram without locks, whose bucket is found by bisection: each child is observed by one thread."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Observe `amount`; raises `ValueError` for a metric whose labels are missing."""
        if exemplar or (self._labelnames and not self._labelvalues):
            super().observe(amount, exemplar)
            return
        self._sum._value += amount
        self._buckets[bisect_left(self._upper_bounds, amount)]._value += 1


def bounded_label(value: str, allowed: Collection[str]) -> str:
    """Return `value` if it is one of `allowed`, else `other`: a peer cannot invent label values."""
    return value if value in allowed else "other"


class Metrics:
    """The metrics of one service. Asking twice for a name gives the same metric.

    Raises `ValueError` where a name is asked for again as another kind or with other labels.
    """

    def __init__(self, *, process: bool = True) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._metrics: dict[str, tuple[tuple[str, ...], MetricWrapperBase]] = {}
        if process:
            ProcessCollector(registry=self.registry)

    def counter(self, name: str, doc: str, labels: Sequence[str] = ()) -> Counter:
        """Return the counter of this name; names end in `_total`."""
        known = self._known(name, labels, Counter)
        return known or self._keep(name, labels, LoopCounter(name, doc, labels, registry=self.registry))

    def gauge(self, name: str, doc: str, labels: Sequence[str] = ()) -> Gauge:
        """Return the gauge of this name."""
        known = self._known(name, labels, Gauge)
        return known or self._keep(name, labels, Gauge(name, doc, labels, registry=self.registry))

    def histogram(
        self,
        name: str,
        doc: str,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = LATENCY_BUCKETS_SECONDS,
    ) -> Histogram:
        """Return the histogram of this name; `buckets` are upper bounds in the unit of the name."""
        known = self._known(name, labels, Histogram)
        return known or self._keep(
            name, labels, LoopHistogram(name, doc, labels, registry=self.registry, buckets=buckets)
        )

    def label_names(self) -> dict[str, tuple[str, ...]]:
        """Return the labels of each metric asked for here, by its name."""
        return {name: labels for name, (labels, _) in self._metrics.items()}

    def render(self) -> bytes:
        """Write every metric in the text exposition format (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)

    def _known(self, name: str, labels: Sequence[str], kind: type[_M]) -> _M | None:
        if name not in self._metrics:
            return None
        kept_labels, metric = self._metrics[name]
        if not isinstance(metric, kind) or kept_labels != tuple(labels):
            raise ValueError(f"metric {name} exists as {type(metric).__name__} with labels {kept_labels}")
        return metric

    def _keep(self, name: str, labels: Sequence[str], metric: _M) -> _M:
        self._metrics[name] = (tuple(labels), metric)
        return metric
