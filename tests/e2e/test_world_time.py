"""World time: four weeks of registration, the DST days of a T-Mobile midnight, 400 days of retention.

All of it passes in seconds, over `/v1/clock`; no protocol timer notices.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.messages.retention import DAY_NS
from gateway.policy.store import opt_out_changes

ALICE, SPARE = "+12025550100", "+12025550105"
TMOBILE, ATT, VERIZON = "+13105550125", "+12125550125", "+14155550125"
DAY_S = 86_400
FROZEN = ("clock.mode=frozen", "clock.start=2026-03-02T15:00:00Z")
NO_LIMITS = ("limits.number={}", "limits.person={}", "limits.organization={}")


async def advance(world: Any, seconds: float) -> str:
    status, clock = await world.client.post("/v1/clock", {"advance": seconds})
    assert status == 200, clock
    return str(clock["now"])


async def send(world: Any, to: str = TMOBILE, text: str = "Hello", source: str = ALICE) -> tuple[int, Any]:
    answer: tuple[int, Any] = await world.client.post(
        "/v1/messages", {"from": source, "to": to, "text": text}
    )
    return answer


async def outcome(world: Any, to: str = TMOBILE, text: str = "Hello", source: str = ALICE) -> str:
    """The refusal's code, or the final state with the carrier's code, second by second."""
    status, message = await send(world, to, text, source)
    if status != 202:
        return str(message["errors"][0]["code"])
    for _ in range(60):
        message = await world.client.follow(message["id"], 0.05)
        if message["state"] not in ("accepted", "queued", "submitted"):
            break
        await advance(world, 0.5)
    return str(message.get("code") or message["state"])


async def binds(world: Any) -> dict[str, list[str]]:
    """Since when each carrier's binds are up."""
    _, page = await world.client.get("/v1/carriers")
    return {carrier["name"]: [bind["boundSince"] for bind in carrier["binds"]] for carrier in page["items"]}


async def test_four_weeks_of_registration(open_world: Any) -> None:
    async with open_world(*FROZEN) as world:
        client, before = world.client, await binds(world)
        await client.post("/v1/numberOrders", {"locationId": "washington", "numbers": [SPARE]})
        await client.call("PATCH", "/v1/people/frank", {"number": SPARE})
        _, case = await client.post("/v1/supportCases", {})
        assert case["status"] == "formSent"
        assert "campaign" in case["form"]
        form = {
            "brand": {"name": "Acme Dental Practice LLC", "taxId": "12-3456780"},
            "campaign": {
                "useCase": "UCAAS_LOW",
                "description": "Employees of a dental practice text patients about their appointments.",
                "samples": ["Acme Dental: your appointment is on Tuesday at 10. Reply STOP to opt out."],
            },
            "numbers": [SPARE],
        }
        status, case = await client.post(f"/v1/supportCases/{case['id']}/form", form)
        assert (status, case["status"]) == (200, "inReview"), case
        assert await outcome(world, source=SPARE) == "campaign_not_active"

        path = f"/v1/campaigns/{case['campaignId']}"
        statuses, approved_after = [], {}
        for day in range(1, 36):
            await advance(world, DAY_S)
            _, campaign = await client.get(path)
            if statuses[-1:] != [campaign["status"]]:
                statuses.append(campaign["status"])
            for name, view in campaign["carriers"].items():
                if view["approval"] == "approved":
                    approved_after.setdefault(name, day)
        assert statuses == ["submitted", "unconfirmed", "confirmed"]
        assert set(approved_after) == {"tmobile", "att", "verizon", "uscellular"}
        assert approved_after["verizon"] < approved_after["tmobile"], "each carrier decides for itself"
        assert 20 <= max(approved_after.values()) <= 29, "about four weeks (A13)"
        assert campaign["nextStep"] is None
        _, case = await client.get(f"/v1/supportCases/{case['id']}")
        assert case["status"] == "completed"
        assert await outcome(world, source=SPARE) == "delivered"
        assert await binds(world) == before, "no protocol timer fired"


