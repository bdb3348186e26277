"""Captures over the API: what went over the wire, readable by others, masked when asked."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.smpp.pdu import SubmitSm, decode

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
    lines = [json.loads(line) for line in (await captured(world, format="jsonl")).splitlines()]
    assert [line["command"] for line in lines] == [
        "submit_sm",
        "submit_sm_resp",
        "deliver_sm",
        "deliver_sm_resp",
    ]
    submit = decode(bytes.fromhex(lines[0]["frame"]))
    assert isinstance(submit, SubmitSm)
    assert submit.short_message == SECRET.encode()


async def test_masked_captures_hold_no_text(world: Any) -> None:
    data = await captured(world, format="jsonl", maskText=True)
    assert SECRET.encode().hex().encode() not in data
    submit = decode(bytes.fromhex(json.loads(data.splitlines()[0])["frame"]))
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
