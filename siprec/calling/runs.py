"""Scenarios played inside a service, beside its own calls: started, followed, remembered.

Each run is a small world of its own: phones, call control, recorder, providers and clock; nothing of the
service's is touched, and nothing of the run is kept but its report.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gateway.runtime.bus import Bus
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id
from gateway.runtime.lifecycle import BasePart
from gateway.runtime.log import get_logger
from siprec.calling.playing import Stage, play
from siprec.calling.report import Report
from siprec.phones.scenario import Scenario

MOST_AT_ONCE = 3
KEPT = 50

_log = get_logger("calling")


@dataclass(frozen=True, slots=True)
class ScenarioProgressed:
    """A scenario took a step, or is over: `state` is `running`, `passed`, `failed` or `cancelled`."""

    name: ClassVar[str] = "scenario.progressed"
    run_id: int
    scenario: str
    state: str
    step: int
    steps: int
    at_ns: int

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        return {
            "runId": encode_id(self.run_id),
            "scenario": self.scenario,
            "state": self.state,
            "step": self.step,
            "steps": self.steps,
            "at": format_ns(self.at_ns),
        }


@dataclass(eq=False, slots=True)
class ScenarioRun:
    """One scenario, under way or over. step: how many of its steps are done."""

    id: int
    name: str
    scenario: Scenario
    started_ns: int
    state: str = "running"
    step: int = 0
    ended_ns: int | None = None
    report: Report | None = None
    error: str = ""
    stage: Stage | None = field(default=None, repr=False)
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class TooManyRunsError(Exception):
    """As many scenarios as may are being played."""

    def __str__(self) -> str:
        return f"{MOST_AT_ONCE} scenarios are being played: wait for one to end"


class ScenarioRuns(BasePart):
    """The runs of a service, newest first."""

    def __init__(self, bus: Bus, now_ns: Callable[[], int], new_id: Callable[[], int], host: str) -> None:
        self.runs: list[ScenarioRun] = []
        self._bus = bus
        self._now_ns = now_ns
        self._new_id = new_id
        self._host = host

    def start_run(self, name: str, scenario: Scenario) -> ScenarioRun:
        """Begin to play. Raises `TooManyRunsError`."""
        if sum(run.state == "running" for run in self.runs) >= MOST_AT_ONCE:
            raise TooManyRunsError
        run = ScenarioRun(self._new_id(), name, scenario, self._now_ns())
        self.runs = [run, *self.runs][:KEPT]
        run.task = asyncio.get_running_loop().create_task(self._play(run), name=f"scenario {name}")
        self._tell(run)
        return run

    def run(self, number: int) -> ScenarioRun | None:
        """A run by its id."""
        return next((run for run in self.runs if run.id == number), None)

    async def cancel(self, run: ScenarioRun) -> None:
        """End a run before its time."""
        if run.task is not None and not run.task.done():
            run.task.cancel()
            with suppress(asyncio.CancelledError):
                await run.task

    async def stop(self) -> None:
        """End every run."""
        for run in self.runs:
            await self.cancel(run)

    async def _play(self, run: ScenarioRun) -> None:
        def watch(stage: Stage) -> None:
            run.stage = stage
            if stage.step != run.step:
                run.step = stage.step
                self._tell(run)

        try:
            run.report = await play(run.scenario, host=self._host, watch=watch)
            run.state = "passed" if run.report.ok else "failed"
        except asyncio.CancelledError:
            run.state = "cancelled"
            raise
        except Exception as error:
            _log.warning("scenario could not be played", scenario=run.name, exc_info=error)
            run.state, run.error = "failed", str(error) or type(error).__name__
        finally:
            run.stage, run.ended_ns = None, self._now_ns()
            self._tell(run)

    def _tell(self, run: ScenarioRun) -> None:
        steps = len(run.scenario.script)
        self._bus.publish(ScenarioProgressed(run.id, run.name, run.state, run.step, steps, self._now_ns()))
