"""A lost bind: the innocent go through, poison ends alone, and nobody pays for another's fault."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.esme.sendqueue import SendQueue
from gateway.esme.settings import BackoffSettings, CarrierLinkSettings
from gateway.esme.submission import Submission, SubmitOutcome
from gateway.smpp.pdu import SubmitSm, SubmitSmResp

Deed = str
"""`answer`, `lose` (the connection ends, and with it all answers of this delivery) or `silence`."""


class Carrier:
    """One carrier over some binds, in virtual time: it takes what each bind sends in one delivery."""

    RECONNECT_S = 0.5

    def __init__(self, deed_of: Callable[[str], Deed], *, binds: int = 1, window: int = 10) -> None:
        backoff = BackoffSettings(min_s=0.5, max_s=60)
        self.settings = CarrierLinkSettings(system_id="gateway", window=window, backoff=backoff)
        self.queue = SendQueue("tmobile", self.settings)
        self.binds = [self.queue.add_bind(f"tmobile-{number}") for number in range(binds)]
        self.deed_of = deed_of
        self.now = 0.0
        self.deliveries: list[list[str]] = []
        self.outcomes: dict[str, SubmitOutcome] = {}
        for bind in self.binds:
            self.queue.bind_up(bind)

    def put(self, *names: str) -> None:
        for name in names:
            self.queue.put(Submission(SubmitSm(), name, lambda _: None, name), self.now)

    def turn(self) -> None:
        """Every bind sends what it may, and the carrier does with it what it will."""
        self.queue.handle_timeout(self.now)
        for bind in self.binds:
            if not bind.up:
                self.queue.bind_up(bind)
            sent = self.queue.take_some(bind, self.settings.window, self.now, idle=True)
            if sent:
                self.deliveries.append([each.context for each in sent])
                self._deliver(sent)
        for submission, result in self.queue.finished():
            assert submission.context not in self.outcomes
            self.outcomes[submission.context] = result.outcome

    def _deliver(self, sent: list[Submission]) -> None:
        bind = sent[0].bind
        assert bind is not None
        deeds = [self.deed_of(each.context) for each in sent]
        lost = "lose" in deeds
        for submission, deed in zip(sent, deeds, strict=True):
            if lost or deed == "silence":
                self.queue.unanswered(submission, self.now, lost=lost)
            else:
                self.queue.answered(submission, SubmitSmResp(message_id=submission.context), self.now)
        if lost:
            self.queue.bind_down(bind, self.now)

    def run(self, until_s: float = 600.0) -> dict[str, SubmitOutcome]:
        while len(self.queue) and self.now < until_s:
            self.turn()
            self.now += self.RECONNECT_S
        return self.outcomes

    def accepted(self) -> set[str]:
        return {name for name, outcome in self.outcomes.items() if outcome is SubmitOutcome.ACCEPTED}


HEALTHY = [f"healthy-{number}" for number in range(20)]


@pytest.mark.parametrize("place", [0, 7, 20])
@pytest.mark.parametrize(("binds", "window"), [(1, 50), (1, 10), (1, 1), (3, 4)])
def test_twenty_of_twenty_go_through_beside_poison(place: int, binds: int, window: int) -> None:
    carrier = Carrier(lambda name: "lose" if name == "poison" else "answer", binds=binds, window=window)
    carrier.put(*HEALTHY[:place], "poison", *HEALTHY[place:])
    outcomes = carrier.run()
    assert carrier.accepted() == set(HEALTHY)
    assert outcomes["poison"] is SubmitOutcome.NO_RESPONSE
    alone = [sent for sent in carrier.deliveries if sent == ["poison"]]
    assert len(alone) == carrier.settings.lost_attempts


def test_a_carrier_that_drops_one_connection_in_ten_gets_every_text() -> None:
    rng = random.Random(3)
    carrier = Carrier(lambda _: "lose" if rng.random() < 0.1 else "answer", window=50)
    names = [str(number) for number in range(60)]
    carrier.put(*names)
    carrier.run()
    assert carrier.accepted() == set(names)


def test_who_came_later_does_not_wait_for_poison_to_end() -> None:
    carrier = Carrier(lambda name: "lose" if name == "poison" else "answer")
    carrier.put("poison")
    for number in range(8):
        carrier.turn()
        carrier.put(f"later-{number}")
        carrier.now += 0.5
    assert "poison" not in carrier.outcomes
    assert {"later-0", "later-3"} <= carrier.accepted()
    carrier.run()
    assert len(carrier.accepted()) == 8


def test_alone_on_a_bind_that_is_lost_waits_longer_each_time() -> None:
    carrier = Carrier(lambda _: "lose")
    carrier.RECONNECT_S = 0.125
    carrier.put("poison")
    times: list[float] = []
    carrier.deed_of = lambda _: times.append(carrier.now) or "lose"  # type: ignore[func-returns-value]
    carrier.run()
    assert [later - sooner for sooner, later in pairwise(times)] == [0.5, 1.0, 2.0, 4.0]
    assert carrier.outcomes == {"poison": SubmitOutcome.NO_RESPONSE}


def test_suspects_go_in_small_groups_then_alone_and_nothing_else_beside_them() -> None:
    carrier = Carrier(lambda name: "lose" if name == "3" else "answer", window=16)
    carrier.put(*(str(number) for number in range(16)))
    carrier.turn()
    carrier.put("new")
    carrier.now += 0.25
    for _ in range(9):
        carrier.turn()
    first, *then = carrier.deliveries
    assert first == [str(number) for number in range(16)]
    assert then[:4] == [
        ["0", "1", "2", "3"],
        ["4", "5", "6", "7"],
        ["8", "9", "10", "11"],
        ["12", "13", "14", "15"],
    ]
    assert then[4:8] == [["0"], ["1"], ["2"], ["3"]]
    assert then[8:] == [["new"]]


def test_an_answer_of_any_kind_clears_of_suspicion() -> None:
    carrier = Carrier(lambda _: "lose")
    carrier.put("a")
    carrier.turn()
    carrier.now += 1.0
    carrier.queue.handle_timeout(carrier.now)
    bind = carrier.binds[0]
    carrier.queue.bind_up(bind)
    [submission] = carrier.queue.take_some(bind, 10, carrier.now, idle=True)
    carrier.queue.answered(submission, SubmitSmResp(command_status=0x58), carrier.now)
    assert not submission.gone_out
    carrier.deed_of = lambda _: "answer"
    carrier.run()
    assert carrier.accepted() == {"a"}


def test_other_binds_go_on_while_one_carries_suspects() -> None:
    carrier = Carrier(lambda _: "answer", binds=2, window=4)
    queue, (one, two) = carrier.queue, carrier.binds
    carrier.put("a", "b", "c")
    for submission in queue.take_some(one, 3, 0.0, idle=True):
        queue.unanswered(submission, 0.0, lost=True)
    queue.bind_down(one, 0.0)
    queue.bind_up(one)
    carrier.put("new-1", "new-2")
    busy = queue.take_some(one, 4, 0.0, idle=True)
    assert [each.context for each in busy] == ["a", "b"]
    assert queue.take_some(one, 2, 0.0, idle=False) == []
    assert [each.context for each in queue.take_some(two, 4, 0.0, idle=True)] == ["new-1", "new-2"]


def test_a_bind_that_answers_nothing_costs_no_attempt() -> None:
    carrier = Carrier(lambda _: "answer", binds=1)
    queue, [bind] = carrier.queue, carrier.binds
    carrier.put("a", "b")
    for _ in range(carrier.settings.submit_attempts):  # the bind goes deaf, and is dropped for it
        taken = queue.take_some(bind, 2, carrier.now, idle=True)
        assert taken
        for submission in taken:
            queue.unanswered(submission, carrier.now, lost=False, silent=True)
        assert len(queue) == 2
        queue.bind_down(bind, carrier.now)
        carrier.now += 60.0
        queue.handle_timeout(carrier.now)
        queue.bind_up(bind)
    assert queue.finished() == []
    carrier.run()
    assert carrier.accepted() == {"a", "b"}


def test_a_time_out_counts_once_the_bind_is_heard_again() -> None:
    carrier = Carrier(lambda _: "answer")
    queue, [bind] = carrier.queue, carrier.binds
    carrier.put("a")
    for _ in range(carrier.settings.submit_attempts):
        [submission] = queue.take_some(bind, 1, carrier.now, idle=True)
        queue.unanswered(submission, carrier.now, lost=False, silent=True)
        assert queue.finished() == []
        queue.bind_heard(bind, carrier.now)
        carrier.now += carrier.settings.late_response_wait_s
        queue.handle_timeout(carrier.now)
    assert [result.outcome for _, result in queue.finished()] == [SubmitOutcome.NO_RESPONSE]
    assert len(queue) == 0


@given(
    poison=st.sets(st.integers(0, 29), max_size=3),
    silent=st.sets(st.integers(0, 29), max_size=3),
    binds=st.integers(1, 3),
    window=st.integers(1, 40),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_whoever_is_healthy_is_accepted(poison: set[int], silent: set[int], binds: int, window: int) -> None:
    deeds = {str(number): "silence" for number in silent} | {str(number): "lose" for number in poison}
    carrier = Carrier(lambda name: deeds.get(name, "answer"), binds=binds, window=window)
    carrier.put(*(str(number) for number in range(30)))
    outcomes = carrier.run()
    assert len(outcomes) == 30
    assert carrier.accepted() == {str(number) for number in range(30)} - deeds.keys()
