"""One contract over every engine: durable when resolved, all or none, failures alone, readers apart."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from gateway.runtime.clock import WorldClock
from gateway.runtime.database import (
    Database,
    DatabaseBusy,
    DatabaseClosed,
    DatabaseError,
    DatabaseFull,
    DatabaseOverloaded,
    DatabaseUnavailable,
    IntegrityError,
    Probe,
    StatementInvalid,
)
from gateway.runtime.metrics import Metrics
from gateway.runtime.sqlite import SqliteWriter

METADATA = MetaData()
MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(20), nullable=False),
    Column("segments", Integer),
    Column("body", LargeBinary),
)
SEGMENTS = Table(
    "segments",
    METADATA,
    Column("message_id", ForeignKey("messages.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("extra", JSON),
)


class InsertMessage(NamedTuple):
    id: int
    state: str
    segments: int | None = None
    body: bytes | None = None
    statement = insert(MESSAGES).values(
        id=bindparam("id"), state=bindparam("state"), segments=bindparam("segments"), body=bindparam("body")
    )
    rank = 0


class InsertSegment(NamedTuple):
    number: int
    message_id: int
    extra: Any
    statement = insert(SEGMENTS).values(
        message_id=bindparam("message_id"), number=bindparam("number"), extra=bindparam("extra")
    )
    rank = 1


class MarkState(NamedTuple):
    message: int
    state: str
    statement = update(MESSAGES).where(MESSAGES.c.id == bindparam("message")).values(state=bindparam("state"))
    rank = 2


class MarkSubmitted(NamedTuple):
    message: int
    statement = update(MESSAGES).where(MESSAGES.c.id == bindparam("message")).values(state="submitted")
    rank = 2


class DropMessage(NamedTuple):
    id: int
    statement = delete(MESSAGES).where(MESSAGES.c.id == bindparam("id"))
    rank = 3


def create_tables(url: str) -> None:
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    METADATA.create_all(engine)
    engine.dispose()


@pytest.fixture(
    params=["thread", "process", "memory", pytest.param("postgresql", marks=pytest.mark.system("initdb"))]
)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Every engine and writer in turn."""
    if request.param == "memory":
        async with await Database.open("sqlite://") as database:
            create_tables(f"sqlite:///{database._backend.path}")  # type: ignore[attr-defined]
            yield database
        return
    server = request.param == "postgresql"
    url = request.getfixturevalue("postgresql_url") if server else f"sqlite:///{tmp_path}/gateway.db"
    create_tables(url)
    async with await Database.open(url, process=request.param == "process") as database:
        yield database


async def stored(database: Database) -> dict[int, str]:
    return {row.id: row.state for row in await database.fetch(select(MESSAGES.c.id, MESSAGES.c.state))}


@pytest.fixture
def no_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing touches the database but the test, however slow the machine."""
    monkeypatch.setattr("gateway.runtime.database.PROBE_EVERY_S", 3600.0)
    monkeypatch.setattr("gateway.runtime.database.PROBE_AGAIN_S", 3600.0)


@pytest.fixture
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the database is there is known at once."""
    monkeypatch.setattr("gateway.runtime.database.PROBE_EVERY_S", 0.02)
    monkeypatch.setattr("gateway.runtime.database.PROBE_AGAIN_S", 0.01)
    monkeypatch.setattr("gateway.runtime.sqlite.BUSY_TIMEOUT_S", 0.02)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a probe will tell."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a probe wakes nobody
            await asyncio.sleep(0.005)


async def test_a_resolved_write_is_there(database: Database) -> None:
    await database.write(InsertMessage(1, "accepted", 2, b"\x00\xff"))
    row = await database.fetch_one(select(MESSAGES))
    assert row is not None
    assert tuple(row) == (1, "accepted", 2, b"\x00\xff")


