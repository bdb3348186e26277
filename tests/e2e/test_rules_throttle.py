"""Limits end to end: reject, queue, defer; each scope's refusal; refunds; changes while running; metrics."""

import asyncio
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from gateway.messages.admission import LimitReached

ALICE, CAROL, DAVE = "+12025550100", "+14165550102", "+12025550103"
TMOBILE, ATT = "+13105550125", "+12125550125"
FROZEN = ("clock.mode=frozen", "clock.start=2026-11-02T15:00:00Z")
NO_LIMITS = ("limits.number={}", "limits.person={}", "limits.organization={}")


async def send(world: Any, to: str = TMOBILE, text: str = "Hello", **extra: Any) -> tuple[int, Any]:
    answer: tuple[int, Any] = await world.client.post(
        "/v1/messages", {"from": ALICE, "to": to, "text": text, **extra}
    )
    return answer


async def refusal(world: Any, to: str = TMOBILE, text: str = "Hello") -> tuple[int, str, str, str | None]:
    """(status, code, blockedBy, Retry-After) of a text that is refused."""
    headers = {"Authorization": "Bearer demo-admin"}
    body = {"from": ALICE, "to": to, "text": text}
    url = f"{world.service.http.url}/v1/messages"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, json=body) as response,
    ):
        document = await response.json()
        assert response.status not in (200, 202), document
        code = document["errors"][0]["code"]
        return response.status, code, document["blockedBy"], response.headers.get("Retry-After")


async def until(world: Any, message_id: str, state: str) -> dict[str, Any]:
    """Move a frozen world on, a second at a time, until the text is in this state."""
    for _ in range(60):
        message: dict[str, Any] = await world.client.follow(message_id, 0.05)
        if message["state"] == state:
            return message
        await world.client.post("/v1/clock", {"advance": 1})
    return message


async def limit(world: Any, scope: str, key: str) -> dict[str, Any]:
    status, document = await world.client.get(f"/v1/limits/{scope}/{quote(key, safe='')}")
    assert status == 200, document
    found: dict[str, Any] = document
    return found


async def change(world: Any, scope: str, key: str, **parts: Any) -> dict[str, Any]:
    path = f"/v1/limits/{scope}" + (f"/{quote(key, safe='')}" if key else "")
    status, document = await world.client.call("PATCH", path, parts)
    assert status == 200, document
    changed: dict[str, Any] = document
    return changed


def decisions(world: Any, scope: str, decision: str) -> float:
    found: float = world.metric("gateway_throttle_decisions_total", scope=scope, decision=decision)
    return found


async def test_a_rate_lets_its_burst_pass_and_then_says_when_to_come_back(open_world: Any) -> None:
    rate = '{"rate": {"segments": 6, "per": "minute", "burst": 3, "overflow": "reject"}}'
    async with open_world(*FROZEN, *NO_LIMITS, f"limits.person={rate}") as world:
        statuses = [(await send(world))[0] for _ in range(4)]
        assert statuses == [202, 202, 202, 429]
        assert (await refusal(world))[1:] == ("throttled_person", "gateway", "10")
        assert (await limit(world, "person", "alice"))["rate"]["used"] == 3
        await world.client.post("/v1/clock", {"advance": 10})
        assert [(await send(world))[0] for _ in range(2)] == [202, 429]


async def test_a_text_longer_than_its_limit_is_told_that_it_never_fits(open_world: Any) -> None:
    rate = '{"rate": {"segments": 6, "per": "minute", "burst": 3, "overflow": "reject"}}'
    async with open_world(*FROZEN, *NO_LIMITS, f"limits.person={rate}") as world:
        assert await refusal(world, text="x" * 600) == (429, "throttled_person", "gateway", None)
        status, document = await send(world, text="x" * 600)
        assert status == 429
        assert "a text of 4 segments never fits it" in document["message"]


