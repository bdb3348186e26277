"""What every target over sockets has: jobs that wait for room, outcomes that are counted, texts judged."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from gateway.load.conformance import Ledger
from gateway.load.judge import Admitted
from gateway.load.mix import Draft
from gateway.load.profile import Profile
from gateway.load.tally import NOT_SENT, TIMEOUT, Settled, Tally
from gateway.throttle.limits import ScopeLimit
from gateway.throttle.scopes import Scope, ScopeKeys

FOLD_EVERY: Final = 1_024
"""Outcomes counted at a time: few enough that nothing is sent late for it."""
WHOLE: Final = "target"
"""Key of the scope `carrier`: the whole target."""


Job = tuple[Draft, int, int]
"""A draft that is under way: when it was due, and when the generator came round to it (ns). A bare tuple, as
an outcome is one: made forty thousand times a second."""


class Target:
    """One target. Subclasses open connections, and send a job where one has room."""

    def __init__(self, profile: Profile, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.profile = profile
        self.tally = Tally()
        self.hostile = Tally()
        self.pending = 0
        """Jobs offered and not settled."""
        self.ledger: Ledger | None = None
        self._clock = clock
        self._waiting: deque[Job] = deque()
        self._max_waiting = profile.max_waiting
        self._outcomes: list[Settled] = []
        self._hostile_outcomes: list[Settled] = []
        judged = profile.limits.model_fields_set if "limits" in profile.model_fields_set else frozenset()
        self._judges_numbers, self._judges_whole = "number" in judged, "carrier" in judged
        self._wall_ns = time.time_ns() - clock()

    # What subclasses do.

    async def open(self) -> None:
        """Connect. Raises `OSError`, or what else says that nobody is there."""

    def _start(self, job: Job) -> bool:
        """Send a job if a connection has room; False says that none has."""
        raise NotImplementedError

    def sweep(self, now_ns: int) -> None:
        """Settle what has waited for its answer for too long; called a few times a second."""

    async def close(self) -> None:
        """Close everything."""

    def notes(self) -> Sequence[str]:
        """Return what else there is to say."""
        return ()

    # What the runner calls.

    def begin(self, start_ns: int) -> None:
        """Take the moment at which arrivals begin."""
        self.tally.start_ns = self.hostile.start_ns = start_ns
        if self._judges_numbers or self._judges_whole:
            self.ledger = Ledger(start_ns + self._wall_ns)

    def offer(self, draft: Draft, due_ns: int, ready_ns: int) -> None:
        """Send a draft, or let it wait its turn."""
        self.pending += 1
        job = draft, due_ns, ready_ns
        if self._waiting or not self._start(job):
            if len(self._waiting) >= self._max_waiting:
                self._settle(job, ready_ns, NOT_SENT)
            else:
                self._waiting.append(job)

    def expire(self) -> None:
        """The run is over: what still waits finds no answer any more."""
        now_ns = self._clock()
        while self._waiting:
            self._settle(self._waiting.popleft(), now_ns, TIMEOUT)

    def fold(self) -> None:
        """Count what has been settled."""
        self.tally.add(self._outcomes)
        self._outcomes.clear()
        self.hostile.add(self._hostile_outcomes)
        self._hostile_outcomes.clear()

    # What subclasses call.

    def _pull(self) -> None:
        """A connection has room: send what waits."""
        waiting = self._waiting
        while waiting and self._start(waiting[0]):
            waiting.popleft()

    def _settle(self, job: Job, sent_ns: int, code: str | None, release_ns: int | None = None) -> None:
        """Note how a job ended; `release_ns`: when its text leaves, where the target says so (world time)."""
        done_ns = self._clock()
        draft, due_ns, ready_ns = job
        self.pending -= 1
        outcome = due_ns, ready_ns, sent_ns, done_ns, draft.sender.name, draft.segments, code
        if draft.hostile:
            self._hostile_outcomes.append(outcome)
        else:
            self._outcomes.append(outcome)
            if self.ledger is not None:
                self._note(draft, due_ns, sent_ns, done_ns, code, release_ns)
        if len(self._outcomes) >= FOLD_EVERY:
            self.fold()

    def _note(
        self, draft: Draft, due_ns: int, sent_ns: int, done_ns: int, code: str | None, release_ns: int | None
    ) -> None:
        """Enter a text into the ledger: it left when the target says, else between question and answer."""
        left = None
        wall_ns = self._wall_ns
        if code is None and release_ns is not None:
            left = Admitted(release_ns, draft.segments, release_ns + 999_999)  # said in milliseconds
        elif code is None:
            left = Admitted(sent_ns + wall_ns, draft.segments, done_ns + wall_ns)
        number = f"+{draft.source}" if self._judges_numbers else None
        keys = ScopeKeys(number=number, carrier=WHOLE if self._judges_whole else None)
        if self.ledger is not None:
            self.ledger.note(keys, due_ns + wall_ns, draft.segments, left)


def limited(profile: Profile) -> Callable[[Scope, str], ScopeLimit]:
    """Return the limits a target should keep, as the judge asks for them."""
    limits = profile.limits.defaults()
    return lambda scope, _key: limits[scope]
