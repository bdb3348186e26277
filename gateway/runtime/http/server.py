"""The listening side: one aiohttp runner with limits on connections and time, TLS, and a graceful end.

Connections begin in the express lane where the application has express routes (see `express`).
"""

import asyncio
import errno
import os
import ssl
from typing import Any, Protocol, cast

from aiohttp import web

from gateway.runtime.http.app import EXPRESS
from gateway.runtime.http.endpoint import refused
from gateway.runtime.http.errors import ApiError, ServerStartError, error_body
from gateway.runtime.http.express import ExpressConnection
from gateway.runtime.http.health import Health
from gateway.runtime.http.settings import HttpSettings
from gateway.runtime.http.tracking import tracking_ids

_next_tracking_id = tracking_ids()
_DRAIN_POLL_S = 0.02
_TLS_GOODBYE_S = 2.0
"""Seconds a TLS peer may take to answer that a connection is closed."""


class HttpServer:
    """Serves an application at ``settings.host:port``; a part of a service's lifecycle.

    ``app`` is the application served; ``setting`` is the dotted YAML key of the port, named when the port is
    taken.
    """

    def __init__(
        self,
        app: web.Application,
        settings: HttpSettings,
        *,
        setting: str = "http.port",
        health: Health | None = None,
    ) -> None:
        self.app = app
        self._settings = settings
        self._setting = setting
        self._health = health
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self._express: set[ExpressConnection] = set()
        self._draining = False
        self.port = settings.port

    @property
    def url(self) -> str:
        """Base URL, with the port that was really bound."""
        host = self._settings.host
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self._settings.tls_certificate else 'http'}://{shown}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises ``ServerStartError`` if the address is taken or not ours, or TLS fails."""
        settings = self._settings
        self._draining = False
        tls = self._tls()
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=settings.shutdown_timeout_s)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(
                self._accept,
                settings.host,
                settings.port,
                ssl=tls,
                ssl_shutdown_timeout=None if tls is None else _TLS_GOODBYE_S,
                backlog=1024,
            )
        except OSError as error:
            await self._runner.cleanup()
            self._runner = None
            raise self._cannot_start(error) from error
        self._listener = listener
        self.port = listener.sockets[0].getsockname()[1]

    async def drain(self, deadline_s: float) -> None:
        """Take no new connections, close idle ones; requests in progress get ``deadline_s`` seconds."""
        if self._health is not None:
            self._health.draining = True
        self._draining = True
        self._stop_listening()
        if self._runner is None or self._runner.server is None:
            return
        served = self._runner.server
        await self.app.shutdown()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + deadline_s
        while self.connections:
            for connection in (*self._express, *served.connections):
                cast(_Ending, connection).end()
            if loop.time() >= deadline:
                return
            await asyncio.sleep(_DRAIN_POLL_S)  # aiohttp tells nobody when a request is done

    async def stop(self) -> None:
        """Close everything."""
        self._stop_listening()
        for connection in tuple(self._express):
            connection.abort()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    @property
    def connections(self) -> int:
        """Connections open now."""
        if self._runner is None or self._runner.server is None:
            return 0
        return len(self._runner.server.connections) + len(self._express)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _accept(self) -> asyncio.Protocol:
        if self.connections >= self._settings.max_connections or self._runner is None:
            return _Busy()
        routes = self.app.get(EXPRESS)
        if not routes:
            return self._aiohttp()
        settings = self._settings
        return ExpressConnection(
            routes,
            self._aiohttp,
            max_headers=settings.max_headers,
            first_request_timeout_s=settings.first_request_timeout_s,
            body_timeout_s=settings.body_timeout_s,
            keepalive_timeout_s=settings.keepalive_timeout_s,
            members=self._express,
        )

    def _aiohttp(self) -> asyncio.Protocol:
        manager = self._runner.server if self._runner is not None else None
        settings = self._settings
        if manager is None:
            return _Busy()
        connection = _Connection(
            manager,
            settings.first_request_timeout_s,
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=settings.keepalive_timeout_s,
            max_line_size=settings.max_header_bytes,
            max_field_size=settings.max_header_bytes,
            max_headers=settings.max_headers,
            lingering_time=1.0,
        )
        if self._draining:  # what an express connection hands over has one request left
            connection.end()
        return connection

    def _tls(self) -> ssl.SSLContext | None:
        if self._settings.tls_certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self._settings.tls_certificate, self._settings.tls_key)
        except (OSError, ssl.SSLError) as error:
            setting = self._setting.rpartition(".")[0] + ".tls_certificate"
            reason = f"the certificate or key cannot be used: {error}"
            raise ServerStartError(self._settings.host, self._settings.port, setting, reason) from error
        return context

    def _cannot_start(self, error: OSError) -> ServerStartError:
        host, port = self._settings.host, self._settings.port
        if error.errno == errno.EADDRINUSE:
            return ServerStartError(host, port, self._setting, "the port is taken")
        if error.errno == errno.EACCES:
            return ServerStartError(host, port, self._setting, "ports below 1024 need more rights")
        host_setting = self._setting.rpartition(".")[0] + ".host"
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        return ServerStartError(host, port, host_setting, reason)


class _Ending(Protocol):
    """A connection that closes once the request in progress is answered, at once without one."""

    def end(self) -> None: ...


class _Connection(web.RequestHandler):
    """An HTTP connection that must send its first request in time and is told of malformed HTTP in JSON."""

    __slots__ = ("_ending", "_first_request_timeout_s", "_first_request_timer")

    def __init__(self, manager: web.Server, first_request_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._first_request_timeout_s = first_request_timeout_s
        self._first_request_timer: asyncio.TimerHandle | None = None
        self._ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        self._first_request_timer = loop.call_later(self._first_request_timeout_s, self._check_first_request)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._first_request_timer is not None:
            self._first_request_timer.cancel()
            self._first_request_timer = None
        super().connection_lost(exc)

    def end(self) -> None:
        """Close once the request in progress, one that is still arriving too, is answered; idle, at once."""
        self._ending = True
        if self._waiter is not None and not self._messages:
            self.force_close()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; as the last one on this connection, if it is to end.

        Where another answer has begun, a WebSocket above all, nothing of this one may follow in its midst:
        the connection is cut, and the peer sees that something is missing.
        """
        if request.writer.output_size > 0 and isinstance(resp, web.StreamResponse) and not resp.prepared:
            if self.transport is not None:
                self.transport.abort()
            return resp, True
        if self._ending and isinstance(resp, web.StreamResponse):
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def _check_first_request(self) -> None:
        self._first_request_timer = None
        if self._request_count == 0:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what broke below the handlers, malformed HTTP above all; peer's bytes reach no log."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun")
        description = "this is not well-formed HTTP, or a header is too large" if status == 400 else ""
        refusal = ApiError(status, description=description, headers={"Connection": "close"})
        response = refused(refusal, _next_tracking_id(None)).response()
        response.force_close()
        return response


class _Busy(asyncio.Protocol):
    """Stands in for a connection beyond the limit: says so and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer at once; whatever is sent is not read."""
        description = "too many connections; setting http.max_connections"
        body = error_body(description, [(description, "too_many_connections")], _next_tracking_id(None))
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
            f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        cast(asyncio.Transport, transport).write(head.encode() + body)
        transport.close()
