"""Bodies and answers of the recordings' routes."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id
from siprec.api.library import Entry
from siprec.providers.model import Action
from siprec.srs.store import RECORDING


class RecordingQuery(ApiModel):
    """Which recordings a listing shows."""

    provider: str | None = None
    product: str | None = None
    organization_id: str | None = None
    person_id: str | None = None
    service_provider: str | None = None
    external_group: str | None = None
    external_identifier: str | None = None
    state: Literal["recording", "sealed", "failed"] | None = None
    quarantined: bool | None = None
    since: AwareDatetime | None = Field(None, alias="from")
    until: AwareDatetime | None = Field(None, alias="to")
    max: int | None = None
    cursor: str | None = None


class TenantOut(ApiModel):
    """Whose it is, as the metadata said (C15)."""

    service_provider: str
    external_group: str
    external_identifier: str


class RecordingOut(ApiModel):
    """That a recording exists: what everybody sees who may list it.

    `quarantined` says that no account takes it yet, `quarantineReason` why; `allowed` what the caller may do.
    """

    id: str
    state: str
    paused: bool
    provider: str | None
    product: str | None
    organization_id: str | None
    person_id: str | None
    quarantined: bool
    quarantine_reason: str | None
    tenant: TenantOut
    dialect: str
    started_at: str
    ended_at: str | None
    duration_ms: int | None
    size_bytes: int | None
    outcome: str | None
    expires_at: str | None
    allowed: list[str]

    @classmethod
    def of(cls, entry: Entry, paused: frozenset[int]) -> "RecordingOut":
        """A recording as the API lists it."""
        return cls(**_envelope(entry, paused))


class RecordingStory(RecordingOut):
    """A recording with what it holds, where the caller may see that: parties, audio, pauses, marks."""

    details: dict[str, Any] | None

    @classmethod
    def of(cls, entry: Entry, paused: frozenset[int]) -> "RecordingStory":
        """A recording as the API shows it alone."""
        details = None
        if Action.SHOW in entry.actions and entry.row.document is not None:
            details = {name: value for name, value in entry.row.document.items() if name in DETAILS}
        return cls(**_envelope(entry, paused), details=details)


DETAILS = (
    "caller",
    "audio",
    "streams",
    "parties",
    "call",
    "pauses",
    "announcements",
    "warnings",
    "metadataRevisions",
)
"""What of a sidecar the API shows beside the envelope."""


class PeaksOut(ApiModel):
    """The waveform: the largest magnitude per channel and stretch of time, 0 to 1."""

    sample_rate_hz: int
    duration_ms: int
    points: int
    channels: list[list[float]]


class AssignIn(ApiModel):
    """Whose recording it is."""

    person_id: str


class PeaksQuery(ApiModel):
    """Which file, in how many stretches."""

    party: str = "stereo"
    points: int = Field(800, ge=1, le=10_000)


class AudioQuery(ApiModel):
    """Which file: `stereo`, or a party by number or label."""

    party: str = "stereo"


class MetadataQuery(ApiModel):
    """`revision` (from 0) gives that document as it came, XML."""

    revision: int | None = Field(None, ge=0)


def _envelope(entry: Entry, paused: frozenset[int]) -> dict[str, Any]:
    row, filing, owner = entry.row, entry.filing, entry.filing.owner
    return {
        "id": encode_id(row.id),
        "state": entry.state,
        "paused": entry.state == RECORDING and row.id in paused,
        "provider": owner.provider or None,
        "product": owner.product or None,
        "organization_id": owner.organization_id,
        "person_id": owner.person_id,
        "quarantined": filing.quarantined,
        "quarantine_reason": owner.reason or None,
        "tenant": TenantOut(**filing.tenant._asdict()),
        "dialect": row.dialect,
        "started_at": format_ns(row.started_ns),
        "ended_at": None if row.ended_ns is None else format_ns(row.ended_ns),
        "duration_ms": row.duration_ms,
        "size_bytes": row.size_bytes,
        "outcome": row.outcome,
        "expires_at": None if filing.expires_ns is None else format_ns(filing.expires_ns),
        "allowed": sorted(action.value for action in entry.actions),
    }
