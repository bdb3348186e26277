"""Where a service keeps things, opened: its folder claimed, its tables brought up to date, connected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gateway.runtime.claims import Claims
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, MigrationBranch, migrate
from gateway.runtime.metrics import Metrics
from gateway.runtime.settings import StorageSettings

_T = TypeVar("_T")


async def open_storage(
    settings: StorageSettings,
    packages: Mapping[str, Sequence[str]],
    *,
    metrics: Metrics,
    clock: WorldClock | None = None,
    process: bool = False,
) -> Database:
    """Open the database for the parts that run; `packages` are those whose tables each part needs.

    What parts with tables work on is theirs alone until the database is closed. Without any, the database is
    one of this process's memory and nothing is claimed. `process` as for `Database.open`. Raises
    `StorageInUse`, and what `migrate` and `Database.open` raise.
    """
    storing = [part for part, wanted in packages.items() if wanted]
    if not storing:
        return await Database.open("sqlite://", metrics=metrics, clock=clock)
    branches = [
        MigrationBranch.of(package)
        for package in dict.fromkeys(package for part in storing for package in packages[part])
    ]
    claims: list[Claims] = []

    def let_go() -> None:
        for each in claims:
            each.release()

    try:
        for part in storing:
            claims.append(await _beside(Claims.take, claimed_paths(settings, part), part))
        await _beside(migrate, settings.url, branches)
        database = await Database.open(
            settings.url, metrics=metrics, clock=clock, process=process, owners=storing
        )
    except BaseException:
        let_go()
        raise
    database.on_closed(let_go)
    return database


def claimed_paths(settings: StorageSettings, part: str) -> list[Path]:
    """The files that a running part holds locked: in the folder, and beside an SQLite file elsewhere."""
    paths = [settings.folder / f"{part}.lock"]
    if settings.database is not None and (file := _sqlite_file(settings.database)) is not None:
        paths.append(file.with_name(f"{file.name}.{part}.lock"))
    return paths


def _sqlite_file(url: str) -> Path | None:
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None  # opening it says what is wrong
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


async def _beside(work: Callable[..., _T], *arguments: object) -> _T:
    """Run what blocks on a thread."""
    return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)
