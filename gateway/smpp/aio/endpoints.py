"""`connect` and `serve`: connections made, and kept count of."""

import asyncio
import ssl as ssl_module
from collections.abc import Callable

from gateway.smpp.aio.accepting import Accepted, OnTlsFailed, TlsAcceptor
from gateway.smpp.aio.connection import SILENT, SmppConnection
from gateway.smpp.aio.handler import DEFAULTS, ConnectionSettings, SmppHandler
from gateway.smpp.matrix import Role
from gateway.smpp.pdu import Bind
from gateway.smpp.session import Tap


async def connect(
    host: str,
    port: int,
    *,
    bind: Bind | None,
    handler: SmppHandler | None = None,
    settings: ConnectionSettings = DEFAULTS,
    ssl: ssl_module.SSLContext | None = None,
    server_hostname: str | None = None,
    tap: Tap | None = None,
    role: Role = Role.ESME,
) -> SmppConnection:
    """Connect and bind; returns the bound connection.

    With `bind=None` it returns as soon as the socket is open (outbind: `role=Role.SMSC`, then
    `notify(Outbind(…))`). Raises `OSError` (also `TimeoutError`, `ssl.SSLError`) or `BindFailed`.
    """
    loop = asyncio.get_running_loop()
    given = handler if handler is not None else SmppHandler()
    timeout_s = settings.connect_timeout_s
    async with asyncio.timeout(timeout_s):
        _, connection = await loop.create_connection(
            lambda: SmppConnection(role, lambda _: given, settings, tap),
            host,
            port,
            ssl=ssl,
            server_hostname=server_hostname,
            ssl_handshake_timeout=timeout_s if ssl is not None else None,
        )
    if bind is not None:
        await connection.bind(bind)
    return connection


class SmppServer:
    """A listening SMSC (or an ESME waiting for outbind); made by `serve`."""

    def __init__(self, role: Role, settings: ConnectionSettings, max_connections: int) -> None:
        self.role, self.settings, self.max_connections = role, settings, max_connections
        self.connections: set[SmppConnection] = set()
        self._server: asyncio.Server | None = None
        self._acceptor: TlsAcceptor | None = None

    @property
    def port(self) -> int:
        """The port listened on, also where 0 was asked for."""
        assert self._server is not None  # noqa: S101 - serve() returns only a listening server
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self, wait_s: float = 0.0) -> None:
        """Stop listening, unbind every session after at most `wait_s` for its answers, drop what is left."""
        if self._server is not None:
            self._server.close()
        if self._acceptor is not None:
            self._acceptor.close()
        left = list(self.connections)
        unbinds = [asyncio.ensure_future(connection.unbind(wait_s)) for connection in left]
        if unbinds:
            await asyncio.wait(unbinds, timeout=wait_s + self.settings.linger_s)
        for connection in left:
            connection.abort()
        await asyncio.gather(*unbinds)

    def _may_secure(self) -> bool:
        """Whether another connection may come, those whose handshake goes on included."""
        assert self._acceptor is not None  # noqa: S101 - asked by TLS connections alone
        return len(self.connections) + len(self._acceptor) < self.max_connections


class _Served(SmppConnection):
    """A connection its server keeps count of."""

    def __init__(self, server: SmppServer, factory: Callable[[SmppConnection], SmppHandler]) -> None:
        super().__init__(server.role, factory, server.settings)
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connections = self._server.connections
        connections.add(self)
        if len(connections) > self._server.max_connections:
            self._handler_factory = lambda _: SILENT
            super().connection_made(transport)
            self.abort()
            return
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        super().connection_lost(exc)


async def serve(
    host: str,
    port: int,
    *,
    handler_factory: Callable[[SmppConnection], SmppHandler],
    settings: ConnectionSettings = DEFAULTS,
    ssl: ssl_module.SSLContext | None = None,
    role: Role = Role.SMSC,
    max_connections: int = 1_000,
    on_tls_failed: OnTlsFailed | None = None,
) -> SmppServer:
    """Listen; `handler_factory(connection)` gives each connection its handler once its socket is open.

    Beyond `max_connections` a connection is dropped at once. `on_tls_failed(error, peername)` hears of peers
    that `ssl` could not secure: with an `SSLError`, or another `OSError` if they hung up or took too long.
    Raises `OSError` if the port is taken.
    """
    server = SmppServer(role, settings, max_connections)

    def served() -> _Served:
        return _Served(server, handler_factory)

    def accepted() -> asyncio.Protocol:
        return served() if server._acceptor is None else Accepted(server._acceptor, server._may_secure)

    if ssl is not None:
        server._acceptor = TlsAcceptor(served, ssl, settings.connect_timeout_s, on_tls_failed)
    server._server = await asyncio.get_running_loop().create_server(accepted, host, port)
    return server
