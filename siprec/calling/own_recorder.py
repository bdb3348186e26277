"""A recorder of our own in a temporary folder, for scenarios: started, asked what it kept, thrown away."""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
from numpy.typing import NDArray

from gateway.runtime.blobs import FolderBlobs
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.metrics import Metrics
from siprec.srs.events import RecordingFinished
from siprec.srs.server import RecordingServer
from siprec.srs.settings import MediaSettings, RecorderSettings, SipSettings, StorageSettings
from siprec.srs.store import RecordingFilter, RecordingRow, RecordingStore

PAIRS = 16
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """One sealed recording. streams: 16-bit samples at 8 kHz, the recorded user's first."""

    identifier: str
    seconds: float
    streams: tuple[NDArray[np.int16], ...]
    announcements: tuple[str, ...]
    announced_at: tuple[str, ...]
    pauses: int


class OwnRecorder:
    """Made by `open`; `uri` is where to fork to."""

    def __init__(self, server: RecordingServer, store: RecordingStore, blobs: FolderBlobs, bus: Bus) -> None:
        self._server = server
        self._store = store
        self._blobs = blobs
        self._finished = 0
        self._changed = asyncio.Event()
        self._stack = AsyncExitStack()
        bus.listen(RecordingFinished, self._on_finished)

    @classmethod
    async def open(cls, host: str = "127.0.0.1") -> "OwnRecorder":
        """Start a recorder on free ports. Raises OSError or PortsUnavailableError."""
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="siprec-call-")))
            url = f"sqlite:///{folder / 'recordings.db'}"
            database = await Database.open(url, branches=[MigrationBranch.of("siprec.srs")])
            stack.push_async_callback(database.close)
            blobs, bus, store = FolderBlobs(folder / "kept"), Bus(), RecordingStore(database)
            server = RecordingServer(
                RecorderSettings(
                    sip=SipSettings(host=host, udp_port=0, tcp_port=None),
                    media=MediaSettings(port_pairs=PAIRS, quarantine_seconds=0.1),
                    storage=StorageSettings(spool=str(folder / "spool"), min_free_bytes=0),
                    max_sessions=PAIRS // 2,
                ),
                store=store,
                blobs=blobs,
                bus=bus,
                metrics=Metrics(process=False),
                now_ns=time.time_ns,
            )
            recorder = cls(server, store, blobs, bus)
            stack.push_async_callback(server.stop)
            await server.start()
            recorder._stack = stack.pop_all()
        return recorder

    async def __aenter__(self) -> "OwnRecorder":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def uri(self) -> str:
        """Where to fork to."""
        listening = self._server.listening[0]
        return f"sip:srs@{listening.host}:{listening.port}"

    def _on_finished(self, _event: RecordingFinished) -> None:
        self._finished += 1
        self._changed.set()

    async def recordings(self, number: int) -> list[Recorded]:
        """What was kept, in the order in which it began; waits a while until there are `number` of them."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self._finished < number:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        rows = await self._store.find(RecordingFilter())
        sealed = sorted((row for row in rows if row.document), key=lambda row: row.id)
        return [await asyncio.to_thread(self._read, row) for row in sealed]

    def _read(self, row: RecordingRow) -> Recorded:
        document = row.document or {}
        key = document["storageKey"]
        names = [each["name"] for each in document["audio"] if each["name"].startswith("party-")]
        streams = tuple(
            soundfile.read(self._blobs.path(f"{key}/{name}"), dtype="int16")[0] for name in sorted(names)
        )
        said = document["announcements"]
        return Recorded(
            document["tenant"].get("externalIdentifier", ""),
            (row.duration_ms or 0) / 1_000,
            streams,
            tuple(f"{each['event']} {each['kind']}" for each in said),
            tuple(each["at"] for each in said if each.get("at")),
            len(document["pauses"]),
        )
