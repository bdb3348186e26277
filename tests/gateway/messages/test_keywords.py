"""A keyword that reached a person is carried out and answered from the number that was written to."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.directory import Directory, Location, Number, Organization, Person
from gateway.messages.intake import OutboundText
from gateway.messages.keywords import Keywords
from gateway.messages.model import Direction, Message, State
from gateway.policy.consent import Consent
from gateway.policy.settings import BusinessTextingSettings
from gateway.registry import Registry
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database, MigrationBranch, migrate

TN, HANDSET = "+12025550100", "+13105550120"


class Outbox:
    """What intake was asked to send."""

    def __init__(self) -> None:
        self.sent: list[OutboundText] = []

    async def accept(self, request: OutboundText) -> None:
        self.sent.append(request)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/world.db"
    migrate(url, [MigrationBranch.of("gateway.policy")])
    opened = await Database.open(url)
    yield opened
    await opened.close()


def inbound(text: str) -> Message:
    times = (0, 0, 0, 0)
    head = (1, Direction.INBOUND, State.RECEIVED, HANDSET, TN, text, "gsm7", 1, "tmobile")
    return Message(*head, *times, "acme", "alice")


async def test_stop_is_confirmed_from_the_number_it_was_sent_to(database: Database) -> None:
    alice = Person("alice", "acme", "l", "Alice", number=TN)
    directory = Directory(
        [Organization("acme", "Acme Dental"), Location("l", "acme", "L"), Number(TN, "acme", "l"), alice]
    )
    consent = Consent(
        BusinessTextingSettings(),
        directory=directory,
        registry=Registry(),
        database=database,
        bus=Bus(),
        now_ns=lambda: 7,
    )
    outbox, tasks = Outbox(), []

    def spawn(work: Coroutine[Any, Any, None], _name: str) -> None:
        tasks.append(asyncio.ensure_future(work))

    keywords = Keywords(consent, outbox, directory, spawn)  # type: ignore[arg-type]
    assert keywords(inbound("Thank you")) is None
    for text, changes in (("STOP", 1), ("stop", 0)):
        heard = keywords(inbound(text))
        assert heard is not None
        assert len(heard.intents) == changes
        heard.settle()
        await asyncio.gather(*tasks)
    assert len(tasks) == 1
    (confirmation,) = outbox.sent
    assert (confirmation.destination, confirmation.source, confirmation.person) == (HANDSET, TN, alice)
    assert confirmation.opt_out_exempt
    assert confirmation.body.startswith("Acme Dental")
    assert consent.opt_outs.contains(HANDSET, TN)
