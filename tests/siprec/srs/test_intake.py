"""What a request offers: parts in any order, vendor faults, refusals with their reasons."""

import pytest

from siprec import metadata, multipart
from siprec.metadata import DataMode, Dialect, Metadata
from siprec.multipart import Part
from siprec.sip import Request
from siprec.sip.parse import parse_datagram
from siprec.srs.intake import Intake, Refused, admit, is_recording_session, read_request
from siprec.srs.settings import RecordingProfile
from siprec.testing import sip_request

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
XML = metadata.write(Metadata(DataMode.COMPLETE, Dialect.RFC7866))
BROADWORKS = metadata.write(Metadata(DataMode.COMPLETE, Dialect.BROADWORKS))


def request(body: bytes = b"", content_type: str = "application/sdp", **kwargs: object) -> Request:
    message = parse_datagram(sip_request(body=body, content_type=content_type, **kwargs))  # type: ignore[arg-type]
    assert isinstance(message, Request)
    return message


def mixed(*parts: Part, boundary: str = "x") -> tuple[bytes, str]:
    content_type, body = multipart.join(list(parts), boundary)
    return body, content_type


def read(*parts: Part, **kwargs: object) -> Intake | Refused:
    body, content_type = mixed(*parts)
    return read_request(request(body, content_type, **kwargs))


SDP_PART = Part.of("application/sdp", SDP)
XML_PART = Part.of("application/rs-metadata+xml", XML, "recording-session")


@pytest.mark.parametrize("parts", [(SDP_PART, XML_PART), (XML_PART, SDP_PART)])
def test_parts_in_either_order(parts: tuple[Part, ...]) -> None:
    found = read(*parts)
    assert isinstance(found, Intake)
    assert found.description is not None
    assert found.raw_metadata == XML
    assert found.document is not None
    assert found.is_recording
    assert found.dialect is Dialect.RFC7866


def test_the_older_media_type_of_metadata() -> None:
    found = read(SDP_PART, Part.of("application/rs-metadata", XML))
    assert isinstance(found, Intake)
    assert found.document is not None


def test_broadworks_without_a_space_and_with_lf() -> None:
    body = (
        b"--UniqueBroadWorksBoundary\nContent-Type:application/rs-metadata+xml\nContent-Disposition:"
        b"recording-session\n\n"
        + BROADWORKS
        + b"\n--UniqueBroadWorksBoundary\nContent-Type:application/sdp\n\n"
        + SDP.replace(b"\r\n", b"\n")
    )
    found = read_request(
        request(body, "multipart/mixed;boundary=UniqueBroadWorksBoundary", contact="<sip:a@192.0.2.2>;src")
    )
    assert isinstance(found, Intake)
    assert found.dialect is Dialect.BROADWORKS
    assert found.description is not None
    assert found.remarks == ()


def test_sdp_alone_and_nothing_at_all() -> None:
    alone, empty = read_request(request(SDP)), read_request(request())
    assert isinstance(alone, Intake)
    assert isinstance(empty, Intake)
    assert alone.description is not None
    assert (empty.description, empty.document) == (None, None)
    assert not alone.is_recording


def test_unknown_parts_count_unless_they_say_otherwise() -> None:
    unknown = Part.of("application/isup", b"\x01")
    optional = Part.of("application/isup", b"\x01", "signal;handling=optional")
    refused = read(SDP_PART, unknown)
    assert isinstance(refused, Refused)
    assert refused.status == 415
    assert "application/sdp" in dict(refused.headers)["accept"]
    assert isinstance(read(SDP_PART, optional), Intake)


def test_unreadable_metadata_costs_a_remark_not_the_call() -> None:
    found = read(SDP_PART, Part.of("application/rs-metadata+xml", b"<!DOCTYPE x><recording/>"))
    assert isinstance(found, Intake)
    assert found.document is None
    assert [remark.code for remark in found.remarks] == ["metadata_unreadable"]
    assert found.raw_metadata is not None
    assert found.is_recording


@pytest.mark.parametrize(
    ("body", "content_type"), [(b"v=0\r\nx", "application/sdp"), (b"nothing", "multipart/mixed;boundary=x")]
)
def test_what_cannot_be_read_is_400(body: bytes, content_type: str) -> None:
    refused = read_request(request(body, content_type))
    assert isinstance(refused, Refused)
    assert refused.status == 400
    assert refused.reason is not None


@pytest.mark.parametrize(
    ("extra", "contact", "expected"),
    [
        (["Require: siprec"], "<sip:a@b>", True),
        (["Require: timer, SIPREC"], "<sip:a@b>", True),
        ([], "<sip:a@b>;+sip.src", True),
        ([], "<sip:a@b>;src", True),
        ([], "<sip:a@b;src>", False),
        ([], "<sip:a@b>", False),
        ([], None, False),
    ],
)
def test_what_makes_a_recording_session(extra: list[str], contact: str | None, expected: bool) -> None:
    assert is_recording_session(request(extra=extra, contact=contact), None) is expected


def test_metadata_makes_a_recording_session_by_itself() -> None:
    assert is_recording_session(request(), XML)


def test_admission() -> None:
    plain = Intake()
    recording = Intake(is_recording=True, raw_metadata=XML)
    assert admit(recording, RecordingProfile()) is None
    refused = admit(plain, RecordingProfile())
    assert refused is not None
    assert (refused.status, "recording server" in (refused.reason or "")) == (403, True)
    required = admit(plain, RecordingProfile(plain_invite="require"))
    assert required is not None
    assert (required.status, required.headers) == (421, (("require", "siprec"),))
    bare = admit(Intake(is_recording=True), RecordingProfile(missing_metadata="refuse"))
    assert bare is not None
    assert bare.status == 400
