"""The dialect of the standards: RFC 7865 documents, and the snapshot request of RFC 7866 §8.1.

Read with any of the namespaces the field uses (with `:1`, without, none, prefixed); written as the schema of
RFC 7865 §7 orders it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from siprec.metadata import announcement, extensions, xml
from siprec.metadata.errors import NotMetadataError
from siprec.metadata.model import (
    Dialect,
    Group,
    MediaStream,
    Metadata,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStreams,
    Session,
    SessionRecording,
)
from siprec.metadata.reading import READERS, ElementReader, read_announcement, read_document
from siprec.metadata.xml import Node, content, leaf

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"
NAMESPACES = frozenset({NAMESPACE, "urn:ietf:params:xml:ns:recording", ""})

CONTENT_TYPE = "application/rs-metadata+xml"
CONTENT_TYPES = frozenset({CONTENT_TYPE, "application/rs-metadata"})
SNAPSHOT_REQUEST_TYPE = "application/rs-metadata-request"
DISPOSITION = "recording-session"

FOREIGN: dict[str, ElementReader] = {"extensiondata": extensions.read, "announcement": read_announcement}
"""Elements read in whatever namespace they stand."""


def is_root(root: Element) -> bool:
    """Whether this root begins an RFC 7865 document."""
    return xml.local(root.tag) == "recording" and xml.namespace(root.tag) in NAMESPACES


def read(root: Element) -> Metadata:
    """Read a document of this dialect."""
    return read_document(root, READERS, FOREIGN, Dialect.RFC7866)


def write(metadata: Metadata) -> bytes:
    """Write a document of this dialect."""
    children = content(
        (Node("datamode", text=metadata.mode.value),),
        (_group(group) for group in metadata.groups),
        (_session(session) for session in metadata.sessions),
        (_participant(participant) for participant in metadata.participants),
        (_stream(stream) for stream in metadata.streams),
        (_session_recording(association) for association in metadata.session_recordings),
        (_participant_session(association) for association in metadata.participant_sessions),
        (_participant_streams(association) for association in metadata.participant_streams),
        extensions.nodes(metadata, (("xmlns", announcement.NAMESPACE),)),
    )
    return xml.write(Node("recording", (("xmlns", NAMESPACE),), children))


def _ends(associate: str | None, disassociate: str | None) -> Iterator[Node]:
    yield from leaf("associate-time", associate)
    yield from leaf("disassociate-time", disassociate)


def _group(group: Group) -> Node:
    children = content(_ends(group.associate_time, group.disassociate_time), group.extras)
    return Node("group", (("group_id", group.id),), children)


def _session(session: Session) -> Node:
    children = content(
        (Node("sipSessionID", text=text) for text in session.sip_session_ids),
        (Node("reason", (("protocol", reason.protocol),), (), reason.text) for reason in session.reasons),
        leaf("group-ref", session.group_id),
        leaf("start-time", session.start_time),
        leaf("stop-time", session.stop_time),
        session.extras,
    )
    return Node("session", (("session_id", session.id),), children)


def _participant(participant: Participant) -> Node:
    children = content((_name_id(name_id) for name_id in participant.name_ids), participant.extras)
    return Node("participant", (("participant_id", participant.id),), children)


def _name_id(name_id: NameId) -> Node:
    names = (Node("name", (("xml:lang", name.language),), (), name.value) for name in name_id.names)
    return Node("nameID", (("aor", name_id.aor),), content(names, name_id.extras))


def _stream(stream: MediaStream) -> Node:
    children = content(
        leaf("label", stream.label),
        leaf("content-type", stream.content_type),
        leaf("mode", stream.mode),
        stream.extras,
    )
    return Node("stream", (("stream_id", stream.id), ("session_id", stream.session_id)), children)


def _session_recording(association: SessionRecording) -> Node:
    children = content(_ends(association.associate_time, association.disassociate_time), association.extras)
    return Node("sessionrecordingassoc", (("session_id", association.session_id),), children)


def _participant_session(association: ParticipantSession) -> Node:
    parameters = (Node("param", (("pname", name), ("pval", value))) for name, value in association.parameters)
    ends = _ends(association.associate_time, association.disassociate_time)
    ids = (("participant_id", association.participant_id), ("session_id", association.session_id))
    return Node("participantsessionassoc", ids, content(ends, parameters, association.extras))


def _participant_streams(association: ParticipantStreams) -> Node:
    children = content(
        (Node("send", text=stream_id) for stream_id in association.send),
        (Node("recv", text=stream_id) for stream_id in association.receive),
        _ends(association.associate_time, association.disassociate_time),
        association.extras,
    )
    return Node("participantstreamassoc", (("participant_id", association.participant_id),), children)


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """An SRS asks its SRC for a complete document (RFC 7866 §8.1)."""

    reason: str | None = None
    language: str | None = None


def write_snapshot_request(request: SnapshotRequest) -> bytes:
    """The body of type `application/rs-metadata-request`."""
    reason: tuple[Node, ...] = ()
    if request.reason is not None:
        reason = (Node("requestreason", (("xml:lang", request.language),), (), request.reason),)
    return xml.write(Node("requestsnapshot", (("xmlns", NAMESPACE),), reason))


def read_snapshot_request(data: bytes) -> SnapshotRequest:
    """Read such a body; raises MetadataError where it is not one."""
    root = xml.read(data)
    if xml.local(root.tag).lower() != "requestsnapshot":
        raise NotMetadataError(xml.local(root.tag))
    for child in root:
        if xml.local(child.tag).lower() == "requestreason":
            return SnapshotRequest((child.text or "").strip(), xml.identity(child, "lang"))
    return SnapshotRequest()
