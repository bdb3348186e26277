"""A recording server on loopback for tests: its own ports, database and folders, gone at the end.

async with running_recorder(tmp_path, profile={"plain_invite": "record"}) as srs:
    call(srs.uri("udp"))
    row = await srs.sealed()
    soundfile.read(srs.audio(row, "party-1.wav"))
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.runtime.blobs import FolderBlobs
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.metrics import Metrics
from siprec.srs.events import (
    RecordingEvent,
    RecordingFinished,
    RecordingPaused,
    RecordingResumed,
    RecordingStarted,
)
from siprec.srs.server import RecordingServer
from siprec.srs.settings import RecorderSettings
from siprec.srs.store import RecordingFilter, RecordingRow, RecordingStore

WAIT_S = 10.0


class RunningRecorder:
    """The server, and what a test wants to know of it."""

    def __init__(
        self, server: RecordingServer, database: Database, blobs: FolderBlobs, metrics: Metrics
    ) -> None:
        self.server = server
        self.database = database
        self.store = RecordingStore(database)
        self.blobs = blobs
        self.metrics = metrics
        self.events: list[RecordingEvent] = []
        self._changed = asyncio.Event()

    def heard(self, event: RecordingEvent) -> None:
        """Keep an event of the bus."""
        self.events.append(event)
        self._changed.set()

    def uri(self, transport: str = "udp") -> str:
        """Return the URI that reaches the server over `udp`, `tcp` or `tls`."""
        for each in self.server.listening:
            if each.transport == transport:
                return f"sip:srs@{each.host}:{each.port};transport={transport}"
        raise LookupError(f"the server does not listen on {transport}")

    def count(self, kind: type) -> int:
        """Return how many events of a class have come."""
        return sum(isinstance(event, kind) for event in self.events)

    async def until(self, kind: type, times: int = 1) -> Any:
        """Wait for the nth event of a class and return the latest. Raises `TimeoutError`."""
        async with asyncio.timeout(WAIT_S):
            while self.count(kind) < times:
                self._changed.clear()
                await self._changed.wait()
        return [event for event in self.events if isinstance(event, kind)][-1]

    async def sealed(self, times: int = 1) -> RecordingRow:
        """Wait for the nth sealed recording and return the latest."""
        finished = await self.until(RecordingFinished, times)
        return await self.store.get(finished.recording_id)

    async def rows(self, limit: int = 1_000) -> list[RecordingRow]:
        """Return every row, newest first."""
        await self.database.flush()
        return list(await self.store.find(RecordingFilter(), limit))

    def audio(self, row: RecordingRow, name: str) -> Path:
        """Return the path of a kept file."""
        return self.blobs.path(f"{(row.document or {})['storageKey']}/{name}")

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a metric, 0 where it has none yet."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def recorder_settings(root: Path, **changes: Any) -> RecorderSettings:
    """Return settings for a test; `changes` are sections (merged) or plain values."""
    base: dict[str, Any] = {
        "sip": {"udp_port": 0, "tcp_port": 0},
        "media": {"port_pairs": 16, "quarantine_seconds": 0.05},
        "storage": {"spool": str(root / "spool"), "min_free_bytes": 0},
        "max_sessions": 8,
    }
    for key, value in changes.items():
        base[key] = {**base.get(key, {}), **value} if isinstance(value, Mapping) else value
    return RecorderSettings.model_validate(base)


@asynccontextmanager
async def running_recorder(
    root: Path, *, clock: WorldClock | None = None, **changes: Any
) -> AsyncIterator[RunningRecorder]:
    """Run a recording server below a folder, in the machine's time without a `clock`.

    `changes` as in `recorder_settings`.
    """
    branches = [MigrationBranch.of("siprec.srs")]
    async with await Database.open(f"sqlite:///{root / 'recordings.db'}", branches=branches) as database:
        bus, metrics, blobs = Bus(), Metrics(process=False), FolderBlobs(root / "kept")
        server = RecordingServer(
            recorder_settings(root, **changes),
            store=RecordingStore(database),
            blobs=blobs,
            bus=bus,
            metrics=metrics,
            now_ns=(clock or WorldClock()).now_ns,
        )
        running = RunningRecorder(server, database, blobs, metrics)
        for kind in (RecordingStarted, RecordingPaused, RecordingResumed, RecordingFinished):
            bus.listen(kind, running.heard)
        await server.start()
        try:
            yield running
        finally:
            await server.stop()
