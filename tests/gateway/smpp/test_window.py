"""The send window and sequence numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.constants import SEQUENCE_MAX, CommandId
from gateway.smpp.errors import WindowFull
from gateway.smpp.pdu import QuerySm, SubmitSm
from gateway.smpp.window import SendWindow, SequenceNumbers

RESP = CommandId.SUBMIT_SM_RESP


def test_numbers_wrap_and_leave_out_those_in_use() -> None:
    sequence = SequenceNumbers(SEQUENCE_MAX - 1)
    assert [sequence.take({1, 3}) for _ in range(4)] == [SEQUENCE_MAX - 1, SEQUENCE_MAX, 2, 4]


def test_many_numbers_are_those_that_one_after_the_other_would_have_been() -> None:
    window = SendWindow(8, late_memory=1)
    for number in (1, 3, 5):
        window.add(number, SubmitSm(), None, 0.0)
    for first in (SEQUENCE_MAX - 1, 1, 4, 6):
        together, singly = SequenceNumbers(first), SequenceNumbers(first)
        assert [*together.take_all(4, window)] == [singly.take(window) for _ in range(4)]
        assert together.take(window) == singly.take(window)


def test_only_an_answer_of_its_kind_settles_a_request() -> None:
    window = SendWindow(2, late_memory=4)
    window.add(1, SubmitSm(), "a", 0.0)
    window.add(2, QuerySm(), "b", 0.0)
    assert window.settle(1, CommandId.QUERY_SM_RESP) is None
    assert window.settle(3, RESP) is None
    assert len(window) == 2
    settled = window.settle(1, RESP)
    assert settled is not None
    assert settled.context == "a"
    assert window.settle(1, RESP) is None
    nacked = window.settle(2, CommandId.GENERIC_NACK)
    assert nacked is not None
    assert nacked.context == "b"


def test_a_full_window_takes_no_more() -> None:
    window = SendWindow(1, late_memory=1)
    window.check()
    window.add(1, SubmitSm(), None, 0.0)
    with pytest.raises(WindowFull, match="1 requests are outstanding"):
        window.check()


def test_expired_requests_are_remembered_within_bounds() -> None:
    window = SendWindow(10, late_memory=2)
    for sequence in (1, 2, 3, 4):
        window.add(sequence, SubmitSm(), sequence, float(sequence))
    assert window.oldest_sent_at() == 1.0
    assert [sequence for sequence, _ in window.expire(8.0, 5.0)] == [1, 2, 3]
    assert window.oldest_sent_at() == 4.0
    assert window.settle_late(1, RESP) is None
    assert window.settle_late(2, CommandId.QUERY_SM_RESP) is None
    late = window.settle_late(2, RESP)
    assert late is not None
    assert late.context == 2
    assert window.settle_late(2, RESP) is None
    assert [sequence for sequence, _ in window.abandon()] == [4]
    assert window.oldest_sent_at() is None


@given(st.lists(st.tuples(st.sampled_from(["send", "answer", "expire"]), st.integers(0, 30)), max_size=60))
def test_every_request_leaves_exactly_once(steps: list[tuple[str, int]]) -> None:
    window, sequence, now = SendWindow(8, late_memory=3), SequenceNumbers(), 0.0
    sent, left = set(), []
    for action, number in steps:
        now += 1.0
        if action == "send" and len(window) < 8:
            taken = sequence.take(window)
            window.add(taken, SubmitSm(), taken, now)
            sent.add(taken)
        elif action == "answer" and window.settle(number, RESP) is not None:
            left.append(number)
        elif action == "expire":
            left += [each for each, _ in window.expire(now, float(number))]
    left += [each for each, _ in window.abandon()]
    assert sorted(left) == sorted(sent)
