"""Fuzzing the SIP parser and endpoint: any bytes give a message or a documented error, and harm no call."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siprec.sip import Endpoint, EndpointConfig, SequentialIds, Transport
from siprec.sip.errors import ParseError
from siprec.sip.events import RequestReceived
from siprec.sip.headers import parse_cseq, parse_media_type, parse_name_addr, parse_via, split_list
from siprec.sip.message import Message, Request
from siprec.sip.parse import ParseRules, parse_datagram
from siprec.sip.uri import parse_uri
from siprec.testing import mutated, sip_request, sip_response

SEEDS = [
    sip_request(
        body=b"v=0\r\n", extra=["Record-Route: <sip:p;lr>", "Supported: timer", "Session-Expires: 90"]
    ),
    sip_request("ACK", to_tag="x", cseq_method="INVITE"),
    sip_request("BYE", cseq=2),
    sip_request("CANCEL"),
    sip_request("REGISTER", extra=['Authorization: Digest realm="a", nonce="b"']),
    sip_request("PRACK", to_tag="x", extra=["RAck: 1 1 INVITE"]),
    sip_response(200, sip_request()),
    sip_response(401, sip_request(), extra=['WWW-Authenticate: Digest realm="a", nonce="b"']),
]


def broken(seed: int) -> bytes:
    rng = random.Random(seed)
    return mutated(rng.choice(SEEDS), rng, rng.randint(1, 8))


@pytest.mark.parametrize("lenient", [True, False])
@given(st.binary(max_size=400))
def test_any_bytes(lenient: bool, data: bytes) -> None:
    try:
        assert isinstance(parse_datagram(data, ParseRules(lenient=lenient)), Message)
    except ParseError as error:
        if not 400 <= error.status <= 513:
            pytest.fail(f"{error} deserves no {error.status}")


@pytest.mark.parametrize("block", range(20))
def test_mutated_messages_parse_or_are_refused_and_reencode(block: int) -> None:
    for seed in range(block * 500, block * 500 + 500):
        try:
            message = parse_datagram(broken(seed))
        except ParseError:
            continue
        again = parse_datagram(message.encode())
        assert type(again) is type(message)
        if isinstance(message, Request):
            assert isinstance(again, Request)
            assert (again.method, again.uri, again.body) == (message.method, message.uri, message.body)


@pytest.mark.parametrize("block", range(10))
def test_mutated_messages_never_harm_the_endpoint(block: int) -> None:
    endpoint = Endpoint(EndpointConfig(), SequentialIds())
    endpoint.set_local(Transport.UDP, "192.0.2.1", 5060)
    endpoint.request("INVITE", "sip:callee@192.0.2.2", now=0.0)
    rng, now = random.Random(block), 0.0
    for seed in range(block * 400, block * 400 + 400):
        now += rng.random()
        endpoint.receive_datagram(broken(seed), ("192.0.2.2", 5060), now)
        for event in endpoint.take_events():
            if isinstance(event, RequestReceived):
                endpoint.respond(event.transaction, rng.choice([180, 200, 486]), now=now)
        endpoint.handle_timeout(now)
        endpoint.take_commands()
    endpoint.take_events()
    endpoint.receive_datagram(
        sip_request("OPTIONS", branch="z9hG4bKlast", call_id="last"), ("192.0.2.2", 5060), now
    )
    assert [type(event) for event in endpoint.take_events()] == [RequestReceived]
    endpoint.take_commands()
    while (due := endpoint.next_deadline()) is not None and due < now + 100_000:
        endpoint.handle_timeout(due)
        endpoint.take_events()
    assert len(endpoint.dialogs) <= 2


@pytest.mark.parametrize("block", range(5))
def test_mutated_streams_never_harm_the_endpoint(block: int) -> None:
    endpoint = Endpoint(EndpointConfig(), SequentialIds())
    rng = random.Random(block)
    for seed in range(block * 200, block * 200 + 200):
        endpoint.connection_made(seed + 1, Transport.TCP, ("192.0.2.2", 5060), 0.0)
        data = broken(seed) + broken(seed + 1)
        while data:
            cut = rng.randint(1, 300)
            endpoint.receive_data(seed + 1, data[:cut], 0.0)
            data = data[cut:]
        endpoint.connection_lost(seed + 1)
    assert endpoint.connections == 0


@settings(max_examples=300)
@given(st.text(max_size=80))
def test_value_parsers_raise_parse_errors_only(text: str) -> None:
    for parse in (
        parse_uri,
        parse_via,
        parse_cseq,
        parse_media_type,
        lambda value: parse_name_addr(value, "From"),
        lambda value: parse_name_addr(value, "From", lenient=False),
    ):
        try:
            parse(text)
        except ParseError:
            continue
    assert isinstance(split_list(text), list)
