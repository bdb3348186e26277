"""What our HTTP layer adds to bare aiohttp, per request, in microseconds.

Both servers run in this process on uvloop and take the same POST from the same client, in short turns, so
that a noisy machine hits both alike. ``run(seconds) -> dict``; as a script prints it as JSON.
"""

import asyncio
import json
import statistics
import sys
from time import perf_counter

import uvloop
from aiohttp import web

from gateway.runtime.http import (
    ApiModel,
    ApiRequest,
    Health,
    HttpServer,
    HttpSettings,
    Routes,
    TokenSettings,
    build_app,
)
from gateway.runtime.metrics import Metrics

CONNECTIONS = 8
TURN_S = 0.25
BODY = json.dumps(
    {"personId": "alice", "to": "+13105550120", "text": "Your appointment is at 10:30 tomorrow."}
)


class MessageIn(ApiModel):
    """A body of the size of a text."""

    person_id: str
    to: str
    text: str


class MessageOut(ApiModel):
    """An answer of the size of ours."""

    id: str
    direction: str = "outbound"
    state: str = "accepted"
    to: str
    segments: int = 1
    encoding: str = "gsm7"
    carrier: str = "tmobile"
    created: str = "2026-01-31T12:00:00.000Z"


class _Client(asyncio.Protocol):
    """Sends the same request again as soon as it is answered."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.answered = 0
        self.failed = 0
        self.running = True
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.answered += 1
        if not data.startswith(b"HTTP/1.1 202"):
            self.failed += 1
        if self.running and self.transport is not None:
            self.transport.write(self.request)


def _request(port: int) -> bytes:
    head = (
        f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer demo-admin\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    return (head + BODY).encode()


async def _turn(port: int) -> float:
    """Microseconds per request over one short turn."""
    loop = asyncio.get_running_loop()
    request = _request(port)
    made = [
        await loop.create_connection(lambda: _Client(request), "127.0.0.1", port) for _ in range(CONNECTIONS)
    ]
    clients = [client for _, client in made]
    await asyncio.sleep(0.02)
    before, started = sum(c.answered for c in clients), perf_counter()
    await asyncio.sleep(TURN_S)
    answered, elapsed = sum(c.answered for c in clients) - before, perf_counter() - started
    for transport, client in made:
        client.running = False
        transport.close()
    if any(client.failed for client in clients):
        raise RuntimeError("a request was refused")
    return elapsed / answered * 1e6


def _bare() -> web.Application:
    answer = MessageOut(id="0000000000001", to="+13105550120").model_dump_json().encode()

    async def send(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=answer, status=202, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/messages", send)
    return app


def _ours(settings: HttpSettings) -> web.Application:
    routes = Routes("Messages")

    @routes.post("/v1/messages", body=MessageIn, returns=MessageOut, status=202, roles=("admin", "person"))
    async def send(request: ApiRequest) -> MessageOut:
        """Send a text."""
        return MessageOut(id="0000000000001", to=request.body.to)

    tokens = [TokenSettings(token="demo-admin", role="admin")]
    return build_app([routes], tokens, Metrics(process=False), Health(), "bench", "0", settings=settings)


async def measure(seconds: float) -> dict[str, float]:
    """Medians over turns: µs per request of bare aiohttp and of ours, and what ours adds."""
    settings = HttpSettings(port=0)
    ours = HttpServer(_ours(settings), settings)
    await ours.start()
    runner = web.AppRunner(_bare(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    bare_us, ours_us = [], []
    for _ in range(max(2, round(seconds / (2 * TURN_S)))):
        bare_us.append(await _turn(site.port))
        ours_us.append(await _turn(ours.port))
    await ours.stop()
    await runner.cleanup()
    return {
        "bare_us": round(statistics.median(bare_us), 1),
        "ours_us": round(statistics.median(ours_us), 1),
        "added_us": round(statistics.median(o - b for o, b in zip(ours_us, bare_us, strict=True)), 1),
        "requests_per_second": round(1e6 / statistics.median(ours_us)),
    }


def run(seconds: float = 4.0) -> dict[str, float]:
    """Compare for about ``seconds`` seconds."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure(seconds))


if __name__ == "__main__":
    print(json.dumps(run(float(sys.argv[1]) if len(sys.argv) > 1 else 4.0)))
