"""Reading texts back: one, a page, and what a restart needs. Writing: `gateway.messages.intents`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sqlalchemy import Row, Select, func, select

from gateway.messages.intents import InsertSetback
from gateway.messages.model import UNSENT, Direction, Message, Segment, State
from gateway.messages.tables import (
    idempotency,
    inbound_segments,
    messages,
    orphan_receipts,
    segments,
    setbacks,
)
from gateway.runtime.database import Database

_MESSAGE_COLUMNS = [messages.c[name] for name in Message.__dataclass_fields__]
_SEGMENT_COLUMNS = [segments.c[name] for name in Segment.__dataclass_fields__]

_SETBACK_COLUMNS = [setbacks.c[name] for name in InsertSetback._fields]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which texts a listing wants; None means any. `before_id` is exclusive: newer texts come first."""

    organization_id: str | None = None
    person_id: str | None = None
    direction: Direction | None = None
    state: State | None = None
    carrier: str | None = None
    code: str | None = None
    number: str | None = None
    text_contains: str | None = None
    before_id: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Whose texts a sweep is about: `only` one organisation's, or all `but` those of some."""

    only: str | None = None
    but: tuple[str, ...] = ()


EVERYBODY = Kept()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What an Idempotency-Key was used for before."""

    digest: str
    message_id: int


class MessageStore:
    """Queries over the tables of the messages room."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, message_id: int) -> Message | None:
        """The text with this key, or None."""
        row = await self._database.fetch_one(select(*_MESSAGE_COLUMNS).where(messages.c.id == message_id))
        return None if row is None else _message(row)

    async def get_all(self, message_ids: Sequence[int]) -> dict[int, Message]:
        """The texts with these keys, as far as there are such."""
        query = select(*_MESSAGE_COLUMNS).where(messages.c.id.in_(message_ids))
        return {message.id: message for message in map(_message, await self._database.fetch(query))}

    async def segments_of(self, message_id: int) -> list[Segment]:
        """The segments handed to a carrier so far, by part."""
        query = select(*_SEGMENT_COLUMNS).where(segments.c.message_id == message_id).order_by(segments.c.part)
        return [_segment(row) for row in await self._database.fetch(query)]

    async def setbacks_of(self, message_id: int) -> list[InsertSetback]:
        """The submit_sm that did not settle their segments, in order."""
        query = select(*_SETBACK_COLUMNS).where(setbacks.c.message_id == message_id).order_by(setbacks.c.id)
        return [InsertSetback(*_values(row)) for row in await self._database.fetch(query)]

    async def page(self, wanted: Filter, limit: int) -> list[Message]:
        """Up to `limit` texts, newest first."""
        query = _filtered(select(*_MESSAGE_COLUMNS), wanted).order_by(messages.c.id.desc()).limit(limit)
        return [_message(row) for row in await self._database.fetch(query)]

    async def known_key(self, caller: str, key: str) -> KnownKey | None:
        """What `caller` used this Idempotency-Key for, or None."""
        return (await self.known_keys(caller, (key,))).get(key)

    async def known_keys(self, caller: str, keys: Sequence[str]) -> dict[str, KnownKey]:
        """What `caller` used which of these Idempotency-Keys for."""
        table = idempotency.c
        rows = await self._database.fetch(
            select(table.key, table.digest, table.message_id).where(
                table.caller == caller, table.key.in_(keys)
            )
        )
        return {row.key: KnownKey(row.digest, row.message_id) for row in rows}

    async def unsent(self) -> list[Message]:
        """Texts accepted but not wholly with a carrier, oldest first: a restart sends the rest."""
        query = (
            select(*_MESSAGE_COLUMNS)
            .where(
                messages.c.direction == Direction.OUTBOUND.value,
                messages.c.state.in_([state.value for state in UNSENT]),
            )
            .order_by(messages.c.id)
        )
        return [_message(row) for row in await self._database.fetch(query)]

    async def oldest(self, before_ns: int, limit: int, whose: Kept = EVERYBODY) -> list[int]:
        """Keys of up to `limit` texts from before that moment, oldest first.

        Keys grow with time, so that the old ones are the first: nothing else is looked at.
        """
        query = select(messages.c.id, messages.c.created_ns).order_by(messages.c.id).limit(limit)
        owner = messages.c.organization_id
        if whose.only is not None:
            query = query.where(owner == whose.only)
        elif whose.but:
            query = query.where(owner.is_(None) | owner.not_in(whose.but))
        rows = await self._database.fetch(query)
        return [row.id for row in takewhile(lambda row: row.created_ns < before_ns, rows)]

    async def answered_parts(self, message_ids: Sequence[int]) -> dict[int, list[Segment]]:
        """The segments already answered of the given texts, by text."""
        found: dict[int, list[Segment]] = {}
        for start in range(0, len(message_ids), 500):
            some = message_ids[start : start + 500]
            query = select(*_SEGMENT_COLUMNS).where(segments.c.message_id.in_(some))
            for row in await self._database.fetch(query):
                segment = _segment(row)
                found.setdefault(segment.message_id, []).append(segment)
        return found

    async def submitted(self) -> list[Row[Any]]:
        """Segments of texts that are with a carrier, with what a restart needs to match their receipts."""
        query = (
            select(
                segments.c.message_id,
                segments.c.part,
                segments.c.carrier,
                segments.c.smsc_id,
                segments.c.receipt_state,
                messages.c.segments.label("total"),
                messages.c.expires_ns,
                messages.c.destination,
            )
            .join(messages, messages.c.id == segments.c.message_id)
            .where(messages.c.state == State.SUBMITTED.value, segments.c.smsc_id.is_not(None))
            .order_by(segments.c.message_id, segments.c.part)
        )
        return await self._database.fetch(query)

    async def newest_id(self) -> int:
        """The greatest key in use, 0 in an empty database: new keys go on after it."""
        row = await self._database.fetch_one(select(func.max(messages.c.id)))
        return 0 if row is None or row[0] is None else int(row[0])

    async def orphans(self) -> list[Row[Any]]:
        """Receipts that found no submit before the restart."""
        return await self._database.fetch(select(orphan_receipts).order_by(orphan_receipts.c.id))

    async def partial_inbound(self) -> list[Row[Any]]:
        """Inbound segments that wait for the rest of their text."""
        return await self._database.fetch(select(inbound_segments).order_by(inbound_segments.c.id))


def _values(row: Row[Any]) -> list[Any]:
    return list(row)


def _message(row: Row[Any]) -> Message:
    values = _values(row)
    values[1] = Direction(values[1])
    values[2] = State(values[2])
    return Message(*values)


def _segment(row: Row[Any]) -> Segment:
    return Segment(*_values(row))


def _filtered(query: Select[Any], wanted: Filter) -> Select[Any]:
    exact = {
        messages.c.organization_id: wanted.organization_id,
        messages.c.person_id: wanted.person_id,
        messages.c.direction: wanted.direction and wanted.direction.value,
        messages.c.state: wanted.state and wanted.state.value,
        messages.c.carrier: wanted.carrier,
        messages.c.code: wanted.code,
    }
    for column, value in exact.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.number is not None:
        query = query.where((messages.c.source == wanted.number) | (messages.c.destination == wanted.number))
    if wanted.text_contains is not None:
        query = query.where(messages.c.text.contains(wanted.text_contains, autoescape=True))
    if wanted.before_id is not None:
        query = query.where(messages.c.id < wanted.before_id)
    return query
