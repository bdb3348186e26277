"""What operators get, read from the files they would use."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.app import Service, build, load_config

ROOT = Path(__file__).parents[2]
PARTS = ("texting", "carriers", "recording")
FREE_PORTS = (
    "http.port=0",
    "carriers.port=0",
    "calling.port=0",
    "recording.sip.udp_port=0",
    "recording.sip.tcp_port=0",
    "recording.sip.tls=null",
    "recording.media.port_pairs=8",
    "recording.max_sessions=4",
    "log.level=error",
)
Start = Callable[..., Awaitable[Service]]


@pytest.fixture
def config() -> Path:
    """The folder that holds every file for operators."""
    return ROOT / "config"


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start a whole service on free ports: `await start("gateway.yaml", "key=value", parts=…)`."""
    running: list[Service] = []

    async def start(name: str = "gateway.yaml", *overrides: str, parts: tuple[str, ...] = PARTS) -> Service:
        settings = [*FREE_PORTS, f"storage.folder={tmp_path / 'data'}", *overrides]
        service = await build(load_config(name, parts, settings), parts)
        await service.lifecycle.start()
        running.append(service)
        return service

    yield start
    for service in running:
        await service.close()
