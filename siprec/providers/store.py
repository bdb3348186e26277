"""The providers' books and filings made durable."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from gateway.directory.changes import Change, ChangeLog, change_table
from gateway.runtime.database import Database
from gateway.runtime.ids import new_id
from gateway.runtime.intents import writes
from siprec.providers.book import Book, Entry
from siprec.providers.model import Account, Filing, Owner, Subscriber, TenantKey

MAX_KEY_LETTERS = 255
"""What a peer says of the tenant is kept up to this length."""

metadata = MetaData()
_KEY = BigInteger().with_variant(Integer, "sqlite")

provider_changes = change_table(metadata, "provider_changes")
recording_filings = Table(
    "recording_filings",
    metadata,
    Column("recording_id", _KEY, primary_key=True, autoincrement=False),
    Column("service_provider", String(MAX_KEY_LETTERS), nullable=False),
    Column("external_group", String(MAX_KEY_LETTERS), nullable=False),
    Column("external_identifier", String(MAX_KEY_LETTERS), nullable=False),
    Column("organization_id", String(64)),
    Column("person_id", String(64)),
    Column("provider", String(64), nullable=False),
    Column("product", String(64), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
    Column("finished_ns", BigInteger),
    Column("expires_ns", BigInteger),
    Column("storage", String(64)),
    Index("recording_filings_by_person", "person_id", "recording_id"),
    Index("recording_filings_by_expiry", "expires_ns"),
)
_t = recording_filings


@writes(insert(_t).values({c.name: bindparam(c.name) for c in _t.columns}))
class InsertFiling(NamedTuple):
    """A recording has begun."""

    recording_id: int
    service_provider: str
    external_group: str
    external_identifier: str
    organization_id: str | None
    person_id: str | None
    provider: str
    product: str
    reason: str
    recorded_ns: int
    finished_ns: int | None
    expires_ns: int | None
    storage: str | None


@writes(
    update(_t)
    .where(_t.c.recording_id == bindparam("the_recording_id"))
    .values({c.name: bindparam(c.name) for c in _t.columns if c.name not in ("recording_id", "recorded_ns")}),
    rank=1,
)
class UpdateFiling(NamedTuple):
    """Its tenant became known, it was finished, or it was assigned."""

    service_provider: str
    external_group: str
    external_identifier: str
    organization_id: str | None
    person_id: str | None
    provider: str
    product: str
    reason: str
    finished_ns: int | None
    expires_ns: int | None
    storage: str | None
    the_recording_id: int


@writes(
    update(_t)
    .where(
        _t.c.person_id == bindparam("the_person_id"),
        _t.c.provider == bindparam("the_provider"),
        _t.c.finished_ns.is_not(None),
    )
    .values(product=bindparam("product"), expires_ns=bindparam("expires_ns")),
    rank=2,
)
class RetainFilings(NamedTuple):
    """All finished recordings of a subscriber come under another product's retention (C9)."""

    product: str
    expires_ns: int | None
    the_person_id: str
    the_provider: str


@writes(delete(_t).where(_t.c.recording_id == bindparam("recording_id")), rank=3)
class DeleteFiling(NamedTuple):
    """The recording is gone."""

    recording_id: int


_ADAPTERS: dict[str, TypeAdapter[Entry]] = {
    "account": TypeAdapter(Account),
    "subscriber": TypeAdapter(Subscriber),
}


def _kind(entry: Entry) -> tuple[str, str]:
    if isinstance(entry, Account):
        return "account", f"{entry.organization_id}/{entry.provider}"
    return "subscriber", f"{entry.person_id}/{entry.provider}"


def insert_filing(filing: Filing) -> InsertFiling:
    """The row of a new filing."""
    owner = filing.owner
    return InsertFiling(
        filing.recording_id,
        *_bounded(filing.tenant),
        owner.organization_id,
        owner.person_id,
        owner.provider,
        owner.product,
        owner.reason,
        filing.recorded_ns,
        filing.finished_ns,
        filing.expires_ns,
        filing.storage,
    )


def update_filing(filing: Filing) -> UpdateFiling:
    """The row of a changed filing."""
    row = insert_filing(filing)
    return UpdateFiling(*row[1:9], filing.finished_ns, filing.expires_ns, filing.storage, filing.recording_id)


def _bounded(key: TenantKey) -> tuple[str, str, str]:
    provider, group, identifier = (value[:MAX_KEY_LETTERS] for value in key)
    return provider, group, identifier


def filing_of(row: Any) -> Filing:
    """A filing from a row of `recording_filings`."""
    return Filing(
        row.recording_id,
        TenantKey(row.service_provider, row.external_group, row.external_identifier),
        Owner(row.organization_id, row.person_id, row.provider, row.product, row.reason),
        row.recorded_ns,
        row.finished_ns,
        row.expires_ns,
        row.storage,
    )


class ProviderStore:
    """Books and filings in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.log = ChangeLog(database, provider_changes)

    async def load(self, book: Book) -> None:
        """Lay stored entries over the seeded book."""
        for change in await self.log.latest(tuple(_ADAPTERS)):
            if change.document is not None:
                book.put(_ADAPTERS[change.kind].validate_json(change.document))

    async def write(self, entries: Sequence[Entry], *also: Any, actor: str, now_ns: int) -> None:
        """Make entries and further intents durable, all or none."""
        changes = [
            Change(new_id(), now_ns, actor, kind, key, _ADAPTERS[kind].dump_json(entry).decode())
            for entry in entries
            for kind, key in (_kind(entry),)
        ]
        if changes or also:
            await self._database.write(*self.log.intents(*changes), *also)

    async def filing(self, recording_id: int) -> Filing | None:
        """One filing."""
        row = await self._database.fetch_one(select(_t).where(_t.c.recording_id == recording_id))
        return filing_of(row) if row is not None else None

    async def expired(self, now_ns: int, limit: int = 1000) -> list[Filing]:
        """Filings whose retention has ended, oldest first."""
        query = select(_t).where(_t.c.expires_ns <= now_ns, _t.c.finished_ns.is_not(None))
        return [
            filing_of(row) for row in await self._database.fetch(query.order_by(_t.c.expires_ns).limit(limit))
        ]

    async def next_expiry_ns(self) -> int | None:
        """When the next retention ends."""
        row = await self._database.fetch_one(select(func.min(_t.c.expires_ns)))
        return None if row is None or row[0] is None else int(row[0])

    async def unfinished(self) -> list[Filing]:
        """Filings of recordings that were not finished, as a crash leaves them."""
        rows = await self._database.fetch(select(_t).where(_t.c.finished_ns.is_(None)))
        return [filing_of(row) for row in rows]

    async def misplaced(self, account: Account) -> list[Filing]:
        """Finished recordings of an account that are not where the account keeps them now."""
        query = select(_t).where(
            _t.c.organization_id == account.organization_id,
            _t.c.provider == account.provider,
            _t.c.finished_ns.is_not(None),
            _t.c.storage.is_distinct_from(account.storage),
        )
        return [filing_of(row) for row in await self._database.fetch(query.order_by(_t.c.recording_id))]

    async def quarantined_as(self, tenant: TenantKey) -> list[Filing]:
        """Recordings in quarantine that name this tenant."""
        query = select(_t).where(
            _t.c.reason != "",
            _t.c.service_provider == tenant.service_provider,
            _t.c.external_group == tenant.external_group,
            _t.c.external_identifier == tenant.external_identifier,
        )
        return [filing_of(row) for row in await self._database.fetch(query)]
