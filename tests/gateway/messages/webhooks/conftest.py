"""A receiver on a real socket, a world of webhooks around a database file."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import uvloop
from aiohttp import web

from gateway.messages.webhooks import Webhook, Webhooks, WebhooksSettings
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.http.auth import Principal
from gateway.runtime.ids import new_id
from gateway.runtime.metrics import Metrics


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run everything on both loops: their transports differ where one would not expect it."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


ADMIN = Principal("admin", "admin", "acme", None)


@dataclass(frozen=True, slots=True)
class TextDelivered:
    name: ClassVar[str] = "message.delivered"
    text_id: str
    organization_id: str = "acme"
    person_id: str = "alice"
    carrier: str = "att"

    def as_payload(self) -> dict[str, Any]:
        return {"id": self.text_id, "carrier": self.carrier}


@dataclass(frozen=True, slots=True)
class CarrierBound:
    name: ClassVar[str] = "carrier.bound"
    carrier: str


@dataclass
class Receiver:
    """Notes every post; answers from `script` first, then with 200."""

    url: str = ""
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    script: list[Any] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            async with self._more:
                self.posts.append((dict(request.headers), body))
                self._more.notify_all()
            answer = self.script.pop(0) if self.script else 200
            if callable(answer):
                answer = await answer(request)
            return answer if isinstance(answer, web.StreamResponse) else web.Response(status=answer)
        finally:
            self.at_once -= 1

    async def wait_for(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        async with asyncio.timeout(15), self._more:
            await self._more.wait_for(lambda: len(self.posts) >= count)
        return self.posts


StartReceiver = Callable[..., Awaitable[Receiver]]


@pytest.fixture
async def start_receiver() -> AsyncIterator[StartReceiver]:
    runners: list[web.AppRunner] = []

    async def start(port: int = 0, tls: ssl.SSLContext | None = None) -> Receiver:
        receiver = Receiver()
        app = web.Application()
        app.router.add_post("/events", receiver.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls, reuse_address=True)
        await site.start()
        runners.append(runner)
        host, port = runner.addresses[0][:2]
        receiver.url = f"http{'s' if tls else ''}://{'localhost' if tls else host}:{port}/events"
        return receiver

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def receiver(start_receiver: StartReceiver) -> Receiver:
    return await start_receiver()


async def until(condition: Callable[[], object]) -> None:
    """Wait for a state that nothing announces."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@dataclass
class World:
    bus: Bus
    database: Database
    metrics: Metrics
    webhooks: Webhooks
    clock: WorldClock

    async def register(self, url: str, **changes: Any) -> Webhook:
        values: dict[str, Any] = {
            "id": new_id(), "name": "test", "target_url": url, "resource": "messages", "event": "all",
            "filter": None, "secret": "s3cret", "status": "active", "owner": ADMIN,
            "created_ns": self.clock.now_ns(),
        }  # fmt: skip
        webhook = Webhook(**{**values, **changes})
        await self.webhooks.create(webhook)
        return webhook

    def outcomes(self) -> dict[str, float]:
        found = {}
        for line in self.metrics.render().decode().splitlines():
            if line.startswith("gateway_webhook_deliveries_total{"):
                found[line.split('"')[1]] = float(line.split()[-1])
        return {outcome: count for outcome, count in found.items() if count}

    async def settled(self) -> None:
        await self.webhooks.drain(15)
        assert self.webhooks.pending == 0
        await self.database.flush()


OpenWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def open_world(tmp_path: Path) -> AsyncIterator[OpenWorld]:
    worlds: list[World] = []

    async def open_(**settings: Any) -> World:
        settings = {"first_retry_s": 0.02, "longest_retry_s": 0.05, **settings}
        bus, metrics, clock = Bus(), Metrics(process=False), WorldClock()
        branch = MigrationBranch.of("gateway.messages.webhooks")
        database = await Database.open(f"sqlite:///{tmp_path}/x.db", branches=[branch], metrics=metrics)
        webhooks = Webhooks(bus, database, clock, metrics, WebhooksSettings(**settings))
        world = World(bus, database, metrics, webhooks, clock)
        await webhooks.start()
        worlds.append(world)
        return world

    yield open_
    for world in worlds:
        await world.webhooks.stop()
        await world.database.close()


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await open_world()