async def test_what_a_limit_refuses_is_no_burst(open_world: Any) -> None:
    filters = 'business_texting.filters.gateway=[{"cause": "burst", "messages": 4, "window_seconds": 3600}]'
    rate = 'limits.person={"rate": {"segments": 1, "per": "minute", "burst": 2, "overflow": "reject"}}'
    async with open_world(*FROZEN, *NO_LIMITS, rate, filters) as world:
        assert [(await send(world))[0] for _ in range(6)] == [202, 202, 429, 429, 429, 429]
        await world.client.post("/v1/clock", {"advance": 120})
        assert [(await send(world))[0] for _ in range(2)] == [202, 202]
        assert (await refusal(world))[1] == "content_blocked", "the fifth text within the hour"


async def test_segments_are_counted_not_texts(open_world: Any) -> None:
    async with open_world(*FROZEN, *NO_LIMITS, 'limits.person={"window": {"cap": 10}}') as world:
        assert (await send(world, text="x" * 1000))[1]["segments"] == 7
        assert (await refusal(world, text="x" * 500))[1] == "throttled_person"
        assert (await send(world, text="x" * 400))[1]["segments"] == 3
        window = (await limit(world, "person", "alice"))["window"]
        assert (window["used"], window["cap"]) == (10, 10)


async def test_a_queue_delays_in_order_up_to_its_bound(open_world: Any) -> None:
    rate = '{"rate": {"segments": 1, "per": "minute", "burst": 1, "overflow": "queue", "max_wait_s": 120}}'
    async with open_world(*FROZEN, *NO_LIMITS, f"limits.number={rate}") as world:
        texts = [(await send(world))[1] for _ in range(3)]
        assert [text["releaseAt"] for text in texts] == [
            f"2026-11-02T15:0{minute}:00.000Z" for minute in range(3)
        ]
        assert [text["state"] for text in texts] == ["accepted", "queued", "queued"]
        assert await refusal(world) == (503, "queue_full", "gateway", "60")
        assert decisions(world, "all", "queued") == 2
        assert decisions(world, "number", "queue_full") == 1
        assert world.metric("gateway_queue_messages", carrier="tmobile") == 2
        await world.client.post("/v1/clock", {"advance": 30})
        assert world.metric("gateway_queue_oldest_seconds", carrier="tmobile") == 30
        await world.client.post("/v1/clock", {"advance": 90})
        for text in texts:
            await until(world, text["id"], "delivered")
        assert world.metric("gateway_queue_messages", carrier="tmobile") == 0


async def test_a_carrier_that_takes_nothing_fills_its_queue(open_world: Any) -> None:
    async with open_world(*NO_LIMITS, "messages.queue_limit=3", parts=("texting",)) as world:
        statuses = [(await send(world))[0] for _ in range(4)]
        assert statuses == [202, 202, 202, 503]
        assert (await refusal(world))[:3] == (503, "queue_full", "gateway")
        assert world.metric("gateway_queue_messages", carrier="tmobile") == 3
        assert (await send(world, ATT))[0] == 202


async def test_a_deferred_text_leaves_smoothly_after_the_reset(open_world: Any) -> None:
    window = (
        '{"window": {"cap": 2, "period": "day", "zone": "America/Los_Angeles", "overflow": "defer",'
        ' "release_per_s": 0.5}}'
    )
    async with open_world(*FROZEN, *NO_LIMITS, f"limits.person={window}") as world:
        texts = [(await send(world, f"+1310555200{number}"))[1] for number in range(4)]
        assert texts[1]["state"] == "accepted"
        # Midnight in Los Angeles, the second one two seconds behind the first.
        assert [text["releaseAt"] for text in texts[2:]] == [
            "2026-11-03T08:00:00.000Z",
            "2026-11-03T08:00:02.000Z",
        ]
        assert (await refusal(world))[1] in ("throttled_person", "queue_full")
        await world.client.post("/v1/clock", {"advance": 17 * 3600})
        await until(world, texts[3]["id"], "delivered")


