"""Durable reservations: written with the message, rebuilt after a crash, folded once settled."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import func, select

from gateway.runtime.database import Database, IntegrityError, MigrationBranch, migrate
from gateway.throttle.limiter import Granted, Limiter, Refused
from gateway.throttle.limits import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Overflow,
    RateLimit,
    ScopeLimit,
    WindowLimit,
)
from gateway.throttle.scopes import Scope, ScopeKeys
from gateway.throttle.store import (
    LocalStore,
    StoredLimit,
    delete_reservation,
    insert_reservation,
    metadata,
    reservations,
    totals,
)

ALICE = ScopeKeys.of(
    number="+12025550100", person="alice", campaign="c1", brand="b1", carrier="tmobile", organization="acme"
)
HANDSET = "+13105550120"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/throttle.db"
    migrate(url, [MigrationBranch.of("gateway.throttle")])
    async with await Database.open(url) as database:
        yield database


@pytest.fixture
def limits(pacific):
    return {
        Scope.NUMBER: ScopeLimit(rate=RateLimit(1, SECOND_NS, 2, Overflow.QUEUE)),
        Scope.BRAND_DAY: ScopeLimit(window=WindowLimit(50, pacific, Overflow.DEFER)),
        Scope.CARRIER: ScopeLimit(window=WindowLimit(60, pacific)),
    }


class Gateway:
    """A limiter with its store, as a process has them."""

    def __init__(self, database: Database, limits) -> None:
        self.database = database
        self.limiter = Limiter(limits, shards=4)
        self.store = LocalStore(database, self.limiter)

    async def text(self, now_ns: int, message_id: int, segments: int = 1) -> Granted | Refused:
        answer = self.ask(now_ns, message_id, segments)
        if isinstance(answer, Granted):
            await self.database.write(insert_reservation(answer))
        return answer

    def ask(self, now_ns: int, message_id: int = 0, segments: int = 1) -> Granted | Refused:
        return self.limiter.reserve(self.limiter.plan(ALICE, now_ns), segments, now_ns, HANDSET, message_id)

    async def rows(self, table: sa.Table) -> int:
        row = await self.database.fetch_one(select(func.count()).select_from(table))
        return row[0]


async def next_releases(gateway: Gateway, now_ns: int, count: int = 5) -> list[object]:
    answers = [gateway.ask(now_ns) for _ in range(count)]
    return [answer.release_ns if isinstance(answer, Granted) else answer.code for answer in answers]


async def test_a_crash_forgets_nothing(database, limits, now_ns):
    before = Gateway(database, limits)
    for message_id in range(1, 9):
        await before.text(now_ns, message_id)
    after = Gateway(database, limits)
    assert await after.store.restore(now_ns + SECOND_NS) == 8
    assert await next_releases(before, now_ns + SECOND_NS) == await next_releases(after, now_ns + SECOND_NS)


async def test_a_text_that_was_not_stored_is_forgotten_by_a_crash(database, limits, now_ns):
    before = Gateway(database, limits)
    await before.text(now_ns, 1)
    before.ask(now_ns, 2)
    after = Gateway(database, limits)
    assert await after.store.restore(now_ns) == 1


async def test_message_and_reservation_are_stored_together_or_not_at_all(database, limits, now_ns):
    gateway = Gateway(database, limits)
    first, second = gateway.ask(now_ns, 1), gateway.ask(now_ns, 2)
    await database.write(insert_reservation(first))
    with pytest.raises(IntegrityError):
        await database.write(insert_reservation(second), insert_reservation(first))
    assert await gateway.rows(reservations) == 1


async def test_a_waiting_text_can_be_cancelled_after_a_crash(database, limits, now_ns):
    before = Gateway(database, limits)
    granted = [await before.text(now_ns, message_id) for message_id in range(1, 7)]
    after = Gateway(database, limits)
    await after.store.restore(now_ns)
    found = await after.store.find(4, now_ns)
    assert found is after.limiter.waiting(4)
    after.limiter.refund(found, now_ns)
    await database.write(delete_reservation(found))
    assert after.ask(now_ns).release_ns == max(granted[3].release_ns, granted[-1].release_ns + SECOND_NS)
    assert await after.rows(reservations) == 5
    assert await after.store.find(4, now_ns) is None


async def test_a_text_that_left_is_found_by_its_row(database, limits, now_ns):
    gateway = Gateway(database, limits)
    granted = await gateway.text(now_ns, 1, segments=2)
    found = await gateway.store.find(1, now_ns + MINUTE_NS)
    assert (found.segments, found.release_ns, found.plan.keys) == (2, granted.release_ns, ALICE)
    later_ns = now_ns + MINUTE_NS
    gateway.limiter.refund(found, later_ns)
    assert [isinstance(gateway.ask(later_ns, segments=2), Granted) for _ in range(2)] == [True, True]


async def test_settled_texts_become_totals_and_still_count(database, limits, now_ns):
    before = Gateway(database, limits)
    for message_id in range(1, 11):
        await before.text(now_ns + message_id * SECOND_NS, message_id, segments=2)
    later_ns = now_ns + HOUR_NS
    assert await before.store.compact(later_ns) == 10
    assert (await before.rows(reservations), await before.rows(totals)) == (0, 2)
    for message_id in range(11, 16):
        await before.text(later_ns + message_id * SECOND_NS, message_id, segments=2)
    assert await before.store.compact(later_ns + HOUR_NS) == 5
    assert await before.rows(totals) == 2, "the totals were added to"

    after = Gateway(database, limits)
    assert await after.store.restore(later_ns + HOUR_NS) == 0
    window = after.limiter.windows[Scope.CARRIER]
    index = hash("tmobile") & window.mask
    assert window.read(index, "tmobile") & 0xFFFF == 30
    assert await after.store.compact(later_ns + HOUR_NS) == 0


def used(gateway: Gateway) -> int:
    window = gateway.limiter.windows[Scope.CARRIER]
    return window.read(hash("tmobile") & window.mask, "tmobile") & 0xFFFF


@pytest.mark.parametrize("folded", [False, True], ids=["in its row", "in the totals"])
async def test_an_unsent_text_counts_once_wherever_it_was_stored(database, limits, now_ns, folded):
    before = Gateway(database, limits)
    for message_id in (1, 2):
        await before.text(now_ns, message_id, segments=2)
    later_ns = now_ns + HOUR_NS
    if folded:
        assert await before.store.compact(later_ns) == 2
    after = Gateway(database, limits)
    await after.store.restore(later_ns, {1, 2})
    assert used(after) == (4 if folded else 0)
    lost = Granted(now_ns, 2, after.limiter.plan(ALICE, later_ns), HANDSET, 1, now_ns)
    granted, writes = after.store.readmit(1, later_ns, lambda: lost)
    await database.write(*writes, *([] if folded else [after.store.give_up(2)]))
    assert granted.release_ns == later_ns
    assert used(after) == (4 if folded else 2), "the second text, given up, is in the totals or nowhere"
    again = Gateway(database, limits)
    await again.store.restore(later_ns)
    assert used(again) == used(after)
    assert await again.rows(reservations) == 1


@pytest.mark.parametrize("folded", [False, True], ids=["in its row", "in the totals"])
async def test_a_refused_text_is_given_back_wherever_it_was_stored(database, limits, now_ns, folded):
    gateway = Gateway(database, limits)
    granted = [await gateway.text(now_ns, message_id, segments=2) for message_id in (1, 2)]
    later_ns = now_ns + HOUR_NS
    if folded:
        assert await gateway.store.compact(later_ns) == 2
    await gateway.store.give_back(2, later_ns, lambda: granted[1])
    assert used(gateway) == 2
    after = Gateway(database, limits)
    await after.store.restore(later_ns)
    assert used(after) == 2
    assert await after.store.find(2, later_ns) is None


async def test_folding_again_after_a_restart_adds_to_the_totals(database, limits, now_ns):
    first = Gateway(database, limits)
    await first.text(now_ns, 1)
    await first.store.compact(now_ns + HOUR_NS)
    second = Gateway(database, limits)
    await second.store.restore(now_ns + HOUR_NS)
    await second.text(now_ns + HOUR_NS, 2)
    assert await second.store.compact(now_ns + 2 * HOUR_NS) == 1
    rows = await database.fetch(select(totals.c.segments))
    assert [row.segments for row in rows] == [2, 2]


async def test_what_is_over_is_deleted(database, limits, now_ns):
    gateway = Gateway(database, limits)
    await gateway.text(now_ns, 1)
    await gateway.store.compact(now_ns + HOUR_NS)
    await gateway.text(now_ns + HOUR_NS, 2)
    await gateway.store.compact(now_ns + 3 * DAY_NS)
    assert (await gateway.rows(reservations), await gateway.rows(totals)) == (0, 0)


async def test_waiting_texts_are_not_folded(database, limits, now_ns):
    gateway = Gateway(database, limits)
    for message_id in range(1, 8):
        await gateway.text(now_ns, message_id)
    assert await gateway.store.compact(now_ns + 4 * SECOND_NS) == 4, "what they took ends one burst later"
    again = Gateway(database, limits)
    assert await again.store.restore(now_ns + 4 * SECOND_NS) == 3
    now_ns += 4 * SECOND_NS
    assert await next_releases(gateway, now_ns) == await next_releases(again, now_ns)


async def test_many_pages(database, limits, monkeypatch, now_ns):
    monkeypatch.setattr("gateway.throttle.store.PAGE", 7)
    gateway = Gateway(database, limits)
    for message_id in range(1, 41):
        await gateway.text(now_ns, message_id)
    again = Gateway(database, limits)
    assert await again.store.restore(now_ns) == 40
    assert await next_releases(gateway, now_ns) == await next_releases(again, now_ns)
    assert await again.store.compact(now_ns + HOUR_NS) == 40


async def test_limits_set_by_hand_are_kept_one_per_key(database, limits):
    store = Gateway(database, limits).store
    await store.put_limit(StoredLimit(Scope.NUMBER, "+12025550100", "{}"))
    await store.put_limit(StoredLimit(Scope.NUMBER, "+12025550100", '{"rate": null}'))
    await store.put_limit(StoredLimit(Scope.NUMBER, "", "{}"))
    assert sorted(await store.limits(), key=lambda one: one.key) == [
        StoredLimit(Scope.NUMBER, "", "{}"),
        StoredLimit(Scope.NUMBER, "+12025550100", '{"rate": null}'),
    ]
    await store.delete_limit(Scope.NUMBER, "")
    assert [one.key for one in await store.limits()] == ["+12025550100"]


def test_migrations_and_tables_agree(tmp_path: Path):
    migrated, created = f"sqlite:///{tmp_path}/migrated.db", f"sqlite:///{tmp_path}/created.db"
    migrate(migrated, [MigrationBranch.of("gateway.throttle")])
    engine = sa.create_engine(created)
    metadata.create_all(engine)
    engine.dispose()
    assert described(migrated) == described(created)


def described(url: str) -> dict[str, object]:
    engine = sa.create_engine(url)
    try:
        inspector = sa.inspect(engine)
        return {
            table: (
                [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)],
                sorted(str(index["column_names"]) for index in inspector.get_indexes(table)),
                inspector.get_pk_constraint(table)["constrained_columns"],
            )
            for table in inspector.get_table_names()
            if not table.startswith("schema_version")
        }
    finally:
        engine.dispose()
