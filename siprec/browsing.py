"""`siprec recordings`: list, show and export recordings of a running service, over its API."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from yarl import URL

from gateway.runtime.interrupts import run

DONE, NOT_AS_EXPECTED = 0, 1


class RefusedError(Exception):
    """The service refused a request; its own words."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service and the token to speak with."""

    url: str
    token: str


class Browser:
    """A session with a service's API."""

    def __init__(self, service: Service) -> None:
        self._base = URL(service.url.rstrip("/"))
        headers = {"Authorization": f"Bearer {service.token}"}
        self._session = aiohttp.ClientSession(headers=headers)

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._session.close()

    async def fetch(self, path: str, **query: Any) -> tuple[bytes, str | None, str]:
        """Body, next page and content type; raises `RefusedError`."""
        wanted = {name: str(value) for name, value in query.items() if value is not None}
        async with self._session.get(self._base / path.lstrip("/"), params=wanted) as response:
            body = await response.read()
            if response.status >= 400:
                raise RefusedError(_words(response.status, body))
            following = _next(response)
            return body, following, response.content_type

    async def document(self, path: str, **query: Any) -> Any:
        """A JSON answer."""
        return json.loads((await self.fetch(path, **query))[0])

    async def recordings(self, limit: int, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Recordings, newest first, over as many pages as it takes."""
        seen = 0
        while seen < limit:
            body, following, _ = await self.fetch("/v1/recordings", max=min(limit - seen, 1000), **query)
            for item in json.loads(body)["items"]:
                seen += 1
                yield item
            if following is None:
                return
            query = {name: value for name, value in URL(following).query.items() if name != "max"}


def _next(response: aiohttp.ClientResponse) -> str | None:
    link = response.links.get("next")
    return str(link["url"]) if link is not None else None


def _words(status: int, body: bytes) -> str:
    try:
        fault = json.loads(body)["errors"][0]
        return f"{status} {fault['code']}: {fault['description']}"
    except (ValueError, LookupError, TypeError):
        return f"{status} {body[:200].decode(errors='replace')}"


def list_recordings(service: Service, limit: int, *, as_json: bool, **query: Any) -> int:
    """Print the newest recordings."""

    async def collect() -> list[dict[str, Any]]:
        async with Browser(service) as browser:
            return [item async for item in browser.recordings(limit, **query)]

    found = run(collect())
    if as_json:
        print(json.dumps(found))
    else:
        Console().print(_table(found))
    return DONE


def show_recording(service: Service, recording_id: str, *, as_json: bool) -> int:
    """Print one recording with what the caller may see of it."""

    async def fetch() -> Any:
        async with Browser(service) as browser:
            return await browser.document(f"/v1/recordings/{recording_id}")

    found = run(fetch())
    if as_json:
        print(json.dumps(found))
    else:
        Console().print_json(data=found)
    return DONE


def export_recording(service: Service, recording_id: str, folder: Path, *, as_json: bool) -> int:
    """Write a recording's audio, sidecar and metadata documents into a folder."""
    files = run(_export(service, recording_id, folder))
    if as_json:
        print(json.dumps({"id": recording_id, "files": files}))
    else:
        for name in files:
            print(name)
    return DONE


async def _export(service: Service, recording_id: str, folder: Path) -> list[str]:
    path = f"/v1/recordings/{recording_id}"
    written = []
    async with Browser(service) as browser:
        told = await browser.document(f"{path}/metadata")
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        for file in told["recording"]["audio"]:
            part = "stereo" if file["kind"] == "stereo" else _number(told["recording"]["audio"], file)
            audio, _, _ = await browser.fetch(f"{path}/audio", party=part)
            written.append(await _write(folder / Path(file["name"]).name, audio))
        sidecar = json.dumps(told["recording"], indent=1, ensure_ascii=False).encode()
        written.append(await _write(folder / "recording.json", sidecar))
        for number, _ in enumerate(told["history"]):
            raw, _, _ = await browser.fetch(f"{path}/metadata", revision=number)
            written.append(await _write(folder / f"metadata-{number}.xml", raw))
    return written


def _number(files: list[dict[str, Any]], wanted: dict[str, Any]) -> str:
    parties = [file for file in files if file["kind"] == "party"]
    return str(parties.index(wanted) + 1)


async def _write(path: Path, data: bytes) -> str:
    await asyncio.to_thread(path.write_bytes, data)
    return str(path)


def _table(found: list[dict[str, Any]]) -> Table:
    """As wide as a terminal of 80 columns; `show` tells the rest."""
    title = f"{len(found)} recording{'' if len(found) == 1 else 's'}"
    table = Table(box=SIMPLE_HEAD, title=title, title_style="bold", padding=(0, 1, 0, 0))
    for heading in ("id", "started", "state", "sec", "product", "person", "expires"):
        table.add_column(heading, no_wrap=heading not in ("product", "person"))
    for item in found:
        length = item["durationMs"]
        table.add_row(
            item["id"],
            item["startedAt"][:16].replace("T", " "),
            "paused" if item["paused"] else item["state"],
            "" if length is None else f"{length / 1000:.1f}",
            item["product"] or f"quarantine: {item['quarantineReason']}",
            item["personId"] or "",
            (item["expiresAt"] or "never")[:10],
        )
    return table
