"""A service's life: start in order, ready, drain on SIGTERM, stop in reverse, exit 0.

A first SIGTERM or SIGINT drains, or ends the start; a second one ends it at once (see `interrupts`). A
background task that crashes is logged and makes the service unhealthy: `/readyz` and operators see it, other
parts go on.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from gateway import __version__
from gateway.runtime.errors import LifecycleError
from gateway.runtime.interrupts import INTERRUPTS
from gateway.runtime.log import get_logger
from gateway.runtime.memory import settle_memory, unsettle_memory
from gateway.runtime.metrics import Metrics

DEFAULT_DRAIN_S = 10.0
PATIENCE_S = 1.0
"""Seconds of draining after which a line says what it waits for."""
LAG_INTERVAL_S = 0.1
LAG_BUCKETS_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)

_log = get_logger("lifecycle")


class Part(Protocol):
    """Something the service is made of."""

    async def start(self) -> None:
        """Come up; raise if that is impossible."""

    async def drain(self, deadline_s: float) -> None:
        """Take nothing new and finish what is under way, within `deadline_s` seconds."""

    async def stop(self) -> None:
        """Let go of everything."""


class BasePart:
    """A part that needs none of the steps; override those that are needed."""

    async def start(self) -> None:
        """Nothing to do."""

    async def drain(self, deadline_s: float) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A background task that ended with an exception."""

    task: str
    error: str


