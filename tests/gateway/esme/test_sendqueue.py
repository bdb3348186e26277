"""The pure core of the links.

Order per pair, pauses, retries, at-least-once, and that nothing is lost or told twice.
"""

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.esme.errors import QueueFull
from gateway.esme.sendqueue import SendQueue
from gateway.esme.settings import CarrierLinkSettings
from gateway.esme.submission import (
    Bind,
    Setback,
    Stage,
    Submission,
    SubmitOutcome,
    Trouble,
)
from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import GenericNack, SubmitSm, SubmitSmResp

OK = SubmitSmResp(message_id="4f")
THROTTLED = SubmitSmResp(command_status=CommandStatus.RTHROTTLED)
QUEUE_FULL = SubmitSmResp(command_status=CommandStatus.RMSGQFUL)


def settings(**changed: Any) -> CarrierLinkSettings:
    return CarrierLinkSettings(system_id="gateway", **changed)


class Desk:
    """A queue with binds, and the shortest words to drive it."""

    def __init__(self, binds: int = 1, **changed: Any) -> None:
        self.queue = SendQueue("tmobile", settings(**changed))
        self.binds = [self.queue.add_bind(f"bind-{number}") for number in range(binds)]
        for bind in self.binds:
            self.queue.bind_up(bind)
        self.now = 0.0
        self.put_so_far: list[Submission] = []

    @property
    def bind(self) -> Bind:
        return self.binds[0]

    def put(self, name: str, pair: Hashable = None) -> Submission:
        submission = Submission(SubmitSm(), pair or name, lambda *_: None, name)
        self.queue.put(submission, self.now)
        self.put_so_far.append(submission)
        return submission

    def outstanding(self, bind: int = 0) -> list[Submission]:
        taker = self.binds[bind]
        return [each for each in self.put_so_far if each.stage is Stage.SENT and each.bind is taker]

    def take_some(self, bind: int = 0, room: int = 100) -> list[str]:
        idle = not self.outstanding(bind)
        return [each.context for each in self.queue.take_some(self.binds[bind], room, self.now, idle=idle)]

    def take(self, bind: int = 0) -> str | None:
        taken = self.take_some(bind, 1)
        return taken[0] if taken else None

    def lose(self, bind: int = 0) -> list[str]:
        """The bind goes down; the names of what will be sent again."""
        for submission in self.outstanding(bind):
            self.queue.unanswered(submission, self.now, lost=True)
        return [each.context for each in self.queue.bind_down(self.binds[bind], self.now)]

    def lose_and_return(self, bind: int = 0) -> "Desk":
        self.lose(bind)
        self.queue.bind_up(self.binds[bind])
        return self

    def answer_all(self, bind: int = 0) -> "Desk":
        for submission in self.outstanding(bind):
            self.queue.answered(submission, OK, self.now)
        return self

    def take_all(self, bind: int = 0) -> list[str]:
        taken = []
        while (name := self.take(bind)) is not None:
            taken.append(name)
        return taken

    def at(self, now: float) -> "Desk":
        self.now = now
        self.queue.handle_timeout(now)
        return self

    def finished(self) -> list[tuple[str, SubmitOutcome]]:
        return [(submission.context, result.outcome) for submission, result in self.queue.finished()]


def test_pairs_overtake_freely_and_each_keeps_its_order() -> None:
    desk = Desk()
    a1, a2 = desk.put("a1", "a"), desk.put("a2", "a")
    desk.put("b1", "b")
    assert desk.take_all() == ["a1", "b1"]
    assert len(desk.queue) == 1
    desk.queue.answered(a1, OK, 0.0)
    assert desk.take_all() == ["a2"]
    desk.queue.answered(a2, OK, 0.0)
    assert desk.finished() == [("a1", SubmitOutcome.ACCEPTED), ("a2", SubmitOutcome.ACCEPTED)]


def test_an_answer_carries_its_id_or_status() -> None:
    desk = Desk()
    first, second = desk.put("1"), desk.put("2")
    desk.take_all()
    desk.queue.answered(first, OK, 0.0)
    desk.queue.answered(second, GenericNack(command_status=0x421), 0.0)
    (_, accepted), (_, refused) = desk.queue.finished()
    assert (accepted.message_id, accepted.command_status, accepted.sent) == ("4f", 0, True)
    assert (refused.outcome, refused.command_status) == (SubmitOutcome.REFUSED, 0x421)


