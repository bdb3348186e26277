"""Stepping the world: nothing is skipped, nothing is early, and real time is only waited for at a speed."""

import asyncio

from gateway.replay.memory import Wire
from gateway.replay.pace import Pace
from gateway.runtime.clock import SECOND_NS, WorldClock


async def test_steps_visit_every_due_moment_and_end_where_told():
    clock, seen = WorldClock(0, frozen=True), []

    def note(name):
        seen.append((name, clock.now_ns()))
        if name == "a":
            clock.call_at(clock.now_ns() + 5, note, "b")

    clock.call_at(10, note, "a")
    clock.call_at(30, note, "c")
    pace = Pace(clock, None)
    await pace.move_to(20)
    assert (seen, clock.now_ns()) == ([("a", 10), ("b", 15)], 20)
    await pace.move_to(5)
    assert clock.now_ns() == 20


async def test_what_is_in_flight_holds_the_world():
    clock = WorldClock(0, frozen=True)
    pace = Pace(clock, None)
    clock.begin()
    moving = asyncio.ensure_future(pace.move_to(SECOND_NS))
    for _ in range(20):
        await asyncio.sleep(0)
    assert clock.now_ns() == 0
    clock.end()
    await moving
    assert clock.now_ns() == SECOND_NS


async def test_a_speed_takes_its_time_until_hurried():
    clock, loop = WorldClock(0, frozen=True), asyncio.get_running_loop()
    pace = Pace(clock, 100.0)
    begun = loop.time()
    await pace.move_to(20 * SECOND_NS)
    assert loop.time() - begun >= 0.199
    moving = asyncio.ensure_future(pace.move_to(100_000 * SECOND_NS))
    await asyncio.sleep(0.01)
    pace.hurry()
    await asyncio.wait_for(moving, 5)
    assert clock.now_ns() == 100_000 * SECOND_NS


def test_a_wire_delivers_in_order_and_never_inside_itself():
    wire, heard, depth = Wire(), [], [0]

    class End:
        def receive(self, data):
            depth[0] += 1
            assert depth[0] == 1
            heard.append(data)
            if data < 5:
                wire.carry(self, data + 1)
                wire.carry(self, data + 100)
            depth[0] -= 1

    wire.carry(End(), 0)
    assert heard == [0, 1, 100, 2, 101, 3, 102, 4, 103, 5, 104]
