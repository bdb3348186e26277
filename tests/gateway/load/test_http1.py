"""The keep-alive connection: answers in any cut, closings, what is no HTTP; and what it writes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.load.http1 import HttpConnection, request_octets


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.aborted = False

    def write(self, octets: bytes) -> None:
        self.written += octets

    def abort(self) -> None:
        self.aborted = True


class Talk:
    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.lost = 0
        self.wire = Wire()
        self.connection = HttpConnection(self.answered, self.gone)
        self.connection.connection_made(self.wire)

    def answered(self, connection, status, body) -> None:
        self.answers.append((status, body))

    def gone(self, connection) -> None:
        self.lost += 1


ANSWERS = {
    "length": (b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello", 202, b"hello"),
    "nothing": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
        200,
        b"hello",
    ),
    "trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n",
        200,
        b"hello",
    ),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow down\r\nContent-Length: 2\r\n\r\n{}",
        429,
        b"{}",
    ),
}


@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(0, 120), max_size=6))
def test_an_answer_may_come_in_any_pieces(name, cuts):
    octets, status, body = ANSWERS[name]
    talk = Talk()
    talk.connection.request(b"GET / HTTP/1.1\r\n\r\n")
    edges = sorted({0, len(octets), *(cut for cut in cuts if cut < len(octets))})
    for start, end in pairwise(edges):
        assert talk.answers == []
        talk.connection.data_received(octets[start:end])
    assert talk.answers == [(status, body)]
    assert not talk.connection.busy
    assert talk.connection.usable
    assert not talk.connection.begun


def test_one_connection_carries_many_requests():
    talk = Talk()
    for number in range(3):
        talk.connection.request(b"%d" % number)
        talk.connection.data_received(ANSWERS["length"][0])
    assert len(talk.answers) == 3
    assert talk.wire.written == b"012"


def test_a_body_without_a_length_ends_with_the_connection():
    talk = Talk()
    talk.connection.request(b"x")
    talk.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nhello")
    assert talk.answers == []
    assert talk.connection.begun
    talk.connection.connection_lost(None)
    assert talk.answers == [(200, b"hello")]
    assert talk.lost == 1


def test_connection_close_is_obeyed():
    talk = Talk()
    talk.connection.request(b"x")
    talk.connection.data_received(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert talk.answers == [(200, b"")]
    assert not talk.connection.usable
    assert talk.wire.aborted


@pytest.mark.parametrize(
    "octets",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"x" * 40_000,
        ANSWERS["length"][0] * 2,
    ],
)
def test_what_is_no_answer_drops_the_connection(octets):
    talk = Talk()
    talk.connection.request(b"x")
    talk.connection.data_received(octets)
    assert talk.wire.aborted
    assert talk.answers == []


def test_an_answer_nobody_asked_for_drops_the_connection():
    talk = Talk()
    talk.connection.data_received(ANSWERS["length"][0])
    assert talk.wire.aborted


def test_requests_are_written_whole():
    assert request_octets("GET", "/x?y=1", "h:80") == b"GET /x?y=1 HTTP/1.1\r\nHost: h:80\r\n\r\n"
    assert request_octets("POST", "/", "h:80", b"{}", (("A", "b"),)) == (
        b"POST / HTTP/1.1\r\nHost: h:80\r\nA: b\r\nContent-Length: 2\r\n\r\n{}"
    )
