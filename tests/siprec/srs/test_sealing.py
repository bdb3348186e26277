"""From spool to store: what is kept, what a failure leaves, what a crash left."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.runtime.blobs import FolderBlobs
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.errors import DatabaseFull
from gateway.runtime.ids import encode_id
from gateway.runtime.metrics import Metrics
from siprec.metadata import Remark, Revision
from siprec.srs import sealing
from siprec.srs.events import RecordingFinished
from siprec.srs.files import WavFile
from siprec.srs.meters import RecorderMeters
from siprec.srs.sealing import Finished, Sealer, storage_key, tenant_names
from siprec.srs.sidecar import Caller, RecordingFacts, write_history
from siprec.srs.store import InsertRecording, RecordingStore, Tenant
from siprec.srs.timeline import Timeline

STARTED_NS = 1_767_225_600_000_000_000  # 2026-01-01
TENANT = Tenant("acme", "sales", "alice")


class Kit:
    def __init__(self, root: Path, database: Database) -> None:
        self.root = root
        self.store = RecordingStore(database)
        self.blobs = FolderBlobs(root / "kept")
        self.events: list[Any] = []
        bus = Bus()
        bus.listen(RecordingFinished, self.events.append)
        meters = RecorderMeters(Metrics(process=False), ("unfiled",))
        self.sealer = Sealer(self.store, self.blobs, bus, meters, "wav", lambda: STARTED_NS + 9)

    def begin(self, number: int) -> None:
        self.store.begin(InsertRecording(number, "unfiled", *TENANT, "call", "rfc7866", STARTED_NS))

    def finished(self, number: int = 1, seconds: int = 1) -> Finished:
        directory = self.root / "spool" / encode_id(number)
        if seconds:
            directory.mkdir(parents=True)
            for name in ("stereo.wav", "party-1.wav"):
                file = WavFile(directory / name, 8000)
                file.write(0, np.ones(8000 * seconds, np.int16))
                file.close()
        facts = RecordingFacts(
            recording_id=encode_id(number),
            provider="unfiled",
            tenant=tenant_names(TENANT),
            dialect="rfc7866",
            sip_call_id="call",
            caller=Caller("Alice", "alice"),
            started_ns=STARTED_NS,
            ended_ns=STARTED_NS + seconds * 10**9,
            duration_ms=seconds * 1000,
            outcome="bye received",
            timeline=Timeline(),
            tracks=(),
            metadata=None,
            warnings=(Remark("label_without_stream", "9"),),
            revisions=(
                Revision(STARTED_NS, b"<recording>\xc3\xa9</recording>"),
                Revision(STARTED_NS, b"\xff\xfe"),
            ),
        )
        return Finished(number, directory, TENANT, facts)


@pytest.fixture
async def kit(tmp_path: Path):  # type: ignore[no-untyped-def]
    branches = [MigrationBranch.of("siprec.srs")]
    async with await Database.open(f"sqlite:///{tmp_path / 'a.db'}", branches=branches) as database:
        yield Kit(tmp_path, database)


async def test_everything_is_kept_and_told(kit: Kit) -> None:
    kit.begin(1)
    await kit.sealer.seal(kit.finished())
    row = await kit.store.get(1)
    key = storage_key(1, STARTED_NS)
    assert key.startswith("2026/01/01/")
    assert {info.key.removeprefix(key + "/") for info in await kit.blobs.list(key)} == {
        "party-1.wav",
        "stereo.wav",
        "recording.json",
        "metadata.json",
    }
    assert json.loads(await kit.blobs.get(f"{key}/recording.json")) == row.document
    assert row.document is not None
    assert [audio["name"] for audio in row.document["audio"]] == ["party-1.wav", "stereo.wav"]
    assert row.document["warnings"] == [{"code": "label_without_stream", "subject": "9"}]
    assert row.document["caller"] == {"name": "Alice", "number": "alice"}
    assert row.document["startedAt"] == "2026-01-01T00:00:00.000Z"
    (event,) = kit.events
    assert (event.recording_id, event.duration_ms, event.outcome) == (1, 1000, "bye received")
    assert list((kit.root / "spool").iterdir()) == []


def test_history_is_lossless() -> None:
    revisions = (
        Revision(STARTED_NS, "<é/>".encode()),
        Revision(STARTED_NS, b"\xff\xfe"),
    )
    assert write_history(revisions) == [
        {"receivedAt": "2026-01-01T00:00:00.000Z", "document": "<é/>"},
        {"receivedAt": "2026-01-01T00:00:00.000Z", "documentBase64": "//4="},
    ]


async def test_a_call_without_audio_has_its_papers(kit: Kit) -> None:
    kit.begin(1)
    await kit.sealer.seal(kit.finished(seconds=0))
    row = await kit.store.get(1)
    assert (row.state, row.size_bytes) == ("sealed", 0)
    assert row.document is not None
    assert row.document["audio"] == []


async def test_a_failure_keeps_the_spool_and_marks_the_row(kit: Kit) -> None:
    kit.begin(1)
    finished = kit.finished()
    (finished.directory / "party-1.wav").write_bytes(b"broken")
    await kit.sealer.seal(finished)
    row = await kit.store.get(1)
    assert row.state == "failed"
    assert row.document is not None
    assert row.document["failure"] == "FileDamagedError"
    assert (finished.directory / "stereo.wav").exists()
    assert len(kit.events) == 1


async def test_sealing_in_the_background_is_waited_for(kit: Kit) -> None:
    for number in range(1, 11):
        kit.begin(number)
        kit.sealer.seal_soon(kit.finished(number))
    assert kit.sealer.pending == 10
    await kit.sealer.wait()
    assert kit.sealer.pending == 0
    assert len(kit.events) == 10


async def test_recovery_seals_what_is_there_once(kit: Kit) -> None:
    for number in (1, 2, 3):
        kit.begin(number)
    await kit.sealer._store._database.flush()
    kit.finished(1, seconds=2)
    broken = kit.finished(2, seconds=1)
    (broken.directory / "party-1.wav").write_bytes(b"x")
    assert await kit.sealer.recover(kit.root / "spool") == 3
    assert await kit.sealer.recover(kit.root / "spool") == 0
    rows = {number: await kit.store.get(number) for number in (1, 2, 3)}
    assert {row.outcome for row in rows.values()} == {"interrupted"}
    assert [rows[number].duration_ms for number in (1, 2, 3)] == [2000, 1000, 0]
    document = rows[2].document
    assert document is not None
    assert [audio["name"] for audio in document["audio"]] == ["stereo.wav"]


async def test_facts_of_another_day_are_kept_apart(kit: Kit) -> None:
    finished = kit.finished()
    later = replace(finished.facts, started_ns=STARTED_NS + 86_400 * 10**9)
    kit.begin(1)
    await kit.sealer.seal(replace(finished, facts=later))
    assert await kit.blobs.list("2026/01/02/")


class Full:
    """A store whose database is full for some time."""

    def __init__(self, store: RecordingStore, refusals: int) -> None:
        self._store = store
        self.refusals = refusals

    async def seal(self, row: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise DatabaseFull("no room")
        await self._store.seal(row)


async def test_a_database_that_is_full_is_asked_again(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "ROW_RETRIES_S", (0.001,) * 5)
    kit.begin(1)
    kit.sealer._store = Full(kit.store, 3)  # type: ignore[assignment]
    kit.sealer.seal_soon(kit.finished())
    await kit.sealer.wait()
    assert (await kit.store.get(1)).state == "sealed"
    assert len(kit.events) == 1


async def test_a_database_that_stays_full_is_given_up_and_holds_up_no_stop(kit: Kit) -> None:
    """The waits are seconds long: who stops does not sit through them."""
    kit.begin(1)
    kit.sealer._store = Full(kit.store, 100)  # type: ignore[assignment]
    kit.sealer.seal_soon(kit.finished())
    async with asyncio.timeout(sum(sealing.ROW_RETRIES_S)):
        await kit.sealer.wait(hurry=True)
    assert (kit.events, (await kit.store.get(1)).state) == ([], "recording")


async def test_a_start_on_a_full_database_says_so(kit: Kit) -> None:
    kit.begin(1)
    await kit.store._database.flush()
    kit.sealer._store.seal = Full(kit.store, 100).seal  # type: ignore[method-assign]
    with pytest.raises(DatabaseFull):
        await kit.sealer.recover(kit.root / "spool")
