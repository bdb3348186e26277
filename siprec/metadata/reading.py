"""From elements to the model: what both dialects share, read leniently.

The RFC puts associations in elements of their own and calls ids `participant_id`; older drafts, and the
BroadWorks dialect that grew from them, write `id` and nest `aor`, `send` and `session` in the participant.
Both forms are read everywhere. What is not understood is kept: children in `extras`, whole elements as
extensions.
"""

from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

from siprec.metadata import announcement
from siprec.metadata.model import (
    Announcement,
    BroadWorksCall,
    DataMode,
    Dialect,
    Extension,
    Group,
    MediaStream,
    Metadata,
    Name,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStreams,
    Reason,
    RecordingInfo,
    Remark,
    Session,
    SessionRecording,
)
from siprec.metadata.xml import identity, keep, local, namespace, text_of


class Draft:
    """A document being read: lists that become a Metadata."""

    def __init__(self) -> None:
        self.recording: RecordingInfo | None = None
        self.groups: list[Group] = []
        self.sessions: list[Session] = []
        self.participants: list[Participant] = []
        self.streams: list[MediaStream] = []
        self.session_recordings: list[SessionRecording] = []
        self.participant_sessions: list[ParticipantSession] = []
        self.participant_streams: list[ParticipantStreams] = []
        self.calls: list[BroadWorksCall] = []
        self.announcements: list[Announcement] = []
        self.extensions: list[Extension] = []
        self.remarks: list[Remark] = []

    def finish(self, mode: DataMode, dialect: Dialect) -> Metadata:
        """The document."""
        return Metadata(
            mode=mode,
            dialect=dialect,
            recording=self.recording,
            groups=tuple(self.groups),
            sessions=tuple(self.sessions),
            participants=tuple(self.participants),
            streams=tuple(self.streams),
            session_recordings=tuple(self.session_recordings),
            participant_sessions=tuple(self.participant_sessions),
            participant_streams=tuple(self.participant_streams),
            calls=tuple(self.calls),
            announcements=tuple(self.announcements),
            extensions=tuple(self.extensions),
            remarks=tuple(self.remarks),
        )


ElementReader = Callable[[Draft, Element], bool]
"""Reads one element into the draft; False where it cannot be understood and is kept as an extension."""


def read_document(
    root: Element,
    readers: Mapping[str, ElementReader],
    foreign: Mapping[str, ElementReader],
    dialect: Dialect,
) -> Metadata:
    """Read the root's children by name: `readers` in the root's namespace or none, `foreign` in any."""
    draft = Draft()
    core = {namespace(root.tag), ""}
    for element in root:
        name = local(element.tag)
        reader = foreign.get(name) or (readers.get(name) if namespace(element.tag) in core else None)
        if name.lower() == "datamode":
            continue
        if reader is None:
            draft.extensions.append(Extension(keep(element)))
        elif not reader(draft, element):
            draft.remarks.append(Remark("not_understood", name))
            draft.extensions.append(Extension(keep(element)))
    return draft.finish(_mode(root, draft), dialect)


def _mode(root: Element, draft: Draft) -> DataMode:
    text = (text_of(root, "datamode", "dataMode", "DataMode") or "complete").lower()
    if text not in ("complete", "partial"):
        draft.remarks.append(Remark("unknown_data_mode", text[:40]))
    return DataMode.PARTIAL if text == "partial" else DataMode.COMPLETE


def _unknown(element: Element, *known: str) -> tuple[str, ...]:
    if not len(element):
        return ()
    space = namespace(element.tag)
    return tuple(
        keep(child)
        for child in element
        if local(child.tag) not in known or namespace(child.tag) not in (space, "")
    )


def read_group(draft: Draft, element: Element) -> bool:
    """`group` (RFC 7865 §6.2)."""
    group_id = identity(element, "group_id", "id")
    if group_id is None:
        return False
    draft.groups.append(
        Group(
            group_id,
            text_of(element, "associate-time"),
            text_of(element, "disassociate-time"),
            identity(element, "recording"),
            text_of(element, "initiator"),
            _unknown(element, "associate-time", "disassociate-time", "initiator"),
        )
    )
    return True


def read_session(draft: Draft, element: Element) -> bool:
    """`session` (RFC 7865 §6.3)."""
    session_id = identity(element, "session_id", "id")
    if session_id is None:
        return False
    draft.sessions.append(
        Session(
            session_id,
            text_of(element, "group-ref") or identity(element, "group"),
            tuple(_texts(element, "sipSessionID")),
            tuple(
                Reason((child.text or "").strip(), child.get("protocol"))
                for child in element
                if local(child.tag) == "reason"
            ),
            text_of(element, "start-time"),
            text_of(element, "stop-time"),
            _unknown(element, "group-ref", "sipSessionID", "reason", "start-time", "stop-time"),
        )
    )
    return True


