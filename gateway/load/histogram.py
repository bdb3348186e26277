"""Latencies in log-linear buckets: any range, under 1 % error, mergeable, a few kilobytes.

Coordinated omission: a latency is counted from the moment a request was *due*, not from when the generator
got round to sending it. A target that stalls for a second then shows a second for everything that was due in
it, as its users would have seen.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRECISION_BITS = 7
"""Each power of two is divided into 128 buckets: at most 0.8 % error."""
_LINEAR = 1 << (PRECISION_BITS + 1)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a report shows of a histogram; values in the histogram's unit."""

    count: int
    mean: float
    minimum: int
    p50: int
    p90: int
    p99: int
    p999: int
    maximum: int


class Histogram:
    """Counts of non-negative integers, such as microseconds."""

    __slots__ = ("_buckets", "count", "maximum", "minimum", "total")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.minimum = 0
        self.maximum = 0

    def record(self, value: int, times: int = 1) -> None:
        """Count a value; what is negative (a clock that stepped back) counts as 0."""
        value = max(value, 0)
        shift = value.bit_length() - PRECISION_BITS - 1
        bucket = value if shift <= 0 else (shift << PRECISION_BITS) + (value >> shift)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + times
        self.minimum = value if not self.count else min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        self.count += times
        self.total += value * times

    def record_many(self, values: NDArray[np.int64]) -> None:
        """Count an array of values below 2⁵³: one at a time costs ten times as much."""
        if not values.size:
            return
        values = np.maximum(values, 0)
        bits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
        shifts = np.maximum(bits - PRECISION_BITS - 1, 0)
        found, times = np.unique((shifts << PRECISION_BITS) + (values >> shifts), return_counts=True)
        buckets = self._buckets
        for bucket, count in zip(found.tolist(), times.tolist(), strict=True):
            buckets[bucket] = buckets.get(bucket, 0) + count
        lowest = int(values.min())
        self.minimum = min(self.minimum, lowest) if self.count else lowest
        self.maximum = max(self.maximum, int(values.max()))
        self.count += int(values.size)
        self.total += int(values.sum())

    def merge(self, other: "Histogram") -> None:
        """Add everything another histogram counted."""
        if not other.count:
            return
        for bucket, times in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + times
        self.minimum = min(self.minimum, other.minimum) if self.count else other.minimum
        self.maximum = max(self.maximum, other.maximum)
        self.count += other.count
        self.total += other.total

    @property
    def mean(self) -> float:
        """The exact mean."""
        return self.total / self.count if self.count else 0.0

    def percentile(self, percent: float) -> int:
        """Return the value that `percent` of all values do not exceed, up to the bucket's width."""
        if not self.count:
            return 0
        wanted = max(-(-self.count * percent // 100), 1)
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(max(_highest(bucket), self.minimum), self.maximum)
        return self.maximum

    def items(self) -> Iterator[tuple[int, int]]:
        """Yield (greatest value of a bucket, how many it holds), lowest first."""
        for bucket in sorted(self._buckets):
            yield min(_highest(bucket), self.maximum), self._buckets[bucket]

    def percentiles(self, percents: Iterable[float]) -> Iterator[tuple[float, int]]:
        """Yield (percent, value) for drawing."""
        for percent in percents:
            yield percent, self.percentile(percent)

    def summary(self) -> Summary:
        """Return what a report shows."""
        return Summary(
            self.count,
            self.mean,
            self.minimum,
            self.percentile(50),
            self.percentile(90),
            self.percentile(99),
            self.percentile(99.9),
            self.maximum,
        )

    def to_json(self) -> dict[str, object]:
        """Return everything, for another process to merge."""
        return {
            "total": self.total,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "buckets": {str(bucket): times for bucket, times in sorted(self._buckets.items())},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> "Histogram":
        """Take up what `to_json` gave. Raises `ValueError` for anything else."""
        buckets = document.get("buckets")
        if not isinstance(buckets, dict):
            raise ValueError("no histogram: buckets are missing")
        found = cls()
        found._buckets = {int(bucket): int(times) for bucket, times in buckets.items()}
        found.count = sum(found._buckets.values())
        found.total, found.minimum, found.maximum = (
            int(str(document.get(name, 0))) for name in ("total", "minimum", "maximum")
        )
        return found


def _highest(bucket: int) -> int:
    """Return the greatest value a bucket holds."""
    if bucket < _LINEAR:
        return bucket
    shift = (bucket >> PRECISION_BITS) - 1
    return ((bucket - (shift << PRECISION_BITS) + 1) << shift) - 1
