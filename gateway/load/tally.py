"""What happened in a run: latencies, outcomes, offered against admitted per scope, second by second."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from gateway.load.histogram import Histogram

US: Final = 1_000
"""Nanoseconds in a microsecond, the unit of the histograms."""
SECOND_NS: Final = 1_000_000_000

FAILED: Final = "failed"
"""The connection broke, or the answer was none."""
TIMEOUT: Final = "timeout"
"""No answer in time."""
NOT_SENT: Final = "not_sent"
"""Too many requests were waiting for a connection already."""
FAILURES: Final = frozenset({FAILED, TIMEOUT, NOT_SENT})
"""Codes of requests that found no answer; every other code is a refusal."""


class Outcome(NamedTuple):
    """One request, with its moments in ns of one clock, and how it ended.

    `due_ns`: when its user wanted it sent. `ready_ns`: when the generator came round to it. `sent_ns`: when a
    connection took it. `code`: None where it was accepted, else why not.
    """

    due_ns: int
    ready_ns: int
    sent_ns: int
    done_ns: int
    sender: str
    segments: int
    code: str | None


Settled = tuple[int, int, int, int, str, int, str | None]
"""An `Outcome` without its names, where there are many."""


class Second(NamedTuple):
    """One second of the run, in requests, by when they were due."""

    second: int
    offered: int
    accepted: int
    refused: int
    failed: int
    p50_us: int
    p99_us: int


class Tally:
    """Counts outcomes; several tallies of one run merge."""

    def __init__(self, start_ns: int = 0) -> None:
        self.start_ns = start_ns
        self.latency = Histogram()
        """Microseconds from when a request was due to its answer."""
        self.service = Histogram()
        """Microseconds from when it was sent: what a closed loop would have shown."""
        self.waiting = Histogram()
        """Microseconds it waited for a connection with room: the target's windows, or too few connections."""
        self.lateness = Histogram()
        """Microseconds by which the generator came round to it too late: the generator's own fault."""
        self.codes: Counter[str] = Counter()
        self.by_sender: dict[str, Counter[str]] = defaultdict(Counter)
        self._seconds: dict[int, Counter[str]] = defaultdict(Counter)
        self._latencies: dict[int, Histogram] = defaultdict(Histogram)

    def add(self, outcomes: Sequence[Settled]) -> None:
        """Count requests, a few hundred at a time."""
        if not outcomes:
            return
        due, ready, sent, done, senders, segments, codes = zip(*outcomes, strict=True)
        moments = np.array((due, ready, sent, done), dtype=np.int64)
        latencies = (moments[3] - moments[0]) // US
        self.latency.record_many(latencies)
        self.service.record_many((moments[3] - moments[2]) // US)
        self.waiting.record_many((moments[2] - moments[1]) // US)
        self.lateness.record_many((moments[1] - moments[0]) // US)
        self._count(Counter(zip(senders, codes, segments, strict=True)))
        seconds = (moments[0] - self.start_ns) // SECOND_NS
        for (second, code), times in Counter(zip(seconds.tolist(), codes, strict=True)).items():
            self._seconds[second][_word(code)] += times
        for second in np.unique(seconds).tolist():
            self._latencies[second].record_many(latencies[seconds == second])

    def _count(self, found: Counter[tuple[str, str | None, int]]) -> None:
        for (sender, code, segments), times in found.items():
            word = code or "accepted"
            self.codes[word] += times
            mine = self.by_sender[sender]
            mine[word] += times
            mine["segments"] += segments * times

    def merge(self, other: "Tally") -> None:
        """Add what another tally of the same run counted."""
        for name in ("latency", "service", "waiting", "lateness"):
            getattr(self, name).merge(getattr(other, name))
        self.codes += other.codes
        for sender, codes in other.by_sender.items():
            self.by_sender[sender] += codes
        for second, words in other._seconds.items():
            self._seconds[second] += words
            self._latencies[second].merge(other._latencies[second])

    @property
    def offered(self) -> int:
        """Requests that were due and are settled."""
        return self.codes.total()

    @property
    def accepted(self) -> int:
        """Requests accepted."""
        return self.codes["accepted"]

    @property
    def failed(self) -> int:
        """Requests without an answer."""
        return sum(self.codes[code] for code in FAILURES)

    @property
    def refused(self) -> int:
        """Requests answered with a refusal."""
        return self.offered - self.accepted - self.failed

    def seconds(self) -> list[Second]:
        """Return the run second by second, gaps included."""
        if not self._seconds:
            return []
        span = range(min(self._seconds), max(self._seconds) + 1)
        return [self._second(second) for second in span]

    def _second(self, second: int) -> Second:
        words = self._seconds.get(second, Counter())
        latency = self._latencies.get(second) or Histogram()
        return Second(
            second,
            words.total(),
            words["accepted"],
            words["refused"],
            words["failed"],
            latency.percentile(50),
            latency.percentile(99),
        )


def tally_of(outcomes: Iterable[Outcome], start_ns: int = 0) -> Tally:
    """Return the tally of outcomes, counted at once."""
    tally = Tally(start_ns)
    tally.add(list(outcomes))
    return tally


def _word(code: str | None) -> str:
    return "accepted" if code is None else "failed" if code in FAILURES else "refused"
