"""The transition table, and how segments become one outcome."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.model import STATE_OF_RECEIPT, TRANSITIONS, Progress, State, aggregate, may_follow

OUTCOMES = sorted(set(STATE_OF_RECEIPT.values()))


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize(("earlier", "later"), list(itertools.product(State, State)))
def test_nothing_follows_a_final_state_but_the_truth_after_unknown(earlier: State, later: State) -> None:
    if earlier.final and earlier is not State.UNKNOWN:
        assert not may_follow(earlier, later)
    if may_follow(earlier, later):
        assert not may_follow(later, earlier)


def test_a_text_is_delivered_only_if_every_segment_was() -> None:
    assert aggregate([State.DELIVERED, State.DELIVERED]) is State.DELIVERED
    assert aggregate([State.DELIVERED, State.UNDELIVERABLE]) is State.UNDELIVERABLE
    with pytest.raises(ValueError, match="no segment"):
        aggregate([])


@given(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=10), st.data())
def test_the_outcome_does_not_depend_on_the_order_of_receipts(
    outcomes: list[State], data: st.DataObject
) -> None:
    progress = Progress(len(outcomes))
    order = data.draw(st.permutations(range(len(outcomes))))
    said = [progress.settle(part, outcomes[part]) for part in order]
    assert said[:-1] == [None] * (len(outcomes) - 1)
    assert said[-1] is aggregate(outcomes)


def test_a_repeated_receipt_changes_nothing() -> None:
    progress = Progress(2)
    assert progress.settle(0, State.DELIVERED) is None
    assert progress.settle(0, State.UNDELIVERABLE) is None
    assert progress.settle(1, State.DELIVERED) is State.DELIVERED


def test_a_part_that_was_taken_back_has_no_outcome_until_it_comes_again() -> None:
    progress = Progress(2)
    assert progress.settle(0, State.DELIVERED) is None
    progress.take_back(0)
    progress.take_back(1)
    assert progress.settle(1, State.DELIVERED) is None
    assert progress.settle(0, State.EXPIRED) is State.EXPIRED
