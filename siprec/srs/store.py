"""Rows of recordings: write intents, and the queries the API asks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from gateway.runtime.database import Database
from gateway.runtime.intents import writes
from siprec.srs.errors import RecordingNotFoundError

metadata = MetaData()
recordings = Table(
    "recordings",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("service_provider", String(255), nullable=False),
    Column("external_group", String(255), nullable=False),
    Column("external_identifier", String(255), nullable=False),
    Column("sip_call_id", String(255), nullable=False),
    Column("dialect", String(16), nullable=False),
    Column("started_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),
    Column("duration_ms", BigInteger),
    Column("size_bytes", BigInteger),
    Column("outcome", String(64)),
    Column("document", Text),
    Index("recordings_by_state", "state"),
    Index("recordings_by_provider", "provider", "id"),
    Index("recordings_by_tenant", "service_provider", "external_group", "external_identifier", "id"),
)

RECORDING, SEALED, FAILED = "recording", "sealed", "failed"
TEXT_LETTERS = 255


class Tenant(NamedTuple):
    """Whose a recording is: what Control Hub shows as the platform information of a user (`webex.md` C15)."""

    service_provider: str = ""
    external_group: str = ""
    external_identifier: str = ""


@writes(
    insert(recordings).values(
        id=bindparam("id"),
        state=RECORDING,
        provider=bindparam("provider"),
        service_provider=bindparam("service_provider"),
        external_group=bindparam("external_group"),
        external_identifier=bindparam("external_identifier"),
        sip_call_id=bindparam("sip_call_id"),
        dialect=bindparam("dialect"),
        started_ns=bindparam("started_ns"),
    )
)
class InsertRecording(NamedTuple):
    """A recording has begun."""

    id: int
    provider: str
    service_provider: str
    external_group: str
    external_identifier: str
    sip_call_id: str
    dialect: str
    started_ns: int


@writes(
    update(recordings)
    .where(recordings.c.id == bindparam("recording_id"))
    .values(
        state=bindparam("new_state"),
        provider=bindparam("new_provider"),
        service_provider=bindparam("new_service_provider"),
        external_group=bindparam("new_external_group"),
        external_identifier=bindparam("new_external_identifier"),
        started_ns=bindparam("new_started_ns"),
        ended_ns=bindparam("new_ended_ns"),
        duration_ms=bindparam("new_duration_ms"),
        size_bytes=bindparam("new_size_bytes"),
        outcome=bindparam("new_outcome"),
        document=bindparam("new_document"),
    ),
    rank=1,
)
class SealRecording(NamedTuple):
    """A recording is complete (or failed): what is known of it now."""

    recording_id: int
    new_state: str
    new_provider: str
    new_service_provider: str
    new_external_group: str
    new_external_identifier: str
    new_started_ns: int
    new_ended_ns: int
    new_duration_ms: int
    new_size_bytes: int
    new_outcome: str
    new_document: str


@writes(
    update(recordings)
    .where(recordings.c.id == bindparam("recording_id"))
    .values(
        provider=bindparam("new_provider"),
        service_provider=bindparam("new_service_provider"),
        external_group=bindparam("new_external_group"),
        external_identifier=bindparam("new_external_identifier"),
    ),
    rank=2,
)
class FileRecording(NamedTuple):
    """A recording belongs to another tenant (assigned out of quarantine)."""

    recording_id: int
    new_provider: str
    new_service_provider: str
    new_external_group: str
    new_external_identifier: str


@writes(delete(recordings).where(recordings.c.id == bindparam("recording_id")), rank=3)
class DeleteRecording(NamedTuple):
    """A recording is gone."""

    recording_id: int


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A recording as stored; `document` is its sidecar, None while it runs. Times are world nanoseconds."""

    id: int
    state: str
    provider: str
    tenant: Tenant
    sip_call_id: str
    dialect: str
    started_ns: int
    ended_ns: int | None
    duration_ms: int | None
    size_bytes: int | None
    outcome: str | None
    document: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter:
    """Which recordings are meant; None leaves a condition out. `before_id` pages, newest first."""

    provider: str | None = None
    tenant: Tenant | None = None
    state: str | None = None
    sip_call_id: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    before_id: int | None = None


class RecordingStore:
    """The recordings of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, row: InsertRecording) -> None:
        """Note that a recording has begun; nobody waits."""
        self._database.write_soon(row)

    async def seal(self, row: SealRecording) -> None:
        """Make the end of a recording durable."""
        await self._database.write(row)

    async def file(self, recording_id: int, provider: str, tenant: Tenant) -> None:
        """Give a recording to another provider or tenant."""
        await self._database.write(FileRecording(recording_id, provider, *tenant))

    async def delete(self, recording_id: int) -> None:
        """Delete a row."""
        await self._database.write(DeleteRecording(recording_id))

    async def get(self, recording_id: int) -> RecordingRow:
        """Return a recording. Raises `RecordingNotFoundError`."""
        row = await self._database.fetch_one(select(recordings).where(recordings.c.id == recording_id))
        if row is None:
            raise RecordingNotFoundError(recording_id)
        return recording_of(row)

    async def sizes(self) -> dict[str, int]:
        """Return the bytes of the recordings that are kept, by provider."""
        total = func.sum(recordings.c.size_bytes)
        query = select(recordings.c.provider, total).group_by(recordings.c.provider)
        rows: Sequence[Any] = await self._database.fetch(query)
        return {row[0]: int(row[1] or 0) for row in rows}

    async def find(self, wanted: RecordingFilter, limit: int = 100) -> Sequence[RecordingRow]:
        """Return the newest recordings that are meant."""
        columns = recordings.c
        query = select(recordings).order_by(columns.id.desc()).limit(limit)
        conditions = (
            (wanted.provider, columns.provider == wanted.provider),
            (wanted.state, columns.state == wanted.state),
            (wanted.sip_call_id, columns.sip_call_id == wanted.sip_call_id),
            (wanted.since_ns, columns.started_ns >= (wanted.since_ns or 0)),
            (wanted.until_ns, columns.started_ns < (wanted.until_ns or 0)),
            (wanted.before_id, columns.id < (wanted.before_id or 0)),
        )
        query = query.where(*(condition for given, condition in conditions if given is not None))
        if wanted.tenant is not None:
            query = query.where(
                columns.service_provider == wanted.tenant.service_provider,
                columns.external_group == wanted.tenant.external_group,
                columns.external_identifier == wanted.tenant.external_identifier,
            )
        return [recording_of(row) for row in await self._database.fetch(query)]


def recording_of(row: Any) -> RecordingRow:
    """A recording from a row of `recordings`."""
    return RecordingRow(
        id=row.id,
        state=row.state,
        provider=row.provider,
        tenant=Tenant(row.service_provider, row.external_group, row.external_identifier),
        sip_call_id=row.sip_call_id,
        dialect=row.dialect,
        started_ns=row.started_ns,
        ended_ns=row.ended_ns,
        duration_ms=row.duration_ms,
        size_bytes=row.size_bytes,
        outcome=row.outcome,
        document=None if row.document is None else json.loads(row.document),
    )


def shortened(text: str) -> str:
    """Cut a peer's text to what a column holds; bytes that are no UTF-8, and NUL, become U+FFFD."""
    clean = text[:TEXT_LETTERS].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return clean.replace("\0", "\ufffd")[:TEXT_LETTERS]
