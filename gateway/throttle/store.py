"""Durable reservations: written with their message, folded into totals once settled, rebuilt after a crash.

    await database.write(InsertMessage(...), insert_reservation(granted))     # one transaction
    await database.write(MarkDeleted(...), delete_reservation(granted))       # cancelled or expired, refunded

    store = LocalStore(database, limiter)
    await store.restore(now_ns)          # at start, before the first text is taken
    await store.compact(now_ns)          # from a timer

A row says what one admitted text took, until when, and when it leaves. Its rates forget it soon after; then
`compact` adds its segments to the totals of the windows it still counts in and deletes the row, so that a
restart reads what is waiting or recent and one total per key and window, not a day's texts.
An admitted segment is in a row or in a total until nothing depends on it.
"""

import asyncio
from collections.abc import Callable, Container, Iterable, Iterator
from typing import NamedTuple, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from gateway.runtime.database import Database
from gateway.runtime.intents import writes
from gateway.throttle.limiter import Granted, Limiter, Plan, busy_until_ns
from gateway.throttle.scopes import Scope, ScopeKeys

metadata = MetaData()
_KEY = BigInteger().with_variant(Integer, "sqlite")

reservations = Table(
    "throttle_reservations",
    metadata,
    Column("message_id", _KEY, primary_key=True, autoincrement=False),
    *(Column(scope.value, String(128)) for scope in Scope),
    *(Column(f"{scope.value}_until_ns", BigInteger) for scope in Scope),
    Column("destination", String(128)),
    Column("segments", Integer, nullable=False),
    Column("reserved_ns", BigInteger, nullable=False),
    Column("release_ns", BigInteger, nullable=False),
    Column("settled_ns", BigInteger, nullable=False, index=True),
)

