"""RFC 3261 §18.3, RFC 5626 §3.5.1: framing by Content-Length, split and joined anywhere, keep-alives."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.sip.errors import MessageTooLargeError, ParseError
from siprec.sip.message import Message, Request, Response
from siprec.sip.parse import ParseRules
from siprec.sip.stream import PingReceived, StreamParser
from siprec.testing import sip_request, sip_response

PING = b"\r\n\r\n"
MESSAGES = [
    sip_request(branch="z9hG4bK1", body=b"v=0\r\n\r\nwith a blank line\r\n"),
    sip_request("BYE", branch="z9hG4bK2", to_tag="x"),
    sip_response(200, sip_request(), body=b"\r\n\r\n"),
    sip_request(branch="z9hG4bK3", body=b"\x00" * 700),
]


def describe(item: object) -> object:
    if isinstance(item, Request):
        return item.method, item.via.branch, item.body
    if isinstance(item, Response):
        return item.status, item.body
    return type(item).__name__


EXPECTED = [describe(item) for item in StreamParser().receive_data(b"".join(MESSAGES))]


def test_joined_messages_are_parted() -> None:
    assert [entry[0] for entry in EXPECTED] == ["INVITE", "BYE", 200, "INVITE"]  # type: ignore[index]


def test_one_byte_at_a_time() -> None:
    parser, found = StreamParser(), []
    for byte in b"".join(MESSAGES):
        found += parser.receive_data(bytes([byte]))
    assert [describe(item) for item in found] == EXPECTED
    assert not parser.pending


@given(cuts=st.lists(st.integers(0, sum(map(len, MESSAGES))), max_size=20))
def test_split_anywhere(cuts: list[int]) -> None:
    data = b"".join(MESSAGES)
    edges = [0, *sorted(cuts), len(data)]
    parser, found = StreamParser(), []
    for start, end in pairwise(edges):
        found += parser.receive_data(data[start:end])
    assert [describe(item) for item in found] == EXPECTED


def test_pings_between_messages_and_single_line_ends() -> None:
    data = b"\r\n" + MESSAGES[1] + PING + MESSAGES[1] + b"\r\n" + MESSAGES[1]
    kinds = [type(item) for item in StreamParser().receive_data(data)]
    assert kinds == [Request, PingReceived, Request, Request]


def test_half_a_ping_is_not_a_pending_message() -> None:
    parser = StreamParser()
    assert parser.receive_data(b"\r\n") == []
    assert not parser.pending
    assert parser.receive_data(b"\r\n") == [PingReceived()]


def test_without_content_length_there_is_no_body() -> None:
    data = sip_request().replace(b"Content-Length: 0\r\n", b"")
    items = StreamParser().receive_data(data + MESSAGES[1])
    assert [describe(item)[0] for item in items] == ["INVITE", "BYE"]  # type: ignore[index]


def test_a_faulty_message_that_is_framed_well_is_skipped() -> None:
    bad = sip_request(body=b"12345").replace(b"CSeq: 1 INVITE", b"CSeq: 1 OPTIONS")
    parser = StreamParser()
    items = parser.receive_data(bad + MESSAGES[1])
    assert [type(item) for item in items] == [ParseError, Request]
    assert not parser.broken


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        sip_request().replace(b"Content-Length: 0", b"Content-Length: -1"),
        sip_request().replace(b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 7"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_lost_framing_is_final(data: bytes) -> None:
    parser = StreamParser()
    items = parser.receive_data(data)
    assert len(items) == 1
    assert isinstance(items[0], ParseError)
    assert parser.broken
    assert parser.receive_data(MESSAGES[0]) == []


def test_a_body_without_its_size_is_refused_with_the_reason() -> None:
    """§20.14: over a stream nobody else says where a message ends; one without a body needs no size."""
    parser = StreamParser()
    data = sip_request(body=b"v=0\r\n").replace(b"Content-Length: 5\r\n", b"")
    refused, *rest = parser.receive_data(data)
    assert isinstance(refused, ParseError)
    assert (refused.status, refused.method, str(refused)[:14]) == (400, "INVITE", "Content-Length")
    assert rest == []
    bare = sip_request("OPTIONS").replace(b"Content-Length: 0\r\n", b"")
    assert isinstance(StreamParser().receive_data(bare)[0], Request)


def test_a_head_without_end_is_bounded() -> None:
    parser = StreamParser(ParseRules(max_head_bytes=1000))
    found: list[object] = []
    for _ in range(50):
        found += parser.receive_data(b"INVITE sip:x" * 10)
        if parser.broken:
            break
    assert isinstance(found[-1], MessageTooLargeError)
    assert not parser.pending


def test_a_body_too_large_is_refused_before_it_arrives() -> None:
    parser = StreamParser(ParseRules(max_body_bytes=1000))
    items = parser.receive_data(sip_request().replace(b"Content-Length: 0", b"Content-Length: 100000000"))
    assert isinstance(items[0], MessageTooLargeError)
    assert parser.broken


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_give_items_and_nothing_else(pieces: list[bytes]) -> None:
    parser = StreamParser()
    for piece in pieces:
        for item in parser.receive_data(piece):
            assert isinstance(item, Message | PingReceived | ParseError)
