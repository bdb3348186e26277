"""HTTP/1.1 for webhooks: requests and signatures, responses in any slicing, hostile answers."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.webhooks.wire import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    RequestWriter,
    Response,
    ResponseInvalid,
    ResponseReader,
    Signer,
    TargetInvalid,
    TargetUrl,
    parse_target,
)


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("http://127.0.0.1", TargetUrl(False, "127.0.0.1", 80, "/"), "127.0.0.1"),
        (
            "http://localhost:9000/a/b?c=d&e=f",
            TargetUrl(False, "localhost", 9000, "/a/b?c=d&e=f"),
            "localhost:9000",
        ),
        ("https://hooks.example.com/x", TargetUrl(True, "hooks.example.com", 443, "/x"), "hooks.example.com"),
        ("http://[::1]:80/", TargetUrl(False, "::1", 80, "/"), "[::1]"),
        ("https://[::1]:8443/", TargetUrl(True, "::1", 8443, "/"), "[::1]:8443"),
        ("http://h/ä?q=ü#frag", TargetUrl(False, "h", 80, "/%C3%A4?q=%C3%BC"), "h"),
    ],
)
def test_targets(url: str, target: TargetUrl, authority: str) -> None:
    assert parse_target(url) == target
    assert parse_target(url).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost:9000", "ftp://h/", "http://", "http:///x", "http://u:p@h/", "http://h:0/", "http://h:99999/",
        "http://h/\r\nX: y", "http://h\r\n/", "http://h /", "http://h/ x", "http://[::1/", "http://ho$t/",
        "file:///etc/passwd", "http://h/" + "x" * 3000, "http://h:port/",
    ],
)  # fmt: skip
def test_urls_that_are_no_targets(url: str) -> None:
    with pytest.raises(TargetInvalid):
        parse_target(url)


@given(st.text(max_size=60))
def test_no_url_smuggles_a_header(text: str) -> None:
    try:
        target = parse_target("http://h/" + text)
    except TargetInvalid:
        return
    head = RequestWriter(target, None).request("id", 1, b"").split(b"\r\n")
    assert head[0].startswith(b"POST /")
    assert len(head[0].split(b" ")) == 3
    assert head[1] == b"Host: h"


def test_a_request_carries_ids_signatures_and_length() -> None:
    body = '{"text": "grüße"}'.encode()
    request = RequestWriter(parse_target("http://h:81/p?q=1"), "secret").request("00abc", 3, body)
    head, _, sent = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /p?q=1 HTTP/1.1"
    fields = dict(line.split(": ", 1) for line in lines[1:])
    assert sent == body
    assert fields["Host"] == "h:81"
    assert fields["Content-Length"] == str(len(body))
    assert fields["Content-Type"] == "application/json"
    assert (fields["X-Delivery-Id"], fields["X-Delivery-Attempt"]) == ("00abc", "3")
    assert fields["X-Spark-Signature"] == hmac.new(b"secret", body, hashlib.sha1).hexdigest()
    assert fields["X-Signature-256"] == hmac.new(b"secret", body, hashlib.sha256).hexdigest()


def test_without_a_secret_nothing_is_signed() -> None:
    assert b"ignature" not in RequestWriter(parse_target("http://h"), None).request("x", 1, b"{}")


def test_signatures_of_rfc_2202_and_rfc_4231() -> None:
    """Test case 2 of both: key "Jefe"."""
    sha1, sha256 = Signer(b"Jefe")(b"what do ya want for nothing?")
    assert sha1 == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    assert sha256 == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: x\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
DATED = b"HTTP/1.1 429 X\r\nRetry-After: Fri, 21 Nov 2025 12:00:00 GMT\r\nContent-Length: 0\r\n\r\n"


@given(st.binary(max_size=200), st.binary(max_size=500))
def test_signatures_are_those_of_the_standard_library(secret: bytes, body: bytes) -> None:
    wanted = tuple(hmac.new(secret, body, name).hexdigest() for name in ("sha1", "sha256"))
    assert Signer(secret)(body) == wanted


ANSWERS = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Response(200, True)),
    (b"HTTP/1.1 204 No Content\r\n\r\n", Response(204, True)),
    (b"HTTP/1.1 204\r\n\r\n", Response(204, True)),
    (CHUNKED + CHUNKS, Response(200, True)),
    (b"HTTP/1.1 503 Busy\r\ncontent-length:0\r\nretry-after: 30\r\n\r\n", Response(503, True, 30.0)),
    (DATED, Response(429, True)),
    (b"HTTP/1.1 500 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", Response(500, False)),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Response(200, False)),
    (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", Response(200, True)),
    (INTERIM + b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", Response(201, True)),
]


@pytest.mark.parametrize(("raw", "response"), ANSWERS)
def test_answers_at_once_and_byte_by_byte(raw: bytes, response: Response) -> None:
    assert ResponseReader().receive_data(raw) == response
    reader = ResponseReader()
    found = [reader.receive_data(raw[i : i + 1]) for i in range(len(raw))]
    assert found[-1] == response
    assert all(one is None for one in found[:-1])
    assert not reader.started


@given(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=4), st.data())
def test_one_reader_reads_many_answers_in_any_slicing(
    answers: list[tuple[bytes, Response]], data: st.DataObject
) -> None:
    reader = ResponseReader()
    for raw, response in answers:
        cut = data.draw(st.integers(0, len(raw)))
        early = reader.receive_data(raw[:cut]) if cut else None
        late = reader.receive_data(raw[cut:]) if cut < len(raw) else None
        assert [one for one in (early, late) if one] == [response]


def test_a_body_without_length_ends_with_the_connection() -> None:
    reader = ResponseReader()
    assert reader.receive_data(b"HTTP/1.1 200 OK\r\n\r\nsome text") is None
    assert reader.receive_data(b" and more") is None
    assert reader.receive_eof() == Response(200, False)
    assert ResponseReader().receive_eof() is None


def test_an_answer_nobody_asked_for_spoils_the_connection() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert ResponseReader().receive_data(raw + raw) == Response(200, False)


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 99 X\r\n\r\n",
        b"HTTP/1.1 600 X\r\n\r\n",
        b"HTTP/1.1 2000 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * (MAX_HEAD_BYTES + 1),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY_BYTES + 1),
        b"x" * (MAX_HEAD_BYTES + 1),
    ],
)
def test_hostile_answers_are_refused(raw: bytes) -> None:
    with pytest.raises(ResponseInvalid):
        ResponseReader().receive_data(raw)


@given(
    st.lists(
        st.binary(max_size=40) | st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"\r\n", b"Content-Length: 3\r\n"])
    )
)
def test_only_the_documented_error(pieces: list[bytes]) -> None:
    reader = ResponseReader()
    try:
        for piece in pieces:
            reader.receive_data(piece)
        reader.receive_eof()
    except ResponseInvalid:
        pass
