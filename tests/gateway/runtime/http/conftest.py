"""A served API on a real loopback socket, and a client that speaks to it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from gateway.runtime.bus import Bus
from gateway.runtime.http import (
    EventStream,
    Health,
    HttpServer,
    HttpSettings,
    Routes,
    TokenSettings,
    build_app,
)
from gateway.runtime.metrics import Metrics

TOKENS = (
    TokenSettings(token="demo-admin", role="admin", name="admin token"),
    TokenSettings(token="demo-alice", role="person", organization="acme", person="alice"),
    TokenSettings(token="demo-bob", role="person", organization="acme", person="bob"),
)


@dataclass
class Api:
    """A running server and a client of it."""

    server: HttpServer
    client: aiohttp.ClientSession
    bus: Bus
    stream: EventStream
    health: Health
    metrics: Metrics
    app: Any

    async def call(
        self, method: str, path: str, *, token: str | None = "demo-admin", headers: Any = None, **options: Any
    ) -> "Answer":
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        async with self.client.request(method, self.server.url + path, headers=sent, **options) as response:
            body = await response.read()
            return Answer(response.status, response.headers, body, await _json(response))


async def _json(response: aiohttp.ClientResponse) -> Any:
    if "json" in response.headers.get("Content-Type", "") and await response.read():
        return await response.json()
    return None


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes
    json: Any

    @property
    def codes(self) -> list[str]:
        return [error["code"] for error in self.json["errors"]]


Serve = Callable[..., Awaitable[Api]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    running: list[Api] = []

    async def start(
        routes: Sequence[Routes] = (), settings: HttpSettings | None = None, **stream_options: Any
    ) -> Api:
        settings = settings or HttpSettings(port=0)
        bus, health, metrics = Bus(), Health(), Metrics(process=False)
        stream = EventStream(bus, metrics=metrics, **stream_options)
        app = build_app(routes, TOKENS, metrics, health, "Test", "1.0", settings=settings, stream=stream)
        server = HttpServer(app, settings, health=health)
        await server.start()
        api = Api(server, aiohttp.ClientSession(), bus, stream, health, metrics, app)
        running.append(api)
        return api

    yield start
    for api in running:
        await api.client.close()
        await api.server.stop()
