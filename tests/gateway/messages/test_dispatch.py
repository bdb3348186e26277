"""Texts on their way out: taken back durably, or still going where that cannot be stored."""

import asyncio
from typing import Any

import pytest

from gateway.esme.pool import OnLost, OnSetbacks
from gateway.esme.submission import Setback, Submission, Trouble
from gateway.messages.dispatch import MAX_SETBACKS, Dispatch
from gateway.messages.intents import InsertSetback
from gateway.messages.model import Direction, Message, State
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import DatabaseFull
from gateway.smpp.segment import Concatenation

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


class Terms:
    concatenation, packed = Concatenation.UDH8, False


class Outlet:
    """A carrier that is bound, and takes everything without a word."""

    bound = True

    def __init__(self) -> None:
        self.on_lost: OnLost | None = None
        self.on_setbacks: OnSetbacks | None = None
        self.taken: list[Submission] = []

    def submit(self, pdu: Any, pair: Any, on_results: Any, context: Any) -> Submission:
        self.taken.append(Submission(pdu, pair, on_results, context))
        return self.taken[-1]

    def withdraw(self, submission: Submission) -> bool:
        self.taken.remove(submission)
        return True


class Forgetful:
    def forget(self, message_id: int) -> None:
        pass


class Book:
    """A ledger whose writes become durable when the test says so."""

    def __init__(self, clock: WorldClock) -> None:
        self.clock = clock
        self.finished: list[tuple[int, State, str | None]] = []
        self.written: list[Any] = []
        self.database = self
        self.durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.full = False

    def queued(self, message_id: int) -> None:
        pass

    def write_soon(self, *intents: Any) -> None:
        self.written += intents

    def note(self, message_id: int, *intents: Any) -> None:
        self.written += intents

    def outcome(
        self,
        message_id: int,
        carrier: str,
        state: State,
        *,
        code: str | None = None,
        blocked_by: str | None = None,
    ) -> tuple[int, State, str | None]:
        return message_id, state, code

    def finish(self, outcome: tuple[int, State, str | None]) -> asyncio.Future[None]:
        if self.full:
            raise DatabaseFull
        self.finished.append(outcome)
        return self.durable

    def finish_soon(self, outcome: tuple[int, State, str | None]) -> None:
        self.finished.append(outcome)


class Bench:
    """Dispatch in a frozen world."""

    def __init__(self) -> None:
        self.clock = WorldClock(0, frozen=True)
        self.book = Book(self.clock)
        self.outlet = Outlet()
        self.refunds: list[object] = []
        ledger: Any = self.book
        outlet: Any = self.outlet
        receipts: Any = Forgetful()
        self.dispatch = Dispatch(
            outlets={"tmobile": outlet},
            terms_of=lambda _carrier: Terms(),
            ledger=ledger,
            receipts=receipts,
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


async def test_what_was_lost_with_its_bind_goes_again_until_its_validity_is_over() -> None:
    bench = Bench()
    bench.dispatch.take(text(7, release_ns=0), "room")
    bench.dispatch.take(text(8, release_ns=0))
    [submission, other] = bench.outlet.taken
    assert bench.outlet.on_lost is not None
    bench.outlet.on_lost([submission.context])
    bench.clock.advance(99)
    assert bench.book.finished == []
    bench.clock.advance(2)
    assert bench.book.finished == [(7, State.EXPIRED, "validity_expired")]
    assert bench.outlet.taken == [other]
    assert bench.refunds == ["room"]


async def test_what_settled_nothing_is_noted_for_the_story_within_bounds() -> None:
    bench = Bench()
    bench.dispatch.take(text(7, release_ns=0))
    [submission] = bench.outlet.taken
    throttled = Setback(Trouble.REFUSED, "tmobile-1", 12, 0x58)
    assert bench.outlet.on_setbacks is not None
    bench.outlet.on_setbacks([(submission.context, throttled)])
    [noted] = bench.book.written
    assert noted == InsertSetback(7, 0, "tmobile", "tmobile-1", "submit_sm_resp", 12, 0x58, 0)
    bench.outlet.on_setbacks([(submission.context, throttled)] * (MAX_SETBACKS + 5))
    assert len(bench.book.written) == MAX_SETBACKS
