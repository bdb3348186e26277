"""STOP, START and HELP change the durable list once, and the answer names the business alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.directory import Directory, Location, Number, Organization, Person
from gateway.policy.consent import Consent
from gateway.policy.optout import OptOut, OptOutScope, RecipientOptedIn, RecipientOptedOut
from gateway.policy.settings import BusinessTextingSettings
from gateway.registry import Brand, Campaign, Registry
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database, DatabaseBusy, DatabaseClosed, MigrationBranch, migrate

TN, SECOND, HANDSET = "+12025550100", "+12025550101", "+13105550120"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/world.db"
    migrate(url, [MigrationBranch.of("gateway.policy")])
    opened = await Database.open(url)
    yield opened
    await opened.close()


def consent(database: Database, bus: Bus | None = None, **settings: object) -> Consent:
    directory = Directory([Organization("acme", "Acme Dental"), Location("l", "acme", "L")])
    for number in (TN, SECOND):
        directory.put(Number(number, "acme", "l", authorized=True))
    directory.put(Person("alice", "acme", "l", "Alice", "Archer", number=TN))
    registry = Registry()
    registry.put_brand(Brand("b", "acme", "Acme"))
    registry.put_campaign(Campaign("c", "b", "UCAAS_LOW"))
    registry.assign(TN, "c")
    registry.assign(SECOND, "c")
    return Consent(
        BusinessTextingSettings.model_validate({"opt_out": settings}),
        directory=directory,
        registry=registry,
        database=database,
        bus=bus or Bus(),
        now_ns=lambda: 7,
    )


async def say(kept: Consent, body: str, number: str = TN) -> str | None:
    keyword = kept.classify(body)
    assert keyword is not None
    heard = kept.hear(keyword, HANDSET, number)
    if heard.intents:
        await kept._database.write(*heard.intents)
    return heard.settle()


async def restarted(database: Database, **settings: object) -> Consent:
    again = consent(database, **settings)
    await again.load()
    return again


async def test_stop_then_start(database: Database) -> None:
    bus, told = Bus(), []
    kept = consent(database, bus)
    bus.listen(RecipientOptedOut, told.append)
    bus.listen(RecipientOptedIn, told.append)
    reply = await say(kept, "Stop")
    assert reply is not None
    assert reply.startswith("Acme Dental")
    assert "Alice" not in reply
    assert kept.opt_outs.contains(HANDSET, TN)
    assert (await restarted(database)).opt_outs.contains(HANDSET, TN)
    assert await say(kept, "STOP") is None
    assert await say(kept, "START") is not None
    assert len((await restarted(database)).opt_outs) == 0
    assert await say(kept, "START") is None
    assert [type(event) for event in told] == [RecipientOptedOut, RecipientOptedIn]


async def test_help_is_answered_and_other_texts_are_not_keywords(database: Database) -> None:
    kept = consent(database)
    assert await say(kept, "AIDE") is not None
    assert kept.classify("Stop please") is None
    assert len(kept.opt_outs) == 0


async def test_replies_can_be_switched_off(database: Database) -> None:
    kept = consent(database, replies=False)
    assert await say(kept, "STOP") is None
    assert kept.opt_outs.contains(HANDSET, TN)


@pytest.mark.parametrize(
    ("scope", "key", "both"), [("number", TN, False), ("campaign", "c", True), ("brand", "b", True)]
)
async def test_the_reach_of_a_stop(database: Database, scope: str, key: str, both: bool) -> None:
    kept = consent(database, scope=scope)
    await say(kept, "STOP")
    (entry,) = kept.opt_outs
    assert (entry.scope, entry.scope_key) == (OptOutScope(scope), key)
    assert kept.organization_of(entry) == "acme"
    assert kept.opt_outs.contains_any(HANDSET, (SECOND, "c", "b")) is both


async def test_filters_hear_of_opt_outs(database: Database) -> None:
    heard: list[tuple[str, int]] = []
    kept = consent(database)
    kept._on_opt_out = lambda number, now_ns: heard.append((number, now_ns))
    await say(kept, "STOP")
    await kept.opt_out(HANDSET, TN)
    await kept.opt_out("+13105550121", TN)
    assert heard == [(TN, 7), (TN, 7)]


async def test_a_failed_write_never_texts_anybody_unasked(database: Database) -> None:
    kept = consent(database)
    await say(kept, "STOP")
    await database.close()
    with pytest.raises(DatabaseClosed):
        await say(kept, "START")
    assert kept.opt_outs.contains(HANDSET, TN)
    with pytest.raises(DatabaseClosed):
        await say(kept, "STOP", SECOND)
    assert kept.opt_outs.contains(HANDSET, SECOND)


@pytest.mark.parametrize("order", ["lost, stored", "stored, lost", "stored, stored"])
async def test_a_stop_said_twice_before_it_is_stored_holds_whichever_of_both_is(
    database: Database, order: str
) -> None:
    bus, told = Bus(), []
    kept = consent(database, bus)
    bus.listen(RecipientOptedOut, told.append)
    keyword = kept.classify("STOP")
    assert keyword is not None
    replies = []
    for heard, end in [(kept.hear(keyword, HANDSET, TN), end) for end in order.split(", ")]:
        if end == "lost":
            heard.abandon()
        else:
            await database.write(*heard.intents)
            replies.append(heard.settle())
        assert kept.opt_outs.contains(HANDSET, TN)
    assert len(told) == sum(reply is not None for reply in replies) == 1
    assert (await restarted(database)).opt_outs.contains(HANDSET, TN)


async def test_a_stop_of_which_nothing_was_stored_never_came(database: Database) -> None:
    kept = consent(database)
    keyword = kept.classify("STOP")
    assert keyword is not None
    for heard in [kept.hear(keyword, HANDSET, TN) for _ in range(2)]:
        assert kept.opt_outs.contains(HANDSET, TN)
        heard.abandon()
    assert not kept.opt_outs.contains(HANDSET, TN)
    assert await say(kept, "STOP") is not None


async def test_an_opt_out_that_an_administrator_asked_for_in_vain_can_be_asked_for_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_intents: object) -> None:
        raise DatabaseBusy

    kept = consent(database)
    with monkeypatch.context() as patch:
        patch.setattr(database, "write", busy)
        with pytest.raises(DatabaseBusy):
            await kept.opt_out(HANDSET, TN)
    await kept.opt_out(HANDSET, TN)
    assert (await restarted(database)).opt_outs.contains(HANDSET, TN)


async def test_strangers_opt_outs_are_nobodys(database: Database) -> None:
    kept = consent(database)
    assert kept.organization_of(OptOut(HANDSET, OptOutScope.NUMBER, "+12025550190", 0, "keyword")) is None
    assert kept.organization_of(OptOut(HANDSET, OptOutScope.BRAND, "x", 0, "keyword")) is None


async def test_spam_block_is_kept(database: Database) -> None:
    kept = consent(database)
    for reporter in "abc":
        await kept.report(TN, reporter)
    assert (await restarted(database)).spam_block.is_blocked(TN)
    assert await kept.lift(TN)
    assert not await kept.lift(TN)
    assert not (await restarted(database)).spam_block.is_blocked(TN)


async def test_a_start_takes_effect_only_once_it_is_durable_and_a_failed_stop_never(
    database: Database,
) -> None:
    kept = consent(database)
    stop, start = kept.classify("STOP"), kept.classify("START")
    assert stop is not None
    assert start is not None
    heard = kept.hear(stop, HANDSET, TN)
    assert kept.opt_outs.contains(HANDSET, TN)
    heard.abandon()
    assert not kept.opt_outs.contains(HANDSET, TN)
    assert len(kept.hear(stop, HANDSET, TN).intents) == 1
    heard = kept.hear(start, HANDSET, TN)
    assert kept.opt_outs.contains(HANDSET, TN)
    heard.abandon()
    assert kept.opt_outs.contains(HANDSET, TN)
    assert heard.settle() is not None
    assert not kept.opt_outs.contains(HANDSET, TN)
