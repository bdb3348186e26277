"""World time in the database: what is noted when, and where a clock is set at the next start."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime.clock import SECOND_NS, WorldClock
from gateway.runtime.database import Database, MigrationBranch
from gateway.runtime.settings import ClockSettings
from gateway.runtime.worldtime.keeper import WORLD_TIME, WorldTime, world_time

START_NS = int(datetime(2026, 11, 2, 15, tzinfo=UTC).timestamp()) * SECOND_NS
DAY_S = 86_400
FROZEN = ClockSettings(mode="frozen", start=datetime(2026, 11, 2, 15, tzinfo=UTC))
FAST = ClockSettings(mode="scaled", speed=1000.0, start=datetime(2026, 11, 2, 15, tzinfo=UTC))
SYSTEM = ClockSettings()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    branches = [MigrationBranch.of(WORLD_TIME)]
    async with await Database.open(f"sqlite:///{tmp_path}/world.db", branches=branches) as opened:
        yield opened


def clock_of(settings: ClockSettings) -> WorldClock:
    return WorldClock(settings.start_ns, speed=settings.speed, frozen=settings.mode == "frozen")


async def run(
    database: Database, settings: ClockSettings, *, node: int = 0, machine_ns: int = START_NS
) -> tuple[WorldClock, WorldTime]:
    clock = clock_of(settings)
    kept = WorldTime(clock, database, settings, node=node, machine_ns=lambda: machine_ns)
    await kept.take_up()
    await kept.start()
    return clock, kept


async def noted(database: Database) -> Any:
    await database.flush()
    row = await database.fetch_one(world_time.select())
    assert row is not None
    return row


async def test_a_frozen_world_goes_on_where_it_was_advanced_to(database: Database) -> None:
    clock, kept = await run(database, FROZEN)
    clock.advance(10 * DAY_S)
    await kept.stop()
    clock, _ = await run(database, FROZEN)
    assert (clock.mode, clock.now_ns()) == ("frozen", START_NS + 10 * DAY_S * SECOND_NS)


async def test_an_advance_is_durable_when_it_is_said_to_be(database: Database) -> None:
    clock, kept = await run(database, FROZEN)
    clock.advance(10 * DAY_S)
    await kept.durable()
    row = await database.fetch_one(world_time.select())
    assert row is not None
    assert row.world_ns == START_NS + 10 * DAY_S * SECOND_NS


async def test_a_jump_is_noted_before_what_falls_due_on_the_way_is_stored(database: Database) -> None:
    clock, _ = await run(database, FROZEN)
    seen: list[int] = []

    class Spy:
        def write(self, *intents: Any) -> Any:
            seen.append(intents[0].world_ns)
            return database.write(*intents)

    second = WorldTime(clock, Spy(), FROZEN)  # type: ignore[arg-type]
    await second.start()
    seen.clear()
    clock.call_later(DAY_S, lambda: seen.append(-1))
    clock.advance(2 * DAY_S)
    assert seen == [START_NS + 2 * DAY_S * SECOND_NS, -1, START_NS + 2 * DAY_S * SECOND_NS]


async def test_an_advanced_world_keeps_its_lead_over_the_machine(database: Database) -> None:
    clock, kept = await run(database, SYSTEM)
    clock.advance(10 * DAY_S)
    before_ns = clock.now_ns()
    await kept.stop()
    clock, _ = await run(database, SYSTEM, machine_ns=START_NS + 60 * SECOND_NS)
    assert (clock.mode, clock.speed) == ("scaled", 1.0)
    assert clock.now_ns() >= before_ns + 60 * SECOND_NS


async def test_a_world_on_the_machines_clock_stays_on_it(database: Database) -> None:
    _, kept = await run(database, SYSTEM)
    await kept.stop()
    clock, _ = await run(database, SYSTEM)
    assert clock.mode == "system"


async def test_a_fast_world_that_was_killed_goes_on_beyond_all_it_may_have_stored(database: Database) -> None:
    clock, kept = await run(database, FAST)
    clock.set_speed(2000)
    row = await noted(database)
    assert row.world_ns >= clock.now_ns(), "the note says what the world cannot have passed by the next one"
    kept._note_again()  # a second later
    later = await noted(database)
    assert later.world_ns > row.world_ns
    # No stop(): the process was killed.
    again, _ = await run(database, FAST)
    assert (again.mode, again.speed) == ("scaled", 2000.0)
    assert again.now_ns() >= later.world_ns >= START_NS


async def test_a_fast_world_that_ended_goes_on_exactly_there(database: Database) -> None:
    clock, kept = await run(database, FAST)
    before_ns = clock.now_ns()
    await kept.stop()
    after_ns = clock.now_ns()
    assert before_ns <= (await noted(database)).world_ns <= after_ns


async def test_a_freeze_and_a_speed_outlast_the_process(database: Database) -> None:
    clock, kept = await run(database, SYSTEM)
    clock.freeze()
    await kept.durable()
    clock, kept = await run(database, SYSTEM)
    assert clock.mode == "frozen"
    clock.set_speed(1)
    await kept.durable()
    clock, _ = await run(database, SYSTEM)
    assert (clock.mode, clock.speed) == ("scaled", 1.0)


async def test_a_world_begins_anew_where_that_is_asked_for(database: Database) -> None:
    clock, kept = await run(database, FROZEN)
    clock.advance(10 * DAY_S)
    await kept.stop()
    clock, kept = await run(database, FROZEN.model_copy(update={"resume": False}))
    assert clock.now_ns() == START_NS
    await kept.stop()
    clock, _ = await run(database, FROZEN)
    assert clock.now_ns() == START_NS


async def test_nodes_keep_their_own_time(database: Database) -> None:
    clock, kept = await run(database, FROZEN, node=1)
    clock.advance(DAY_S)
    await kept.stop()
    other, _ = await run(database, FROZEN, node=2)
    assert other.now_ns() == START_NS
    assert (await run(database, FROZEN, node=1))[0].now_ns() == clock.now_ns()


async def test_a_refused_advance_changes_nothing(database: Database) -> None:
    clock, kept = await run(database, FROZEN)
    with pytest.raises(Exception, match="2099"):
        clock.advance(1e12)
    await kept.stop()
    assert (await noted(database)).world_ns == START_NS


async def test_a_full_database_never_stops_the_world(database: Database) -> None:
    clock, kept = await run(database, FROZEN)
    await database.close()
    clock.advance(5)
    await kept.stop()
    assert clock.now_ns() == START_NS + 5 * SECOND_NS


FAST_CHILD = """
    import asyncio
    from gateway.runtime.clock import WorldClock
    from gateway.runtime.database import Database
    from gateway.runtime.settings import ClockSettings
    from gateway.runtime.worldtime.keeper import WorldTime

    async def main():
        settings = ClockSettings(mode="scaled", speed=5000, start="2026-11-02T15:00:00Z")
        clock = WorldClock(settings.start_ns, speed=settings.speed)
        database = await Database.open({url!r})
        kept = WorldTime(clock, database, settings)
        await kept.take_up()
        await kept.start()
        while True:
            stored_ns = clock.now_ns()
            await database.write()
            print(stored_ns, flush=True)

    asyncio.run(main())
"""


def killed_in_a_hurry(url: str) -> int:
    """Run a fast world in another process, kill it, and return the last moment it stored something at."""
    program = textwrap.dedent(FAST_CHILD.format(url=url))
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    first = latest = int(child.stdout.readline())
    while latest < first + 6000 * SECOND_NS:  # beyond the second note
        latest = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    rest, _ = child.communicate(timeout=30)
    return max(latest, *(int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")), 0)


async def test_killed_in_a_hurry_no_stored_moment_lies_ahead(database: Database, tmp_path: Path) -> None:
    latest_ns = await asyncio.to_thread(killed_in_a_hurry, f"sqlite:///{tmp_path}/world.db")
    again, _ = await run(database, ClockSettings(mode="scaled", speed=5000, start=FAST.start))
    assert again.now_ns() >= latest_ns
