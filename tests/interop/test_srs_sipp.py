"""SIPp as caller: both dialects, whole dialogs, 100 of 100 on UDP and TCP, one recording each."""

import asyncio
from pathlib import Path

import pytest

from siprec.srs.server import RecordingServer
from siprec.testing import running_recorder

SCENARIOS = Path(__file__).parents[2] / "loadtests" / "sipp"
CALLS = 100


async def run_sipp(server: RecordingServer, scenario: str, transport: str, folder: Path) -> None:
    port = next(each.port for each in server.listening if each.transport == transport)
    process = await asyncio.create_subprocess_exec(
        "sipp",
        f"127.0.0.1:{port}",
        *("-sf", str(SCENARIOS / f"{scenario}.xml"), "-m", str(CALLS), "-r", "15", "-l", "30"),
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
async def test_whole_dialogs(scenario: str, transport: str, tmp_path: Path) -> None:
    media = {"port_pairs": 220, "quarantine_seconds": 0.0}
    async with running_recorder(tmp_path, media=media, max_sessions=CALLS) as srs:
        await run_sipp(srs.server, scenario, transport, tmp_path)
        await srs.server.drain(10.0)
        rows = await srs.rows()
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
