"""Carriers with their own truth: what the gateway believes and lets pass, a carrier may still refuse."""

from typing import Any

ALICE, BOB, CAROL, DAVE = "+12025550100", "+12025550101", "+14165550102", "+12025550103"
TMOBILE, ATT, VERIZON, USCELLULAR = "+13105550125", "+12125550125", "+14155550125", "+13125550125"
BELL, ROGERS = "+15145550125", "+16475550125"
FROZEN = ("clock.mode=frozen", "clock.start=2026-11-02T15:00:00Z")
NO_LIMITS = ("limits.number={}", "limits.person={}", "limits.organization={}")


async def send(world: Any, to: str, text: str = "Hello", source: str = ALICE) -> str:
    status, message = await world.client.post("/v1/messages", {"from": source, "to": to, "text": text})
    assert status == 202, message
    return str(message["id"])


async def outcome(world: Any, to: str, text: str = "Hello", source: str = ALICE) -> tuple[str, str | None]:
    message = await world.finished(await send(world, to, text, source))
    if message["state"] == "rejected":
        assert message["blockedBy"] == "carrier"
        assert message["verdicts"][-1]["blockedBy"] == "carrier"
        assert message["verdicts"][-1]["outcome"] == "refused"
    return message["state"], message.get("code")


async def test_a_carrier_that_has_not_heard_of_a_number_refuses_it(open_world: Any) -> None:
    async with open_world(*FROZEN) as world:
        status, _ = await world.client.post("/v1/campaigns/acme-office/numbers", {"numbers": [BOB]})
        assert status == 200
        message = await world.finished(await send(world, ATT, source=BOB))
        assert (message["state"], message["code"], message["blockedBy"]) == (
            "rejected",
            "carrier_30034",
            "carrier",
        )
        receipt = next(moment for moment in message["timeline"] if moment["event"] == "deliver_sm")
        assert (receipt["receipt"], receipt["error"]) == ("REJECTD", "30034")
        verdict = message["verdicts"][-1]
        assert verdict["description"] == "Refused by the carrier att, told in the receipt as 30034."
        assert world.metric(
            "gateway_messages_finished_total", direction="outbound", carrier="att", state="rejected"
        )
        assert world.metric("carrier_decisions_total", carrier="att", outcome="unregistered_number") == 1
        assert await outcome(world, TMOBILE, source=BOB) == ("rejected", "carrier_4476")
        await world.client.post("/v1/clock", {"advance": 30})
        assert await outcome(world, ATT, source=BOB) == ("delivered", None)
        assert await outcome(world, TMOBILE, source=BOB) == ("delivered", None)


async def test_each_carrier_refuses_a_suspended_campaign_with_its_own_code(open_world: Any) -> None:
    """The gateway's own rule is off; the carriers' truth is not."""
    async with open_world(*FROZEN, "business_texting.rules={campaign_not_active: off}") as world:
        refused = {TMOBILE: "4773", ATT: "30033", VERIZON: "60", USCELLULAR: "40010"}
        for to, code in refused.items():
            state, found = await outcome(world, to, source=DAVE)
            assert state == "rejected"
            assert found is not None
            assert found.removeprefix("carrier_").lstrip("0") == code
        for to in (BELL, ROGERS):  # no registry for Canadian recipients
            assert await outcome(world, to, source=DAVE) == ("delivered", None)


async def test_a_canadian_number_needs_registration_at_us_carriers_only(open_world: Any) -> None:
    rules = "business_texting.rules={number_not_in_campaign: off}"
    async with open_world(*FROZEN, rules) as world:
        path = f"/v1/campaigns/acme-office/numbers/{CAROL}"
        assert (await world.client.call("DELETE", path))[0] == 204
        await world.client.post("/v1/clock", {"advance": 31})
        assert await outcome(world, ROGERS, source=CAROL) == ("delivered", None)
        assert await outcome(world, ATT, source=CAROL) == ("rejected", "carrier_30034")


async def test_att_keeps_its_cap_per_minute_whatever_the_gateway_believes(open_world: Any) -> None:
    truth = "carriers.networks.att.profile.caps.campaign_minute.classes.T=4"
    async with open_world(*FROZEN, *NO_LIMITS, truth) as world:
        _, campaign = await world.client.get("/v1/campaigns/acme-office")
        assert campaign["carriers"]["att"]["segmentsPerMinute"] == 75
        ids = [await send(world, f"+1212555200{number}") for number in range(6)]
        codes = [(await world.finished(each)).get("code") for each in ids]
        assert (codes.count(None), codes.count("carrier_30022")) == (4, 2)
        await world.client.post("/v1/clock", {"advance": 60})
        assert await outcome(world, ATT) == ("delivered", None)


async def test_the_days_cap_counts_what_other_vendors_sent(open_world: Any) -> None:
    others = 'carriers.networks.tmobile.profile.caps.brand_day.other_vendors={"12-3456789": 39999}'
    async with open_world(*FROZEN, others) as world:
        _, believed = await world.client.get("/v1/limits/brand_day/acme-dental@tmobile")
        assert believed["window"]["cap"] == 40_000
        assert await outcome(world, TMOBILE) == ("delivered", None)
        assert await outcome(world, TMOBILE) == ("rejected", "carrier_4780")
        assert await outcome(world, ATT) == ("delivered", None)
        assert world.metric("gateway_cap_used_ratio", carrier="tmobile", scope="brand_day") < 0.001


async def test_a_behaviour_switched_live_disagrees_at_once(open_world: Any) -> None:
    async with open_world(*FROZEN) as world:
        await world.client.call("PATCH", "/v1/carriers/uscellular", {"profile": "capped"})
        state, code = await outcome(world, USCELLULAR)
        assert state == "rejected"
        assert code is not None
        await world.client.call("PATCH", "/v1/carriers/uscellular", {"profile": "healthy"})
        assert await outcome(world, USCELLULAR) == ("delivered", None)


async def test_a_behaviour_sets_in_by_itself(open_world: Any) -> None:
    async with open_world(*FROZEN) as world:
        path = "/v1/carriers/uscellular"
        later = [{"afterSeconds": 60, "profile": "capped"}, {"afterSeconds": 3600, "profile": "healthy"}]
        status, carrier = await world.client.call("PATCH", path, {"schedule": later})
        assert (status, [step["profile"] for step in carrier["schedule"]]) == (200, ["capped", "healthy"])
        await world.client.post("/v1/clock", {"advance": 60})
        assert (await outcome(world, USCELLULAR))[0] == "rejected"
        _, carrier = await world.client.get(path)
        assert (carrier["profile"], [step["profile"] for step in carrier["schedule"]]) == (
            "capped",
            ["healthy"],
        )
        await world.client.call("PATCH", path, {"schedule": [], "profile": "healthy"})
        assert await outcome(world, USCELLULAR) == ("delivered", None)
