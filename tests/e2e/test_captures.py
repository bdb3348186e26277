"""Captures over the API: what went over the wire, readable by others, masked when asked."""

import asyncio
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.replay.formats import open_trace
from gateway.replay.jsonl import read_jsonl
from gateway.replay.trace import PartUnreadable, PduCaptured
from gateway.smpp.pdu import BindTransceiver, SubmitSm, decode

ALICE, PLAIN = "+12025550100", "+13105550125"
SECRET = "the safe is behind the mirror"


async def captured(world: Any, **options: Any) -> bytes:
    """Capture one delivered text and fetch the file."""
    client = world.client
    status, capture = await client.post("/v1/captures", options)
    assert status == 201, capture
    _, message = await client.post("/v1/messages", {"from": ALICE, "to": PLAIN, "text": SECRET})
    assert (await client.follow(message["id"], 20))["state"] == "delivered"
    path = f"/v1/captures/{capture['id']}"
    status, _ = await client.call("GET", f"{path}/files/{capture['files'][0]}")
    assert status == 409
    _, stopped = await client.post(f"{path}/stop")
    assert stopped["running"] is False
    assert stopped["frames"] >= 4
    status, data = await client.fetch(f"{path}/files/{stopped['files'][0]}")
    assert status == 200
    assert isinstance(data, bytes)
    assert (await client.call("DELETE", path))[0] == 204
    assert (await client.get(path))[0] == 404
    return data


async def test_jsonl_holds_every_frame(world: Any) -> None:
    every = [json.loads(line) for line in (await captured(world, format="jsonl")).splitlines()]
    lines = [line for line in every if "frame" in line]
    assert [line["command"] for line in lines] == [
        "submit_sm",
        "submit_sm_resp",
        "deliver_sm",
        "deliver_sm_resp",
    ]
    submit = decode(bytes.fromhex(lines[0]["frame"]))
    assert isinstance(submit, SubmitSm)
    assert submit.short_message == SECRET.encode()


async def test_jsonl_holds_verdicts_of_both_sides(world: Any) -> None:
    client = world.client
    _, capture = await client.post("/v1/captures", {"format": "jsonl"})
    _, message = await client.post("/v1/messages", {"from": ALICE, "to": PLAIN, "text": SECRET})
    assert (await client.follow(message["id"], 20))["state"] == "delivered"
    status, _ = await client.post("/v1/messages", {"from": ALICE, "to": PLAIN, "text": "\N{GRINNING FACE}"})
    assert status == 422
    path = f"/v1/captures/{capture['id']}"
    _, stopped = await client.post(f"{path}/stop")
    data = (await client.fetch(f"{path}/files/{stopped['files'][0]}"))[1]
    lines = [json.loads(line) for line in data.splitlines()]
    wire = [line["verdict"] for line in lines if "frame" in line and "verdict" in line]
    assert wire == ["accepted", "DELIVRD", "accepted"]
    own = [line for line in lines if "frame" not in line]
    assert [line["verdict"] for line in own] == ["accepted", "delivered", "refused"]
    assert [line.get("message") for line in own] == [message["id"], message["id"], None]
    assert (own[-1]["code"], own[-1]["blockedBy"]) == ("emoji_not_supported", "gateway")
    trace = list(read_jsonl(io.BytesIO(data)))
    assert sum(isinstance(event, PduCaptured) for event in trace) == 4
    assert not any(isinstance(event, PartUnreadable) for event in trace)
    assert PLAIN[1:].encode() not in b"".join(json.dumps(line).encode() for line in own)


async def test_a_setting_captures_from_the_start(open_world: Any, tmp_path: Path) -> None:
    async with open_world("captures.format=pcap", "captures.mask_text=true") as world:
        _, page = await world.client.get("/v1/captures")
        [capture] = page["items"]
        assert (capture["format"], capture["maskText"], capture["running"]) == ("pcap", True, True)
    [file] = (tmp_path / "captures").iterdir()
    with open_trace(file) as opened:
        assert opened.format.name == "pcap"
        binds = [e for e in opened.trace if isinstance(e, PduCaptured) and isinstance(e.pdu, BindTransceiver)]
    assert len(binds) == 7


async def test_masked_captures_hold_no_text(world: Any) -> None:
    data = await captured(world, format="jsonl", maskText=True)
    assert SECRET.encode().hex().encode() not in data
    frames = [line["frame"] for line in map(json.loads, data.splitlines()) if "frame" in line]
    submit = decode(bytes.fromhex(frames[0]))
    assert isinstance(submit, SubmitSm)
    assert submit.short_message == b"*" * len(SECRET)
    assert submit.destination_addr == PLAIN[1:]


@pytest.mark.system("tshark")
async def test_wireshark_opens_the_pcap(world: Any, tool: Any, tmp_path: Path) -> None:
    file = tmp_path / "capture.pcap"
    file.write_bytes(await captured(world))
    port = next(iter(world.service.texting.carriers.pools.values())).settings.port
    command = [tool("tshark"), "-r", str(file), "-d", f"tcp.port=={port},smpp", "-Y", "smpp", "-T", "fields"]
    command += ["-e", "smpp.command_id", "-e", "_ws.malformed"]
    done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [
        "0x00000004",
        "0x80000004",
        "0x00000005",
        "0x80000005",
    ]
    assert "Malformed" not in done.stdout
