"""Whole runs: stopped by a person, told as they go, and honest about the generator."""

import asyncio
import time

import pytest

from gateway.load import run as running
from gateway.load.run import Run, moments


async def test_a_run_can_be_stopped_and_says_so(load):
    async with load.serving(load.smsc()) as server:
        profile = load.profile(f"smpp://guest:guest@127.0.0.1:{server.port}", duration_s=60)
        run = Run(profile, lambda snapshot: run.stop() if snapshot.tally.offered > 5 else None)
        report = await asyncio.wait_for(run.run(), 20)
    assert 5 < report.tally.accepted < 200
    assert report.stopped
    assert report.exit_code == 1
    assert "Stopped before its time." in report.document()["warnings"]


async def test_a_second_stop_waits_for_no_answer(load):
    smsc = load.smsc(lambda pdu: None)
    async with load.serving(smsc) as server:
        profile = load.profile(f"smpp://guest:guest@127.0.0.1:{server.port}", duration_s=60, timeout_s=60)
        run = Run(profile, lambda snapshot: run.stop() if snapshot.pending > 5 else None)
        report = await asyncio.wait_for(run.run(), 20)
    assert report.tally.failed == report.tally.offered > 5
    assert set(report.tally.codes) == {"timeout"}


async def test_those_who_watch_are_told(load, monkeypatch):
    monkeypatch.setattr(running, "WATCH_S", 0.02)
    seen = []
    async with load.serving(load.smsc()) as server:
        profile = load.profile(f"smpp://guest:guest@127.0.0.1:{server.port}")
        await Run(profile, seen.append).run()
    assert len(seen) > 1
    offered = [snapshot.tally.offered for snapshot in seen]
    assert all(snapshot.elapsed_s > 0 for snapshot in seen)
    assert offered[-1] > 0


async def test_a_generator_that_is_held_up_says_that_it_was_the_limit(load):
    """What keeps the generator from sending shows as its own lateness, not as the target's."""
    async with load.serving(load.smsc()) as server:
        profile = load.profile(f"smpp://guest:guest@127.0.0.1:{server.port}")
        asyncio.get_running_loop().call_later(0.15, time.sleep, 0.3)
        report = await Run(profile).run()
    assert report.tally.lateness.percentile(99) > 200_000
    assert report.generator_was_the_limit
    assert "The generator was the limit" in report.warnings[0]


async def test_a_stall_of_the_target_is_the_targets(load):
    """Coordinated omission: everything due in the stall shows it."""
    stalled = []

    async def stall(request):
        number = int((await request.json())["text"].split()[1])
        if number == 10:
            stalled.append(asyncio.get_running_loop().time() + 0.3)
        if stalled:
            await asyncio.sleep(max(stalled[0] - asyncio.get_running_loop().time(), 0))
        return load.accepted()

    async with load.http_serving(stall) as port:
        report = await Run(load.profile(f"http://127.0.0.1:{port}", connections=2)).run()
    assert report.tally.latency.percentile(75) > 50_000
    assert not report.generator_was_the_limit
    assert report.tally.accepted == 50


def test_the_number_of_requests_ends_the_moments(load):
    profile = load.profile("http://127.0.0.1:1", requests=7, duration_s=100)
    assert len(list(moments(profile))) == 7


def test_recorded_moments_are_kept_as_they_were(load):
    arrivals = {"shape": "replayed", "offsets_s": [0.0, 0.5, 0.75], "spacing": "poisson"}
    profile = load.profile("http://127.0.0.1:1", arrivals=arrivals, duration_s=2)
    assert list(moments(profile)) == [0.0, 0.5, 0.75]


async def test_the_limiter_runs_beside_the_loop(load):
    profile = load.profile("limiter:", arrivals={"rate": 500}, duration_s=2)
    report = await Run(profile).run()
    assert report.tally.offered > 800
    assert report.generator is None


@pytest.mark.parametrize("shape", ["constant", "ramp", "bursts", "diurnal"])
async def test_every_shape_runs(load, shape):
    arrivals = {
        "shape": shape,
        "rate": 80,
        "stages": [{"rate": 150, "seconds": 0.3}],
        "burst": 20,
        "every_s": 0.2,
        "period_s": 1,
    }
    async with load.serving(load.smsc()) as server:
        target = f"smpp://guest:guest@127.0.0.1:{server.port}"
        report = await Run(load.profile(target, arrivals=arrivals, duration_s=0.4)).run()
    assert report.tally.accepted == report.tally.offered > 5
