"""Targets to load: an SMSC, an HTTP server and a Webex App socket that answer as a test says."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from gateway.load.profile import Profile
from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppHandler, SmppServer, serve
from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import Bind, Pdu, SubmitSm, response_to
from gateway.smpp.session import SessionSettings


def profile_for(target: str, **fields: Any) -> Profile:
    """A short, quick profile; evenly spaced."""
    document: dict[str, Any] = {
        "name": "test",
        "target": target,
        "duration_s": 0.5,
        "arrivals": {"rate": 100, "spacing": "even"},
        "timeout_s": 2,
        **fields,
    }
    return Profile.model_validate(document)


class Smsc(SmppHandler):
    """Accepts `guest` / `guest`; `answer(pdu)` gives a status, or None for no answer at all."""

    def __init__(self, answer: Callable[[SubmitSm], int | None] = lambda pdu: 0) -> None:
        self.answer = answer
        self.submits: list[SubmitSm] = []
        self.connections: list[SmppConnection] = []

    def on_bind(self, connection: SmppConnection, pdu: Bind) -> Pdu:
        if pdu.password != "guest":
            return response_to(pdu, CommandStatus.RBINDFAIL)
        self.connections.append(connection)
        return response_to(pdu, system_id="smsc")

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu | None:
        assert isinstance(pdu, SubmitSm)
        self.submits.append(pdu)
        status = self.answer(pdu)
        if status is None:
            return None
        return response_to(pdu, status, message_id="1") if not status else response_to(pdu, status)


@asynccontextmanager
async def serving(smsc: Smsc, window: int = 1_000) -> AsyncIterator[SmppServer]:
    settings = ConnectionSettings(session=SessionSettings(receive_window=window))
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: smsc, settings=settings)
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def http_serving(handler: Callable[[web.Request], Any]) -> AsyncIterator[int]:
    """Every request goes to `handler`; yields the port."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.port
    finally:
        await runner.cleanup()


class AppServer:
    """The Webex App's socket: `answer(frame)` gives the frame that answers, or None for none."""

    def __init__(self, answer: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        self.answer = answer
        self.frames: list[dict[str, Any]] = []
        self.sockets: list[web.WebSocketResponse] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer secret":
            return web.json_response({"errors": [{"code": "unauthorized"}]}, status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            frame = json.loads(message.data)
            self.frames.append(frame)
            answer = self.answer(frame)
            if answer is not None:
                await socket.send_str(json.dumps({"type": "message.accepted"}))
                await socket.send_str(json.dumps(answer))
        return socket


class Load:
    """What the tests of this folder share."""

    profile = staticmethod(profile_for)
    smsc = Smsc
    serving = staticmethod(serving)
    http_serving = staticmethod(http_serving)
    app_server = AppServer

    @staticmethod
    def accepted() -> web.Response:
        """What our API answers to a text."""
        return web.json_response({"id": "1"}, status=202)


@pytest.fixture
def load() -> type[Load]:
    return Load
