"""`gateway record`: a running gateway's SMPP traffic into a file, through `/v1/captures`."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from gateway.demo.client import ApiClient

DONE, NOT_AS_EXPECTED = 0, 1


def record(url: str, token: str, file: Path, *, duration_s: float | None, mask_text: bool) -> int:
    """Capture until the time is over or Ctrl-C; JSONL where the file is named so, else pcap."""
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        return asyncio.run(_record(url, token, file, duration_s, mask_text, notes))
    except aiohttp.ClientError as error:
        notes.print(f"No gateway answers at {url}: {error}. Start one with `gateway demo`.")
        return NOT_AS_EXPECTED


async def _record(
    url: str, token: str, file: Path, duration_s: float | None, mask_text: bool, notes: Console
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, stop.set)
        loop.add_signal_handler(signal.SIGTERM, stop.set)
    body = {"format": "jsonl" if file.suffix == ".jsonl" else "pcap", "maskText": mask_text, "maxFiles": 1000}
    async with ApiClient(url, token) as client:
        status, capture = await client.post("/v1/captures", body)
        if status != 201:
            notes.print(f"[red]{status}[/]: {capture['errors'][0]['description']}")
            return NOT_AS_EXPECTED
        notes.print("recording; Ctrl-C ends it" if duration_s is None else f"recording for {duration_s:g} s")
        with suppress(TimeoutError):
            async with asyncio.timeout(duration_s):
                await stop.wait()
        path = f"/v1/captures/{capture['id']}"
        _, capture = await client.post(f"{path}/stop")
        written = await _fetch(client, path, capture, file)
        await client.call("DELETE", path)
    notes.print(f"{capture['frames']} PDUs in {', '.join(each.name for each in written)}")
    return DONE


async def _fetch(client: ApiClient, path: str, capture: dict[str, Any], file: Path) -> list[Path]:
    """The capture's files under the name asked for; further ones are numbered."""
    written = []
    for number, name in enumerate(capture["files"]):
        _, data = await client.fetch(f"{path}/files/{name}")
        target = file if not number else file.with_name(f"{file.stem}-{number}{file.suffix}")
        target.write_bytes(data)
        written.append(target)
    return written
