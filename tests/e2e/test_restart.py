"""A restart takes up everything unfinished: unsent texts, awaited receipts, half texts, queued releases."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from gateway.load.judge import Admitted, window_excess
from gateway.messages.events import MessageSubmitted
from gateway.throttle.limits import HOUR_NS

ALICE, PLAIN, SLOW = "+12025550100", "+13105550125", "+13105550122"
ONLY_TEXTING = ("texting",)


async def send(client: Any, to: str, text: str) -> str:
    status, message = await client.post("/v1/messages", {"from": ALICE, "to": to, "text": text})
    assert status == 202, message
    return str(message["id"])


@pytest.mark.parametrize("kill", [False, True], ids=["drained", "stopped at once"])
async def test_texts_accepted_without_a_carrier_go_out_after_the_restart(open_world: Any, kill: bool) -> None:
    async with open_world(parts=ONLY_TEXTING, kill=kill) as first:
        ids = [await send(first.client, PLAIN, f"Text {number}") for number in range(5)]
        _, message = await first.client.get(f"/v1/messages/{ids[0]}")
        assert message["state"] in ("accepted", "queued")
    async with open_world() as second:
        finals = [await second.client.follow(each, 20) for each in ids]
    assert [final["state"] for final in finals] == ["delivered"] * 5
    # Texts of one pair go out in the order they were accepted.
    submitted = [
        next(moment["sequenceNumber"] for moment in final["timeline"] if moment["event"] == "submit_sm")
        for final in finals
    ]
    assert submitted == sorted(submitted)


async def test_a_receipt_after_the_restart_finds_its_text(open_world: Any) -> None:
    async with open_world() as first:
        message_id = await send(first.client, SLOW, "Take your time")
        async with first.service.world.bus.subscribe(MessageSubmitted) as submitted:
            if (await first.client.get(f"/v1/messages/{message_id}"))[1]["state"] != "submitted":
                await anext(submitted)
        assert first.service.texting.receipts.waiting == 1
    async with open_world(parts=ONLY_TEXTING) as second:
        assert second.service.texting.receipts.waiting == 1
        _, message = await second.client.get(f"/v1/messages/{message_id}")
        assert message["state"] == "submitted"


@pytest.mark.parametrize("kill", [False, True], ids=["drained", "stopped at once"])
async def test_a_carrier_tells_after_the_restart_what_it_acknowledged_before(
    open_world: Any, kill: bool
) -> None:
    frozen = ("clock.mode=frozen", "clock.start=2026-11-02T15:00:00Z")
    async with open_world(*frozen, kill=kill) as first:
        ids = [await send(first.client, to, "Take your time") for to in (PLAIN, "+16045550151")]
        for each in ids:
            await submitted(first, each)
        await first.client.post(
            "/v1/carriers/bell/inbound", {"from": "+15145550124", "to": "+12025550199", "text": "for a guest"}
        )
    async with open_world(*frozen) as second:
        assert second.service.carriers.carrier("bell").state().waiting == 1
        finals = [await second.finished(each) for each in ids]
        assert [final["state"] for final in finals] == ["delivered", "undeliverable"]
        assert all(carrier.state().waiting == 0 for carrier in others(second, "bell"))


@pytest.mark.parametrize(("settings", "kept"), [((), 0), (("carriers.durable=true",), 1)])
async def test_carriers_alone_keep_what_they_owe_where_that_is_asked_for(
    open_world: Any, settings: tuple[str, ...], kept: int
) -> None:
    path = "/v1/carriers/bell"
    text = {"from": "+15145550124", "to": "+12025550199", "text": "for a guest"}
    async with open_world(*settings, parts=("carriers",)) as first:
        assert (await first.client.post(f"{path}/inbound", text))[0] == 202
        assert (await first.client.get(path))[1]["waiting"] == 1
    async with open_world(*settings, parts=("carriers",)) as second:
        assert (await second.client.get(path))[1]["waiting"] == kept


def others(world: Any, name: str) -> list[Any]:
    return [carrier for carrier in world.service.carriers.carriers.values() if carrier.name != name]


async def test_a_queued_release_survives(open_world: Any) -> None:
    frozen = ("clock.mode=frozen", "clock.start=2026-11-02T15:00:00Z")
    slow = 'limits.number={"rate": {"segments": 1, "per": "minute", "burst": 1, "overflow": "queue"}}'
    async with open_world(*frozen, slow) as first:
        now_id = await send(first.client, PLAIN, "Now")
        later_id = await send(first.client, PLAIN, "Later")
        _, later = await first.client.get(f"/v1/messages/{later_id}")
        assert later["state"] == "queued"
        assert later["releaseAt"] == "2026-11-02T15:01:00.000Z"
    async with open_world(*frozen, slow) as second:
        _, later = await second.client.get(f"/v1/messages/{later_id}")
        assert later["state"] == "queued"
        await second.client.post("/v1/clock", {"advance": 59})
        _, later = await second.client.get(f"/v1/messages/{later_id}")
        assert later["state"] == "queued"
        await second.client.post("/v1/clock", {"advance": 30})
        assert (await advance_until_final(second.client, later_id))["state"] == "delivered"
    assert now_id != later_id


@pytest.mark.parametrize("kill", [False, True], ids=["drained", "stopped at once"])
async def test_an_advanced_world_goes_on_where_it_was(open_world: Any, kill: bool) -> None:
    slow = 'limits.number={"rate": {"segments": 1, "per": "minute", "burst": 1, "overflow": "queue"}}'
    async with open_world(slow, "limits.person={}", kill=kill) as first:
        _, clock = await first.client.post("/v1/clock", {"advance": 10 * 86_400})
        ids = [await send(first.client, PLAIN, f"Text {number}") for number in range(3)]
        due = await release_of(first, ids[2])
        _, limits = await first.client.get("/v1/limits/number/%2B12025550100")
    async with open_world(slow, "limits.person={}") as second:
        _, again = await second.client.get("/v1/clock")
        assert clock["now"] <= again["now"] < due, "the world keeps its lead and goes on"
        assert (again["mode"], again["speed"]) == ("scaled", 1.0)
        assert await release_of(second, ids[2]) == due
        _, used = await second.client.get("/v1/limits/number/%2B12025550100")
        assert used["usedRatio"] <= limits["usedRatio"]
        await second.client.post("/v1/clock", {"advance": 200})
        assert (await second.client.follow(ids[2], 20))["state"] == "delivered"
        assert (await second.client.follow(await send(second.client, PLAIN, "Next"), 20))[
            "state"
        ] == "delivered"


async def test_a_world_begins_anew_only_where_that_is_asked_for(open_world: Any) -> None:
    frozen = ("clock.mode=frozen", "clock.start=2026-11-02T15:00:00Z")
    async with open_world(*frozen, parts=ONLY_TEXTING) as first:
        await first.client.post("/v1/clock", {"advance": 3600})
    async with open_world(*frozen, parts=ONLY_TEXTING) as second:
        assert (await second.client.get("/v1/clock"))[1]["now"] == "2026-11-02T16:00:00.000Z"
    async with open_world(*frozen, "clock.resume=false", parts=ONLY_TEXTING) as third:
        assert (await third.client.get("/v1/clock"))[1]["now"] == "2026-11-02T15:00:00.000Z"


async def test_what_fell_due_meanwhile_leaves_one_after_another(open_world: Any) -> None:
    frozen = ("clock.mode=frozen", "limits.person={}", "limits.number={}")
    hourly = '{"cap": 2, "period": "hour", "overflow": "defer", "windows_ahead": 9, "release_per_s": 1}'
    limits = (*frozen, f'limits.organization={{"window": {hourly}}}')
    async with open_world(*limits, "clock.start=2026-11-02T15:00:00Z", parts=ONLY_TEXTING) as first:
        ids = [await send(first.client, (PLAIN, SLOW)[number % 2], f"Text {number}") for number in range(8)]
        told = [await release_of(first, each) for each in ids]
        assert [moment[11:13] for moment in told] == ["15", "15", "16", "16", "17", "17", "18", "18"]
        await first.service.texting.reservations.compact(utc_ns("2026-11-02T16:30:00Z"))
    async with open_world(*limits, "clock.start=2026-11-02T17:30:00Z") as second:
        releases = [await release_of(second, each) for each in ids]
        assert [moment[11:13] for moment in releases] == ["17", "17", "18", "18", "19", "19", "20", "20"]
        await second.client.post("/v1/clock", {"advance": 3 * 3600})
        sent = [await submitted(second, each) for each in ids]
    assert all(moment >= due for moment, due in zip(sent, releases, strict=True))
    admitted = [Admitted(utc_ns(moment), 1) for moment in sent]
    assert window_excess(admitted, 2, hour_of) is None
    assert sent[0::2] == sorted(sent[0::2])
    assert sent[1::2] == sorted(sent[1::2])


async def release_of(world: Any, message_id: str) -> str:
    return str((await world.client.get(f"/v1/messages/{message_id}"))[1]["releaseAt"])


async def submitted(world: Any, message_id: str) -> str:
    """When the text went to its carrier, world time; it did so once."""
    async with asyncio.timeout(30):
        while True:
            _, message = await world.client.get(f"/v1/messages/{message_id}")
            moments = [moment["at"] for moment in message["timeline"] if moment["event"] == "submit_sm"]
            if moments:
                assert len(moments) == 1
                return str(moments[0])
            await asyncio.sleep(0.02)


def utc_ns(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp()) * 1_000_000_000


def hour_of(at_ns: int) -> tuple[int, int]:
    start_ns = at_ns // HOUR_NS * HOUR_NS
    return start_ns, start_ns + HOUR_NS


async def advance_until_final(client: Any, message_id: str) -> dict[str, Any]:
    """Move a frozen world on, a second at a time, until the text has its outcome."""
    for _ in range(60):
        message: dict[str, Any] = await client.follow(message_id, 0.1)
        if message["state"] == "delivered":
            return message
        await client.post("/v1/clock", {"advance": 1})
    return message


async def test_half_an_inbound_text_waits_across_the_restart(open_world: Any) -> None:
    from gateway.smpp.pdu import DeliverSm
    from gateway.smpp.segment import segment_text

    first_half, second_half = (
        DeliverSm(
            source_addr_ton=1,
            source_addr="12125550121",
            dest_addr_ton=1,
            destination_addr=ALICE[1:],
            esm_class=segment.esm_class,
            data_coding=segment.data_coding,
            short_message=segment.short_message,
        )
        for segment in segment_text("x" * 200, 77)
    )
    async with open_world(parts=ONLY_TEXTING) as first:
        answered = asyncio.get_running_loop().create_future()
        first.service.texting.inbound.on_deliver("att", first_half, answered.set_result)
        assert await answered == 0
    async with open_world(parts=ONLY_TEXTING) as second:
        answered = asyncio.get_running_loop().create_future()
        second.service.texting.inbound.on_deliver("att", second_half, answered.set_result)
        assert await answered == 0
        message = await second.client.received(5, number="+12125550121")
        assert (message["text"], message["segments"]) == ("x" * 200, 2)


async def test_new_keys_follow_the_old_ones(open_world: Any) -> None:
    async with open_world() as first:
        before = await send(first.client, PLAIN, "Before")
    async with open_world() as second:
        after = await send(second.client, PLAIN, "After")
    assert after > before
