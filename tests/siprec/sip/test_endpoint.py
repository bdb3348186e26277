"""Streams, floods and memory: what a hostile or broken peer may cost."""

from typing import Any

import pytest

from siprec.sip import Endpoint, EndpointConfig, SequentialIds, Transport
from siprec.sip.events import CloseConnection, MessageDiscarded, RequestReceived, SendMessage
from siprec.testing import sip_request

PEER = ("192.0.2.2", 40_000)
TCP_VIA = "SIP/2.0/TCP 192.0.2.2:5060"


def connected(bench: Any, number: int = 1, peer: tuple[str, int] = PEER) -> bool:
    return bool(bench.endpoint.connection_made(number, Transport.TCP, peer, bench.now))


def commands(bench: Any) -> list[Any]:
    bench.events += bench.endpoint.take_events()
    return list(bench.endpoint.take_commands())


def test_answers_go_back_on_the_connection(bench: Any) -> None:
    connected(bench, 7)
    bench.endpoint.receive_data(7, sip_request("OPTIONS", via=TCP_VIA), 0.0)
    (event,) = bench.endpoint.take_events()
    bench.endpoint.respond(event.transaction, 200, now=0.0)
    (command,) = bench.endpoint.take_commands()
    assert isinstance(command, SendMessage)
    assert (command.target.transport, command.target.connection) == (Transport.TCP, 7)
    assert command.target.port == 5060  # where a new connection would go if this one breaks


def test_a_ping_is_answered_with_one_line_end(bench: Any) -> None:
    connected(bench)
    bench.endpoint.receive_data(1, b"\r\n\r\n", 0.0)
    assert [command.data for command in commands(bench)] == [b"\r\n"]


def test_lost_framing_is_answered_and_closed(bench: Any) -> None:
    connected(bench)
    bench.endpoint.receive_data(1, sip_request().replace(b"Content-Length: 0", b"Content-Length: -1"), 0.0)
    answer, closing = commands(bench)
    assert answer.data.startswith(b"SIP/2.0 400 ")
    assert closing == CloseConnection(1, "framing lost")
    assert bench.endpoint.connections == 0


def test_a_faulty_message_framed_well_costs_only_itself(bench: Any) -> None:
    connected(bench)
    bad = sip_request("OPTIONS", via=TCP_VIA, cseq_method="INFO", body=b"12345")
    bench.endpoint.receive_data(1, bad + sip_request("OPTIONS", via=TCP_VIA), 0.0)
    (answer,) = commands(bench)
    assert answer.data.startswith(b"SIP/2.0 400 ")
    assert [type(event) for event in bench.events] == [MessageDiscarded, RequestReceived]


def test_a_connection_that_says_nothing_is_closed(bench: Any) -> None:
    connected(bench)
    assert bench.endpoint.next_deadline() == 10.0
    bench.endpoint.handle_timeout(10.0)
    assert commands(bench) == [CloseConnection(1, "no complete message in time")]
    assert bench.endpoint.connections == 0


def test_a_message_that_trickles_is_cut_off(bench: Any) -> None:
    """One byte a second keeps no connection alive."""
    connected(bench)
    data = sip_request("OPTIONS", via=TCP_VIA)
    closed_at = None
    for second in range(60):
        bench.endpoint.receive_data(1, data[second : second + 1], float(second))
        bench.endpoint.handle_timeout(float(second))
        if any(isinstance(command, CloseConnection) for command in commands(bench)):
            closed_at = second
            break
    assert closed_at == 10


def test_a_quiet_connection_lives_as_long_as_allowed(make_bench: Any) -> None:
    bench = make_bench(idle_timeout_s=100.0)
    connected(bench)
    bench.endpoint.receive_data(1, sip_request("OPTIONS", via=TCP_VIA), 5.0)
    bench.endpoint.handle_timeout(104.0)
    assert bench.endpoint.connections == 1
    bench.endpoint.handle_timeout(105.0)
    assert CloseConnection(1, "idle") in commands(bench)


def test_connections_are_limited_in_all_and_per_source(make_bench: Any) -> None:
    bench = make_bench(max_connections=5, max_connections_per_source=3)
    assert [connected(bench, n, ("192.0.2.2", n)) for n in range(1, 5)] == [True, True, True, False]
    assert [connected(bench, n, ("192.0.2.3", n)) for n in range(5, 9)] == [True, True, False, False]
    bench.endpoint.connection_lost(1)
    assert connected(bench, 9, ("192.0.2.2", 9))


