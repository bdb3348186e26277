"""Opt-outs and spam reports made durable: logs that are only added to, so that they are the audit too (B6).

The only module of the rules that knows a database. A keyword's change is written in the same transaction as
the text that brought it: take `opt_out_intent` into that write.
"""

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
)

from gateway.policy.abuse import SenderUnblocked, SpamBlock, SpamReport
from gateway.policy.optout import OptOut, OptOutList, OptOutScope, RecipientOptedIn, RecipientOptedOut
from gateway.runtime.database import Database
from gateway.runtime.ids import new_id
from gateway.runtime.intents import writes

metadata = MetaData()
_KEY = BigInteger().with_variant(Integer, "sqlite")

opt_out_changes = Table(
    "opt_out_changes",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("opted_out", Boolean, nullable=False),
    Column("recipient", String(24), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("scope_key", String(64), nullable=False),
    Column("since_ns", BigInteger, nullable=False),
    Column("origin", String(32), nullable=False),
)

spam_reports = Table(
    "spam_reports",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("sender", String(24), nullable=False),
    Column("reporter", String(255)),
)
"""A row without reporter lifts the sender's block."""


@writes(insert(opt_out_changes).values({c.name: bindparam(c.name) for c in opt_out_changes.columns}))
class RecordOptOutChange(NamedTuple):
    """A recipient opted out or in."""

    id: int
    at_ns: int
    opted_out: bool
    recipient: str
    scope: str
    scope_key: str
    since_ns: int
    origin: str


@writes(insert(spam_reports).values({c.name: bindparam(c.name) for c in spam_reports.columns}))
class RecordSpamReport(NamedTuple):
    """Somebody reported a sender, or an administrator lifted its block (`reporter` None)."""

    id: int
    at_ns: int
    sender: str
    reporter: str | None


def opt_out_intent(change: RecipientOptedOut | RecipientOptedIn, now_ns: int) -> RecordOptOutChange:
    """Return the write intent of a change of the opt-out list."""
    entry = change.opt_out
    opted_out = isinstance(change, RecipientOptedOut)
    return RecordOptOutChange(
        new_id(),
        now_ns,
        opted_out,
        entry.recipient,
        entry.scope.value,
        entry.scope_key,
        entry.since_ns,
        entry.origin,
    )


def spam_intent(item: SpamReport | SenderUnblocked, now_ns: int) -> RecordSpamReport:
    """Return the write intent of a report, or of a lifted block."""
    if isinstance(item, SpamReport):
        return RecordSpamReport(item.id, item.at_ns, item.sender, item.reporter)
    return RecordSpamReport(new_id(), now_ns, item.sender, None)


async def load_opt_outs(database: Database, opt_outs: OptOutList) -> None:
    """Bring a list to where it stood."""
    table = opt_out_changes
    for row in await database.fetch(select(table).order_by(table.c.id)):
        if row.opted_out:
            scope = OptOutScope(row.scope)
            opt_outs.add(OptOut(row.recipient, scope, row.scope_key, row.since_ns, row.origin))
        else:
            opt_outs.remove(row.recipient, row.scope_key)


async def load_spam_block(database: Database, block: SpamBlock) -> None:
    """Bring a spam block to where it stood."""
    table = spam_reports
    for row in await database.fetch(select(table).order_by(table.c.id)):
        if row.reporter is None:
            block.lift(row.sender)
        else:
            block.report(SpamReport(row.id, row.sender, row.reporter, row.at_ns))
