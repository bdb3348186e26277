"""What a connection asks of its user: the handler it calls, the answers it takes, its settings."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from gateway.smpp.constants import CommandStatus
from gateway.smpp.errors import ProtocolError, RequestError
from gateway.smpp.events import SessionClosed
from gateway.smpp.frozen import frozen
from gateway.smpp.matrix import Role
from gateway.smpp.pdu import AlertNotification, Bind, Outbind, Pdu, response_to
from gateway.smpp.session import SessionSettings

if TYPE_CHECKING:
    from gateway.smpp.aio.connection import SmppConnection

Answer = Pdu | None | Awaitable[Pdu | None]
"""A response now, None to `respond` later or never, or a coroutine giving either."""
Outcome = Pdu | RequestError
OnResponse = Callable[[Any, Outcome], None]
"""(context, response or error)."""


@frozen
class ConnectionSettings:
    """What the edge adds to the session's settings; sizes in bytes, durations in seconds.

    `slice_bytes`: of a larger read so much is dealt with in one turn of the loop, so that a flood of one peer
    keeps nobody waiting. `flush_pdus`: queued PDUs that are written without waiting for the tick's end.
    `write_high_water_bytes`: unsent octets above which the peer counts as not reading. `write_stall_s`: how
    long it may. `linger_s`: how long a closing connection may take to send its last octets.
    """

    session: SessionSettings = SessionSettings()
    slice_bytes: int = 16_384
    flush_pdus: int = 16
    write_high_water_bytes: int = 262_144
    write_stall_s: float = 30.0
    linger_s: float = 2.0
    connect_timeout_s: float = 10.0


DEFAULTS = ConnectionSettings()


class SmppHandler:
    """What a connection calls; every method has a default, override what you need."""

    def on_connected(self, connection: "SmppConnection") -> None:
        """The socket is there (`connection.peername`), nothing has been said yet."""

    def on_bind(self, connection: "SmppConnection", pdu: Bind) -> Answer:
        """SMSC: answer a bind; the default refuses it."""
        return response_to(pdu, CommandStatus.RBINDFAIL)

    def on_bound(self, connection: "SmppConnection") -> None:
        """The session is bound as `connection.state`."""

    def on_request(self, connection: "SmppConnection", pdu: Pdu) -> Answer:
        """Answer a message operation.

        The default of an ESME is ESME_RX_T_APPN (try again), of an SMSC ESME_RINVCMDID.
        """
        temporary = connection.role is Role.ESME
        return response_to(pdu, CommandStatus.RX_T_APPN if temporary else CommandStatus.RINVCMDID)

    def on_alert(self, connection: "SmppConnection", pdu: AlertNotification) -> None:
        """ESME: alert_notification."""

    def on_outbind(self, connection: "SmppConnection", pdu: Outbind) -> None:
        """ESME: the SMSC asks for a bind: call `connection.bind_nowait`. The default drops the connection."""
        connection.abort()

    def on_responses(self, connection: "SmppConnection", answered: list[tuple[Any, Pdu, float]]) -> None:
        """Answers to requests sent without an `on_response`: (context, response, when it was sent), in order.

        What has come in one read comes together.
        """

    def on_failure(self, connection: "SmppConnection", context: Any, error: RequestError) -> None:
        """A request sent without an `on_response` has no usable response."""

    def on_late_response(self, connection: "SmppConnection", context: Any, response: Pdu) -> None:
        """The answer to a request whose `RequestTimedOut` has been told already."""

    def on_ready(self, connection: "SmppConnection") -> None:
        """The peer reads again, or is heard again: `window_free` may have grown without a response."""

    def on_violation(self, connection: "SmppConnection", error: ProtocolError) -> None:
        """The peer broke the protocol and has been answered."""

    def on_closed(self, connection: "SmppConnection", closed: SessionClosed) -> None:
        """The last call; every outstanding request has failed before."""
