"""A call recorded by the whole gateway: phone, recorder, provider, API, stream and clock together."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.demo.call import audible_parties, place_call, recorded
from gateway.runtime.ports import free_ports
from siprec.providers.events import RecordingDeleted

PARTS = ("texting", "recording")
SIP = ("recording.sip.udp_port=0", "recording.sip.tcp_port=null", "recording.sip.tls=null", "calling.port=0")
SMALL = ("recording.media.port_pairs=8", "recording.max_sessions=4")
DAY_S = 86_400


@pytest.fixture
async def recording_world(open_world: Any) -> AsyncIterator[Any]:
    """The gateway with texting and recording; its carriers are not there, and are not missed."""
    frozen = ("clock.mode=frozen", "clock.start=2026-01-01T00:00:00Z", "log.level=error")
    async with open_world(*SIP, *SMALL, *frozen, parts=PARTS) as running:
        yield running


def recorder_uri(world: Any) -> str:
    return f"sip:srs@127.0.0.1:{world.service.recording.server.listening[0].port}"


async def test_a_call_of_alice_is_recorded_and_hers_alone_until_day_thirty(recording_world: Any) -> None:
    world = recording_world
    await place_call(recorder_uri(world))
    async with world.as_("demo-alice") as alice:
        recording = await recorded(alice)
        assert recording is not None
        assert (recording["provider"], recording["product"]) == ("dubber", "dubber_go")
        assert await audible_parties(alice, recording["id"]) == 2
        _, shown = await alice.get(f"/v1/recordings/{recording['id']}")
        assert [each["event"] for each in shown["details"]["announcements"]] == ["start"]
        status, refused = await world.client.get(f"/v1/recordings/{recording['id']}/audio")
        assert (status, refused["errors"][0]["code"]) == (403, "recording_private")

        status, _ = await world.client.post("/v1/clock", {"advance": 30 * DAY_S - 3})
        assert status == 200
        assert (await alice.get("/v1/recordings"))[1]["items"]
        async with world.service.world.bus.subscribe(RecordingDeleted) as deleted, asyncio.timeout(10):
            await world.client.post("/v1/clock", {"advance": 4})
            assert (await anext(deleted)).reason == "retention"
        assert (await alice.get("/v1/recordings"))[1]["items"] == []
    assert world.metric("siprec_recordings_deleted_total", reason="retention") == 1
    assert world.metric("siprec_sessions_total", provider="dubber", outcome="bye received") == 1


async def test_texting_and_recording_share_the_people_and_their_changes(recording_world: Any) -> None:
    world = recording_world
    path = "/v1/people/bob"
    status, changed = await world.client.call("PATCH", f"{path}/recording", {"mode": "always"})
    assert (status, changed["product"]) == (200, "dubber_go")
    status, moved = await world.client.call("PATCH", path, {"locationId": "georgetown"})
    assert (status, moved["locationId"]) == (200, "georgetown")
    _, shown = await world.client.get(f"{path}/recording")
    assert (shown["provider"], shown["provisioned"]) == ("imagicle", False)


async def test_the_stream_tells_of_the_recording(recording_world: Any) -> None:
    world = recording_world
    url, headers = (
        f"{world.service.http.url}/v1/stream?events=recording.*",
        {"Authorization": "Bearer demo-alice"},
    )
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as stream:
        await place_call(recorder_uri(world))
        text = ""
        async with asyncio.timeout(10):
            while "recording.finished" not in text:
                text += (await stream.content.readany()).decode()
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert [each["event"] for each in events] == ["recording.started", "recording.finished"]
    assert {each["data"]["personId"] for each in events} == {"alice"}
    assert "+1202" not in text


@pytest.mark.slow
def test_the_demos_tour_records_a_call(tmp_path: Path) -> None:
    carriers = ("tmobile", "att", "verizon", "uscellular", "bell", "rogers", "telus")
    overrides = ["http.port=0", *SIP]
    ports = free_ports(len(carriers))
    overrides += [f"carriers.networks.{name}.port={port}" for name, port in zip(carriers, ports, strict=True)]
    command = [sys.executable, "-m", "gateway.cli", "demo", "--once", "--json"]
    for each in overrides:
        command += ["--set", each]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (result.returncode, summary["ok"]) == (0, True), result.stderr
    (recording,) = summary["recordings"]
    assert (recording["provider"], recording["state"], recording["audibleParties"]) == ("dubber", "sealed", 2)
