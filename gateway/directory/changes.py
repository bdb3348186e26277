"""A log of administrative changes: what holds now, and who made it so.

Every change is one row that is only ever added. State is the last row of each entity, so one table is both
the persistence and the audit, which outlives every retention (webex.md B6).
"""

from collections.abc import Sequence
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
    insert,
    select,
)

from gateway.runtime.database import Database
from gateway.runtime.intents import writes


class Change(NamedTuple):
    """One administrative change; `document` None: the entity was removed."""

    id: int
    """Time-ordered."""
    at_ns: int
    """World time."""
    actor: str
    """The name of the caller's token, or the part of the program that acts by itself."""
    kind: str
    entity: str
    """The entity's key within its kind."""
    document: str | None
    """The entity after the change, JSON."""


def change_table(metadata: MetaData, name: str) -> Table:
    """Return the table of a log."""
    return Table(
        name,
        metadata,
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        Column("at_ns", BigInteger, nullable=False),
        Column("actor", String(128), nullable=False),
        Column("kind", String(32), nullable=False),
        Column("entity", String(255), nullable=False),
        Column("document", Text),
        Index(f"{name}_by_entity", "kind", "entity", "id"),
    )


class ChangeLog:
    """One package's log in the database."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table
        columns: dict[str, Any] = {column.name: bindparam(column.name) for column in table.columns}

        @writes(insert(table).values(columns))
        class RecordChange(Change):
            """A row of this log."""

        self._intent = RecordChange

    def intents(self, *changes: Change) -> list[Change]:
        """Return the changes as write intents, for a transaction that holds more than them."""
        return [self._intent(*change) for change in changes]

    async def write(self, *changes: Change) -> None:
        """Make the changes durable, all or none."""
        await self._database.write(*self.intents(*changes))

    def write_soon(self, *changes: Change) -> None:
        """Make the changes durable without waiting: the caller can derive them again."""
        self._database.write_soon(*self.intents(*changes))

    async def latest(self, kinds: Sequence[str]) -> list[Change]:
        """Return the last change of every entity, kind after kind."""
        table = self._table
        rows = await self._database.fetch(select(table).order_by(table.c.id))
        last = {(change.kind, change.entity): change for change in map(_change, rows)}
        return sorted(last.values(), key=lambda change: (kinds.index(change.kind), change.id))

    async def history(self, kind: str, entity: str, limit: int = 100) -> list[Change]:
        """Return the changes of one entity, newest first."""
        table = self._table
        query = select(table).where(table.c.kind == kind, table.c.entity == entity)
        return [
            _change(row) for row in await self._database.fetch(query.order_by(table.c.id.desc()).limit(limit))
        ]


def _change(row: Any) -> Change:
    return Change(*row)