def test_throttled_pauses_the_whole_bind_and_goes_first() -> None:
    desk = Desk(throttle_pause_s=5.0)
    first, second = desk.put("1"), desk.put("2")
    desk.put("3")
    assert desk.take_all() == ["1", "2", "3"]
    desk.put("4")
    desk.queue.answered(second, THROTTLED, 0.0)
    desk.queue.answered(first, THROTTLED, 0.1)
    assert desk.take_all() == []
    assert desk.queue.next_deadline() == 5.0
    assert desk.at(4.9).take_all() == []
    assert desk.at(5.0).take_all() == ["1", "2", "4"]
    assert desk.finished() == []


def test_a_paused_bind_leaves_the_others_at_work() -> None:
    desk = Desk(binds=2)
    first = desk.put("1")
    assert desk.take(0) == "1"
    desk.put("2")
    desk.queue.answered(first, THROTTLED, 0.0)
    assert desk.take(0) is None
    assert desk.take_all(1) == ["2"]


def test_what_a_lost_bind_held_goes_first_on_another() -> None:
    desk = Desk(binds=2)
    first, second = desk.put("1"), desk.put("2")
    desk.take_all(0)
    desk.put("3")
    desk.queue.answered(second, THROTTLED, 0.0)
    assert desk.lose(0) == ["1"]
    assert desk.take(0) is None
    assert desk.take_all(1) == ["2", "3"]
    assert desk.answer_all(1).at(1.0).take_all(1) == ["1"]
    assert first.stage is Stage.SENT


def test_throttled_from_a_bind_just_lost_goes_to_the_others() -> None:
    desk = Desk(binds=2)
    first = desk.put("1")
    desk.take(0)
    desk.queue.bind_down(desk.binds[0], 0.0)
    desk.queue.answered(first, THROTTLED, 0.0)
    assert desk.take(1) == "1"


def test_queue_full_makes_its_pair_wait_while_others_go() -> None:
    desk = Desk(queue_full_wait_s=2.0, queue_full_retries=2)
    a1 = desk.put("a1", "a")
    desk.put("a2", "a")
    desk.take_all()
    for retry in range(2):
        desk.queue.answered(a1, QUEUE_FULL, desk.now)
        desk.put(f"b{retry}")
        assert desk.take_all() == [f"b{retry}"]
        desk.at(desk.now + 2.0)
        assert desk.take_all() == ["a1"]
    desk.queue.answered(a1, QUEUE_FULL, desk.now)
    assert desk.finished() == [("a1", SubmitOutcome.REFUSED)]
    assert desk.take_all() == ["a2"]


def test_no_answer_is_sent_again_after_a_wait_for_a_late_one() -> None:
    desk = Desk(submit_attempts=2, late_response_wait_s=3.0)
    first = desk.put("1")
    desk.put("1b", pair="1")
    desk.take_all()
    desk.queue.unanswered(first, 10.0, lost=False)
    assert desk.at(12.9).take_all() == []
    assert desk.at(13.0).take_all() == ["1"]
    desk.queue.unanswered(first, 23.0, lost=False)
    assert desk.finished() == [("1", SubmitOutcome.NO_RESPONSE)]
    assert desk.take_all() == ["1b"]


def test_a_late_answer_spares_the_resend() -> None:
    desk = Desk()
    first = desk.put("1")
    desk.take_all()
    desk.queue.unanswered(first, 10.0, lost=False)
    desk.queue.answered_late(first, OK, 11.0)
    assert desk.finished() == [("1", SubmitOutcome.ACCEPTED)]
    assert desk.at(100.0).take_all() == []
    assert len(desk.queue) == 0


def test_a_late_answer_during_the_resend_counts_and_the_second_does_not() -> None:
    desk = Desk(late_response_wait_s=0.0)
    first = desk.put("1")
    desk.take_all()
    desk.queue.unanswered(first, 10.0, lost=False)
    assert desk.at(10.0).take_all() == ["1"]
    desk.queue.answered_late(first, OK, 11.0)
    desk.queue.answered(first, SubmitSmResp(command_status=0x45), 12.0)
    desk.queue.answered_late(first, OK, 13.0)
    desk.queue.unanswered(first, 14.0, lost=True)
    assert desk.finished() == [("1", SubmitOutcome.ACCEPTED)]
    assert len(desk.queue) == 0


@pytest.mark.parametrize("answer", [THROTTLED, QUEUE_FULL])
def test_a_late_refusal_for_now_leaves_the_resend_to_come(answer: SubmitSmResp) -> None:
    desk = Desk()
    first = desk.put("1")
    desk.take_all()
    desk.queue.unanswered(first, 10.0, lost=False)
    desk.queue.answered_late(first, answer, 10.5)
    assert desk.at(20.0).take_all() == ["1"]


