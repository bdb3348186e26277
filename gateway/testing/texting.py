"""A whole gateway for a test: API, rules, throttle, binds and its mock carriers, on free ports.

async with running_gateway(folder) as gateway:
    gateway.url                                   # of the API; tokens as in the demo world
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.app import Service, build, load_config
from gateway.messages.events import MessageDelivered, MessageEvent, MessageFailed
from gateway.runtime.clock import WorldClock
from gateway.runtime.config import carried_config
from gateway.runtime.ids import encode_id
from gateway.service import CarrierBound
from gateway.testing.backstage import Backstage
from gateway.testing.carriers import MockCarrier

PARTS = ("texting", "carriers")
ADMIN = "demo-admin"
BIND_WAIT_S = 10.0
ANSWER_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A started service."""

    service: Service

    @property
    def url(self) -> str:
        """Base of its API."""
        assert self.service.http is not None  # noqa: S101 - `build` always makes one
        return self.service.http.url

    @property
    def clock(self) -> WorldClock:
        """World time."""
        return self.service.world.clock

    def on_end(self, listener: Callable[[str, str, int], None]) -> None:
        """Call `listener(id, state, at_ns)` whenever a text has reached its final state."""

        def tell(event: MessageEvent) -> None:
            text = event.current
            listener(encode_id(text.id), text.state.value, text.updated_ns)

        for kind in (MessageDelivered, MessageFailed):
            self.service.world.bus.listen(kind, tell)


@asynccontextmanager
async def running_gateway(
    folder: Path,
    *overrides: str,
    config: str | None = None,
    parts: Sequence[str] = PARTS,
    clock: WorldClock | None = None,
) -> AsyncIterator[RunningGateway]:
    """Run a service on the running loop, by default the demo world's texting half; every bind is up.

    The demo world is that of this distribution: a `gateway.yaml` in the current folder has to be named.
    `overrides` are `key=value` as of `--set`; data go to `folder`. Raises `ConfigError`.
    """
    file = config or str(carried_config("gateway.yaml"))
    settings = [f"storage.folder={folder}", "http.port=0", "carriers.port=0", *overrides]
    loaded = await asyncio.get_running_loop().run_in_executor(None, load_config, file, parts, settings)
    service = await build(loaded, parts, clock=clock)
    service.world.clock.start()
    await service.lifecycle.start()
    try:
        await _bound(service)
        yield RunningGateway(service)
    finally:
        await service.close()
        service.world.clock.close()


async def _bound(service: Service) -> None:
    if service.texting is None or service.carriers is None:
        return
    pools = service.texting.carriers.pools.values()
    async with asyncio.timeout(BIND_WAIT_S), service.world.bus.subscribe(CarrierBound) as bound:
        while not all(pool.bound for pool in pools):
            await anext(bound)


class TextingGateway:
    """A running gateway for code without an event loop; every method may be called from any thread."""

    def __init__(self, backstage: Backstage, running: RunningGateway) -> None:
        self._backstage = backstage
        self.running = running
        """The service itself; touch it on the backstage's loop only."""
        carriers = running.service.carriers
        self.carriers: dict[str, MockCarrier] = {
            name: MockCarrier(backstage, carrier)
            for name, carrier in (carriers.carriers.items() if carriers is not None else ())
        }
        """Its mock carriers by name."""

    @property
    def url(self) -> str:
        """Base of its API."""
        return self.running.url

    def call(self, method: str, path: str, body: Any = None, *, token: str = ADMIN) -> tuple[int, Any]:
        """(status, document) of one request to the API."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_WAIT_S) as response:  # noqa: S310
                return response.status, _document(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _document(error.read())

    def send(self, source: str, destination: str, text: str, *, token: str = ADMIN) -> dict[str, Any]:
        """Send a text; its document, or that of the refusal (with `errors`)."""
        body = {"from": source, "to": destination, "text": text}
        return dict(self.call("POST", "/v1/messages", body, token=token)[1])

    def message(self, message_id: str, *, token: str = ADMIN) -> dict[str, Any]:
        """A text as it stands."""
        return dict(self.call("GET", f"/v1/messages/{message_id}", token=token)[1])

    def messages(self, query: str = "", *, token: str = ADMIN) -> list[dict[str, Any]]:
        """Texts, newest first; `query` as in `direction=inbound&max=10`."""
        return list(self.call("GET", f"/v1/messages?{query}", token=token)[1]["items"])


def _document(raw: bytes) -> Any:
    return json.loads(raw) if raw else None
