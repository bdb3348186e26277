"""Housekeeping: retention by world time, the limiter's idle keys and settled reservations.

A world that jumps a year owes one sweep, not one for every hour it skipped. What the database does not take
is owed still: it is tried again.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.messages.retention import Retention
from gateway.runtime.clock import TimerHandle, WorldClock
from gateway.runtime.errors import DatabaseError
from gateway.runtime.log import get_logger
from gateway.throttle.limiter import Limiter
from gateway.throttle.settings import LimitsSettings
from gateway.throttle.store import LocalStore

SWEEP_NS = 3_600 * 1_000_000_000
"""World time between two sweeps of old texts."""
RETRY_S = 5.0
"""Wire time until a sweep that the database did not take is tried again."""

_log = get_logger("messages")

Spawn = Callable[[Coroutine[Any, Any, Any], str], object]


class Upkeep:
    """Keeps the house while the service runs."""

    def __init__(
        self,
        *,
        retention: Retention,
        limiter: Limiter,
        reservations: LocalStore,
        settings: LimitsSettings,
        clock: WorldClock,
        spawn: Spawn,
    ) -> None:
        self._retention = retention
        self._limiter = limiter
        self._reservations = reservations
        self._settings = settings
        self._clock = clock
        self._spawn = spawn
        self._sweep_timer: TimerHandle | None = None
        self._wire_timers: dict[str, asyncio.TimerHandle] = {}
        self._sweep_owed = False
        self._sweeping = False
        self._compacting = False
        self._stopped = False

    def start(self) -> None:
        """Begin."""
        self._arm_sweep()
        self._arm("idle keys", self._settings.sweep_interval_s, self._sweep_idle)
        self._arm("reservations", self._settings.compact_interval_s, self._compact)

    def stop(self) -> None:
        """Do nothing more."""
        self._stopped = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for timer in self._wire_timers.values():
            timer.cancel()
        self._wire_timers.clear()

    def _arm(self, name: str, interval_s: float, act: Callable[[], None]) -> None:
        def fire() -> None:
            act()
            self._arm(name, interval_s, act)

        if not self._stopped:
            self._wire_timers[name] = asyncio.get_running_loop().call_later(interval_s, fire)

    def _arm_sweep(self) -> None:
        due_ns = self._clock.now_ns() + SWEEP_NS
        self._sweep_timer = self._clock.call_in_background(due_ns, self._sweep)

    def _sweep(self) -> None:
        self._arm_sweep()
        self._sweep_soon()

    def _sweep_soon(self) -> None:
        self._sweep_owed = True
        if not self._sweeping:
            self._sweeping = True
            self._clock.begin()
            self._spawn(self._sweep_texts(), "retention")

    async def _sweep_texts(self) -> None:
        try:
            while self._sweep_owed:  # the world may jump on while a sweep runs
                self._sweep_owed = False
                await self._retention.sweep()
        except DatabaseError as error:
            self._put_off("retention", error)
            if not self._stopped:
                again = asyncio.get_running_loop().call_later(RETRY_S, self._sweep_soon)
                self._wire_timers["retention"] = again
        finally:
            self._sweeping = False
            self._clock.end()

    def _sweep_idle(self) -> None:
        self._limiter.sweep(self._clock.now_ns())

    def _compact(self) -> None:
        if not self._compacting:
            self._compacting = True
            self._spawn(self._fold(), "reservations")

    async def _fold(self) -> None:
        try:
            await self._reservations.compact(self._clock.now_ns())
        except DatabaseError as error:  # the next round finds the same and more
            self._put_off("reservations", error)
        finally:
            self._compacting = False

    @staticmethod
    def _put_off(what: str, error: DatabaseError) -> None:
        _log.warning("housekeeping put off", what=what, error=type(error).__name__)
