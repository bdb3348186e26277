"""Receipts that could not be stored come again, and the text reaches its end, told once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.messages.correlation import Awaited
from gateway.messages.events import MessageDelivered, MessageEvent, MessageFailed, MessageSubmitted
from gateway.messages.intents import (
    DeleteOrphanReceipt,
    InsertOrphanReceipt,
    InsertSegment,
    MarkFinal,
    MarkReceipt,
    MarkSubmitted,
)
from gateway.messages.ledger import Ledger
from gateway.messages.model import Direction, Message, State
from gateway.messages.receipts import Receipts
from gateway.messages.settings import MessagesSettings
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import DatabaseBusy, DatabaseOverloaded
from gateway.runtime.ids import IdSource
from gateway.runtime.metrics import Metrics
from gateway.smpp.constants import CommandStatus
from gateway.smpp.pdu import DeliverSm

ALICE, PLAIN = "+12025550100", "13105550125"
ROK, AGAIN = CommandStatus.ROK, CommandStatus.RX_T_APPN
EXPIRES_NS = 100_000_000_000


def text(message_id: int, segments: int = 1) -> Message:
    head = (message_id, Direction.OUTBOUND, State.ACCEPTED, ALICE, "+" + PLAIN, "hello", "gsm7", segments)
    return Message(*head, "tmobile", 0, 0, EXPIRES_NS, 0, "acme", "alice")


def receipt(smsc_id: str, stat: str = "DELIVRD", error: str = "000") -> DeliverSm:
    dates = "submit date:2611021500 done date:2611021500"
    words = f"id:{smsc_id} sub:001 dlvrd:001 {dates} stat:{stat} err:{error} text:"
    return DeliverSm(
        source_addr=PLAIN, destination_addr="12025550100", esm_class=4, short_message=words.encode()
    )


class Bench:
    """Receipts and ledger over a database in the test's hands, in a frozen world."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.clock = WorldClock(0, frozen=True)
        self.metrics = Metrics(process=False)
        bus = Bus()
        self.told: list[MessageEvent] = []
        for kind in (MessageDelivered, MessageFailed, MessageSubmitted):
            bus.listen(kind, self.told.append)
        self.ledger = Ledger(desk, bus, self.clock, self.metrics)
        self.receipts = Receipts(self.ledger, MessagesSettings(), IdSource(), self.metrics)
        self.refused: list[int] = []
        self.receipts.refused = self.refused.append
        self.answers: list[int] = []

    def submit(self, message_id: int, *smsc_ids: str) -> None:
        """A carrier accepted the segments of a text."""
        self.ledger.accepted([text(message_id, len(smsc_ids))])
        for part, smsc_id in enumerate(smsc_ids):
            self.expect(message_id, part, len(smsc_ids), smsc_id)

    def expect(self, message_id: int, part: int, total: int, smsc_id: str) -> None:
        self.receipts.expect("tmobile", smsc_id, Awaited(message_id, part, total), "+" + PLAIN, EXPIRES_NS)

    def take(self, pdu: DeliverSm) -> None:
        self.receipts.take("tmobile", pdu, self.answers.append)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    @property
    def finals(self) -> list[tuple[int, str]]:
        return [(final.message_id, final.state) for final in self.desk.of(MarkFinal)]

    @property
    def finished(self) -> float:
        labels = {"direction": "outbound", "carrier": "tmobile"}
        return self.counted("gateway_messages_finished_total", state="delivered", **labels)


@pytest.fixture
def bench(desk: Any) -> Bench:
    return Bench(desk)


