"""What happens to recordings, told on the bus to the half of which the recorder is a part.

They have no `name`, so nobody outside sees them: what streams and webhooks are told depends on whose the
recording is, which the providers know (`siprec.providers.events`).
"""

from dataclasses import dataclass

from siprec.srs.store import Tenant


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """A recording has begun. Times are world time in nanoseconds."""

    recording_id: int
    provider: str
    tenant: Tenant
    dialect: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class RecordingPaused:
    """Nothing is kept for now."""

    recording_id: int
    provider: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class RecordingResumed:
    """It is kept again."""

    recording_id: int
    provider: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """A recording is sealed: files, checksums and row are durable. `outcome` says why it ended."""

    recording_id: int
    provider: str
    tenant: Tenant
    duration_ms: int
    outcome: str
    at_ns: int


RecordingEvent = RecordingStarted | RecordingPaused | RecordingResumed | RecordingFinished
