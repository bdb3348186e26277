"""One text end to end, over real HTTP and SMPP sockets, and what is refused on the way."""

import asyncio
from typing import Any

import pytest

ALICE, BOB, SPARE = "+12025550100", "+12025550101", "+12025550105"
ANSWERING, SWITCHED_OFF, SLOW, SILENT = (f"+1310555012{digit}" for digit in range(4))
PLAIN = "+13105550125"


async def send(client: Any, to: str, text: str, **extra: Any) -> tuple[int, Any]:
    return await client.post("/v1/messages", {"from": ALICE, "to": to, "text": text, **extra})


async def delivered(client: Any, to: str, text: str) -> dict[str, Any]:
    status, message = await send(client, to, text)
    assert status == 202, message
    final: dict[str, Any] = await client.follow(message["id"], 20)
    return final


async def test_a_text_is_delivered_and_answered(world: Any) -> None:
    final = await delivered(world.client, ANSWERING, "Hello from Acme")
    assert final["state"] == "delivered"
    assert [moment["event"] for moment in final["timeline"]] == [
        "accepted",
        "submit_sm",
        "submit_sm_resp",
        "deliver_sm",
        "delivered",
    ]
    answer = await world.client.received(20, number=ANSWERING)
    assert answer["to"] == ALICE
    assert answer["personId"] == "alice"
    assert "Hello from Acme" in answer["text"]


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("x" * 160, "gsm7", 1),
        ("x" * 161, "gsm7", 2),
        ("€" * 80, "gsm7", 1),
        ("€" * 81, "gsm7", 2),
        ("я" * 70, "ucs2", 1),
        ("я" * 71, "ucs2", 2),
        ("я" * 134, "ucs2", 2),
    ],
)
async def test_long_texts_go_out_in_segments(world: Any, text: str, encoding: str, segments: int) -> None:
    final = await delivered(world.client, PLAIN, text)
    assert (final["state"], final["encoding"], final["segments"]) == ("delivered", encoding, segments)
    parts = {moment["part"] for moment in final["timeline"] if moment["event"] == "submit_sm"}
    assert parts == set(range(1, segments + 1))


async def test_a_handset_that_is_off_is_undeliverable(world: Any) -> None:
    final = await delivered(world.client, SWITCHED_OFF, "Anybody there?")
    assert final["state"] == "undeliverable"
    assert final["code"].startswith("carrier_")


@pytest.mark.parametrize(
    ("to", "text", "extra", "code"),
    [
        (PLAIN, "X-ray", {"files": ["https://acme.example/x.png"]}, "mms_not_supported"),
        (PLAIN, "See you 😀", {}, "emoji_not_supported"),
        (PLAIN, "Love ❤️", {}, "emoji_not_supported"),
        (PLAIN, "Press 1️⃣", {}, "emoji_not_supported"),
        ("+442071838750", "Hello", {}, "international_not_supported"),
        ("+18765550120", "Hello", {}, "international_not_supported"),
        ("911", "Help", {}, "destination_invalid"),
    ],
)
async def test_refusals_carry_code_reason_and_party(
    world: Any, to: str, text: str, extra: dict[str, Any], code: str
) -> None:
    status, document = await send(world.client, to, text, **extra)
    assert status == 422
    assert document["errors"][0]["code"] == code
    assert document["blockedBy"] == "gateway"
    assert document["message"]
    assert document["trackingId"]
    metrics = world.service.world.metrics.render().decode()
    assert f'gateway_messages_rejected_total{{code="{code}",direction="outbound"}} 1.0' in metrics
    _, page = await world.client.get("/v1/messages")
    assert page["items"] == []


@pytest.mark.parametrize("text", ["© ® ™ 1 # *", ":-)", "Price 5€ {ok}", "naïve"])
async def test_what_only_looks_like_emoji_passes(world: Any, text: str) -> None:
    assert (await delivered(world.client, PLAIN, text))["state"] == "delivered"


