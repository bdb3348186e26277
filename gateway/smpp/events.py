"""What happened in a session: frozen, past tense, in the order it happened."""

from enum import Enum
from typing import Any

from gateway.smpp.errors import RecoverableError, RequestError, SmppError
from gateway.smpp.frozen import frozen
from gateway.smpp.matrix import SessionState
from gateway.smpp.pdu import AlertNotification, Bind, Outbind, Pdu


class CloseReason(Enum):
    """Why a session ended."""

    UNBOUND = "unbound"
    """We unbound."""
    PEER_UNBOUND = "peer_unbound"
    BIND_REFUSED = "bind_refused"
    CONNECTION_LOST = "connection_lost"
    BIND_TIMEOUT = "bind_timeout"
    """Not bound within the session init timer, or our bind was not answered."""
    ENQUIRE_LINK_TIMEOUT = "enquire_link_timeout"
    """Half-open: the peer was asked for a sign of life and gave none, or only sent and answered nothing."""
    INACTIVITY = "inactivity"
    FATAL_ERROR = "fatal_error"
    PEER_STOPPED_READING = "peer_stopped_reading"
    ABORTED = "aborted"
    """Closed by our own caller without unbind."""


class Event:
    """Root of the events."""

    __slots__ = ()


@frozen
class BindRequested(Event):
    """SMSC: answer `pdu` with `respond`; the session is bound once the answer is ESME_ROK."""

    pdu: Bind


@frozen
class SessionBound(Event):
    """Bound as `state`; `peer_system_id` and `peer_version` (0x33, 0x34) are what the peer said."""

    state: SessionState
    peer_system_id: str
    peer_version: int


@frozen
class BindRefused(Event):
    """ESME.

    Our bind `command_id` was answered with `command_status` (or nacked); the session is OPEN again.
    """

    command_id: int
    command_status: int


@frozen
class OutbindReceived(Event):
    """ESME: the SMSC asks us to bind as receiver."""

    pdu: Outbind


@frozen
class RequestReceived(Event):
    """A message operation to be answered with `respond`."""

    pdu: Pdu


@frozen
class AlertReceived(Event):
    """ESME: alert_notification, which has no answer."""

    pdu: AlertNotification


@frozen
class ResponseReceived(Event):
    """The answer to a request of ours, whatever its status, generic_nack included.

    `context` is what `send` was given, `sent_at` the wire time it was sent.
    """

    context: Any
    response: Pdu
    request: Pdu
    sent_at: float


@frozen
class RequestFailed(Event):
    """A request of ours has no usable answer: timed out, abandoned or answered unreadably."""

    context: Any
    error: RequestError
    request: Pdu
    sent_at: float


@frozen
class LateResponseReceived(Event):
    """The answer to a request already reported as timed out."""

    context: Any
    response: Pdu
    request: Pdu


@frozen
class PeerHeard(Event):
    """Something has come after a silence in which requests timed out: the peer lives, there is room again."""


@frozen
class UnknownResponseReceived(Event):
    """A response whose sequence number fits no request of ours; nothing was done about it."""

    response: Pdu


@frozen
class UnbindReceived(Event):
    """The peer unbinds; it is answered once what it asked before is answered."""


@frozen
class ProtocolViolated(Event):
    """The peer broke a rule and was answered as `error.command_status` says; the session goes on."""

    error: RecoverableError


@frozen
class SessionClosed(Event):
    """The last event: flush `data_to_send`, then close the connection."""

    reason: CloseReason
    error: SmppError | None = None
