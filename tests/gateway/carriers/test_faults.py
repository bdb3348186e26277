import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.carriers.faults import BEHAVIOUR_NAMES, BEHAVIOURS, CATALOGUE, FaultDraw, FaultSpec, Stage


def draws(faults, count, seed=1, stage=Stage.SUBMIT):
    draw = FaultDraw(random.Random(seed))
    draw.configure(faults)
    return [(found := draw.draw(stage)) and found.kind for _ in range(count)]


def test_the_catalogue_explains_every_fault():
    assert set(CATALOGUE) == set(FaultSpec.model_json_schema()["properties"]["kind"]["enum"])
    assert all(words for _, words in CATALOGUE.values())


def test_every_behaviour_has_a_name():
    assert set(BEHAVIOURS) == set(BEHAVIOUR_NAMES)
    assert BEHAVIOURS["healthy"].faults == ()


def test_nothing_strikes_without_faults():
    assert draws((), 5) == [None] * 5


def test_a_fault_strikes_at_its_stage_alone():
    fault = FaultSpec(kind="receipt_missing")
    assert draws((fault,), 2, stage=Stage.SUBMIT) == [None, None]
    assert draws((fault,), 2, stage=Stage.RECEIPT) == ["receipt_missing"] * 2


def test_after_and_count():
    fault = FaultSpec(kind="lost", after=2, count=2)
    assert draws((fault,), 6) == [None, None, "lost", "lost", None, None]


def test_the_first_of_several_wins():
    faults = (FaultSpec(kind="lost", count=1), FaultSpec(kind="disconnect"))
    assert draws(faults, 3) == ["lost", "disconnect", "disconnect"]


def test_rates_are_about_right_and_seeded():
    faults = (FaultSpec(kind="lost", rate=0.2),)
    first = draws(faults, 2000, seed=7)
    assert first == draws(faults, 2000, seed=7)
    assert first != draws(faults, 2000, seed=8)
    assert 300 < sum(kind == "lost" for kind in first) < 500


def test_extra_faults_are_tried_first():
    draw = FaultDraw(random.Random(1))
    draw.configure((FaultSpec(kind="lost"),))
    assert draw.draw(Stage.SUBMIT, (FaultSpec(kind="disconnect"),)).kind == "disconnect"


def test_counts_survive_a_change_of_the_others():
    draw = FaultDraw(random.Random(1))
    once = FaultSpec(kind="lost", count=1)
    draw.configure((once,))
    assert draw.draw(Stage.SUBMIT) is once
    draw.configure((once, FaultSpec(kind="receipt_missing")))
    assert draw.draw(Stage.SUBMIT) is None


@given(st.floats(0, 1), st.integers(0, 20), st.integers(1, 20), st.integers(0, 100))
def test_no_more_than_count_and_none_before_after(rate, after, count, chances):
    found = draws((FaultSpec(kind="lost", rate=rate, after=after, count=count),), chances)
    assert sum(kind == "lost" for kind in found) <= count
    assert not any(found[:after])


def test_unknown_fields_are_refused():
    with pytest.raises(ValueError, match="Extra inputs"):
        FaultSpec(kind="lost", chance=1)
