"""SIPp as caller: both dialects, whole dialogs, 100 of 100 on UDP and TCP, one recording each."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime.blobs import FolderBlobs
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.metrics import Metrics
from siprec.srs.server import RecordingServer
from siprec.srs.settings import RecorderSettings
from siprec.srs.store import RecordingFilter, RecordingStore

SCENARIOS = Path(__file__).parents[2] / "loadtests" / "sipp"
CALLS = 100


@pytest.fixture
async def srs(tmp_path: Path) -> AsyncIterator[Any]:
    settings = RecorderSettings.model_validate(
        {
            "sip": {"udp_port": 0, "tcp_port": 0},
            "media": {"port_pairs": 220, "quarantine_seconds": 0.0},
            "storage": {"spool": str(tmp_path / "spool"), "min_free_bytes": 0},
            "max_sessions": CALLS,
        }
    )
    branches = [MigrationBranch.of("siprec.srs")]
    async with await Database.open(f"sqlite:///{tmp_path / 'a.db'}", branches=branches) as database:
        server = RecordingServer(
            settings,
            store=RecordingStore(database),
            blobs=FolderBlobs(tmp_path / "kept"),
            bus=Bus(),
            metrics=Metrics(process=False),
            now_ns=WorldClock().now_ns,
        )
        await server.start()
        yield server
        await server.stop()


async def run_sipp(server: RecordingServer, scenario: str, transport: str, folder: Path) -> None:
    port = next(each.port for each in server.listening if each.transport == transport)
    process = await asyncio.create_subprocess_exec(
        "sipp",
        f"127.0.0.1:{port}",
        *("-sf", str(SCENARIOS / f"{scenario}.xml"), "-m", str(CALLS), "-r", "40", "-l", "80"),
        *("-i", "127.0.0.1", "-mi", "127.0.0.1", "-t", "u1" if transport == "udp" else "t1"),
        *("-nostdin", "-timeout", "60s", "-timeout_error", "-trace_err", "-error_file", "errors.log"),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    code = await asyncio.wait_for(process.wait(), 90)
    if code:
        log = folder / "errors.log"
        errors = await asyncio.to_thread(log.read_text) if await asyncio.to_thread(log.exists) else ""
        pytest.fail(f"sipp ended with {code}: {errors[:3000]}")


@pytest.mark.slow
@pytest.mark.system("sipp")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("scenario", ["rfc7866", "broadworks"])
async def test_whole_dialogs(srs: RecordingServer, scenario: str, transport: str, tmp_path: Path) -> None:
    await run_sipp(srs, scenario, transport, tmp_path)
    await srs.drain(10.0)
    rows = await srs._store.find(RecordingFilter(), CALLS + 10)
    assert len(rows) == CALLS
    assert {(row.state, row.dialect, row.outcome) for row in rows} == {("sealed", scenario, "bye received")}
    for row in rows:
        document = row.document
        assert document is not None
        assert document["warnings"] == []
        assert len(document["streams"]) == 2
        if scenario == "rfc7866":
            assert [said["event"] for said in document["announcements"]] == ["start"]
            assert "Carol" in {name for party in document["parties"] for name in party["names"]}
            assert document["metadataRevisions"] == 3
        else:
            assert tuple(row.tenant) == ("acme", "sales", "alice@acme.example")
            assert document["metadataRevisions"] == 2
            assert document["call"]["calledPartyNumber"] == "+14155550120"
