"""What a carrier's binds send next, and what an answer means: the pure core of `pool` and `link`.

Rules (architecture section 7)

  - Of one pair (source, destination) at most one message is on its way, on the bind that took it; the rest of
  the pair waits in order. Pairs overtake each other freely. - ESME_RTHROTTLED pauses the whole bind for
  `throttle_pause_s`; the refused messages stay with that bind and go first, in their order. A bind that goes
  down gives them back to the others, first in line. - ESME_RMSGQFUL makes the pair wait `queue_full_wait_s`,
  `queue_full_retries` times; other pairs go on. - No answer in time: at-least-once. After
  `late_response_wait_s`, in which a late answer still settles it, the message is sent again,
  `submit_attempts` times in all. Where nothing was answered since, the bind is asked for a sign of life
  first (`silent`): if it lives, the time-out counts as any other; if not, the bind was lost. - A lost bind
  is no attempt of what was on it: `suspects` says how that goes again. - A late answer to a message already
  settled, or the second of two answers, changes nothing. So a duplicate can arise only from a message that
  was outstanding, and those are bounded by the windows. - A message that waits longer than
  `window_wait_timeout_s` before it is first sent is given up as EXPIRED.

Events in: `put`, `withdraw`, `bind_up`, `bind_heard`, `bind_down`, `answered`, `unanswered`,
`answered_late`, `handle_timeout`. Out: `take_some` says what a bind sends next, `finished()` what has found
its end. `now` is wire time.
"""

import heapq
from collections import deque
from collections.abc import Hashable, Sequence
from itertools import count
from typing import Final

from gateway.esme.errors import QueueFull
from gateway.esme.settings import CarrierLinkSettings
from gateway.esme.submission import (
    Bind,
    Setback,
    Stage,
    Submission,
    SubmitOutcome,
    SubmitResult,
    Trouble,
    result_of,
)
from gateway.esme.suspects import CLEAN, Suspects
from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import Pdu

SWEEP_INTERVAL_S: Final = 1.0
_THROTTLED, _QUEUE_FULL, _OK = int(CommandStatus.RTHROTTLED), int(CommandStatus.RMSGQFUL), 0
# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_WAITING, _SENT, _DONE = Stage.WAITING, Stage.SENT, Stage.DONE

Finished = tuple[Submission, SubmitResult]


