"""Multipart bodies (RFC 2046 §5.1, RFC 5621) as careful and careless equipment writes them."""

import base64
import quopri

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from siprec import multipart
from siprec.multipart import MultipartError, Part

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
XML = b'<?xml version="1.0"?><recording/>'


def body(*pieces: bytes, boundary: bytes = b"b1", end: bytes = b"--b1--\r\n") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + piece + b"\r\n" for piece in pieces) + end


BROADWORKS = body(
    b"Content-Type:application/rs-metadata+xml\r\nContent-Disposition:recording-session\r\n"
    b"Content-Length:9999\r\n\r\n" + XML,
    b"Content-Type: application/sdp\r\n\r\n" + SDP,
    boundary=b"UniqueBroadWorksBoundary",
    end=b"--UniqueBroadWorksBoundary--",
)


def test_metadata_first_and_no_blank_after_the_colon():
    metadata, description = multipart.split("multipart/mixed;boundary=UniqueBroadWorksBoundary", BROADWORKS)
    assert (metadata.content_type, metadata.disposition, metadata.body) == (
        "application/rs-metadata+xml",
        "recording-session",
        XML,
    )
    assert (description.content_type, description.body) == ("application/sdp", SDP)


def test_a_single_part_body_is_one_part():
    (part,) = multipart.split("Application/SDP;x=1", SDP, "session;handling=optional")
    assert (part.content_type, part.body, part.disposition, part.is_optional) == (
        "application/sdp",
        SDP,
        "session",
        True,
    )


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/mixed;boundary=b1",
        'multipart/mixed; boundary="b1"',
        "Multipart/Mixed ; Boundary = b1",
        "multipart/mixed; x=1; boundary=b1; y=2",
        "multipart/mixed",
        "multipart/mixed;boundary=other",
    ],
)
def test_boundaries_said_missing_and_wrong(content_type):
    parts = multipart.split(content_type, body(b"Content-Type: a/b\r\n\r\nx", b"Content-Type: c/d\r\n\r\ny"))
    assert [(p.content_type, p.body) for p in parts] == [("a/b", b"x"), ("c/d", b"y")]


def test_a_missing_final_boundary():
    parts = multipart.split("multipart/mixed;boundary=b1", body(b"Content-Type: a/b\r\n\r\nx", end=b""))
    assert [p.body for p in parts] == [b"x"]


def test_line_feeds_only():
    raw = body(b"Content-Type: a/b\r\nX: y\r\n\r\none\r\ntwo").replace(b"\r\n", b"\n")
    (part,) = multipart.split("multipart/mixed;boundary=b1", raw)
    assert (part.header("x"), part.body) == ("y", b"one\ntwo")


def test_preamble_epilogue_and_blanks_after_the_boundary():
    raw = b"hello\r\n--b1 \t\r\nContent-Type: a/b\r\n\r\nx\r\n--b1--\r\nepilogue --b1\r\n"
    assert [p.body for p in multipart.split("multipart/mixed;boundary=b1", raw)] == [b"x"]


def test_a_longer_line_is_not_the_boundary():
    raw = body(b"Content-Type: a/b\r\n\r\nx\r\n--b12\r\ny")
    assert multipart.split("multipart/mixed;boundary=b1", raw)[0].body == b"x\r\n--b12\r\ny"


def test_the_boundary_inside_a_line_does_not_count():
    raw = body(b"Content-Type: a/b\r\n\r\nx --b1\r\ny")
    assert [p.body for p in multipart.split("multipart/mixed;boundary=b1", raw)] == [b"x --b1\r\ny"]


def test_a_part_without_headers_is_text():
    (part,) = multipart.split("multipart/mixed;boundary=b1", body(b"\r\nx"))
    assert (part.content_type, part.body, part.disposition, part.is_optional) == (
        "text/plain",
        b"x",
        None,
        False,
    )