async def test_one_carrier_approves_before_the_other_and_one_refuses(open_world: Any) -> None:
    links = "carriers.networks.tmobile.terms.review.embedded_links=false"
    async with open_world(*FROZEN, links) as world:
        client = world.client
        await client.post("/v1/numberOrders", {"locationId": "washington", "numbers": [SPARE]})
        await client.call("PATCH", "/v1/people/frank", {"number": SPARE})
        registered = {
            "id": "links",
            "brandId": "acme-dental",
            "useCase": "UCAAS_LOW",
            "description": "Employees of a dental practice text patients links to their appointments.",
            "samples": ["Acme Dental: see https://acme.example/appointment"],
            "embeddedLinks": True,
        }
        assert (await client.post("/v1/campaigns", registered))[0] == 201
        assert (await client.post("/v1/campaigns/links/numbers", {"numbers": [SPARE]}))[0] == 200
        approvals: dict[str, str] = {}
        while approvals.get("verizon") != "approved":
            await advance(world, DAY_S)
            _, campaign = await client.get("/v1/campaigns/links")
            approvals = {name: view["approval"] for name, view in campaign["carriers"].items()}
        assert approvals["tmobile"] == "review"
        assert await outcome(world, VERIZON, source=SPARE) == "delivered"
        status, refusal = await send(world, TMOBILE, source=SPARE)
        assert (status, refusal["errors"][0]["code"]) == (403, "campaign_not_active")
        assert "tmobile has not approved it yet" in refusal["message"]
        await advance(world, 30 * DAY_S)
        _, campaign = await client.get("/v1/campaigns/links")
        view = campaign["carriers"]["tmobile"]
        assert (view["approval"], view["reason"]) == ("refused", "embedded links are not taken")
        _, refusal = await send(world, TMOBILE, source=SPARE)
        assert "tmobile has refused it" in refusal["message"]


async def test_a_form_that_fails_prevetting_is_corrected_and_handed_in_again(open_world: Any) -> None:
    async with open_world(*FROZEN) as world:
        client = world.client
        campaign = {"id": "vague", "brandId": "acme-dental", "description": "Texts.", "samples": ["Hello."]}
        assert (await client.post("/v1/campaigns", campaign))[0] == 201
        await advance(world, 6 * DAY_S)
        _, campaign = await client.get("/v1/campaigns/vague")
        assert campaign["status"] == "prevet_failed"
        assert "too short" in campaign["reason"]
        better = {"description": "Employees text patients about their appointments, with consent."}
        assert (await client.call("PATCH", "/v1/campaigns/vague", better))[0] == 200
        assert (await client.post("/v1/campaigns/vague/submit"))[1]["status"] == "submitted"
        await advance(world, 40 * DAY_S)
        assert (await client.get("/v1/campaigns/vague"))[1]["status"] == "confirmed"


GATEWAYS = ("carriers.networks.tmobile.terms.brand_day.tiers=[{segments: 1}]",)
CARRIERS = ("carriers.networks.tmobile.profile.caps.brand_day.tiers=[{score: 1, segments: 1}]",)


@pytest.mark.parametrize(
    ("settings", "full"),
    [(GATEWAYS, "throttled_brand_day"), (CARRIERS, "carrier_4780")],
    ids=["gateway", "carrier"],
)
@pytest.mark.parametrize(
    ("midnight", "hours"),
    [("2026-03-08T08:00:00Z", 23), ("2026-11-01T07:00:00Z", 25), ("2026-07-01T07:00:00Z", 24)],
    ids=["spring", "autumn", "summer"],
)
async def test_a_tmobile_day_ends_at_midnight_pacific(
    open_world: Any, settings: tuple[str, ...], full: str, midnight: str, hours: int
) -> None:
    start = ("clock.mode=frozen", f"clock.start={midnight}")
    async with open_world(*start, *NO_LIMITS, *settings) as world:
        assert await outcome(world) == "delivered"
        assert await outcome(world) == full
        _, clock = await world.client.get("/v1/clock")
        passed_s = float(clock["now"][17:23]) + 60 * int(clock["now"][14:16])
        await advance(world, hours * 3600 - 5 - passed_s)
        assert await outcome(world) == full
        await advance(world, 5)
        assert await outcome(world) == "delivered"


