"""What a recording session wants done (imperative): executed by the server in order."""

from dataclasses import dataclass

from siprec.metadata import Announcement, Metadata
from siprec.sdp import Stream

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TakePorts:
    """Lend a port pair for each of these streams, then call `RecordingSession.ports_taken`."""

    streams: tuple[Stream, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the request that is being handled; header names are canonical (lower case)."""

    status: int
    reason: str | None = None
    headers: Fields = ()
    body: bytes = b""
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Begin a recording; its streams follow as `OpenStream`."""


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Receive a stream on the port taken for it and record it."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class UpdateStream:
    """A stream that is open changed: address, key, codec or pause."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Stop receiving a stream and give its ports back; what it recorded stays."""

    index: int


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """Nothing that arrives from now on is kept."""


@dataclass(frozen=True, slots=True)
class ResumeRecording:
    """What arrives is kept again."""


@dataclass(frozen=True, slots=True)
class MarkAnnouncement:
    """Mark an announcement on the timeline (`webex.md` D4)."""

    announcement: Announcement


@dataclass(frozen=True, slots=True)
class UpdateMetadata:
    """The metadata is now this; `raw` is the document as it came, for the history."""

    metadata: Metadata
    raw: bytes


@dataclass(frozen=True, slots=True)
class RequestSnapshot:
    """Ask the peer for its full metadata (RFC 7866 §8.1), once the dialog is confirmed."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class FinishRecording:
    """Seal the recording."""

    reason: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the dialog with a BYE that says why (RFC 3326)."""

    reason: str


Command = (
    TakePorts
    | Answer
    | StartRecording
    | OpenStream
    | UpdateStream
    | CloseStream
    | PauseRecording
    | ResumeRecording
    | MarkAnnouncement
    | UpdateMetadata
    | RequestSnapshot
    | FinishRecording
    | HangUp
)