async def test_a_unit_runs_by_rank_whatever_its_order(database: Database) -> None:
    await database.write(
        MarkState(1, "queued"), InsertSegment(1, 1, {"udh": [5, 0]}), InsertMessage(1, "accepted")
    )
    assert await stored(database) == {1: "queued"}
    assert (await database.fetch(select(SEGMENTS)))[0] == (1, 1, {"udh": [5, 0]})


async def test_constants_and_reordered_fields_reach_their_columns(database: Database) -> None:
    await database.write(InsertMessage(7, "accepted"))
    await database.write(MarkSubmitted(7), InsertSegment(3, 7, None))
    assert await stored(database) == {7: "submitted"}
    row = await database.fetch_one(select(SEGMENTS.c.message_id, SEGMENTS.c.number))
    assert row is not None
    assert tuple(row) == (7, 3)


async def test_rows_go_as_well(database: Database) -> None:
    await database.write(InsertMessage(1, "a"), InsertMessage(2, "b"))
    await database.write(DropMessage(1))
    assert await stored(database) == {2: "b"}


async def test_reads_take_parameters(database: Database) -> None:
    await database.write(*[InsertMessage(number, "a") for number in range(5)])
    wanted = select(MESSAGES.c.id).where(MESSAGES.c.id > bindparam("low")).order_by(MESSAGES.c.id)
    assert [row.id for row in await database.fetch(wanted, {"low": 2})] == [3, 4]
    assert await database.fetch_one(wanted, {"low": 99}) is None


async def test_a_reader_may_run_several_selects(database: Database) -> None:
    await database.write(InsertMessage(1, "a"), InsertMessage(2, "b"))
    counts = await database.read(
        lambda connection: [
            connection.scalar(select(func.count()).select_from(t)) for t in (MESSAGES, SEGMENTS)
        ]
    )
    assert counts == [2, 0]


async def test_many_waiters_share_few_commits(database: Database) -> None:
    await asyncio.gather(*[database.write(InsertMessage(number, "a")) for number in range(500)])
    assert len(await stored(database)) == 500


async def test_only_the_failing_unit_fails(database: Database) -> None:
    results = await asyncio.gather(
        database.write(InsertMessage(1, "first")),
        database.write(InsertMessage(2, "half"), InsertMessage(1, "twice")),
        database.write(InsertSegment(1, 404, None)),
        database.write(InsertMessage(3, "third")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), IntegrityError, IntegrityError, type(None)]
    assert await stored(database) == {1: "first", 3: "third"}


async def test_a_lone_failing_unit_leaves_nothing(database: Database) -> None:
    with pytest.raises(IntegrityError, match="constraint"):
        await database.write(InsertMessage(1, "a"), InsertSegment(1, 2, None))
    assert await stored(database) == {}
    await database.write(InsertMessage(1, "again"))


async def test_nobody_waits_for_write_soon(database: Database) -> None:
    database.write_soon(InsertMessage(1, "a"))
    database.write_soon(InsertMessage(1, "b"))
    await database.flush()
    assert await stored(database) == {1: "a"}
    assert database.pending == 0


async def test_a_cancelled_waiter_disturbs_nobody(database: Database) -> None:
    first, second = database.write(InsertMessage(1, "a")), database.write(InsertMessage(2, "b"))
    first.cancel()
    await second
    await database.flush()
    assert 2 in await stored(database)


async def test_an_intent_that_does_not_fit_fails_alone(database: Database) -> None:
    class Unfit(NamedTuple):
        id: int
        statement = insert(MESSAGES).values(id=bindparam("id"), state=bindparam("state"))

    bad, good = database.write(Unfit(1)), database.write(InsertMessage(2, "b"))
    with pytest.raises(StatementInvalid, match="lacks state"):
        await bad
    await good
    assert await stored(database) == {2: "b"}


async def test_a_value_of_the_wrong_type_fails_alone(database: Database) -> None:
    bad, good = database.write(InsertMessage(1, object())), database.write(InsertMessage(2, "b"))  # type: ignore[arg-type]
    with pytest.raises(DatabaseError):
        await bad
    await good


