"""The mix of senders: seeded, by share, within its numbers; texts as long as they should be."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.load.mix import ABROAD, FIRST_NUMBER, Mix
from gateway.load.settings import Deed, SenderSettings
from gateway.smpp.segment import count_segments


def sender(name: str = "a", **fields) -> SenderSettings:
    return SenderSettings.model_validate({"name": name, **fields})


def drawn(senders, seed=1, count=500):
    mix = Mix(senders, seed)
    return [mix.draw() for _ in range(count)]


def test_the_same_seed_draws_the_same():
    senders = [sender("a", share=2), sender("b", segments=[1, 2])]
    assert drawn(senders) == drawn(senders)
    assert drawn(senders) != drawn(senders, seed=2)


def test_shares_are_kept():
    found = Counter(draft.sender.name for draft in drawn([sender("a", share=3), sender("b")], count=4000))
    assert found["a"] / found["b"] == pytest.approx(3, rel=0.15)


def test_every_sender_has_its_own_numbers_unless_it_says_which():
    given_number = sender("c", numbers=1, first_number="+12025550190")
    found = drawn([sender("a", numbers=5), sender("b", numbers=5), given_number, sender("d", numbers=1)])
    ranges = {name: {draft.source for draft in found if draft.sender.name == name} for name in "abcd"}
    assert ranges["a"] == set(range(FIRST_NUMBER, FIRST_NUMBER + 5))
    assert ranges["b"] == set(range(FIRST_NUMBER + 5, FIRST_NUMBER + 10))
    assert ranges["c"] == {12_025_550_190}
    assert ranges["d"] == {12_025_550_191}


@settings(max_examples=60)
@given(st.integers(1, 10), st.sampled_from(["Load {n}", "hello", "é" * 20]))
def test_texts_have_the_segments_they_claim(segments, text):
    for draft in drawn([sender(segments=[segments], text=text)], count=20):
        assert count_segments(draft.text) == draft.segments == segments


def test_texts_are_numbered():
    assert [draft.text for draft in drawn([sender()], count=3)] == ["Load 1", "Load 2", "Load 3"]


@pytest.mark.parametrize("deed", list(Deed))
def test_every_deed_but_text_is_hostile(deed):
    [draft] = drawn([sender(does=deed)], count=1)
    assert draft.hostile is (deed is not Deed.TEXT)
    assert draft.hostile is draft.sender.hostile


def test_hostile_texts_are_what_they_say():
    [emoji] = drawn([sender(does="emoji")], count=1)
    assert not emoji.text.isascii()
    [abroad] = drawn([sender(does="international", destinations=1)], count=1)
    assert abroad.destination == ABROAD
    [long] = drawn([sender(does="too_long")], count=1)
    assert count_segments(long.text) == 40
