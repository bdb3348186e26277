"""The HTTP face of a service: routes with models in, an aiohttp application with everything around them out.

A part declares ``Routes``; ``build_app`` joins them with authentication, errors, paging, the OpenAPI
document, docs, health, metrics and the event stream; ``HttpServer`` listens.
"""

from gateway.runtime.http.app import build_app
from gateway.runtime.http.auth import ANONYMOUS, Principal, Tickets, Tokens
from gateway.runtime.http.errors import ApiError, HttpError, ServerStartError
from gateway.runtime.http.health import Health
from gateway.runtime.http.models import ApiModel, ErrorDocument
from gateway.runtime.http.paging import Paged, PageRequest
from gateway.runtime.http.routes import ApiRequest, Reply, Route, Routes
from gateway.runtime.http.server import HttpServer
from gateway.runtime.http.settings import HttpSettings, TokenSettings
from gateway.runtime.http.stream import EventStream, Viewer
from gateway.runtime.http.stream_serving import serve_sse, serve_websocket
from gateway.runtime.http.wire import event_document, format_ns

__all__ = [
    "ANONYMOUS",
    "ApiError",
    "ApiModel",
    "ApiRequest",
    "ErrorDocument",
    "EventStream",
    "Health",
    "HttpError",
    "HttpServer",
    "HttpSettings",
    "PageRequest",
    "Paged",
    "Principal",
    "Reply",
    "Route",
    "Routes",
    "ServerStartError",
    "Tickets",
    "TokenSettings",
    "Tokens",
    "Viewer",
    "build_app",
    "event_document",
    "format_ns",
    "serve_sse",
    "serve_websocket",
]