def test_nothing_moves_while_nothing_is_bound() -> None:
    desk = Desk()
    desk.queue.bind_down(desk.bind, desk.now)
    for number in range(100):
        desk.put(str(number))
    assert desk.take_all() == []
    assert desk.queue.next_deadline() is None
    desk.queue.bind_up(desk.bind)
    assert desk.take_all() == [str(number) for number in range(100)]


def test_a_full_queue_refuses() -> None:
    desk = Desk(queue_limit=2)
    desk.put("1")
    desk.put("2")
    with pytest.raises(QueueFull, match=r"2 messages wait for tmobile \(esme.carriers.tmobile.queue_limit\)"):
        desk.put("3")
    desk.take()
    desk.put("3")


def test_a_message_that_waits_too_long_is_given_up_with_its_followers() -> None:
    desk = Desk(window_wait_timeout_s=10.0)
    desk.put("a1", "a")
    desk.put("a2", "a")
    desk.put("b")
    desk.queue.bind_down(desk.bind, desk.now)
    assert desk.queue.next_deadline() is not None
    for second in range(1, 10):
        assert desk.at(float(second)).finished() == []
    desk.put("late")
    assert desk.at(10.5).finished() == [(name, SubmitOutcome.EXPIRED) for name in ("a1", "a2", "b")]
    desk.queue.bind_up(desk.bind)
    assert desk.take_all() == ["late"]


def test_a_throttled_message_expires_too() -> None:
    desk = Desk(window_wait_timeout_s=3.0, throttle_pause_s=100.0)
    first = desk.put("1")
    desk.take_all()
    desk.queue.answered(first, THROTTLED, 0.0)
    for second in range(1, 5):
        desk.at(float(second))
    assert desk.finished() == [("1", SubmitOutcome.EXPIRED)]


def test_a_withdrawn_message_is_never_sent_and_its_pair_goes_on() -> None:
    desk = Desk()
    a1, a2, a3 = desk.put("a1", "a"), desk.put("a2", "a"), desk.put("a3", "a")
    assert desk.queue.withdraw(a2, 0.0)
    assert desk.queue.withdraw(a1, 0.0)
    assert not desk.queue.withdraw(a1, 0.0)
    assert desk.take_all() == ["a3"]
    assert not desk.queue.withdraw(a3, 0.0)
    assert desk.finished() == []
    assert a3.stage is Stage.SENT


def test_withdrawing_forever_keeps_nothing() -> None:
    desk = Desk()
    desk.queue.bind_down(desk.bind, desk.now)
    for number in range(1_000):
        assert desk.queue.withdraw(desk.put(str(number)), 0.0)
    assert len(desk.queue) == 0
    assert len(desk.queue._ready) <= 17
    assert desk.queue._lanes == {}


def test_stop_ends_what_waits_and_lets_the_outstanding_end() -> None:
    desk = Desk()
    names = ("accepted", "refused", "throttled", "full", "lost")
    accepted, refused, throttled, full, lost = [desk.put(name) for name in names]
    desk.take_all()
    desk.put("behind", pair="lost")
    desk.put("waiting")
    desk.queue.stop(0.0)
    assert {*desk.finished()} == {("behind", SubmitOutcome.STOPPED), ("waiting", SubmitOutcome.STOPPED)}
    desk.queue.answered(accepted, OK, 0.0)
    desk.queue.answered(refused, SubmitSmResp(command_status=0x45), 0.0)
    desk.queue.answered(throttled, THROTTLED, 0.0)
    desk.queue.answered(full, QUEUE_FULL, 0.0)
    desk.queue.unanswered(lost, 0.0, lost=True)
    ended = {
        submission.context: (result.outcome, result.sent) for submission, result in desk.queue.finished()
    }
    assert ended == {
        "accepted": (SubmitOutcome.ACCEPTED, True),
        "refused": (SubmitOutcome.REFUSED, True),
        "throttled": (SubmitOutcome.STOPPED, False),
        "full": (SubmitOutcome.STOPPED, False),
        "lost": (SubmitOutcome.STOPPED, True),
    }
    assert len(desk.queue) == 0
    with pytest.raises(QueueFull):
        desk.put("after")


def test_what_a_bind_could_not_send_goes_first_on_the_next() -> None:
    desk = Desk()
    desk.put("1")
    desk.put("2")
    [taken] = desk.queue.take_some(desk.bind, 1, 0.0, idle=True)
    desk.queue.unsent(taken)
    assert taken.attempts == 0
    assert desk.take_all() == ["1", "2"]


