"""One SIP endpoint, user agent server and client, without I/O: the machine everything above SIP talks to.

    endpoint.receive_datagram(data, source, now)      bytes in
    for event in endpoint.take_events(): …            what happened
    endpoint.respond(event.transaction, 200, now=now) decisions
    for command in endpoint.take_commands(): …        bytes out, connections to close
    endpoint.next_deadline() / handle_timeout(now)    time

`now` is monotonic seconds. Requests that RFC 3261 §8.2 says to refuse are refused here; BYE, CANCEL and PRACK
are answered here; everything else waits for `respond`.
"""

from collections.abc import Callable
from contextlib import suppress

from siprec.sip.auth import Credentials
from siprec.sip.build import Fields, build_response
from siprec.sip.client_transactions import ClientEntry, ClientTransaction
from siprec.sip.connections import Connection, ConnectionTable
from siprec.sip.core import Core, EndpointConfig
from siprec.sip.dialog import Dialog, EndReason
from siprec.sip.errors import ParseError
from siprec.sip.events import CloseConnection, Command, Event, MessageDiscarded, SessionRefreshDue
from siprec.sip.flow import Flow, Target, Transport
from siprec.sip.ids import IdSource
from siprec.sip.limits import SourceLimiter
from siprec.sip.message import Message, Request, Response
from siprec.sip.parse import parse_datagram
from siprec.sip.server_transactions import ServerEntry, ServerTransaction
from siprec.sip.stream import PingReceived
from siprec.sip.uac import UserAgentClient
from siprec.sip.uas import UserAgentServer

__all__ = ["Endpoint", "EndpointConfig"]


