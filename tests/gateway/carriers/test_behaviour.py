import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.carriers.behaviour import BindBehaviour, Deciders, MessageIds, draw_latency
from gateway.carriers.faults import FaultSpec
from gateway.carriers.profile import CarrierProfile, Latency
from gateway.smpp.constants import MessageState

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
OUTCOMES = [
    {"outcome": "delivered", "weight": 8},
    {"outcome": "undeliverable", "weight": 1, "error": 34},
    {"outcome": "no_receipt", "weight": 1},
]


def behaviour(seed=1, ordinal=1, **fields):
    profile = CarrierProfile.model_validate({"accounts": [{"system_id": "g", "password": "g"}]} | fields)
    ids = MessageIds(profile.ids, START, ordinal)
    return BindBehaviour(Deciders(profile), random.Random(seed), ids)


def plans(count=200, **fields):
    made = behaviour(**fields)
    return [made.plan("+12025550190", f"+1310555{7000 + index}") for index in range(count)]


# --- determinism


def test_the_same_seed_and_input_give_the_same_plans():
    faults = [{"kind": "lost", "rate": 0.1}, {"kind": "receipt_missing", "rate": 0.1}]
    first = plans(outcomes=OUTCOMES, faults=faults)
    assert first == plans(outcomes=OUTCOMES, faults=faults)
    assert first != plans(outcomes=OUTCOMES, faults=faults, seed=2)