class Lifecycle:
    """Starts, watches, drains and stops the parts of one service.

    `drain_s` bounds the draining of all parts together, in seconds.
    """

    def __init__(self, metrics: Metrics | None = None, *, drain_s: float = DEFAULT_DRAIN_S) -> None:
        self._parts: list[tuple[str, Part]] = []
        self._started: list[tuple[str, Part]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._drain_s = drain_s
        self._stop_wanted = asyncio.Event()
        self._force_wanted = asyncio.Event()
        self._stops_wanted = 0
        self._waits_for = ""
        self._lag = LoopLag(metrics) if metrics is not None else None
        self.ready = False
        self.draining = False
        self.crashes: list[Crash] = []
        if metrics is not None:
            describe_build(metrics)

    @property
    def healthy(self) -> bool:
        """Tell whether no background task has crashed."""
        return not self.crashes

    @property
    def problems(self) -> list[str]:
        """Sentences for `/readyz`: why the service is not ready or not healthy; empty if all is well."""
        found = [f"background task {crash.task} crashed: {crash.error}" for crash in self.crashes]
        if not self.ready:
            found.append("draining" if self.draining else "starting")
        return found

    def add(self, name: str, part: Part) -> None:
        """Append a part; parts start in this order and stop in reverse."""
        self._parts.append((name, part))

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run work in the background. It is cancelled at the end; a crash is logged and reported."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    async def start(self) -> None:
        """Start every part in order. Raises `LifecycleError` after stopping those that had started.

        Cancelled, it stops those too, and the one that was about to.
        """
        for name, part in self._parts:
            try:
                await part.start()
            except asyncio.CancelledError:
                self._started.append((name, part))
                await self.stop()
                raise
            except Exception as error:
                await self.stop()
                raise LifecycleError(name, error) from error
            self._started.append((name, part))
        if self._lag is not None:
            self._lag.start()
        settle_memory()
        self.ready = True
        _log.info("ready", parts=[name for name, _ in self._started])

    async def drain(self) -> None:
        """Ask the parts, last started first, to finish what is under way; all within the drain time."""
        self.ready, self.draining = False, True
        deadline = time.monotonic() + self._drain_s
        patience = asyncio.get_running_loop().call_later(PATIENCE_S, self._say_what_it_waits_for, deadline)
        try:
            for name, part in reversed(self._started):
                self._waits_for = name
                await _drain(name, part, max(deadline - time.monotonic(), 0.01))
        finally:
            patience.cancel()

    def _say_what_it_waits_for(self, deadline: float) -> None:
        _log.warning(
            "still finishing what is under way; Ctrl-C once more ends it at once",
            part=self._waits_for,
            at_most_s=round(max(deadline - time.monotonic(), 0.0)),
        )

    async def stop(self) -> None:
        """End background tasks, then stop the parts, last started first. Never raises."""
        self.ready = False
        if self._lag is not None:
            self._lag.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._started:
            name, part = self._started.pop()
            try:
                await part.stop()
            except Exception:
                _log.exception("part failed to stop", part=name)
        unsettle_memory()

    def request_stop(self) -> None:
        """Do what SIGTERM does: drain at the first call, skip the draining at the second."""
        self._stops_wanted += 1
        self._stop_wanted.set()
        if self._stops_wanted > 1:
            self._force_wanted.set()

    async def run(self, *, on_ready: Callable[[], None] | None = None) -> int:
        """Start, serve until SIGTERM or SIGINT, drain, stop; return the exit code.

        It is 0 for a service that was ready and drained, 1 if the draining was cut short; where a signal cut
        that short, or came before the service was ready, the one of `INTERRUPTS`.
        """
        loop = asyncio.get_running_loop()

        def ask() -> None:
            loop.call_soon_threadsafe(self.request_stop)

        with INTERRUPTS.listening(), INTERRUPTS.asking(ask, ask):
            if not await self._start_unless_stopped():
                return _exit_code(0)
            if on_ready is not None:
                on_ready()
            await self._stop_wanted.wait()
            _log.info("draining", drain_s=self._drain_s)
            forced = await self._drain_unless_forced()
            await self.stop()
            _log.info("stopped", forced=forced)
            return _exit_code(1) if forced else 0

    async def _start_unless_stopped(self) -> bool:
        """Whether it started; if it was asked to stop meanwhile, all is stopped again."""
        starting = asyncio.ensure_future(self.start())
        stopping = asyncio.ensure_future(self._stop_wanted.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                await starting  # raises what kept it from starting
                return True
        finally:
            starting.cancel()
            stopping.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
        await self.stop()
        return False

    async def _drain_unless_forced(self) -> bool:
        draining = asyncio.ensure_future(self.drain())
        forcing = asyncio.ensure_future(self._force_wanted.wait())
        done, pending = await asyncio.wait({draining, forcing}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return draining not in done

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        self.crashes.append(Crash(task.get_name(), type(error).__name__))
        _log.error("background task crashed", task=task.get_name(), exc_info=error)


class LoopLag:
    """Samples how late the event loop runs its timers: `gateway_event_loop_lag_seconds`."""

    def __init__(self, metrics: Metrics) -> None:
        self._histogram = metrics.histogram(
            "gateway_event_loop_lag_seconds",
            "How late the event loop ran a timer",
            buckets=LAG_BUCKETS_SECONDS,
        )
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin sampling on the running loop."""
        loop = asyncio.get_running_loop()
        due = loop.time() + LAG_INTERVAL_S
        self._timer = loop.call_at(due, self._sample, loop, due)

    def stop(self) -> None:
        """End sampling."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sample(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._histogram.observe(max(loop.time() - due, 0.0))
        self.start()


async def _drain(name: str, part: Part, deadline_s: float) -> None:
    """Let one part drain; it fails and is late for itself alone."""
    try:
        async with asyncio.timeout(deadline_s + 0.5):
            await part.drain(deadline_s)
    except TimeoutError:
        _log.warning("part did not drain in time", part=name)
    except Exception:
        _log.exception("part failed to drain", part=name)


def _exit_code(otherwise: int) -> int:
    """Exit code of what was cut short: the signal's, if there was one."""
    return INTERRUPTS.exit_code if INTERRUPTS.numbers else otherwise


def describe_build(metrics: Metrics) -> None:
    """Set `gateway_build_info`: the version that runs, and the Python below it."""
    info = metrics.gauge("gateway_build_info", "The running version", ("version", "python"))
    info.labels(__version__, platform.python_version()).set(1)