async def test_taking_a_text_back_gives_its_room_back_also_after_a_restart(open_world: Any) -> None:
    rate = '{"rate": {"segments": 1, "per": "hour", "burst": 1, "overflow": "queue", "max_wait_s": 3600}}'
    settings = (*FROZEN, *NO_LIMITS, f"limits.number={rate}", 'limits.person={"window": {"cap": 2}}')
    async with open_world(*settings) as world:
        await send(world)
        _, waiting = await send(world)
        assert (await refusal(world))[1] == "throttled_person"
        assert (await world.client.call("DELETE", f"/v1/messages/{waiting['id']}"))[0] == 204
        _, message = await world.client.get(f"/v1/messages/{waiting['id']}")
        assert (message["state"], message["code"]) == ("deleted", "cancelled")
        status, again = await world.client.call("DELETE", f"/v1/messages/{waiting['id']}")
        assert (status, again["errors"][0]["code"]) == (409, "message_not_waiting")
        assert (await limit(world, "person", "alice"))["window"]["used"] == 1
    async with open_world(*settings) as world:
        assert (await limit(world, "person", "alice"))["window"]["used"] == 1
        status, waiting = await send(world)
        assert (status, waiting["releaseAt"]) == (202, "2026-11-02T16:00:00.000Z")
    async with open_world(*settings) as world:  # what waits across a restart can be taken back too
        assert (await world.client.call("DELETE", f"/v1/messages/{waiting['id']}"))[0] == 204
        assert (await limit(world, "person", "alice"))["window"]["used"] == 1


async def test_a_text_taken_back_is_seen_deleted_at_once_and_is_not_sent_after_a_restart(
    open_world: Any,
) -> None:
    """What 204 says is durable: the very next read shows it, and so does a process that never ended well."""
    rate = '{"rate": {"segments": 1, "per": "second", "burst": 1, "overflow": "queue", "max_wait_s": 1000}}'
    settings = (*FROZEN, *NO_LIMITS, f"limits.number={rate}")
    async with open_world(*settings, kill=True) as world:
        texts = [(await send(world))[1]["id"] for _ in range(13)]
        for text in texts[1:]:
            assert (await world.client.call("DELETE", f"/v1/messages/{text}"))[0] == 204
            message = (await world.client.get(f"/v1/messages/{text}"))[1]
            assert (message["state"], message["code"]) == ("deleted", "cancelled")
    async with open_world(*settings) as world:
        states = [(await world.client.get(f"/v1/messages/{text}"))[1]["state"] for text in texts[1:]]
        assert states == ["deleted"] * 12


@pytest.mark.parametrize("number", ["+13105550153", TMOBILE], ids=["by its digits", "by a used-up cap"])
@pytest.mark.parametrize("refunds", [True, False], ids=["refunded", "not refunded"])
async def test_a_refusal_in_the_receipt_gives_the_room_back_by_setting(
    open_world: Any, number: str, refunds: bool
) -> None:
    """Every carrier of the demo tells refusals by policy in the receipt, long after its response."""
    settings = (
        *FROZEN,
        *NO_LIMITS,
        'limits.person={"window": {"cap": 3}}',
        f"limits.refund_refused={refunds}",
    )
    async with open_world(*settings) as world:
        _, delivered = await send(world)
        await until(world, delivered["id"], "delivered")
        capped = {"profile": "capped"} if number == TMOBILE else {"profile": "healthy"}
        assert (await world.client.call("PATCH", "/v1/carriers/tmobile", capped))[0] == 200
        _, text = await send(world, number)
        message = await until(world, text["id"], "rejected")
        assert (message["state"], message["blockedBy"]) == ("rejected", "carrier")
        left = 1 if refunds else 2
        async with asyncio.timeout(5):
            while (await limit(world, "person", "alice"))["window"]["used"] != left:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.01)
        if refunds:
            await world.service.texting.reservations.compact(world.service.world.clock.now_ns())
            assert (await limit(world, "person", "alice"))["window"]["used"] == left


