"""Who gets what when: the deliveries of one webhook, their order, retries and end. Pure.

```
 add ──▶ waiting ──take──▶ in flight ──succeed──▶ done
            ▲                 │ fail
            └── after a delay ┴──── attempts used up ──▶ dead
```

- Events about one thing (`key`, e.g. a text) go out in order, one at a time; keys overtake each other freely.
- A refusal by the receiver (a status other than 2xx) delays that delivery and those behind its key.
- A receiver that cannot be reached pauses the whole webhook; then single probes go out until one succeeds.
- `now` is wire time: seconds, monotonic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

GONE = 410
PAUSING = frozenset({429, 503})
MAX_PAUSE_S = 3600.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long after each other a delivery is tried.

    The n-th retry waits `first_s`·2^(n-1) seconds, at most `longest_s`, less a random part of up to a half.
    """

    max_attempts: int = 8
    first_s: float = 1.0
    longest_s: float = 300.0

    def delay_s(self, failures: int, random: float) -> float:
        """Return the wait after `failures` failures in a row; `random` is in 0…1."""
        full = min(self.first_s * 2.0 ** min(failures - 1, 60), self.longest_s)
        return full * (1.0 - random / 2)


@dataclass(slots=True)
class Delivery:
    """One event on its way to one webhook; `body` is what is posted, `created_ns` world time."""

    id: int
    webhook_id: int
    key: str
    event: str
    body: bytes
    created_ns: int
    attempts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed: an HTTP `status`, or a `reason` where there was no answer.

    `retry_after_s` is what the receiver asked for.
    """

    reason: str
    status: int | None = None
    retry_after_s: float | None = None

    @property
    def unreachable(self) -> bool:
        """Tell whether the receiver did not answer at all."""
        return self.status is None


@dataclass(slots=True)
class DeliveryQueue:
    """The deliveries of one webhook. `random` gives numbers in 0…1; `concurrency` bounds those in flight."""

    policy: RetryPolicy
    concurrency: int
    max_pending: int
    random: Callable[[], float]
    in_flight: int = 0
    failures_in_a_row: int = 0
    paused_until: float = 0.0
    _lines: dict[str, deque[Delivery]] = field(default_factory=dict)
    _ready: deque[Delivery] = field(default_factory=deque)
    _retries: list[tuple[float, int, Delivery]] = field(default_factory=list)
    _pending: int = 0
    _sequence: int = 0

    def __len__(self) -> int:
        """Count everything that is not settled, in flight included."""
        return self._pending

    def add(self, delivery: Delivery) -> bool:
        """Queue a delivery behind its key; False says that the queue is full."""
        if self._pending >= self.max_pending:
            return False
        self._pending += 1
        line = self._lines.get(delivery.key)
        if line is None:
            self._lines[delivery.key] = deque()
            self._ready.append(delivery)
        else:
            line.append(delivery)
        return True

    def sendable(self, now: float) -> int:
        """Return how many deliveries may be sent at this moment."""
        self._ripen(now)
        if now < self.paused_until:
            return 0
        allowed = 1 if self.failures_in_a_row else self.concurrency
        return max(min(allowed - self.in_flight, len(self._ready)), 0)

    def take(self, now: float) -> Delivery | None:
        """Hand out the next delivery to send, None if none may be sent now."""
        if not self.sendable(now):
            return None
        self.in_flight += 1
        return self._ready.popleft()

    def put_back(self, delivery: Delivery) -> None:
        """Take back a delivery that was not tried after all; it goes first."""
        self.in_flight -= 1
        if delivery.key in self._lines:
            self._ready.appendleft(delivery)

    def succeed(self, delivery: Delivery) -> None:
        """Settle a delivery that arrived."""
        self.in_flight -= 1
        self.failures_in_a_row = 0
        delivery.attempts += 1
        self._settle(delivery)

    def fail(self, delivery: Delivery, failure: Failure, now: float) -> bool:
        """Note a failed attempt; False says that it was the last one and the delivery is dead."""
        self.in_flight -= 1
        delivery.attempts += 1
        delivery.error = failure.reason
        if failure.unreachable:
            self.failures_in_a_row += 1
            self._pause(now + self.policy.delay_s(self.failures_in_a_row, self.random()))
        else:
            self.failures_in_a_row = 0
        delay_s = self.policy.delay_s(delivery.attempts, self.random())
        if failure.retry_after_s is not None and failure.status in PAUSING:
            self._pause(now + min(failure.retry_after_s, MAX_PAUSE_S))
        if delivery.attempts >= self.policy.max_attempts:
            self._settle(delivery)
            return False
        if delivery.key in self._lines:
            self._sequence += 1
            heappush(self._retries, (now + delay_s, self._sequence, delivery))
        return True

    def next_deadline(self) -> float | None:
        """Return when something may become sendable by time alone, None if nothing will."""
        if self._ready and self.in_flight == 0:
            return self.paused_until
        if not self._retries:
            return None
        return max(self._retries[0][0], self.paused_until)

    def drain(self) -> list[Delivery]:
        """Forget everything and return what was not in flight, e.g. when the webhook is switched off."""
        waiting = [*self._ready, *(entry[2] for entry in sorted(self._retries, key=lambda entry: entry[:2]))]
        waiting += [delivery for line in self._lines.values() for delivery in line]
        self._ready.clear()
        self._retries.clear()
        self._lines.clear()
        self._pending = 0
        return waiting

    def _ripen(self, now: float) -> None:
        while self._retries and self._retries[0][0] <= now:
            self._ready.append(heappop(self._retries)[2])

    def _pause(self, until: float) -> None:
        self.paused_until = max(self.paused_until, until)

    def _settle(self, delivery: Delivery) -> None:
        line = self._lines.get(delivery.key)
        if line is None:
            return  # the queue was drained while this one was in flight
        self._pending -= 1
        if line:
            self._ready.append(line.popleft())
        else:
            del self._lines[delivery.key]
