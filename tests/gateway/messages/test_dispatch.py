"""Texts on their way out: taken back durably, or still going where that cannot be stored."""

import asyncio
from typing import Any

import pytest

from gateway.esme.pool import CarrierPool
from gateway.esme.settings import CarrierLinkSettings
from gateway.messages.dispatch import Dispatch
from gateway.messages.model import Direction, Message, State
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import DatabaseFull

SECOND_NS = 1_000_000_000


def text(message_id: int, release_ns: int = SECOND_NS) -> Message:
    return Message(
        id=message_id,
        direction=Direction.OUTBOUND,
        state=State.ACCEPTED,
        source="+12025550100",
        destination="+13105550125",
        text="hello",
        encoding="gsm7",
        segments=1,
        person_id="alice",
        organization_id="acme-dental",
        carrier="tmobile",
        created_ns=0,
        updated_ns=0,
        release_ns=release_ns,
        expires_ns=100 * SECOND_NS,
        reference=1,
    )


class Book:
    """A ledger whose writes become durable when the test says so."""

    def __init__(self, clock: WorldClock) -> None:
        self.clock = clock
        self.finished: list[tuple[int, State, str | None]] = []
        self.durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.full = False

    def queued(self, message_id: int) -> None:
        pass

    def finish(
        self, message_id: int, carrier: str, state: State, *, code: str | None = None
    ) -> asyncio.Future[None]:
        if self.full:
            raise DatabaseFull
        self.finished.append((message_id, state, code))
        return self.durable


class Bench:
    """Dispatch in a frozen world, without binds: all that happens here happens before the release."""

    def __init__(self) -> None:
        self.book = Book(WorldClock(0, frozen=True))
        self.refunds: list[object] = []
        ledger: Any = self.book
        nobody: Any = None
        self.pool = CarrierPool("tmobile", CarrierLinkSettings(system_id="gateway"))
        self.dispatch = Dispatch(
            outlets={"tmobile": self.pool},
            terms_of=nobody,
            ledger=ledger,
            receipts=nobody,
            refund=lambda reservation, _now_ns: self.refunds.append(reservation),
        )


async def test_a_text_is_taken_back_once_that_is_durable() -> None:
    bench = Bench()
    bench.dispatch.take(text(7), "room")
    cancelling = asyncio.ensure_future(bench.dispatch.cancel(7))
    await asyncio.sleep(0)
    assert bench.book.finished == [(7, State.DELETED, "cancelled")]
    assert not cancelling.done()
    assert not await bench.dispatch.cancel(7)  # it is being taken back already
    bench.book.durable.set_result(None)
    assert await cancelling
    assert bench.refunds == ["room"]


async def test_what_cannot_be_stored_as_taken_back_still_waits() -> None:
    bench = Bench()
    bench.dispatch.take(text(7), "room")
    cancelling = asyncio.ensure_future(bench.dispatch.cancel(7))
    await asyncio.sleep(0)
    bench.book.durable.set_exception(DatabaseFull())
    with pytest.raises(DatabaseFull):
        await cancelling
    assert 7 in bench.dispatch._later
    bench.book.full = True
    with pytest.raises(DatabaseFull):
        await bench.dispatch.cancel(7)
    assert 7 in bench.dispatch._later
    assert bench.refunds == ["room"]
