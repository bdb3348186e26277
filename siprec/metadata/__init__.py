"""Recording metadata (RFC 7865) in both dialects of the field, read, written, merged and cross-checked.

    document = metadata.read(body)              # Metadata; MetadataError (XmlRefusedError, NotMetadataError)
    document.dialect, document.mode             # Dialect.BROADWORKS, DataMode.COMPLETE
    document.calls[0].tenant_key                # (serviceProviderID, groupID, userID) of BroadWorks
    document.announcements                      # our own element in extensiondata (`webex.md` D4)
    body = metadata.write(document)             # in its dialect, or in the one given

    ledger = metadata.Ledger()                  # one per recording session
    ledger.apply(document, body, now_ns)        # complete replaces, partial merges by id
    metadata.cross_check(ledger.current, labels_of_the_sdp)   # -> tuple[Remark]

    metadata.write_snapshot_request(metadata.SnapshotRequest("lost state"))   # RFC 7866 §8.1

Modules: `model` (the values), `xml` (hardened reading, writing), `reading` (what the dialects share),
`rfc7865`, `broadworks`, `extensions`, `announcement`, `merge`, `times`, `errors`.
"""

from siprec.metadata import broadworks, rfc7865, xml
from siprec.metadata.errors import MetadataError, NotMetadataError, XmlRefusedError
from siprec.metadata.merge import Ledger, Revision, cross_check, merge
from siprec.metadata.model import (
    Acd,
    Announcement,
    BroadWorksCall,
    CallLeg,
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
    RedirectedCall,
    RedirectInfo,
    Remark,
    Session,
    SessionRecording,
)
from siprec.metadata.rfc7865 import (
    CONTENT_TYPE,
    CONTENT_TYPES,
    DISPOSITION,
    SNAPSHOT_REQUEST_TYPE,
    SnapshotRequest,
    read_snapshot_request,
    write_snapshot_request,
)


def read(data: bytes) -> Metadata:
    """Read a document of either dialect; raises XmlRefusedError or NotMetadataError."""
    root = xml.read(data)
    if rfc7865.is_root(root):
        return rfc7865.read(root)
    if broadworks.is_root(root):
        return broadworks.read(root)
    raise NotMetadataError(root.tag)


def write(metadata: Metadata, dialect: Dialect | None = None) -> bytes:
    """Write a document in `dialect`, by default its own."""
    chosen = dialect or metadata.dialect
    return broadworks.write(metadata) if chosen is Dialect.BROADWORKS else rfc7865.write(metadata)


__all__ = [
    "CONTENT_TYPE",
    "CONTENT_TYPES",
    "DISPOSITION",
    "SNAPSHOT_REQUEST_TYPE",
    "Acd",
    "Announcement",
    "BroadWorksCall",
    "CallLeg",
    "DataMode",
    "Dialect",
    "Extension",
    "Group",
    "Ledger",
    "MediaStream",
    "Metadata",
    "MetadataError",
    "Name",
    "NameId",
    "NotMetadataError",
    "Participant",
    "ParticipantSession",
    "ParticipantStreams",
    "Reason",
    "RecordingInfo",
    "RedirectInfo",
    "RedirectedCall",
    "Remark",
    "Revision",
    "Session",
    "SessionRecording",
    "SnapshotRequest",
    "XmlRefusedError",
    "cross_check",
    "merge",
    "read",
    "read_snapshot_request",
    "write",
    "write_snapshot_request",
]
