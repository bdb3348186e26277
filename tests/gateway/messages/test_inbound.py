"""Inbound texts that could not be stored come again and arrive once, whole."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.directory import Directory, Location, Number, Organization, Person
from gateway.messages.events import MessageReceived
from gateway.messages.inbound import Inbound
from gateway.messages.intents import DeleteInboundSegment, InsertInboundSegment, InsertMessage
from gateway.messages.ledger import Ledger
from gateway.messages.model import Message
from gateway.messages.receipts import Receipts
from gateway.messages.senders import Senders
from gateway.messages.settings import MessagesSettings
from gateway.messages.store import MessageStore
from gateway.policy.optout import OptOutList
from gateway.policy.settings import BusinessTextingSettings
from gateway.registry import Registry
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, DatabaseBusy, MigrationBranch
from gateway.runtime.ids import IdSource
from gateway.runtime.metrics import Metrics
from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import DeliverSm
from gateway.smpp.segment import Part, read_part, segment_text

TN, HANDSET = "+12025550100", "13105550120"
ROK, AGAIN = CommandStatus.ROK, CommandStatus.RX_T_APPN
LONG = " ".join(f"word {number}" for number in range(50))


def pdus(text: str = LONG, reference: int = 5) -> list[DeliverSm]:
    return [
        DeliverSm(
            source_addr=HANDSET,
            source_addr_ton=1,
            destination_addr=TN[1:],
            dest_addr_ton=1,
            esm_class=segment.esm_class,
            data_coding=segment.data_coding,
            short_message=segment.short_message,
        )
        for segment in segment_text(text, reference)
    ]


def parts(text: str = LONG) -> list[Part]:
    return [
        read_part(f"+{HANDSET}", TN, pdu.short_message, esm_class=pdu.esm_class, data_coding=pdu.data_coding)
        for pdu in pdus(text)
    ]


class Heard:
    """What follows from a text: how it ended."""

    intents: tuple[Any, ...] = ()

    def __init__(self, ends: list[str]) -> None:
        self._ends = ends

    def settle(self) -> None:
        self._ends.append("settled")

    def abandon(self) -> None:
        self._ends.append("abandoned")


class Bench:
    """Alice's inbound side over a database in the test's hands, in a frozen world."""

    def __init__(self, database: Any) -> None:
        alice = Person("alice", "acme", "l", "Alice", number=TN)
        directory = Directory(
            [Organization("acme", "Acme Dental"), Location("l", "acme", "L"), Number(TN, "acme", "l"), alice]
        )
        rules = BusinessTextingSettings()
        self.desk = database
        self.clock = WorldClock(0, frozen=True)
        self.metrics, bus = Metrics(process=False), Bus()
        self.told: list[MessageReceived] = []
        bus.listen(MessageReceived, self.told.append)
        ledger = Ledger(database, bus, self.clock, self.metrics)
        ids = IdSource()
        pipeline = rules.pipeline(lambda _verdict: None)
        senders = Senders(
            directory, Registry(), OptOutList(), rules.spam_block(), pipeline.terms, lambda _carrier: None
        )
        messages = MessagesSettings()
        self.inbound = Inbound(
            senders=senders,
            pipeline=pipeline,
            ledger=ledger,
            receipts=Receipts(ledger, messages, ids, self.metrics),
            settings=messages,
            ids=ids,
            metrics=self.metrics,
        )
        self.ends: list[str] = []
        self.inbound.listen(self._listen)
        self.answers: list[int] = []

    def _listen(self, _message: Message) -> Heard:
        return Heard(self.ends)

    def deliver(self, *pdus: DeliverSm) -> None:
        for pdu in pdus:
            self.inbound.on_deliver("tmobile", pdu, self.answers.append)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.desk.of(InsertMessage)]


@pytest.fixture
def bench(desk: Any) -> Bench:
    return Bench(desk)


async def test_a_text_that_could_not_be_stored_arrives_when_it_comes_again(bench: Bench) -> None:
    for _ in range(2):
        bench.deliver(*pdus("short"))
        await bench.desk.settle(DatabaseBusy())
    bench.deliver(*pdus("short"))
    await bench.desk.settle()
    assert bench.answers == [AGAIN, AGAIN, ROK]
    assert bench.texts == ["short"]
    assert bench.ends == ["abandoned", "abandoned", "settled"]
    assert len(bench.told) == 1


@pytest.mark.parametrize("stored", [0, 1, 2])
async def test_a_long_text_arrives_whichever_of_its_segments_could_not_be_stored(
    bench: Bench, stored: int
) -> None:
    segments = pdus()
    assert len(segments) == 3
    bench.deliver(*segments)
    await bench.desk.settle(only=stored)
    await bench.desk.settle(DatabaseBusy())
    assert bench.answers == [ROK] * stored + [AGAIN] * (3 - stored)
    bench.deliver(*segments[stored:])
    await bench.desk.settle_all()
    assert bench.answers[3:] == [ROK] * (3 - stored)
    assert bench.texts == [LONG]
    assert len(bench.told) == 1
    # Each row that was stored is deleted with the text: no restart takes up half of it.
    rows = {row.id for row in bench.desk.of(InsertInboundSegment)}
    assert rows <= {row.id for row in bench.desk.of(DeleteInboundSegment)}


async def test_a_segment_that_comes_twice_is_stored_once_and_answered_like_the_first(bench: Bench) -> None:
    first, second, third = pdus()
    bench.deliver(first, first)
    assert len(bench.desk.waiting) == 1
    await bench.desk.settle()
    bench.deliver(first)
    await bench.desk.turns()
    assert bench.answers == [ROK, ROK, ROK]
    bench.deliver(second, third, third, second)
    assert len(bench.answers) == 3
    await bench.desk.settle(only=1)
    await bench.desk.settle(DatabaseBusy())
    assert bench.answers[3:] == [ROK, AGAIN, AGAIN, AGAIN]
    bench.deliver(third)
    await bench.desk.settle()
    bench.deliver(first, second, third)
    await bench.desk.turns()
    assert bench.answers[7:] == [ROK] * 4
    assert bench.desk.waiting == []
    assert (bench.texts, len(bench.desk.of(InsertInboundSegment))) == ([LONG], 2)


async def test_a_text_that_is_not_even_taken_arrives_when_it_comes_again(bench: Bench) -> None:
    first, second, third = pdus()
    bench.desk.overloaded = True
    bench.deliver(first, *pdus("short"))
    bench.desk.overloaded = False
    bench.deliver(first, second)
    await bench.desk.settle()
    bench.desk.overloaded = True
    bench.deliver(third)
    bench.desk.overloaded = False
    bench.deliver(third)
    await bench.desk.settle()
    assert bench.answers == [AGAIN, AGAIN, ROK, ROK, AGAIN, ROK]
    assert bench.texts == [LONG]


async def test_what_never_became_whole_is_shown_however_long_storing_takes(bench: Bench) -> None:
    bench.deliver(pdus()[0])
    await bench.desk.settle()
    bench.clock.advance(4000)
    await bench.desk.settle(DatabaseBusy())
    assert bench.told == []
    await bench.desk.settle_all()
    [text] = bench.texts
    assert LONG.startswith(text)
    assert bench.ends == ["settled"]
    [row] = bench.desk.of(InsertInboundSegment)
    assert bench.desk.of(DeleteInboundSegment) == [DeleteInboundSegment(row.id)]


async def test_a_restart_completes_a_text_whose_segments_are_all_there_and_drops_doubles(
    bench: Bench,
) -> None:
    first, second, third = parts()
    for row_id, part in ((1, first), (2, second), (3, second), (4, third)):
        bench.inbound.resume(row_id, "tmobile", part, 0)
    await bench.desk.settle_all()
    assert bench.texts == [LONG]
    assert {row.id for row in bench.desk.of(DeleteInboundSegment)} == {1, 2, 3, 4}
    bench.clock.advance(4000)
    assert bench.desk.waiting == []


async def test_after_a_restart_the_rest_of_a_text_makes_it_whole_though_storing_failed(bench: Bench) -> None:
    first, second, _ = parts()
    bench.inbound.resume(1, "tmobile", first, 0)
    bench.inbound.resume(2, "tmobile", second, 0)
    for error in (DatabaseBusy(), None):
        bench.deliver(pdus()[2])
        await bench.desk.settle(error)
    assert (bench.answers, bench.texts) == ([AGAIN, ROK], [LONG])


STEPS = st.lists(st.sampled_from(["0", "1", "2", "store", "fail"]), max_size=25)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_whatever_fails_a_long_text_arrives_once(desk_kind: Any, steps: list[str]) -> None:
    asyncio.run(_play(Bench(desk_kind()), steps))


async def _play(bench: Bench, steps: list[str]) -> None:
    """A carrier sends three segments, each again until it hears ROK, at times before it hears anything."""
    segments = dict(zip("012", pdus(), strict=True))
    answers: dict[str, list[int]] = {part: [] for part in segments}

    def send(part: str) -> None:
        bench.inbound.on_deliver("tmobile", segments[part], answers[part].append)

    for step in steps:
        if step in segments:
            send(step)
        else:
            await bench.desk.settle(DatabaseBusy() if step == "fail" else None, only=1)
    while not all(ROK in heard for heard in answers.values()):
        for part, heard in answers.items():
            if ROK not in heard:
                send(part)
        await bench.desk.settle_all()
    await bench.desk.settle_all()
    assert bench.texts == [LONG]
    assert len(bench.told) == 1
    rows = {row.id for row in bench.desk.of(InsertInboundSegment)}
    assert rows <= {row.id for row in bench.desk.of(DeleteInboundSegment)}


async def test_a_locked_file_costs_no_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.runtime.sqlite.BUSY_TIMEOUT_S", 0.02)
    path = tmp_path / "gateway.db"
    branches = [MigrationBranch.of("gateway.messages")]
    async with await Database.open(f"sqlite:///{path}", branches=branches) as database:
        bench = Bench(database)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        segments = pdus()
        bench.deliver(*segments)
        with pytest.raises(DatabaseBusy):
            await database.flush()
        assert bench.answers == [AGAIN] * 3
        other.execute("ROLLBACK")
        other.close()
        bench.deliver(*segments)
        await database.flush()
        assert bench.answers[3:] == [ROK] * 3
        [event] = bench.told
        store = MessageStore(database)
        stored = await store.get(event.current.id)
        assert stored is not None
        assert stored.text == LONG
        assert await store.partial_inbound() == []
