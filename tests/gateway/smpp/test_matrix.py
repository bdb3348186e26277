"""The operation matrix as data."""

import pytest

from gateway.smpp.constants import CommandId, CommandStatus
from gateway.smpp.matrix import BIND_STATES, BOUND_STATES, MATRIX, Role, SessionState, allowed, refusal_status
from gateway.smpp.pdu import GRAMMAR

S = SessionState
REQUESTS = sorted(command for command in GRAMMAR if command < 0x8000_0000)


def test_the_matrix_names_every_request() -> None:
    assert set(MATRIX) == set(REQUESTS)


@pytest.mark.parametrize(
    ("role", "state", "commands"),
    [
        (Role.ESME, S.OPEN, {1, 2, 9, 0x15}),
        (Role.SMSC, S.OPEN, {0x0B, 0x15}),
        (Role.ESME, S.BOUND_TX, {3, 4, 6, 7, 8, 0x15, 0x21, 0x103}),
        (Role.SMSC, S.BOUND_TX, {6, 0x15}),
        (Role.ESME, S.BOUND_RX, {6, 0x15}),
        (Role.SMSC, S.BOUND_RX, {5, 6, 0x15, 0x102, 0x103}),
        (Role.ESME, S.BOUND_TRX, {3, 4, 6, 7, 8, 0x15, 0x21, 0x103}),
        (Role.SMSC, S.BOUND_TRX, {5, 6, 0x15, 0x102, 0x103}),
        (Role.ESME, S.BINDING, {0x15}),
        (Role.SMSC, S.UNBINDING, {6, 0x15}),
        (Role.ESME, S.CLOSED, set()),
    ],
)
def test_table_2_1(role: Role, state: SessionState, commands: set[int]) -> None:
    assert allowed(role, state) == commands


@pytest.mark.parametrize("state", list(SessionState))
@pytest.mark.parametrize("command", REQUESTS, ids=lambda command: command.name)
@pytest.mark.parametrize("role", list(Role))
def test_every_request_is_allowed_or_has_a_status(
    role: Role, command: CommandId, state: SessionState
) -> None:
    status = refusal_status(role, state, command)
    if command not in allowed(role, state):
        assert status in (CommandStatus.RINVBNDSTS, CommandStatus.RALYBND, CommandStatus.RINVCMDID)
        if command in BIND_STATES and role is Role.ESME and state in BOUND_STATES:
            assert status == CommandStatus.RALYBND
        if role not in MATRIX[command]:
            assert status == CommandStatus.RINVCMDID


def test_roles_face_each_other() -> None:
    assert Role.ESME.peer is Role.SMSC
    assert Role.SMSC.peer is Role.ESME
