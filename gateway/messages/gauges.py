"""Queues and caps at the moment of a scrape: nothing is counted on a text's way for them."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.messages.dispatch import Dispatch
from gateway.runtime.clock import WorldClock
from gateway.runtime.metrics import Metrics
from gateway.throttle.limiter import Limiter
from gateway.throttle.scopes import Scope
from gateway.throttle.usage import Usage, listing

#: Scopes whose keys name a carrier, and how many keys of each a scrape looks at.
CARRIER_SCOPES = (Scope.CAMPAIGN, Scope.BRAND_DAY, Scope.CARRIER)
MAX_KEYS = 5_000


class QueueCollector(Collector):
    """`gateway_queue_*` and `gateway_cap_used_ratio`."""

    def __init__(
        self,
        carriers: Iterable[str],
        dispatch: Dispatch,
        limiter: Limiter,
        clock: WorldClock,
        metrics: Metrics,
    ) -> None:
        self._carriers = tuple(carriers)
        self._dispatch = dispatch
        self._limiter = limiter
        self._clock = clock
        metrics.registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """The families without samples, so that registering does not scrape."""
        return list(_families())

    def collect(self) -> Iterable[Metric]:
        """The families with their samples."""
        queued, oldest, used = _families()
        for carrier in self._carriers:
            queued.add_metric((carrier,), self._dispatch.waiting(carrier))
            oldest.add_metric((carrier,), self._dispatch.oldest_s(carrier))
        for (carrier, scope), ratio in self._ratios().items():
            used.add_metric((carrier, scope), ratio)
        return queued, oldest, used

    def _ratios(self) -> dict[tuple[str, str], float]:
        """The fullest key of each carrier and scope."""
        known, found = set(self._carriers), dict[tuple[str, str], float]()
        for scope in CARRIER_SCOPES:
            usages, _ = listing(self._limiter, scope, self._clock.now_ns(), count=MAX_KEYS)
            for usage in usages:
                carrier = usage.key.rpartition("@")[2]
                if carrier in known:
                    label = carrier, scope.value
                    found[label] = max(found.get(label, 0.0), used_ratio(usage))
        return found


def used_ratio(usage: Usage) -> float:
    """How much of a key's tightest limit is used: above 1 where texts wait for it."""
    window, rate = usage.window, usage.rate
    of_window = window.ratio or 0.0 if window is not None else 0.0
    of_rate = rate.used / rate.limit.burst if rate is not None else 0.0
    return max(of_window, of_rate)


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily(
            "gateway_queue_messages", "Texts that wait for their release or a bind.", labels=("carrier",)
        ),
        GaugeMetricFamily(
            "gateway_queue_oldest_seconds", "How long the oldest of them has waited.", labels=("carrier",)
        ),
        GaugeMetricFamily(
            "gateway_cap_used_ratio", "Use of the fullest limit of a scope.", labels=("carrier", "scope")
        ),
    )
