"""RFC 3261 §7 and §18.3: messages from datagrams, limits, faults with the answers they deserve."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siprec.sip.errors import MessageTooLargeError, ParseError
from siprec.sip.headers import Headers
from siprec.sip.message import Request, Response
from siprec.sip.parse import ParseRules, parse_datagram
from siprec.testing import sip_request, sip_response

STRICT = ParseRules(lenient=False)


def request_of(data: bytes, rules: ParseRules = ParseRules()) -> Request:  # noqa: B008 - frozen
    message = parse_datagram(data, rules)
    assert isinstance(message, Request)
    return message


def test_a_request_is_read_lazily_and_completely() -> None:
    request = request_of(sip_request(body=b"v=0\r\n", extra=["X-Custom: kept"]))
    assert (request.method, request.uri, request.body) == ("INVITE", "sip:srs@192.0.2.1", b"v=0\r\n")
    assert request.via.branch == "z9hG4bKa1"
    assert request.from_.tag == "caller"
    assert request.to.tag is None
    assert request.cseq.number == 1
    assert request.contact is not None
    assert request.content_type is not None
    assert request.content_type.name == "application/sdp"
    assert request.headers.get("x-custom") == "kept"


def test_a_response_is_read() -> None:
    response = parse_datagram(sip_response(180, sip_request(), reason="Ringing"))
    assert isinstance(response, Response)
    assert (response.status, response.reason, response.to.tag) == (180, "Ringing", "callee")


def test_compact_forms_and_folding() -> None:
    data = (
        b"INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@b>\r\n ;tag=1\r\n"
        b"t: <sip:a@b>\r\ni:x\r\nCSeq: 1\r\n\tINVITE\r\nm: <sip:a@b>\r\nl: 2\r\n\r\nhi"
    )
    request = request_of(data)
    assert request.from_.tag == "1"
    assert request.call_id == "x"
    assert request.body == b"hi"


def test_leading_line_ends_are_skipped_and_trailing_bytes_ignored() -> None:
    data = b"\r\n\r\n" + sip_request(body=b"12345") + b"INVITE garbage"
    assert request_of(data).body == b"12345"


def test_without_content_length_a_datagram_is_all_body() -> None:
    data = sip_request(body=b"12345").replace(b"Content-Length: 5\r\n", b"")
    assert request_of(data).body == b"12345"


def test_lf_only_lines_are_tolerated() -> None:
    data = sip_request().replace(b"\r\n", b"\n")
    assert request_of(data).call_id == "call-1@192.0.2.2"


def test_bytes_that_are_not_utf8_survive() -> None:
    data = sip_request(extra=["Subject: @@"]).replace(b"@@", b"\xff\xfe")
    assert b"Subject: \xff\xfe\r\n" in request_of(data).encode()


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b"Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKa1;rport\r\n", b"", "Via"),
        (b"SIP/2.0/UDP 192.0.2.2:5060", b"SIP/2.0/UDP 192.0.2.2:70000", "Via"),
        (b"Call-ID: call-1@192.0.2.2\r\n", b"", "Call-ID"),
        (b"Call-ID: call-1@192.0.2.2\r\n", b"Call-ID:\r\n", "Call-ID"),
        (b"CSeq: 1 INVITE\r\n", b"CSeq: one INVITE\r\n", "CSeq"),
        (b"CSeq: 1 INVITE\r\n", b"CSeq: 1 BYE\r\n", "CSeq"),
        (b"From: <sip:src@192.0.2.2>;tag=caller\r\n", b"From: <sip:src;tag=caller\r\n", "From"),
        (b"To: <sip:srs@192.0.2.1>\r\n", b"To: <sip:x@y>\r\nTo: <sip:z@y>\r\n", "To"),
        (b"Max-Forwards: 70\r\n", b"Max-Forwards: 256\r\n", "Max-Forwards"),
        (b"Max-Forwards: 70\r\n", b"Expires: never\r\n", "Expires"),
        (b"Max-Forwards: 70\r\n", b"no colon here\r\n", "header"),
        (b"Max-Forwards: 70\r\n", b"Subject: a\rVia: forged\r\n", "header"),
        (b"Content-Length: 0\r\n", b"Content-Length: 1\r\n", "Content-Length"),
        (b"Content-Length: 0\r\n", b"Content-Length: -1\r\n", "Content-Length"),
        (b"Content-Length: 0\r\n", b"Content-Length: 0\r\nl: 3\r\n", "Content-Length"),
        (b"<sip:src@192.0.2.2:5060>\r\n", b"<sip:src@192.0.2.2:99999>\r\n", "Contact"),
        (b"sip:srs@192.0.2.1 SIP", b"sip:srs@192.0.2.1?a=b SIP", "Request-URI"),
        (b"sip:srs@192.0.2.1 SIP", b"sip: SIP", "URI"),
    ],
)
def test_faults_are_named_and_answerable(old: bytes, new: bytes, what: str) -> None:
    data = sip_request()
    assert old in data
    with pytest.raises(ParseError) as caught:
        parse_datagram(data.replace(old, new, 1))
    assert caught.value.what == what
    assert caught.value.status == 400
    if what != "header":
        assert caught.value.method == "INVITE"
        assert caught.value.headers is not None


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 20, b"GET / HTTP/1.1\r\n\r\n", b"INVITE\r\n\r\n", b"SIP/2.0\r\n\r\n"]
)
def test_what_is_not_sip_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_datagram(data)


def test_another_version_is_505() -> None:
    with pytest.raises(ParseError) as caught:
        parse_datagram(sip_request().replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1))
    assert caught.value.status == 505


def test_ack_with_the_wrong_cseq_method_only_when_lenient() -> None:
    data = sip_request("ACK", cseq_method="INVITE")
    assert request_of(data).method == "ACK"
    with pytest.raises(ParseError):
        parse_datagram(data, STRICT)


def test_repeated_equal_headers_only_when_lenient() -> None:
    data = sip_request(extra=["Call-ID: call-1@192.0.2.2"])
    assert request_of(data).call_id == "call-1@192.0.2.2"
    with pytest.raises(ParseError):
        parse_datagram(data, STRICT)


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        (ParseRules(max_head_bytes=100), "head in bytes"),
        (ParseRules(max_headers=4), "number of headers"),
        (ParseRules(max_header_bytes=20), "header in bytes"),
        (ParseRules(max_body_bytes=3), "body in bytes"),
    ],
)
def test_limits(rules: ParseRules, what: str) -> None:
    with pytest.raises(MessageTooLargeError) as caught:
        parse_datagram(sip_request(body=b"12345"), rules)
    assert caught.value.what == what
    assert caught.value.status == 513


def test_body_limit_holds_without_content_length() -> None:
    data = sip_request(body=b"12345").replace(b"Content-Length: 5\r\n", b"")
    with pytest.raises(MessageTooLargeError):
        parse_datagram(data, ParseRules(max_body_bytes=4))


def test_a_64_kib_datagram_with_many_headers_is_fine() -> None:
    data = sip_request(body=b"x" * 50_000, extra=[f"X-{n}: {n}" for n in range(200)])
    assert len(request_of(data).body) == 50_000


NAMES = st.sampled_from(["subject", "x-custom", "user-agent", "allow", "session-id", "route"])
VALUES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=30)


@settings(max_examples=200)
@given(
    extra=st.lists(st.tuples(NAMES, VALUES), max_size=8),
    body=st.binary(max_size=200),
    method=st.sampled_from(["INVITE", "BYE", "INFO", "FOO"]),
)
def test_requests_round_trip(extra: list[tuple[str, str]], body: bytes, method: str) -> None:
    items = [
        ("via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
        ("from", "<sip:a@b>;tag=1"),
        ("to", "<sip:a@b>"),
        ("call-id", "x"),
        ("cseq", f"1 {method}"),
        *extra,
    ]
    sent = Request(Headers(items), body, method=method, uri="sip:a@b")
    got = request_of(sent.encode())
    assert (got.method, got.uri, got.body) == (method, "sip:a@b", body)
    assert [pair for pair in got.headers if pair[0] != "content-length"] == items
    again = request_of(got.encode())
    assert again.headers == got.headers


@given(status=st.integers(100, 699), reason=st.text("abc def-", max_size=20))
def test_responses_round_trip(status: int, reason: str) -> None:
    reason = reason.strip()
    got = parse_datagram(sip_response(status, sip_request(), reason=reason))
    assert isinstance(got, Response)
    assert (got.status, got.reason) == (status, reason)
    assert parse_datagram(got.encode()).headers == got.headers
