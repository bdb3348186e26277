"""A recording service of our own for scenarios: recorder and providers in a temporary folder, thrown away.

async with await OwnRecorder.open(directory) as own:
    own.uri                                  # where to fork to
    await own.pass_days(30); await own.restart()
    for recorded in await own.recordings(2): …
"""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from gateway.directory.directory import Directory
from gateway.directory.store import DirectoryStore
from gateway.runtime.blobs import FolderBlobs
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.config import carried_config, load
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.errors import BlobError
from gateway.runtime.http.auth import Principal
from gateway.runtime.ids import IdSource
from gateway.runtime.interrupts import INTERRUPTS
from gateway.runtime.metrics import Metrics
from siprec.api.administration import RecordingAdministration
from siprec.api.settings_models import OrganizationRecordingChange
from siprec.providers.events import RecordingFinished
from siprec.providers.model import Account
from siprec.providers.settings import ProvidersSettings
from siprec.service import Foundation, Recording
from siprec.settings import BRANCHES, RECORDING
from siprec.srs.errors import RecordingNotFoundError
from siprec.srs.sealing import HISTORY
from siprec.srs.settings import MediaSettings, RecorderSettings, SipSettings, StorageSettings

PAIRS = 16
PATIENCE_S = 10.0
DAY_S = 86_400
PARTNER = Principal("scenario", "partner", None, None)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recording as it was sealed. streams: 16-bit samples at 8 kHz, the recorded user's first."""

    id: int
    identifier: str
    provider: str
    seconds: float
    streams: tuple[NDArray[np.int16], ...]
    announcements: tuple[str, ...]
    announced_at: tuple[str, ...]
    pauses: int
    history: str
    """Every metadata document as it came."""
    document: dict[str, Any] = field(repr=False)


def _nothing_left(recording_id: int) -> Recorded:
    return Recorded(recording_id, "", "", 0.0, (), (), (), 0, "", {"audio": [], "storageKey": ""})


def providers_of_ours() -> ProvidersSettings:
    """The providers of the demo world."""
    section = load(carried_config("gateway.yaml"), RECORDING).section("recording", ProvidersSettings)
    return ProvidersSettings(providers=section.providers, repeat_tone_seconds=section.repeat_tone_seconds)


