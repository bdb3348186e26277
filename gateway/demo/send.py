"""`gateway send`: one text through a running gateway, followed to its final state."""

import asyncio
import json
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from gateway.demo.client import ApiClient

DONE, NOT_AS_EXPECTED = 0, 1


def send_and_follow(
    url: str, token: str, source: str, to: str, text: str, *, timeout_s: float, as_json: bool
) -> int:
    """Send, wait for the outcome, print it; 0 if the text was delivered."""
    try:
        status, document = asyncio.run(_send(url, token, source, to, text, timeout_s))
    except aiohttp.ClientError as error:
        Console(stderr=True).print(f"No gateway answers at {url}: {error}. Start one with `gateway demo`.")
        return NOT_AS_EXPECTED
    if as_json:
        print(json.dumps(document))
    else:
        _show(status, document)
    return DONE if document.get("state") == "delivered" else NOT_AS_EXPECTED


async def _send(
    url: str, token: str, source: str, to: str, text: str, timeout_s: float
) -> tuple[int, dict[str, Any]]:
    async with ApiClient(url, token) as client:
        status, document = await client.post("/v1/messages", {"from": source, "to": to, "text": text})
        if status == 202:
            document = await client.follow(document["id"], timeout_s)
        return status, document


def _show(status: int, document: dict[str, Any]) -> None:
    console = Console()
    if status != 202:
        refusal = document["errors"][0]
        console.print(f"[bold red]refused[/] {status} [bold]{refusal['code']}[/]: {refusal['description']}")
        return
    table = Table(title=f"{document['from']} → {document['to']}: [bold]{document['state']}[/]")
    for heading in ("at", "event", "details"):
        table.add_column(heading)
    for moment in document["timeline"]:
        details = {key: value for key, value in moment.items() if key not in ("at", "event")}
        shown = ", ".join(f"{key} {value}" for key, value in details.items())
        table.add_row(moment["at"], moment["event"], shown)
    console.print(table)
