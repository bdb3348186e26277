"""The stream, the Webex App's WebSocket and webhooks tell the same story while a text goes its way."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import aiohttp
from aiohttp import web

ALICE, ANSWERING = "+12025550100", "+13105550120"
STORY = ["message.accepted", "message.submitted", "message.delivered", "message.received"]


def headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def sse_events(response: aiohttp.ClientResponse, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The first `count` events of a stream, comments left out."""
    found: list[tuple[str, dict[str, Any]]] = []
    name = ""
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            found.append((name, json.loads(line[6:])))
            if len(found) == count:
                break
    return found


async def test_the_stream_tells_a_texts_story_in_order(world: Any) -> None:
    url = world.service.http.url
    async with (
        aiohttp.ClientSession(headers=headers("demo-admin")) as session,
        session.get(f"{url}/v1/stream?events=message.*") as response,
    ):
        assert response.status == 200
        await world.client.post("/v1/messages", {"from": ALICE, "to": ANSWERING, "text": "Hello"})
        events = await asyncio.wait_for(sse_events(response, 4), 20)
    assert [name for name, _ in events] == STORY
    accepted, submitted, delivered, received = (document["data"] for _, document in events)
    assert accepted["id"] == submitted["id"] == delivered["id"]
    assert (submitted["state"], delivered["state"], received["direction"]) == (
        "submitted",
        "delivered",
        "inbound",
    )


async def test_the_stream_tells_refusals_without_text_or_numbers(world: Any) -> None:
    url = world.service.http.url
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/v1/stream?events=message.*", headers=headers("demo-alice")) as alice,
        session.get(
            f"{url}/v1/stream?events=message.*,clock.*", headers=headers("demo-imagicle")
        ) as provider,
    ):
        await world.client.post("/v1/messages", {"from": ALICE, "to": ANSWERING, "text": "Hi 😀"})
        [(name, document)] = await asyncio.wait_for(sse_events(alice, 1), 20)
        assert name == "message.refused"
        assert document["data"] == {
            "code": "emoji_not_supported",
            "blockedBy": "gateway",
            "httpStatus": 422,
            "organizationId": "acme-dental",
            "personId": "alice",
        }
        await world.client.post("/v1/clock", {"freeze": True})
        # A provider hears of the clock, and has heard of no text before it.
        [(name, _)] = await asyncio.wait_for(sse_events(provider, 1), 20)
        assert name == "clock.changed"


async def test_a_ticket_opens_the_stream_once(world: Any) -> None:
    url = world.service.http.url
    _, ticket = await world.client.post("/v1/tickets")
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/v1/stream?ticket={ticket['ticket']}") as response:
            assert response.status == 200
        async with session.get(f"{url}/v1/stream?ticket={ticket['ticket']}") as response:
            assert response.status == 401


async def test_two_people_see_their_own_texts_only(world: Any) -> None:
    url = world.service.http.url
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/v1/app?events=message.*", headers=headers("demo-alice")) as alice,
        session.ws_connect(f"{url}/v1/app?events=message.*", headers=headers("demo-bob")) as bob,
    ):
        await alice.send_json({"type": "send", "ref": 7, "to": ANSWERING, "text": "From the app"})
        frames = [await asyncio.wait_for(alice.receive_json(), 20) for _ in range(5)]
        answer = next(frame for frame in frames if frame.get("type"))
        assert (answer["type"], answer["ref"]) == ("accepted", 7)
        assert answer["message"]["from"] == ALICE
        assert [frame["event"] for frame in frames if "event" in frame] == STORY
        await bob.send_json({"type": "send", "ref": "b", "to": ANSWERING, "text": "😀"})
        answer = await asyncio.wait_for(bob.receive_json(), 20)
        assert (answer["type"], answer["ref"], answer["status"]) == ("refused", "b", 403)
        assert answer["errors"][0]["code"] == "number_not_in_campaign"


async def test_the_websocket_answers_nonsense_and_goes_on(world: Any) -> None:
    url = world.service.http.url
    async with (
        aiohttp.ClientSession(headers=headers("demo-alice")) as session,
        session.ws_connect(f"{url}/v1/app?events=none") as socket,
    ):
        deep = "[" * 1100 + "]" * 1100
        for frame in (
            "nonsense",
            "[]",
            '{"type": "sing"}',
            '{"type": "send", "text": "to whom?"}',
            '{"type": "send", "ref": NaN, "to": "+13105550120", "text": "x"}',
            deep,
            f'{{"type": "send", "to": "+13105550120", "text": "x", "files": {deep}}}',
            f'{{"type": "send", "to": "+13105550120", "text": "x", "ref": {deep}}}',
        ):
            await socket.send_str(frame)
            answer = await asyncio.wait_for(socket.receive_json(), 10)
            assert (answer["type"], answer["errors"][0]["code"]) == ("refused", "malformed_request")
        await socket.send_json({"type": "send", "to": ANSWERING, "text": "Still here"})
        assert (await asyncio.wait_for(socket.receive_json(), 10))["type"] == "accepted"


async def test_webhooks_are_signed_and_tell_the_story(world: Any) -> None:
    got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        await got.put((dict(request.headers), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/events", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        status, _ = await world.client.post(
            "/v1/webhooks",
            {
                "name": "Everything",
                "targetUrl": f"http://127.0.0.1:{port}/events",
                "resource": "messages",
                "event": "all",
                "secret": "correct horse",
            },
        )
        assert status == 201
        await world.client.post("/v1/messages", {"from": ALICE, "to": ANSWERING, "text": "Hello"})
        deliveries = [await asyncio.wait_for(got.get(), 20) for _ in range(4)]
    finally:
        await runner.cleanup()
    assert sorted(json.loads(body)["event"] for _, body in deliveries) == sorted(STORY)
    for sent, body in deliveries:
        sha1 = hmac.new(b"correct horse", body, hashlib.sha1).hexdigest()
        sha256 = hmac.new(b"correct horse", body, hashlib.sha256).hexdigest()
        assert (sent["X-Spark-Signature"], sent["X-Signature-256"]) == (sha1, sha256)
