"""Outbound text rules over HTTP beyond the decision table: overrides, revisions, counting filters, modes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE = "+12025550100"
PLAIN = "+13105550125"
NO_LIMITS = ("limits.number={}", "limits.person={}")
FAST = ("clock.mode=scaled", "clock.speed=50")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(open_shared_world: Any) -> AsyncIterator[Any]:
    async with open_shared_world(*FAST, *NO_LIMITS) as running:
        yield running


async def delivered(client: Any, /, **text: Any) -> dict[str, Any]:
    status, message = await client.post("/v1/messages", {"from": ALICE, "to": PLAIN, "text": "Hello", **text})
    assert status == 202, message
    final: dict[str, Any] = await client.follow(message["id"], 20)
    assert final["state"] == "delivered", final
    return final


async def test_a_person_without_a_number_cannot_text(world: Any) -> None:
    status, refusal = await world.client.post(
        "/v1/messages", {"personId": "frank", "to": PLAIN, "text": "Hello"}
    )
    assert (status, refusal["errors"][0]["code"]) == (403, "no_primary_number")


async def test_a_users_own_setting_wins_over_the_organisations(world: Any) -> None:
    changes = (
        ("/v1/organizations/acme-dental", {"textingEnabled": False}, {"textingEnabled": True}),
        ("/v1/people/alice", {"textingOverride": "on"}, {"textingOverride": "organizationDefault"}),
    )
    for path, change, _ in changes:
        assert (await world.client.call("PATCH", path, change))[0] == 200
    try:
        await delivered(world.client)
    finally:
        for path, _, back in changes:
            await world.client.call("PATCH", path, back)


async def test_in_the_first_revision_texts_leave_from_the_desktop_only(open_world: Any) -> None:
    async with open_world(*FAST, "business_texting.revision=T1") as first:
        text = {"from": ALICE, "to": PLAIN, "text": "Hello"}
        status, refusal = await first.client.post("/v1/messages", {**text, "client": {"kind": "mobile"}})
        assert (status, refusal["errors"][0]["code"], refusal["blockedBy"]) == (
            403,
            "desktop_only",
            "gateway",
        )
        final = await delivered(first.client, client={"kind": "desktop"})
        off = {one["code"] for one in final["verdicts"] if one["outcome"] == "off"}
        # What only later revisions state is not in force.
        assert {"addon_missing", "location_not_cisco_pstn", "number_not_authorized"} <= off


COUNTED = (
    "business_texting.filters.gateway=["
    "{cause: burst, messages: 4, window_seconds: 10},"
    "{cause: volume, recipients: 5, window_seconds: 86400},"
    "{cause: spam, similar: 3, window_seconds: 60},"
    "{cause: spam, opt_out_ratio: 0.2, minimum: 10}]"
)


async def test_filters_that_count_know_burst_volume_and_likeness(open_world: Any) -> None:
    async with open_world("clock.mode=frozen", *NO_LIMITS, COUNTED) as counted:
        words = iter(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "more"])

        async def say(to: str, text: str = "") -> str:
            body = {"from": ALICE, "to": to, "text": text or next(words)}
            status, answer = await counted.client.post("/v1/messages", body)
            return "accepted" if status == 202 else f"{answer['blockedBy']}: {answer['message']}"

        likes = [await say(PLAIN, f"Your code is {number}") for number in range(4)]
        assert likes[:3] == ["accepted"] * 3
        assert "spam: more than 3 similar in 60 s" in likes[3]
        assert "burst: more than 4 messages in 10 s" in await say(PLAIN)
        await counted.client.post("/v1/clock", {"advance": 61})
        spread = []
        for number in range(6):
            spread.append(await say(f"+1310555013{number}"))
            await counted.client.post("/v1/clock", {"advance": 11})
        assert spread[:4] == ["accepted"] * 4
        assert spread[5].startswith("cisco: ")
        assert "volume: more than 5 recipients" in spread[5]


@pytest.mark.parametrize("mode", ["shadow", "off"])
async def test_switched_rules_let_texts_pass(open_world: Any, mode: str) -> None:
    async with open_world(*FAST, f"business_texting.rules={{emoji_not_supported: {mode}}}") as lenient:
        final = await delivered(lenient.client, text="See you 😀")
        (verdict,) = [one for one in final["verdicts"] if one["code"] == "emoji_not_supported"]
        assert (verdict["mode"], verdict["outcome"]) == (mode, "shadowed" if mode == "shadow" else "off")
        shadowed = lenient.metric(
            "gateway_messages_shadowed_total", direction="outbound", code="emoji_not_supported"
        )
        assert shadowed == (1 if mode == "shadow" else 0)
        _, table = await lenient.client.get("/v1/rules")
        modes = {row["mode"] for row in table["items"] if row["code"] == "emoji_not_supported"}
        assert modes == {mode}
