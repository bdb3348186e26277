"""Webhooks and their undelivered deliveries in the database.

A delivery's row lives from the event to the receiver's 2xx; `dead_ns` (world time) marks a dead letter. There
is no foreign key: deliveries of a deleted webhook are deleted with it, and a late one must not fail a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    update,
)

from gateway.messages.webhooks.queue import Delivery
from gateway.runtime.database import Database
from gateway.runtime.http.auth import Principal
from gateway.runtime.intents import writes

metadata = MetaData()
_KEY = BigInteger().with_variant(Integer, "sqlite")

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False),
    Column("target_url", String(2048), nullable=False),
    Column("resource", String(32), nullable=False),
    Column("event", String(32), nullable=False),
    Column("filter", String(1000)),
    Column("secret", String(256)),
    Column("status", String(16), nullable=False),
    Column("owner_token", String(200), nullable=False),
    Column("owner_role", String(16), nullable=False),
    Column("organization_id", String(64)),
    Column("person_id", String(64)),
    Column("created_ns", BigInteger, nullable=False),
)
deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", _KEY, primary_key=True, autoincrement=False),
    Column("webhook_id", BigInteger, nullable=False),
    Column("key", String(64), nullable=False),
    Column("event", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", String(200), nullable=False),
    Column("dead_ns", BigInteger),
)
Index("webhook_deliveries_by_webhook", deliveries.c.webhook_id, deliveries.c.id)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered webhook: `status` is `active` or `inactive`, `owner` limits which events it sees."""

    id: int
    name: str
    target_url: str
    resource: str
    event: str
    filter: str | None
    secret: str | None
    status: str
    owner: Principal
    created_ns: int


@writes(insert(webhooks).values({column.name: bindparam(column.name) for column in webhooks.columns}))
class InsertWebhook(NamedTuple):
    """A new webhook."""

    id: int
    name: str
    target_url: str
    resource: str
    event: str
    filter: str | None
    secret: str | None
    status: str
    owner_token: str
    owner_role: str
    organization_id: str | None
    person_id: str | None
    created_ns: int


@writes(
    update(webhooks)
    .where(webhooks.c.id == bindparam("webhook_id"))
    .values({name: bindparam(name) for name in ("name", "target_url", "secret", "status")}),
    rank=1,
)
class ChangeWebhook(NamedTuple):
    """What a PATCH may change."""

    name: str
    target_url: str
    secret: str | None
    status: str
    webhook_id: int


@writes(
    insert(deliveries).values({column.name: bindparam(column.name) for column in deliveries.columns}), rank=10
)
class InsertDelivery(NamedTuple):
    """An event to post; `dead_ns` is set for one the queue had no room for."""

    id: int
    webhook_id: int
    key: str
    event: str
    body: bytes
    created_ns: int
    attempts: int
    error: str
    dead_ns: int | None


@writes(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"))
    .values(attempts=bindparam("attempts"), error=bindparam("error")),
    rank=11,
)
class MarkAttempt(NamedTuple):
    """A failed attempt; another will follow."""

    attempts: int
    error: str
    delivery_id: int


@writes(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"))
    .values(attempts=bindparam("attempts"), error=bindparam("error"), dead_ns=bindparam("dead_ns")),
    rank=12,
)
class MarkDead(NamedTuple):
    """The last attempt failed."""

    attempts: int
    error: str
    dead_ns: int
    delivery_id: int


@writes(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"))
    .values(attempts=bindparam("attempts"), dead_ns=null()),
    rank=13,
)
class MarkRevived(NamedTuple):
    """A dead letter is to be delivered once more."""

    attempts: int
    delivery_id: int


@writes(delete(deliveries).where(deliveries.c.id == bindparam("id")), rank=14)
class DropDelivery(NamedTuple):
    """The receiver has it."""

    id: int


@writes(delete(deliveries).where(deliveries.c.webhook_id == bindparam("webhook_id")), rank=20)
class DropDeliveriesOf(NamedTuple):
    """The webhook is gone."""

    webhook_id: int


@writes(delete(webhooks).where(webhooks.c.id == bindparam("id")), rank=21)
class DeleteWebhook(NamedTuple):
    """A webhook ends."""

    id: int


@writes(delete(deliveries).where(deliveries.c.dead_ns < bindparam("before_ns")), rank=22)
class DropOldDeadLetters(NamedTuple):
    """Dead letters from before that moment."""

    before_ns: int


class WebhookStore:
    """Queries over the two tables; they see what was handed to the database before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def webhooks(self) -> list[Webhook]:
        """Return all webhooks, oldest first."""
        return [_webhook(row) for row in await self._database.fetch(select(webhooks).order_by(webhooks.c.id))]

    async def pending(self) -> list[Delivery]:
        """Return what was on its way when the gateway stopped, oldest first."""
        wanted = select(deliveries).where(deliveries.c.dead_ns.is_(None)).order_by(deliveries.c.id)
        await self._database.flush()
        return [_delivery(row) for row in await self._database.fetch(wanted)]

    async def dead(self, webhook_id: int, after_id: int, limit: int) -> list[tuple[Delivery, int]]:
        """Return a webhook's dead letters (with their `dead_ns`), oldest first, after an id."""
        wanted = (
            select(deliveries)
            .where(deliveries.c.webhook_id == webhook_id, deliveries.c.dead_ns.is_not(None))
            .where(deliveries.c.id > after_id)
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        await self._database.flush()
        return [(_delivery(row), row.dead_ns) for row in await self._database.fetch(wanted)]

    async def dead_letter(self, webhook_id: int, delivery_id: int) -> Delivery | None:
        """Return one dead letter, None if there is none of that id."""
        wanted = select(deliveries).where(
            deliveries.c.id == delivery_id,
            deliveries.c.webhook_id == webhook_id,
            deliveries.c.dead_ns.is_not(None),
        )
        await self._database.flush()
        row = await self._database.fetch_one(wanted)
        return None if row is None else _delivery(row)

    async def count_dead(self, webhook_id: int) -> int:
        """Return how many dead letters a webhook has."""
        wanted = select(func.count()).where(
            deliveries.c.webhook_id == webhook_id, deliveries.c.dead_ns.is_not(None)
        )
        await self._database.flush()
        row = await self._database.fetch_one(wanted)
        return 0 if row is None else int(row[0])


def insert_of(webhook: Webhook) -> InsertWebhook:
    """Return the row of a webhook."""
    owner = webhook.owner
    return InsertWebhook(
        webhook.id,
        webhook.name,
        webhook.target_url,
        webhook.resource,
        webhook.event,
        webhook.filter,
        webhook.secret,
        webhook.status,
        owner.token_name,
        owner.role,
        owner.organization_id,
        owner.person_id,
        webhook.created_ns,
    )


def _webhook(row: Row[tuple[object, ...]]) -> Webhook:
    owner = Principal(row.owner_token, row.owner_role, row.organization_id, row.person_id)
    return Webhook(
        row.id,
        row.name,
        row.target_url,
        row.resource,
        row.event,
        row.filter,
        row.secret,
        row.status,
        owner,
        row.created_ns,
    )


def _delivery(row: Row[tuple[object, ...]]) -> Delivery:
    return Delivery(
        row.id, row.webhook_id, row.key, row.event, row.body, row.created_ns, row.attempts, row.error
    )
