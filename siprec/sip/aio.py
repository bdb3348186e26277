"""The edge of `siprec.sip`: UDP, TCP and TLS on asyncio, one `SipEdge` per endpoint.

Every callback has the same shape: feed the endpoint, hand its events out, carry its commands out, re-arm one
timer.
"""

import asyncio
import secrets
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from siprec.sip.client_transactions import ClientTransaction
from siprec.sip.endpoint import Endpoint
from siprec.sip.errors import DestinationError, NoResponseError
from siprec.sip.events import (
    CloseConnection,
    Event,
    ResponseReceived,
    SendMessage,
    TransactionTimedOut,
    TransportFailed,
)
from siprec.sip.flow import Target, Transport, check_destination
from siprec.sip.message import Response
from siprec.sip.sockets import (
    RECEIVE_BUFFER_BYTES,
    Route,
    StreamSocket,
    UdpSocket,
    literal_version,
    local_address_towards,
    why,
)

CONNECT_TIMEOUT_S = 5.0
HANDSHAKE_TIMEOUT_S = 5.0


class RandomIds:
    """Identifiers of 96 random bits (RFC 3261 §19.3)."""

    def token(self) -> str:
        """Return a fresh token."""
        return secrets.token_hex(12)


class Listening(NamedTuple):
    """A bound address; `receive_buffer_bytes` is what the kernel gave a UDP socket, 0 for streams."""

    transport: Transport
    host: str
    port: int
    receive_buffer_bytes: int = 0


