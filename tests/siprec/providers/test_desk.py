"""The providers at work over a real database: filing, quarantine, books, retention, across restarts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect

from gateway.directory.directory import Directory
from gateway.directory.events import PersonChanged
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.http.auth import Principal
from siprec.providers.desk import ProviderDesk
from siprec.providers.errors import FilingNotFound
from siprec.providers.events import RecordingDeleted, RecordingEvent, RecordingStarted
from siprec.providers.model import DAY_NS, Account, Action, Filing, Provider, TenantKey
from siprec.providers.store import metadata

ALICE = ("sp", "acme", "alice@acme")
IVAN = ("sp", "acme", "ivan@acme")


class World:
    """A desk with a clock to set and a note of what it erased."""

    def __init__(self, directory: Directory, providers: dict[str, Provider], folder: Path) -> None:
        self.directory, self.providers = directory, providers
        self.url = f"sqlite:///{folder / 'desk.db'}"
        self.now = DAY_NS
        self.erased: list[int] = []
        self.told: list[RecordingEvent] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ProviderDesk]:
        branches = [MigrationBranch.of("siprec.providers")]
        async with await Database.open(self.url, branches=branches) as database:
            bus = Bus()
            for kind in (RecordingStarted, RecordingDeleted):
                bus.listen(kind, self.told.append)
            desk = ProviderDesk(self.directory, self.providers, database, bus, lambda: self.now)
            self.bus, self.database = bus, database
            await desk.load()
            yield desk

    async def erase(self, filing: Filing) -> None:
        self.erased.append(filing.recording_id)

    async def record(self, desk: ProviderDesk, recording_id: int, key: tuple[str, str, str] = ALICE) -> None:
        _, intent = desk.file(recording_id, key, self.now)
        await self.database.write(intent)
        await desk.finish(recording_id, self.now)


@pytest.fixture
def world(directory: Directory, providers: dict[str, Provider], tmp_path: Path) -> World:
    return World(directory, providers, tmp_path)


async def test_the_migrated_schema_is_the_declared_one(world: World) -> None:
    async with world.open():
        tables = await world.database.read(
            lambda connection: {
                name: {(c["name"], str(c["type"])) for c in inspect(connection).get_columns(name)}
                for name in inspect(connection).get_table_names()
            }
        )
    for table in metadata.sorted_tables:
        assert {name for name, _ in tables[table.name]} == {column.name for column in table.columns}


async def test_go_recordings_vanish_on_day_thirty_and_paid_ones_stay_c4_c5(world: World) -> None:
    async with world.open() as desk:
        await world.record(desk, 1)
        await world.record(desk, 2, ("sp", "acme", "carol@acme"))
        await world.record(desk, 3, ("sp", "acme", "nobody"))
        world.now += 30 * DAY_NS - 1
        assert await desk.sweep(world.erase) == 0
        world.now += 1
        assert await desk.sweep(world.erase) == 1
        assert world.erased == [1]
        with pytest.raises(FilingNotFound):
            await desk.filing(1)
        world.now += 10_000 * DAY_NS
        assert await desk.sweep(world.erase) == 0
        assert (await desk.filing(2)).owner.product == "dubber_standard"
        assert (await desk.filing(3)).quarantined
    assert [(type(event), event.reason) for event in world.told] == [(RecordingDeleted, "retention")]


async def test_upgrade_and_downgrade_also_across_restarts_c9(world: World) -> None:
    alice = world.directory.people["alice"]
    async with world.open() as desk:
        await world.record(desk, 1)
        world.now += 20 * DAY_NS
        await desk.put([replace(desk.book.accounts["acme", "dubber"], contract=True)], "partner")
        await desk.change_product(alice, "dubber", "dubber_standard", how="manual", actor="partner")
        await world.record(desk, 2)
    world.now += 100 * DAY_NS
    async with world.open() as desk:
        assert await desk.sweep(world.erase) == 0
        assert (await desk.filing(1)).owner.product == "dubber_standard"
        await desk.change_product(alice, "dubber", "dubber_go", how="manual", actor="partner")
        world.now += 10 * DAY_NS
        await world.record(desk, 3)
    world.now += 20 * DAY_NS
    async with world.open() as desk:
        assert await desk.sweep(world.erase) == 2
        assert sorted(world.erased) == [1, 2]
        world.now += 10 * DAY_NS
        assert await desk.sweep(world.erase) == 1
        assert sorted(world.erased) == [1, 2, 3]


async def test_a_call_that_outlasts_its_retention_is_not_swept(world: World) -> None:
    async with world.open() as desk:
        _, intent = desk.file(1, ALICE, world.now)
        await world.database.write(intent)
        world.now += 90 * DAY_NS
        assert await desk.sweep(world.erase) == 0
        assert (await desk.finish(1, world.now)).expires_ns == world.now + 30 * DAY_NS


async def test_an_unfinished_recording_is_found_again_after_a_crash(world: World) -> None:
    async with world.open() as desk:
        _, intent = desk.file(1, ALICE, world.now)
        await world.database.write(intent)
    async with world.open() as desk:
        assert desk.filed(1) is not None
        finished = await desk.finish(1, world.now)
        assert finished.expires_ns == world.now + 30 * DAY_NS
        assert desk.filed(1) is None


async def test_a_tenant_that_becomes_known_late_takes_its_recording(world: World) -> None:
    async with world.open() as desk:
        filing, intent = desk.file(1, ("", "", ""), world.now)
        assert filing.owner.reason == "tenant_missing"
        await world.database.write(intent)
        refiled = desk.refile(1, ALICE)
        assert refiled is not None
        assert refiled.owner.person_id == "alice"
        assert desk.refile(1, ALICE) is None
        assert desk.refile(1, ("", "", "")) is None
        assert desk.refile(2, ALICE) is None
        await world.database.flush()
        stored = await desk.store.filing(1)
        assert stored == refiled


async def test_provisioning_a_user_takes_the_users_recordings_out_of_quarantine_c8(world: World) -> None:
    async with world.open() as desk:
        await world.record(desk, 1, IVAN)
        await world.record(desk, 2, ("sp", "acme", "nobody"))
        assert (await desk.filing(1)).owner.reason == "user_not_provisioned"
        ivan = world.directory.people["ivan"]
        await desk.change_product(ivan, "imagicle", "imagicle", how="sync", actor="imagicle")
        assert (await desk.filing(1)).owner.provider == "imagicle"
        assert (await desk.filing(2)).quarantined


async def test_quarantine_is_left_by_assignment_and_retention_begins(world: World) -> None:
    async with world.open() as desk:
        await world.record(desk, 1, ("sp", "acme", "nobody"))
        given = await desk.assign(1, world.directory.people["alice"])
        assert given.owner.person_id == "alice"
        assert given.expires_ns == given.finished_ns + 30 * DAY_NS  # type: ignore[operator]
        assert await desk.store.filing(1) == given


async def test_a_change_of_the_directory_is_heard(world: World) -> None:
    async with world.open() as desk:
        assert desk.tenants.owner(TenantKey("sp", "acme", "allie")).reason
        alice = world.directory.people["alice"]
        event = world.directory.put(
            replace(alice, recording=replace(alice.recording, external_identifier="allie"))
        )
        assert isinstance(event, PersonChanged)
        world.bus.publish(event)
        filing, _ = desk.file(9, ("sp", "acme", "allie"), world.now)
        assert filing.owner.person_id == "alice"


async def test_keys_of_any_length_are_filed(world: World) -> None:
    async with world.open() as desk:
        await world.record(desk, 1, ("s" * 300, "g" * 300, "i" * 300))
        assert (await desk.filing(1)).tenant == ("s" * 255, "g" * 255, "i" * 255)


async def test_events_are_seen_by_who_may_list_and_hold_no_name_or_number(world: World) -> None:
    async with world.open() as desk:
        filing, _ = desk.file(1, ALICE, world.now)
        desk.tell(RecordingStarted, filing)
        event = world.told[-1]
        assert event.visible_to(Principal("alice", "person", "acme", "alice"))
        assert event.visible_to(Principal("root", "admin", "acme"))
        assert not event.visible_to(Principal("bob", "person", "acme", "bob"))
        assert not event.visible_to(Principal("root", "admin", "bolt"))
        assert event.as_payload()["personId"] == "alice"
        assert "alice@acme" not in str(event.as_payload())


async def test_an_administrator_of_the_account_manages_paid_recordings_c14(world: World) -> None:
    root = Principal("root", "admin", "acme")
    async with world.open() as desk:
        await world.record(desk, 1, ("sp", "acme", "carol@acme"))
        filing = await desk.filing(1)
        assert not desk.may(root, filing, Action.DELETE)
        account = desk.book.accounts["acme", "dubber"]
        await desk.put([replace(account, administrators=frozenset({"root"}))], "root")
        assert desk.may(root, filing, Action.DELETE)
    async with world.open() as desk:
        assert desk.may(root, filing, Action.DELETE)


async def test_the_books_keep_who_changed_them(world: World) -> None:
    async with world.open() as desk:
        await desk.put([Account("bolt", "dubber", 1, "terms")], "partner")
        (change,) = await desk.store.log.history("account", "bolt/dubber")
        assert (change.actor, change.at_ns) == ("partner", world.now)
