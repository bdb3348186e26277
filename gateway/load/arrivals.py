"""When requests arrive, whatever the target does: open-loop arrival processes.

A shape is a cumulative count N(t), the arrivals expected by t seconds. Arrival number k is where N reaches k
(`even`), or where N reaches the k-th point of a unit Poisson process (`poisson`: by time rescaling that is a
Poisson process of rate N'). So every shape comes in both spacings, and the same seed gives the same times.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol


class Uniform(Protocol):
    """A seeded source of randomness, such as `random.Random(seed)`."""

    def random(self) -> float:
        """Return a number from [0, 1)."""


class Shape(Protocol):
    """How many requests are expected by when."""

    def expected(self, at_s: float) -> float:
        """Return N(t): the requests expected in the first `at_s` seconds."""

    def reached(self, count: float) -> float:
        """Return when N reaches `count`, in seconds; infinity if it never does."""


@dataclass(frozen=True, slots=True)
class Constant:
    """`rate` requests a second."""

    rate: float

    def expected(self, at_s: float) -> float:
        """Return N(t)."""
        return self.rate * at_s

    def reached(self, count: float) -> float:
        """Return when N reaches `count`."""
        return count / self.rate if self.rate > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Stage:
    """A straight change of the rate to `rate` over `seconds`."""

    rate: float
    seconds: float


class Ramp:
    """Stages one after the other, from `start` requests a second; the last rate goes on."""

    def __init__(self, start: float, stages: Sequence[Stage]) -> None:
        if not stages:
            raise ValueError("a ramp needs at least one stage")
        self._rates = (start, *(stage.rate for stage in stages))
        self._ends = tuple(accumulate((stage.seconds for stage in stages), initial=0.0))
        pairs = zip(self._rates, self._rates[1:], stages, strict=False)
        areas = ((before + after) / 2 * stage.seconds for before, after, stage in pairs)
        self._counts = tuple(accumulate(areas, initial=0.0))

    def expected(self, at_s: float) -> float:
        """Return N(t)."""
        stage = bisect_right(self._ends, at_s) - 1
        into = at_s - self._ends[stage]
        return self._counts[stage] + self._rates[stage] * into + self._slope(stage) * into * into / 2

    def reached(self, count: float) -> float:
        """Return when N reaches `count`: the root of a straight rate's parabola."""
        stage = min(bisect_right(self._counts, count), len(self._counts)) - 1
        left, rate, slope = count - self._counts[stage], self._rates[stage], self._slope(stage)
        if left <= 0:
            return self._ends[stage]
        root = math.sqrt(max(rate * rate + 2 * slope * left, 0.0))
        return self._ends[stage] + 2 * left / (rate + root) if rate + root > 0 else math.inf

    def _slope(self, stage: int) -> float:
        if stage + 1 >= len(self._ends):
            return 0.0
        seconds = self._ends[stage + 1] - self._ends[stage]
        return (self._rates[stage + 1] - self._rates[stage]) / seconds if seconds else 0.0


@dataclass(frozen=True, slots=True)
class Diurnal:
    """A day's wave: `rate` on average, `swing` (0 to 1) of it up and down in `period_s`, lowest first."""

    rate: float
    swing: float = 0.8
    period_s: float = 86_400.0

    def expected(self, at_s: float) -> float:
        """Return N(t)."""
        turn = 2 * math.pi / self.period_s
        return self.rate * (at_s - self.swing * math.sin(turn * at_s) / turn)

    def reached(self, count: float) -> float:
        """Return when N reaches `count`, by bisection."""
        if self.rate <= 0:
            return math.inf
        spread = self.swing * self.period_s / (2 * math.pi)
        low, high = count / self.rate - spread, count / self.rate + spread
        while high - low > 1e-9 * max(1.0, abs(high)):
            middle = (low + high) / 2
            low, high = (middle, high) if self.expected(middle) < count else (low, middle)
        return max(high, 0.0)


@dataclass(frozen=True, slots=True)
class Bursts:
    """`size` requests at once every `every_s` seconds, over `rate` requests a second in between."""

    size: int
    every_s: float
    rate: float = 0.0

    def expected(self, at_s: float) -> float:
        """Return N(t)."""
        return self.rate * at_s + self.size * (math.floor(at_s / self.every_s) + 1)

    def reached(self, count: float) -> float:
        """Return when N reaches `count`: in a burst or between two."""
        cycle = self.size + self.rate * self.every_s
        whole = max(math.ceil(count / cycle) - 1, 0)
        between = count - whole * cycle - self.size
        return whole * self.every_s + (between / self.rate if between > 0 and self.rate > 0 else 0.0)


class Replayed:
    """The shape of recorded traffic: one request at each of `offsets_s`, `speed` times as fast."""

    def __init__(self, offsets_s: Sequence[float], speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError("speed must be positive")
        self._offsets = sorted(offset / speed for offset in offsets_s)

    def expected(self, at_s: float) -> float:
        """Return N(t)."""
        return float(bisect_right(self._offsets, at_s))

    def reached(self, count: float) -> float:
        """Return the offset of request number `count`."""
        index = max(math.ceil(count) - 1, 0)
        return self._offsets[index] if index < len(self._offsets) else math.inf


def arrivals(shape: Shape, duration_s: float, rng: Uniform | None = None) -> Iterator[float]:
    """Yield the seconds from the start at which requests arrive, in order, up to `duration_s`.

    Evenly spaced, the first at once; with `rng` as a Poisson process of the shape's rate.
    """
    if rng is not None and isinstance(shape, Constant) and shape.rate > 0:
        yield from _steady(shape.rate, duration_s, rng)
        return
    count = 0.0 if rng is None else _exponential(rng)
    first = rng is None and not isinstance(shape, Replayed | Bursts)
    if not first and rng is None:
        count = 1.0
    while True:
        at_s = shape.reached(count)
        if at_s >= duration_s:
            return
        yield at_s
        count += 1.0 if rng is None else _exponential(rng)


def _steady(rate: float, duration_s: float, rng: Uniform) -> Iterator[float]:
    """Yield a Poisson process of one rate: the usual one, at half the price of the general way."""
    chance, log, count = rng.random, math.log, 0.0
    while True:
        count -= log(1.0 - chance())
        at_s = count / rate
        if at_s >= duration_s:
            return
        yield at_s


def _exponential(rng: Uniform) -> float:
    return -math.log(1.0 - rng.random())
