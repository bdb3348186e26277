"""What happens to recordings, told on the bus."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """A recording has begun. Times are world time in nanoseconds."""

    name: ClassVar[str] = "recording.started"
    recording_id: int
    provider: str
    dialect: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class RecordingPaused:
    """Nothing is kept for now."""

    name: ClassVar[str] = "recording.paused"
    recording_id: int
    provider: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class RecordingResumed:
    """It is kept again."""

    name: ClassVar[str] = "recording.resumed"
    recording_id: int
    provider: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """A recording is sealed: files, checksums and row are durable. `outcome` says why it ended."""

    name: ClassVar[str] = "recording.finished"
    recording_id: int
    provider: str
    duration_ms: int
    outcome: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class RecordingDeleted:
    """A recording is gone: audio, sidecar and row."""

    name: ClassVar[str] = "recording.deleted"
    recording_id: int
    provider: str
    at_ns: int


RecordingEvent = RecordingStarted | RecordingPaused | RecordingResumed | RecordingFinished | RecordingDeleted
