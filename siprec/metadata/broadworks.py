"""The dialect Webex Calling really sends: BroadWorks' `recording_metadata`, versions 1.0 to 3.0.

Grown from an early draft of RFC 7865: `id` attributes, associations nested in the participant, stream ids in
`<send><id>`. It has no place for a display name (caller name and number come from From), for what a
participant receives, nor for the times of an association: writing leaves these out.
"""

from xml.etree.ElementTree import Element

from siprec.metadata import extensions, xml
from siprec.metadata.model import (
    Dialect,
    Group,
    MediaStream,
    Metadata,
    Participant,
    RecordingInfo,
    Session,
)
from siprec.metadata.reading import READERS, Draft, read_document
from siprec.metadata.rfc7865 import FOREIGN
from siprec.metadata.xml import Node, content, identity, keep, leaf, text_of

NAMESPACE = "urn:ietf:params:xml:ns:siprec"
NAMESPACES = frozenset({NAMESPACE, NAMESPACE + ":1", ""})


def is_root(root: Element) -> bool:
    """Whether this root begins a document of this dialect."""
    return xml.local(root.tag) == "recording_metadata" and xml.namespace(root.tag) in NAMESPACES


def read(root: Element) -> Metadata:
    """Read a document of this dialect."""
    return read_document(root, {**READERS, "recording": _read_recording}, FOREIGN, Dialect.BROADWORKS)


def _read_recording(draft: Draft, element: Element) -> bool:
    recording_id = identity(element, "id", "recording_id")
    if recording_id is None or draft.recording is not None:
        return False
    unknown = tuple(keep(child) for child in element if xml.local(child.tag) not in ("requestor", "type"))
    requestor, kind = text_of(element, "requestor"), text_of(element, "type")
    draft.recording = RecordingInfo(recording_id, requestor, kind, unknown)
    return True


def write(metadata: Metadata) -> bytes:
    """Write a document of this dialect, in the order the captures show."""
    children = content(
        (Node("dataMode", text=metadata.mode.value),),
        _recording(metadata.recording),
        (_group(group) for group in metadata.groups),
        (_session(session) for session in metadata.sessions),
        (_participant(metadata, participant) for participant in metadata.participants),
        (_stream(stream) for stream in metadata.streams),
        extensions.nodes(metadata),
    )
    return xml.write(Node("recording_metadata", (("xmlns", NAMESPACE),), children))


def _recording(recording: RecordingInfo | None) -> tuple[Node, ...]:
    if recording is None:
        return ()
    children = content(leaf("requestor", recording.requestor), leaf("type", recording.type), recording.extras)
    return (Node("recording", (("id", recording.id),), children),)


def _group(group: Group) -> Node:
    attributes = (("id", group.id), ("recording", group.recording_id))
    ends = (
        *leaf("associate-time", group.associate_time),
        *leaf("disassociate-time", group.disassociate_time),
    )
    return Node("group", attributes, (*leaf("initiator", group.initiator), *ends, *group.extras))


def _session(session: Session) -> Node:
    children = content(
        (Node("sipSessionID", text=text) for text in session.sip_session_ids),
        (Node("reason", (("protocol", reason.protocol),), (), reason.text) for reason in session.reasons),
        leaf("start-time", session.start_time),
        leaf("stop-time", session.stop_time),
        session.extras,
    )
    return Node("session", (("id", session.id), ("group", session.group_id)), children)


def _participant(metadata: Metadata, participant: Participant) -> Node:
    sessions = [a for a in metadata.participant_sessions if a.participant_id == participant.id]
    streams = [a for a in metadata.participant_streams if a.participant_id == participant.id]
    sends = tuple(Node("id", text=stream_id) for a in streams for stream_id in a.send)
    receives = tuple(Node("id", text=stream_id) for a in streams for stream_id in a.receive)
    session = sessions[-1] if sessions else None
    children = content(
        (Node("aor", text=name_id.aor) for name_id in participant.name_ids),
        ((Node("send", children=sends),) if sends else ()),
        ((Node("recv", children=receives),) if receives else ()),
        leaf("associate-time", session.associate_time if session else None),
        leaf("disassociate-time", session.disassociate_time if session else None),
        participant.extras,
    )
    ids = (("id", participant.id), ("session", session.session_id if session else None))
    return Node("participant", ids, children)


def _stream(stream: MediaStream) -> Node:
    children = content(
        leaf("label", stream.label),
        leaf("mode", stream.mode),
        leaf("content-type", stream.content_type),
        stream.extras,
    )
    return Node("stream", (("id", stream.id), ("session", stream.session_id)), children)
