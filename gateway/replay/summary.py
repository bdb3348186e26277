"""What a replay came to: counts, a timeline and latencies, gathered message by message in bounded memory.

Nothing here depends on the machine or the moment: two discrete replays of one capture with one seed give the
same summary, octet for octet.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from gateway.replay.compare import SECOND_NS, Result
from gateway.smpp.constants import status_name

MAX_BUCKETS: Final = 600
MAX_DIFFERENCES: Final = 1_000
MAX_PASSED: Final = 10_000
_THROTTLES: Final = ("ESME_RTHROTTLED", "ESME_RMSGQFUL", "throttled_")
_MANTISSA_BITS: Final = 6


class Timeline:
    """Counts per moment; the width of a moment doubles whenever there are too many of them."""

    def __init__(self) -> None:
        self.start_ns: int | None = None
        self.width_ns = SECOND_NS
        self.series: dict[str, Counter[int]] = {}

    def add(self, name: str, at_ns: int) -> None:
        """Count one event."""
        if self.start_ns is None:
            self.start_ns = at_ns - at_ns % SECOND_NS
        index = max(0, (at_ns - self.start_ns) // self.width_ns)
        while index >= MAX_BUCKETS:
            self._widen()
            index = (at_ns - self.start_ns) // self.width_ns
        self.series.setdefault(name, Counter())[index] += 1

    def _widen(self) -> None:
        self.width_ns *= 2
        for name, counts in self.series.items():
            halved: Counter[int] = Counter()
            for index, count in counts.items():
                halved[index // 2] += count
            self.series[name] = halved

    def to_dict(self) -> dict[str, Any]:
        """`startNs`, `widthS`, and per series the counts of each moment."""
        size = 1 + max((max(counts) for counts in self.series.values() if counts), default=-1)
        return {
            "startNs": self.start_ns,
            "widthS": self.width_ns / SECOND_NS,
            "series": {
                name: [counts.get(index, 0) for index in range(size)]
                for name, counts in sorted(self.series.items())
            },
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Timeline:
        """What `to_dict` gave."""
        timeline = cls()
        timeline.start_ns = document["startNs"]
        timeline.width_ns = int(document["widthS"] * SECOND_NS)
        for name, counts in document["series"].items():
            timeline.series[name] = Counter({i: count for i, count in enumerate(counts) if count})
        return timeline


class Latency:
    """Durations, kept to within 1.6 %: buckets of an exponent and six bits."""

    def __init__(self) -> None:
        self.buckets: Counter[int] = Counter()
        self.most_ns = 0

    def add(self, took_ns: int) -> None:
        """Count one duration."""
        shift = max(0, took_ns.bit_length() - _MANTISSA_BITS)
        self.buckets[took_ns >> shift << shift] += 1
        self.most_ns = max(self.most_ns, took_ns)

    @property
    def count(self) -> int:
        """How many there were."""
        return self.buckets.total()

    def percentile_s(self, share: float) -> float | None:
        """The duration that `share` (0 to 1) of all do not exceed, in seconds."""
        left = int(self.count * share)
        for value in sorted(self.buckets):
            left -= self.buckets[value]
            if left < 0:
                return value / SECOND_NS
        return self.most_ns / SECOND_NS if self.buckets else None

    def to_dict(self) -> dict[str, Any]:
        """Percentiles in seconds."""
        names = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
        found: dict[str, Any] = {name: self.percentile_s(share) for name, share in names.items()}
        return {"count": self.count, **found, "max": self.most_ns / SECOND_NS if self.buckets else None}


class Summary:
    """Takes every `Result`."""

    def __init__(self) -> None:
        self.messages = 0
        self.different = 0
        self.refused: Counter[str] = Counter()
        self.receipts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.accepted = 0
        self.unanswered = 0
        self.differences: list[dict[str, Any]] = []
        self.passed: list[int] = []
        self.timeline = Timeline()
        self.response = Latency()
        self.receipt = Latency()

    def add(self, result: Result) -> None:
        """Count one message."""
        self.messages += 1
        actual = result.actual
        self.timeline.add("offered", result.sent_ns)
        if actual.status is None:
            self.unanswered += 1
        else:
            self._answer(result)
        if actual.receipt is not None and actual.receipt_ns is not None:
            self.receipts[actual.receipt] += 1
            self.receipt.add(actual.receipt_ns)
            if actual.receipt == "DELIVRD":
                self.timeline.add("delivered", result.sent_ns + actual.receipt_ns)
        self._judge(result)

    def _answer(self, result: Result) -> None:
        actual = result.actual
        took_ns = actual.response_ns or 0
        self.response.add(took_ns)
        at_ns = result.sent_ns + took_ns
        if not actual.status:
            self.accepted += 1
            self.timeline.add("accepted", at_ns)
            return
        code = actual.code or status_name(actual.status)
        self.refused[code] += 1
        throttled = code.startswith(_THROTTLES)
        self.timeline.add(f"throttled: {code}" if throttled else "refused", at_ns)

    def _judge(self, result: Result) -> None:
        if not result.differences:
            if len(self.passed) < MAX_PASSED:
                self.passed.append(result.number)
            return
        self.different += 1
        for what, wanted, came in result.differences:
            self.kinds[what] += 1
            if len(self.differences) < MAX_DIFFERENCES:
                self.differences.append(
                    {
                        "message": result.number,
                        "key": result.key,
                        "what": what,
                        "expected": wanted,
                        "actual": came,
                    }
                )

    def to_dict(self) -> dict[str, Any]:
        """The document of a report, without what is known only outside."""
        return {
            "messages": self.messages,
            "accepted": self.accepted,
            "refused": dict(sorted(self.refused.items())),
            "unanswered": self.unanswered,
            "receipts": dict(sorted(self.receipts.items())),
            "different": self.different,
            "differencesByKind": dict(sorted(self.kinds.items())),
            "differences": self.differences,
            "timeline": self.timeline.to_dict(),
            "responseSeconds": self.response.to_dict(),
            "receiptSeconds": self.receipt.to_dict(),
        }

    def to_state(self) -> dict[str, Any]:
        """Everything, so that a stopped replay can be taken up: see `from_state`."""
        return {
            **self.to_dict(),
            "passed": self.passed,
            "responses": sorted(self.response.buckets.items()),
            "receiptTimes": sorted(self.receipt.buckets.items()),
            "mostNs": [self.response.most_ns, self.receipt.most_ns],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Summary:
        """What `to_state` gave."""
        summary = cls()
        summary.messages, summary.different = state["messages"], state["different"]
        summary.accepted, summary.unanswered = state["accepted"], state["unanswered"]
        summary.refused.update(state["refused"])
        summary.receipts.update(state["receipts"])
        summary.kinds.update(state["differencesByKind"])
        summary.differences, summary.passed = state["differences"], state["passed"]
        summary.timeline = Timeline.from_dict(state["timeline"])
        summary.response.buckets.update(dict(map(tuple, state["responses"])))
        summary.receipt.buckets.update(dict(map(tuple, state["receiptTimes"])))
        summary.response.most_ns, summary.receipt.most_ns = state["mostNs"]
        return summary