@given(st.lists(st.sampled_from(["+13105557000", "+13105550150", "+13105550157", "+13105550120"])))
def test_a_prefix_of_the_input_gives_a_prefix_of_the_plans(destinations):
    handsets = [{"numbers": ["+13105550120"], "state": "slow"}]
    first, second = (behaviour(outcomes=OUTCOMES, handsets=handsets) for _ in range(2))
    whole = [first.plan("+1", one) for one in destinations]
    part = [second.plan("+1", one) for one in destinations[: len(destinations) // 2]]
    assert whole[: len(part)] == part


# --- outcomes


def test_outcomes_follow_their_weights():
    found = [plan.outcome for plan in plans(2000, outcomes=OUTCOMES)]
    assert 1450 < found.count("delivered") < 1750
    assert 120 < found.count("undeliverable") < 290
    assert 120 < found.count("no_receipt") < 290


def test_a_failure_carries_state_and_error():
    plan = next(plan for plan in plans(outcomes=OUTCOMES) if plan.outcome == "undeliverable")
    assert (plan.state, plan.error, plan.receipt) == (MessageState.UNDELIVERABLE, 34, True)
    silent = next(plan for plan in plans(outcomes=OUTCOMES) if plan.outcome == "no_receipt")
    assert not silent.receipt


@pytest.mark.parametrize(
    ("suffix", "outcome", "state", "status"),
    [
        ("5550150", "delivered", MessageState.DELIVERED, 0),
        ("5550151", "undeliverable", MessageState.UNDELIVERABLE, 0),
        ("5550152", "expired", MessageState.EXPIRED, 0),
        ("5550153", "rejected", MessageState.REJECTED, 0),
        ("5550154", "unknown", MessageState.UNKNOWN, 0),
        ("5550155", "deleted", MessageState.DELETED, 0),
        ("5550156", "accepted", MessageState.ACCEPTED, 0),
        ("5550158", "refused", MessageState.DELIVERED, 0x58),
        ("5550160", "refused", MessageState.DELIVERED, 0x45),
        ("5550163", "refused", MessageState.DELIVERED, 0x401),
    ],
)
def test_destination_digits_decide(suffix, outcome, state, status):
    plan = behaviour().plan("+1", "+1310" + suffix)
    assert (plan.outcome, plan.state, plan.status) == (outcome, state, status)


def test_a_refusal_for_some_attempts_ends_per_pair():
    made = behaviour()
    statuses = [made.plan("+1", "+13105550158").status for _ in range(4)]
    assert statuses == [0x58, 0, 0x58, 0]
    assert made.plan("+2", "+13105550158").status == 0x58
    assert made.plan("+1", "+13105550160").status == made.plan("+1", "+13105550160").status == 0x45


def test_profile_digits_replace_the_table():
    made = behaviour(digits={"5557000": {"outcome": "rejected"}})
    assert made.plan("+1", "+13105557000").outcome == "rejected"
    assert made.plan("+1", "+13105550153").outcome == "delivered"


def test_digit_faults_strike():
    assert behaviour().plan("+1", "+13105550164").fault.kind == "no_response"
    assert behaviour().plan("+1", "+13105550167").receipt_fault.kind == "receipt_duplicated"


# --- handsets

HANDSETS = [
    {"numbers": ["+13105550120"], "state": "answers"},
    {"numbers": ["+13105550121"], "state": "off"},
    {"numbers": ["+13105550122"], "state": "slow", "slow_seconds": 20},
    {"numbers": ["+13105550123"], "state": "silent"},
]


def handset_plan(last, **fields):
    return behaviour(handsets=HANDSETS, receipt_latency={"seconds": 1}, **fields).plan(
        "+1", f"+1310555012{last}"
    )


def test_handset_states():
    assert handset_plan(0).outcome == "delivered"
    off = handset_plan(1)
    assert (off.outcome, off.state, off.receipt_delay_ns) == (
        "switched_off",
        MessageState.UNDELIVERABLE,
        6 * SECOND,
    )
    assert handset_plan(2).receipt_delay_ns == 21 * SECOND
    silent = handset_plan(3)
    assert (silent.outcome, silent.receipt) == ("no_receipt", False)


def test_a_carrier_may_wait_for_the_validity_of_a_handset_that_is_off():
    plan = handset_plan(1, switched_off={"outcome": "expired", "wait_seconds": None})
    assert plan.receipt_delay_ns > 10**18
    assert plan.state is MessageState.EXPIRED


def test_handsets_are_not_subject_to_weights():
    assert handset_plan(0, outcomes=[{"outcome": "rejected"}]).outcome == "delivered"


# --- named behaviours


def test_slow():
    made = behaviour(receipt_latency={"seconds": 1}, behaviour="slow")
    plan = made.plan("+1", "+13105557000")
    assert (plan.response_delay_s, plan.receipt_delay_ns) == (0.8, 10 * SECOND)


def test_flaky_is_a_bit_of_everything():
    made = behaviour(behaviour="flaky")
    found = [made.plan("+1", "+13105557000") for _ in range(5000)]
    assert {plan.status for plan in found} == {0, 0x14, 0x08}
    assert {plan.fault.kind for plan in found if plan.fault} >= {"no_response", "receipt_early"}
    assert sum(plan.status == 0 for plan in found) > 4500


def test_behaviour_changes_while_running():
    made = behaviour()
    made.configure("healthy", (FaultSpec(kind="status", status=0x14),))
    assert made.plan("+1", "+13105557000").status == 0x14
    made.configure("healthy", ())
    assert made.plan("+1", "+13105557000").status == 0
    with pytest.raises(KeyError):
        made.configure("sleepy", ())


# --- ids and latencies


@pytest.mark.parametrize(("notation", "pattern"), [("decimal", r"\d{10,19}"), ("hex", r"[0-9A-F]{8,16}")])
def test_ids_in_every_notation(notation, pattern):
    import re

    ids = MessageIds(notation, START, 3)
    found = [ids.next() for _ in range(1000)]
    assert len(set(found)) == 1000
    assert all(re.fullmatch(pattern, one) for one in found)


def test_uuids():
    import uuid

    ids = MessageIds("uuid", START, 3)
    found = [ids.next() for _ in range(100)]
    assert len({uuid.UUID(one) for one in found}) == 100
    assert found == [again.next() for again in [MessageIds("uuid", START, 3)] for _ in range(100)]


def test_ids_of_two_binds_and_two_starts_differ():
    found = {
        MessageIds("decimal", start, ordinal).next()
        for start in (START, START + SECOND)
        for ordinal in range(1, 50)
    }
    assert len(found) == 98
    assert all(int(one) < 2**63 for one in found)


@given(st.sampled_from(["fixed", "uniform", "lognormal"]), st.floats(0, 100), st.floats(0, 3), st.integers())
def test_latencies_are_never_negative_and_bounded(kind, seconds, spread, seed):
    latency = Latency(kind=kind, seconds=seconds, spread=spread, most_seconds=200)
    assert 0 <= draw_latency(latency, random.Random(seed)) <= 200


def test_a_lognormal_has_its_median():
    rng = random.Random(5)
    latency = Latency(kind="lognormal", seconds=2.0, spread=0.5)
    drawn = sorted(draw_latency(latency, rng) for _ in range(4001))
    assert 1.9 < drawn[2000] < 2.1
    assert drawn[0] < 1.0
    assert drawn[-1] > 4.0