@pytest.mark.parametrize(
    ("source", "text", "files", "state", "code"),
    [
        ("+12125550121", "Hi there", [], "received", None),
        ("+12125550122", "", ["photo.jpg"], "rejected", "mms_not_supported"),
        ("+12125550123", "👍🏽", [], "rejected", "emoji_not_supported"),
        ("+447700900123", "Hi", [], "rejected", "international_not_supported"),
    ],
)
async def test_inbound_texts_are_stored_whatever_the_rules_say(
    world: Any, source: str, text: str, files: list[str], state: str, code: str | None
) -> None:
    body = {"from": source, "to": ALICE, "text": text, "files": files}
    status, answer = await world.client.post("/v1/carriers/att/inbound", body)
    assert status == 202, answer
    message = await world.client.received(20, number=source)
    assert (message["state"], message.get("code")) == (state, code)


async def test_an_inbound_text_in_segments_becomes_one(world: Any) -> None:
    text = "Many words " * 60
    await world.client.post(
        "/v1/carriers/verizon/inbound", {"from": "+14155550121", "to": ALICE, "text": text.strip()}
    )
    message = await world.client.received(20, number="+14155550121")
    assert message["text"] == text.strip()
    assert message["segments"] == 5


async def test_an_inbound_text_to_nobody_is_kept_with_its_code(world: Any) -> None:
    body = {"from": "+12125550121", "to": "+12025550109", "text": "Hello?"}
    await world.client.post("/v1/carriers/att/inbound", body)
    async with world.as_("demo-partner") as partner:
        message = await partner.received(20, number="+12125550121")
    assert message is not None
    assert (message["state"], message["code"]) == ("undeliverable", "recipient_unknown")


async def test_an_inbound_text_to_a_number_without_a_person_is_its_organisations(world: Any) -> None:
    body = {"from": "+12125550124", "to": SPARE, "text": "Hello?"}
    await world.client.post("/v1/carriers/att/inbound", body)
    message = await world.client.received(20, number="+12125550124")
    assert message is not None
    assert (message["code"], message["organizationId"]) == ("recipient_unknown", "acme-dental")
    assert "personId" not in message
    _, page = await world.client.get("/v1/messages", code="recipient_unknown")
    assert [item["id"] for item in page["items"]] == [message["id"]]


@pytest.mark.parametrize(
    ("source", "token", "code", "says"),
    [
        (SPARE, "demo-admin", "no_primary_number", "no user's"),
        ("+12025550160", "demo-admin", "business_identity_only", "work number only"),
        ("+12025550160", "demo-alice", "business_identity_only", "work number only"),
        ("+12025550199", "demo-admin", "organization_not_eligible", "no organisation"),
    ],
)
async def test_a_number_without_a_person_is_refused_for_its_own_reason(
    world: Any, source: str, token: str, code: str, says: str
) -> None:
    async with world.as_(token) as client:
        status, document = await client.post("/v1/messages", {"from": source, "to": PLAIN, "text": "Hi"})
    assert (status, document["errors"][0]["code"]) == (403, code)
    assert says in document["message"]


async def test_texts_side_by_side_are_all_delivered(world: Any) -> None:
    async def one(number: int) -> str:
        to = f"+1310555{2000 + number}"
        status, message = await send(world.client, to, f"Text {number}")
        assert status == 202, message
        return str((await world.client.follow(message["id"], 60))["state"])

    states = await asyncio.gather(*(one(number) for number in range(10)))
    assert set(states) == {"delivered"}


async def test_an_idempotency_key_gives_the_first_answer_again(world: Any) -> None:
    body = {"from": ALICE, "to": PLAIN, "text": "Once only"}
    key = {"Idempotency-Key": "order-17"}
    first = await world.client.post("/v1/messages", body, headers=key)
    again = await world.client.post("/v1/messages", body, headers=key)
    assert first[0] == again[0] == 202
    assert first[1]["id"] == again[1]["id"]
    other = await world.client.post("/v1/messages", {**body, "text": "Another"}, headers=key)
    assert other[0] == 409
    assert other[1]["errors"][0]["code"] == "idempotency_key_reused"
    _, page = await world.client.get("/v1/messages", direction="outbound")
    assert len(page["items"]) == 1


async def test_concurrent_repeats_with_one_key_send_once(world: Any) -> None:
    body = {"from": ALICE, "to": PLAIN, "text": "Once only"}
    answers = await asyncio.gather(
        *(world.client.post("/v1/messages", body, headers={"Idempotency-Key": "k"}) for _ in range(8))
    )
    assert {status for status, _ in answers} == {202}
    assert len({message["id"] for _, message in answers}) == 1


