"""What happens to recordings, as streams and webhooks are told: ids, never a name or a number.

Who may list a recording may see its events (webex.md C4).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gateway.runtime.http.auth import Principal
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id
from siprec.providers.model import Filing

Visible = Callable[[Filing, Principal], bool]


@dataclass(frozen=True, slots=True)
class RecordingEvent:
    """Something happened to a recording at `at_ns` (world time)."""

    name: ClassVar[str] = ""
    filing: Filing
    at_ns: int
    visible: Visible = field(repr=False, compare=False)
    reason: str = ""

    @property
    def organization_id(self) -> str | None:
        """The organisation whose recording it is."""
        return self.filing.owner.organization_id

    @property
    def person_id(self) -> str | None:
        """The person whose recording it is."""
        return self.filing.owner.person_id

    def visible_to(self, principal: Principal) -> bool:
        """Whether the caller may list the recording."""
        return self.visible(self.filing, principal)

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        owner = self.filing.owner
        return {
            "recordingId": encode_id(self.filing.recording_id),
            "organizationId": owner.organization_id,
            "personId": owner.person_id,
            "provider": owner.provider or None,
            "product": owner.product or None,
            "quarantined": self.filing.quarantined,
            "at": format_ns(self.at_ns),
            **({"reason": self.reason} if self.reason else {}),
        }


class RecordingStarted(RecordingEvent):
    """A recording session was answered."""

    __slots__ = ()
    name = "recording.started"


class RecordingPaused(RecordingEvent):
    """Nothing is recorded until it resumes."""

    __slots__ = ()
    name = "recording.paused"


class RecordingResumed(RecordingEvent):
    """Recording goes on."""

    __slots__ = ()
    name = "recording.resumed"


class RecordingFinished(RecordingEvent):
    """The recording is sealed."""

    __slots__ = ()
    name = "recording.finished"


class RecordingDeleted(RecordingEvent):
    """The recording is gone; `reason` is retention, or the caller's role."""

    __slots__ = ()
    name = "recording.deleted"
