"""Inbound texts beyond the decision table: whole MMS, what no handset writes, what no rule refuses."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE, BOB = "+12025550100", "+12025550101"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(open_shared_world: Any) -> AsyncIterator[Any]:
    async with open_shared_world("clock.mode=scaled", "clock.speed=50") as running:
        yield running


async def received(world: Any, source: str, to: str, text: str, files: list[str]) -> dict[str, Any]:
    """What became of a text that a handset on AT&T wrote."""
    _, before = await world.client.get("/v1/carriers/att")
    if source[0] == "+" and (text or files):
        body = {"from": source, "to": to, "text": text, "files": files}
        status, answer = await world.client.post("/v1/carriers/att/inbound", body)
        assert status == 202, answer
        segments = answer["segments"]
    else:  # real carriers deliver these, the API refuses to
        segments = world.service.carriers.inject("att", source, to, text, files)
    async with world.as_("demo-partner") as partner:
        message = await partner.received(20, number=source)
        assert message is not None
        _, story = await partner.get(f"/v1/messages/{message['id']}")
    _, after = await world.client.get("/v1/carriers/att")
    while after["delivered"] < before["delivered"] + segments:
        _, after = await world.client.get("/v1/carriers/att")
    assert after["dropped"] == before["dropped"]
    found: dict[str, Any] = story
    return found


async def test_the_whole_of_an_mms_is_refused(world: Any) -> None:
    received_before = world.metric("gateway_messages_accepted_total", direction="inbound")
    story = await received(world, "+12125550138", ALICE, "Look at this", ["photo.jpg"])
    assert (story["state"], story["code"]) == ("rejected", "mms_not_supported")
    _, page = await world.client.get("/v1/messages", number="+12125550138")
    assert [item["id"] for item in page["items"]] == [story["id"]]
    assert world.metric("gateway_messages_accepted_total", direction="inbound") == received_before


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"from": "x"}, "$.from"),
        ({"from": "ACME"}, "$.from"),
        ({"from": "+1 212 555 0139"}, "$.from"),
        ({"to": "alice"}, "$.to"),
        ({"text": ""}, "neither text nor files"),
        ({"text": "a\0b"}, "$.text"),
        ({"text": "", "files": [""]}, "$.files"),
    ],
)
async def test_what_no_handset_writes_is_refused(world: Any, change: dict[str, Any], fault: str) -> None:
    body = {"from": "+12125550139", "to": ALICE, "text": "Hi", **change}
    status, document = await world.client.post("/v1/carriers/att/inbound", body)
    assert (status, document["errors"][0]["code"]) == (400, "malformed_request")
    assert fault in document["errors"][0]["description"]


async def test_texts_to_a_user_who_is_switched_off_are_kept(world: Any) -> None:
    path = "/v1/people/bob"
    await world.client.call("PATCH", path, {"textingOverride": "off"})
    try:
        story = await received(world, "+12125550134", BOB, "Hi", [])
    finally:
        await world.client.call("PATCH", path, {"textingOverride": "organizationDefault"})
    assert (story["state"], story["code"]) == ("undeliverable", "recipient_texting_disabled")
    assert (await received(world, "+12125550135", BOB, "Hi", []))["state"] == "received"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("+12125550136", "Is ten fine?"),
        ("+17875550136", "Saludos desde Puerto Rico"),
        ("+18005550136", "© ® ™ :-)"),
        ("+12125550137", ""),
    ],
)
async def test_what_no_rule_refuses_is_received(world: Any, source: str, text: str) -> None:
    accepted = world.metric("gateway_messages_accepted_total", direction="inbound")
    story = await received(world, source, ALICE, text, [])
    assert (story["state"], story["text"], story.get("code")) == ("received", text, None)
    assert world.metric("gateway_messages_accepted_total", direction="inbound") == accepted + 1
    assert {one["outcome"] for one in story["verdicts"]} == {"passed"}