class Endpoint:
    """User agent server and client behind one set of addresses."""

    def __init__(self, config: EndpointConfig, ids: IdSource) -> None:
        self.config = config
        self._core = Core(config, ids)
        self._core.on_session_timeout = self._session_timeout
        self._server = UserAgentServer(self._core, self._hang_up)
        self._client = UserAgentClient(self._core, self._server.bye_after_ack)
        self._connections = ConnectionTable(config)
        rate = config.malformed_replies_per_second_per_source
        self._malformed = SourceLimiter(rate, rate)

    # ------------------------------------------------------------------ state

    @property
    def dialogs(self) -> list[Dialog]:
        """The dialogs that are not over."""
        return list(self._core.dialogs)

    @property
    def transactions(self) -> int:
        """How many transactions are alive, server and client."""
        return len(self._server) + len(self._client)

    @property
    def connections(self) -> int:
        """How many streams are open."""
        return len(self._connections)

    def set_local(self, transport: Transport, host: str, port: int) -> None:
        """Say under which address peers reach us on a transport; once for IPv4, once for IPv6."""
        self._core.set_local(transport, host, port)

    def local(self, transport: Transport, towards: str = "") -> tuple[str, int]:
        """Return our host and port on a transport, of the address family of `towards` where we have one."""
        return self._core.local(transport, towards)

    def count_responses(self, counter: Callable[[str, int], None]) -> None:
        """Have `counter` called with method and status of every response to a request we could read."""
        self._core.on_response = counter

    # ------------------------------------------------------------------ bytes and time

    def receive_datagram(self, data: bytes, source: tuple[str, int], now: float) -> None:
        """Take one UDP datagram; anything that is not SIP is discarded, never raised."""
        if not data.strip(b"\r\n\0"):
            return
        flow = Flow(Transport.UDP, source[0], source[1])
        try:
            message = parse_datagram(data, self.config.parse)
        except ParseError as error:
            self._discard(error, flow, now)
            return
        self._receive(message, flow, now)

    def connection_made(
        self, number: int, transport: Transport, peer: tuple[str, int], now: float, *, incoming: bool = True
    ) -> bool:
        """Enter a stream under a number the caller chose; False where it is one too many: close it."""
        flow = Flow(transport, peer[0], peer[1], number)
        connection = Connection(flow, self.config, self._connection_timeout, now, incoming=incoming)
        admitted = self._connections.admit(connection)
        if admitted:
            self._core.schedule.arm(connection)
        return admitted

    def connection_lost(self, number: int) -> None:
        """Forget a stream that closed. Its dialogs live on: the next message opens another."""
        connection = self._connections.remove(number)
        if connection is not None:
            self._core.schedule.disarm(connection)

    def receive_data(self, number: int, data: bytes, now: float) -> None:
        """Take bytes of a stream; a peer whose framing is lost is disconnected, never raised."""
        connection = self._connections.get(number)
        if connection is None:
            return
        for item in connection.receive_data(data, now):
            if isinstance(item, Message):
                self._receive(item, connection.flow, now)
            elif isinstance(item, PingReceived):
                self._core.send(b"\r\n", connection.flow.target())
            else:
                self._discard(item, connection.flow, now)
        if connection.parser.broken:
            self._close(connection, "framing lost")
        else:
            self._core.schedule.arm(connection)

    def _receive(self, message: Message, flow: Flow, now: float) -> None:
        try:
            if isinstance(message, Request):
                self._server.receive_request(message, flow, now)
            elif isinstance(message, Response):
                self._client.receive_response(message, flow, now)
        except ParseError as error:
            if isinstance(message, Request):
                error.method, error.headers = message.method, message.headers
            self._discard(error, flow, now)

    def _discard(self, error: ParseError, flow: Flow, now: float) -> None:
        """Answer a request that cannot be read, at a limited rate and only to where it came from."""
        headers, status = error.headers, None
        answerable = headers is not None and error.method not in (None, "ACK") and "via" in headers
        if headers is not None and answerable and self._malformed.allows(flow.host, now):
            status = error.status
            reason = f"Bad Request ({error})" if status == 400 else None
            self._core.send(build_response(headers, status, reason=reason), flow.target())
        self._core.emit(MessageDiscarded(flow, str(error), status))

    def _connection_timeout(self, connection: Connection, reason: str) -> None:
        self._close(connection, reason)

    def _close(self, connection: Connection, reason: str) -> None:
        number = connection.flow.connection
        if number is not None:
            self.connection_lost(number)
            self._core.commands.append(CloseConnection(number, reason))

    def send_failed(self, ticket: object, reason: str, now: float) -> None:
        """Say that a `SendMessage` could not be carried out; `ticket` is the command's."""
        if isinstance(ticket, ClientEntry):
            self._client.send_failed(ticket, reason, now)
        elif isinstance(ticket, ServerEntry):
            self._server.send_failed(ticket, now)

    def answer_lost(self, ticket: object, reason: str, now: float) -> None:
        """Say that the connection a `SendMessage` went out on is gone.

        A request outside any dialog that nobody has answered yet has failed; others may be answered on
        another connection (§18.2.2).
        """
        if isinstance(ticket, ClientEntry):
            handle = ticket.handle
            if handle.dialog is None and not handle.provisional and handle.final_status is None:
                self._client.send_failed(ticket, reason, now)

    def next_deadline(self) -> float | None:
        """Return when `handle_timeout` is to be called next, None while nothing waits."""
        return self._core.schedule.next_deadline()

    def handle_timeout(self, now: float) -> None:
        """Retransmit, give up, refresh and close what is due."""
        self._core.schedule.handle_timeout(now)

    def take_events(self) -> list[Event]:
        """Return what happened since the last call."""
        events, self._core.events = self._core.events, []
        return events

    def take_commands(self) -> list[Command]:
        """Return what is to be sent and closed since the last call, in order."""
        commands, self._core.commands = self._core.commands, []
        return commands

    # ------------------------------------------------------------------ server side

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        *,
        reason: str | None = None,
        headers: Fields = (),
        body: bytes = b"",
        content_type: str | None = None,
        now: float,
    ) -> Dialog | None:
        """Answer a request; return the dialog it is in or has just created.

        `headers` are (canonical lower-case name, value). Contact, Allow, Supported, Session-Expires and To
        tag are added where they belong. A 2xx to an INVITE is repeated until its ACK comes (§13.3.1.4);
        without one the dialog ends with `EndReason.ACK_MISSING`. Raises `UsageError` where a final response
        was sent before.
        """
        return self._server.respond(
            transaction, status, reason=reason, headers=headers, body=body, content_type=content_type, now=now
        )

    # ------------------------------------------------------------------ client side

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str | None = None,
        from_: str | None = None,
        call_id: str | None = None,
        cseq: int = 1,
        routes: tuple[str, ...] = (),
        target: Target | None = None,
        transport: Transport = Transport.UDP,
        headers: Fields = (),
        body: bytes = b"",
        content_type: str | None = None,
        credentials: Credentials | None = None,
        now: float,
    ) -> ClientTransaction:
        """Send a request outside any dialog; an INVITE creates one per answering fork.

        `to` and `from_` are header values without tag (default: the URI, our Contact); `target` overrides
        where the first route or the URI leads. With `credentials` a 401 or 407 is answered once. A 2xx to an
        INVITE is acknowledged by itself unless `transaction.auto_ack` is set to False at once. Raises
        `ParseError` for a URI nothing can be sent to, `MessageTooLargeError` past what a datagram holds.
        """
        return self._client.request(
            method,
            uri,
            to=to,
            from_=from_,
            call_id=call_id,
            cseq=cseq,
            routes=routes,
            target=target,
            transport=transport,
            headers=headers,
            body=body,
            content_type=content_type,
            credentials=credentials,
            now=now,
        )

    def send(
        self,
        dialog: Dialog,
        method: str,
        *,
        headers: Fields = (),
        body: bytes = b"",
        content_type: str | None = None,
        credentials: Credentials | None = None,
        now: float,
    ) -> ClientTransaction:
        """Send a request inside a dialog.

        Raises `DialogOverError`, or `UsageError` for a re-INVITE while another INVITE is in progress.
        """
        return self._client.request_inside(
            dialog,
            method,
            headers=headers,
            body=body,
            content_type=content_type,
            credentials=credentials,
            now=now,
        )

    def ack(
        self,
        dialog: Dialog,
        *,
        headers: Fields = (),
        body: bytes = b"",
        content_type: str | None = None,
        now: float,
    ) -> None:
        """Acknowledge the 2xx of an INVITE sent with `auto_ack` off (its answer is in the ACK).

        Raises `UsageError` where none waits for it.
        """
        self._client.ack(dialog, headers=headers, body=body, content_type=content_type, now=now)

    def cancel(self, transaction: ClientTransaction, *, now: float) -> None:
        """Give an INVITE up: CANCEL goes out once a provisional response is in (§9.1).

        A 2xx that crosses it is acknowledged and its dialog ended. Raises `UsageError` after a final
        response.
        """
        self._client.cancel(transaction, now=now)

    def bye(self, dialog: Dialog, *, headers: Fields = (), now: float) -> None:
        """End a dialog; as UAS only after the ACK is in (§15.1.1), so `DialogEnded` may come later."""
        self._client.bye(dialog, headers=headers, now=now)

    def _hang_up(self, dialog: Dialog, reason: EndReason, now: float) -> None:
        """End a dialog for a reason of our own; where the peer's address is unusable, without a BYE."""
        with suppress(ParseError):
            self._client.send_bye(dialog, now)
        self._core.end_dialog(dialog, reason)

    def _session_timeout(self, dialog: Dialog, now: float) -> None:
        """Refresh a session, by UPDATE where allowed (RFC 4028 §7.4), or end one that died (§10)."""
        if dialog.expires_at is not None and now >= dialog.expires_at:
            self._hang_up(dialog, EndReason.SESSION_EXPIRED, now)
        elif dialog.refresh_at is not None and now >= dialog.refresh_at:
            dialog.refresh_at = None
            if "UPDATE" in dialog.peer_allows:
                self._client.request_inside(dialog, "UPDATE", now=now).silent = True
            else:
                self._core.emit(SessionRefreshDue(dialog))
