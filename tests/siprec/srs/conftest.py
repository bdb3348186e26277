"""A recording server on loopback with a database and folders of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime.blobs import FolderBlobs
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.metrics import Metrics
from siprec.srs.events import (
    RecordingFinished,
    RecordingPaused,
    RecordingResumed,
    RecordingStarted,
)
from siprec.srs.server import RecordingServer
from siprec.srs.settings import RecorderSettings
from siprec.srs.store import RecordingFilter, RecordingRow, RecordingStore


@dataclass
class Srs:
    """The server and what is behind it."""

    server: RecordingServer
    store: RecordingStore
    database: Database
    blobs: FolderBlobs
    metrics: Metrics
    root: Path
    events: list[Any] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def uri(self, transport: str = "udp") -> str:
        for each in self.server.listening:
            if each.transport == transport:
                return f"sip:srs@{each.host}:{each.port};transport={transport}"
        raise LookupError(transport)

    def count(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    async def until(self, kind: type, times: int = 1) -> Any:
        async with asyncio.timeout(10):
            while self.count(kind) < times:
                self.changed.clear()
                await self.changed.wait()
        return [event for event in self.events if isinstance(event, kind)][-1]

    async def rows(self) -> list[RecordingRow]:
        await self.database.flush()
        return list(await self.store.find(RecordingFilter()))

    async def sealed(self, times: int = 1) -> RecordingRow:
        finished = await self.until(RecordingFinished, times)
        return await self.store.get(finished.recording_id)

    def audio(self, row: RecordingRow, name: str) -> Path:
        assert row.document is not None
        return self.blobs.path(f"{row.document['storageKey']}/{name}")

    def metric(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(name, labels)
        return 0.0 if value is None else value


MakeSrs = Callable[..., Any]


def settings(root: Path, **changes: Any) -> RecorderSettings:
    base: dict[str, Any] = {
        "sip": {"udp_port": 0, "tcp_port": 0},
        "media": {"port_pairs": 16, "quarantine_seconds": 0.05},
        "storage": {"spool": str(root / "spool"), "min_free_bytes": 0},
        "profile": {},
        "max_sessions": 8,
    }
    for key, value in changes.items():
        base[key] = {**base[key], **value} if isinstance(value, dict) else value
    return RecorderSettings.model_validate(base)


@pytest.fixture
async def make_srs(tmp_path: Path) -> AsyncIterator[MakeSrs]:
    made: list[Srs] = []

    async def make(root: Path = tmp_path, start: bool = True, **changes: Any) -> Srs:
        database = await Database.open(
            f"sqlite:///{root / 'recordings.db'}", branches=[MigrationBranch.of("siprec.srs")]
        )
        bus, metrics, blobs = Bus(), Metrics(process=False), FolderBlobs(root / "kept")
        store = RecordingStore(database)
        server = RecordingServer(
            settings(root, **changes),
            store=store,
            blobs=blobs,
            bus=bus,
            metrics=metrics,
            now_ns=WorldClock().now_ns,
        )
        srs = Srs(server, store, database, blobs, metrics, root)
        made.append(srs)

        def heard(event: Any) -> None:
            srs.events.append(event)
            srs.changed.set()

        for kind in (RecordingStarted, RecordingPaused, RecordingResumed, RecordingFinished):
            bus.listen(kind, heard)
        if start:
            await server.start()
        return srs

    yield make
    for srs in made:
        await srs.server.stop()
        await srs.database.close()


@pytest.fixture
async def srs(make_srs: MakeSrs) -> Srs:
    return await make_srs()  # type: ignore[no-any-return]
