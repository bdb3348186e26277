"""A world that jumps owes one sweep, and another one if it jumps while that runs."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.messages import upkeep as upkeep_module
from gateway.messages.upkeep import SWEEP_NS, Upkeep
from gateway.runtime.clock import WorldClock
from gateway.runtime.errors import DatabaseBusy
from gateway.throttle.settings import LimitsSettings


class Swept:
    """Counts sweeps, each held up until it is let go."""

    def __init__(self) -> None:
        self.sweeps = self.idle = self.compacted = 0
        self.gate = asyncio.Event()

    async def sweep(self) -> int:
        self.sweeps += 1
        await self.gate.wait()
        return 0


class Counted:
    def __init__(self) -> None:
        self.calls = 0
        self.called = asyncio.Event()

    def sweep(self, now_ns: int) -> int:
        self.calls += 1
        self.called.set()
        return 0

    async def compact(self, now_ns: int) -> int:
        return self.sweep(now_ns)


async def test_many_hours_at_once_are_one_sweep_and_a_jump_meanwhile_one_more() -> None:
    clock, retention, tasks = WorldClock(0, frozen=True), Swept(), []
    limiter, reservations = Counted(), Counted()

    def spawn(work: Coroutine[Any, Any, Any], _name: str) -> None:
        tasks.append(asyncio.ensure_future(work))

    upkeep = Upkeep(
        retention=retention,  # type: ignore[arg-type]
        limiter=limiter,  # type: ignore[arg-type]
        reservations=reservations,  # type: ignore[arg-type]
        settings=LimitsSettings(sweep_interval_s=0.001, compact_interval_s=0.001),
        clock=clock,
        spawn=spawn,
    )
    upkeep.start()
    clock.advance(1_000 * SWEEP_NS / 1e9)
    assert clock.in_flight == 1
    await asyncio.sleep(0)
    assert retention.sweeps == 1
    clock.advance(1_000 * SWEEP_NS / 1e9)
    retention.gate.set()
    await asyncio.gather(*tasks)
    assert retention.sweeps == 2
    assert clock.in_flight == 0
    await limiter.called.wait()
    await reservations.called.wait()
    upkeep.stop()
    clock.advance(10 * SWEEP_NS / 1e9)
    await asyncio.gather(*tasks)
    assert retention.sweeps == 2


async def test_what_the_database_does_not_take_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep_module, "RETRY_S", 0.001)
    clock, tasks, swept, folded = WorldClock(0, frozen=True), [], asyncio.Event(), asyncio.Event()

    class Away:
        """Takes nothing twice, and then everything."""

        def __init__(self, done: asyncio.Event) -> None:
            self.calls, self.done = 0, done

        async def sweep(self) -> int:
            self.calls += 1
            if self.calls <= 2:
                raise DatabaseBusy("locked")
            self.done.set()
            return 0

        async def compact(self, now_ns: int) -> int:
            return await self.sweep()

    def spawn(work: Coroutine[Any, Any, Any], _name: str) -> None:
        tasks.append(asyncio.ensure_future(work))

    upkeep = Upkeep(
        retention=Away(swept),  # type: ignore[arg-type]
        limiter=Counted(),  # type: ignore[arg-type]
        reservations=Away(folded),  # type: ignore[arg-type]
        settings=LimitsSettings(sweep_interval_s=0.001, compact_interval_s=0.001),
        clock=clock,
        spawn=spawn,
    )
    upkeep.start()
    clock.advance(SWEEP_NS / 1e9)
    await asyncio.wait_for(asyncio.gather(swept.wait(), folded.wait()), 10)
    upkeep.stop()
    assert [task.exception() for task in tasks if task.done()] == [None] * sum(t.done() for t in tasks)
    await asyncio.gather(*tasks)
    assert clock.in_flight == 0
