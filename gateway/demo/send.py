"""`gateway send`: one text through a running gateway, followed to its final state."""

import json
import sys
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.demo.client import ApiClient
from gateway.runtime.commands import busy, nobody_answers
from gateway.runtime.interrupts import run

DONE, NOT_AS_EXPECTED = 0, 1


def send_and_follow(
    url: str, token: str, source: str, to: str, text: str, *, timeout_s: float, as_json: bool
) -> int:
    """Send, wait for the outcome, print it; 0 if the text was delivered."""
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        with busy("sent; waiting for the outcome"):
            status, document = run(_send(url, token, source, to, text, timeout_s))
    except aiohttp.ClientError as error:
        notes.print(nobody_answers(url, error, "`gateway demo`"), markup=False)
        return NOT_AS_EXPECTED
    except ValueError:
        print(f"What answers at {url} is no gateway: its answer is no JSON.", file=sys.stderr)
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
        told = Text.assemble(("refused", "bold red"), f" {status} ", (refusal["code"], "bold"))
        console.print(told.append(f": {refusal['description']}"), soft_wrap=True)
        return
    table = Table(title=f"{document['from']} → {document['to']}: [bold]{document['state']}[/]")
    for heading in ("at", "event", "details"):
        table.add_column(heading)
    for moment in document["timeline"]:
        details = {key: value for key, value in moment.items() if key not in ("at", "event", "pdu")}
        shown = ", ".join(f"{key} {value}" for key, value in details.items())
        table.add_row(moment["at"], moment["event"], shown)
    console.print(table)