async def test_bulk_has_a_result_per_item_in_order(world: Any) -> None:
    items = [
        {"from": ALICE, "to": PLAIN, "text": "One"},
        {"from": ALICE, "to": PLAIN, "text": "Two 😀"},
        {"from": ALICE, "to": "+442071838750", "text": "Three"},
        {"personId": "nobody", "to": PLAIN, "text": "Four"},
        {"personId": "alice", "to": PLAIN, "text": "Five"},
        5,
        {"from": ALICE, "text": "To whom?"},
    ]
    status, results = await world.client.post("/v1/messages/bulk", items)
    assert status == 200
    assert [result["status"] for result in results] == [202, 422, 422, 400, 202, 400, 400]
    assert results[6]["errors"] == [{"description": "$.to: Field required", "code": "malformed_request"}]
    assert results[1]["errors"][0]["code"] == "emoji_not_supported"
    assert results[0]["message"]["text"] == "One"


async def test_many_bulks_at_once_keep_their_order_beyond_a_turn(world: Any) -> None:
    """Bulk requests are taken a hundred texts at a time, in turns with all others."""

    async def bulk(name: str) -> None:
        good = {place: {"from": ALICE, "to": PLAIN, "text": f"{name} {place}"} for place in (0, 99, 100, 220)}
        items = [good.get(place, place) for place in range(221)]
        status, results = await world.client.post("/v1/messages/bulk", items)
        assert status == 200
        assert [result["status"] for result in results] == [
            202 if place in good else 400 for place in range(221)
        ]
        assert [results[place]["message"]["text"] for place in good] == [
            item["text"] for item in good.values()
        ]

    await asyncio.gather(bulk("a"), bulk("b"))


async def test_a_bulk_request_repeated_with_its_key_sends_once(world: Any) -> None:
    key = {"Idempotency-Key": "batch-17"}
    items = [
        *({"from": ALICE, "to": PLAIN, "text": f"Once {number}"} for number in range(101)),
        {"from": ALICE, "to": PLAIN, "text": "Never 😀"},
        5,
    ]
    status, first = await world.client.post("/v1/messages/bulk", items, headers=key)
    assert status == 200
    await world.client.follow(first[0]["message"]["id"], 20)
    status, again = await world.client.post("/v1/messages/bulk", items, headers=key)
    assert status == 200
    assert [result["status"] for result in again] == [result["status"] for result in first]
    texts = [result["message"] for result in first[:101]]
    assert [result["message"]["id"] for result in again[:101]] == [text["id"] for text in texts]
    assert again[0]["message"]["state"] == "delivered"
    _, page = await world.client.get("/v1/messages", direction="outbound", max=1000)
    assert len(page["items"]) == 101
    for other in (items[:-1], [*items[1:], items[0]]):
        status, document = await world.client.post("/v1/messages/bulk", other, headers=key)
        assert (status, document["errors"][0]["code"]) == (409, "idempotency_key_reused")


async def test_concurrent_repeats_of_a_bulk_request_send_once(world: Any) -> None:
    items = [{"from": ALICE, "to": PLAIN, "text": f"Once {number}"} for number in range(3)]
    answers = await asyncio.gather(
        *(world.client.post("/v1/messages/bulk", items, headers={"Idempotency-Key": "k"}) for _ in range(4)),
        world.client.post("/v1/messages/bulk", items),
        world.client.post("/v1/messages", items[0], headers={"Idempotency-Key": "another"}),
    )
    assert {status for status, _ in answers} == {200, 202}
    *keyed, plain, single = (answer for _, answer in answers)
    texts = {tuple(result["message"]["id"] for result in results) for results in keyed}
    assert len(texts) == 1
    everything = {*texts.pop(), *(result["message"]["id"] for result in plain), single["id"]}
    _, page = await world.client.get("/v1/messages", direction="outbound")
    assert {message["id"] for message in page["items"]} == everything
    assert len(everything) == 7


async def test_a_key_is_of_one_text_or_of_one_batch(world: Any) -> None:
    item = {"from": ALICE, "to": PLAIN, "text": "Same key"}
    doors = [("/v1/messages", item), ("/v1/messages/bulk", [item])]
    for key, (first, second) in (("a", doors), ("b", reversed(doors))):
        headers = {"Idempotency-Key": key}
        status, _ = await world.client.post(*first, headers=headers)
        assert status in (200, 202)
        status, document = await world.client.post(*second, headers=headers)
        assert (status, document["errors"][0]["code"]) == (409, "idempotency_key_reused")
        again, _ = await world.client.post(*first, headers=headers)
        assert again in (200, 202)
    _, page = await world.client.get("/v1/messages", direction="outbound")
    assert len(page["items"]) == 2


