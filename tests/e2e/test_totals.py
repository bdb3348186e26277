"""`/v1/totals` says what the events of the stream add up to, to each caller of what that caller may see."""

import asyncio
from typing import Any

import aiohttp

from gateway.messages.intents import InsertMessage
from gateway.runtime.ids import encode_id

ALICE, ANSWERING = "+12025550100", "+13105550120"


def story(counts: dict[str, Any]) -> dict[str, Any]:
    """The counts without what names the run."""
    return {name: value for name, value in counts.items() if name not in ("run", "eventId")}


async def totals(client: Any, after: str = "") -> dict[str, Any]:
    status, counts = await client.get(f"/v1/totals?after={after}" if after else "/v1/totals")
    assert status == 200
    return counts  # type: ignore[no-any-return]


async def test_totals_are_those_of_the_events(world: Any) -> None:
    _, sent = await world.client.post("/v1/messages", {"from": ALICE, "to": ANSWERING, "text": "Hello"})
    await world.finished(sent["id"])
    _, replies = await world.client.get("/v1/messages?direction=inbound")
    while not replies["items"]:  # its answer
        _, replies = await world.client.get("/v1/messages?direction=inbound")
    for text in ("Hi 😀", "Hi 😀😀"):
        await world.client.post("/v1/messages", {"from": ALICE, "to": ANSWERING, "text": text})
    await world.client.post("/v1/messages", {"personId": "bob", "to": ANSWERING, "text": "from nobody"})
    whole = {
        "accepted": 1,
        "delivered": 1,
        "failed": 0,
        "received": 1,
        "failures": {},
        "refused": 3,
        "refusals": {"emoji_not_supported": 2, "number_not_in_campaign": 1},
    }
    assert story(await totals(world.client)) == whole
    async with world.as_("demo-bob") as bob, world.as_("demo-imagicle") as provider:
        assert story(await totals(bob)) == {
            **whole,
            "accepted": 0,
            "delivered": 0,
            "received": 0,
            "refused": 1,
            "refusals": {"number_not_in_campaign": 1},
        }
        assert (await provider.get("/v1/totals"))[0] == 403


def stored(number: int, state: str, **more: Any) -> InsertMessage:
    """A text as it is in the database."""
    row: dict[str, Any] = dict.fromkeys(InsertMessage._fields)
    row |= {"id": number, "direction": "outbound", "state": state, "source": ALICE, "destination": ANSWERING}
    row |= {"text": "Hello", "encoding": "gsm7", "segments": 1, "carrier": "tmobile", "reference": 0}
    row |= {"created_ns": 1, "release_ns": 1, "expires_ns": 1, "updated_ns": 1}
    return InsertMessage(**{**row, "organization_id": "acme-dental", "person_id": "alice", **more})


async def test_only_texts_after_one_are_counted_and_the_failed_by_their_code(world: Any) -> None:
    first = 1_000
    await world.service.world.database.write(
        stored(first, "delivered"),
        stored(first + 1, "submitted"),
        stored(first + 2, "queued"),
        stored(first + 3, "rejected", code="spam_blocked"),
        stored(first + 4, "rejected", code="spam_blocked", person_id="carol"),
        stored(first + 5, "undeliverable"),
        stored(first + 6, "undeliverable", direction="inbound", code="recipient_unknown"),
        stored(first + 7, "delivered", organization_id="other"),
    )
    counts = story(await totals(world.client, encode_id(first)))
    assert counts == {
        "accepted": 5,
        "delivered": 0,
        "failed": 3,
        "received": 1,
        "failures": {"spam_blocked": 2},
        "refused": 0,
        "refusals": {},
    }
    assert (await totals(world.client))["delivered"] == 1
    async with world.as_("demo-alice") as alice:
        assert (await totals(alice))["failures"] == {"spam_blocked": 1}
    status, refusal = await world.client.get("/v1/totals?after=no-id!")
    assert (status, refusal["errors"][0]["code"]) == (400, "malformed_request")


async def test_a_count_names_the_event_up_to_which_it_counts(world: Any) -> None:
    url = f"{world.service.http.url}/v1/stream?events=message.accepted"
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer demo-admin"}) as session,
        session.ws_connect(url) as socket,
    ):
        await world.client.post("/v1/messages", {"from": ALICE, "to": ANSWERING, "text": "Hello"})
        accepted = await asyncio.wait_for(socket.receive_json(), 20)
        counts = await totals(world.client)
    run, _, number = accepted["id"].partition("-")
    assert counts["accepted"] == 1
    assert counts["run"] == run
    assert int(counts["eventId"].removeprefix(f"{run}-")) >= int(number)
