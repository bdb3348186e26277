"""The metrics of the binds, read from plain counters when they are scraped.

`gateway_smpp_pdus_total{carrier,direction,command,status}`, `gateway_submit_latency_seconds{carrier}`,
`gateway_smpp_binds{carrier,state}`, `gateway_smpp_window_used{carrier}`. Counting a PDU is one dict addition;
statuses outside the specification are folded to `vendor` and `other`, commands to `unknown`.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.runtime.metrics import LATENCY_BUCKETS_SECONDS, Metrics
from gateway.smpp.constants import (
    VENDOR_STATUS_FIRST,
    VENDOR_STATUS_LAST,
    CommandId,
    CommandStatus,
    command_name,
    status_name,
)
from gateway.smpp.pdu import Pdu
from gateway.smpp.session import Direction

_STATUSES: Final = frozenset(int(status) for status in CommandStatus)
_COMMANDS: Final = frozenset(int(command) for command in CommandId)


def status_label(status: int) -> str:
    """`ESME_…`, `vendor` for 0x400…0x4FF, `other` for the rest."""
    if status in _STATUSES:
        return status_name(status)
    return "vendor" if VENDOR_STATUS_FIRST <= status <= VENDOR_STATUS_LAST else "other"


def command_label(command_id: int) -> str:
    """Name of the command, `unknown` for one that is none."""
    return command_name(command_id) if command_id in _COMMANDS else "unknown"


class Observed(Protocol):
    """A carrier's binds as the collector sees them."""

    @property
    def carrier(self) -> str:
        """The carrier's name."""

    @property
    def window_used(self) -> int:
        """Requests outstanding over all its binds."""

    @property
    def queue_length(self) -> int:
        """Messages that wait."""

    @property
    def queue_oldest_s(self) -> float:
        """Age of the oldest that waits."""

    def states(self) -> Iterable[str]:
        """State of each bind."""


class CarrierTally:
    """What one carrier's binds have counted; `latency_s` is observed per answered submit."""

    __slots__ = ("_buckets", "_pdus", "_sum_s")

    def __init__(self) -> None:
        self._pdus: Counter[tuple[Direction, int, int]] = Counter()
        self._buckets = [0] * (len(LATENCY_BUCKETS_SECONDS) + 1)
        self._sum_s = 0.0

    def tap(self, direction: Direction, frame: bytes, pdu: Pdu | None, now: float) -> None:
        """A `Tap` that counts; an undecodable frame counts under its header's command."""
        del now
        if pdu is not None:
            self._pdus[direction, pdu.command_id, pdu.command_status] += 1
        else:
            self._pdus[direction, int.from_bytes(frame[4:8], "big"), int.from_bytes(frame[8:12], "big")] += 1

    def observe_latencies(self, latencies_s: Sequence[float]) -> None:
        """Submits answered after so long."""
        buckets = self._buckets
        for each in latencies_s:
            buckets[bisect_left(LATENCY_BUCKETS_SECONDS, each)] += 1
        self._sum_s += sum(latencies_s)

    def count(self, direction: Direction, command_id: int) -> int:
        """PDUs of one command that went this way, whatever their status."""
        return sum(
            counted
            for (way, command, _), counted in self._pdus.items()
            if way is direction and command == command_id
        )

    def pdus(self) -> Iterator[tuple[str, str, str, int]]:
        """(direction, command, status, count), labels folded."""
        folded: Counter[tuple[str, str, str]] = Counter()
        for (direction, command, status), counted in self._pdus.items():
            folded[direction.value, command_label(command), status_label(status)] += counted
        for (direction_label, command_text, status_text), counted in folded.items():
            yield direction_label, command_text, status_text, counted

    def latency(self) -> tuple[list[tuple[str, float]], float]:
        """Cumulative buckets and the sum, as Prometheus has them."""
        total, buckets = 0, []
        for bound, counted in zip([*map(str, LATENCY_BUCKETS_SECONDS), "+Inf"], self._buckets, strict=True):
            total += counted
            buckets.append((bound, float(total)))
        return buckets, self._sum_s


class LinkCollector(Collector):
    """One per service: every carrier's numbers at the moment of the scrape."""

    STATES: Final = ("connecting", "bound", "throttled", "waiting", "unbinding", "stopped")

    def __init__(self, metrics: Metrics) -> None:
        self._carriers: dict[str, tuple[Observed, CarrierTally]] = {}
        metrics.registry.register(self)

    def add(self, observed: Observed) -> CarrierTally:
        """Watch a carrier; returns the tally its binds count into."""
        tally = CarrierTally()
        self._carriers[observed.carrier] = (observed, tally)
        return tally

    def describe(self) -> Iterable[Metric]:
        """The families without samples, so that registering does not scrape."""
        return list(_families())

    def collect(self) -> Iterable[Metric]:
        """The families with their samples."""
        pdus, latency, binds, window, queued, oldest = _families()
        for carrier, (observed, tally) in self._carriers.items():
            for direction, command, status, counted in tally.pdus():
                pdus.add_metric((carrier, direction, command, status), counted)
            latency.add_metric((carrier,), *tally.latency())
            states = Counter(observed.states())
            for state in self.STATES:
                binds.add_metric((carrier, state), states[state])
            window.add_metric((carrier,), observed.window_used)
            queued.add_metric((carrier,), observed.queue_length)
            oldest.add_metric((carrier,), observed.queue_oldest_s)
        return pdus, latency, binds, window, queued, oldest


def _families() -> tuple[
    CounterMetricFamily,
    HistogramMetricFamily,
    GaugeMetricFamily,
    GaugeMetricFamily,
    GaugeMetricFamily,
    GaugeMetricFamily,
]:
    return (
        CounterMetricFamily(
            "gateway_smpp_pdus",
            "PDUs exchanged with carriers.",
            labels=("carrier", "direction", "command", "status"),
        ),
        HistogramMetricFamily(
            "gateway_submit_latency_seconds", "From submit_sm to its response.", labels=("carrier",)
        ),
        GaugeMetricFamily("gateway_smpp_binds", "Binds by state.", labels=("carrier", "state")),
        GaugeMetricFamily("gateway_smpp_window_used", "Requests outstanding.", labels=("carrier",)),
        GaugeMetricFamily("gateway_smpp_queue_messages", "Messages waiting for a bind.", labels=("carrier",)),
        GaugeMetricFamily(
            "gateway_smpp_queue_oldest_seconds", "Age of the oldest waiting message.", labels=("carrier",)
        ),
    )