async def test_a_text_and_a_batch_that_race_with_one_key_are_not_both_sent(world: Any) -> None:
    item = {"from": ALICE, "to": PLAIN, "text": "Same key"}
    headers = {"Idempotency-Key": "race"}
    answers = await asyncio.gather(
        *(world.client.post("/v1/messages", item, headers=headers) for _ in range(3)),
        *(world.client.post("/v1/messages/bulk", [5, item], headers=headers) for _ in range(3)),
    )
    single, batch = {status for status, _ in answers[:3]}, {status for status, _ in answers[3:]}
    assert (single, batch) in (({202}, {409}), ({409}, {200}))
    _, page = await world.client.get("/v1/messages", direction="outbound")
    assert len(page["items"]) == 1


async def test_what_a_bulk_request_was_refused_is_tried_anew(open_world: Any) -> None:
    items = [{"from": ALICE, "to": PLAIN, "text": f"Text {number}"} for number in range(3)]
    key = {"Idempotency-Key": "again"}
    limit = "limits.number={rate: {segments: 2, per: hour, burst: 2}}"
    async with open_world(limit, "limits.person={}", "clock={mode: frozen}") as world:
        _, first = await world.client.post("/v1/messages/bulk", items, headers=key)
        assert [result["status"] for result in first] == [202, 202, 429]
        await world.client.post("/v1/clock", {"advance": 3600})
        _, again = await world.client.post("/v1/messages/bulk", items, headers=key)
        assert [result["status"] for result in again] == [202, 202, 202]
        assert [each["message"]["id"] for each in again[:2]] == [each["message"]["id"] for each in first[:2]]


async def test_a_person_texts_as_that_person_only(world: Any) -> None:
    async with world.as_("demo-alice") as alice:
        status, message = await alice.post("/v1/messages", {"to": PLAIN, "text": "From me"})
        assert (status, message["from"]) == (202, ALICE)
        status, document = await alice.post("/v1/messages", {"from": BOB, "to": PLAIN, "text": "As Bob"})
        assert (status, document["errors"][0]["code"]) == (403, "business_identity_only")
    async with world.as_("demo-bob") as bob:
        status, _ = await bob.get(f"/v1/messages/{message['id']}")
        assert status == 404
        _, page = await bob.get("/v1/messages")
        assert page["items"] == []


@pytest.mark.parametrize("token", ["demo-imagicle", "demo-dubber-admin"])
async def test_recording_providers_neither_read_nor_send_texts(world: Any, token: str) -> None:
    await send(world.client, PLAIN, "Private")
    async with world.as_(token) as provider:
        for path in ("/v1/messages", "/v1/messages/0000000000000"):
            assert (await provider.get(path))[0] == 403
        for body in ({"from": ALICE}, {"personId": "alice"}):
            status, document = await provider.post("/v1/messages", {**body, "to": PLAIN, "text": "Spoof"})
            assert (status, document["errors"][0]["code"]) == (403, "role_not_allowed")
        assert (await provider.post("/v1/messages/bulk", [{"from": ALICE, "to": PLAIN, "text": "x"}]))[
            0
        ] == 403
        for path in ("/v1/people", "/v1/numbers", "/v1/webhooks"):
            assert (await provider.get(path))[1]["items"] == [], path


async def test_listing_pages_and_filters(world: Any) -> None:
    for number in range(5):
        await send(world.client, PLAIN, f"Text {number}")
    seen = [message["text"] async for message in world.client.pages("/v1/messages", max=2)]
    assert seen == [f"Text {number}" for number in (4, 3, 2, 1, 0)]
    _, found = await world.client.get("/v1/messages", contains="Text 3")
    assert [message["text"] for message in found["items"]] == ["Text 3"]


async def test_malformed_requests_name_every_fault(world: Any) -> None:
    status, document = await world.client.post("/v1/messages", {"text": 5, "colour": "red"})
    assert status == 400
    text = " ".join(error["description"] for error in document["errors"])
    assert "$.to" in text
    assert "$.text" in text
    assert "$.colour" in text
    assert {error["code"] for error in document["errors"]} == {"malformed_request"}