class SipEdge:
    """Sockets and timer of one endpoint on the running loop.

    `on_event` is called with every event; call methods of `endpoint` from it freely. Anywhere else call
    `flush` after them. `now()` is the clock both share.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_event: Callable[[Event], None],
        *,
        client_tls: ssl.SSLContext | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._on_event = on_event
        self._client_tls = client_tls
        self._loop = asyncio.get_running_loop()
        self._udp: dict[int, UdpSocket] = {}
        self._servers: list[asyncio.Server] = []
        self._streams: dict[int, StreamSocket] = {}
        self._routes: dict[Route, StreamSocket] = {}
        self._connecting: dict[Route, list[SendMessage]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[ClientTransaction, asyncio.Future[Response]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._numbers = 0
        self._flushing = False
        self._closed = False

    # ------------------------------------------------------------------ listening

    async def listen_udp(
        self,
        host: str,
        port: int,
        *,
        advertise: str | None = None,
        buffer_bytes: int = RECEIVE_BUFFER_BYTES,
    ) -> Listening:
        """Bind UDP; once per address family. Raises `OSError` where the address is taken."""
        udp = UdpSocket(host, port, self._datagram_received, self.flush, buffer_bytes)
        bound_host, bound_port = udp.address
        self._udp[6 if ":" in bound_host else 4] = udp
        self._announce(Transport.UDP, bound_host, bound_port, advertise)
        return Listening(Transport.UDP, bound_host, bound_port, udp.receive_buffer_bytes)

    async def listen_tcp(self, host: str, port: int, *, advertise: str | None = None) -> Listening:
        """Accept TCP connections. Raises `OSError` where the address is taken."""
        return await self._listen(Transport.TCP, host, port, None, advertise)

    async def listen_tls(
        self, host: str, port: int, context: ssl.SSLContext, *, advertise: str | None = None
    ) -> Listening:
        """Accept TLS connections. Raises `OSError` where the address is taken."""
        return await self._listen(Transport.TLS, host, port, context, advertise)

    async def _listen(
        self,
        transport: Transport,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        advertise: str | None,
    ) -> Listening:
        timeout = HANDSHAKE_TIMEOUT_S if context else None
        server = await self._loop.create_server(
            lambda: StreamSocket(self, transport, incoming=True),
            host,
            port,
            ssl=context,
            ssl_handshake_timeout=timeout,
            backlog=512,
        )
        self._servers.append(server)
        bound_host, bound_port = server.sockets[0].getsockname()[:2]
        self._announce(transport, bound_host, bound_port, advertise)
        return Listening(transport, bound_host, bound_port)

    def _announce(self, transport: Transport, host: str, port: int, advertise: str | None) -> None:
        if advertise is None and host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            advertise = local_address_towards("2001:db8::1" if ":" in host else "192.0.2.1")
        self.endpoint.set_local(transport, advertise or host, port)

    # ------------------------------------------------------------------ running

    def now(self) -> float:
        """Return the endpoint's time: monotonic seconds."""
        return self._loop.time()

    def flush(self) -> None:
        """Hand out events, carry out commands, re-arm the timer. Call it after using `endpoint` outside
        `on_event`.
        """
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._pass_on():
                pass
        finally:
            self._flushing = False
        self._rearm()

    def _pass_on(self) -> bool:
        events = self.endpoint.take_events()
        for event in events:
            self._settle(event)
            try:
                self._on_event(event)
            except Exception as error:  # one bad call must not stop the others
                context = {"message": f"handler of {type(event).__name__} failed", "exception": error}
                self._loop.call_exception_handler(context)
        commands = self.endpoint.take_commands()
        closing = [command for command in commands if isinstance(command, CloseConnection)]
        for command in commands:
            if isinstance(command, SendMessage):
                self._execute(command)
        for each in closing:  # last, so that what came whole is still answered
            self._close_stream(each.connection)
        return bool(events or commands)

    def _rearm(self) -> None:
        due = None if self._closed else self.endpoint.next_deadline()
        if self._timer is not None:
            if due is not None and self._timer_due <= due:
                return
            self._timer.cancel()
            self._timer = None
        if due is not None:
            # uvloop answers a moment that has passed with a handle that knows no `when()`.
            self._timer = self._loop.call_at(due, self._timer_fired)
            self._timer_due = due

    def _timer_fired(self) -> None:
        self._timer = None
        self.endpoint.handle_timeout(self.now())
        self.flush()

    def final_response(self, transaction: ClientTransaction) -> "asyncio.Future[Response]":
        """Return a future of the final response; it fails with `NoResponseError` where none comes."""
        future = self._waiting.get(transaction)
        if future is None:
            future = self._waiting[transaction] = self._loop.create_future()
        self.flush()
        return future

    def _settle(self, event: Event) -> None:
        if not isinstance(event, ResponseReceived | TransactionTimedOut | TransportFailed):
            return
        if isinstance(event, ResponseReceived) and event.response.status < 200:
            return
        future = self._waiting.pop(event.transaction, None)
        if future is None or future.done():
            return
        method = event.transaction.request.method
        if isinstance(event, ResponseReceived):
            future.set_result(event.response)
        elif isinstance(event, TransportFailed):
            future.set_exception(NoResponseError(method, event.reason))
        else:
            future.set_exception(NoResponseError(method, "timed out"))

    async def close(self) -> None:
        """Stop listening, close every connection and socket, drop what waits."""
        self._closed = True
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        for stream in list(self._streams.values()):
            if stream.transport is not None:
                stream.transport.abort()
        for udp in self._udp.values():
            udp.close()
        self._udp.clear()
        for future in self._waiting.values():
            future.cancel()
        self._rearm()
        await asyncio.sleep(0)

    # ------------------------------------------------------------------ receiving

    def _datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        self.endpoint.receive_datagram(data, source, self._loop.time())

    def next_number(self) -> int:
        """Return the number of a new connection."""
        self._numbers += 1
        return self._numbers

    def stream_opened(self, stream: StreamSocket, peer: tuple[str, int]) -> None:
        """Enter a new connection; one too many is closed at once."""
        admitted = self.endpoint.connection_made(
            stream.number, stream.kind, peer, self.now(), incoming=stream.incoming
        )
        if not admitted and stream.transport is not None:
            stream.transport.abort()
            return
        self._streams[stream.number] = stream
        self._reach(stream, (stream.kind, *peer))
        self._rearm()

    def _reach(self, stream: StreamSocket, route: Route) -> None:
        self._routes[route] = stream
        stream.routes.add(route)

    def stream_received(self, stream: StreamSocket, data: bytes) -> None:
        """Feed the endpoint."""
        self.endpoint.receive_data(stream.number, data, self.now())
        self.flush()

    def stream_closed(self, stream: StreamSocket, reason: str) -> None:
        """Forget a connection; who waits for a first answer on it need not wait any longer."""
        self._streams.pop(stream.number, None)
        for route in stream.routes:
            if self._routes.get(route) is stream:
                del self._routes[route]
        self.endpoint.connection_lost(stream.number)
        for ticket in () if self._closed else stream.asked:
            self.endpoint.answer_lost(ticket, reason, self.now())
        self.flush()

    # ------------------------------------------------------------------ sending

    def _close_stream(self, number: int) -> None:
        stream = self._streams.get(number)
        if stream is not None and stream.transport is not None:
            stream.transport.close()

    def _execute(self, command: SendMessage) -> None:
        try:
            check_destination(command.target.host, command.target.port)
            self._send(command)
        except (DestinationError, OSError) as error:
            self._failed(command, str(error))

    def _failed(self, command: SendMessage, reason: str) -> None:
        if command.ticket is not None:
            self.endpoint.send_failed(command.ticket, reason, self.now())

    def _send(self, command: SendMessage) -> None:
        target = command.target
        if target.transport.reliable:
            self._send_on_stream(command)
            return
        version = literal_version(target.host)
        if not version:
            self._spawn(self._resolve_and_send(command))
            return
        udp = self._udp.get(version)
        if udp is None:
            raise DestinationError(target.host, target.port, f"no IPv{version} socket is open")
        udp.send(command.data, target.host, target.port)

    async def _resolve_and_send(self, command: SendMessage) -> None:
        target = command.target
        try:
            found = await self._loop.getaddrinfo(target.host, target.port)
            address = next(
                (info[4][0] for info in found if literal_version(str(info[4][0])) in self._udp), None
            )
            if address is None:
                raise DestinationError(target.host, target.port, "has no address of a family we listen on")
            resolved = Target(target.transport, str(address), target.port)
            self._send(SendMessage(command.data, resolved, command.ticket))
        except (OSError, DestinationError) as error:
            self._failed(command, why(error))
        self.flush()

    def _send_on_stream(self, command: SendMessage) -> None:
        target = command.target
        stream = self._streams.get(target.connection) if target.connection is not None else None
        route = (target.transport, target.host, target.port)
        stream = stream or self._routes.get(route)
        if stream is not None and stream.write(command):
            return
        if route in self._connecting:
            self._connecting[route].append(command)
        elif not self._closed:
            self._connecting[route] = [command]
            self._spawn(self._connect(route))

    async def _connect(self, route: Route) -> None:
        transport, host, port = route
        context = self._tls_context() if transport is Transport.TLS else None
        reason = ""
        stream: StreamSocket | None = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, stream = await self._loop.create_connection(
                    lambda: StreamSocket(self, transport, incoming=False), host, port, ssl=context
                )
        except (OSError, TimeoutError) as error:
            reason = why(error)
        for command in self._connecting.pop(route, []):
            if stream is None or not stream.write(command):
                self._failed(command, reason or "connection closed")
        if stream is not None and stream.number in self._streams:
            self._reach(stream, route)
        self.flush()

    def _tls_context(self) -> ssl.SSLContext:
        if self._client_tls is None:
            self._client_tls = ssl.create_default_context()
            self._client_tls.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._client_tls

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
