"""Captures of the gateway's SMPP traffic over HTTP: begin, end, fetch."""

import asyncio
from pathlib import Path
from typing import Any

from pydantic import Field

from gateway.api.runs import Runs
from gateway.replay.recorder import Capture, CaptureFormat, Recorder
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.routes import ApiRequest, Reply, Routes
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id, new_id

ADMIN = ("admin", "partner")
MIB = 1 << 20
MEDIA_TYPES = {CaptureFormat.PCAP: "application/vnd.tcpdump.pcap", CaptureFormat.JSONL: "application/jsonl"}


class CaptureIn(ApiModel):
    """What to capture and how."""

    format: CaptureFormat = CaptureFormat.PCAP
    mask_text: bool = Field(False, description="Replace texts by asterisks; numbers stay.")
    rotate_mib: int = Field(64, ge=1, le=4096, description="Size at which a new file begins, MiB.")
    max_files: int = Field(8, ge=1, le=1000, description="Files kept; the oldest goes first.")


class CaptureOut(ApiModel):
    """A capture as it stands."""

    id: str
    format: CaptureFormat
    mask_text: bool
    running: bool
    started: str
    stopped: str | None = None
    frames: int
    octets: int
    files: list[str]


def capture_routes(recorder: Recorder) -> Routes:
    """`/v1/captures`."""
    routes = Routes("Captures", "SMPP traffic between the gateway and its carriers, as pcap or JSONL.")

    @routes.post("/v1/captures", body=CaptureIn, returns=CaptureOut, status=201, roles=ADMIN, errors=(400,))
    async def begin(request: ApiRequest) -> CaptureOut:
        """Begin a capture."""
        body: CaptureIn = request.body
        return _out(
            recorder.start(
                encode_id(new_id()),
                format=body.format,
                mask_text=body.mask_text,
                rotate_bytes=body.rotate_mib * MIB,
                max_files=body.max_files,
            )
        )

    runs = Runs("capture", recorder.all, recorder.get, recorder.stop, _out, _missing)
    runs.add_to(routes, CaptureOut, ADMIN, stop_does="End a capture; its files stay.")

    @routes.get(
        "/v1/captures/{id}/files/{file}",
        returns=bytes,
        roles=ADMIN,
        errors=(404, 409),
        produces="application/octet-stream",
    )
    async def fetch(request: ApiRequest) -> Reply:
        """Fetch one file of a capture that has ended."""
        capture = runs.find(request)
        if capture.stopped_ns is None:
            raise ApiError(409, "capture_running", "end the capture first: its files are still written")
        wanted: Path | None = next((f for f in capture.files if f.name == request.params["file"]), None)
        if wanted is None:
            raise ApiError(404, "capture_not_found", "the capture has no such file")
        data = await asyncio.get_running_loop().run_in_executor(None, wanted.read_bytes)
        headers: dict[str, Any] = {"Content-Disposition": f'attachment; filename="{wanted.name}"'}
        return Reply(data, headers=headers, content_type=MEDIA_TYPES[capture.format])

    @routes.delete("/v1/captures/{id}", roles=ADMIN, status=204, errors=(404,))
    async def delete(request: ApiRequest) -> None:
        """End a capture and delete its files."""
        recorder.delete(runs.find(request).id)

    return routes


def _missing() -> ApiError:
    return ApiError(404, "capture_not_found", "there is no such capture")


def _out(capture: Capture) -> CaptureOut:
    return CaptureOut(
        id=capture.id,
        format=capture.format,
        mask_text=capture.mask_text,
        running=capture.stopped_ns is None,
        started=format_ns(capture.started_ns),
        stopped=None if capture.stopped_ns is None else format_ns(capture.stopped_ns),
        frames=capture.frames,
        octets=capture.octets,
        files=[file.name for file in capture.files],
    )