def test_the_oldest_wait_is_known() -> None:
    desk = Desk()
    assert desk.queue.oldest_wait_s(5.0) == 0.0
    desk.put("1")
    assert desk.queue.oldest_wait_s(5.0) == 5.0


def test_of_messages_put_together_all_fit_or_none_is_queued() -> None:
    desk = Desk(queue_limit=3)
    new = [Submission(SubmitSm(), number, lambda *_: None, number) for number in range(4)]
    with pytest.raises(QueueFull):
        desk.queue.put_all(new, 0.0)
    assert (len(desk.queue), desk.queue.room) == (0, 3)
    desk.queue.put_all(new[:3], 0.0)
    assert (len(desk.queue), desk.queue.room) == (3, 0)
    assert desk.take_some() == [0, 1, 2]
    desk.queue.stop(0.0)
    assert desk.queue.room == 0


def test_what_settles_nothing_is_told_with_its_reason_and_number() -> None:
    desk = Desk(submit_attempts=2)
    first, second, third, fourth = (desk.put(name) for name in "1234")
    assert desk.take_all() == ["1", "2", "3", "4"]
    desk.queue.answered(first, replace(THROTTLED, sequence_number=1), 0.0)
    desk.queue.answered(second, replace(QUEUE_FULL, sequence_number=2), 0.0)
    desk.queue.unanswered(third, 0.0, lost=False, sequence_number=3)
    desk.queue.unanswered(fourth, 0.0, lost=True, sequence_number=4)
    assert [(each.context, setback) for each, setback in desk.queue.setbacks()] == [
        ("1", Setback(Trouble.REFUSED, "bind-0", 1, CommandStatus.RTHROTTLED)),
        ("2", Setback(Trouble.REFUSED, "bind-0", 2, CommandStatus.RMSGQFUL)),
        ("3", Setback(Trouble.NO_RESPONSE, "bind-0", 3)),
        ("4", Setback(Trouble.CONNECTION_LOST, "bind-0", 4)),
    ]
    assert desk.queue.setbacks() == []


