"""Connections that end, carriers that fall silent: nobody's text pays for another's fault."""

import asyncio
from typing import Any

import pytest

ALICE, POISON = "+12025550100", "+13105550169"
HEALTHY = [f"+131055570{number:02}" for number in range(60)]
QUICK = 'esme.carriers.tmobile.backoff={"min_s": 0.02, "max_s": 0.05}'
FREE = ("limits.person={}", "limits.number={}", "limits.organization={}", "limits.campaign={}")


async def send_all(world: Any, numbers: list[str]) -> dict[str, str]:
    """The ids of one text to each of these numbers, sent in one request."""
    status, answers = await world.client.post(
        "/v1/messages/bulk", [{"from": ALICE, "to": number, "text": "Hello"} for number in numbers]
    )
    assert status == 200, answers
    return {number: answer["message"]["id"] for number, answer in zip(numbers, answers, strict=True)}


async def ends(world: Any, ids: dict[str, str]) -> dict[str, str]:
    """How each of these texts has ended, by its number."""
    states = {}
    for number, message_id in ids.items():
        states[number] = (await world.client.follow(message_id, 30))["state"]
    return states


async def test_twenty_of_twenty_are_delivered_beside_one_that_ends_the_connection(open_world: Any) -> None:
    async with open_world(*FREE, QUICK, "clock.mode=scaled", "clock.speed=20") as world:
        ids = await send_all(world, [POISON, *HEALTHY[:20]])
        states = await ends(world, ids)
        assert states.pop(POISON) == "unknown"
        assert states == dict.fromkeys(HEALTHY[:20], "delivered")


async def test_a_carrier_that_ends_one_connection_in_ten_texts_loses_next_to_none(open_world: Any) -> None:
    async with open_world(*FREE, QUICK, "clock.mode=scaled", "clock.speed=20") as world:
        faults = {"faults": [{"kind": "disconnect", "rate": 0.1}]}
        assert (await world.client.call("PATCH", "/v1/carriers/tmobile", faults))[0] == 200
        states = await ends(world, await send_all(world, HEALTHY))
        assert [*states.values()].count("delivered") >= 57


@pytest.mark.parametrize("later", [False, True], ids=["while it is bound", "after the bind was given up"])
async def test_texts_sent_to_a_dead_carrier_arrive_once_it_is_healthy(open_world: Any, later: bool) -> None:
    quick = {"request_expiry_s": 0.3, "late_response_wait_s": 0.1, "submit_attempts": 50, "lost_attempts": 50}
    settings = [f"esme.carriers.tmobile.{name}={value}" for name, value in quick.items()]
    async with open_world(*FREE, QUICK, *settings, "clock.mode=scaled", "clock.speed=20") as world:
        assert (await world.client.call("PATCH", "/v1/carriers/tmobile", {"profile": "dead"}))[0] == 200
        ids = await send_all(world, HEALTHY[:5])
        carrier = world.service.carriers.carrier("tmobile")
        pool = world.service.texting.carriers.pool("tmobile")
        async with asyncio.timeout(10):
            while not carrier.silent or (later and pool.bound):  # noqa: ASYNC110 - the state of a mock
                await asyncio.sleep(0.01)
        assert (await world.client.call("PATCH", "/v1/carriers/tmobile", {"profile": "healthy"}))[0] == 200
        assert await ends(world, ids) == dict.fromkeys(HEALTHY[:5], "delivered")
