"""World time in steps, at any speed: where everything that takes part is in this process.

The world stands still except for steps from due moment to due moment, each taken once nothing is under way.
At a speed each step is taken when its real time has come; without one, at once. So what happens is the same
at every speed: decisions are a function of captured time, whatever the machine is busy with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.runtime.clock import SECOND_NS, WorldClock

MAX: Final = "max"
_STEPS_PER_TURN: Final = 64
_LOOK_NS: Final = SECOND_NS // 4
"""How often it is looked whether anything is still awaited, in world time."""


def parse_speed(text: str) -> float | None:
    """`max` as None, a positive number as it is; raises `ValueError`."""
    if text == MAX:
        return None
    speed = float(text)
    if not 0 < speed <= 1_000_000:
        raise ValueError(text)
    return speed


class Pace:
    """Moves a frozen clock. `speed`: world seconds per real second, None for as fast as possible.

    `settle_turns`: turns of the loop granted to tasks between two steps; 0 where everything happens inside
    calls, and only what the clock knows to be in flight has to be waited for.
    """

    def __init__(self, clock: WorldClock, speed: float | None, *, settle_turns: int = 0) -> None:
        self._clock = clock
        self._speed = speed
        self._settle_turns = settle_turns
        self._begun: tuple[float, int] | None = None
        self._hurry = asyncio.Event()
        self._steps = 0

    def hurry(self) -> None:
        """Wait for no real time any more."""
        self._speed = None
        self._hurry.set()

    async def move_to(self, until_ns: int) -> None:
        """Step the world there (or leave it, where it is already)."""
        clock = self._clock
        while True:
            if self._settle_turns or clock.in_flight:
                await clock.run_until_idle(clock.now_ns(), settle_turns=self._settle_turns or 2)
            due_ns = clock.next_due_ns()
            if due_ns is None or due_ns > until_ns:
                break
            await self._step_to(max(due_ns, clock.now_ns()))
        if until_ns > clock.now_ns():
            await self._step_to(until_ns)

    async def wait_out(self, grace_s: float, is_open: Callable[[], int]) -> None:
        """Let world seconds pass for what is late; in no real time once nothing is open any more."""
        until_ns = self._clock.now_ns() + int(grace_s * SECOND_NS)
        while self._clock.now_ns() < until_ns:
            if not is_open():
                self.hurry()
            step_ns = until_ns if self._speed is None else self._clock.now_ns() + _LOOK_NS
            await self.move_to(min(until_ns, step_ns))

    async def _step_to(self, moment_ns: int) -> None:
        self._steps += 1
        if self._speed is not None:
            await self._wait_for(moment_ns, self._speed)
        elif self._steps % _STEPS_PER_TURN == 0:
            await asyncio.sleep(0)  # signals, and whoever watches
        self._clock.advance_to(moment_ns)

    async def _wait_for(self, moment_ns: int, speed: float) -> None:
        loop = asyncio.get_running_loop()
        if self._begun is None:
            self._begun = loop.time(), self._clock.now_ns()
        begun_s, begun_ns = self._begun
        wait_s = begun_s + (moment_ns - begun_ns) / SECOND_NS / speed - loop.time()
        if wait_s <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(wait_s):
                await self._hurry.wait()
        except TimeoutError:
            pass
