"""What recording metadata says, whichever dialect said it (RFC 7865 §6).

Times stay the text they came as (RFC 3339, with their offset), so that writing gives back what was read;
`siprec.metadata.times` turns them into nanoseconds. Elements we do not know are kept as XML text in
`extras`, whole extension elements as `Extension`.
"""

from dataclasses import dataclass
from enum import Enum


class Dialect(Enum):
    """The two forms in the field (`siprec.md`)."""

    RFC7866 = "rfc7866"
    BROADWORKS = "broadworks"


class DataMode(Enum):
    """Whether a document is the whole truth or a change to it (RFC 7865 §5.1)."""

    COMPLETE = "complete"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Name:
    """A display name and its language."""

    value: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class NameId:
    """One identity of a participant: an address of record and its names (RFC 7865 §6.5)."""

    aor: str
    names: tuple[Name, ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """The `recording` element of the BroadWorks dialect: who asked, and of which type."""

    id: str
    requestor: str | None = None
    type: str | None = None
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Communication sessions that belong together (RFC 7865 §6.2); `initiator` is BroadWorks'."""

    id: str
    associate_time: str | None = None
    disassociate_time: str | None = None
    recording_id: str | None = None
    initiator: str | None = None
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a session ended (RFC 7865 §6.3)."""

    text: str
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A communication session: the call that is recorded (RFC 7865 §6.3)."""

    id: str
    group_id: str | None = None
    sip_session_ids: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    start_time: str | None = None
    stop_time: str | None = None
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Participant:
    """Someone in the call (RFC 7865 §6.5)."""

    id: str
    name_ids: tuple[NameId, ...] = ()
    extras: tuple[str, ...] = ()

    @property
    def aor(self) -> str | None:
        """The first address of record; opaque in the BroadWorks dialect."""
        return self.name_ids[0].aor if self.name_ids else None


@dataclass(frozen=True, slots=True)
class MediaStream:
    """A media stream, tied to an m-line by its label (RFC 7865 §6.7); `mode` is BroadWorks'."""

    id: str
    session_id: str | None = None
    label: str | None = None
    content_type: str | None = None
    mode: str | None = None
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionRecording:
    """Association of a communication session with the recording session (RFC 7865 §6.4)."""

    session_id: str
    associate_time: str | None = None
    disassociate_time: str | None = None
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParticipantSession:
    """Association of a participant with a communication session (RFC 7865 §6.6)."""

    participant_id: str
    session_id: str
    associate_time: str | None = None
    disassociate_time: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParticipantStreams:
    """The streams a participant contributes to and receives (RFC 7865 §6.8)."""

    participant_id: str
    send: tuple[str, ...] = ()
    receive: tuple[str, ...] = ()
    associate_time: str | None = None
    disassociate_time: str | None = None
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extension:
    """A top-level element we do not know, as XML; id and parent where it is an `extensiondata`."""

    xml: str
    id: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class RedirectInfo:
    """How a call came to be redirected to the recorded user (BroadWorks)."""

    last_redirect_number: str | None = None
    orig_called_number: str | None = None
    num_of_redirections: str | None = None


@dataclass(frozen=True, slots=True)
class CallLeg:
    """`origCall` or `termCall` of the BroadWorks call type, seen from the recorded user."""

    kind: str
    calling_party_number: str | None = None
    called_party_number: str | None = None
    dialed_digits: str | None = None
    redirect: RedirectInfo | None = None


@dataclass(frozen=True, slots=True)
class Acd:
    """The call centre that distributed the call (BroadWorks)."""

    user_id: str | None = None
    name: str | None = None
    number: str | None = None


@dataclass(frozen=True, slots=True)
class RedirectedCall:
    """The call was redirected on (BroadWorks); the tracking id ties the two recordings together."""

    new_ext_tracking_id: str | None = None
    from_party_number: str | None = None
    to_party_number: str | None = None


@dataclass(frozen=True, slots=True)
class BroadWorksCall:
    """`broadWorksRecordingMetadata` (version 1.0, 2.0 or 3.0) and the `extensiondata` around it.

    service_provider_id, group_id and user_id are what Control Hub shows as Service provider, External group
    and External identifier: the tenant key of a recording (`webex.md` C15).
    """

    version: str = "3.0"
    ext_tracking_id: str | None = None
    service_provider_id: str | None = None
    group_id: str | None = None
    user_id: str | None = None
    call_id: str | None = None
    leg: CallLeg | None = None
    recording_type: str | None = None
    acd: Acd | None = None
    redirected: RedirectedCall | None = None
    extension_id: str | None = None
    parent: str | None = None
    extras: tuple[str, ...] = ()

    @property
    def tenant_key(self) -> tuple[str, str, str]:
        """(service provider, external group, external identifier); empty strings where not said."""
        return (self.service_provider_id or "", self.group_id or "", self.user_id or "")


@dataclass(frozen=True, slots=True)
class Announcement:
    """An announcement (or tone) was, or was not, played to the parties (`webex.md` D4).

    The format Webex uses is not public: this one is modelled. event: start, stop, pause, resume. kind:
    announcement, beep, tone. at: RFC 3339. call: internal or pstn.
    """

    event: str
    kind: str = "announcement"
    played: bool = True
    at: str | None = None
    call: str | None = None
    parent: str | None = None
    extension_id: str | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd that was tolerated; `code` is stable, `subject` names what it is about."""

    code: str
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.subject}" if self.subject else self.code


@dataclass(frozen=True, slots=True)
class Metadata:
    """One metadata document, or the state that documents add up to."""

    mode: DataMode = DataMode.COMPLETE
    dialect: Dialect = Dialect.RFC7866
    recording: RecordingInfo | None = None
    groups: tuple[Group, ...] = ()
    sessions: tuple[Session, ...] = ()
    participants: tuple[Participant, ...] = ()
    streams: tuple[MediaStream, ...] = ()
    session_recordings: tuple[SessionRecording, ...] = ()
    participant_sessions: tuple[ParticipantSession, ...] = ()
    participant_streams: tuple[ParticipantStreams, ...] = ()
    calls: tuple[BroadWorksCall, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    extensions: tuple[Extension, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def stream_labelled(self, label: str) -> MediaStream | None:
        """The stream with this label."""
        return next((stream for stream in self.streams if stream.label == label), None)

    def participant(self, participant_id: str) -> Participant | None:
        """The participant with this id."""
        return next((p for p in self.participants if p.id == participant_id), None)

    def senders_of(self, stream_id: str) -> tuple[Participant, ...]:
        """The participants who contribute to a stream now: their association has not ended."""
        ids = (a.participant_id for a in self.participant_streams if _open(a) and stream_id in a.send)
        return tuple(p for participant_id in ids if (p := self.participant(participant_id)) is not None)

    @property
    def present(self) -> tuple[Participant, ...]:
        """The participants whose association with a session has not ended; all where none is stated."""
        if not self.participant_sessions:
            return self.participants
        ids = {a.participant_id for a in self.participant_sessions if a.disassociate_time is None}
        return tuple(p for p in self.participants if p.id in ids)


def _open(association: ParticipantStreams) -> bool:
    return association.disassociate_time is None
