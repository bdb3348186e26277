"""A whole demo world per test: real sockets on free ports, its own folder, a world clock to bend."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Service, build, load_config
from gateway.demo.client import ApiClient
from gateway.service import CarrierBound

PARTS = ("texting", "carriers")


@dataclass
class RunningWorld:
    """A started service and an administrator's client of it."""

    service: Service
    client: ApiClient

    async def finished(self, message_id: str) -> dict[str, Any]:
        """The text's story once it has an outcome, while a frozen world moves on second by second."""
        for _ in range(60):
            message: dict[str, Any] = await self.client.follow(message_id, 0.05)
            if message["state"] not in ("accepted", "queued", "submitted"):
                break
            await self.client.post("/v1/clock", {"advance": 1})
        return message

    def as_(self, token: str) -> ApiClient:
        assert self.service.http is not None
        return ApiClient(self.service.http.url, token)

    def metric(self, name: str, **labels: str) -> float:
        """The value of one sample, 0 while nobody has counted it."""
        return self.service.world.metrics.registry.get_sample_value(name, labels) or 0.0


OpenWorld = Callable[..., AbstractAsyncContextManager[RunningWorld]]


@contextlib.asynccontextmanager
async def running_world(
    folder: Path, *overrides: str, parts: tuple[str, ...] = PARTS, kill: bool = False
) -> AsyncIterator[RunningWorld]:
    """A demo world in this folder, until the end of the block; `kill` spares the drain."""
    settings = [
        "http.port=0",
        f"storage.folder={folder}",
        "carriers.port=0",
        *overrides,
    ]
    service = await build(load_config("gateway.yaml", parts, settings), parts)
    await service.lifecycle.start()
    try:
        if "texting" in parts and "carriers" in parts:
            await all_bound(service)
        assert service.http is not None
        async with ApiClient(service.http.url, "demo-admin") as client:
            yield RunningWorld(service, client)
    finally:
        if kill:
            await service.lifecycle.stop()
            await service.world.database.close()
        else:
            await service.close()


@pytest.fixture
def open_world(tmp_path: Path) -> OpenWorld:
    """Open a demo world with further `--set` overrides; may be opened again on the same folder: a restart."""
    return partial(running_world, tmp_path)


@pytest.fixture(scope="module")
def open_shared_world(tmp_path_factory: pytest.TempPathFactory) -> OpenWorld:
    """As `open_world`, for a world that the tests of a module share."""
    return partial(running_world, tmp_path_factory.mktemp("world"))


async def all_bound(service: Service) -> None:
    assert service.texting is not None
    async with service.world.bus.subscribe(CarrierBound) as bound:
        while not all(pool.bound for pool in service.texting.carriers.pools.values()):
            await anext(bound)


@pytest.fixture
async def world(open_world: OpenWorld) -> AsyncIterator[RunningWorld]:
    """A demo world with the machine's clock."""
    async with open_world() as running:
        yield running