def test_half_open_streams_do_not_keep_others_out(make_bench: Any) -> None:
    bench = make_bench(max_connections=50, max_connections_per_source=50)
    for number in range(50):
        connected(bench, number + 1, ("203.0.113.9", number + 1))
        bench.endpoint.receive_data(number + 1, b"INVITE sip:x", 0.0)
    assert not connected(bench, 99)
    bench.endpoint.handle_timeout(10.0)
    assert connected(bench, 100)
    bench.endpoint.receive_data(100, sip_request(via=TCP_VIA), 10.0)
    commands(bench)
    assert [type(event) for event in bench.events] == [RequestReceived]


def test_bytes_of_a_closed_connection_are_ignored(bench: Any) -> None:
    connected(bench)
    bench.endpoint.connection_lost(1)
    bench.endpoint.receive_data(1, sip_request(), 0.0)
    assert commands(bench) == []
    assert bench.events == []


MALFORMED = [
    b"\xff" * 1200,
    b"INVITE sip:x SIP/2.0\r\n\r\n",
    sip_request().replace(b"192.0.2.2:5060;branch", b"192.0.2.2:70000;branch"),
    sip_request().replace(b"CSeq: 1", b"CSeq: 99999999999999"),
    sip_request().replace(b"Content-Length: 0", b"Content-Length: 9999"),
    b"SIP/2.0 200 OK\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\n"
    b"Call-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n",
    b"\x00" * 64,
    b":" * 5000,
]


def test_after_a_flood_the_next_good_invite_is_answered() -> None:
    endpoint = Endpoint(EndpointConfig(), SequentialIds())
    replies = 0
    for number in range(20_000):
        source = (f"198.51.{number % 200}.{number % 250}", 1 + number % 60_000)
        endpoint.receive_datagram(MALFORMED[number % len(MALFORMED)], source, number / 10_000)
        endpoint.take_events()
        replies += len(endpoint.take_commands())
    assert endpoint.transactions == 0
    assert endpoint.dialogs == []
    assert replies < 20_000
    endpoint.receive_datagram(sip_request(), ("192.0.2.2", 5060), 2.0)
    (event,) = endpoint.take_events()
    assert isinstance(event, RequestReceived)
    endpoint.respond(event.transaction, 200, now=2.0)
    (command,) = endpoint.take_commands()
    assert isinstance(command, SendMessage)
    assert command.data.startswith(b"SIP/2.0 200 OK")


def test_a_flood_from_one_source_is_answered_sparingly() -> None:
    endpoint = Endpoint(EndpointConfig(), SequentialIds())
    for number in range(5_000):
        endpoint.receive_datagram(MALFORMED[2], ("198.51.100.1", 5060), number / 5_000)
        endpoint.take_events()
    assert len(endpoint.take_commands()) <= 20


def test_memory_is_bounded_by_the_number_of_transactions() -> None:
    endpoint = Endpoint(EndpointConfig(max_transactions=500), SequentialIds())
    for number in range(5_000):
        data = sip_request(branch=f"z9hG4bK{number}", call_id=f"c{number}", body=b"x" * 1000)
        endpoint.receive_datagram(data, ("192.0.2.2", 5060), number / 1000)
        endpoint.take_commands()
        endpoint.take_events()
    assert endpoint.transactions <= 500


def test_a_request_whose_contact_has_a_bad_port_is_refused_before_a_dialog_exists(bench: Any) -> None:
    bench.put(sip_request(contact="<sip:x@192.0.2.2:70000>"))
    assert bench.statuses() == [400]
    assert bench.endpoint.dialogs == []


@pytest.mark.parametrize("contact", ["<tel:+12025550100>", "<urn:x:y>", None, "*"])
def test_a_contact_nothing_can_be_sent_to_falls_back_to_the_source(bench: Any, contact: str | None) -> None:
    bench.put(sip_request(contact=contact))
    dialog = bench.endpoint.respond(bench.event(RequestReceived).transaction, 200, now=0.0)
    bench.put(sip_request("ACK", branch="z9hG4bKa", to_tag=dialog.local_tag))
    bench.sent.clear()
    bench.endpoint.bye(dialog, now=0.0)
    bench.collect()
    assert bench.request().uri == "sip:192.0.2.2:5060"


@pytest.mark.parametrize("extra", ["Session-Expires: soon", "Session-Expires: 1800;refresher=nobody"])
def test_malformed_optional_headers_are_400(bench: Any, extra: str) -> None:
    bench.put(sip_request(extra=[extra, "Supported: timer"]))
    assert bench.statuses() == [400]


@pytest.mark.parametrize("route", ["<<<", "<tel:+1>", "<sip:p:70000;lr>", '"', "<sip:ok;lr>, <http://x>"])
def test_a_poisoned_record_route_makes_no_dialog(bench: Any, route: str) -> None:
    bench.put(sip_request(extra=[f"Record-Route: {route}"]))
    assert bench.statuses() == [400]
    assert [type(event) for event in bench.events] == [MessageDiscarded]