async def test_limits_change_while_running_and_survive_a_restart(open_world: Any) -> None:
    async with open_world(*FROZEN, *NO_LIMITS) as world:
        before = await limit(world, "brand_day", "acme-dental@tmobile")
        assert (before["window"]["cap"], before["overridden"]) == (40_000, False)  # score 62
        changed = await change(world, "brand_day", "acme-dental@tmobile", window={"cap": 1})
        assert changed["overridden"]
        assert changed["window"]["zone"] == "America/Los_Angeles"
        assert changed["window"]["resetsAt"] == "2026-11-03T08:00:00.000Z"
        assert (await send(world))[0] == 202
        assert await refusal(world) == (429, "throttled_brand_day", "gateway", str(17 * 3600))
        assert (await send(world, ATT))[0] == 202
        assert world.metric("gateway_cap_used_ratio", carrier="tmobile", scope="brand_day") == 1.0
        await change(world, "person", "", window={"cap": 1, "period": "day"})
        assert (await send(world, ATT))[0] == 202  # a new window counts from its beginning
        assert (await refusal(world, ATT))[1] == "throttled_person"
    async with open_world(*FROZEN, *NO_LIMITS) as world:
        assert (await refusal(world, ATT))[1] == "throttled_person"
        assert (await world.client.call("DELETE", "/v1/limits/person"))[0] == 204
        assert (await world.client.call("DELETE", "/v1/limits/person"))[0] == 404
        assert (await refusal(world))[1] == "throttled_brand_day"
        key = quote("acme-dental@tmobile", safe="")
        assert (await world.client.call("DELETE", f"/v1/limits/brand_day/{key}"))[0] == 204
        assert (await send(world))[0] == 202
        _, page = await world.client.get("/v1/limits", scope="brand_day")
        (listed,) = [one for one in page["items"] if one["key"] == "acme-dental@tmobile"]
        assert (listed["window"]["used"], listed["window"]["cap"]) == (2, 40_000)


async def test_limits_are_listed_page_by_page_and_only_ones_own(open_world: Any) -> None:
    async with open_world() as world:
        await send(world)
        await send(world, ATT)
        seen = [(one["scope"], one["key"]) async for one in world.client.pages("/v1/limits", max=2)]
        assert ("campaign", "acme-office@att") in seen
        assert ("brand_day", "acme-dental@tmobile") in seen
        assert ("person", "alice") in seen
        assert len(seen) == len(set(seen))
        status, _ = await world.client.get("/v1/limits/organization/another")
        assert status == 404
        for path, body in (
            ("/v1/limits/person", {}),
            ("/v1/limits/person", {"rate": {"segments": 0}}),
            ("/v1/limits/person", {"window": {"cap": 1, "zone": "Mars/Olympus"}}),
            ("/v1/limits/carrier", {"rate": {"burst": 5}}),
        ):
            status, document = await world.client.call("PATCH", path, body)
            assert (status, document["errors"][0]["code"]) == (400, "malformed_request"), body
        async with world.as_("demo-alice") as alice:
            assert (await alice.get("/v1/limits"))[0] == 403


