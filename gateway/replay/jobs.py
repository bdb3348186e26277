"""Replays that run beside a service, each on a thread and event loop of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.runtime.lifecycle import BasePart
from gateway.runtime.log import get_logger

if TYPE_CHECKING:  # players and readers are imported with the first replay: a service starts without them
    from gateway.replay.report import Report
    from gateway.replay.run import Replay

MAX_RUNNING: Final = 2
MAX_KEPT: Final = 50

_log = get_logger("replay")


class JobState(StrEnum):
    """Where a replay is."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class Job:
    """One replay. `report` is there once it has finished, `error` if it could not."""

    id: str
    replay: Replay
    state: JobState = JobState.RUNNING
    report: Report | None = None
    error: str = ""
    loop: asyncio.AbstractEventLoop | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class TooManyReplays(RuntimeError):
    """As many replays run as may."""


class Jobs(BasePart):
    """The replays of one run of a service, oldest first; `folder` keeps captures while they are used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._jobs: dict[str, Job] = {}
        self._pool = ThreadPoolExecutor(MAX_RUNNING, thread_name_prefix="replay")
        self._tasks: set[asyncio.Task[None]] = set()

    def all(self) -> list[Job]:
        """Every replay that is kept."""
        return list(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        """One of them."""
        return self._jobs.get(job_id)

    def begin(self, job_id: str, replay: Replay) -> Job:
        """Begin a replay; raises `TooManyReplays`. Its capture is deleted when it ends."""
        if sum(job.state is JobState.RUNNING for job in self._jobs.values()) >= MAX_RUNNING:
            raise TooManyReplays
        job = self._jobs[job_id] = Job(job_id, replay)
        while len(self._jobs) > MAX_KEPT:
            oldest = next(one for one in self._jobs.values() if one.state is not JobState.RUNNING)
            del self._jobs[oldest.id]
        task = asyncio.ensure_future(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def end(self, job_id: str) -> Job:
        """Send nothing more; raises `KeyError`."""
        job = self._jobs[job_id]
        if job.state is JobState.RUNNING and job.loop is not None:
            job.loop.call_soon_threadsafe(job.replay.stop)
        return job

    async def stop(self) -> None:
        """End and await every replay."""
        for job_id in self._jobs:
            self.end(job_id)
        await asyncio.gather(*self._tasks)
        self._pool.shutdown()

    async def _run(self, job: Job) -> None:
        try:
            job.report = await asyncio.get_running_loop().run_in_executor(self._pool, _play, job)
            job.state = JobState.FINISHED
        except Exception as error:  # whatever a capture or a peer does is told to who asked for the replay
            job.state, job.error = JobState.FAILED, str(error) or type(error).__name__
            _log.warning("replay failed", error=type(error).__name__)
        finally:
            job.replay.options.file.unlink(missing_ok=True)
            job.done.set()


def _play(job: Job) -> Report:
    async def main() -> Report:
        job.loop = asyncio.get_running_loop()
        return await job.replay.run()

    try:
        return asyncio.run(main())
    finally:
        job.loop = None
