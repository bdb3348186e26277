"""STOP, START and HELP end to end, in three languages; the list is durable, visible and administrable."""

import asyncio
from typing import Any

import pytest

ALICE, CAROL = "+12025550100", "+14165550102"
HANDSET, OTHER = "+12125550126", "+12125550127"
FAST = ("clock.mode=scaled", "clock.speed=50")
LONG_S = 20.0


async def write(world: Any, text: str, source: str = HANDSET, to: str = ALICE) -> None:
    status, answer = await world.client.post(
        "/v1/carriers/att/inbound", {"from": source, "to": to, "text": text}
    )
    assert status == 202, answer


async def outbound(world: Any, to: str = HANDSET, **query: Any) -> list[dict[str, Any]]:
    """The delivered texts to a handset, oldest first."""
    _, page = await world.client.get(
        "/v1/messages", direction="outbound", number=to, state="delivered", **query
    )
    return list(reversed(page["items"]))


async def answers(world: Any, count: int, to: str = HANDSET) -> list[str]:
    """What the handset has been sent, once it is `count` texts."""
    async with asyncio.timeout(LONG_S):
        while len(texts := await outbound(world, to)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # over HTTP one can only ask again
    return [text["text"] for text in texts]


async def try_text(world: Any, to: str = HANDSET, source: str = ALICE) -> str:
    status, answer = await world.client.post("/v1/messages", {"from": source, "to": to, "text": "Hello"})
    if status != 202:
        return str(answer["errors"][0]["code"])
    return str((await world.client.follow(answer["id"], LONG_S))["state"])


async def opt_outs(world: Any) -> list[dict[str, Any]]:
    _, page = await world.client.get("/v1/optOuts")
    return list(page["items"])


async def test_stop_is_confirmed_once_and_start_ends_it(open_world: Any) -> None:
    async with open_world(*FAST) as world:
        assert await try_text(world) == "delivered"
        await write(world, " stop ")
        (_, confirmation) = await answers(world, 2)
        assert confirmation.startswith("Acme Dental: You are unsubscribed")
        assert await try_text(world) == "recipient_opted_out"
        await write(world, "STOP")
        await write(world, "STOP PLEASE")
        await write(world, "HELP")
        (_, _, help_text) = await answers(world, 3)
        assert help_text.startswith("Acme Dental: For help")
        (entry,) = await opt_outs(world)
        assert (entry["recipient"], entry["scope"], entry["scopeKey"]) == (HANDSET, "number", ALICE)
        assert entry["origin"] == "keyword"
        # Another number of the same business, and another recipient, are not concerned.
        assert await try_text(world, source=CAROL) == "delivered"
        assert await try_text(world, to=OTHER) == "delivered"
        await write(world, "START")
        texts = await answers(world, 5)
        assert texts[-1].startswith("Acme Dental: You are subscribed again")
        assert await opt_outs(world) == []
        assert await try_text(world) == "delivered"


async def test_a_stop_is_confirmed_however_many_there_are(open_world: Any) -> None:
    ratio = '{"cause": "spam", "opt_out_ratio": 0.1, "minimum": 1}'
    alike = '{"cause": "spam", "similar": 1}'
    async with open_world(*FAST, f"business_texting.filters.gateway=[{ratio}, {alike}]") as world:
        for handset in (HANDSET, OTHER):
            await write(world, "STOP", source=handset)
            (confirmation,) = await answers(world, 1, to=handset)
            assert confirmation.startswith("Acme Dental: You are unsubscribed")
        assert await try_text(world, to="+12125550125") == "spam_blocked"


async def test_a_text_that_waits_does_not_leave_after_a_stop(open_world: Any) -> None:
    frozen = ("clock.mode=frozen", "clock.start=2026-11-02T15:00:00Z", "limits.person={}")
    slow = 'limits.number={"rate": {"segments": 1, "per": "minute", "burst": 1, "overflow": "queue"}}'
    async with open_world(*frozen, slow) as world:
        ids = []
        for number in range(3):
            body = {"from": ALICE, "to": OTHER if number == 2 else HANDSET, "text": f"Text {number}"}
            ids.append((await world.client.post("/v1/messages", body))[1]["id"])
        await world.client.post("/v1/clock", {"advance": 5})
        await write(world, "STOP")
        assert await world.client.received(LONG_S, number=HANDSET) is not None
        async with asyncio.timeout(LONG_S):
            while len(await outbound(world, HANDSET)) < 2:
                await world.client.post("/v1/clock", {"advance": 10})
        waited, other = [(await world.client.get(f"/v1/messages/{each}"))[1] for each in ids[1:]]
        assert (waited["state"], waited["code"], waited["blockedBy"]) == (
            "rejected",
            "recipient_opted_out",
            "gateway",
        )
        assert other["state"] == "delivered"
        texts = [text["text"] for text in await outbound(world, HANDSET)]
        assert (texts[0], texts[1][:30]) == ("Text 0", "Acme Dental: You are unsubscri")


@pytest.mark.parametrize(
    ("out", "back", "help_word", "says"),
    [
        ("ARRÊT", "DÉBUT", "AIDE", "Acme Dental : désabonnement confirmé"),
        ("arret", "Debut", "aide", "Acme Dental : désabonnement confirmé"),
        ("ALTO", "INICIAR", "AYUDA", "Acme Dental: baja confirmada"),
        ("OPT OUT", "UNSTOP", "INFO", "Acme Dental: You are unsubscribed"),
    ],
)
async def test_keywords_answer_in_their_language(
    open_world: Any, out: str, back: str, help_word: str, says: str
) -> None:
    async with open_world(*FAST) as world:
        await write(world, help_word)
        await answers(world, 1)
        await write(world, out)
        texts = await answers(world, 2)
        assert texts[-1].startswith(says)
        assert await try_text(world) == "recipient_opted_out"
        await write(world, back)
        await answers(world, 3)
        assert await try_text(world) == "delivered"


async def test_a_stop_reaches_as_far_as_the_setting_says(open_world: Any) -> None:
    async with open_world(*FAST, "business_texting.opt_out.scope=brand") as world:
        await write(world, "STOP")
        await answers(world, 1)
        assert await try_text(world, source=CAROL) == "recipient_opted_out"
        (entry,) = await opt_outs(world)
        assert (entry["scope"], entry["scopeKey"]) == ("brand", "acme-dental")


async def test_a_stop_is_stored_with_its_text_and_outlives_a_kill(open_world: Any) -> None:
    async with open_world(kill=True) as world:
        batches: list[list[str]] = []
        write_unit = world.service.world.database.write

        def watched(*intents: Any) -> Any:
            batches.append([type(intent).__name__ for intent in intents])
            return write_unit(*intents)

        world.service.world.database.write = watched
        await write(world, "STOP")
        async with asyncio.timeout(LONG_S):
            while not await opt_outs(world):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await world.client.received(LONG_S, number=HANDSET)
        assert ["InsertMessage", "RecordOptOutChange"] in batches
    async with open_world() as world:
        assert len(await opt_outs(world)) == 1
        assert await try_text(world) == "recipient_opted_out"


async def test_a_failed_write_leaves_neither_text_nor_opt_out_and_the_carrier_sends_again(
    open_world: Any,
) -> None:
    async with open_world(*FAST) as world:
        database = world.service.world.database
        write_unit, failed = database.write, []

        def fail_once(*intents: Any) -> Any:
            future = write_unit() if not failed and len(intents) > 1 else write_unit(*intents)
            if not failed and len(intents) > 1:
                failed.append(intents)
                broken = asyncio.get_running_loop().create_future()
                future.add_done_callback(lambda _: broken.set_exception(OSError("disk full")))
                return broken
            return future

        database.write = fail_once
        await write(world, "STOP")
        await answers(world, 1)
        assert failed
        assert len(await opt_outs(world)) == 1
        _, page = await world.client.get("/v1/messages", direction="inbound", number=HANDSET)
        assert len(page["items"]) == 1


async def test_the_list_is_administrable(open_world: Any) -> None:
    async with open_world(*FAST) as world:
        body = {"recipient": HANDSET, "number": ALICE}
        status, entry = await world.client.post("/v1/optOuts", body)
        assert (status, entry["origin"]) == (201, "administrator")
        assert (await world.client.post("/v1/optOuts", body))[1]["id"] == entry["id"]
        assert await try_text(world) == "recipient_opted_out"
        _, shown = await world.client.get(f"/v1/optOuts/{entry['id']}")
        assert shown == entry
        _, page = await world.client.get("/v1/optOuts", recipient=OTHER)
        assert page["items"] == []
        async with world.as_("demo-alice") as alice:
            assert (await alice.get("/v1/optOuts"))[0] == 403
        assert (await world.client.call("DELETE", f"/v1/optOuts/{entry['id']}"))[0] == 204
        assert (await world.client.get(f"/v1/optOuts/{entry['id']}"))[0] == 404
        assert await try_text(world) == "delivered"