async def test_too_many_waiting_units_are_refused_and_cost_nothing(database: Database) -> None:
    database._max_pending = 2
    waiting = [database.write(InsertMessage(number, "a")) for number in (1, 2)]
    with pytest.raises(DatabaseOverloaded, match="the bound is 2"):
        database.write(InsertMessage(3, "refused"))
    database.write_soon(InsertMessage(4, "a mark"))
    await asyncio.gather(*waiting)
    await database.flush()
    assert sorted(await stored(database)) == [1, 2, 4]


@pytest.mark.parametrize("process", [False, True])
async def test_closing_settles_what_waits(tmp_path: Path, process: bool) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    database = await Database.open(url, process=process)
    waiting = [database.write(InsertMessage(number, "a")) for number in range(100)]
    database.write_soon(InsertMessage(1000, "soon"))
    await database.close()
    await database.close()
    assert all(future.done() and future.exception() is None for future in waiting)
    with pytest.raises(DatabaseClosed):
        database.write(InsertMessage(5, "late"))
    with pytest.raises(DatabaseClosed):
        database.write_soon(InsertMessage(5, "late"))
    with pytest.raises(DatabaseClosed):
        await database.fetch(select(MESSAGES))
    await database.flush()
    async with await Database.open(url) as again:
        assert len(await stored(again)) == 101


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseError):
        await database.read(lambda connection: connection.execute(insert(MESSAGES).values(id=1, state="x")))
    assert await stored(database) == {}


async def test_a_bad_select_is_a_documented_error(database: Database) -> None:
    with pytest.raises(DatabaseError, match=r"nowhere|constraint|statement"):
        await database.fetch(select(Table("nowhere", MetaData(), Column("id", Integer))))


UNITS = st.lists(
    st.lists(
        st.one_of(
            st.builds(InsertMessage, st.integers(1, 12), st.sampled_from(["a", "b"])),
            st.builds(InsertSegment, st.integers(1, 3), st.integers(1, 12), st.none()),
        ),
        min_size=1,
        max_size=4,
    ),
    max_size=25,
)


