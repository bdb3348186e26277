"""Webhooks end to end over real sockets: delivered, signed, repeated, dead-lettered, resumed."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import pytest
from aiohttp import web

from gateway.messages.webhooks import TooManyWebhooks
from gateway.runtime.database import DatabaseBusy
from gateway.runtime.http.auth import Principal

from .conftest import CarrierBound, OpenWorld, Receiver, StartReceiver, TextDelivered, World, until


async def test_an_event_arrives_signed(world: World, receiver: Receiver) -> None:
    await world.register(receiver.url)
    world.bus.publish(TextDelivered("t1"))
    ((headers, body),) = await receiver.wait_for(1)
    document = json.loads(body)
    assert (document["event"], document["data"]) == ("message.delivered", {"id": "t1", "carrier": "att"})
    assert document["created"].endswith("Z")
    assert len(document["id"]) == 13
    assert headers["X-Spark-Signature"] == hmac.new(b"s3cret", body, hashlib.sha1).hexdigest()
    assert headers["X-Signature-256"] == hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    await world.settled()
    assert world.outcomes() == {"delivered": 1.0}
    assert await world.webhooks.store.pending() == []


async def test_only_what_is_wanted_and_visible_is_posted(world: World, receiver: Receiver) -> None:
    await world.register(receiver.url, filter="carrier=att")
    await world.register(receiver.url, resource="carriers")
    await world.register(receiver.url, owner=Principal("bob", "person", "acme", "bob"))
    await world.register(receiver.url, owner=Principal("other", "admin", "globex", None))
    world.bus.publish(TextDelivered("t1", carrier="verizon"))
    world.bus.publish(TextDelivered("t2"))
    world.bus.publish(CarrierBound("att"))
    await receiver.wait_for(2)
    await world.settled()
    assert sorted(json.loads(body)["event"] for _, body in receiver.posts) == [
        "carrier.bound",
        "message.delivered",
    ]


async def test_one_document_for_every_webhook(world: World, receiver: Receiver) -> None:
    for _ in range(3):
        await world.register(receiver.url)
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(3)
    assert len({body for _, body in receiver.posts}) == 1
    assert len({headers["X-Delivery-Id"] for headers, _ in receiver.posts}) == 3


async def test_a_refused_delivery_is_repeated_with_the_same_id(world: World, receiver: Receiver) -> None:
    receiver.script = [500, 404]
    await world.register(receiver.url)
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(3)
    await world.settled()
    assert [headers["X-Delivery-Attempt"] for headers, _ in receiver.posts] == ["1", "2", "3"]
    assert len({headers["X-Delivery-Id"] for headers, _ in receiver.posts}) == 1
    assert world.outcomes() == {"retried": 2.0, "delivered": 1.0}


async def test_texts_keep_their_order_and_overtake_each_other(
    open_world: OpenWorld, receiver: Receiver
) -> None:
    world = await open_world(connections=4)
    four = asyncio.Barrier(4)

    async def meet(_request: web.Request) -> int:
        await four.wait()
        return 500

    receiver.script = [meet] * 4
    await world.register(receiver.url)
    for number in range(40):
        world.bus.publish(TextDelivered(f"t{number % 8}", carrier=str(number)))
    await receiver.wait_for(44)
    await world.settled()
    assert receiver.most_at_once == 4
    for text in range(8):
        data = [json.loads(body)["data"] for _, body in receiver.posts]
        order = [int(one["carrier"]) for one in data if one["id"] == f"t{text}"]
        assert order == sorted(order)


async def test_attempts_end_in_a_dead_letter_that_can_be_delivered_again(
    open_world: OpenWorld, receiver: Receiver
) -> None:
    world = await open_world(max_attempts=3)
    receiver.script = [500, 500, 500]
    webhook = await world.register(receiver.url)
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(3)
    await until(lambda: not world.webhooks.waiting(webhook.id))
    await world.database.flush()
    ((letter, dead_ns),) = await world.webhooks.store.dead(webhook.id, 0, 10)
    assert (letter.attempts, letter.error, letter.event) == (
        3,
        "the receiver answered 500",
        "message.delivered",
    )
    assert dead_ns > letter.created_ns
    assert world.outcomes() == {"retried": 2.0, "dead": 1.0}
    assert await world.webhooks.redeliver(webhook.id, letter)
    await receiver.wait_for(4)
    await world.settled()
    assert await world.webhooks.store.count_dead(webhook.id) == 0
    assert [one.state for one in world.webhooks.recent(webhook.id)] == ["delivered", "dead"]


async def test_a_restart_goes_on_where_it_stopped(
    open_world: OpenWorld, start_receiver: StartReceiver
) -> None:
    first = await open_world(first_retry_s=60.0, longest_retry_s=60.0)
    gone = await start_receiver()
    url = gone.url
    gone.script = [500] * 3
    await first.register(url)
    for number in range(3):
        first.bus.publish(TextDelivered(f"t{number}"))
    await until(lambda: first.outcomes() == {"retried": 3.0})
    for _ in range(5):
        first.bus.publish(TextDelivered("t0"))
    await first.webhooks.stop()
    await first.database.flush()
    second = await open_world()
    posts = await gone.wait_for(11)
    await second.settled()
    again = [json.loads(body)["data"]["id"] for _, body in posts[3:]]
    assert sorted(again) == ["t0"] * 6 + ["t1", "t2"]
    assert {headers["X-Delivery-Attempt"] for headers, _ in posts[3:]} == {"1", "2"}
    assert await second.webhooks.store.pending() == []


async def test_an_unreachable_receiver_is_waited_for(
    open_world: OpenWorld, start_receiver: StartReceiver
) -> None:
    world = await open_world(max_attempts=100)
    probe = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    await world.register(f"http://127.0.0.1:{port}/events")
    for number in range(20):
        world.bus.publish(TextDelivered(f"t{number}"))
    await until(lambda: world.outcomes().get("retried", 0) >= 2)
    receiver = await start_receiver(port)
    await receiver.wait_for(20)
    await world.settled()
    assert world.outcomes()["delivered"] == 20.0


async def test_a_full_queue_makes_dead_letters(open_world: OpenWorld, receiver: Receiver) -> None:
    world = await open_world(max_pending=3, connections=1)
    release = asyncio.Event()

    async def slow(_request: web.Request) -> int:
        await release.wait()
        return 200

    receiver.script = [slow]
    webhook = await world.register(receiver.url)
    for number in range(5):
        world.bus.publish(TextDelivered(f"t{number}"))
    await world.database.flush()
    assert await world.webhooks.store.count_dead(webhook.id) == 2
    release.set()
    await receiver.wait_for(3)
    await world.settled()
    assert world.outcomes() == {"delivered": 3.0, "dead": 2.0}


async def test_410_switches_a_webhook_off(world: World, receiver: Receiver) -> None:
    receiver.script = [410]
    await world.register(receiver.url)
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(1)
    await until(lambda: world.webhooks.all()[0].status == "inactive")
    (now,) = world.webhooks.all()
    world.bus.publish(TextDelivered("t2"))
    await world.database.flush()
    assert [one.status for one in await world.webhooks.store.webhooks()] == ["inactive"]
    assert len(receiver.posts) == 1
    changed = await world.webhooks.change(
        now, name="n", target_url=receiver.url, secret=None, status="active"
    )
    assert changed.status == "active"
    await receiver.wait_for(2)
    await world.settled()
    assert "X-Spark-Signature" not in receiver.posts[-1][0]


async def test_a_slow_receiver_is_given_up_on_and_tried_again(
    open_world: OpenWorld, receiver: Receiver
) -> None:
    world = await open_world(timeout_s=0.05)

    async def never(_request: web.Request) -> int:
        await asyncio.sleep(30)
        return 200

    receiver.script = [never]
    await world.register(receiver.url)
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(2)
    await world.settled()
    assert world.outcomes() == {"retried": 1.0, "delivered": 1.0}


async def test_a_changed_target_takes_what_waits(
    world: World, receiver: Receiver, start_receiver: Any
) -> None:
    other = await start_receiver()
    receiver.script = [500] * 50
    webhook = await world.register(receiver.url)
    for number in range(10):
        world.bus.publish(TextDelivered(f"t{number}"))
    await receiver.wait_for(3)
    await world.webhooks.change(webhook, name="n", target_url=other.url, secret="new", status="active")
    await world.settled()
    assert {json.loads(body)["data"]["id"] for _, body in other.posts} == {
        f"t{number}" for number in range(10)
    }


async def test_deleting_ends_everything(world: World, receiver: Receiver) -> None:
    receiver.script = [500] * 50
    webhook = await world.register(receiver.url)
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(1)
    await world.webhooks.delete(webhook.id)
    world.bus.publish(TextDelivered("t2"))
    await world.settled()
    assert world.webhooks.all() == []
    assert await world.webhooks.store.pending() == []
    assert await world.webhooks.store.webhooks() == []


async def test_what_could_not_be_deleted_is_there_still_and_can_be_deleted_again(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_intents: object) -> None:
        raise DatabaseBusy

    webhook = await world.register(receiver.url)
    with monkeypatch.context() as patch:
        patch.setattr(world.database, "write", busy)
        with pytest.raises(DatabaseBusy):
            await world.webhooks.delete(webhook.id)
    assert world.webhooks.get(webhook.id) == webhook
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(1)
    await world.webhooks.delete(webhook.id)
    assert world.webhooks.all() == await world.webhooks.store.webhooks() == []


async def test_draining_leaves_the_rest_to_the_next_start(world: World, receiver: Receiver) -> None:
    async def never(_request: web.Request) -> int:
        await asyncio.sleep(30)
        return 200

    receiver.script = [never]
    await world.register(receiver.url)
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(1)
    await world.webhooks.drain(0.02)
    world.bus.publish(TextDelivered("too late"))
    assert world.webhooks.pending == 1
    await world.webhooks.stop()
    await world.database.flush()
    assert len(await world.webhooks.store.pending()) == 1


async def test_there_is_a_bound_to_webhooks(open_world: OpenWorld, receiver: Receiver) -> None:
    world = await open_world(max_webhooks=1)
    await world.register(receiver.url)
    with pytest.raises(TooManyWebhooks):
        await world.register(receiver.url)


async def test_nobody_listens_while_there_is_no_webhook(world: World, receiver: Receiver) -> None:
    assert not world.bus.wanted(TextDelivered)
    webhook = await world.register(receiver.url)
    assert world.bus.wanted(TextDelivered)
    await world.webhooks.delete(webhook.id)
    assert not world.bus.wanted(TextDelivered)


async def test_old_dead_letters_go_at_the_start(open_world: OpenWorld, receiver: Receiver) -> None:
    world = await open_world(max_attempts=1)
    receiver.script = [500]
    webhook = await world.register(receiver.url)
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(1)
    await world.settled()
    assert await world.webhooks.store.count_dead(webhook.id) == 1
    later = await open_world(dead_letter_keep_s=0.001)
    assert await later.webhooks.store.count_dead(webhook.id) == 0


async def test_a_dead_database_does_not_stop_deliveries(world: World, receiver: Receiver) -> None:
    await world.register(receiver.url)
    await world.database.close()
    receiver.script = [500]
    world.bus.publish(TextDelivered("t1"))
    await receiver.wait_for(2)
    await world.webhooks.drain(10)
    assert world.outcomes() == {"retried": 1.0, "delivered": 1.0, "unstored": 3.0}


async def test_what_is_answered_at_once_is_never_stored(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.messages.webhooks.service.STORE_AFTER_S", 60.0)
    await world.register(receiver.url)
    before = world.metrics.counter("gateway_database_rows_total", "Rows handed to the database")._value.get()
    for number in range(20):
        world.bus.publish(TextDelivered(f"t{number}"))
        await receiver.wait_for(number + 1)
        await until(lambda: not world.webhooks.pending)
    await world.settled()
    after = world.metrics.counter("gateway_database_rows_total", "Rows handed to the database")._value.get()
    assert after == before