class SendQueue:
    """The messages of one carrier that wait or are on their way."""

    def __init__(self, carrier: str, settings: CarrierLinkSettings) -> None:
        self.carrier = carrier
        self._settings = settings
        self._limit = settings.queue_limit
        self._ready: deque[Submission] = deque()
        self._first: list[tuple[int, Submission]] = []  # heap by number: to be sent again by any bind
        self._lanes: dict[Hashable, deque[Submission] | None] = {}
        self._retries: list[tuple[float, int, Submission]] = []
        self._binds: list[Bind] = []
        self._suspects = Suspects(settings)
        self._finished: list[Finished] = []
        self._setbacks: list[tuple[Submission, Setback]] = []
        self._numbers = count()
        self._waiting = 0
        self._sweep_at: float | None = None
        self._stopping = False

    # What is here

    def __len__(self) -> int:
        """Messages that wait; those outstanding are not counted."""
        return self._waiting

    @property
    def room(self) -> int:
        """Messages that `put` would still take."""
        return 0 if self._stopping else max(0, self._limit - self._waiting)

    def oldest_wait_s(self, now: float) -> float:
        """Age of the message at the head of the queue, 0 if it is empty.

        Resends count from their first day.
        """
        heads = [heap[0][1].put_at for heap in (self._first, *(bind.held for bind in self._binds)) if heap]
        heads += [submission.put_at for _, _, submission in (*self._retries[:1], *self._suspects.heap[:1])]
        heads += [next((each.put_at for each in self._ready if each.stage is _WAITING), now)]
        return max(0.0, now - min(heads))

    def finished(self) -> list[Finished]:
        """The submissions that have ended since the last call, with their results."""
        finished, self._finished = self._finished, []
        return finished

    def setbacks(self) -> list[tuple[Submission, Setback]]:
        """The sendings since the last call that did not settle their messages, in order."""
        setbacks, self._setbacks = self._setbacks, []
        return setbacks

    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`: the next retry, end of a pause, or expiry sweep."""
        deadlines = [bind.paused_until for bind in self._binds if bind.up and bind.paused_until]
        if self._retries:
            deadlines.append(self._retries[0][0])
        if self._sweep_at is not None:
            deadlines.append(self._sweep_at)
        return min(deadlines, default=None)

    # In

    def put(self, submission: Submission, now: float) -> None:
        """Queue a message; raises `QueueFull`."""
        self.put_all((submission,), now)

    def put_all(self, submissions: Sequence[Submission], now: float) -> None:
        """Queue messages in this order; raises `QueueFull`, and queues none, unless all of them fit."""
        if self._waiting + len(submissions) > self._limit or self._stopping:
            raise QueueFull(self.carrier, self._limit)
        self._waiting += len(submissions)
        lanes, become_ready, numbers = self._lanes, self._ready.append, self._numbers
        for submission in submissions:
            submission.number = next(numbers)
            submission.put_at = now
            pair = submission.pair
            if pair not in lanes:
                lanes[pair] = None
                become_ready(submission)
            else:
                lane = lanes[pair]
                if lane is None:
                    lane = lanes[pair] = deque()
                lane.append(submission)
        if self._settings.window_wait_timeout_s and self._sweep_at is None:
            self._sweep_at = now + min(SWEEP_INTERVAL_S, self._settings.window_wait_timeout_s)

    def withdraw(self, submission: Submission, now: float) -> bool:
        """Take a message back, untold; False if it is on its way or has ended."""
        if submission.stage is not _WAITING:
            return False
        lane = self._lanes.get(submission.pair)
        if lane is not None and submission in lane:  # not its turn yet
            lane.remove(submission)
            submission.stage = _DONE
            self._waiting -= 1
            return True
        self._end(submission, now)
        if len(self._ready) > 2 * self._waiting + 16:
            self._ready = deque(each for each in self._ready if each.stage is _WAITING)
        return True

    def add_bind(self, name: str) -> Bind:
        """A bind that may come up."""
        bind = Bind(name)
        self._binds.append(bind)
        return bind

    def bind_up(self, bind: Bind) -> None:
        """The bind can transmit."""
        bind.up, bind.paused_until = True, 0.0

    def bind_heard(self, bind: Bind, now: float) -> None:
        """The bind lives: what timed out while it was silent has timed out as anything may."""
        doubted, bind.doubted = bind.doubted, []
        for submission in doubted:
            if submission.stage is _WAITING:
                self._timed_out(submission, now)

    def bind_down(self, bind: Bind, now: float) -> list[Submission]:
        """The bind is gone; what it held goes first on any other, what was on it goes as `suspects` says.

        Its outstanding have come as `unanswered` before. Returns those that will be sent again.
        """
        bind.up, bind.paused_until = False, 0.0
        self._suspects.bind_down(bind)
        for entry in bind.held:
            entry[1].bind = None
            heapq.heappush(self._first, entry)
        bind.held.clear()
        lost = [each for each in (*bind.doubted, *bind.lost) if each.stage is _WAITING]
        bind.doubted, bind.lost = [], []
        return [each for each in lost if self._lost(each, now, alone=len(lost) == 1)]

    # Out

    def take_some(self, bind: Bind, room: int, now: float, *, idle: bool) -> list[Submission]:
        """What this bind, with this room in its window, sends now; `idle`: nothing is outstanding on it."""
        taken: list[Submission] = []
        if not bind.up or bind.paused_until > now:
            return taken
        bind.paused_until = 0.0
        suspects = self._suspects
        if suspects.heap or suspects.bind is not None:
            group = suspects.take(bind, room, idle=idle)
            taken = group or []
            room = 0 if group is not None else room
        while room > 0 and (submission := self._next(bind, now)) is not None:
            taken.append(submission)
            room -= 1
        for submission in taken:
            submission.stage = _SENT
            submission.bind = bind
            submission.attempts += 1
        self._waiting -= len(taken)
        return taken

    def _next(self, bind: Bind, now: float) -> Submission | None:
        for heap in (bind.held, self._first):
            while heap:
                submission = heapq.heappop(heap)[1]
                if submission.stage is _WAITING and not self._expire(submission, now):
                    return submission
        ready = self._ready
        while ready:
            submission = ready.popleft()
            if submission.stage is _WAITING and not self._expire(submission, now):
                return submission
        return None

    def unsent(self, submission: Submission) -> None:
        """`take` gave it, but the bind could not send it: it goes first on the next."""
        if self._returned(submission):
            submission.attempts -= 1
            submission.bind = None
            self._again(submission)

    # Answers

    def answered_all(self, answers: Sequence[tuple[Submission, Pdu, float]], now: float) -> None:
        """As `answered` for each (submission, response, when sent), in order."""
        lanes, end = self._lanes, self._finished.append
        for submission, response, _ in answers:
            pair = submission.pair
            if response.command_status != _OK or submission.stage is not _SENT or lanes.get(pair) is not None:
                self.answered(submission, response, now)
                continue
            submission.stage = _DONE  # accepted, and nothing of its pair waits: as nearly always
            end((submission, result_of(response)))
            del lanes[pair]

    def answered(self, submission: Submission, response: Pdu, now: float) -> None:
        """The carrier has answered; statuses 0x58 and 0x14 are acted on, every other ends the message."""
        if not self._returned(submission):
            return
        status, bind = response.command_status, submission.bind
        if self._stopping and status in (_THROTTLED, _QUEUE_FULL):
            self._finish(submission, SubmitResult(SubmitOutcome.STOPPED, status, sent=False), now)
        elif status == _THROTTLED and bind is not None:
            self._set_back(submission, Trouble.REFUSED, response.sequence_number, status)
            self._throttle(submission, bind, now)
        elif status == _QUEUE_FULL and submission.full_retries < self._settings.queue_full_retries:
            self._set_back(submission, Trouble.REFUSED, response.sequence_number, status)
            submission.full_retries += 1
            submission.attempts, submission.suspicion = 0, CLEAN
            self._retry(submission, now + self._settings.queue_full_wait_s)
        else:
            self._finish(submission, result_of(response), now)

    def unanswered(
        self,
        submission: Submission,
        now: float,
        *,
        lost: bool,
        silent: bool = False,
        sequence_number: int = 0,
    ) -> None:
        """No answer came in time, or (`lost`) the bind goes down before one, and `bind_down` follows.

        `silent`: nothing was answered since; `bind_heard` or `bind_down` will tell what that means.
        """
        bind = submission.bind
        if not self._returned(submission):
            return
        self._set_back(submission, Trouble.CONNECTION_LOST if lost else Trouble.NO_RESPONSE, sequence_number)
        if self._stopping or bind is None:
            self._finish(submission, SubmitResult(SubmitOutcome.STOPPED), now)
        elif lost:
            bind.lost.append(submission)
        elif silent:
            bind.doubted.append(submission)
        else:
            self._timed_out(submission, now)

    def answered_late(self, submission: Submission, response: Pdu, now: float) -> None:
        """An answer to an attempt already given up: it settles the message if nothing else has.

        A late 0x58 or 0x14 says the attempt failed, which the resend under way already assumes.
        """
        if submission.stage is _DONE or response.command_status in (_THROTTLED, _QUEUE_FULL):
            return
        if submission.stage is _SENT:
            self._waiting += 1
        self._finish(submission, result_of(response), now)

    def handle_timeout(self, now: float) -> None:
        """Release what has waited long enough and give up what has waited too long."""
        while self._retries and self._retries[0][0] <= now:
            submission = heapq.heappop(self._retries)[2]
            if submission.stage is _WAITING:
                self._again(submission)
        for bind in self._binds:
            if bind.paused_until and bind.paused_until <= now:
                bind.paused_until = 0.0
        if self._sweep_at is not None and self._sweep_at <= now:
            self._sweep(now)

    def stop(self, now: float) -> None:
        """End what waits as STOPPED.

        What is outstanding ends with its answer, or without, but is not sent again.
        """
        self._stopping = True
        waiting = [*self._ready, *(entry[1] for entry in self._first), *(entry[2] for entry in self._retries)]
        waiting += [entry[2] for entry in self._suspects.heap]
        for bind in self._binds:
            waiting += [*(entry[1] for entry in bind.held), *bind.doubted, *bind.lost]
        for lane in self._lanes.values():
            waiting += lane or ()
            if lane:
                lane.clear()
        for submission in waiting:
            if submission.stage is _WAITING:
                self._finished.append((submission, _stopped(submission)))
                submission.stage = _DONE
                self._waiting -= 1
        self._ready.clear()

    # Inside

    def _returned(self, submission: Submission) -> bool:
        """Count a submission as back from its bind; False if a late answer has settled it meanwhile."""
        if submission.stage is not _SENT:
            return False
        submission.stage = _WAITING
        self._waiting += 1
        return True

    def _set_back(
        self, submission: Submission, trouble: Trouble, sequence_number: int, command_status: int = 0
    ) -> None:
        bind = submission.bind.name if submission.bind is not None else ""
        self._setbacks.append((submission, Setback(trouble, bind, sequence_number, command_status)))

    def _again(self, submission: Submission) -> None:
        """Send it before what has never gone, and apart from that if it is suspect."""
        if submission.suspicion:
            self._suspects.add(submission)
        else:
            heapq.heappush(self._first, (submission.number, submission))

    def _timed_out(self, submission: Submission, now: float) -> None:
        if submission.attempts >= self._settings.submit_attempts:
            self._finish(submission, SubmitResult(SubmitOutcome.NO_RESPONSE), now)
        else:
            self._retry(submission, now + self._settings.late_response_wait_s)

    def _lost(self, submission: Submission, now: float, *, alone: bool) -> bool:
        """Whether it will be sent again."""
        submission.attempts -= 1
        wait_s = self._suspects.judge(submission, alone=alone)
        if wait_s is None:
            self._finish(submission, SubmitResult(SubmitOutcome.NO_RESPONSE), now)
            return False
        if wait_s:
            self._retry(submission, now + wait_s)
        else:
            submission.bind = None
            self._again(submission)
        return True

    def _throttle(self, submission: Submission, bind: Bind, now: float) -> None:
        submission.attempts, submission.suspicion = 0, CLEAN
        if not bind.up:
            heapq.heappush(self._first, (submission.number, submission))
            return
        if not bind.paused_until:
            bind.paused_until = now + self._settings.throttle_pause_s
        heapq.heappush(bind.held, (submission.number, submission))

    def _retry(self, submission: Submission, due: float) -> None:
        submission.bind = None
        heapq.heappush(self._retries, (due, submission.number, submission))

    def _finish(self, submission: Submission, result: SubmitResult, now: float) -> None:
        self._finished.append((submission, result))
        self._end(submission, now)

    def _end(self, submission: Submission, now: float) -> None:
        """The submission leaves; the next of its pair becomes ready."""
        submission.stage = _DONE
        self._waiting -= 1
        lane = self._lanes.get(submission.pair)
        while lane:
            follower = lane.popleft()
            if not self._expire(follower, now, in_lane=True):
                self._ready.append(follower)
                return
        del self._lanes[submission.pair]

    def _expire(self, submission: Submission, now: float, in_lane: bool = False) -> bool:
        limit = self._settings.window_wait_timeout_s
        if not limit or submission.gone_out or now - submission.put_at < limit:
            return False
        result = SubmitResult(SubmitOutcome.EXPIRED, sent=False)
        if in_lane:
            submission.stage = _DONE
            self._waiting -= 1
            self._finished.append((submission, result))
        else:
            self._finish(submission, result, now)
        return True

    def _sweep(self, now: float) -> None:
        heads = [*self._ready, *(entry[1] for bind in self._binds for entry in bind.held)]
        for submission in heads:
            if submission.stage is _WAITING:
                self._expire(submission, now)
        self._sweep_at = now + SWEEP_INTERVAL_S if self._waiting else None


def _stopped(submission: Submission) -> SubmitResult:
    return SubmitResult(SubmitOutcome.STOPPED, sent=submission.gone_out)
