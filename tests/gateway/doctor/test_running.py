"""A look beside a gateway that runs."""

import asyncio

from gateway.app import build, load_config
from gateway.doctor import world
from gateway.runtime.http.settings import HttpSettings


async def test_a_gateway_of_ours_is_known(tmp_path):
    settings = ["http.port=0", "carriers.port=0", f"storage.folder={tmp_path}"]
    service = await build(load_config("gateway.yaml", ("carriers",), settings), ("carriers",))
    await service.lifecycle.start()
    try:
        port = int(service.http.url.rpartition(":")[2])
        assert await asyncio.to_thread(world.is_running, HttpSettings(port=port))
    finally:
        await service.close()
    assert not world.is_running(HttpSettings(port=port))


def test_nobody_there():
    assert not world.is_running(HttpSettings(port=0))
