"""What an administrator does and is told: A11 to A13 and B6 to B10 over HTTP, as Control Hub has it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE, SPARE, HANDSET = "+12025550100", "+12025550105", "+13105550120"
ORGANIZATION = "/v1/organizations/acme-dental"
#: What a recipient must never learn of alice (B10): see the demo world's directory.
PERSONAL = (b"Alice", b"Archer", b"alice@acme-dental.example", b"2025550160")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(open_shared_world: Any) -> AsyncIterator[Any]:
    async with open_shared_world("clock.mode=scaled", "clock.speed=50") as running:
        yield running


def code_of(document: Any) -> str:
    return str(document["errors"][0]["code"])


async def test_a_users_own_setting_is_offered_where_texting_is_available(world: Any) -> None:
    path, change = "/v1/people/alice", {"textingOverride": "on"}
    await world.client.call("PATCH", "/v1/locations/washington", {"ciscoPstn": False})
    try:
        status, document = await world.client.call("PATCH", path, change)
        assert (status, code_of(document)) == (409, "override_not_offered")
        assert not (await world.client.get(path))[1]["textingOverrideOffered"]
    finally:
        await world.client.call("PATCH", "/v1/locations/washington", {"ciscoPstn": True})
    status, person = await world.client.call("PATCH", path, change)
    assert (status, person["textingOverride"], person["textingOverrideOffered"]) == (200, "on", True)
    await world.client.call("PATCH", path, {"textingOverride": "organizationDefault"})


async def test_numbers_are_authorised_by_an_order_and_registered_by_a_support_case(open_world: Any) -> None:
    async with open_world() as world:
        client = world.client
        _, case = await client.post("/v1/supportCases", {})
        form = f"/v1/supportCases/{case['id']}/form"
        registered = {
            "brandId": "acme-dental",
            "campaign": {
                "useCase": "UCAAS_LOW",
                "description": "Employees of a dental practice text patients about their appointments.",
                "samples": ["Acme Dental: your appointment is on Tuesday."],
            },
            "numbers": [SPARE],
        }
        status, document = await client.post(form, registered)
        assert (status, code_of(document)) == (409, "number_not_authorized")
        assert "authorise it first" in document["message"]

        _, page = await client.get("/v1/locations/washington/authorizableNumbers")
        assert [number["number"] for number in page["items"]] == [SPARE]
        for location, number in (("toronto", SPARE), ("washington", ALICE), ("washington", "+12025550199")):
            order = {"locationId": location, "numbers": [number]}
            status, document = await client.post("/v1/numberOrders", order)
            assert (status, code_of(document)) == (409, "number_not_authorizable")
        status, summary = await client.post(
            "/v1/numberOrders", {"locationId": "washington", "numbers": [SPARE]}
        )
        assert (status, summary["numbers"], summary["locationId"]) == (201, [SPARE], "washington")
        _, page = await client.get("/v1/locations/washington/authorizableNumbers")
        assert page["items"] == []

        status, document = await client.post(form, {"brandId": "acme-dental", "numbers": [SPARE]})
        assert (status, code_of(document)) == (422, "registration_form_incomplete")
        incomplete = {**registered, "campaign": {"useCase": "MIXED"}}
        status, document = await client.post(form, incomplete)
        assert status == 422
        assert {error["code"] for error in document["errors"]} == {"registration_form_incomplete"}
        assert len(document["errors"]) > 1, "every fault of the form is told"
        status, case = await client.post(form, registered)
        assert (status, case["status"], case["numbers"]) == (200, "inReview", [SPARE])


async def test_the_retention_is_400_days_and_fixed(world: Any) -> None:
    _, organization = await world.client.get(ORGANIZATION)
    assert organization["textRetentionDays"] == 400
    status, document = await world.client.call("PATCH", ORGANIZATION, {"textRetentionDays": 30})
    assert (status, code_of(document)) == (409, "retention_fixed")


async def test_hipaa_is_a_warning_and_by_setting_a_refusal(world: Any, open_world: Any) -> None:
    _, organization = await world.client.call("PATCH", ORGANIZATION, {"hipaa": True})
    assert [warning["code"] for warning in organization["warnings"]] == ["hipaa_not_supported"]
    _, organization = await world.client.call("PATCH", ORGANIZATION, {"hipaa": False})
    assert organization["warnings"] == []
    async with open_world("business_texting.refuse_hipaa=true") as strict:
        status, document = await strict.client.call("PATCH", ORGANIZATION, {"hipaa": True})
        assert (status, code_of(document)) == (409, "hipaa_not_supported")
        off = {"hipaa": True, "textingEnabled": False}
        assert (await strict.client.call("PATCH", ORGANIZATION, off))[0] == 200
        status, document = await strict.client.call("PATCH", ORGANIZATION, {"textingEnabled": True})
        assert (status, code_of(document)) == (409, "hipaa_not_supported")


async def test_ediscovery_is_never_available_and_events_since_the_fourth_revision(
    world: Any, open_world: Any
) -> None:
    status, document = await world.client.get("/v1/ediscovery")
    assert (status, code_of(document)) == (404, "ediscovery_not_available")
    assert (await world.client.get("/v1/events"))[0] == 200
    async with open_world("business_texting.revision=T3") as third:
        status, document = await third.client.get("/v1/events")
        assert (status, code_of(document)) == (404, "events_api_not_available")


async def test_a_report_is_taken_from_anybody_and_carriers_are_not_told(world: Any) -> None:
    async with world.as_("demo-bob") as bob:
        status, report = await bob.post("/v1/spamReports", {"sender": ALICE})
        assert (status, report["blocked"]) == (202, False)
        assert (await bob.get("/v1/spamReports"))[0] == 403
    for reporter in ("ann", "ben"):
        await world.client.post("/v1/spamReports", {"sender": ALICE, "reporter": reporter})
    _, page = await world.client.get("/v1/spamReports")
    assert [blocked["sender"] for blocked in page["items"]] == [ALICE]
    _, submit = await world.client.post("/v1/messages", {"from": ALICE, "to": HANDSET, "text": "Hello"})
    assert (code_of(submit), submit["blockedBy"]) == ("spam_blocked", "cisco")
    assert world.metric("carrier_decisions_total", carrier="tmobile", outcome="source_blocklisted") == 0
    assert (await world.client.call("DELETE", f"/v1/spamReports/{ALICE}"))[0] == 204


async def test_no_personal_name_or_number_leaves_the_gateway(open_world: Any) -> None:
    """B10: every frame to a carrier and every webhook body, over texts, an answer and all keywords."""
    frames: list[bytes] = []
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/events", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    target = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    try:
        async with open_world("clock.mode=scaled", "clock.speed=50") as world:
            world.service.texting.carriers.set_tap(
                lambda _carrier, _link, _direction, frame, _pdu, _now: frames.append(bytes(frame))
            )
            hook = {"name": "All", "targetUrl": target, "resource": "messages", "event": "all"}
            assert (await world.client.post("/v1/webhooks", hook))[0] == 201
            async with world.as_("demo-alice") as alice:
                status, text = await alice.post("/v1/messages", {"to": HANDSET, "text": "Your results"})
                assert (status, text["from"]) == (202, ALICE)
                await alice.follow(text["id"], 20)
                refused = {"from": "+12025550160", "to": HANDSET, "text": "From my own phone"}
                status, document = await alice.post("/v1/messages", refused)
                assert (status, code_of(document)) == (403, "business_identity_only")
            for word in ("HELP", "STOP", "START"):
                inbound = {"from": "+12125550126", "to": ALICE, "text": word}
                await world.client.post("/v1/carriers/att/inbound", inbound)
            async with asyncio.timeout(20):
                while sum(b"Acme Dental" in body for body in bodies) < 6:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
    finally:
        await runner.cleanup()
    assert any(b"Your results" in frame for frame in frames)
    assert any(b"Acme Dental" in frame for frame in frames)
    assert any(json.loads(body)["data"]["text"] == "STOP" for body in bodies)
    for personal in PERSONAL:
        assert not any(personal in octets for octets in (*frames, *bodies)), personal


async def test_what_administrators_change_is_told_and_survives(open_world: Any) -> None:
    async with open_world() as world:
        await world.client.call("PATCH", ORGANIZATION, {"textingEnabled": False})
        await world.client.call("PATCH", "/v1/people/erin", {"appVersion": "45.2"})
    async with open_world() as world:
        assert not (await world.client.get(ORGANIZATION))[1]["textingEnabled"]
        assert (await world.client.get("/v1/people/erin"))[1]["appVersion"] == "45.2"