class QueueMachine(RuleBasedStateMachine):
    """Messages, binds and answers at random."""

    PAIRS = 4
    WINDOW = 3

    @initialize(
        binds=st.integers(1, 3),
        wait=st.sampled_from([0.0, 30.0]),
        attempts=st.integers(1, 3),
        retries=st.integers(0, 2),
    )
    def begin(self, binds: int, wait: float, attempts: int, retries: int) -> None:
        self.desk = Desk(
            binds=binds, window_wait_timeout_s=wait, submit_attempts=attempts, queue_full_retries=retries
        )
        self.outstanding: dict[int, list[Submission]] = {number: [] for number in range(binds)}
        self.put: list[Submission] = []
        self.first_sent: dict[Hashable, list[int]] = {}
        self.given_up: list[Submission] = []
        self.ended: dict[int, SubmitOutcome] = {}
        self.withdrawn: set[int] = set()
        self.accepted_by_carrier: set[int] = set()

    @rule(pair=st.integers(0, PAIRS - 1))
    def submit(self, pair: int) -> None:
        submission = Submission(SubmitSm(), pair, lambda *_: None, len(self.put))
        self.put.append(submission)
        self.desk.queue.put(submission, self.desk.now)

    @rule(pairs=st.lists(st.integers(0, PAIRS - 1), max_size=5))
    def submit_together(self, pairs: list[int]) -> None:
        first = len(self.put)
        new = [Submission(SubmitSm(), pair, lambda *_: None, first + n) for n, pair in enumerate(pairs)]
        self.put += new
        self.desk.queue.put_all(new, self.desk.now)

    @rule(bind=st.integers(0, 2))
    def pump(self, bind: int) -> None:
        bind %= len(self.desk.binds)
        while len(self.outstanding[bind]) < self.WINDOW:
            idle = not self.outstanding[bind]
            room = self.WINDOW - len(self.outstanding[bind])
            taken = self.desk.queue.take_some(self.desk.binds[bind], room, self.desk.now, idle=idle)
            if not taken:
                return
            self.take(bind, taken)

    def take(self, bind: int, taken: list[Submission]) -> None:
        for submission in taken:
            sent = self.first_sent.setdefault(submission.pair, [])
            if submission.context not in sent:
                sent.append(submission.context)
            self.outstanding[bind].append(submission)

    def pop(self, bind: int, which: int) -> Submission | None:
        waiting = self.outstanding[bind % len(self.desk.binds)]
        return waiting.pop(which % len(waiting)) if waiting else None

    @rule(
        bind=st.integers(0, 2),
        which=st.integers(0, 5),
        response=st.sampled_from([OK, OK, THROTTLED, QUEUE_FULL]),
    )
    def answer(self, bind: int, which: int, response: SubmitSmResp) -> None:
        submission = self.pop(bind, which)
        if submission is not None:
            if response is OK:
                self.accepted_by_carrier.add(submission.context)
            self.desk.queue.answered(submission, response, self.desk.now)

    @rule(bind=st.integers(0, 2), responses=st.lists(st.sampled_from([OK, OK, THROTTLED]), max_size=3))
    def answer_together(self, bind: int, responses: list[SubmitSmResp]) -> None:
        answers = []
        for response in responses:
            submission = self.pop(bind, 0)
            if submission is not None:
                answers.append((submission, response, self.desk.now))
                if response is OK:
                    self.accepted_by_carrier.add(submission.context)
        self.desk.queue.answered_all(answers, self.desk.now)

    @rule(bind=st.integers(0, 2), which=st.integers(0, 5), silent=st.booleans())
    def time_out(self, bind: int, which: int, silent: bool) -> None:
        submission = self.pop(bind, which)
        if submission is not None:
            self.given_up.append(submission)
            self.desk.queue.unanswered(submission, self.desk.now, lost=False, silent=silent)

    @rule(bind=st.integers(0, 2))
    def hear(self, bind: int) -> None:
        self.desk.queue.bind_heard(self.desk.binds[bind % len(self.desk.binds)], self.desk.now)

    @rule(which=st.integers(0, 5))
    def answer_late(self, which: int) -> None:
        if self.given_up:
            submission = self.given_up.pop(which % len(self.given_up))
            self.desk.queue.answered_late(submission, OK, self.desk.now)

    @rule(bind=st.integers(0, 2))
    def lose(self, bind: int) -> None:
        bind %= len(self.desk.binds)
        lost, self.outstanding[bind] = self.outstanding[bind], []
        for submission in lost:
            self.desk.queue.unanswered(submission, self.desk.now, lost=True)
        again = self.desk.queue.bind_down(self.desk.binds[bind], self.desk.now)
        assert all(each.waiting for each in again)

    @rule(bind=st.integers(0, 2))
    def bring_up(self, bind: int) -> None:
        bind %= len(self.desk.binds)
        if not self.desk.binds[bind].up:
            self.desk.queue.bind_up(self.desk.binds[bind])

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.desk.at(self.desk.now + seconds)

    @rule(which=st.integers(0, 50))
    def withdraw(self, which: int) -> None:
        if self.put:
            submission = self.put[which % len(self.put)]
            if self.desk.queue.withdraw(submission, self.desk.now):
                self.withdrawn.add(submission.context)

    @invariant()
    def one_of_a_pair_is_outstanding(self) -> None:
        if not hasattr(self, "desk"):
            return
        sent = [each for waiting in self.outstanding.values() for each in waiting if each.stage is Stage.SENT]
        assert len({each.pair for each in sent}) == len(sent)
        for number, waiting in self.outstanding.items():
            assert all(each.bind is self.desk.binds[number] for each in waiting if each.stage is Stage.SENT)

    @invariant()
    def everything_ends_once_and_in_order(self) -> None:
        if not hasattr(self, "desk"):
            return
        for submission, result in self.desk.queue.finished():
            assert submission.context not in self.ended
            assert submission.context not in self.withdrawn
            self.ended[submission.context] = result.outcome
        for sent in self.first_sent.values():
            assert sent == sorted(sent)
        waiting = [each for each in self.put if each.stage is Stage.WAITING]
        assert len(self.desk.queue) == len(waiting)

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        for number in range(len(self.desk.binds)):
            self.bring_up(number)
        for _ in range(400):
            for number in range(len(self.desk.binds)):
                self.hear(number)
                self.pump(number)
                while self.outstanding[number]:
                    self.answer(number, 0, OK)
            self.wait(5.0)
            self.everything_ends_once_and_in_order()
        assert len(self.desk.queue) == 0
        assert {*self.ended} | self.withdrawn == {each.context for each in self.put}
        assert self.desk.queue._lanes == {}
        accepted = {name for name, outcome in self.ended.items() if outcome is SubmitOutcome.ACCEPTED}
        assert self.accepted_by_carrier <= accepted


QueueMachine.TestCase.settings = hypothesis_settings(max_examples=40, stateful_step_count=30, deadline=None)
TestQueueMachine = QueueMachine.TestCase
