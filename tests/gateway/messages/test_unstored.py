"""What nobody says again is handed over until the database has it, once."""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.messages.intents import (
    InsertMessage,
    InsertSegment,
    MarkFinal,
    MarkQueued,
    MarkReceipt,
    MarkSubmitted,
)
from gateway.messages.store import MessageStore
from gateway.messages.unstored import Unstored
from gateway.runtime.database import (
    Database,
    DatabaseBusy,
    DatabaseClosed,
    DatabaseError,
    DatabaseFull,
    DatabaseUnavailable,
    IntegrityError,
    MigrationBranch,
)

ANSWER = InsertSegment(7, 0, "tmobile", "4f", 1, 0, 10, 20)
SUBMITTED = MarkSubmitted(20, 7)
RECEIPT = MarkReceipt("DELIVRD", "000", 30, b"id:4f", 7, 0)
FINAL = MarkFinal("delivered", 30, None, None, 7)


@pytest.mark.parametrize("error", [DatabaseBusy(), DatabaseUnavailable(), DatabaseFull(), DatabaseError()])
async def test_a_unit_is_handed_over_until_it_is_stored(desk: Any, error: DatabaseError) -> None:
    unstored, told = Unstored(desk), []
    unstored.write(7, (FINAL,), lambda: told.append(7))
    for _ in range(3):
        await desk.settle(error)
        assert (told, len(unstored)) == ([], 1)
    await desk.settle()
    assert (told, desk.stored, len(unstored), desk.waiting) == ([7], [FINAL], 0, [])


async def test_an_answer_that_nobody_waited_for_is_handed_over_again(desk: Any) -> None:
    unstored = Unstored(desk)
    desk.write_soon(ANSWER, SUBMITTED)
    desk.write_soon(MarkQueued(5, 8))
    await desk.settle(DatabaseBusy())
    assert len(unstored) == 2
    await desk.settle_all()
    assert desk.stored == [ANSWER, SUBMITTED, MarkQueued(5, 8)]
    assert len(unstored) == 0


async def test_others_units_are_none_of_its_business(desk: Any) -> None:
    unstored = Unstored(desk)
    desk.write_soon(FINAL)
    desk.write_soon()
    await desk.settle(DatabaseBusy())
    assert len(unstored) == 0


async def test_what_is_not_even_taken_is_handed_over_later(desk: Any) -> None:
    unstored, told = Unstored(desk), []
    desk.overloaded = True
    unstored.write(7, (FINAL,), lambda: told.append(7))
    await desk.turns()
    assert len(unstored) == 1
    desk.overloaded = False
    await desk.turns()
    await desk.settle_all()
    assert told == [7]


async def test_a_receipt_stored_before_its_segment_is_marked_again_with_it(desk: Any) -> None:
    unstored = Unstored(desk)
    desk.write_soon(ANSWER, SUBMITTED)
    await desk.settle(DatabaseBusy())
    unstored.amend(RECEIPT._replace(part=1))  # of another segment
    unstored.amend(RECEIPT)  # the segment is with the database, which may store it without
    await desk.settle_all()
    assert desk.stored == [ANSWER, SUBMITTED, RECEIPT]


async def test_an_outcome_stored_before_its_segment_marks_the_receipt_again(desk: Any) -> None:
    unstored = Unstored(desk)
    desk.write_soon(ANSWER, SUBMITTED)
    unstored.write(7, (RECEIPT, FINAL))
    await desk.settle(DatabaseBusy(), only=1)
    await desk.settle(only=1)  # the outcome
    await desk.settle_all()
    assert [type(one) for one in desk.stored][-1] is MarkReceipt
    assert desk.of(InsertSegment) == [ANSWER]


async def test_a_row_that_a_lost_commit_left_behind_does_not_keep_the_rest_from_being_stored(
    desk: Any,
) -> None:
    unstored = Unstored(desk)
    desk.write_soon(ANSWER, SUBMITTED)
    await desk.settle(DatabaseUnavailable())
    unstored.amend(RECEIPT)
    await desk.settle(IntegrityError())
    await desk.settle_all()
    assert desk.stored == [SUBMITTED, RECEIPT]


async def test_what_cannot_be_stored_at_all_is_given_up(desk: Any) -> None:
    unstored, told = Unstored(desk), []
    unstored.write(7, (FINAL,), lambda: told.append(7))
    await desk.settle(IntegrityError())
    unstored.write(8, (FINAL,), lambda: told.append(8))
    await desk.settle(DatabaseBusy())
    await desk.settle(IntegrityError())
    assert (told, len(unstored), desk.waiting) == ([], 0, [])


async def test_a_closed_database_ends_it(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_intents: Any) -> None:
        raise DatabaseClosed

    unstored = Unstored(desk)
    desk.write_soon(ANSWER, SUBMITTED)
    monkeypatch.setattr(desk, "write", closed)
    await desk.settle(DatabaseBusy())
    assert len(unstored) == 0


async def test_many_texts_go_in_rounds(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.messages.unstored.ROUND", 10)
    unstored = Unstored(desk)
    told: list[int] = []
    for number in range(25):
        unstored.write(number, (FINAL._replace(message_id=number),), partial(told.append, number))
    await desk.settle(DatabaseBusy())
    assert len(desk.waiting) == 10
    await desk.settle_all()
    assert sorted(told) == list(range(25))


async def test_an_answer_that_came_while_the_file_was_locked_is_stored_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.runtime.sqlite.BUSY_TIMEOUT_S", 0.02)
    monkeypatch.setattr("gateway.messages.unstored.RETRY_S", 0.02)
    path = tmp_path / "gateway.db"
    branches = [MigrationBranch.of("gateway.messages")]
    text = ("outbound", "accepted", "+12025550100", "+13105550125", "hello", "gsm7", 1, "tmobile")
    async with await Database.open(f"sqlite:///{path}", branches=branches) as database:
        unstored, store, stored = Unstored(database), MessageStore(database), asyncio.Event()
        await database.write(InsertMessage(7, *text, *(0,) * 4, None, None, 1, *(None,) * 4))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        database.write_soon(ANSWER, SUBMITTED)
        unstored.write(7, (RECEIPT, FINAL), stored.set)
        with pytest.raises(DatabaseBusy):
            await database.flush()
        other.execute("ROLLBACK")
        other.close()
        async with asyncio.timeout(30):
            await stored.wait()
            while len(unstored):  # noqa: ASYNC110 - it tells nobody that it has nothing left
                await asyncio.sleep(0.01)
        message, [segment] = await store.get(7), await store.segments_of(7)
        assert message is not None
        assert (message.state, segment.smsc_id, segment.receipt_state) == ("delivered", "4f", "DELIVRD")
