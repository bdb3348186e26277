"""What happened in a run: latencies, outcomes, offered against admitted per scope, second by second."""

from collections import Counter, defaultdict
from typing import NamedTuple

from gateway.load.histogram import Histogram

US = 1_000
"""Nanoseconds in a microsecond, the unit of the histograms."""


class Outcome(NamedTuple):
    """One request: when it was due, sent and answered (ns of one clock), and how it ended.

    `code` is None where it was accepted, else the refusal's code, or `failed` where no answer came.
    """

    due_ns: int
    sent_ns: int
    done_ns: int
    sender: str
    segments: int
    code: str | None


FAILED = "failed"


class Second(NamedTuple):
    """One second of the run, in requests."""

    second: int
    offered: int
    accepted: int
    refused: int
    failed: int
    p99_us: int


class Tally:
    """Counts outcomes; several tallies of one run merge."""

    def __init__(self, start_ns: int = 0) -> None:
        self.start_ns = start_ns
        self.latency = Histogram()
        """Microseconds from when a request was due to its answer."""
        self.service = Histogram()
        """Microseconds from when it was sent: what a closed loop would have shown."""
        self.lateness = Histogram()
        """Microseconds by which it was sent too late: the generator's own fault."""
        self.codes: Counter[str] = Counter()
        self.by_sender: dict[str, Counter[str]] = defaultdict(Counter)
        self._seconds: dict[int, Counter[str]] = defaultdict(Counter)
        self._latencies: dict[int, Histogram] = defaultdict(Histogram)

    def add(self, outcome: Outcome) -> None:
        """Count one request."""
        due_ns, sent_ns, done_ns, sender, segments, code = outcome
        latency_us = (done_ns - due_ns) // US
        word = "accepted" if code is None else "failed" if code == FAILED else "refused"
        self.latency.record(latency_us)
        self.service.record((done_ns - sent_ns) // US)
        self.lateness.record((sent_ns - due_ns) // US)
        self.codes[code or "accepted"] += 1
        mine = self.by_sender[sender]
        mine[code or "accepted"] += 1
        mine["segments"] += segments
        second = (due_ns - self.start_ns) // 1_000_000_000
        self._seconds[second][word] += 1
        self._latencies[second].record(latency_us)

    def merge(self, other: "Tally") -> None:
        """Add what another tally of the same run counted."""
        self.latency.merge(other.latency)
        self.service.merge(other.service)
        self.lateness.merge(other.lateness)
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
        return self.codes[FAILED]

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
        latency = self._latencies.get(second)
        return Second(
            second,
            words.total(),
            words["accepted"],
            words["refused"],
            words["failed"],
            latency.percentile(99) if latency else 0,
        )