async def test_a_receipt_that_could_not_be_stored_is_matched_when_it_comes_again(bench: Bench) -> None:
    bench.submit(7, "4f")
    for _ in range(2):
        bench.take(receipt("4f"))
        await bench.desk.settle(DatabaseBusy())
        assert bench.receipts.waiting == 1
        assert (bench.told, bench.finished) == ([], 0)
    bench.take(receipt("4F"))
    assert bench.told == []  # not before it is durable
    await bench.desk.settle()
    assert bench.answers == [AGAIN, AGAIN, ROK]
    assert bench.finals == [(7, "delivered")]
    assert [type(event) for event in bench.told] == [MessageDelivered]
    assert bench.finished == 1
    assert bench.counted("gateway_delivery_latency_seconds_count", carrier="tmobile") == 1
    assert bench.receipts.waiting == 0
    assert bench.desk.of(InsertOrphanReceipt) == []


async def test_a_receipt_that_is_not_even_taken_is_matched_when_it_comes_again(bench: Bench) -> None:
    bench.submit(7, "4f")
    bench.desk.overloaded = True
    for pdu in (receipt("4f"), receipt("99")):
        with pytest.raises(DatabaseOverloaded):
            bench.take(pdu)
    bench.desk.overloaded = False
    bench.take(receipt("4f"))
    await bench.desk.settle()
    assert (bench.answers, bench.finals) == ([ROK], [(7, "delivered")])
    bench.expect(8, 0, 1, "99")
    assert bench.receipts.waiting == 1  # the other left no orphan behind


async def test_a_receipt_sent_again_before_it_was_answered_settles_what_the_first_could_not(
    bench: Bench,
) -> None:
    bench.submit(7, "ff")
    bench.take(receipt("255"))
    bench.take(receipt("255"))  # another bind, another sequence number: unexpected for now
    await bench.desk.settle(DatabaseBusy(), only=1)
    await bench.desk.settle_all()
    assert bench.answers == [AGAIN, ROK]
    assert bench.finals == [(7, "delivered")]
    assert len(bench.desk.of(DeleteOrphanReceipt)) == 1
    assert len(bench.told) == 1
    assert bench.receipts.waiting == 0


async def test_an_orphan_that_could_not_be_stored_is_no_orphan(bench: Bench) -> None:
    bench.take(receipt("4f"))
    await bench.desk.settle(DatabaseBusy())
    bench.submit(7, "4f")
    assert bench.receipts.waiting == 1
    bench.take(receipt("4f"))
    await bench.desk.settle_all()
    assert bench.answers == [AGAIN, ROK]
    assert bench.finals == [(7, "delivered")]
    bench.clock.advance(4000)
    assert bench.counted("gateway_receipts_unexpected_total", carrier="tmobile") == 0


async def test_a_receipt_that_overtook_its_submit_is_stored_however_long_it_takes(bench: Bench) -> None:
    bench.take(receipt("4f", "REJECTD", "041"))
    await bench.desk.settle()
    bench.submit(7, "4f")
    for _ in range(3):
        await bench.desk.settle(DatabaseBusy())
        assert bench.told == []
    await bench.desk.settle_all()
    assert bench.finals == [(7, "rejected")]
    assert [(event.code, event.blocked_by) for event in bench.told] == [("carrier_041", "carrier")]
    assert (len(bench.desk.of(DeleteOrphanReceipt)), bench.refused) == (1, [7])


async def test_a_refusal_gives_back_what_it_took_once_it_is_durable(bench: Bench) -> None:
    bench.submit(7, "4f")
    bench.take(receipt("4f", "REJECTD", "041"))
    await bench.desk.settle(DatabaseBusy())
    assert bench.refused == []
    bench.take(receipt("4f", "REJECTD", "041"))
    await bench.desk.settle()
    assert bench.refused == [7]


async def test_what_was_put_back_is_given_up_in_its_time(bench: Bench) -> None:
    bench.submit(7, "4f")
    bench.take(receipt("4f"))
    await bench.desk.settle(DatabaseBusy())
    bench.clock.advance(8 * 86_400)
    await bench.desk.settle(DatabaseBusy())
    assert bench.told == []
    await bench.desk.settle_all()
    assert bench.finals == [(7, "unknown")]
    assert [(type(event), event.code) for event in bench.told] == [(MessageFailed, "receipt_missing")]