async def test_the_stream_tells_a_reached_limit_once_and_a_changed_campaign(open_world: Any) -> None:
    async with open_world(*FROZEN, *NO_LIMITS, 'limits.organization={"window": {"cap": 1}}') as world:
        url = f"{world.service.http.url}/v1/stream?events=limit.*,campaign.*"
        headers = {"Authorization": "Bearer demo-admin"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
            for _ in range(4):
                await send(world)
            await world.client.post("/v1/campaigns/acme-office/suspend", {"reason": "complaints"})
            lines: list[str] = []
            async for raw in response.content:
                lines.append(raw.decode().strip())
                if sum(line.startswith("data: ") for line in lines) == 2:
                    break
    names = [line[7:] for line in lines if line.startswith("event: ")]
    assert names == ["limit.reached", "campaign.changed"]
    reached, changed = (line for line in lines if line.startswith("data: "))
    assert '"scope":"organization"' in reached
    assert '"code":"throttled_organization"' in reached
    assert '"status":"suspended"' in changed


TWO_A_DAY = 'limits.person={"window": {"cap": 2}}'
SHADOWED = {"direction": "outbound", "code": "throttled_person"}


@pytest.mark.parametrize("mode", ["shadow", "off"])
async def test_a_limit_that_is_watched_or_off_refuses_nothing(open_world: Any, mode: str) -> None:
    switched = f"business_texting.rules={{throttled_person: {mode}}}"
    async with open_world(*FROZEN, *NO_LIMITS[:1], TWO_A_DAY, switched) as world:
        texts = [await send(world) for _ in range(4)]
        assert [status for status, _ in texts] == [202] * 4
        assert world.metric("gateway_messages_shadowed_total", **SHADOWED) == (2 if mode == "shadow" else 0)
        assert decisions(world, "person", "throttled_person") == 0
        if mode == "shadow":  # it counts as if it were enforced
            assert (await limit(world, "person", "alice"))["window"]["used"] == 2
        _, story = await world.client.get(f"/v1/messages/{texts[3][1]['id']}")
        (verdict,) = [one for one in story["verdicts"] if one["code"] == "throttled_person"]
        assert verdict["mode"] == mode
        assert verdict["outcome"] == ("shadowed" if mode == "shadow" else "off")
        window = (await limit(world, "person", "alice"))["window"]
        assert window["used"] == (2 if mode == "shadow" else 0)
        # The other scopes go on counting all four.
        assert (await limit(world, "brand_day", "acme-dental@tmobile"))["window"]["used"] == 4


async def test_a_full_queue_that_is_watched_lets_texts_go(open_world: Any) -> None:
    rate = '{"rate": {"segments": 1, "per": "hour", "burst": 1, "overflow": "queue", "max_wait_s": 60}}'
    watched = "business_texting.rules={queue_full: shadow}"
    async with open_world(*FROZEN, *NO_LIMITS, f"limits.number={rate}", watched) as world:
        assert [(await send(world))[0] for _ in range(2)] == [202, 202]
        labels = {"direction": "outbound", "code": "queue_full"}
        assert world.metric("gateway_messages_shadowed_total", **labels) == 1


async def test_the_first_revision_knows_no_limits(open_world: Any) -> None:
    async with open_world(*FROZEN, *NO_LIMITS[:1], TWO_A_DAY, "business_texting.revision=T1") as world:
        assert [(await send(world))[0] for _ in range(4)] == [202] * 4
    async with open_world(*FROZEN, *NO_LIMITS[:1], TWO_A_DAY, "business_texting.revision=T2") as world:
        assert [(await send(world))[0] for _ in range(2)] == [202] * 2
        assert (await refusal(world))[1] == "throttled_person"


async def test_explain_asks_every_limit_and_takes_no_room(open_world: Any) -> None:
    rate = '{"rate": {"segments": 1, "per": "hour", "burst": 1, "overflow": "queue", "max_wait_s": 60}}'
    settings = (TWO_A_DAY, f"limits.number={rate}", 'limits.organization={"window": {"cap": 1}}')
    text = {"from": ALICE, "to": TMOBILE, "text": "Hello"}

    async def refused(world: Any, **changed: Any) -> list[str]:
        _, page = await world.client.post("/v1/rules/explain", {**text, **changed})
        return [one["code"] for one in page["items"] if one["outcome"] == "refused"]

    async with open_world(*FROZEN, *settings) as world:
        for _ in range(3):
            assert await refused(world) == []
        assert await refused(world, text="x" * 400) == [
            "throttled_number",
            "throttled_person",
            "throttled_organization",
        ]
        assert (await send(world))[0] == 202
        assert await refused(world) == ["throttled_organization", "queue_full"]
        assert (await limit(world, "person", "alice"))["window"]["used"] == 1
        assert (await refusal(world))[1] == "throttled_organization"


async def test_a_limit_that_makes_texts_wait_is_told_too(open_world: Any) -> None:
    rate = '{"rate": {"segments": 1, "per": "minute", "burst": 2, "overflow": "queue"}}'
    async with open_world(*FROZEN, *NO_LIMITS, f"limits.number={rate}") as world:
        async with world.service.world.bus.subscribe(LimitReached) as reached:
            for _ in range(4):
                assert (await send(world))[0] == 202
            await world.client.post("/v1/clock", {"advance": 600})
            for _ in range(3):
                assert (await send(world))[0] == 202
            found = [await anext(reached) for _ in range(2)]
        assert [(one.scope, one.code) for one in found] == [("number", "throttled_number")] * 2
        assert found[0].as_payload()["key"] is None
        assert found[0].retry_after_s == 120
