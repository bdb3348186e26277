"""Recordings as callers find them: rows of the recorder beside the filings of the providers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from gateway.runtime.database import Database
from gateway.runtime.http.auth import Principal
from siprec.providers.access import Caller, allowed
from siprec.providers.desk import ProviderDesk
from siprec.providers.model import Action, Filing
from siprec.providers.store import filing_of, recording_filings
from siprec.srs.store import RECORDING, RecordingRow, recording_of, recordings

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording, its filing, and what the caller may do with it."""

    row: RecordingRow
    filing: Filing
    actions: frozenset[Action]

    @property
    def state(self) -> str:
        """The recording's state; until its retention is known it still counts as recording."""
        return RECORDING if self.filing.finished_ns is None else self.row.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which recordings are meant; None leaves a condition out. `before_id` pages, newest first."""

    provider: str | None = None
    product: str | None = None
    organization_id: str | None = None
    person_id: str | None = None
    service_provider: str | None = None
    external_group: str | None = None
    external_identifier: str | None = None
    state: str | None = None
    quarantined: bool | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    before_id: int | None = None


class Library:
    """Finds recordings; what a caller may not list does not exist for them (webex.md C4, C5)."""

    def __init__(self, database: Database, desk: ProviderDesk) -> None:
        self._database = database
        self._desk = desk

    async def find(self, principal: Principal, wanted: Wanted, limit: int) -> list[Entry]:
        """The newest recordings that are meant and that the caller may list, at most `limit`."""
        caller = self._desk.caller(principal)
        found: list[Entry] = []
        query = _select(wanted, caller).limit(max(_BATCH, limit))
        before_id = wanted.before_id
        while len(found) < limit:
            page = query if before_id is None else query.where(recordings.c.id < before_id)
            rows = await self._database.fetch(page)
            found += self._listed(rows, caller)
            if len(rows) < max(_BATCH, limit):
                break
            before_id = rows[-1].id
        return found[:limit]

    async def get(self, principal: Principal, recording_id: int) -> Entry | None:
        """A recording, if the caller may list it."""
        caller = self._desk.caller(principal)
        query = _joined().where(recordings.c.id == recording_id)
        return next(iter(self._listed(await self._database.fetch(query), caller)), None)

    def _listed(self, rows: Sequence[Any], caller: Caller) -> list[Entry]:
        entries = []
        for row in rows:
            filing = filing_of(row)
            actions = allowed(caller, filing, self._desk.providers)
            if Action.LIST in actions:
                entries.append(Entry(recording_of(row), filing, actions))
        return entries


def _joined() -> Select[Any]:
    filed = [
        column
        for column in recording_filings.c
        if column.name not in ("provider", "service_provider", "external_group", "external_identifier")
    ]
    keys = [
        recording_filings.c.provider,
        recording_filings.c.service_provider,
        recording_filings.c.external_group,
        recording_filings.c.external_identifier,
    ]
    own = [column for column in recordings.c if column.name not in {key.name for key in keys}]
    join = recordings.join(recording_filings, recordings.c.id == recording_filings.c.recording_id)
    return select(*own, *filed, *keys).select_from(join).order_by(recordings.c.id.desc())


def _in_state(state: str | None) -> ColumnElement[bool]:
    """The condition of `Entry.state`."""
    finished = recording_filings.c.finished_ns
    if state == RECORDING:
        return finished.is_(None)
    return finished.is_not(None) & (recordings.c.state == state)


def _select(wanted: Wanted, caller: Caller) -> Select[Any]:
    row, filing = recordings.c, recording_filings.c
    conditions: list[tuple[object, ColumnElement[bool]]] = [
        (wanted.provider, filing.provider == wanted.provider),
        (wanted.product, filing.product == wanted.product),
        (wanted.organization_id, filing.organization_id == wanted.organization_id),
        (wanted.person_id, filing.person_id == wanted.person_id),
        (wanted.service_provider, filing.service_provider == wanted.service_provider),
        (wanted.external_group, filing.external_group == wanted.external_group),
        (wanted.external_identifier, filing.external_identifier == wanted.external_identifier),
        (wanted.state, _in_state(wanted.state)),
        (wanted.since_ns, row.started_ns >= (wanted.since_ns or 0)),
        (wanted.until_ns, row.started_ns < (wanted.until_ns or 0)),
        (caller.organization_id, filing.organization_id == caller.organization_id),
        (caller.provider, filing.provider == caller.provider),
        (caller.role == "person" or None, filing.person_id == caller.person_id),
        (wanted.quarantined, filing.reason != "" if wanted.quarantined else filing.reason == ""),
    ]
    return _joined().where(*(condition for given, condition in conditions if given is not None))
