"""`/v1/replays`: a capture up, a verdict down; refusals by name."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from gateway.smpp import pdu as p
from gateway.smpp.pdu import encode
from gateway.testing.captures import conversation, pcap_file

SUBMIT = p.SubmitSm(
    source_addr="14045550177", source_addr_ton=1, destination_addr="13105559999", dest_addr_ton=1
)
CAPTURE = pcap_file(
    conversation(
        [(True, encode(SUBMIT, 1)), (False, encode(p.SubmitSmResp(message_id="a"), 1)),
         (True, encode(SUBMIT, 2)), (False, encode(p.SubmitSmResp(command_status=0x58), 2))]
    )
)  # fmt: skip


@pytest.fixture
async def http(world: Any) -> Any:
    headers = {"Authorization": "Bearer demo-admin", "Content-Type": "application/octet-stream"}
    async with aiohttp.ClientSession(world.service.http.url, headers=headers) as session:
        yield session


async def ended(http: Any, replay_id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            async with http.get(f"/v1/replays/{replay_id}") as response:
                document = await response.json()
            if document["state"] != "running":
                return document  # type: ignore[no-any-return]
            await asyncio.sleep(0.05)


async def test_a_capture_is_replayed_and_judged(http: Any) -> None:
    async with http.post("/v1/replays", data=CAPTURE) as response:
        assert response.status == 202
        begun = await response.json()
    done = await ended(http, begun["id"])
    assert (done["state"], done["ok"], done["role"], done["settled"]) == ("finished", False, "esme", 2)
    async with http.get(f"/v1/replays/{begun['id']}/report/json") as response:
        report = json.loads(await response.read())
    assert [one["what"] for one in report["differences"]] == ["status"]
    for form, begins in (("html", b"<!doctype html>"), ("junit", b"<?xml")):
        async with http.get(f"/v1/replays/{begun['id']}/report/{form}") as response:
            assert (await response.read()).startswith(begins)
    async with http.get("/v1/replays") as response:
        assert [one["id"] for one in (await response.json())["items"]] == [begun["id"]]


async def test_what_cannot_be_replayed_is_refused(http: Any, world: Any) -> None:
    async with http.post("/v1/replays", data=b"nonsense") as response:
        assert response.status == 400
        assert (await response.json())["errors"][0]["code"] == "capture_unreadable"
    async with http.post("/v1/replays?speed=never", data=CAPTURE) as response:
        assert response.status == 400
    async with http.get("/v1/replays/unknown") as response:
        assert response.status == 404
    async with http.post("/v1/replays?target=http://x", data=CAPTURE) as response:
        failed = await ended(http, (await response.json())["id"])
    assert failed["state"] == "failed"
    assert "smpp://" in failed["error"]
    async with http.get(f"/v1/replays/{failed['id']}/report/json") as response:
        assert response.status == 409
    headers = {"Authorization": "Bearer demo-alice"}
    async with http.post("/v1/replays", data=CAPTURE, headers=headers) as response:
        assert response.status == 403


async def test_a_replay_as_carrier_listens_until_it_is_stopped(http: Any) -> None:
    async with http.post("/v1/replays?role=carrier", data=CAPTURE) as response:
        begun = await response.json()
    async with asyncio.timeout(20):
        while not begun["listening"]:
            await asyncio.sleep(0.02)
            async with http.get(f"/v1/replays/{begun['id']}") as response:
                begun = await response.json()
    async with http.post(f"/v1/replays/{begun['id']}/stop") as response:
        assert response.status == 200
    done = await ended(http, begun["id"])
    assert done["ok"] is False


async def captures(world: Any) -> list[Any]:
    _, page = await world.client.get("/v1/captures")
    return list(page["items"])


async def test_what_a_gateway_records_can_be_replayed(world: Any, tmp_path: Any) -> None:
    from rich.console import Console

    from gateway.demo.record import _record
    from gateway.replay.options import ReplayOptions
    from gateway.replay.run import Replay

    for name in ("monday.pcap", "monday.jsonl"):
        file = tmp_path / name
        url = world.service.http.url
        wanted = {"format": file.suffix[1:], "maskText": False}
        recording = asyncio.ensure_future(_record(url, "demo-admin", file, 2.5, wanted, Console(quiet=True)))
        async with asyncio.timeout(10):
            while not await captures(world):  # noqa: ASYNC110 - the recorder is another client
                await asyncio.sleep(0.02)
        body = {"from": "+12025550100", "to": "+13105550125", "text": "for the record"}
        _, message = await world.client.post("/v1/messages", body)
        await world.client.follow(message["id"], 20)
        assert await recording == 0
        report = await Replay(ReplayOptions(file, speed=None, world="auto")).run()
        assert (report.passed, report.summary.messages) == (True, 1)