def read_participant(draft: Draft, element: Element) -> bool:
    """`participant` (RFC 7865 §6.5), with the associations that older drafts nest in it."""
    participant_id = identity(element, "participant_id", "id")
    if participant_id is None:
        return False
    names = tuple(_name_id(child) for child in element if local(child.tag) == "nameID")
    nested = tuple(NameId(aor) for aor in _texts(element, "aor"))
    known = ("nameID", "aor", "send", "recv", "associate-time", "disassociate-time")
    draft.participants.append(Participant(participant_id, names + nested, _unknown(element, *known)))
    session_id = identity(element, "session_id", "session")
    ends = (text_of(element, "associate-time"), text_of(element, "disassociate-time"))
    if session_id is not None:
        draft.participant_sessions.append(ParticipantSession(participant_id, session_id, *ends))
    send, receive = _stream_ids(element, "send"), _stream_ids(element, "recv")
    if send or receive:
        draft.participant_streams.append(ParticipantStreams(participant_id, send, receive))
    return True


def _name_id(element: Element) -> NameId:
    names = tuple(
        Name((child.text or "").strip(), _language(child))
        for child in element
        if local(child.tag) == "name" and (child.text or "").strip()
    )
    return NameId(
        identity(element, "aor") or text_of(element, "aor") or "", names, _unknown(element, "name", "aor")
    )


def _language(element: Element) -> str | None:
    return identity(element, "lang")


def read_stream(draft: Draft, element: Element) -> bool:
    """`stream` (RFC 7865 §6.7)."""
    stream_id = identity(element, "stream_id", "id")
    if stream_id is None:
        return False
    draft.streams.append(
        MediaStream(
            stream_id,
            identity(element, "session_id", "session"),
            text_of(element, "label"),
            text_of(element, "content-type"),
            text_of(element, "mode"),
            _unknown(element, "label", "content-type", "mode"),
        )
    )
    return True


def read_session_recording(draft: Draft, element: Element) -> bool:
    """`sessionrecordingassoc` (RFC 7865 §6.4)."""
    session_id = identity(element, "session_id", "id")
    if session_id is None:
        return False
    times = ("associate-time", "disassociate-time")
    ends = (text_of(element, times[0]), text_of(element, times[1]))
    draft.session_recordings.append(SessionRecording(session_id, *ends, _unknown(element, *times)))
    return True


def read_participant_session(draft: Draft, element: Element) -> bool:
    """`participantsessionassoc` (RFC 7865 §6.6)."""
    participant_id, session_id = identity(element, "participant_id", "id"), identity(element, "session_id")
    if participant_id is None or session_id is None:
        return False
    parameters = tuple(
        (child.get("pname", ""), child.get("pval", "")) for child in element if local(child.tag) == "param"
    )
    draft.participant_sessions.append(
        ParticipantSession(
            participant_id,
            session_id,
            text_of(element, "associate-time"),
            text_of(element, "disassociate-time"),
            parameters,
            _unknown(element, "associate-time", "disassociate-time", "param"),
        )
    )
    return True


def read_participant_streams(draft: Draft, element: Element) -> bool:
    """`participantstreamassoc` (RFC 7865 §6.8)."""
    participant_id = identity(element, "participant_id", "id")
    if participant_id is None:
        return False
    draft.participant_streams.append(
        ParticipantStreams(
            participant_id,
            _stream_ids(element, "send"),
            _stream_ids(element, "recv"),
            text_of(element, "associate-time"),
            text_of(element, "disassociate-time"),
            _unknown(element, "send", "recv", "associate-time", "disassociate-time"),
        )
    )
    return True


def _texts(element: Element, name: str) -> list[str]:
    return [text for child in element if local(child.tag) == name and (text := (child.text or "").strip())]


def _stream_ids(element: Element, name: str) -> tuple[str, ...]:
    """Ids in `send` or `recv`: as text (RFC 7865) or in `id` children (BroadWorks)."""
    ids: list[str] = []
    for child in element:
        if local(child.tag) == name:
            nested = _texts(child, "id")
            text = (child.text or "").strip()
            ids.extend(nested or ([text] if text else []))
    return tuple(ids)


def read_announcement(draft: Draft, element: Element) -> bool:
    """Our announcement, where it stands without an `extensiondata`."""
    found = announcement.read(element, None, None)
    if found is not None:
        draft.announcements.append(found)
    return found is not None


READERS: Mapping[str, ElementReader] = {
    "group": read_group,
    "session": read_session,
    "participant": read_participant,
    "stream": read_stream,
    "sessionrecordingassoc": read_session_recording,
    "participantsessionassoc": read_participant_session,
    "participantstreamassoc": read_participant_streams,
}
"""The elements of RFC 7865 by name."""
