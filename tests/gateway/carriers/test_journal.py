"""What a carrier owes survives its process: every test ends one and starts another on what is stored."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, select

from gateway.carriers import tables
from gateway.carriers.journal import Journal
from gateway.carriers.profile import CarrierProfile
from gateway.carriers.smsc import Carrier
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, DatabaseOverloaded, MigrationBranch, migrate
from gateway.runtime.ids import IdSource
from gateway.smpp.constants import CommandStatus, MessageState
from gateway.smpp.fields import SmeAddress
from gateway.smpp.pdu import CancelSm, DataSm, QuerySm, ReplaceSm, SubmitMulti, SubmitSm, encode
from gateway.smpp.receipt import read_receipt

ESMES_NUMBER = "+12025550190"
ASKED = {"registered_delivery": 1}


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "carriers.db"
    migrate(f"sqlite:///{path}", [MigrationBranch.of("gateway.carriers")])
    return path


class Lives:
    """One carrier after another on one database and one clock."""

    def __init__(self, world, database: Database) -> None:
        self.world, self.database = world, database
        self.journal: Journal
        self.carrier: Carrier

    async def begin(self, profile: CarrierProfile | None = None) -> Carrier:
        clock = self.world.clock
        self.journal = Journal(self.database, clock, IdSource().new_id)
        self.carrier = await self.world.carrier(profile, journal=self.journal)
        return self.carrier

    async def end(self) -> None:
        """The process is gone: what was not handed to the database is lost, and nobody says goodbye."""
        for esme in self.world.esmes:
            esme.connection.abort()
            await esme.connection.wait_closed()
        self.world.esmes.clear()
        await self.journal.close()
        await self.carrier.stop()
        for text in self.carrier.texts:
            text.stop()

    async def again(self, profile: CarrierProfile | None = None) -> Carrier:
        await self.end()
        return await self.begin(profile)

    async def settled(self) -> None:
        """Everything so far is durable."""
        await self.journal.settled()

    async def rows(self, table) -> int:
        await self.settled()
        return len(await self.database.fetch(select(table)))


@asynccontextmanager
async def opened(world, path: Path) -> AsyncIterator[Lives]:
    database = await Database.open(f"sqlite:///{path}", clock=world.clock)
    lives = Lives(world, database)
    try:
        yield lives
    finally:
        await lives.end()
        await database.close()


@pytest.fixture
async def lives(world, empty_database, tmp_path):
    shutil.copy(empty_database, tmp_path / "carriers.db")
    async with opened(world, tmp_path / "carriers.db") as made:
        yield made


def told(pdus) -> list[tuple[str, str]]:
    found = [read_receipt(one.short_message, tlvs=one.tlvs) for one in pdus]
    return [(receipt.message_id, receipt.state.name) for receipt in found]


async def test_a_receipt_comes_at_its_time_after_a_restart(lives, world):
    esme = await world.esme(await lives.begin())
    taken = await esme.submit(**ASKED)
    refused_later = await esme.submit(destination="13105550151", **ASKED)
    esme = await world.esme(await lives.again())
    assert await esme.quiet() == []
    world.clock.advance(0.9)
    assert await esme.quiet() == []
    world.clock.advance(0.2)
    receipts = await esme.quiet()
    assert told(receipts) == [(taken.message_id, "DELIVERED"), (refused_later.message_id, "UNDELIVERABLE")]
    assert read_receipt(receipts[1].short_message).error == "001"
    assert await lives.rows(tables.texts) == 0


async def test_the_bytes_of_a_receipt_are_those_without_a_restart(lives, world, another_world):
    texts = [{"text": b"one"}, {"text": b"two", "source_addr_npi": 1, "service_type": "CMT"}]
    esme = await world.esme(await lives.begin())
    responses = [encode(await esme.submit(**one, **ASKED)) for one in texts]
    esme = await world.esme(await lives.again())
    world.clock.advance(60)
    receipts = [encode(one, 0) for one in await esme.quiet()]
    async with another_world() as other:
        esme = await other.esme(await other.carrier())
        assert [encode(await esme.submit(**one, **ASKED)) for one in texts] == responses
        other.clock.advance(60)
        assert [encode(one, 0) for one in await esme.quiet()] == receipts


async def test_a_receipt_that_fell_due_meanwhile_waits_for_who_binds(lives, world):
    esme = await world.esme(await lives.begin(), "tx")
    taken = await esme.submit(**ASKED)
    world.clock.advance(5)
    carrier = await lives.again()
    world.clock.advance(3600)
    assert carrier.state().waiting == 1
    esme = await world.esme(carrier, "rx")
    [receipt] = await esme.until(1)
    assert told([receipt]) == [(taken.message_id, "DELIVERED")]
    assert b"done date:2609211413 " in receipt.short_message, "when it ended, not when it was told"


async def test_a_receipt_is_told_again_until_it_is_acknowledged(lives, world):
    esme = await world.esme(await lives.begin())
    esme.answer = lambda pdu: CommandStatus.RX_T_APPN
    taken = await esme.submit(**ASKED)
    world.clock.advance(5)
    await esme.until(1)
    assert await lives.rows(tables.texts) == 1
    esme = await world.esme(await lives.again())
    assert told(await esme.until(1)) == [(taken.message_id, "DELIVERED")]
    assert await esme.quiet() == []
    assert await lives.rows(tables.texts) == 0
    esme = await world.esme(await lives.again())
    assert await esme.quiet() == []


@pytest.mark.parametrize(
    ("destination", "copies"),
    [("13105550167", 2), ("13105550157", 0), ("13105550166", 1), ("13105550168", 1)],
)
async def test_receipts_that_come_twice_never_early_or_wrong(lives, world, destination, copies):
    esme = await world.esme(await lives.begin())
    await esme.submit(destination=destination, **ASKED)
    early = await esme.quiet()
    esme = await world.esme(await lives.again())
    world.clock.advance(60)
    assert len(early + await esme.quiet()) == copies
    assert await lives.rows(tables.texts) == 0


async def test_nothing_is_said_twice_without_need(lives, world):
    esme = await world.esme(await lives.begin())
    for _ in range(3):
        await esme.submit(**ASKED)
    world.clock.advance(60)
    assert len(await esme.quiet()) == 3
    esme = await world.esme(await lives.again())
    world.clock.advance(60)
    assert await esme.quiet() == []


async def test_query_cancel_and_replace_find_what_was_taken_before(lives, world):
    esme = await world.esme(await lives.begin())
    ids = [(await esme.submit(**ASKED)).message_id for _ in range(3)]
    esme = await world.esme(await lives.again())
    source = {"source_addr": "12025550190"}
    answers = [
        await esme.connection.submit(QuerySm(message_id=ids[0], **source)),
        await esme.connection.submit(CancelSm(message_id=ids[1], **source)),
        await esme.connection.submit(
            ReplaceSm(message_id=ids[2], short_message=b"anew", registered_delivery=1, **source)
        ),
    ]
    assert [one.command_status for one in answers] == [0, 0, 0]
    assert answers[0].message_state == MessageState.ENROUTE
    assert told(await esme.quiet()) == [(ids[1], "DELETED")]
    esme = await world.esme(await lives.again())
    world.clock.advance(60)
    receipts = await esme.quiet()
    assert told(receipts) == [(ids[0], "DELIVERED"), (ids[2], "DELIVERED")]
    assert receipts[1].short_message.endswith(b"text:anew")
    assert await lives.rows(tables.texts) == 0


async def test_a_cancelled_text_stays_cancelled(lives, world):
    esme = await world.esme(await lives.begin(), "tx")
    taken = await esme.submit(**ASKED)
    cancelled = await esme.connection.submit(CancelSm(message_id=taken.message_id, source_addr="12025550190"))
    assert cancelled.command_status == 0
    esme = await world.esme(await lives.again())
    world.clock.advance(60)
    assert told(await esme.quiet()) == [(taken.message_id, "DELETED")]


async def test_texts_that_nobody_hears_of_are_found_and_then_forgotten(lives, world):
    esme = await world.esme(await lives.begin())
    quiet = await esme.submit()
    esme = await world.esme(await lives.again())
    query = QuerySm(message_id=quiet.message_id, source_addr="12025550190")
    assert (await esme.connection.submit(query)).message_state == MessageState.ENROUTE
    world.clock.advance(60)
    assert (await esme.connection.submit(query)).message_state == MessageState.DELIVERED
    assert await lives.rows(tables.texts) == 1
    await esme.submit()
    assert await lives.rows(tables.texts) == 1, "the one that has ended went"


async def test_what_data_sm_and_submit_multi_brought(lives, world):
    esme = await world.esme(await lives.begin())
    source = {"source_addr": "12025550190", "source_addr_ton": 1}
    data = DataSm(destination_addr="13105557000", dest_addr_ton=1, registered_delivery=1, **source)
    addresses = tuple(SmeAddress(1, 1, f"1310555700{n}") for n in (1, 2))
    multi = SubmitMulti(dest_addresses=addresses, short_message=b"all", registered_delivery=1, **source)
    one = await esme.connection.submit(data)
    many = await esme.connection.submit(multi)
    assert (one.command_status, many.command_status) == (0, 0)
    esme = await world.esme(await lives.again())
    world.clock.advance(60)
    receipts = await esme.quiet()
    assert [message_id for message_id, _ in told(receipts)] == [one.message_id] + [many.message_id] * 2
    assert [one.source_addr for one in receipts] == ["13105557000", "13105557001", "13105557002"]


async def test_inbound_texts_wait_for_their_esme(lives, world):
    carrier = await lives.begin()
    carrier.inject("+13105557000", ESMES_NUMBER, "first")
    carrier.inject("+13105557000", ESMES_NUMBER, "second " * 30)
    await lives.settled()
    carrier = await lives.again()
    esme = await world.esme(carrier)
    arrived = await esme.until(3)
    assert arrived[0].short_message == b"first"
    assert b"".join(one.short_message[6:] for one in arrived[1:]).decode() == "second " * 30
    assert await lives.rows(tables.inbound) == 0
    esme = await world.esme(await lives.again())
    assert await esme.quiet() == []


ANSWERING = {"handsets": [{"numbers": ["+13105557000"], "state": "answers", "reply": "yes"}]}


async def test_a_handset_answers_once_whenever_the_process_ended(lives, world, profile_of):
    profile = profile_of(**ANSWERING)
    esme = await world.esme(await lives.begin(profile))
    taken = await esme.submit(**ASKED)
    esme = await world.esme(await lives.again(profile))
    world.clock.advance(1)
    assert told(await esme.quiet()) == [(taken.message_id, "DELIVERED")]
    esme = await world.esme(await lives.again(profile))  # it is told; the answer is being written
    assert await esme.quiet() == []
    world.clock.advance(1)
    assert [one.short_message for one in await esme.quiet()] == [b"yes"]
    esme = await world.esme(await lives.again(profile))
    world.clock.advance(60)
    assert await esme.quiet() == []
    assert await lives.rows(tables.texts) == await lives.rows(tables.inbound) == 0


async def test_an_answer_that_was_written_is_not_written_again(lives, world, profile_of):
    profile = profile_of(**ANSWERING)
    esme = await world.esme(await lives.begin(profile))
    esme.answer = lambda pdu: CommandStatus.RX_T_APPN
    await esme.submit(**ASKED)
    world.clock.advance(1)
    world.clock.advance(1)
    await lives.settled()
    esme = await world.esme(await lives.again(profile))
    world.clock.advance(60)
    assert sorted(one.short_message[:3] for one in await esme.quiet()) == [b"id:", b"yes"]


async def test_a_text_to_a_number_behind_an_esme_arrives_once(lives, world):
    esme = await world.esme(await lives.begin(), "tx")
    await esme.submit(destination="12025550190", **ASKED)
    world.clock.advance(5)
    await lives.settled()
    esme = await world.esme(await lives.again())
    assert sorted(one.short_message[:3] for one in await esme.until(2)) == [b"hel", b"id:"]
    esme = await world.esme(await lives.again())
    assert await esme.quiet() == []


async def test_message_ids_are_never_given_twice(lives, world):
    found = []
    carrier = await lives.begin()
    for _ in range(3):
        esme = await world.esme(carrier)
        found += [(await esme.submit()).message_id for _ in range(2)]
        carrier = await lives.again()  # the world stands still: the same second
    assert len(set(found)) == 6
    assert found == sorted(found)


CAPPED = {"caps": {"number": {"per_day": 3}}, "refusals": {"number_cap": {"at": "response"}}}


async def test_windows_go_on_where_they_were(lives, world, profile_of):
    profile = profile_of(**CAPPED)
    esme = await world.esme(await lives.begin(profile))
    assert [(await esme.submit()).command_status for _ in range(2)] == [0, 0]
    esme = await world.esme(await lives.again(profile))
    assert [(await esme.submit()).command_status for _ in range(2)] == [0, CommandStatus.RSUBMITFAIL]
    world.clock.advance(86_400)
    esme = await world.esme(await lives.again(profile))
    assert [(await esme.submit()).command_status for _ in range(4)] == [0, 0, 0, CommandStatus.RSUBMITFAIL]
    assert await lives.rows(tables.windows) == 1


async def test_keys_that_are_idle_are_forgotten(lives, world, profile_of, monkeypatch):
    monkeypatch.setattr("gateway.carriers.journal._KEYS_REMEMBERED", 5)
    esme = await world.esme(await lives.begin(profile_of(**CAPPED)))
    for n in range(8):
        await esme.submit(source_addr=f"1202555020{n}")
    assert await lives.rows(tables.windows) == 8
    world.clock.advance(86_400)
    await esme.submit()
    assert await lives.rows(tables.windows) == 1
    await esme.submit(source_addr="12025550200")
    assert await lives.rows(tables.windows) == 2


async def test_an_account_that_is_gone_takes_nobody_elses_texts(lives, world, profile_of):
    esme = await world.esme(await lives.begin())
    await esme.submit(**ASKED)
    lives.carrier.inject("+13105557000", ESMES_NUMBER, "hello")
    await lives.settled()
    other = {"system_id": "other", "password": "other"}
    esme = await world.esme(await lives.again(profile_of(accounts=[other])), "trx", "other", "other")
    world.clock.advance(60)
    assert await esme.quiet() == []


# --- what is acknowledged when ------------------------------------------------------------------------------


class Held:
    """A database whose commits end when the test says so."""

    def __init__(self) -> None:
        self.units: list[tuple[tuple, asyncio.Future]] = []
        self.asked = asyncio.Event()

    def write(self, *intents):
        stored = asyncio.get_running_loop().create_future()
        self.units.append((intents, stored))
        self.asked.set()
        return stored

    def let_go(self) -> None:
        for _, stored in self.units:
            if not stored.done():
                stored.set_result(None)

    async def read(self, work):
        return {}

    async def until(self, count: int):
        async with asyncio.timeout(10):
            while len(self.units) < count:
                self.asked.clear()
                await self.asked.wait()


@pytest.fixture
async def held(world):
    database = Held()
    journal = Journal(database, world.clock, IdSource().new_id)
    carrier = await world.carrier(journal=journal)
    esme = await world.esme(carrier)
    await database.until(1)  # the bind is counted
    database.units.pop()[1].set_result(None)
    yield database, esme
    database.let_go()


async def test_nothing_is_acknowledged_before_it_is_durable(held, world):
    database, esme = held
    submit = asyncio.ensure_future(esme.submit(**ASKED))
    await database.until(1)
    world.clock.advance(60)
    await asyncio.sleep(0)
    assert not submit.done()
    assert esme.received == [], "what is not durable has not begun"
    database.units[0][1].set_result(None)
    taken = await submit
    assert told(await esme.until(1)) == [(taken.message_id, "DELIVERED")]


async def test_what_cannot_be_made_durable_is_not_acknowledged(held, world):
    database, esme = held
    submit = asyncio.ensure_future(esme.submit(**ASKED))
    await database.until(1)
    database.units[0][1].set_exception(OSError("disk full"))
    assert (await submit).command_status == CommandStatus.RSYSERR
    world.clock.advance(60)
    assert await esme.quiet() == []
    assert len(world.carriers[0].texts) == 0


async def test_a_database_that_takes_nothing_more(held, world):
    database, esme = held

    def overloaded(*intents):
        raise DatabaseOverloaded("too much waits")

    database.write = overloaded
    assert (await esme.submit()).command_status == CommandStatus.RSYSERR


async def test_answers_leave_in_the_order_of_their_requests(held):
    database, esme = held
    order = []
    pdus = [
        SubmitSm(source_addr="12025550190", destination_addr="13105557000"),
        SubmitSm(source_addr="12025550190", destination_addr="13105550158"),  # refused at once
        QuerySm(message_id="0"),
        SubmitSm(source_addr="12025550190", destination_addr="13105557000"),
    ]
    for n, pdu in enumerate(pdus):
        esme.connection.submit_nowait(pdu, lambda n, _: order.append(n), n)
    async with asyncio.timeout(10):
        while len(order) < 4:
            database.let_go()
            await asyncio.sleep(0)
    assert order == [0, 1, 2, 3]


async def test_texts_of_one_moment_are_one_unit(held):
    database, esme = held
    submits = [asyncio.ensure_future(esme.submit()) for _ in range(20)]
    await database.until(1)
    intents, stored = database.units[0]
    assert sum(isinstance(one, tables.InsertText) for one in intents) == 20
    stored.set_result(None)
    await asyncio.gather(*submits)
    assert len(database.units) == 1


async def test_a_text_cancelled_before_it_is_durable_never_begins(held, world):
    database, esme = held
    submit = asyncio.ensure_future(esme.submit(**ASKED))
    cancel = asyncio.ensure_future(
        esme.connection.submit(CancelSm(source_addr="12025550190", destination_addr="13105557000"))
    )
    await database.until(1)
    while not cancel.done():
        database.let_go()
        await asyncio.sleep(0)
    assert (await submit).command_status == 0
    world.clock.advance(60)
    assert [state for _, state in told(await esme.until(1))] == ["DELETED"]


def test_the_tables_are_those_of_the_migrations(empty_database):
    engine = create_engine(f"sqlite:///{empty_database}")
    inspector = inspect(engine)
    for name, table in tables.metadata.tables.items():
        assert [one["name"] for one in inspector.get_columns(name)] == [one.name for one in table.columns]
        assert inspector.get_pk_constraint(name)["constrained_columns"] == [
            one.name for one in table.primary_key
        ]
    engine.dispose()


def test_a_clock_that_stands_still_waits_for_the_journal():
    async def play() -> int:
        clock = WorldClock(1_790_000_000_000_000_000, frozen=True)
        database = Held()
        journal = Journal(database, clock, IdSource().new_id)
        journal.use("one", "number_day", "+1", 1 << 62, 1)
        assert clock.in_flight == 1
        await database.until(1)
        assert clock.in_flight == 1
        database.units[0][1].set_result(None)
        await asyncio.sleep(0)
        assert journal.idle
        await journal.close()
        return clock.in_flight

    assert asyncio.run(play()) == 0
