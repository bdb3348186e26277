"""Changes survive a restart over the seed world, are checked before they are written, and are told once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.directory import ClientKind, Directory, Location, Number, Organization, Person
from gateway.directory.errors import NumberTakenError, UnknownEntityError
from gateway.directory.events import OrganizationChanged, PersonChanged
from gateway.directory.recording import OrganizationRecording, PauseNotice, RecordingMode, RecordingSettings
from gateway.directory.store import DirectoryStore, metadata
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database, DatabaseClosed, MigrationBranch, migrate

ACME = Organization("acme", "Acme")
TN, SPARE = "+12025550100", "+12025550101"
ALICE = Person("alice", "acme", "washington", "Alice", number=TN)
BOB = Person("bob", "acme", "washington", "Bob", number=SPARE)


def seed() -> Directory:
    location = Location("washington", "acme", "Washington")
    return Directory([ACME, location, *(Number(n, "acme", "washington") for n in (TN, SPARE)), ALICE, BOB])


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/world.db"
    migrate(url, [MigrationBranch.of("gateway.directory")])
    opened = await Database.open(url)
    yield opened
    await opened.close()


def store(database: Database, bus: Bus | None = None) -> DirectoryStore:
    return DirectoryStore(seed(), database, bus or Bus(), lambda: 5)


async def restarted(database: Database) -> DirectoryStore:
    again = store(database)
    await again.load()
    return again


async def test_changes_of_every_kind_win_over_the_seed(database: Database) -> None:
    changed = (
        replace(
            ACME,
            texting_enabled=False,
            recording=OrganizationRecording(provider="imagicle", terms_accepted=frozenset({"imagicle"})),
        ),
        Location("toronto", "acme", "Toronto", country="CA"),
        Number("+14165550102", "acme", "washington", authorized=True),
        replace(
            ALICE,
            app_version=(42, 11),
            client=ClientKind.MOBILE,
            texting_override=True,
            recording=RecordingSettings(RecordingMode.ON_DEMAND, pause_notice=PauseNotice.BEEP),
        ),
    )
    await store(database).put(*changed, actor="admin")
    again = await restarted(database)
    assert again.directory.organizations["acme"] == changed[0]
    assert again.directory.locations["toronto"] == changed[1]
    assert again.directory.numbers["+14165550102"] == changed[2]
    assert again.directory.people["alice"] == changed[3]
    assert again.directory.person_by_number(TN) == changed[3]


async def test_what_does_not_hold_is_neither_written_nor_visible(database: Database) -> None:
    changing = store(database)
    with pytest.raises(NumberTakenError):
        await changing.put(replace(ACME, name="X"), replace(BOB, number=TN), actor="admin")
    assert changing.directory.organizations["acme"] is ACME
    assert await changing.log.latest(["organization"]) == []


async def test_changes_are_told_after_they_are_visible(database: Database) -> None:
    bus, seen = Bus(), []
    changing = store(database, bus)
    bus.listen(
        OrganizationChanged, lambda event: seen.append((event, changing.directory.organizations["acme"]))
    )
    renamed = replace(ACME, name="Acme Smiles")
    await changing.put(renamed, actor="admin")
    assert seen == [(OrganizationChanged(ACME, renamed), renamed)]


async def test_numbers_that_moved_between_people_find_their_places(database: Database) -> None:
    changing = store(database)
    await changing.put(replace(ALICE, number=None), actor="admin")
    await changing.put(replace(BOB, number=TN), actor="admin")
    await changing.put(replace(ALICE, number=SPARE), actor="admin")
    again = (await restarted(database)).directory
    assert (again.people["alice"].number, again.people["bob"].number) == (SPARE, TN)


async def test_removed_people_stay_away(database: Database) -> None:
    changing = store(database)
    assert await changing.remove_person("alice", "admin") == PersonChanged(ALICE, None)
    assert "alice" not in (await restarted(database)).directory.people
    with pytest.raises(UnknownEntityError):
        await changing.remove_person("alice", "admin")


async def test_a_failed_write_leaves_the_person(database: Database) -> None:
    changing = store(database)
    await database.close()
    with pytest.raises(DatabaseClosed):
        await changing.remove_person("alice", "admin")
    assert changing.directory.person_by_number(TN) is ALICE


async def test_changes_that_no_longer_fit_the_seed_are_left_out(database: Database) -> None:
    changing = store(database)
    await changing.put(replace(ALICE, first_name="Alicia"), actor="admin")
    await changing.put(replace(ACME, name="Acme Smiles"), actor="admin")
    bare = DirectoryStore(Directory([ACME]), database, Bus(), lambda: 5)
    assert await bare.load() == 1
    assert bare.directory.organizations["acme"].name == "Acme Smiles"
    assert dict(bare.directory.people) == {}


async def test_the_log_is_the_audit(database: Database) -> None:
    changing = store(database)
    for name in ("A", "B"):
        await changing.put(replace(ACME, name=name), actor=f"token-{name}")
    history = await changing.log.history("organization", "acme")
    assert [(change.actor, change.at_ns) for change in history] == [("token-B", 5), ("token-A", 5)]


def test_migration_and_table_agree(tmp_path: Path) -> None:
    migrated, created = f"sqlite:///{tmp_path}/migrated.db", f"sqlite:///{tmp_path}/created.db"
    migrate(migrated, [MigrationBranch.of("gateway.directory")])
    engine = sa.create_engine(created)
    metadata.create_all(engine)
    engine.dispose()
    assert columns(migrated) == columns(created)


def columns(url: str) -> list[tuple[str, str, bool]]:
    engine = sa.create_engine(url)
    try:
        found = sa.inspect(engine).get_columns("directory_changes")
        return [(column["name"], str(column["type"]), column["nullable"]) for column in found]
    finally:
        engine.dispose()
