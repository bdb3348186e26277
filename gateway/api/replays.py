"""Replays over HTTP: a capture up, progress and a report down."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gateway.api.runs import Runs
from gateway.replay.errors import FormatUnknown
from gateway.replay.jobs import Job, Jobs, JobState, TooManyReplays
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.routes import ApiRequest, Reply, Routes
from gateway.runtime.ids import encode_id, new_id

if TYPE_CHECKING:
    from gateway.replay.run import Replay

ADMIN = ("admin",)
_GZIP = b"\x1f\x8b"
_REPORTS = {"json": "application/json", "html": "text/html", "junit": "application/xml"}


class ReplayQuery(ApiModel):
    """How the capture in the body is replayed."""

    role: Literal["esme", "carrier"] | None = Field(None, description="Whose part is played; the majority's.")
    target: str | None = Field(
        None,
        max_length=300,
        description="smpp://user:password@host:port; without it a mock carrier, as esme.",
    )
    listen: str = Field("127.0.0.1:0", max_length=100, description="HOST:PORT, as carrier.")
    carrier: str = Field("tmobile", pattern="^[a-z0-9_]{1,40}$", description="Mock carrier, as esme.")
    registered: bool = Field(True, description="The mock carrier takes every sender for a registered one.")
    speed: str = Field("max", description="World seconds per real second, or max.")
    seed: int = Field(1, description="Of every random decision.")
    tolerate: int = Field(0, ge=0, description="Messages that may differ.")


class ReplayOut(ApiModel):
    """A replay as it stands."""

    id: str
    state: JobState
    role: str
    format: str
    listening: str
    share: float = Field(description="How much of the capture has been read, 0 to 1.")
    sent: int
    settled: int
    ok: bool | None = Field(None, description="The verdict, once there is one.")
    error: str | None = None


def replay_routes(jobs: Jobs) -> Routes:
    """`/v1/replays`."""
    routes = Routes("Replays", "Captures played again and judged message by message.")

    @routes.post(
        "/v1/replays",
        body=bytes,
        query=ReplayQuery,
        returns=ReplayOut,
        status=202,
        roles=ADMIN,
        errors=(400, 413, 429),
        bulk=True,
        consumes="application/octet-stream",
    )
    async def begin(request: ApiRequest) -> ReplayOut:
        """Replay the capture in the body."""
        query: ReplayQuery = request.query
        content: bytes = request.body
        job_id = encode_id(new_id())
        file = jobs.folder / f"{job_id}.capture"
        try:
            replay = await asyncio.get_running_loop().run_in_executor(None, _prepare, file, content, query)
        except FormatUnknown as error:
            raise ApiError(400, "capture_unreadable", str(error)) from None
        except ValueError:
            raise ApiError(400, "malformed_request", "speed: max, or a number up to 1,000,000") from None
        try:
            return _out(jobs.begin(job_id, replay))
        except TooManyReplays:
            file.unlink(missing_ok=True)
            raise ApiError(429, "too_many_replays", "wait for a replay to end", retry_after_s=5) from None

    runs = Runs("replay", jobs.all, jobs.get, jobs.end, _out, _missing)
    runs.add_to(routes, ReplayOut, ADMIN, stop_does="End a replay early; its report covers what was played.")

    @routes.get(
        "/v1/replays/{id}/report/{format}",
        returns=bytes,
        roles=ADMIN,
        errors=(404, 409),
        produces="application/octet-stream",
    )
    async def report(request: ApiRequest) -> Reply:
        """Fetch the report as json, html or junit."""
        found, form = runs.find(request), request.params["format"]
        if form not in _REPORTS:
            raise ApiError(404, "report_not_found", "reports are json, html and junit")
        if found.report is None:
            raise ApiError(409, "replay_running", found.error or "there is no report yet")
        write = {"json": found.report.to_json, "html": found.report.to_html, "junit": found.report.to_junit}
        return Reply(write[form]().encode(), content_type=_REPORTS[form])

    return routes


def _prepare(file: Path, content: bytes, query: ReplayQuery) -> "Replay":
    """Keep the capture and say how it is replayed; raises `FormatUnknown`, and `ValueError` for its speed.

    Imports what only replays need, beside the event loop.
    """
    from gateway.replay.compare import Tolerances  # noqa: PLC0415
    from gateway.replay.formats import HEAD_BYTES, recognise  # noqa: PLC0415
    from gateway.replay.options import ReplayOptions  # noqa: PLC0415
    from gateway.replay.pace import parse_speed  # noqa: PLC0415
    from gateway.replay.run import Replay  # noqa: PLC0415

    speed = parse_speed(query.speed)
    if not content.startswith(_GZIP):
        recognise("capture", content[:HEAD_BYTES])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return Replay(
        ReplayOptions(
            file,
            query.role,
            query.listen,
            target=query.target,
            carrier=query.carrier,
            world="auto" if query.registered else None,
            speed=speed,
            seed=query.seed,
            tolerances=Tolerances(differences=query.tolerate),
        )
    )


def _missing() -> ApiError:
    return ApiError(404, "replay_not_found", "there is no such replay")


def _out(job: Job) -> ReplayOut:
    progress = job.replay.progress
    return ReplayOut(
        id=job.id,
        state=job.state,
        role=progress.role,
        format=progress.format,
        listening=progress.listening,
        share=progress.share(),
        sent=progress.sent(),
        settled=progress.settled,
        ok=job.report.passed if job.report is not None else None,
        error=job.error or None,
    )
