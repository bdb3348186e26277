"""RFC 3261 §17 and RFC 6026: every (state, input) pair of every machine, timers over both transports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.sip.errors import UsageError
from siprec.sip.transactions import (
    TABLES,
    Effect,
    Input,
    Kind,
    Machine,
    State,
    Timer,
    Timing,
)

ASKED = {Input.SEND_PROVISIONAL, Input.SEND_SUCCESS, Input.SEND_FAILURE}
SERVERS = {Kind.INVITE_SERVER, Kind.SERVER}
ORDER = [
    State.CALLING,
    State.TRYING,
    State.PROCEEDING,
    State.ACCEPTED,
    State.COMPLETED,
    State.CONFIRMED,
    State.TERMINATED,
]


def states_of(kind: Kind) -> set[State]:
    table = TABLES[kind]
    return {state for state, _ in table} | {step.state for step in table.values()}


def in_state(kind: Kind, state: State, *, reliable: bool = False) -> Machine:
    machine = Machine(kind, 0.0, reliable=reliable)
    machine.state = state
    return machine


ALL_PAIRS = [
    (kind, state, event)
    for kind in Kind
    for state in sorted(states_of(kind), key=ORDER.index)
    for event in Input
]


@pytest.mark.parametrize(("kind", "state", "event"), ALL_PAIRS, ids=lambda x: x.name)
def test_every_pair_follows_the_table_or_changes_nothing(kind: Kind, state: State, event: Input) -> None:
    machine = in_state(kind, state)
    step = TABLES[kind].get((state, event))
    if step is not None:
        assert machine.receive(event, 1.0) == step.effects
        assert machine.state is step.state
    elif event in ASKED:
        with pytest.raises(UsageError):
            machine.receive(event, 1.0)
        assert machine.state is state
    else:
        assert machine.receive(event, 1.0) == ()
        assert machine.state is state


@pytest.mark.parametrize("kind", list(Kind), ids=lambda x: x.name)
def test_tables_never_go_back(kind: Kind) -> None:
    for (state, _), step in TABLES[kind].items():
        assert ORDER.index(step.state) >= ORDER.index(state)


@pytest.mark.parametrize("kind", list(Kind), ids=lambda x: x.name)
def test_every_state_but_the_last_can_be_left(kind: Kind) -> None:
    for state in states_of(kind) - {State.TERMINATED}:
        assert any(step.state is not state for (at, _), step in TABLES[kind].items() if at is state)


@given(
    kind=st.sampled_from(list(Kind)),
    reliable=st.booleans(),
    steps=st.lists(
        st.one_of(st.sampled_from([event for event in Input if event not in ASKED]), st.floats(0.05, 40.0)),
        max_size=12,
    ),
)
def test_any_history_ends(kind: Kind, reliable: bool, steps: list[Input | float]) -> None:
    """Whatever the network does, a client ends by itself, and a server does once it has answered."""
    machine, now = Machine(kind, 0.0, reliable=reliable), 0.0
    for step in steps:
        if isinstance(step, float):
            now += step
            machine.handle_timeout(now)
        else:
            machine.receive(step, now)
    if kind in SERVERS and machine.state in (State.TRYING, State.PROCEEDING):
        machine.receive(Input.SEND_FAILURE, now)
    if kind is Kind.INVITE_CLIENT and machine.state is State.PROCEEDING:
        machine.receive(Input.FAILURE, now)
    fired = 0
    while (due := machine.next_deadline()) is not None:
        assert due >= now or due >= 0
        now = max(now, due)
        machine.handle_timeout(now)
        fired += 1
        assert fired < 100
    assert machine.over


def sends(machine: Machine, effect: Effect, until: float) -> list[float]:
    """Run timers alone and return when the effect came."""
    times = []
    while (due := machine.next_deadline()) is not None and due <= until:
        times += [due] * machine.handle_timeout(due).count(effect)
    return times


def test_invite_client_doubles_without_ceiling_and_gives_up_after_64_t1() -> None:
    machine = Machine(Kind.INVITE_CLIENT, 0.0, reliable=False)
    assert sends(machine, Effect.SEND_REQUEST, 31.9) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert machine.handle_timeout(32.0) == (Effect.TIMED_OUT,)
    assert machine.over


def test_other_client_doubles_up_to_t2() -> None:
    machine = Machine(Kind.CLIENT, 0.0, reliable=False)
    times = sends(machine, Effect.SEND_REQUEST, 31.9)
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_other_client_slows_to_t2_once_a_provisional_came() -> None:
    machine = Machine(Kind.CLIENT, 0.0, reliable=False)
    machine.receive(Input.PROVISIONAL, 0.1)
    assert sends(machine, Effect.SEND_REQUEST, 9.0) == [0.5, 4.5, 8.5]


@pytest.mark.parametrize("kind", [Kind.INVITE_CLIENT, Kind.CLIENT])
def test_reliable_transports_never_retransmit(kind: Kind) -> None:
    machine = Machine(kind, 0.0, reliable=True)
    assert sends(machine, Effect.SEND_REQUEST, 100.0) == []
    assert machine.over


def test_invite_server_repeats_its_failure_up_to_t2_until_the_ack() -> None:
    machine = Machine(Kind.INVITE_SERVER, 0.0, reliable=False)
    machine.receive(Input.SEND_FAILURE, 0.0)
    assert sends(machine, Effect.SEND_RESPONSE, 12.0) == [0.5, 1.5, 3.5, 7.5, 11.5]
    machine.receive(Input.ACK, 12.0)
    assert machine.state is State.CONFIRMED
    assert machine.handle_timeout(17.0) == ()
    assert machine.over


def test_invite_server_gives_up_on_a_missing_ack() -> None:
    machine = Machine(Kind.INVITE_SERVER, 0.0, reliable=False)
    machine.receive(Input.SEND_FAILURE, 0.0)
    assert sends(machine, Effect.TIMED_OUT, 40.0) == [32.0]


def test_invite_server_sends_trying_after_200_ms_unless_answered() -> None:
    slow = Machine(Kind.INVITE_SERVER, 0.0, reliable=True)
    assert slow.next_deadline() == 0.2
    assert slow.handle_timeout(0.2) == (Effect.SEND_TRYING,)
    quick = Machine(Kind.INVITE_SERVER, 0.0, reliable=True)
    quick.receive(Input.SEND_PROVISIONAL, 0.1)
    assert quick.next_deadline() is None


def test_accepted_invite_absorbs_retransmissions_for_64_t1() -> None:
    """RFC 6026 §7.1: a late INVITE must find its transaction, or it would make a second dialog."""
    machine = Machine(Kind.INVITE_SERVER, 0.0, reliable=False)
    machine.receive(Input.SEND_SUCCESS, 0.0)
    assert machine.receive(Input.REQUEST, 20.0) == ()
    assert machine.state is State.ACCEPTED
    machine.handle_timeout(32.0)
    assert machine.over


def test_accepted_client_passes_every_2xx_up() -> None:
    """RFC 6026 §7.2: forks and retransmitted answers reach the user."""
    machine = Machine(Kind.INVITE_CLIENT, 0.0, reliable=False)
    assert machine.receive(Input.SUCCESS, 0.1) == (Effect.DELIVER,)
    assert machine.receive(Input.SUCCESS, 5.0) == (Effect.DELIVER,)
    assert machine.receive(Input.FAILURE, 5.0) == ()


@pytest.mark.parametrize(
    ("kind", "history", "wait_s"),
    [
        (Kind.INVITE_CLIENT, [Input.FAILURE], 32.0),
        (Kind.CLIENT, [Input.SUCCESS], 5.0),
        (Kind.INVITE_SERVER, [Input.SEND_FAILURE, Input.ACK], 5.0),
        (Kind.SERVER, [Input.SEND_SUCCESS], 32.0),
    ],
)
def test_waits_for_strays_exist_only_over_udp(kind: Kind, history: list[Input], wait_s: float) -> None:
    over_udp, over_tcp = (Machine(kind, 0.0, reliable=reliable) for reliable in (False, True))
    for event in history:
        over_udp.receive(event, 0.0)
        over_tcp.receive(event, 0.0)
    assert over_tcp.over
    assert over_udp.next_deadline() == wait_s
    over_udp.handle_timeout(wait_s)
    assert over_udp.over


def test_timing_scales_with_t1() -> None:
    machine = Machine(Kind.CLIENT, 0.0, reliable=False, timing=Timing(t1_s=0.1, t2_s=0.2))
    assert sends(machine, Effect.SEND_REQUEST, 1.0) == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])


def test_timers_of_the_tables_are_all_started_somewhere() -> None:
    started = {timer for table in TABLES.values() for step in table.values() for timer in step.start}
    firing = {event for table in TABLES.values() for _, event in table if isinstance(event, Timer)}
    assert firing - started == {Timer.B, Timer.F, Timer.TRYING}