@pytest.mark.parametrize("process", [False, True])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(units=UNITS)
async def test_exactly_the_good_units_are_stored(
    process: bool, units: list[list[Any]], tmp_path_factory: Any
) -> None:
    """Property: a unit is stored wholly if its future resolved and not at all if it failed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('db')}/x.db"
    create_tables(url)
    async with await Database.open(url, process=process) as database:
        outcomes = await asyncio.gather(*[database.write(*unit) for unit in units], return_exceptions=True)
        good = [unit for unit, outcome in zip(units, outcomes, strict=True) if outcome is None]
        assert all(outcome is None or isinstance(outcome, DatabaseError) for outcome in outcomes)
        wanted = {intent for unit in good for intent in unit}
        messages = {InsertMessage(*row) for row in await database.fetch(select(MESSAGES))}
        rows = await database.fetch(select(SEGMENTS.c.number, SEGMENTS.c.message_id, SEGMENTS.c.extra))
        segments = {InsertSegment(*row) for row in rows}
        assert messages | segments == wanted
        assert len(messages) + len(segments) == sum(len(unit) for unit in good)


async def test_readers_and_writer_do_not_hold_each_other_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    async with await Database.open(url) as database:
        await database.write(*[InsertMessage(number, "a") for number in range(1000)])
        reading, go_on = threading.Event(), threading.Event()

        def slow(connection: sqlalchemy.Connection) -> int:
            connection.exec_driver_sql("BEGIN")
            first = connection.scalar(select(func.count()).select_from(MESSAGES))
            reading.set()
            go_on.wait(10)
            again = connection.scalar(select(func.count()).select_from(MESSAGES))
            connection.exec_driver_sql("ROLLBACK")
            assert first == again
            return int(again or 0)

        reader = asyncio.ensure_future(database.read(slow))
        await asyncio.to_thread(reading.wait, 10)
        await asyncio.wait_for(database.write(InsertMessage(5000, "during")), 5)
        go_on.set()
        assert await reader == 1000


async def test_a_lock_held_elsewhere_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.runtime.sqlite.BUSY_TIMEOUT_S", 0.05)
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    async with await Database.open(url) as database:
        other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(
            *[database.write(InsertMessage(number, "a")) for number in (1, 2)], return_exceptions=True
        )
        assert {type(result) for result in results} == {DatabaseBusy}
        other.execute("ROLLBACK")
        other.close()
        await database.write(InsertMessage(1, "a"))


async def test_a_probe_notices_a_lock_and_its_end_without_any_traffic(
    tmp_path: Path, quick_probes: None
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    async with await Database.open(url) as database:
        assert database.problems() == []
        other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await until(lambda: database.problems() == [f"database: {DatabaseBusy.advice}"])
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: database.problems() == [])


def test_a_transaction_that_changes_nothing_gives_nothing_to_fold(tmp_path: Path) -> None:
    writer = SqliteWriter(str(tmp_path / "x.db"))
    writer.connect()
    noted: list[None] = []
    assert writer._checkpointer is not None
    writer._checkpointer.note = lambda: noted.append(None)  # type: ignore[method-assign]
    try:
        for sql in ("SELECT 1", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)", "SELECT 1"):
            writer.begin()
            writer.execute_many(sql, [()])
            writer.commit()
    finally:
        writer.close()
    assert len(noted) == 1


async def test_a_failed_write_is_a_problem_at_once_and_a_good_one_ends_it(
    tmp_path: Path, no_probes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.runtime.sqlite.BUSY_TIMEOUT_S", 0.02)
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    async with await Database.open(url) as database:
        other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy):
            await database.write(InsertMessage(1, "a"))
        assert database.problems() == [f"database: {DatabaseBusy.advice}"]
        await database.flush()  # touches nothing, and so says nothing
        assert len(database.problems()) == 1
        other.execute("ROLLBACK")
        other.close()
        await database.write(InsertMessage(1, "a"))
        assert database.problems() == []


async def test_a_unit_that_breaks_a_constraint_is_no_problem_of_the_database(database: Database) -> None:
    await database.write(InsertMessage(1, "a"))
    with pytest.raises(IntegrityError):
        await database.write(InsertMessage(1, "a"))
    assert database.problems() == []


async def test_a_writing_process_that_died_is_made_anew_by_a_probe(
    tmp_path: Path, quick_probes: None
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    async with await Database.open(url, process=True) as database:
        first = database._writer._process  # type: ignore[attr-defined]
        first.kill()
        await until(lambda: database._writer._process.pid != first.pid)  # type: ignore[attr-defined]
        await until(lambda: database.problems() == [])
        await database.write(InsertMessage(1, "a"))


async def test_a_writing_process_that_cannot_be_made_anew_is_a_problem(
    tmp_path: Path, quick_probes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)

    def no_more(*_arguments: object) -> None:
        raise OSError("no more processes")

    async with await Database.open(url, process=True) as database:
        with monkeypatch.context() as patch:
            patch.setattr("gateway.runtime.writers._spawn", no_more)
            database._writer._process.kill()  # type: ignore[attr-defined]
            await until(lambda: database.problems() == [f"database: {DatabaseUnavailable.advice}"])
        await until(lambda: database.problems() == [])
        await database.write(InsertMessage(1, "a"))


async def test_a_failed_read_is_a_problem_until_one_succeeds(
    tmp_path: Path, quick_probes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)

    def refuse(_work: object) -> None:
        raise DatabaseUnavailable("no more connections")

    async with await Database.open(url) as database:
        with monkeypatch.context() as patch:
            patch.setattr(database, "_read", refuse)
            with pytest.raises(DatabaseUnavailable):
                await database.fetch(select(MESSAGES))
            await database.write(InsertMessage(1, "a"))
            assert database.problems() == [f"database: {DatabaseUnavailable.advice}"]
        await until(lambda: database.problems() == [])


async def test_a_full_disk_is_named_and_survived(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    async with await Database.open(url) as database:
        await database.write(InsertMessage(1, "a"))
        connection = database._writer._writer._connection  # type: ignore[attr-defined]
        connection.execute("PRAGMA max_page_count=1")  # the quota is a disk that is full now
        results = await asyncio.gather(
            database.write(InsertMessage(2, "big", 1, b"x" * 1_000_000)),
            database.write(InsertMessage(3, "big", 1, b"x" * 1_000_000)),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [DatabaseFull, DatabaseFull]
        connection.execute("PRAGMA max_page_count=1000000")
        await database.write(InsertMessage(4, "after"))
        assert sorted(await stored(database)) == [1, 4]


@pytest.mark.parametrize(
    "url",
    ["mysql://host/name", "not a url", "sqlite:////proc/no/such.db", "postgresql://x@127.0.0.1:1/none"],
)
async def test_an_unusable_url_is_a_documented_error(url: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        await Database.open(url)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database, by far " * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        await Database.open(f"sqlite:///{tmp_path}/x.db")


async def test_an_in_memory_database_leaves_nothing() -> None:
    database = await Database.open("sqlite://")
    folder = Path(database._backend.path).parent  # type: ignore[attr-defined]
    assert folder.exists()
    await database.close()
    assert not folder.exists()


@pytest.mark.parametrize("process", [False, True])
async def test_commits_and_failures_are_measured(tmp_path: Path, process: bool) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    metrics = Metrics(process=False)
    async with await Database.open(url, metrics=metrics, process=process) as database:
        await database.write(InsertMessage(1, "a"))
        with pytest.raises(IntegrityError):
            await database.write(InsertMessage(1, "a"))
        await database.write(Probe())  # it stores nothing, and is in no measure
        text = metrics.render().decode()
    assert "gateway_commit_seconds_count 2.0" in text
    assert 'gateway_database_failures_total{reason="IntegrityError"} 1.0' in text
    assert "gateway_database_rows_total 1.0" in text
    assert "gateway_database_pending 0.0" in text


async def test_sqlite_is_durable_by_its_settings(tmp_path: Path) -> None:
    async with await Database.open(f"sqlite:///{tmp_path}/x.db") as database:
        connection = database._writer._writer._connection  # type: ignore[attr-defined]
        found = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


CRASHING = """
    import asyncio, sys
    sys.path.insert(0, {tests!r})
    from test_database import Database, InsertMessage, InsertSegment

    async def main():
        database = await Database.open({url!r}, process={process})
        async def writer(start):
            number = start
            while True:
                await database.write(InsertMessage(number, "a"), InsertSegment(1, number, None))
                sys.stdout.write(f"{{number}}\\n")
                sys.stdout.flush()
                number += 20
        await asyncio.gather(*[writer(start) for start in range(1, 21)])

    asyncio.run(main())