async def swept(world: Any, count: int) -> None:
    """The sweeps of the jump have ended."""
    async with asyncio.timeout(20):
        while world.metric("gateway_messages_swept_total") < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_texts_are_gone_after_400_days_and_what_must_stay_stays(
    open_world: Any, tmp_path: Path
) -> None:
    secret = "XYZZY the results are positive"
    async with open_world(*FROZEN) as world:
        before = await binds(world)
        ids = []
        for number in range(3):
            status, message = await send(world, f"+1310555200{number}", f"{secret} {number}")
            assert status == 202
            ids.append(message["id"])
        await world.client.post(
            "/v1/carriers/att/inbound", {"from": "+12125550126", "to": ALICE, "text": "STOP"}
        )
        await world.client.received(10, number="+12125550126")
        for each in ids:
            while (await world.client.follow(each, 0.05))["state"] != "delivered":
                await advance(world, 1)
        await advance(world, 399 * DAY_S)
        status, younger = await send(world, text="Young enough")
        assert status == 202
        assert (await world.client.get(f"/v1/messages/{ids[0]}"))[0] == 200
        await advance(world, DAY_S + 3600)
        await swept(world, 4)
        for each in ids:
            assert (await world.client.get(f"/v1/messages/{each}"))[0] == 404
        assert (await world.client.get(f"/v1/messages/{younger['id']}"))[0] == 200
        _, page = await world.client.get("/v1/messages", contains="XYZZY")
        assert page["items"] == []
        _, page = await world.client.get("/v1/optOuts")
        assert [entry["recipient"] for entry in page["items"]] == ["+12125550126"]
        assert len(await world.service.world.database.fetch(opt_out_changes.select())) == 1
        status, refusal = await send(world, "+12125550126")
        assert refusal["errors"][0]["code"] == "recipient_opted_out"
        assert await binds(world) == before, "binds stay up while the world jumps 400 days"
        assert world.service.lifecycle.healthy
    for file in sorted(tmp_path.glob("gateway.db*")):  # noqa: ASYNC240 - nothing else runs here
        assert b"XYZZY" not in file.read_bytes(), f"{file.name} still holds a text"


async def test_an_organisation_may_keep_texts_shorter_where_that_can_be_customised(open_world: Any) -> None:
    async with open_world(*FROZEN, "business_texting.retention_customizable=true") as world:
        status, organization = await world.client.call(
            "PATCH", "/v1/organizations/acme-dental", {"textRetentionDays": 30}
        )
        assert (status, organization["textRetentionDays"]) == (200, 30)
        _, message = await send(world)
        nobodys = {"from": "+12125550121", "to": "+12025550119", "text": "Hello?"}  # of no organisation
        await world.client.post("/v1/carriers/att/inbound", nobodys)
        async with world.as_("demo-partner") as partner:
            stray = await partner.received(10, number="+12125550121")
            assert stray is not None
            await advance(world, 29 * DAY_S)
            assert (await world.client.get(f"/v1/messages/{message['id']}"))[0] == 200
            await advance(world, DAY_S + 3600)
            await swept(world, 1)
            assert (await world.client.get(f"/v1/messages/{message['id']}"))[0] == 404
            assert (await partner.get(f"/v1/messages/{stray['id']}"))[0] == 200
            await advance(world, 370 * DAY_S)
            await swept(world, 2)
            assert (await partner.get(f"/v1/messages/{stray['id']}"))[0] == 404


async def test_the_discrete_world_moves_only_when_nothing_is_under_way(open_world: Any) -> None:
    rate = '{"rate": {"segments": 1, "per": "hour", "burst": 1, "overflow": "queue", "max_wait_s": 86400}}'
    async with open_world(*FROZEN, *NO_LIMITS, f"limits.number={rate}") as world:
        clock = world.service.world.clock
        started_ns = clock.now_ns()
        ids = [(await send(world, f"+1310555200{number}"))[1]["id"] for number in range(8)]
        await clock.run_until_idle(started_ns + DAY_NS // 2)
        assert clock.in_flight == 0
        assert clock.now_ns() == started_ns + DAY_NS // 2
        await world.service.world.database.flush()
        stories = [(await world.client.get(f"/v1/messages/{each}"))[1] for each in ids]
        assert [story["state"] for story in stories] == ["delivered"] * 8
        sent = [
            next(moment["at"] for moment in story["timeline"] if moment["event"] == "submit_sm")
            for story in stories
        ]
        assert sent == [f"2026-03-02T{15 + hour}:00:00.000Z" for hour in range(8)]
        # Submit, answer and receipt of a text take no world time but the carrier's own latency.
        delivered = [story["updated"][11:19] for story in stories]
        assert all(moment.startswith(f"{15 + hour}:00:0") for hour, moment in enumerate(delivered))
