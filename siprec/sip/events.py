"""What an endpoint reports (past tense) and what it wants done (imperative)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from siprec.sip.flow import Flow, Target

if TYPE_CHECKING:
    from siprec.sip.client_transactions import ClientTransaction
    from siprec.sip.dialog import Dialog, EndReason
    from siprec.sip.message import Request, Response
    from siprec.sip.server_transactions import ServerTransaction


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A new request that passed the checks of §8.2 and awaits `Endpoint.respond`; `dialog` where it is inside
    one.
    """

    transaction: ServerTransaction
    dialog: Dialog | None

    @property
    def request(self) -> Request:
        """The request."""
        return self.transaction.request


@dataclass(frozen=True, slots=True)
class CancelReceived:
    """The caller gave up; the INVITE has been answered 487 already."""

    transaction: ServerTransaction


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The ACK of our 2xx came; its body may hold the answer to our offer."""

    dialog: Dialog
    request: Request


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response came. `dialog` is the one it belongs to or created; forks give several for one request."""

    transaction: ClientTransaction
    response: Response
    dialog: Dialog | None


@dataclass(frozen=True, slots=True)
class TransactionTimedOut:
    """No final response came within 64·T1 (to be taken as 408, §8.1.3.1)."""

    transaction: ClientTransaction


@dataclass(frozen=True, slots=True)
class TransportFailed:
    """The request could not be sent (to be taken as 503, §8.1.3.1)."""

    transaction: ClientTransaction
    reason: str


@dataclass(frozen=True, slots=True)
class DialogEnded:
    """A dialog is over; `reason` is `dialog.end_reason`, `request` the BYE that came (and was answered)."""

    dialog: Dialog
    reason: EndReason
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class SessionRefreshDue:
    """We agreed to refresh and the peer does not allow UPDATE: send a re-INVITE with the session as it is."""

    dialog: Dialog


@dataclass(frozen=True, slots=True)
class MessageDiscarded:
    """Something was thrown away; `status` is the response sent, None where it was not answered."""

    flow: Flow
    reason: str
    status: int | None = None


Event = (
    RequestReceived
    | CancelReceived
    | AckReceived
    | ResponseReceived
    | TransactionTimedOut
    | TransportFailed
    | DialogEnded
    | SessionRefreshDue
    | MessageDiscarded
)


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send these bytes there. `ticket` goes back to `Endpoint.send_failed` if it cannot be done."""

    data: bytes
    target: Target
    ticket: object | None = None


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Close this stream, after what was sent before."""

    connection: int
    reason: str


Command = SendMessage | CloseConnection
