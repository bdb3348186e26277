"""From a recording in progress to one that is kept: files converted and checksummed, stored, row written,
told.

What a crash left behind is sealed at the next start with what arrived.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from gateway.runtime.blobs import Blobs
from gateway.runtime.bus import Bus
from gateway.runtime.errors import BlobError, DatabaseError
from gateway.runtime.ids import encode_id
from gateway.runtime.log import get_logger
from siprec.srs.errors import FileDamagedError
from siprec.srs.events import RecordingFinished
from siprec.srs.files import AudioFormat, SealedFile, repair_wav, seal
from siprec.srs.meters import RecorderMeters
from siprec.srs.sidecar import Caller, RecordingFacts, write_history, write_sidecar
from siprec.srs.store import (
    FAILED,
    RECORDING,
    SEALED,
    RecordingFilter,
    RecordingRow,
    RecordingStore,
    SealRecording,
    Tenant,
)
from siprec.srs.timeline import Timeline

SIDECAR = "recording.json"
HISTORY = "metadata.json"
ROW_RETRIES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""A database that is full or away is asked again after these waits; then the row stays as it was."""
MAX_AT_ONCE = 4
"""Sealing waits for disks and shares the interpreter with calls that begin: a few at a time."""

_log = get_logger("recorder")


class Filing(Protocol):
    """Decides under which provider a tenant's recordings are kept."""

    def provider_of(self, tenant: Tenant) -> str:
        """Return the provider's name."""
        ...


class Unfiled:
    """Files everything under one name: a recorder that stands alone."""

    def __init__(self, provider: str = "unfiled") -> None:
        self._provider = provider

    def provider_of(self, tenant: Tenant) -> str:
        """Return the one name."""
        return self._provider


@dataclass(frozen=True, slots=True)
class Finished:
    """A recording whose files are closed, on its way to being sealed."""

    recording_id: int
    directory: Path
    tenant: Tenant
    facts: RecordingFacts
    has_audio: bool = True
    """False says that no file was ever opened: there is no folder."""


def storage_key(recording_id: int, started_ns: int) -> str:
    """Return the prefix of a recording's blobs: day and id."""
    day = datetime.fromtimestamp(started_ns / 1e9, UTC)
    return f"{day:%Y/%m/%d}/{encode_id(recording_id)}"


async def _nothing_waits() -> None:
    """The files are written already."""


