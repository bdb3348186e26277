"""Receipts that come while another process holds the database end their texts afterwards, each once."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gateway.messages.events import MessageDelivered, MessageEvent, MessageSubmitted

ALICE = "+12025550100"
NUMBERS = [f"+131055570{number:02}" for number in range(20)]
FREE = ("limits.person={}", "limits.number={}", "limits.organization={}", "limits.campaign={}")
BUSY = {"reason": "DatabaseBusy"}
FROZEN = ("clock.mode=frozen", "clock.start=2026-11-02T15:00:00Z")


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not so():  # noqa: ASYNC110 - the state of a whole world
            await asyncio.sleep(0.01)


async def test_receipts_that_came_while_the_database_was_locked_end_their_texts(
    open_world: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.runtime.sqlite.BUSY_TIMEOUT_S", 0.02)
    monkeypatch.setattr("gateway.carriers.mailbox._RETRY_S", 0.02)
    async with open_world(*FREE, *FROZEN, "storage.writer=thread", "carriers.durable=false") as world:
        told: list[MessageEvent] = []
        submitted: list[MessageEvent] = []
        world.service.world.bus.listen(MessageDelivered, told.append)
        world.service.world.bus.listen(MessageSubmitted, submitted.append)
        receipts, carrier = world.service.texting.receipts, world.service.carriers.carrier("tmobile")
        texts = [{"from": ALICE, "to": number, "text": "Hello"} for number in NUMBERS]
        _, answers = await world.client.post("/v1/messages/bulk", texts)
        ids = [answer["message"]["id"] for answer in answers]
        await until(lambda: len(submitted) == len(ids))
        await world.service.world.database.flush()
        other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None, timeout=30)
        other.execute("BEGIN IMMEDIATE")
        await world.client.post("/v1/clock", {"advance": 600})
        await until(lambda: world.metric("gateway_database_failures_total", **BUSY) > 2 * len(ids))
        assert told == []
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: len(told) == len(ids) and carrier.state().waiting == 0)
        states = [(await world.client.get(f"/v1/messages/{each}"))[1]["state"] for each in ids]
        assert Counter(states) == {"delivered": len(ids)}
        assert receipts.waiting == 0
        labels = {"direction": "outbound", "carrier": "tmobile", "state": "delivered"}
        assert world.metric("gateway_messages_finished_total", **labels) == len(ids)