def test_folded_headers():
    (part,) = multipart.split("multipart/mixed;boundary=b1", body(b"Content-Type: a/b;\r\n  c=d\r\n\r\nx"))
    assert part.header("content-type") == "a/b; c=d"


def test_nested_multiparts_are_flattened():
    inner = body(
        b"Content-Type: c/d\r\n\r\ny", b"Content-Type: e/f\r\n\r\nz", boundary=b"i", end=b"--i--\r\n"
    )
    raw = body(
        b"Content-Type: a/b\r\n\r\nx", b"Content-Type: multipart/alternative;boundary=i\r\n\r\n" + inner
    )
    parts = multipart.split("multipart/mixed;boundary=b1", raw)
    assert [p.content_type for p in parts] == ["a/b", "c/d", "e/f"]


def nested(depth: int) -> bytes:
    if depth == 0:
        return b"Content-Type: a/b\r\n\r\nx"
    name = b"n%d" % depth
    return (
        b"Content-Type: multipart/mixed;boundary=" + name + b"\r\n\r\n"
        b"--" + name + b"\r\n" + nested(depth - 1) + b"\r\n--" + name + b"--"
    )


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("multipart/mixed", b"nothing here"),
        ("multipart/mixed;boundary=b1", b"x" * (multipart.MAX_BODY_BYTES + 1)),
        ("multipart/mixed;boundary=b1", body(*[b"\r\nx"] * (multipart.MAX_PARTS + 1))),
        ("multipart/mixed;boundary=b1", body(b"X: " + b"y" * multipart.MAX_PART_HEADER_BYTES + b"\r\n\r\nx")),
        ("multipart/mixed;boundary=b1", body(nested(multipart.MAX_NESTING))),
    ],
)
def test_limits(content_type, raw):
    with pytest.raises(MultipartError, match="multipart body"):
        multipart.split(content_type, raw)


def test_quoted_parameters_may_hold_semicolons():
    assert multipart.parameter('a/b; x="1;2"; boundary="q;r"', "boundary") == "q;r"
    assert multipart.parameter("a/b", "boundary") is None


def test_what_is_written_names_its_boundary():
    content_type, raw = multipart.join(
        [Part.of("application/sdp", SDP), Part.of("a/b", XML, "session")], "b1"
    )
    assert content_type == "multipart/mixed;boundary=b1"
    assert [p.body for p in multipart.split(content_type, raw)] == [SDP, XML]
    assert multipart.join([], "a b")[0] == 'multipart/mixed;boundary="a b"'


@pytest.mark.parametrize("boundary", ["", "x" * 71, "v=0"])
def test_a_boundary_that_cannot_be_used(boundary):
    with pytest.raises(MultipartError):
        multipart.join([Part.of("application/sdp", b"--v=0")], boundary)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a/b", "application/sdp"]), st.binary(max_size=200)),
        min_size=1,
        max_size=6,
    )
)
def test_property_parts_survive_the_round_trip(contents):
    parts = [Part.of(kind, data) for kind, data in contents]
    assume(all(b"--edge" not in part.body for part in parts))
    content_type, raw = multipart.join(parts, "edge")
    assert list(multipart.split(content_type, raw)) == parts


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("base64", base64.encodebytes(SDP)),
        ("Base64", base64.b64encode(SDP)),
        ("quoted-printable", quopri.encodestring(SDP.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")),
        ("8bit", SDP),
        ("binary", SDP),
    ],
)
def test_a_part_in_a_transfer_encoding_is_what_it_means(encoding, encoded):
    head = f"Content-Type: application/sdp\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    (part,) = multipart.split("multipart/mixed;boundary=b1", body(head + encoded))
    assert part.body == SDP
    assert part.content_type == "application/sdp"


def test_base64_that_is_none_is_refused():
    head = b"Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    with pytest.raises(MultipartError, match="base64"):
        multipart.split("multipart/mixed;boundary=b1", body(head + b"A"))
