"""World time: what every rule sees. The wire's timers never use it.

`TimerQueue` holds what is due; `WorldClock` adds the three modes and one timer of the event loop:

- *system*: the machine's own clock.
- *scaled*: runs from its own moment at a factor (1.0 after `advance` in system mode).
- *frozen*: stands still; only `advance` and `run_until_idle` move it.

Advancing walks through the due moments one by one: a callback sees the world at its own due moment, and what
it schedules on the way fires in order, so that four weeks of registration pass in milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gateway.runtime.errors import ClockError
from gateway.runtime.log import get_logger
from gateway.runtime.timerqueue import TimerHandle, TimerQueue

__all__ = ["MAX_NS", "SECOND_NS", "TimerHandle", "TimerQueue", "WorldClock"]

SECOND_NS = 1_000_000_000
MAX_NS = 4_102_444_799 * SECOND_NS
"""The end of the year 2099: databases and limits count nanoseconds in 63 bits."""

_MAX_CALLBACKS_PER_MOMENT = 1_000_000
_MAX_CALLBACKS_PER_TICK = 500
_MAX_LOOP_DELAY_SECONDS = 30.0  # a wall clock that was set forward is noticed at the latest after this
_NEVER = 1 << 63
_SETTLE_TURNS = 10

_log = get_logger("clock")


class WorldClock:
    """The world's time, its timers, and the means to bend both.

    `start_ns` None follows the machine's clock (mode *system*); otherwise the world begins at that moment, at
    `speed`, or frozen with `frozen`. Used from one thread (the loop's), except `now_ns`, which any may call.
    Works without a running loop too: then only `advance` fires timers.
    """

    def __init__(self, start_ns: int | None = None, *, speed: float = 1.0, frozen: bool = False) -> None:
        self._timers = TimerQueue()
        self._listeners: list[Callable[[], None]] = []
        self._jump_listeners: list[Callable[[int], None]] = []
        self._mode = "system"
        self._speed = 1.0
        self._base_world_ns = 0
        self._base_wire_ns = 0
        self._walking_ns: int | None = None
        self._armed_ns = _NEVER  # a timer due before this moment needs the loop to be armed anew
        self._loop_timer: asyncio.TimerHandle | None = None
        self._in_flight = 0
        self._landed: asyncio.Future[None] | None = None
        if start_ns is not None or frozen or speed != 1.0:
            self._rebase(time.time_ns() if start_ns is None else start_ns)
            self._mode = "frozen" if frozen else "scaled"
            self._speed = 0.0 if frozen else self._checked_speed(speed)

    @property
    def mode(self) -> str:
        """`system`, `frozen` or `scaled`."""
        return self._mode

    @property
    def speed(self) -> float:
        """World seconds per real second; 0.0 while frozen."""
        return self._speed

    def now_ns(self) -> int:
        """Return the world's moment: nanoseconds since the Unix epoch."""
        if self._walking_ns is not None:
            return self._walking_ns
        if self._mode == "system":
            return time.time_ns()
        if self._mode == "frozen":
            return self._base_world_ns
        return self._base_world_ns + int((time.monotonic_ns() - self._base_wire_ns) * self._speed)

    def next_due_ns(self) -> int | None:
        """Return the moment of the earliest timer, None if nothing is scheduled."""
        return self._timers.next_due_ns()

    def call_at(self, due_ns: int, callback: Callable[..., None], *args: Any) -> TimerHandle:
        """Call `callback(*args)` when the world reaches `due_ns` (at once, but not inline, if it has)."""
        handle = self._timers.add(due_ns, callback, args)
        if due_ns < self._armed_ns:
            self._arm()
        return handle

    def call_later(self, delay_s: float, callback: Callable[..., None], *args: Any) -> TimerHandle:
        """Call `callback(*args)` after `delay_s` seconds of world time."""
        return self.call_at(self.now_ns() + round(delay_s * SECOND_NS), callback, *args)

    def call_in_background(self, due_ns: int, callback: Callable[..., None], *args: Any) -> TimerHandle:
        """Schedule housekeeping that recurs for ever: `call_at`, but `run_until_idle` ends without it."""
        handle = self._timers.add(due_ns, callback, args, background=True)
        if due_ns < self._armed_ns:
            self._arm()
        return handle

    async def sleep_until(self, due_ns: int) -> None:
        """Wait until the world has reached `due_ns`."""
        if due_ns <= self.now_ns():
            await asyncio.sleep(0)
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        handle = self.call_at(due_ns, _resolve, reached)
        try:
            await reached
        finally:
            handle.cancel()

    def advance(self, seconds: float) -> None:
        """Move the world forward, through every due moment on the way, before this call returns.

        Raises `ClockError` for a negative or endless step, beyond the year 2099, or from a timer's callback.
        """
        if not 0 <= seconds < MAX_NS / SECOND_NS:
            raise ClockError(
                f"cannot advance by {seconds} seconds: time only moves forward, to the year 2099"
            )
        now_ns = self.now_ns()
        self._jump(now_ns, now_ns + round(seconds * SECOND_NS))

    def advance_to(self, target_ns: int) -> None:
        """Move the world forward to a moment; see `advance`."""
        self._jump(self.now_ns(), target_ns)

    def _jump(self, now_ns: int, target_ns: int) -> None:
        if self._walking_ns is not None:
            raise ClockError(
                "cannot advance the world from a timer's callback: schedule another timer instead"
            )
        if not now_ns <= target_ns <= MAX_NS:
            raise ClockError("cannot advance to a moment in the past or beyond the year 2099")
        _tell(self._jump_listeners, target_ns)
        self._walk(now_ns, target_ns)
        self._rebase(target_ns)
        if self._mode == "system":
            self._mode = "scaled"
        self._changed()

    def set_speed(self, factor: float) -> None:
        """Run at `factor` world seconds per real second from here on.

        Raises `ClockError` unless 0 < factor ≤ 1,000,000.
        """
        speed = self._checked_speed(factor)
        self._rebase(self.now_ns())
        self._mode, self._speed = "scaled", speed
        self._changed()

    def freeze(self) -> None:
        """Stop the world at its present moment."""
        self._rebase(self.now_ns())
        self._mode, self._speed = "frozen", 0.0
        self._changed()

    def take_up(self, world_ns: int, mode: str, speed: float) -> None:
        """Go on as a former run of this world did: at this moment, in this mode and at this speed.

        Before anything is scheduled; nobody is told. Raises `ClockError` for a speed `set_speed` refuses.
        """
        if mode == "scaled":
            self._checked_speed(speed)
        self._rebase(world_ns)
        self._mode, self._speed = mode, 0.0 if mode == "frozen" else speed

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every jump, change of speed and freeze. Return a function that ends it."""
        return _add(self._listeners, listener)

    def on_jump(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call `listener` with the moment the world is about to jump to. Return a function that ends it."""
        return _add(self._jump_listeners, listener)

    def start(self) -> None:
        """Arm timers that were scheduled before the event loop ran."""
        self._arm()

    def close(self) -> None:
        """Let go of the event loop; scheduled timers stay, nothing fires them any more."""
        if self._loop_timer is not None:
            self._loop_timer.cancel()
            self._loop_timer = None
        self._armed_ns = _NEVER

    # Discrete mode: the world moves only while nothing is under way.

    @property
    def in_flight(self) -> int:
        """How many pieces of work hold the world still in discrete mode."""
        return self._in_flight

    def begin(self, count: int = 1) -> None:
        """Count pieces of work (PDUs, a commit) that have to end before the world may move on."""
        self._in_flight += count

    def end(self, count: int = 1) -> None:
        """Count their end."""
        if self._in_flight < count:
            raise ClockError("end() without begin()")
        self._in_flight -= count
        if self._in_flight == 0 and self._landed is not None:
            _resolve(self._landed)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Hold the world still inside a `with` block."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    async def run_until_idle(self, until_ns: int | None = None, *, settle_turns: int = _SETTLE_TURNS) -> int:
        """Discrete mode: step from due moment to due moment, each once nothing is in flight.

        Freezes the world. Ends when nothing but housekeeping is scheduled, or at `until_ns` (there the world
        then stands).
        `settle_turns` rounds of the event loop are granted to tasks between two steps. Returns how many steps
        were taken.
        """
        if self._mode != "frozen":
            self.freeze()
        steps = 0
        while True:
            await self._settle(settle_turns)
            due_ns = self.next_due_ns()
            if due_ns is None or (due_ns > until_ns if until_ns is not None else not self._timers.busy):
                break
            self.advance_to(max(due_ns, self.now_ns()))
            steps += 1
        if until_ns is not None and until_ns > self.now_ns():
            self.advance_to(until_ns)
        return steps

    async def _settle(self, turns: int) -> None:
        quiet = 0
        while quiet < turns:
            if self._in_flight:
                quiet = 0
                self._landed = asyncio.get_running_loop().create_future()
                try:
                    await self._landed
                finally:
                    self._landed = None
            await asyncio.sleep(0)
            quiet += 1

    # Firing.

    def _walk(self, now_ns: int, target_ns: int) -> None:
        moment_ns, callbacks = now_ns, 0
        try:
            while (handle := self._timers.pop_due(target_ns)) is not None:
                if handle.due_ns > moment_ns:
                    moment_ns, callbacks = handle.due_ns, 0
                self._walking_ns = moment_ns
                self._run(handle)
                callbacks += 1
                if callbacks > _MAX_CALLBACKS_PER_MOMENT:
                    raise ClockError("timers keep scheduling themselves for one and the same moment")
        finally:
            self._walking_ns = None

    def _tick(self) -> None:
        self._loop_timer = None
        self._armed_ns = 0  # callbacks need not arm: it is done once, below
        for _ in range(_MAX_CALLBACKS_PER_TICK):
            handle = self._timers.pop_due(self.now_ns())
            if handle is None:
                break
            self._run(handle)
        self._arm()

    def _run(self, handle: TimerHandle) -> None:
        try:
            handle.run()
        except Exception:
            _log.exception("timer failed")

    def _arm(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._loop_timer is not None:
            self._loop_timer.cancel()
            self._loop_timer = None
        due_ns = self._timers.next_due_ns()
        if due_ns is None:
            self._armed_ns = _NEVER
            return
        wait_ns = due_ns - self.now_ns()
        if wait_ns > 0 and self._mode == "frozen":
            self._armed_ns = self._base_world_ns + 1
            return
        delay_s = wait_ns / SECOND_NS / (self._speed or 1.0) if wait_ns > 0 else 0.0
        self._armed_ns = due_ns
        self._loop_timer = loop.call_later(min(delay_s, _MAX_LOOP_DELAY_SECONDS), self._tick)

    def _rebase(self, world_ns: int) -> None:
        self._base_world_ns = world_ns
        self._base_wire_ns = time.monotonic_ns()

    def _changed(self) -> None:
        self._arm()
        _tell(self._listeners)

    @staticmethod
    def _checked_speed(factor: float) -> float:
        if not 0 < factor <= 1_000_000:
            raise ClockError(f"speed {factor} is outside 0 < speed ≤ 1,000,000; freeze() stops the world")
        return float(factor)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _add(listeners: list[Any], listener: Callable[..., None]) -> Callable[[], None]:
    listeners.append(listener)
    return lambda: listeners.remove(listener) if listener in listeners else None


def _tell(listeners: list[Any], *what: int) -> None:
    for listener in list(listeners):
        try:
            listener(*what)
        except Exception:
            _log.exception("clock listener failed")
