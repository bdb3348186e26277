"""Puts an API together: the parts' routes, and what every API has besides."""

import asyncio
import gzip
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from time import monotonic
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from gateway.runtime.http.auth import Tokens
from gateway.runtime.http.docs import docs_routes
from gateway.runtime.http.endpoint import Endpoints, not_found_or_method
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.express import ExpressRoute
from gateway.runtime.http.gate import Gate
from gateway.runtime.http.health import Health
from gateway.runtime.http.models import TicketOut
from gateway.runtime.http.openapi import as_openapi_30, build_document
from gateway.runtime.http.routes import ApiRequest, Reply, Route, Routes
from gateway.runtime.http.settings import HttpSettings, TokenSettings
from gateway.runtime.http.stream import EventStream, parse_frame_bytes, parse_patterns
from gateway.runtime.http.stream_serving import asks_for_websocket, serve_sse, serve_websocket
from gateway.runtime.http.tracking import tracking_ids
from gateway.runtime.metrics import CONTENT_TYPE, Metrics

GATE: web.AppKey[Gate] = web.AppKey("gate", Gate)
EXPRESS: web.AppKey[dict[str, ExpressRoute]] = web.AppKey("express")
"""The routes that `express` answers, by path."""
DOCUMENT: web.AppKey[Callable[[], dict[str, Any]]] = web.AppKey("document")
"""Gives the OpenAPI document: made when somebody first asks, for it takes longer than the whole start."""
_GZIP_FROM_BYTES = 1024


def build_app(
    routes: Sequence[Routes],
    tokens: Tokens | Iterable[TokenSettings],
    metrics: Metrics,
    health: Health,
    title: str,
    version: str,
    *,
    settings: HttpSettings | None = None,
    stream: EventStream | None = None,
    description: str = "",
) -> web.Application:
    """An aiohttp application of ``routes`` plus health, metrics, tickets, docs and, with ``stream``,
    ``/v1/stream``.

    ``settings`` says how requests are limited and who needs a token; its host and port matter to
    ``HttpServer``.
    """
    settings = settings or HttpSettings()
    gate = Gate(tokens if isinstance(tokens, Tokens) else Tokens(tokens), settings)
    endpoints = Endpoints(gate, settings, metrics, tracking_ids())
    parts = [*routes, ticket_routes(gate), service_routes(metrics, health), docs_routes()]
    if stream is not None:
        parts.append(stream_routes(stream))
    parts.append(openapi := Routes("Service"))
    document: Callable[[], dict[str, Any]] = cache(lambda: build_document(parts, title, version, description))
    add_openapi(openapi, document)
    app = web.Application(client_max_size=settings.max_bulk_body_bytes)
    app[GATE] = gate
    app[DOCUMENT] = document
    app[EXPRESS] = {}
    for part in parts:
        for route in part:
            add_route(app, route, endpoints)
            if route.express:
                app[EXPRESS][route.path] = ExpressRoute(endpoints.express(route), endpoints.body_limit(route))
    app.router.add_route("*", "/{path:.*}", endpoints.handler(_fallback(app)))
    if stream is not None:

        async def close_stream(_app: web.Application) -> None:
            stream.close()

        app.on_shutdown.append(close_stream)
    return app


def add_route(app: web.Application, route: Route, endpoints: Endpoints) -> None:
    """Register ``route``; GET routes answer HEAD too, except streams."""
    handler = endpoints.handler(route)
    if route.method == "GET":
        app.router.add_get(route.path, handler, allow_head=not route.ticket)
    else:
        app.router.add_route(route.method, route.path, handler)


def _fallback(app: web.Application) -> Route:
    async def nothing_here(request: ApiRequest) -> None:
        allowed: set[str] = set()
        for resource in app.router.resources():
            if resource.canonical != "/{path}":
                allowed |= (await resource.resolve(request.raw))[1]
        raise not_found_or_method(sorted(allowed))

    return Route(method="*", path="other", handler=nothing_here, public=True, hidden=True)


