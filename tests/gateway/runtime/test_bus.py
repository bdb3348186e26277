"""The bus: order, bounds, isolation."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from gateway.runtime.bus import Bus


@dataclass(frozen=True, slots=True)
class Accepted:
    name: ClassVar[str] = "message.accepted"
    number: int


@dataclass(frozen=True, slots=True)
class Failed:
    name: ClassVar[str] = "message.failed"
    number: int


async def test_a_subscription_gets_its_types_in_order() -> None:
    bus = Bus()
    async with bus.subscribe(Accepted) as subscription:
        for number in range(3):
            bus.publish(Accepted(number))
            bus.publish(Failed(number))
        assert [(await anext(subscription)).number for _ in range(3)] == [0, 1, 2]
        assert len(subscription) == 0


async def test_no_type_means_every_event() -> None:
    bus = Bus()
    async with bus.subscribe() as everything:
        bus.publish(Accepted(1))
        bus.publish(Failed(2))
        assert await everything.next_batch() == [Accepted(1), Failed(2)]


async def test_a_slow_subscriber_loses_its_oldest_and_nobody_elses() -> None:
    bus = Bus()
    slow, roomy = bus.subscribe(Accepted, max_pending=2), bus.subscribe(Accepted)
    for number in range(5):
        bus.publish(Accepted(number))
    assert (slow.lost, roomy.lost) == (3, 0)
    assert [event.number for event in await slow.next_batch()] == [3, 4]
    assert len(await roomy.next_batch()) == 5


async def test_iteration_waits_and_ends_with_close() -> None:
    bus = Bus()
    subscription = bus.subscribe(Accepted)

    async def read() -> list[int]:
        return [event.number async for event in subscription]

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    bus.publish(Accepted(1))
    await asyncio.sleep(0)
    bus.publish(Accepted(2))
    subscription.close()
    subscription.close()
    bus.publish(Accepted(3))
    assert await reader == [1, 2]
    assert await subscription.next_batch() == []


async def test_a_cancelled_reader_can_read_again() -> None:
    bus = Bus()
    subscription = bus.subscribe(Accepted)
    reader = asyncio.create_task(subscription.next_batch())
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    bus.publish(Accepted(1))
    assert await anext(subscription) == Accepted(1)


def test_listeners_run_inline_and_failures_stay_with_them() -> None:
    bus = Bus()
    heard: list[int] = []

    def broken(event: Accepted) -> None:
        raise RuntimeError

    bus.listen(Accepted, broken)
    leave = bus.listen(Accepted, lambda event: heard.append(event.number))
    bus.publish(Accepted(1))
    leave()
    leave()
    bus.publish(Accepted(2))
    assert heard == [1]


def test_a_listener_may_leave_while_it_is_called() -> None:
    bus = Bus()
    heard: list[str] = []

    def once(_event: Accepted) -> None:
        heard.append("once")
        leave()

    leave = bus.listen(Accepted, once)
    bus.listen(Accepted, lambda _event: heard.append("always"))
    bus.publish(Accepted(1))
    bus.publish(Accepted(2))
    assert heard == ["once", "always", "always"]


def test_wanted_says_whether_building_an_event_is_worth_it() -> None:
    bus = Bus()
    assert not bus.wanted(Accepted)
    subscription = bus.subscribe(Failed)
    assert not bus.wanted(Accepted)
    assert bus.wanted(Failed)
    subscription.close()
    assert not bus.wanted(Failed)
    leave = bus.listen(object, lambda event: None)
    assert bus.wanted(Accepted)
    leave()
    assert not bus.wanted(Accepted)


async def test_one_subscription_of_everything_gets_an_event_once() -> None:
    bus = Bus()
    subscription = bus.subscribe(Accepted, object)
    bus.publish(Accepted(1))
    assert await subscription.next_batch() == [Accepted(1)]
