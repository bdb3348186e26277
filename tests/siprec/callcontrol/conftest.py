"""A recorder, a call control and phones on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from gateway.directory.recording import PauseNotice
from gateway.runtime.blobs import FolderBlobs
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.metrics import Metrics
from siprec.callcontrol.recording import RecordingOptions
from siprec.callcontrol.server import CallControlServer
from siprec.callcontrol.settings import CallingSettings
from siprec.callcontrol.subscribers import Subscriber
from siprec.phones.hearing import level as amplitude
from siprec.phones.phone import Phone, PhoneSettings
from siprec.phones.phone_call import PhoneCall
from siprec.phones.softkeys import RecordingKeys
from siprec.srs.events import RecordingFinished
from siprec.srs.server import RecordingServer
from siprec.srs.settings import RecorderSettings
from siprec.srs.store import RecordingFilter, RecordingRow, RecordingStore

TONES = {"alice": 440, "bob": 590, "carol": 790, "+13105550120": 1_050}
NUMBERS = {"alice": "+12025550100", "bob": "+12025550101", "carol": "+14165550102"}

WINDOW = 800  # a tenth of a second: our tones are orthogonal in it


def level(samples: Any, hz: int) -> float:
    """Amplitude of a tone; of a long piece that of its middle window, which a late packet does not spoil."""
    windows = [samples[at : at + WINDOW] for at in range(0, len(samples) - WINDOW + 1, WINDOW)] or [samples]
    return float(np.median([amplitude(window, hz) for window in windows]))


async def until_heard(call: PhoneCall, hz: int) -> None:
    """Wait until a tone alone sounds for a tenth of a second; TimeoutError where it never does."""
    async with asyncio.timeout(10):
        while len(call.heard) < WINDOW or amplitude(call.heard[-WINDOW:], hz) < 3_500:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@dataclass
class Stage:
    """Everything of one test."""

    calling: CallControlServer
    server: RecordingServer
    store: RecordingStore
    database: Database
    blobs: FolderBlobs
    phones: dict[str, Phone] = field(default_factory=dict)
    finished: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, caller: str, target: str) -> PhoneCall:
        return await self.phones[caller].call(target).connected()

    async def incoming(self, name: str) -> PhoneCall:
        async with asyncio.timeout(5):
            return await (await self.phones[name].incoming()).connected()

    async def recordings(self, number: int) -> list[RecordingRow]:
        async with asyncio.timeout(10):
            await self.calling.idle()
            while self.finished < number:
                self.changed.clear()
                await self.changed.wait()
        await self.database.flush()
        rows = sorted(await self.store.find(RecordingFilter()), key=lambda row: row.id)
        assert len(rows) == number
        return rows

    def audio(self, row: RecordingRow, party: int) -> np.ndarray:
        assert row.document is not None
        path = self.blobs.path(f"{row.document['storageKey']}/party-{party}.wav")
        samples, rate = soundfile.read(path, dtype="int16")
        assert rate == 8_000
        return samples

    @property
    def log(self) -> list[tuple[str, str, str]]:
        calls = [*self.calling.control.finished, *self.calling.control.calls]
        return [(line.what, line.who, line.detail) for call in calls for line in call.log]


def options(keys: str = "never", **changes: Any) -> RecordingOptions:
    if "pause_notice" in changes:
        changes["pause_notice"] = PauseNotice(changes["pause_notice"])
    return RecordingOptions(RecordingKeys(keys), **changes)


MakeStage = Callable[..., Any]


@pytest.fixture
async def make_stage(tmp_path: Path) -> AsyncIterator[MakeStage]:
    async with AsyncExitStack() as stack:

        async def make(
            recording: dict[str, RecordingOptions] | None = None,
            *,
            users: tuple[str, ...] = ("alice", "bob"),
            outside: bool = False,
            mailboxes: tuple[str, ...] = (),
            ice: tuple[str, ...] = (),
            kinds: dict[str, str] | None = None,
            phone: dict[str, dict[str, Any]] | None = None,
            register: bool = True,
            recorders: tuple[str, ...] | None = None,
            **settings: Any,
        ) -> Stage:
            recording = recording or {}
            branches = [MigrationBranch.of("siprec.srs")]
            database = await Database.open(f"sqlite:///{tmp_path / 'recordings.db'}", branches=branches)
            stack.push_async_callback(database.close)
            blobs, bus, store = FolderBlobs(tmp_path / "kept"), Bus(), RecordingStore(database)
            server = RecordingServer(
                RecorderSettings.model_validate(
                    {
                        "sip": {"udp_port": 0, "tcp_port": None},
                        "media": {"port_pairs": 12, "quarantine_seconds": 0.05},
                        "storage": {"spool": str(tmp_path / "spool"), "min_free_bytes": 0},
                    }
                ),
                store=store,
                blobs=blobs,
                bus=bus,
                metrics=Metrics(process=False),
                now_ns=__import__("time").time_ns,
            )
            await server.start()
            stack.push_async_callback(server.stop)
            srs = f"sip:srs@127.0.0.1:{server.listening[0].port}"
            subscribers = {
                name: Subscriber(
                    name,
                    name.title(),
                    NUMBERS[name],
                    recording.get(name, RecordingOptions()),
                    ("acme-sp", "acme-dental", f"{name}@acme-dental.example"),
                    name in mailboxes,
                    name in ice,
                )
                for name in users
            }
            calling = await stack.enter_async_context(
                await CallControlServer.open(
                    CallingSettings.model_validate(
                        {
                            "port": 0,
                            "port_pairs": 12,
                            "recorders": recorders or (srs,),
                            "passwords": {name: f"{name}-secret" for name in users},
                            **settings,
                        }
                    ),
                    subscribers,
                )
            )
            stage = Stage(calling, server, store, database, blobs)

            def heard(_event: Any) -> None:
                stage.finished += 1
                stage.changed.set()

            bus.listen(RecordingFinished, heard)
            names = [*users, *(["+13105550120"] if outside else [])]
            for name in names:
                known = {
                    "password": f"{name}-secret",
                    "kind": (kinds or {}).get(name, "mpp"),
                    "keys": recording[name].keys if name in recording else RecordingKeys.NEVER,
                }
                if name.startswith("+"):
                    known = {"kind": "outside"}
                extra = (phone or {}).get(name, {})
                made = await stack.enter_async_context(
                    await Phone.open(
                        PhoneSettings(name, calling.uri, tone_hz=TONES[name], **{**known, **extra})
                    )
                )
                stage.phones[name] = made
                if name.startswith("+"):
                    calling.route(name, made.uri)
                elif register:
                    await made.register()
            return stage

        yield make
