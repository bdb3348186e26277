"""SIPREC load: calls of our phones and of SIPp, to our recorder and to nobody."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.load.profile import Profile
from gateway.load.run import Run
from gateway.load.targets import sipp
from gateway.runtime.errors import ConfigError
from siprec.testing import running_recorder


def profile_for(port: int, **fields) -> Profile:
    document = {
        "name": "calls",
        "target": f"sip:srs@127.0.0.1:{port}",
        "duration_s": 1,
        "arrivals": {"rate": 8, "spacing": "even"},
        "calls": {"hold_s": 0.2},
        "timeout_s": 5,
        "budgets": {"failed_ratio": 0, "refused_ratio": 0},
    }
    return Profile.model_validate({**document, **fields})


def udp_port(server) -> int:
    return next(each.port for each in server.listening if each.transport == "udp")


async def test_phones_are_recorded(tmp_path: Path):
    async with running_recorder(tmp_path, media={"port_pairs": 60, "quarantine_seconds": 0.0}) as srs:
        report = await Run(profile_for(udp_port(srs.server))).run()
        await srs.server.drain(5.0)
        rows = await srs.rows(100)
    assert report.tally.codes == {"accepted": 8}
    assert report.ok
    assert len(rows) == 8
    assert all(stream["packets"] > 0 for row in rows for stream in row.document["streams"])
    assert report.tally.latency.percentile(50) < 1_000_000


async def test_a_full_recorder_refuses(tmp_path: Path):
    media = {"port_pairs": 60, "quarantine_seconds": 0.0}
    async with running_recorder(tmp_path, media=media, max_sessions=1) as srs:
        report = await Run(profile_for(udp_port(srs.server), calls={"hold_s": 0.9})).run()
    assert report.tally.refused >= 4
    assert set(report.tally.codes) <= {"accepted", "sip_480", "sip_486", "sip_503", "sip_500"}
    assert report.exit_code == 1


async def test_nobody_there_takes_no_call():
    report = await Run(profile_for(1, requests=1, timeout_s=0.5)).run()
    assert (report.tally.offered, report.tally.accepted) == (1, 0)
    assert not report.ok


@pytest.mark.slow
@pytest.mark.system("sipp")
@pytest.mark.parametrize("dialect", ["rfc7866", "broadworks"])
async def test_sipp_plays_whole_dialogs(tmp_path: Path, dialect: str):
    calls = {"by": "sipp", "dialect": dialect}
    seen = []
    async with running_recorder(tmp_path, media={"port_pairs": 120, "quarantine_seconds": 0.0}) as srs:
        profile = profile_for(udp_port(srs.server), calls=calls, requests=10, timeout_s=10)
        report = await Run(profile, seen.append).run()
        await srs.server.drain(5.0)
        assert len(await srs.rows(100)) == 10
    assert report.tally.codes == {"accepted": 10}
    assert report.ok
    assert report.tally.service.count == 10
    assert 0 < report.tally.latency.percentile(99) < 5_000_000
    assert any("SIPp kept the time" in note for note in report.notes)


async def test_sipp_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr(sipp.shutil, "which", lambda name: None)
    with pytest.raises(ConfigError, match="sipp is not installed"):
        await Run(profile_for(1, calls={"by": "sipp"})).run()


def test_what_sipp_wrote_is_read_and_failed_calls_are_no_accepted_ones(tmp_path: Path):
    rows = "".join(f"{1_000_000 + n * 100};{5 + n};1\n" for n in range(4))
    (tmp_path / "rfc7866_1_rtt.csv").write_text("Date_ms;response_time_ms;rtd_no\n" + rows + "10017")
    (tmp_path / "statistics.csv").write_text("TotalCallCreated;FailedCall(C)\n2;0\n5;2\n")
    tally, calls = sipp.read_results(tmp_path, "good")
    assert calls == 5
    assert tally.codes == {"accepted": 3, "failed": 2}
    assert tally.service.maximum == 7_000


def test_no_results_are_no_calls(tmp_path: Path):
    tally, calls = sipp.read_results(tmp_path, "good")
    assert (tally.offered, calls) == (0, 0)


def test_the_command_line_of_sipp():
    calls = {"by": "sipp", "dialect": "broadworks", "transport": "tcp"}
    arguments = sipp.arguments(profile_for(5060, calls=calls, arrivals={"rate": 2.5}))
    assert arguments[0] == "127.0.0.1:5060"
    pairs = dict(pairwise(arguments))
    assert (pairs["-r"], pairs["-rp"], pairs["-t"]) == ("25", "10000", "t1")
    assert Path(pairs["-sf"]).name == "broadworks.xml"


async def test_sipp_can_be_stopped(monkeypatch, tmp_path: Path):
    """A stopped run ends though SIPp would go on for a minute."""
    program = tmp_path / "sipp"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sipp.shutil, "which", lambda name: str(program))
    monkeypatch.setattr(sipp, "WATCH_S", 0.05)
    run = Run(profile_for(1, calls={"by": "sipp"}))
    asyncio.get_running_loop().call_later(0.2, run.stop)
    report = await asyncio.wait_for(run.run(), 10)
    assert report.stopped