async def test_a_receipt_ends_a_text_whose_submit_could_not_be_stored(bench: Bench) -> None:
    bench.submit(7, "4f")
    answer = InsertSegment(7, 0, "tmobile", "4f", 1, 0, 10, 20)
    bench.ledger.submitted([(7, answer)])
    bench.take(receipt("4f"))
    await bench.desk.settle(DatabaseBusy(), only=1)  # the submit fails, the receipt behind it does not
    await bench.desk.settle(only=1)
    assert bench.answers == [ROK]
    await bench.desk.settle_all()
    assert bench.finals == [(7, "delivered")]
    assert bench.desk.of(InsertSegment) == [answer]
    assert bench.desk.of(MarkSubmitted) == [MarkSubmitted(0, 7)]
    assert bench.desk.stored.index(answer) < len(bench.desk.stored) - 1
    assert type(bench.desk.stored[-1]) is MarkReceipt  # again: its row is there now
    assert [type(event) for event in bench.told] == [MessageSubmitted, MessageDelivered]


async def test_what_happens_while_the_database_takes_nothing_is_noted_later(bench: Bench) -> None:
    bench.desk.overloaded = True
    bench.ledger.submitted([(7, InsertSegment(7, 0, "tmobile", "4f", 1, 0, 10, 20))])
    bench.ledger.note(8, InsertSegment(8, 0, "tmobile", "50", 1, 0, 10, 20))
    bench.ledger.queued(9)
    bench.ledger.finish_soon(bench.ledger.outcome(10, "tmobile", State.EXPIRED, code="validity_expired"))
    bench.desk.overloaded = False
    await bench.desk.turns()
    await bench.desk.settle_all()
    assert len(bench.desk.of(InsertSegment)) == 2
    assert bench.finals == [(10, "expired")]


async def test_a_text_taken_back_is_told_only_once_that_is_durable(bench: Bench) -> None:
    bench.submit(7, "4f")
    outcome = bench.ledger.outcome(7, "tmobile", State.DELETED, code="cancelled")
    failing = bench.ledger.finish(outcome)
    await bench.desk.settle(DatabaseBusy())
    assert isinstance(failing.exception(), DatabaseBusy)
    assert bench.told == []
    await_this = bench.ledger.finish(outcome)
    await bench.desk.settle()
    assert await_this.done()
    assert [event.state for event in bench.told] == [State.DELETED]


STEPS = st.lists(st.sampled_from(["0", "1", "2", "store", "fail"]), max_size=25)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_whatever_fails_a_long_text_ends_once(desk_kind: Callable[[], Any], steps: list[str]) -> None:
    asyncio.run(_play(Bench(desk_kind()), steps))


async def _play(bench: Bench, steps: list[str]) -> None:
    """A carrier tells of three segments, each again until it hears ROK; the database fails now and then."""
    bench.submit(7, "a0", "a1", "a2")
    answers: dict[str, list[int]] = {"0": [], "1": [], "2": []}
    under_way: set[str] = set()

    def tell(part: str) -> None:
        if part in under_way or ROK in answers[part]:
            return
        under_way.add(part)

        def acknowledge(status: int) -> None:
            under_way.remove(part)
            answers[part].append(status)

        bench.receipts.take("tmobile", receipt(f"a{part}"), acknowledge)

    for step in steps:
        if step in answers:
            tell(step)
        else:
            await bench.desk.settle(DatabaseBusy() if step == "fail" else None, only=1)
            assert len(bench.told) == len(bench.finals)
    while not all(ROK in heard for heard in answers.values()):
        for part in answers:
            tell(part)
        await bench.desk.settle_all()
    assert bench.finals == [(7, "delivered")]
    assert len(bench.told) == 1
    assert {mark.part for mark in bench.desk.of(MarkReceipt)} == {0, 1, 2}
    assert (bench.receipts.waiting, bench.receipts._progress) == (0, {})