"""


@pytest.mark.parametrize("process", [False, True])
@pytest.mark.parametrize("acknowledged_before_the_kill", [1, 300, 1500])
def test_killed_mid_write_everything_acknowledged_is_there(
    tmp_path: Path, acknowledged_before_the_kill: int, process: bool
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    program = textwrap.dedent(CRASHING.format(tests=str(Path(__file__).parent), url=url, process=process))
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(acknowledged_before_the_kill)]
    os.kill(child.pid, signal.SIGKILL)
    rest, _ = child.communicate(timeout=30)
    acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    connection = sqlite3.connect(tmp_path / "x.db")
    messages = {row[0] for row in connection.execute("SELECT id FROM messages")}
    segments = {row[0] for row in connection.execute("SELECT message_id FROM segments")}
    connection.close()
    assert set(acknowledged) <= messages
    assert messages == segments


class Word(StrEnum):
    QUEUED = "queued"


async def test_words_of_an_enumeration_are_stored_as_words(database: Database) -> None:
    await database.write(InsertMessage(1, Word.QUEUED, True, bytearray(b"x")))  # type: ignore[arg-type]
    row = await database.fetch_one(select(MESSAGES))
    assert row is not None
    assert tuple(row) == (1, "queued", 1, b"x")


async def test_more_units_than_a_commit_holds(database: Database) -> None:
    count = 12_000
    await asyncio.gather(*[database.write(InsertMessage(number, "a")) for number in range(count)])
    row = await database.fetch_one(select(func.count()).select_from(MESSAGES))
    assert row is not None
    assert row[0] == count


async def test_a_writing_process_that_dies_is_replaced(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    async with await Database.open(url, process=True) as database:
        await database.write(InsertMessage(1, "a"))
        first = database._writer._process  # type: ignore[attr-defined]
        first.kill()
        await asyncio.get_running_loop().run_in_executor(None, first.wait)
        results = []
        async with asyncio.timeout(10):
            while not results or results[-1] is not None:
                wrote = database.write(InsertMessage(2, "b"))
                results += await asyncio.gather(wrote, return_exceptions=True)
        assert all(isinstance(result, DatabaseUnavailable) for result in results[:-1])
        assert database._writer._process.pid != first.pid  # type: ignore[attr-defined]
        assert sorted(await stored(database)) == [1, 2]


async def test_a_writing_process_that_cannot_start_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database, by far " * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        await Database.open(f"sqlite:///{tmp_path}/x.db", process=True)


async def test_a_signal_to_the_group_leaves_the_writing_process_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    async with await Database.open(url, process=True) as database:
        child = database._writer._process  # type: ignore[attr-defined]
        for number in (signal.SIGINT, signal.SIGTERM):
            child.send_signal(number)
        await database.write(InsertMessage(1, "a"))
        assert await stored(database) == {1: "a"}
    assert child.returncode == 0


async def test_the_world_stands_still_while_something_is_under_way(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    create_tables(url)
    clock = WorldClock(10**18, frozen=True)
    story: list[str] = []
    async with await Database.open(url, clock=clock) as database:

        async def work() -> None:
            await database.write(InsertMessage(1, "a"))
            assert (await stored(database)) == {1: "a"}
            story.append("stored")
            clock.call_later(1, story.append, "after")

        tasks: list[asyncio.Task[None]] = []
        clock.call_later(1, lambda: tasks.append(asyncio.ensure_future(work())))
        clock.call_later(60, story.append, "a minute")
        await clock.run_until_idle()
        await asyncio.gather(*tasks)
    assert story == ["stored", "after", "a minute"]
    assert clock.in_flight == 0


@pytest.mark.system("initdb")
async def test_a_lost_server_connection_is_named_and_made_again(postgresql_url: str, no_probes: None) -> None:
    import psycopg

    create_tables(postgresql_url)
    async with await Database.open(postgresql_url) as database:
        await database.write(InsertMessage(1, "a"))
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(DatabaseUnavailable):
            await database.write(InsertMessage(2, "lost"))
        await database.write(InsertMessage(4, "again"))
        assert sorted(await stored(database)) == [1, 4]


@pytest.mark.system("initdb")
async def test_a_server_connection_lost_in_silence_is_made_again_by_a_probe(
    postgresql_url: str, quick_probes: None
) -> None:
    import psycopg

    create_tables(postgresql_url)
    async with await Database.open(postgresql_url) as database:
        kept = database._writer._writer  # type: ignore[attr-defined]
        before = kept._connection
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await until(lambda: kept._connection not in (None, before))
        await until(lambda: database.problems() == [])
        await database.write(InsertMessage(1, "a"))
