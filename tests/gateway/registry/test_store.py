"""Registrations survive a restart, and world time brings decisions that do too."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.registry import Brand, Campaign, CampaignStatus, CarrierTerms, Registry
from gateway.registry.errors import AssignmentError, UnknownEntryError
from gateway.registry.events import CampaignChanged, NumberAssigned
from gateway.registry.lifecycle import DAY_NS, submit
from gateway.registry.model import SupportCase
from gateway.registry.reviews import Reviews
from gateway.registry.rulebook import Rulebook
from gateway.registry.store import RegistryStore, metadata
from gateway.registry.terms import ReviewTerms
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, MigrationBranch, migrate

BRAND = Brand("b", "acme", "Acme", tax_id="1")
DRAFT = Campaign("c", "b", "UCAAS_LOW", description="Employees text patients.", samples=("Hello",))
CONFIRMED = replace(DRAFT, status=CampaignStatus.CONFIRMED)
LATER = replace(DRAFT, id="d")
TN, SECOND = "+12025550100", "+12025550101"
TERMS = {"tmobile": CarrierTerms(review=ReviewTerms(days=(10, 14))), "bell": CarrierTerms()}
START_NS = 1_790_000_000_000_000_000


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/world.db"
    migrate(url, [MigrationBranch.of("gateway.registry")])
    opened = await Database.open(url)
    yield opened
    await opened.close()


def seed() -> Registry:
    registry = Registry()
    registry.put_brand(BRAND)
    registry.put_campaign(CONFIRMED)
    registry.assign(TN, "c")
    return registry


def store(database: Database, bus: Bus | None = None) -> RegistryStore:
    return RegistryStore(seed(), database, bus or Bus(), lambda: 5)


async def restarted(database: Database) -> Registry:
    await database.flush()
    again = store(database)
    await again.load()
    return again.registry


async def test_entries_and_assignments_win_over_the_seed(database: Database) -> None:
    changing = store(database)
    other, case = replace(CONFIRMED, id="d"), SupportCase("s", "acme", 7, "d", (SECOND,))
    await changing.put(other, case, replace(BRAND, vetting_score=80), actor="admin", assign=[(SECOND, "d")])
    again = await restarted(database)
    assert again.brands["b"].vetting_score == 80
    assert again.campaigns["d"] == other
    assert again.cases["s"] == case
    assert again.campaign_of(SECOND) == other


async def test_numbers_that_moved_stay_moved(database: Database) -> None:
    changing = store(database)
    await changing.put(replace(CONFIRMED, id="d"), actor="admin", assign=[(SECOND, "d")])
    await changing.release(TN, SECOND, "+12025550199", actor="admin")
    await changing.put(actor="admin", assign=[(TN, "d"), (SECOND, "c")])
    again = await restarted(database)
    assert (again.numbers_of("c"), again.numbers_of("d")) == ((SECOND,), (TN,))


async def test_released_numbers_stay_released(database: Database) -> None:
    assert await store(database).release(TN, actor="admin") == [NumberAssigned(TN, None, "acme")]
    assert (await restarted(database)).campaign_of(TN) is None


async def test_what_does_not_fit_is_neither_written_nor_visible(database: Database) -> None:
    changing = store(database)
    with pytest.raises(AssignmentError):
        await changing.put(replace(CONFIRMED, id="d"), actor="admin", assign=[(TN, "d")])
    with pytest.raises(AssignmentError):
        await changing.put(actor="admin", assign=[(f"+1202555{n:04d}", "c") for n in range(60)])
    with pytest.raises(UnknownEntryError):
        await changing.put(replace(CONFIRMED, id="d", brand_id="x"), actor="admin")
    with pytest.raises(UnknownEntryError):
        await changing.put(actor="admin", assign=[(SECOND, "x")])
    assert "d" not in changing.registry.campaigns
    assert await changing.log.latest(["brand", "campaign", "support_case", "assignment"]) == []


async def test_a_brand_and_its_campaign_come_together(database: Database) -> None:
    changing = store(database)
    await changing.put(Brand("n", "acme", "New"), replace(DRAFT, id="d", brand_id="n"), actor="admin")
    await changing.put(Brand("n", "acme", "Newer"), actor="admin")
    assert (await restarted(database)).campaigns["d"].brand_id == "n"


async def test_entries_that_no_longer_fit_are_left_out(database: Database) -> None:
    await store(database).put(replace(CONFIRMED, id="d"), actor="admin", assign=[(SECOND, "d")])
    bare = RegistryStore(Registry(), database, Bus(), lambda: 5)
    assert await bare.load() == 0
    assert dict(bare.registry.campaigns) == {}


async def test_four_weeks_of_registration(database: Database) -> None:
    clock, bus = WorldClock(START_NS, frozen=True), Bus()
    changing = RegistryStore(seed(), database, bus, clock.now_ns)
    reviews = Reviews(changing, TERMS, clock, bus)
    reviews.start()
    seen: list[tuple[int, CampaignStatus]] = []
    bus.listen(CampaignChanged, lambda event: seen.append((clock.now_ns(), event.after.status)))
    await changing.put(submit(LATER, Rulebook(), clock.now_ns()), actor="admin")
    clock.advance(13.9 * 86_400)
    waiting = changing.registry.campaigns["d"]
    assert not waiting.approved_by("tmobile")
    clock.advance(14.1 * 86_400)
    done = changing.registry.campaigns["d"]
    assert done.active
    assert done.approved_by("tmobile")
    assert [status.value for _, status in seen] == ["submitted", "unconfirmed", "confirmed", "confirmed"]
    days = [(at_ns - START_NS) / DAY_NS for at_ns, _ in seen]
    assert days == sorted(days)
    assert 3 <= days[1] <= 5
    assert 10 <= days[2] <= 14
    assert 20 <= days[3] <= 28
    assert await restarted(database) is not changing.registry
    assert (await restarted(database)).campaigns["d"] == done
    reviews.stop()


async def test_reviews_that_fell_due_while_down_follow(database: Database) -> None:
    clock, bus = WorldClock(START_NS, frozen=True), Bus()
    changing = RegistryStore(seed(), database, bus, clock.now_ns)
    await changing.put(submit(replace(DRAFT, id="d"), changing.registry.rulebook, 0), actor="admin")
    reviews = Reviews(changing, TERMS, clock, bus)
    reviews.start()
    clock.advance(0.001)
    assert changing.registry.campaigns["d"].approved_by("tmobile")
    reviews.stop()
    reviews.stop()


async def test_stopped_reviews_decide_nothing(database: Database) -> None:
    clock, bus = WorldClock(START_NS, frozen=True), Bus()
    changing = RegistryStore(seed(), database, bus, clock.now_ns)
    reviews = Reviews(changing, TERMS, clock, bus)
    await changing.put(submit(LATER, Rulebook(), clock.now_ns()), actor="admin")
    reviews.stop()
    clock.advance(60 * 86_400)
    assert changing.registry.campaigns["d"].status is CampaignStatus.SUBMITTED


def test_migration_and_table_agree(tmp_path: Path) -> None:
    migrated, created = f"sqlite:///{tmp_path}/migrated.db", f"sqlite:///{tmp_path}/created.db"
    migrate(migrated, [MigrationBranch.of("gateway.registry")])
    engine = sa.create_engine(created)
    metadata.create_all(engine)
    engine.dispose()
    assert columns(migrated) == columns(created)


def columns(url: str) -> list[tuple[str, str, bool]]:
    engine = sa.create_engine(url)
    try:
        found = sa.inspect(engine).get_columns("registry_changes")
        return [(column["name"], str(column["type"]), column["nullable"]) for column in found]
    finally:
        engine.dispose()