class OwnRecorder:
    """Made by `open`. directory: who exists; nobody where none is given, so that all is in quarantine."""

    def __init__(self, folder: Path, host: str, directory: Directory, providers: ProvidersSettings) -> None:
        self.clock = WorldClock()
        self._folder = folder
        self._host = host
        self._port = 0
        self._providers = providers
        self.directory = directory
        self._metrics = Metrics(process=False)
        self._ids = IdSource()
        self._kept: dict[int, Recorded] = {}
        self._changed = asyncio.Event()
        self._reading: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._database: Database | None = None
        self._service: Recording | None = None
        self.hub: RecordingAdministration

    @classmethod
    async def open(
        cls,
        directory: Directory | None = None,
        host: str = "127.0.0.1",
        providers: ProvidersSettings | None = None,
    ) -> "OwnRecorder":
        """Start a recorder on free ports. Raises AddressUnusable or PortsUnavailableError."""
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(INTERRUPTS.temporary_folder("siprec-call-"))
            if providers is None:
                providers = await asyncio.to_thread(providers_of_ours)
            recorder = cls(folder, host, directory or Directory(), providers)
            recorder.clock.start()
            stack.push_async_callback(recorder._stop)
            await recorder._start()
            recorder._stack = stack.pop_all()
        return recorder

    async def __aenter__(self) -> "OwnRecorder":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        bus = Bus()
        bus.listen(RecordingFinished, self._on_finished)
        url = f"sqlite:///{self._folder / 'recordings.db'}"
        branches = [MigrationBranch.of(package) for package in BRANCHES]
        self._database = await Database.open(url, branches=branches)
        store = DirectoryStore(self.directory, self._database, bus, self.clock.now_ns)
        world = Foundation(
            self.clock,
            bus,
            self._metrics,
            self._database,
            self._ids,
            store,
            self._folder,
            owns_directory=True,
        )
        settings = RecorderSettings(
            sip=SipSettings(host=self._host, udp_port=self._port, tcp_port=None),
            media=MediaSettings(port_pairs=PAIRS, quarantine_seconds=0.1),
            storage=StorageSettings(min_free_bytes=0),
            max_sessions=PAIRS // 2,
        )
        self._service = Recording(world, settings, self._providers)
        self.hub = RecordingAdministration(store, self._service.desk, self._providers.repeat_tone_seconds)
        await self._service.start()
        self._port = self._service.server.listening[0].port

    async def _stop(self) -> None:
        if self._service is not None:
            await self._service.stop()  # calls that went on end, and are read as the others are
            await asyncio.gather(*self._reading, return_exceptions=True)
            self._service = None
        if self._database is not None:
            await self._database.close()
            self._database = None

    @property
    def service(self) -> Recording:
        """Recorder and providers."""
        assert self._service is not None  # noqa: S101 - made by `open`
        return self._service

    @property
    def uri(self) -> str:
        """Where to fork to."""
        return f"sip:srs@{self._host}:{self._port}"

    # ── what was recorded ─────────────────────────────────────────────────────────────────────────

    def _on_finished(self, event: RecordingFinished) -> None:
        task = asyncio.get_running_loop().create_task(self._take(event.filing.recording_id))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _take(self, recording_id: int) -> None:
        """Read a recording while it is there: retention, or On Demand, may delete it later."""
        try:
            row = await self.service.store.get(recording_id)
            self._kept[recording_id] = await asyncio.to_thread(self._read, row.document or {}, recording_id)
        except (RecordingNotFoundError, KeyError, OSError, soundfile.LibsndfileError):
            self._kept[recording_id] = _nothing_left(recording_id)
        self._changed.set()

    def _read(self, document: dict[str, Any], recording_id: int) -> Recorded:
        blobs, key = self.service.blobs, document["storageKey"]
        assert isinstance(blobs, FolderBlobs)  # noqa: S101 - a folder of ours
        names = [each["name"] for each in document["audio"] if each["name"].startswith("party-")]
        streams = tuple(
            soundfile.read(blobs.path(f"{key}/{name}"), dtype="int16")[0] for name in sorted(names)
        )
        said = document["announcements"]
        return Recorded(
            recording_id,
            document["tenant"].get("externalIdentifier", ""),
            document["provider"],
            document["durationMs"] / 1_000,
            streams,
            tuple(f"{each['event']} {each['kind']}" for each in said),
            tuple(each["at"] for each in said if each.get("at")),
            len(document["pauses"]),
            blobs.path(f"{key}/{HISTORY}").read_text(encoding="utf-8"),
            document,
        )

    async def recordings(self, number: int) -> list[Recorded]:
        """What was recorded, in the order in which it began; waits a while until there are `number`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while len(self._kept) < number:
                    self._changed.clear()
                    await self._changed.wait()
        return [self._kept[key] for key in sorted(self._kept)]

    async def is_gone(self, recorded: Recorded) -> bool:
        """Whether nothing of a recording is left: no row, no filing, no file."""
        await self.service.settle()
        try:
            await self.service.store.get(recorded.id)
        except RecordingNotFoundError:
            blobs = self.service.blobs
            filing = await self.service.desk.store.filing(recorded.id)
            names = [each["name"] for each in recorded.document["audio"]]
            return filing is None and not any(
                _there(blobs, f"{recorded.document['storageKey']}/{name}") for name in names
            )
        return False

    async def kept_for(self, identifier: str) -> int:
        """How many recordings the provider keeps of a user, by the external identifier."""
        await self.service.settle()
        kept = [each for each in self._kept.values() if each.identifier == identifier]
        return sum([not await self.is_gone(each) for each in kept])

    # ── the world around ──────────────────────────────────────────────────────────────────────────

    async def pass_days(self, days: float) -> None:
        """World time goes on; what falls due happens."""
        for seconds in (days * DAY_S, 2.0):
            self.clock.advance(seconds)
            await self.service.settle()

    async def restart(self) -> None:
        """Stop the service and start it again on what it kept, at the same port."""
        await self._stop()
        await self._start()

    async def choose_provider(self, organization_id: str, name: str) -> None:
        """Choose the organisation's provider; `none` with the confirmation it asks for (C11)."""
        change = OrganizationRecordingChange(
            provider=name, confirmation="I understand" if name == "none" else None
        )
        organization = self.directory.organizations[organization_id]
        await self.hub.change_organization(PARTNER, organization, change)

    async def set_mode(self, person_id: str, mode: Any) -> None:
        """Set a person's recording mode; `never` clears the settings (C13)."""
        await self.hub.change_person(PARTNER, self.directory.people[person_id], {"mode": mode})

    async def give_product(self, person_id: str, product: str) -> None:
        """Give a person a product of their provider, with the contract a paid one needs (C5, C9)."""
        person = self.directory.people[person_id]
        case = self.hub.case(person)
        account: Account | None = case.accounts.get(case.provider)
        if account is not None and not account.contract:
            await self.hub.change_account(PARTNER, account, {"contract": True})
        await self.hub.subscribe(PARTNER, person, product, None)


def _there(blobs: Any, key: str) -> bool:
    try:
        return bool(blobs.path(key).exists())
    except BlobError:
        return False
