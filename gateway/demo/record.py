"""`gateway record`: a running gateway's SMPP traffic into a file, through `/v1/captures`."""

import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from gateway.demo.client import ApiClient
from gateway.runtime.commands import DONE, NOT_AS_EXPECTED, check_output, nobody_answers
from gateway.runtime.interrupts import INTERRUPTS, run


def record(
    url: str,
    token: str,
    file: Path,
    *,
    duration_s: float | None,
    mask_text: bool,
    rotate_mib: int = 64,
    max_files: int = 1_000,
) -> int:
    """Capture until the time is over or Ctrl-C; JSONL where the file is named so, else pcap.

    A new file begins every `rotate_mib`; the last `max_files` are kept.
    """
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    check_output("FILE", file)
    kind = "jsonl" if file.suffix == ".jsonl" else "pcap"
    body = {"format": kind, "maskText": mask_text, "rotateMib": rotate_mib, "maxFiles": max_files}
    try:
        return run(_record(url, token, file, duration_s, body, notes))
    except aiohttp.ClientError as error:
        notes.print(nobody_answers(url, error, "`gateway demo`"), markup=False)
        return NOT_AS_EXPECTED


async def _record(
    url: str, token: str, file: Path, duration_s: float | None, body: dict[str, Any], notes: Console
) -> int:
    async with ApiClient(url, token) as client:
        status, capture = await client.post("/v1/captures", body)
        if status != 201:
            notes.print(f"{status}: {capture['errors'][0]['description']}", style="red", markup=False)
            return NOT_AS_EXPECTED
        notes.print("recording; Ctrl-C ends it" if duration_s is None else f"recording for {duration_s:g} s")
        await _wait_for_signal(duration_s)
        path = f"/v1/captures/{capture['id']}"
        status, capture = await client.post(f"{path}/stop")
        if status != 200:
            notes.print(f"{status}: {capture['errors'][0]['description']}", style="red", markup=False)
            return NOT_AS_EXPECTED
        written = await _fetch(client, path, capture, file)
        await client.call("DELETE", path)
    notes.print(f"{capture['frames']} PDUs in {', '.join(each.name for each in written)}", markup=False)
    return DONE


async def _wait_for_signal(at_most_s: float | None) -> None:
    """Return at Ctrl-C or SIGTERM, or when the time is over; before and after they end the program."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    with INTERRUPTS.asking(partial(loop.call_soon_threadsafe, stop.set)), suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await stop.wait()


async def _fetch(client: ApiClient, path: str, capture: dict[str, Any], file: Path) -> list[Path]:
    """The capture's files under the name asked for; further ones are numbered."""
    written = []
    for number, name in enumerate(capture["files"]):
        _, data = await client.fetch(f"{path}/files/{name}")
        target = file if not number else file.with_name(f"{file.stem}-{number}{file.suffix}")
        target.write_bytes(data)
        written.append(target)
    return written