def ticket_routes(gate: Gate) -> Routes:
    """``POST /v1/tickets``."""
    routes = Routes("Service", "Health, metrics, tickets and this document.")

    @routes.post("/v1/tickets", returns=TicketOut, status=201, errors=(401,))
    async def issue(request: ApiRequest) -> TicketOut:
        """Exchange a token for a one-use ticket.

        A browser puts the ticket into the URL of the stream or WebSocket, where it cannot send headers.
        """
        ticket = gate.tickets.issue(request.principal, monotonic())
        return TicketOut(ticket=ticket, expires_in=gate.tickets.lifetime_s)

    return routes


def service_routes(metrics: Metrics, health: Health) -> Routes:
    """``/healthz``, ``/readyz`` and ``/metrics``."""
    routes = Routes("Service")

    @routes.get("/healthz", public=True, probe=True, returns=dict[str, Any], errors=(503,))
    async def healthz(_request: ApiRequest) -> Reply:
        """Tell whether the process is alive; 503 says that only a restart helps."""
        healthy = health.healthy
        body = {"status": "ok" if healthy else "failed", "uptimeSeconds": round(health.uptime_s, 3)}
        return Reply(body, status=200 if healthy else 503)

    @routes.get("/readyz", public=True, probe=True, returns=dict[str, Any], errors=(503,))
    async def readyz(_request: ApiRequest) -> Reply:
        """Tell whether the service takes work.

        503 with the problems while it starts, drains, lacks a part, or its database takes nothing.
        """
        problems = health.problems()
        body = {"ready": not problems, "problems": problems}
        headers = {"Retry-After": "1"} if problems else {}
        return Reply(body, status=503 if problems else 200, headers=headers)

    @routes.get("/metrics", public=True, returns=bytes, produces="text/plain")
    async def prometheus(request: ApiRequest) -> Reply:
        """Every metric in Prometheus' text format."""
        text = metrics.render()
        headers = {"Vary": "Accept-Encoding"}
        if len(text) >= _GZIP_FROM_BYTES and "gzip" in request.raw.headers.get("Accept-Encoding", ""):
            text = gzip.compress(text, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        return Reply(text, headers=headers, content_type=CONTENT_TYPE)

    return routes


def add_openapi(routes: Routes, document: Callable[[], dict[str, Any]]) -> None:
    """``/openapi.json``, in 3.1 or, asked with ``version=3.0``, in 3.0."""
    rendered: dict[str, bytes] = {}

    @routes.get("/openapi.json", public=True, returns=dict[str, Any])
    async def openapi(request: ApiRequest) -> Reply:
        """Give this document; `?version=3.0` says it in the words of OpenAPI 3.0."""
        version = request.raw.rel_url.query.get("version", "3.1")
        if version not in ("3.0", "3.1"):
            raise ApiError(400, "malformed_request", "query.version: 3.1 or 3.0")
        if version not in rendered:
            made = await asyncio.get_running_loop().run_in_executor(None, document)
            rendered[version] = to_json(as_openapi_30(made) if version == "3.0" else made)
        return Reply(rendered[version])


def stream_routes(stream: EventStream) -> Routes:
    """``GET /v1/stream``."""
    routes = Routes("Stream", "What happens, as it happens.")

    @routes.get("/v1/stream", ticket=True, returns=bytes, produces="text/event-stream", errors=(400, 503))
    async def events(request: ApiRequest) -> web.StreamResponse:
        """Watch events as server-sent events or, where the request asks for that, over a WebSocket.

        A WebSocket gets the same documents, one in each message. `events=message.*,carrier.bound` filters by
        name. The header `Last-Event-ID` (or the query parameter `lastEventId`) resumes after that event. A
        viewer that is too slow loses the oldest events and is told by `stream.lost`. `frameBytes=16384` (from
        4096) asks for smaller frames: a sample, the rest counted.
        """
        query = request.raw.rel_url.query
        last_id = request.raw.headers.get("Last-Event-ID") or query.get("lastEventId")
        frame_bytes = parse_frame_bytes(query.get("frameBytes"))
        viewer = stream.open(request.principal, parse_patterns(query.get("events")), last_id, frame_bytes)
        headers = {"trackingid": request.tracking_id}
        if asks_for_websocket(request.raw):
            return await serve_websocket(request.raw, viewer, headers=headers)
        return await serve_sse(request.raw, viewer, headers)

    return routes
