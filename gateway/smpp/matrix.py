"""Who may send what, and when (SMPP 3.4 §2.3, table 2-1), as data.

Two rows are wider than the table: enquire_link is let through before a bind, as SMPP 5.0 has it and as peers
do; generic_nack and responses are never checked here, their sequence number decides.
"""

from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Final

from gateway.smpp.constants import CommandId, CommandStatus


class Role(Enum):
    """Side of a session."""

    ESME = "ESME"
    SMSC = "SMSC"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function

    @property
    def peer(self) -> "Role":
        """The other side."""
        return Role.SMSC if self is Role.ESME else Role.ESME


class SessionState(Enum):
    """State of a session (SMPP 3.4 §2.2); BINDING and UNBINDING stand between a request and its answer."""

    OPEN = "OPEN"
    BINDING = "BINDING"
    BOUND_TX = "BOUND_TX"
    BOUND_RX = "BOUND_RX"
    BOUND_TRX = "BOUND_TRX"
    UNBINDING = "UNBINDING"
    CLOSED = "CLOSED"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function

    @property
    def is_bound(self) -> bool:
        """Bound in any of the three ways, unbind not yet under way."""
        return self in BOUND_STATES


S = SessionState
BOUND_STATES: Final = frozenset({S.BOUND_TX, S.BOUND_RX, S.BOUND_TRX})
_TX: Final = frozenset({S.BOUND_TX, S.BOUND_TRX})
_RX: Final = frozenset({S.BOUND_RX, S.BOUND_TRX})
_ALIVE: Final = BOUND_STATES | {S.OPEN, S.BINDING, S.UNBINDING}
_BEFORE: Final = frozenset({S.OPEN})

MATRIX: Final[Mapping[CommandId, Mapping[Role, frozenset[SessionState]]]] = MappingProxyType(
    {
        CommandId.BIND_TRANSMITTER: {Role.ESME: _BEFORE},
        CommandId.BIND_RECEIVER: {Role.ESME: _BEFORE},
        CommandId.BIND_TRANSCEIVER: {Role.ESME: _BEFORE},
        CommandId.OUTBIND: {Role.SMSC: _BEFORE},
        CommandId.UNBIND: {Role.ESME: BOUND_STATES | {S.UNBINDING}, Role.SMSC: BOUND_STATES | {S.UNBINDING}},
        CommandId.ENQUIRE_LINK: {Role.ESME: _ALIVE, Role.SMSC: _ALIVE},
        CommandId.SUBMIT_SM: {Role.ESME: _TX},
        CommandId.SUBMIT_MULTI: {Role.ESME: _TX},
        CommandId.QUERY_SM: {Role.ESME: _TX},
        CommandId.CANCEL_SM: {Role.ESME: _TX},
        CommandId.REPLACE_SM: {Role.ESME: _TX},
        CommandId.DATA_SM: {Role.ESME: _TX, Role.SMSC: _RX},
        CommandId.DELIVER_SM: {Role.SMSC: _RX},
        CommandId.ALERT_NOTIFICATION: {Role.SMSC: _RX},
    }
)
"""Request -> the sending role -> the states in which it may send it."""

BIND_STATES: Final[Mapping[int, SessionState]] = MappingProxyType(
    {
        CommandId.BIND_TRANSMITTER: S.BOUND_TX,
        CommandId.BIND_RECEIVER: S.BOUND_RX,
        CommandId.BIND_TRANSCEIVER: S.BOUND_TRX,
    }
)
"""The state a successful bind leads to."""


@cache
def allowed(sender: Role, state: SessionState) -> frozenset[int]:
    """The `command_id`s of the requests `sender` may send in `state`."""
    return frozenset(int(command) for command, roles in MATRIX.items() if state in roles.get(sender, ()))


def refusal_status(sender: Role, state: SessionState, command_id: int) -> CommandStatus:
    """The status that answers a request outside the matrix.

    ESME_RALYBND for a bind where there is one, ESME_RINVCMDID for what this role may never send,
    ESME_RINVBNDSTS for the wrong state.
    """
    if command_id in BIND_STATES and sender is Role.ESME and (state.is_bound or state is S.BINDING):
        return CommandStatus.RALYBND
    roles = MATRIX.get(CommandId(command_id), {})
    return CommandStatus.RINVBNDSTS if sender in roles else CommandStatus.RINVCMDID