totals = Table(
    "throttle_totals",
    metadata,
    Column("scope", String(16), nullable=False),
    Column("key", String(128), nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("segments", BigInteger, nullable=False),
    PrimaryKeyConstraint("scope", "key", "start_ns"),
)

#: Limits set by hand; key "" is a scope's default.
limits = Table(
    "throttle_limits",
    metadata,
    Column("scope", String(16), nullable=False),
    Column("key", String(128), nullable=False),
    Column("document", Text, nullable=False),
    PrimaryKeyConstraint("scope", "key"),
)

_MOVED = [c for c in reservations.c if c.name.endswith("_ns")]
"""What a reservation moved to another release has anew."""

PAGE = 5000
"""Rows read or folded at once."""


@writes(insert(reservations).values({c.name: bindparam(c.name) for c in reservations.columns}), rank=0)
class InsertReservation(NamedTuple):
    """What one admitted text took; belongs into the message's own transaction."""

    message_id: int
    number: str | None
    person: str | None
    campaign: str | None
    brand_day: str | None
    carrier: str | None
    organization: str | None
    number_until_ns: int | None
    person_until_ns: int | None
    campaign_until_ns: int | None
    brand_day_until_ns: int | None
    carrier_until_ns: int | None
    organization_until_ns: int | None
    destination: str | None
    segments: int
    reserved_ns: int
    release_ns: int
    settled_ns: int


@writes(
    update(reservations)
    .where(reservations.c.message_id == bindparam("message_id_"))
    .values({c.name: bindparam(c.name) for c in _MOVED}),
    rank=3,
)
class MoveReservation(NamedTuple):
    """A restart gave the text another release."""

    message_id_: int
    number_until_ns: int | None
    person_until_ns: int | None
    campaign_until_ns: int | None
    brand_day_until_ns: int | None
    carrier_until_ns: int | None
    organization_until_ns: int | None
    reserved_ns: int
    release_ns: int
    settled_ns: int


@writes(delete(reservations).where(reservations.c.message_id == bindparam("message_id")), rank=3)
class DeleteReservation(NamedTuple):
    """A refund, or a row whose segments are in the totals now."""

    message_id: int


@writes(insert(totals).values({c.name: bindparam(c.name) for c in totals.columns}), rank=1)
class InsertTotal(NamedTuple):
    """The first settled segments of a key in a window."""

    scope: str
    key: str
    start_ns: int
    end_ns: int
    segments: int


_is_total = (
    (totals.c.scope == bindparam("scope_"))
    & (totals.c.key == bindparam("key_"))
    & (totals.c.start_ns == bindparam("start_ns_"))
)


@writes(
    update(totals).where(_is_total).values(segments=totals.c.segments + bindparam("more_segments")), rank=2
)
class AddToTotal(NamedTuple):
    """More settled segments of a key in a window."""

    more_segments: int
    scope_: str
    key_: str
    start_ns_: int


@writes(delete(totals).where(totals.c.end_ns <= bindparam("now_ns")), rank=4)
class DeleteTotals(NamedTuple):
    """Totals of windows that are over."""

    now_ns: int


@writes(insert(limits).values({c.name: bindparam(c.name) for c in limits.columns}), rank=1)
class InsertLimit(NamedTuple):
    """A limit set by hand, as its JSON document; delete the old one in the same unit."""

    scope: str
    key: str
    document: str


@writes(
    delete(limits).where((limits.c.scope == bindparam("scope_")) & (limits.c.key == bindparam("key_"))),
    rank=0,
)
class DeleteLimit(NamedTuple):
    """Take a limit set by hand away."""

    scope_: str
    key_: str


_new = tuple.__new__  # without the frame of a named tuple's own: one is made for every text
_SCOPES = len(Scope)


def insert_reservation(granted: Granted) -> InsertReservation:
    """Return the write of a reservation, right after it. `granted.message_id` must be the message's id."""
    until_ns: list[int | None] = [None] * _SCOPES
    release_ns = settled_ns = granted.release_ns
    for entry, end_ns in busy_until_ns(granted):
        until_ns[entry.place] = end_ns
        if end_ns > settled_ns:  # noqa: PLR1730 - max() costs three times as much here
            settled_ns = end_ns
    number, person, campaign, brand_day, carrier, organization = granted.plan.keys
    row = (
        granted.message_id,
        number,
        person,
        campaign,
        brand_day,
        carrier,
        organization,
        until_ns[0],
        until_ns[1],
        until_ns[2],
        until_ns[3],
        until_ns[4],
        until_ns[5],
        granted.destination,
        granted.segments,
        granted.reserved_ns,
        release_ns,
        settled_ns,
    )  # fmt: skip - one tuple at once: put together from parts it takes twice as long
    return _new(InsertReservation, row)


def move_reservation(granted: Granted) -> MoveReservation:
    """Return the write of a reservation that `Limiter.readmit` has made in place of a stored one."""
    row = insert_reservation(granted)._asdict()
    return MoveReservation(granted.message_id, *(row[column.name] for column in _MOVED))


def delete_reservation(granted: Granted) -> DeleteReservation:
    """Return the write that goes with `Limiter.refund`."""
    return DeleteReservation(granted.message_id)


def _until_ns(row: Row[tuple[object, ...]]) -> dict[Scope, int]:
    ends = ((scope, getattr(row, f"{scope.value}_until_ns")) for scope in Scope)
    return {scope: end_ns for scope, end_ns in ends if end_ns is not None}


class StoredLimit(NamedTuple):
    """A limit set by hand: `key` "" is the scope's default."""

    scope: Scope
    key: str
    document: str


class _Total(NamedTuple):
    scope: str
    key: str
    start_ns: int
    end_ns: int


class ReservationStore(Protocol):
    """Where reservations survive; the texts' own writes go through the intents above."""

    async def restore(self, now_ns: int, unsent: Container[int] = ()) -> int:
        """Rebuild the limiter's state; return how many reservations were read.

        Those of `unsent` texts wait for the release they get anew.
        """

    async def compact(self, now_ns: int) -> int:
        """Fold settled reservations into totals; return how many."""


class LocalStore:
    """Reservations in the gateway's own database."""

    def __init__(self, database: Database, limiter: Limiter) -> None:
        self._database = database
        self._limiter = limiter
        self._plans: dict[ScopeKeys, Plan] = {}
        self._totals: dict[tuple[str, str, int], int] = {}
        self._unsent: dict[int, Granted] = {}
        self._folding = asyncio.Lock()

    async def restore(self, now_ns: int, unsent: Container[int] = ()) -> int:
        """Rebuild the limiter's state: totals, then reservations in order of release.

        `unsent`: texts whose reservations are not taken up but left for `readmit`.
        """
        for row in await self._database.fetch(select(totals).where(totals.c.end_ns > now_ns)):
            self._totals[row.scope, row.key, row.start_ns] = row.end_ns
            self._limiter.count(Scope(row.scope), row.key, row.segments, row.start_ns, now_ns)
        count, after = 0, (-(1 << 62), 0)
        while rows := await self._page(after):
            for row in rows:
                granted = self._granted(row, now_ns)
                if row.message_id in unsent:
                    self._unsent[row.message_id] = granted
                    self._limiter.restore_unsent(granted, _until_ns(row), now_ns)
                else:
                    self._limiter.restore(granted, _until_ns(row), now_ns)
            count += len(rows)
            after = rows[-1].release_ns, rows[-1].message_id
        self._plans.clear()
        return count

    def readmit(
        self, message_id: int, now_ns: int, folded: Callable[[], Granted]
    ) -> tuple[Granted, list[NamedTuple]]:
        """Give an unsent text its release after a restart (`Limiter.readmit`); return also what to store.

        Ask in order of release, for the texts that were `unsent` in `restore`. `folded` says what the text
        had reserved, where its row is in the totals already.
        """
        stored = self._unsent.pop(message_id, None)
        if stored is not None:
            granted = self._limiter.readmit(stored, now_ns)
            return granted, [move_reservation(granted)]
        lost = folded()
        taken_out = list(self._take_out(lost, now_ns))
        granted = self._limiter.readmit(lost, now_ns)
        return granted, [*taken_out, insert_reservation(granted)]

    def give_up(self, message_id: int) -> DeleteReservation:
        """Forget what an `unsent` text had reserved: it will not leave."""
        self._unsent.pop(message_id, None)
        return DeleteReservation(message_id)

    def _take_out(self, granted: Granted, now_ns: int) -> Iterator[AddToTotal]:
        """Take a text out of the totals it was folded into."""
        for entry in granted.plan.windows:
            start_ns, end_ns = entry.limit.calendar.window_at(granted.release_ns)
            total = entry.scope.value, entry.key, start_ns
            if end_ns > now_ns and total in self._totals:
                entry.add(granted.release_ns, -granted.segments, now_ns)
                yield AddToTotal(-granted.segments, *total)

    async def compact(self, now_ns: int) -> int:
        """Fold what settled by `now_ns` into totals and forget what is over, one transaction a page."""
        count = 0
        more = True
        while more:
            async with self._folding:
                rows = await self._settled(now_ns)
                added = self._fold([self._granted(row, now_ns) for row in rows], now_ns)
                folded = [self._total_write(total, segments) for total, segments in added.items()]
                if rows:
                    await self._database.write(*folded, *(DeleteReservation(row.message_id) for row in rows))
                self._totals.update((total[:3], total.end_ns) for total in added)
            count += len(rows)
            more = len(rows) == PAGE
        self._plans.clear()
        await self._forget_totals(now_ns)
        return count

    async def find(self, message_id: int, now_ns: int) -> Granted | None:
        """Return the reservation of a text for a refund, from memory while it waits, else from its row."""
        granted = self._limiter.waiting(message_id)
        return granted if granted is not None else await self._stored(message_id, now_ns)

    async def _stored(self, message_id: int, now_ns: int) -> Granted | None:
        row = await self._database.fetch_one(
            select(reservations).where(reservations.c.message_id == message_id)
        )
        return None if row is None else self._granted(row, now_ns)

    async def give_back(self, message_id: int, now_ns: int, folded: Callable[[], Granted]) -> None:
        """Refund a text that has left: durable on return. Ask once per text.

        `folded` says what the text had reserved, where its row is in the totals already.
        """
        async with self._folding:
            granted = await self._stored(message_id, now_ns)
            if granted is None:
                await self._database.write(*self._take_out(folded(), now_ns))
            else:
                self._limiter.refund(granted, now_ns)
                await self._database.write(delete_reservation(granted))

    async def limits(self) -> list[StoredLimit]:
        """Return the limits set by hand."""
        rows = await self._database.fetch(select(limits))
        return [StoredLimit(Scope(row.scope), row.key, row.document) for row in rows]

    async def put_limit(self, limit: StoredLimit) -> None:
        """Keep a limit set by hand. One at a time per key."""
        scope, key, document = limit
        await self._database.write(DeleteLimit(scope.value, key), InsertLimit(scope.value, key, document))

    async def delete_limit(self, scope: Scope, key: str) -> None:
        """Forget a limit set by hand."""
        await self._database.write(DeleteLimit(scope.value, key))

    async def _page(self, after: tuple[int, int]) -> list[Row[tuple[object, ...]]]:
        table = reservations.c
        later = tuple_(table.release_ns, table.message_id) > after
        order = select(reservations).where(later).order_by(table.release_ns, table.message_id)
        return await self._database.fetch(order.limit(PAGE))

    async def _settled(self, now_ns: int) -> list[Row[tuple[object, ...]]]:
        due = select(reservations).where(reservations.c.settled_ns <= now_ns)
        return await self._database.fetch(due.order_by(reservations.c.settled_ns).limit(PAGE))

    def _granted(self, row: Row[tuple[object, ...]], now_ns: int) -> Granted:
        keys = ScopeKeys(*(getattr(row, scope.value) for scope in Scope))
        plan = self._plans.get(keys)
        if plan is None:
            plan = self._plans[keys] = self._limiter.plan(keys, now_ns)
        text = row.release_ns, row.segments, plan, row.destination, row.message_id, row.reserved_ns
        return Granted(*text, plan.windows)

    def _fold(self, settled: Iterable[Granted], now_ns: int) -> dict[_Total, int]:
        """Return the segments to add to each total that still matters."""
        added: dict[_Total, int] = {}
        for granted in settled:
            for entry in granted.plan.windows:
                start_ns, end_ns = entry.limit.calendar.window_at(granted.release_ns)
                if end_ns > now_ns:
                    total = _Total(entry.scope.value, entry.key, start_ns, end_ns)
                    added[total] = added.get(total, 0) + granted.segments
        return added

    def _total_write(self, total: _Total, segments: int) -> InsertTotal | AddToTotal:
        if total[:3] in self._totals:
            return AddToTotal(segments, *total[:3])
        return InsertTotal(*total, segments)

    async def _forget_totals(self, now_ns: int) -> None:
        over = [total for total, end_ns in self._totals.items() if end_ns <= now_ns]
        if over:
            await self._database.write(DeleteTotals(now_ns))
            for total in over:
                del self._totals[total]
