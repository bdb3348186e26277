"""The recording half as a part of a service: recorder, providers, retention in world time."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gateway.directory.store import DirectoryStore
from gateway.runtime.blobs import Blobs, open_blobs
from gateway.runtime.bus import Bus
from gateway.runtime.clock import TimerHandle, WorldClock
from gateway.runtime.database import Database
from gateway.runtime.errors import BlobError, DatabaseError
from gateway.runtime.http.routes import Routes
from gateway.runtime.ids import IdSource
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics
from siprec.api.administration import RecordingAdministration
from siprec.api.archive import Archive
from siprec.api.library import Library
from siprec.api.recordings import recording_routes
from siprec.api.settings_routes import settings_routes
from siprec.providers import events as told
from siprec.providers.desk import ProviderDesk
from siprec.providers.errors import FilingNotFound
from siprec.providers.model import Account, TenantKey
from siprec.providers.settings import ProvidersSettings
from siprec.providers.store import DeleteFiling, recording_filings
from siprec.srs.events import RecordingFinished, RecordingPaused, RecordingResumed, RecordingStarted
from siprec.srs.server import RecordingServer
from siprec.srs.settings import RecorderSettings
from siprec.srs.store import (
    RECORDING,
    RecordingFilter,
    RecordingStore,
    Tenant,
    recordings,
    shortened,
)

QUARANTINE = "quarantine"
"""Where recordings of an unknown tenant are counted."""
LEAST_PAUSE_NS = 1_000_000_000
"""World time between two sweeps, at least."""

_log = get_logger("recording")


@dataclass(frozen=True, slots=True)
class Foundation:
    """What recording stands on: the parts it shares with whatever else runs in the process."""

    clock: WorldClock
    bus: Bus
    metrics: Metrics
    database: Database
    ids: IdSource
    directory: DirectoryStore
    folder: Path
    """Where recordings go unless the settings say otherwise."""
    owns_directory: bool = False
    """Nobody else takes up the stored changes of the directory."""


class Recording:
    """The recording half as a part of the service's life."""

    def __init__(self, world: Foundation, recorder: RecorderSettings, providers: ProvidersSettings) -> None:
        self._world = world
        self.settings = _placed(recorder, world.folder)
        self.blobs: Blobs = open_blobs(self.settings.storage.url)
        self.store = RecordingStore(world.database)
        self.desk = ProviderDesk(
            world.directory.directory, providers.providers, world.database, world.bus, world.clock.now_ns
        )
        self.desk.on_retention = self._arm_by
        self.desk.on_account = self._on_account
        places = {name: open_blobs(url) for name, url in providers.storages.items()}
        self.archive = Archive(self.store, self.blobs, places)
        self.server = RecordingServer(
            self.settings,
            store=self.store,
            blobs=self.blobs,
            bus=world.bus,
            metrics=world.metrics,
            now_ns=world.clock.now_ns,
            filing=self,
            providers=(*providers.providers, QUARANTINE),
            make_id=world.ids.new_id,
        )
        self.ready = False
        self._tone_seconds = providers.repeat_tone_seconds
        self._storages = frozenset(places)
        self._moving = asyncio.Lock()
        self._weighing = False
        self._unwanted: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweep_timer: TimerHandle | None = None
        self._sweep_due_ns: int | None = None
        self._swept = world.metrics.counter(
            "siprec_recordings_deleted_total", "Recordings deleted", ("reason",)
        )
        world.bus.listen(RecordingStarted, self._on_started)
        world.bus.listen(RecordingPaused, self._on_paused)
        world.bus.listen(RecordingResumed, self._on_resumed)
        world.bus.listen(RecordingFinished, self._on_finished)
        world.bus.listen(told.RecordingDeleted, self._on_deleted)

    def provider_of(self, tenant: Tenant) -> str:
        """Name the provider of a tenant (`siprec.srs.sealing.Filing`)."""
        return self.desk.tenants.owner(TenantKey(*tenant)).provider or QUARANTINE

    def routes(self) -> list[Routes]:
        """The HTTP routes of recording."""
        library = Library(self._world.database, self.desk)
        hub = RecordingAdministration(self._world.directory, self.desk, self._tone_seconds, self._storages)
        return [recording_routes(library, self.archive, self.desk, self._paused), settings_routes(hub)]

    def _paused(self) -> frozenset[int]:
        return frozenset(live.recording_id for live in self.server.live if live.paused)

    # ── life ──────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Seal what a former run left, listen, and take retention up where it stood."""
        if self._world.owns_directory:
            await self._world.directory.load()
        await self.desk.load()
        try:
            await self.server.start()
        except BaseException:
            await self.server.stop()
            raise
        await self.settle()
        await self._reconcile()
        await self._weigh()
        await self._arm()
        for account in self.desk.book.accounts.values():
            self._on_account(account)
        self.ready = True

    async def drain(self, deadline_s: float) -> None:
        """Take no new session; running ones end, or are sealed with what arrived."""
        self.ready = False
        await self.server.drain(deadline_s)
        await self.settle()

    async def stop(self) -> None:
        """Let go of everything."""
        self.ready = False
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        await self.server.stop()
        await self.settle()
        await self.archive.close()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("recording task failed", task=task.get_name(), exc_info=error)

    async def settle(self) -> None:
        """Wait until everything under way in the background is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _reconcile(self) -> None:
        """Bring recordings and filings together that a crash left apart."""
        row, filing = recordings.c, recording_filings.c
        both = recordings.outerjoin(recording_filings, row.id == filing.recording_id)
        apart = filing.recording_id.is_(None) | (filing.finished_ns.is_(None) & (row.state != RECORDING))
        query = select(
            row.id, row.service_provider, row.external_group, row.external_identifier, row.ended_ns
        ).select_from(both)
        for found in await self._world.database.fetch(query.where(apart)):
            tenant = Tenant(found.service_provider, found.external_group, found.external_identifier)
            await self._finish(found.id, tenant, found.ended_ns or self._world.clock.now_ns())
        strays = recording_filings.outerjoin(recordings, row.id == filing.recording_id)
        lost = select(filing.recording_id).select_from(strays).where(row.id.is_(None))
        for found in await self._world.database.fetch(lost):
            await self._world.database.write(DeleteFiling(found.recording_id))

    # ── what the recorder says ────────────────────────────────────────────────────────────────────

    def _on_started(self, event: RecordingStarted) -> None:
        filing, intent = self.desk.file(event.recording_id, event.tenant, event.at_ns)
        self._world.database.write_soon(intent)
        self.desk.tell(told.RecordingStarted, filing)

    def _on_paused(self, event: RecordingPaused) -> None:
        if (filing := self.desk.filed(event.recording_id)) is not None:
            self.desk.tell(told.RecordingPaused, filing)

    def _on_resumed(self, event: RecordingResumed) -> None:
        if (filing := self.desk.filed(event.recording_id)) is not None:
            self.desk.tell(told.RecordingResumed, filing)

    def _on_finished(self, event: RecordingFinished) -> None:
        self._spawn(
            self._finish(event.recording_id, event.tenant, event.at_ns, event.outcome), "file recording"
        )

    def _on_deleted(self, event: told.RecordingDeleted) -> None:
        self._swept.labels("retention" if event.reason == "retention" else "request").inc()
        if not self._weighing:
            self._weighing = True
            self._spawn(self._weigh(), "weigh recordings")

    async def _weigh(self) -> None:
        """Tell the metrics what the recordings weigh; once for all that are deleted meanwhile."""
        self._weighing = False
        self.server.weighed(await self.store.sizes())

    async def _finish(self, recording_id: int, tenant: Tenant, at_ns: int, outcome: str = "") -> None:
        try:
            await self.desk.filing(recording_id)
            self.desk.refile(recording_id, tenant)
        except FilingNotFound:
            _, intent = self.desk.file(recording_id, tenant, at_ns)
            await self._world.database.write(intent)
        filing = await self.desk.finish(recording_id, at_ns)
        self.desk.tell(told.RecordingFinished, filing, outcome)
        if self._unwanted:
            await self._discard()
        account = self.desk.book.account(filing.owner.organization_id or "", filing.owner.provider)
        if account is not None and account.storage != filing.storage:
            self._on_account(account)

    def discard(self, sip_call_id: str) -> None:
        """Delete the recording of a session that nobody asked to keep, as soon as it is sealed.

        BroadWorks' On Demand records from connect, and keeps what Record was pressed for.
        """
        self._unwanted.add(shortened(sip_call_id))
        self._spawn(self._discard(), "discard recording")

    async def _discard(self) -> None:
        for sip_call_id in tuple(self._unwanted):
            found = await self.store.find(RecordingFilter(sip_call_id=sip_call_id))
            if not found or self.desk.filed(found[0].id) is not None or found[0].state == RECORDING:
                continue
            self._unwanted.discard(sip_call_id)
            filing = await self.desk.filing(found[0].id)
            await self.desk.delete(filing, self.archive.erase, "not kept")

    # ── the customer's own storage ────────────────────────────────────────────────────────────────

    def _on_account(self, account: Account) -> None:
        self._spawn(self._move(account), "move recordings")

    async def _move(self, account: Account) -> None:
        """Bring an account's recordings to where it keeps them: copied, noted, then cleared (C6, C7)."""
        async with self._moving:
            moved = 0
            for filing in await self.desk.store.misplaced(account):
                try:
                    await self.archive.copy(filing, account.storage)
                    await self.desk.relocated(filing, account.storage)
                    await self.archive.clear(filing)
                except BlobError as error:
                    _log.error("recording could not be moved", error=str(error))
                    return
                moved += 1
            if moved:
                _log.info("recordings moved", provider=account.provider, recordings=moved)

    # ── retention ─────────────────────────────────────────────────────────────────────────────────

    def _arm_by(self, expires_ns: int) -> None:
        """Sweep at `expires_ns`, world time, unless a sweep is due before."""
        if self._sweep_due_ns is not None and self._sweep_due_ns <= expires_ns:
            return
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._sweep_due_ns = max(expires_ns, self._world.clock.now_ns() + LEAST_PAUSE_NS)
        self._sweep_timer = self._world.clock.call_at(self._sweep_due_ns, self._sweep)

    async def _arm(self) -> None:
        next_ns = await self.desk.store.next_expiry_ns()
        if next_ns is not None:
            self._arm_by(next_ns)

    def _sweep(self) -> None:
        self._sweep_due_ns = self._sweep_timer = None
        self._spawn(self._sweep_once(), "retention")

    async def _sweep_once(self) -> None:
        try:
            swept = await self.desk.sweep(self.archive.erase)
            if swept:
                _log.info("retention ended", recordings=swept)
            await self._arm()
        except DatabaseError as error:
            _log.warning("retention put off", error=type(error).__name__)
            self._arm_by(self._world.clock.now_ns())


def _placed(settings: RecorderSettings, folder: Path) -> RecorderSettings:
    """Put spool and recordings below the service's folder unless they are placed elsewhere."""
    storage = settings.storage
    places = {"spool": str(folder / "spool"), "url": str(folder / "recordings")}
    free = {name: place for name, place in places.items() if name not in storage.model_fields_set}
    return settings.model_copy(update={"storage": storage.model_copy(update=free)})
