"""What a SIP request offers a recording server: its parts, whether it is a recording session, or why not.

RFC 7866 §6.2: a recording session says `Require: siprec` and `+sip.src` in its Contact. BroadWorks says
`;src` and requires nothing; others forget both, so metadata in the body counts as well.
"""

from dataclasses import dataclass

from siprec import metadata, multipart, sdp
from siprec.metadata import Dialect, Metadata, MetadataError, Remark
from siprec.multipart import MultipartError, Part
from siprec.sdp import SdpError, SessionDescription
from siprec.sip.message import Request
from siprec.srs.settings import RecordingProfile

ACCEPT = (
    sdp.CONTENT_TYPE,
    "multipart/mixed",
    *metadata.CONTENT_TYPES,
    metadata.SNAPSHOT_REQUEST_TYPE,
)
"""Body types a recording server reads (RFC 7866 §7.1)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request gets this answer."""

    status: int
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Intake:
    """A request's content. `raw_metadata` is kept also where it could not be read (`remarks` says so)."""

    description: SessionDescription | None = None
    document: Metadata | None = None
    raw_metadata: bytes | None = None
    is_recording: bool = False
    dialect: Dialect = Dialect.BROADWORKS
    remarks: tuple[Remark, ...] = ()


def read_request(request: Request) -> Intake | Refused:
    """Read the body of an INVITE, UPDATE or INFO inside a recording session.

    Unknown parts refuse the request unless they say `handling=optional` (415, RFC 3261 §8.2.3); an SDP that
    cannot be read is 400; metadata that cannot be read is a remark: the audio matters more.
    """
    parts = _parts(request)
    if isinstance(parts, Refused):
        return parts
    description: SessionDescription | None = None
    raw: bytes | None = None
    for part in parts:
        if part.content_type == sdp.CONTENT_TYPE:
            try:
                description = sdp.parse(part.body)
            except SdpError as error:
                return Refused(400, f"Bad Request ({error})")
        elif part.content_type in metadata.CONTENT_TYPES:
            raw = part.body
        elif not _ignorable(part):
            return Refused(415, None, (("accept", ", ".join(ACCEPT)),))
    document, remarks = _document(raw)
    return Intake(
        description, document, raw, is_recording_session(request, raw), _dialect(request, document), remarks
    )


def _parts(request: Request) -> tuple[Part, ...] | Refused:
    if not request.body:
        return ()
    content_type = request.headers.get("content-type") or sdp.CONTENT_TYPE
    try:
        return multipart.split(content_type, request.body, request.headers.get("content-disposition"))
    except MultipartError as error:
        return Refused(400, f"Bad Request ({error})")


def _ignorable(part: Part) -> bool:
    return part.is_optional or not part.body.strip() or part.content_type == metadata.SNAPSHOT_REQUEST_TYPE


def _document(raw: bytes | None) -> tuple[Metadata | None, tuple[Remark, ...]]:
    if raw is None:
        return None, ()
    try:
        return metadata.read(raw), ()
    except MetadataError as error:
        return None, (Remark("metadata_unreadable", str(error)[:200]),)


def is_recording_session(request: Request, raw_metadata: bytes | None) -> bool:
    """Tell whether a request belongs to a recording session: Require, Contact feature or metadata."""
    if "siprec" in request.headers.tokens("require") or raw_metadata is not None:
        return True
    contact = request.contact
    return contact is not None and not {"+sip.src", "src"}.isdisjoint(contact.params)


def _dialect(request: Request, document: Metadata | None) -> Dialect:
    if document is not None:
        return document.dialect
    return Dialect.RFC7866 if "siprec" in request.headers.tokens("require") else Dialect.BROADWORKS


def admit(intake: Intake, profile: RecordingProfile) -> Refused | None:
    """Decide whether the profile takes a new session; None where it does."""
    if not intake.is_recording and profile.plain_invite == "refuse":
        return Refused(403, "Forbidden (this is a recording server: no siprec and no metadata)")
    if not intake.is_recording and profile.plain_invite == "require":
        return Refused(421, None, (("require", "siprec"),))
    if intake.raw_metadata is None and profile.missing_metadata == "refuse":
        return Refused(400, "Bad Request (recording metadata is missing)")
    return None