class Sealer:
    """Seals recordings, a few at a time, off the event loop.

    `settled` waits until what was asked of the recordings' files is done.
    """

    def __init__(
        self,
        store: RecordingStore,
        blobs: Blobs,
        bus: Bus,
        meters: RecorderMeters,
        audio_format: AudioFormat,
        now_ns: Callable[[], int],
        settled: Callable[[], Awaitable[None]] = _nothing_waits,
    ) -> None:
        self._settled = settled
        self._store = store
        self._blobs = blobs
        self._bus = bus
        self._meters = meters
        self._format: AudioFormat = audio_format
        self._now_ns = now_ns
        self._gate = asyncio.Semaphore(MAX_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._hurry = asyncio.Event()

    @property
    def pending(self) -> int:
        """How many recordings are on their way."""
        return len(self._tasks)

    def seal_soon(self, finished: Finished) -> None:
        """Seal in the background."""
        task = asyncio.get_running_loop().create_task(
            self._seal_in_background(finished), name="seal recording"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self, *, hurry: bool = False) -> None:
        """Wait until everything handed over is sealed. hurry: a database that refuses is asked once more."""
        if hurry:
            self._hurry.set()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _seal_in_background(self, finished: Finished) -> None:
        try:
            await self.seal(finished, ROW_RETRIES_S)
        except DatabaseError as error:
            _log.error(
                "recording is kept without its row", recording=finished.facts.recording_id, error=str(error)
            )

    async def seal(self, finished: Finished, row_retries_s: Sequence[float] = ()) -> None:
        """Seal one recording. A failure keeps the spool and marks the row.

        Raises `DatabaseError` where the row cannot be written, after so many more attempts.
        """
        facts = finished.facts
        key = storage_key(finished.recording_id, facts.started_ns)
        try:
            if finished.has_audio:
                await self._settled()
            async with self._gate:
                files = await self._seal_files(finished.directory) if finished.has_audio else []
                document = _json(write_sidecar(facts, files) | {"storageKey": key})
                await self._keep(key, files, document, _json(write_history(facts.revisions)))
                if finished.has_audio:
                    await asyncio.to_thread(_remove_folder, finished.directory)
            state = SEALED
        except (FileDamagedError, BlobError, OSError) as error:
            _log.error(
                "recording could not be sealed", recording=encode_id(finished.recording_id), error=str(error)
            )
            files, state = [], FAILED
            failure = {"storageKey": key, "failure": type(error).__name__}
            document = _json(write_sidecar(facts, files) | failure)
        size = sum(file.size_bytes for file in files)
        await self._write_row(_sealed_row(finished, state, size, document), row_retries_s)
        self._meters.stored(facts.provider, size)
        event = RecordingFinished(
            finished.recording_id,
            facts.provider,
            finished.tenant,
            facts.duration_ms,
            facts.outcome,
            self._now_ns(),
        )
        self._bus.publish(event)

    async def _write_row(self, row: SealRecording, waits_s: Sequence[float]) -> None:
        for wait_s in waits_s:
            try:
                await self._store.seal(row)
            except DatabaseError as error:
                _log.warning("sealed recording has no row yet", error=str(error))
            else:
                return
            if self._hurry.is_set():
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._hurry.wait()
        await self._store.seal(row)

    async def _seal_files(self, directory: Path) -> list[SealedFile]:
        """Seal what the recorder wrote, parties first."""
        return await asyncio.to_thread(_seal_all, directory, self._format)

    async def _keep(self, key: str, files: Sequence[SealedFile], document: bytes, history: bytes) -> None:
        for file in files:
            await self._blobs.put_file(f"{key}/{file.name}", file.path)
        await self._blobs.put(f"{key}/{HISTORY}", history)
        await self._blobs.put(f"{key}/{SIDECAR}", document)

    async def recover(self, spool: Path) -> int:
        """Seal the recordings that were in progress when the process ended; return how many."""
        found = 0
        while rows := await self._store.find(RecordingFilter(state=RECORDING), limit=500):
            for row in rows:
                await self.seal(await asyncio.to_thread(_left_behind, row, spool, self._now_ns()))
                found += 1
        if found:
            _log.warning("recordings interrupted by the last stop were sealed", count=found)
        return found


def _remove_folder(directory: Path) -> None:
    with suppress(OSError):
        directory.rmdir()


def _seal_all(directory: Path, audio_format: AudioFormat) -> list[SealedFile]:
    paths = sorted(directory.glob("*.wav"), key=lambda path: (path.stem == "stereo", path.stem))
    return [seal(path, audio_format) for path in paths]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _sealed_row(finished: Finished, state: str, size_bytes: int, document: bytes) -> SealRecording:
    facts = finished.facts
    return SealRecording(
        finished.recording_id,
        state,
        facts.provider,
        *finished.tenant,
        facts.started_ns,
        facts.ended_ns,
        facts.duration_ms,
        size_bytes,
        facts.outcome,
        document.decode(),
    )


def _left_behind(row: RecordingRow, spool: Path, now_ns: int) -> Finished:
    """Repair the files of a recording a crash interrupted; its end is when its last file was written."""
    directory = spool / encode_id(row.id)
    duration_ms, ended_ns = 0, row.started_ns
    for path in directory.glob("*.wav"):
        try:
            repair_wav(path)
            sealed = seal(path)
        except FileDamagedError:
            path.unlink(missing_ok=True)
            continue
        duration_ms = max(duration_ms, sealed.duration_ms)
        ended_ns = max(ended_ns, min(now_ns, path.stat().st_mtime_ns))
    facts = RecordingFacts(
        recording_id=encode_id(row.id),
        provider=row.provider,
        tenant=tenant_names(row.tenant),
        dialect=row.dialect,
        sip_call_id=row.sip_call_id,
        caller=Caller(None, None),
        started_ns=row.started_ns,
        ended_ns=ended_ns,
        duration_ms=duration_ms,
        outcome="interrupted",
        timeline=Timeline(),
        tracks=(),
        metadata=None,
        warnings=(),
        revisions=(),
    )
    return Finished(row.id, directory, row.tenant, facts)


def tenant_names(tenant: Tenant) -> dict[str, str]:
    """Return a tenant as the sidecar names it."""
    return {
        "serviceProvider": tenant.service_provider,
        "externalGroup": tenant.external_group,
        "externalIdentifier": tenant.external_identifier,
    }
