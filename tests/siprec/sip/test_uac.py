"""RFC 3261 §8.1, §9.1, §13.2, §17.1, §22.2, RFC 3262, RFC 4028: the client side, byte by byte."""

from typing import Any

import pytest

from siprec.sip import Credentials, DialogState, DigestAuthority, Target, Transport
from siprec.sip.auth import Verdict
from siprec.sip.dialog import EndReason
from siprec.sip.errors import DialogOverError, MessageTooLargeError, ParseError, UsageError
from siprec.sip.events import (
    DialogEnded,
    MessageDiscarded,
    ResponseReceived,
    SessionRefreshDue,
    TransactionTimedOut,
    TransportFailed,
)
from siprec.sip.message import Request
from siprec.sip.parse import parse_datagram
from siprec.testing import sip_response

URI = "sip:callee@192.0.2.2"


def call(bench: Any, **kwargs: Any) -> Any:
    transaction = bench.endpoint.request("INVITE", URI, now=bench.now, **kwargs)
    bench.collect()
    return transaction


def answer(bench: Any, transaction: Any, status: int, **kwargs: Any) -> None:
    bench.put(sip_response(status, transaction.request.encode(), **kwargs))


def established(bench: Any, **kwargs: Any) -> Any:
    transaction = call(bench)
    answer(bench, transaction, 200, **kwargs)
    dialog = bench.event(ResponseReceived).dialog
    bench.sent.clear()
    return dialog


def test_an_invite_carries_what_8_1_1_demands(bench: Any) -> None:
    call(bench, body=b"v=0", content_type="application/sdp")
    request = bench.request()
    assert request.uri == URI
    assert request.via.branch.startswith("z9hG4bK")
    assert "rport" in request.via.params
    assert request.from_.tag
    assert request.to.tag is None
    assert request.headers.get("max-forwards") == "70"
    assert request.headers.get("contact") == "<sip:192.0.2.1:5060>"
    assert request.headers.get("session-expires") == "1800"
    assert request.headers.get("content-type") == "application/sdp"


def test_a_call_from_invite_to_bye(bench: Any) -> None:
    transaction = call(bench)
    bench.sent.clear()
    answer(bench, transaction, 180)
    ringing = bench.event(ResponseReceived)
    assert ringing.dialog.state is DialogState.EARLY
    answer(bench, transaction, 200, contact="<sip:callee@192.0.2.2:5070>")
    final = bench.event(ResponseReceived)
    assert final.dialog is ringing.dialog
    assert final.dialog.state is DialogState.CONFIRMED
    target = bench.sent[0].target
    ack = bench.request()
    assert (ack.method, ack.uri, ack.cseq.number, ack.to.tag) == (
        "ACK",
        "sip:callee@192.0.2.2:5070",
        1,
        "callee",
    )
    assert ack.via.branch != transaction.request.via.branch
    assert target == Target(Transport.UDP, "192.0.2.2", 5070)
    bench.endpoint.bye(final.dialog, now=0.0)
    bench.collect()
    bye = bench.request()
    assert (bye.method, bye.cseq.number) == ("BYE", 2)
    assert bench.event(DialogEnded).reason is EndReason.BYE_SENT
    bench.put(sip_response(200, bye.encode()))
    bench.wait(60)
    assert (bench.events, bench.endpoint.transactions) == ([], 0)


def test_a_repeated_2xx_gets_its_ack_again_and_nothing_else(bench: Any) -> None:
    transaction = call(bench)
    answer(bench, transaction, 200)
    bench.event(ResponseReceived)
    first = bench.sent[-1].data
    bench.sent.clear()
    answer(bench, transaction, 200)
    assert bench.events == []
    assert [command.data for command in bench.sent] == [first]


def test_a_repeated_2xx_after_bye_makes_no_new_dialog(bench: Any) -> None:
    transaction = call(bench)
    answer(bench, transaction, 200)
    bench.endpoint.bye(bench.event(ResponseReceived).dialog, now=0.0)
    bench.collect()
    bench.events.clear()
    bench.sent.clear()
    answer(bench, transaction, 200)
    assert bench.events == []
    assert [message.method for message in bench.messages()] == ["ACK"]
    assert bench.endpoint.dialogs == []


def test_forks_are_dialogs_of_their_own(bench: Any) -> None:
    transaction = call(bench)
    for tag in ("one", "two", "three"):
        answer(bench, transaction, 180, to_tag=tag)
    assert len({event.dialog.id for event in bench.events}) == 3
    bench.events.clear()
    answer(bench, transaction, 200, to_tag="two")
    kinds = [type(event) for event in bench.events]
    assert kinds == [DialogEnded, DialogEnded, ResponseReceived]
    assert [dialog.remote_tag for dialog in bench.endpoint.dialogs] == ["two"]
    bench.events.clear()
    answer(bench, transaction, 200, to_tag="four")
    late = bench.event(ResponseReceived)
    assert late.dialog.remote_tag == "four"
    assert len(transaction.dialogs) == 4
    assert len(bench.endpoint.dialogs) == 2


def test_a_refusal_is_acknowledged_in_its_own_transaction(bench: Any) -> None:
    transaction = call(bench)
    answer(bench, transaction, 180)
    bench.sent.clear()
    bench.events.clear()
    answer(bench, transaction, 486)
    ended, refused = bench.events
    assert isinstance(ended, DialogEnded)
    assert refused.response.status == 486
    ack = bench.request()
    assert (ack.method, ack.via.branch, ack.to.tag) == ("ACK", transaction.request.via.branch, "callee")
    bench.events.clear()
    answer(bench, transaction, 486)
    assert bench.events == []
    assert bench.request().method == "ACK"


def test_no_answer_at_all_times_out(bench: Any) -> None:
    transaction = call(bench)
    bench.wait(33)
    assert bench.event(TransactionTimedOut).transaction is transaction
    assert len(bench.sent) == 7
    assert transaction.final_status == 408


def test_a_transport_failure_is_reported(bench: Any) -> None:
    transaction = call(bench)
    bench.endpoint.send_failed(bench.sent[0].ticket, "connection refused", 0.0)
    bench.collect()
    event = bench.event(TransportFailed)
    assert (event.transaction, event.reason) == (transaction, "connection refused")
    assert bench.endpoint.transactions == 0


def test_a_lost_connection_fails_what_nobody_has_answered_and_nothing_else(bench: Any) -> None:
    ringing = call(bench)
    ticket = bench.sent[0].ticket
    answer(bench, ringing, 180)
    bench.events.clear()
    bench.endpoint.answer_lost(ticket, "connection closed", 0.0)
    bench.collect()
    assert bench.events == [], "the peer knows of it, and may answer on another connection"
    bench.sent.clear()
    silent = call(bench)
    bench.endpoint.answer_lost(bench.sent[0].ticket, "connection closed", 0.0)
    bench.collect()
    assert bench.event(TransportFailed).transaction is silent


def test_cancel_waits_for_a_provisional(bench: Any) -> None:
    """§9.1: a CANCEL may not overtake its INVITE."""
    transaction = call(bench)
    bench.sent.clear()
    bench.endpoint.cancel(transaction, now=0.0)
    bench.collect()
    assert bench.sent == []
    answer(bench, transaction, 100, to_tag=None)
    cancel = bench.request()
    assert (cancel.method, cancel.uri) == ("CANCEL", transaction.request.uri)
    assert cancel.via.branch == transaction.request.via.branch
    assert cancel.cseq.number == transaction.request.cseq.number
    bench.events.clear()
    bench.put(sip_response(200, cancel.encode()))
    assert bench.events == []
    answer(bench, transaction, 487)
    assert bench.event(ResponseReceived).response.status == 487


def test_a_2xx_that_crosses_the_cancel_is_hung_up(bench: Any) -> None:
    transaction = call(bench)
    answer(bench, transaction, 180)
    bench.endpoint.cancel(transaction, now=0.0)
    bench.collect()
    bench.sent.clear()
    bench.events.clear()
    answer(bench, transaction, 200)
    assert [message.method for message in bench.messages()] == ["ACK", "BYE"]
    assert [type(event) for event in bench.events] == [ResponseReceived, DialogEnded]


def test_a_cancelled_invite_that_never_ends_is_given_up(bench: Any) -> None:
    transaction = call(bench)
    answer(bench, transaction, 180)
    bench.endpoint.cancel(transaction, now=0.0)
    bench.events.clear()
    bench.wait(33)
    assert [type(event) for event in bench.events] == [DialogEnded, TransactionTimedOut]


def test_cancel_after_the_end_is_a_mistake(bench: Any) -> None:
    transaction = call(bench)
    answer(bench, transaction, 486)
    with pytest.raises(UsageError):
        bench.endpoint.cancel(transaction, now=0.0)


def test_the_answer_to_a_late_offer_goes_in_the_ack(bench: Any) -> None:
    transaction = call(bench)
    transaction.auto_ack = False
    bench.sent.clear()
    answer(bench, transaction, 200, body=b"offer")
    dialog = bench.event(ResponseReceived).dialog
    assert bench.sent == []
    answer(bench, transaction, 200, body=b"offer")
    assert (bench.sent, bench.events) == ([], [])
    bench.endpoint.ack(dialog, body=b"answer", content_type="application/sdp", now=0.0)
    bench.collect()
    assert bench.request().body == b"answer"
    with pytest.raises(UsageError):
        bench.endpoint.ack(dialog, now=0.0)


def test_the_route_set_is_reversed_and_followed(bench: Any) -> None:
    routes = ["Record-Route: <sip:p2.example.com;lr>, <sip:192.0.2.9:5090;lr>"]
    dialog = established(bench, extra=routes)
    assert dialog.route_set == ["<sip:192.0.2.9:5090;lr>", "<sip:p2.example.com;lr>"]
    bench.endpoint.send(dialog, "INFO", now=0.0)
    bench.collect()
    assert (bench.sent[0].target.host, bench.sent[0].target.port) == ("192.0.2.9", 5090)
    info = bench.request()
    assert info.uri == "sip:callee@192.0.2.1:5060"
    assert info.headers.fields("route") == dialog.route_set


def test_a_strict_router_takes_the_request_uri(bench: Any) -> None:
    dialog = established(bench, extra=["Record-Route: <sip:192.0.2.9:5090>"])
    bench.endpoint.send(dialog, "INFO", now=0.0)
    bench.collect()
    info = bench.request()
    assert info.uri == "sip:192.0.2.9:5090"
    assert info.headers.fields("route") == ["<sip:callee@192.0.2.1:5060>"]


def test_requests_outside_follow_their_first_route(bench: Any) -> None:
    bench.endpoint.request("OPTIONS", URI, routes=("<sip:192.0.2.200:5062;transport=tcp;lr>",), now=0.0)
    bench.collect()
    assert bench.sent[0].target == Target(Transport.TCP, "192.0.2.200", 5062)
    assert bench.request().headers.fields("route") == ["<sip:192.0.2.200:5062;transport=tcp;lr>"]


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("sip:x@192.0.2.5", Target(Transport.UDP, "192.0.2.5", 5060)),
        ("sip:x@192.0.2.5:5080;transport=tcp", Target(Transport.TCP, "192.0.2.5", 5080)),
        ("sip:x@[2001:db8::5];transport=tls", Target(Transport.TLS, "2001:db8::5", 5061)),
        ("sips:x@example.com", Target(Transport.TLS, "example.com", 5061)),
        ("sip:x@example.com;maddr=192.0.2.6", Target(Transport.UDP, "192.0.2.6", 5060)),
    ],
)
def test_a_uri_leads_somewhere(bench: Any, uri: str, target: Target) -> None:
    bench.endpoint.request("OPTIONS", uri, now=0.0)
    bench.collect()
    assert bench.sent[0].target == target
    via = bench.request().via
    assert via.transport == target.transport.via


def test_what_leads_nowhere_is_refused(bench: Any) -> None:
    with pytest.raises(ParseError):
        bench.endpoint.request("OPTIONS", "tel:+12025550100", now=0.0)
    with pytest.raises(MessageTooLargeError):
        bench.endpoint.request("OPTIONS", URI, body=b"x" * 65_500, now=0.0)
    assert bench.endpoint.transactions == 0


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_is_answered_once(bench: Any, status: int) -> None:
    authority = DigestAuthority("example.com", {"alice": "secret"}, b"key")
    transaction = call(bench, credentials=Credentials("alice", "secret"))
    bench.sent.clear()
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    fields = [f"{name}: {value}" for _, value in authority.challenge(0.0)]
    answer(bench, transaction, status, extra=fields)
    assert bench.events == []
    ack, again = bench.messages()
    assert isinstance(ack, Request)
    assert isinstance(again, Request)
    assert ack.method == "ACK"
    assert again.cseq.number == 2
    assert again.call_id == ack.call_id
    assert again.via.branch != ack.via.branch
    if status == 401:
        assert authority.check(again, 0.0) == (Verdict.ACCEPTED, "alice")
    else:
        assert "proxy-authorization" in again.headers
    bench.put(sip_response(status, again.encode(), extra=fields))
    assert bench.event(ResponseReceived).response.status == status


def test_a_stale_nonce_is_tried_again(bench: Any) -> None:
    authority = DigestAuthority("example.com", {"alice": "secret"}, b"key", lifetime_s=10)
    transaction = call(bench, credentials=Credentials("alice", "secret"))
    old = [f"WWW-Authenticate: {value}" for _, value in authority.challenge(0.0)]
    answer(bench, transaction, 401, extra=old)
    bench.sent.clear()
    fresh = [f"WWW-Authenticate: {value}" for _, value in authority.challenge(20.0, stale=True)]
    answer(bench, transaction, 401, extra=fresh)
    again = bench.messages()[-1]
    assert isinstance(again, Request)
    assert authority.check(again, 21.0) == (Verdict.ACCEPTED, "alice")


def test_without_credentials_a_challenge_is_just_a_refusal(bench: Any) -> None:
    transaction = call(bench)
    answer(bench, transaction, 401, extra=['WWW-Authenticate: Digest realm="r", nonce="n"'])
    assert bench.event(ResponseReceived).response.status == 401


def test_422_is_answered_with_a_longer_interval(bench: Any) -> None:
    transaction = call(bench)
    bench.sent.clear()
    answer(bench, transaction, 422, extra=["Min-SE: 3600"])
    again = bench.messages()[-1]
    assert again.headers.get("session-expires") == "3600"
    assert again.headers.get("min-se") == "3600"
    assert bench.events == []


def test_we_refresh_by_update_where_the_peer_allows_it(bench: Any) -> None:
    fields = ["Session-Expires: 100;refresher=uac", "Allow: INVITE, ACK, BYE, UPDATE"]
    dialog = established(bench, extra=fields)
    bench.wait(49)
    assert bench.sent == []
    bench.wait(2)
    update = bench.messages()[0]
    assert isinstance(update, Request)
    assert (update.method, update.body) == ("UPDATE", b"")
    bench.put(sip_response(200, update.encode(), extra=fields))
    assert bench.events == []
    assert dialog.expires_at == pytest.approx(bench.now + 100 - 32)


def test_we_never_send_update_to_a_peer_that_does_not_allow_it(bench: Any) -> None:
    fields = [
        "Session-Expires: 100;refresher=uac",
        "Allow: ACK,BYE,CANCEL,INFO,INVITE,OPTIONS,PRACK,REFER,NOTIFY",
    ]
    dialog = established(bench, extra=fields)
    bench.wait(51)
    assert bench.event(SessionRefreshDue).dialog is dialog
    assert bench.sent == []


def test_a_provisional_that_wants_prack_gets_it(bench: Any) -> None:
    transaction = call(bench)
    bench.sent.clear()
    answer(bench, transaction, 183, extra=["Require: 100rel", "RSeq: 17"])
    prack = bench.request()
    assert (prack.method, prack.headers.get("rack")) == ("PRACK", "17 1 INVITE")
    bench.events.clear()
    bench.put(sip_response(200, prack.encode()))
    assert bench.events == []


@pytest.mark.parametrize("status", [408, 481])
def test_a_peer_that_lost_the_dialog_ends_it(bench: Any, status: int) -> None:
    dialog = established(bench)
    info = bench.endpoint.send(dialog, "INFO", now=0.0)
    bench.collect()
    answer(bench, info, status)
    assert [type(event) for event in bench.events] == [ResponseReceived, DialogEnded]
    assert dialog.end_reason is EndReason.GONE
    with pytest.raises(DialogOverError):
        bench.endpoint.send(dialog, "INFO", now=0.0)


def test_a_refused_reinvite_leaves_the_call(bench: Any) -> None:
    dialog = established(bench)
    again = bench.endpoint.send(dialog, "INVITE", now=0.0)
    with pytest.raises(UsageError):
        bench.endpoint.send(dialog, "INVITE", now=0.0)
    bench.collect()
    answer(bench, again, 491)
    assert bench.event(ResponseReceived).response.status == 491
    assert not dialog.ended
    bench.endpoint.send(dialog, "INVITE", now=0.0)


def test_a_reinvite_is_acknowledged_with_its_own_number(bench: Any) -> None:
    dialog = established(bench)
    again = bench.endpoint.send(dialog, "INVITE", now=0.0)
    bench.collect()
    bench.sent.clear()
    answer(bench, again, 200)
    ack = bench.request()
    assert (ack.method, ack.cseq.number) == ("ACK", 2)
    assert len(bench.endpoint.dialogs) == 1


@pytest.mark.parametrize("change", ["branch", "vias"])
def test_responses_to_nothing_are_discarded(bench: Any, change: str) -> None:
    transaction = call(bench)
    data = sip_response(200, transaction.request.encode())
    if change == "branch":
        data = data.replace(b"branch=z9hG4bK", b"branch=z9hG4bKother")
    else:
        data = data.replace(b"Via:", b"Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKproxy\r\nVia:", 1)
        data = data.replace(b"z9hG4bKproxy", transaction.request.via.branch.encode(), 1)
    bench.put(data)
    bench.event(MessageDiscarded)
    assert bench.endpoint.dialogs == []


def test_a_bye_that_is_challenged_uses_the_dialogs_credentials(bench: Any) -> None:
    transaction = call(bench, credentials=Credentials("alice", "secret"))
    answer(bench, transaction, 200)
    dialog = bench.event(ResponseReceived).dialog
    bench.sent.clear()
    bench.endpoint.bye(dialog, now=0.0)
    bench.collect()
    bye = bench.request()
    bench.put(sip_response(401, bye.encode(), extra=['WWW-Authenticate: Digest realm="r", nonce="n"']))
    again = bench.request()
    assert (again.method, again.cseq.number) == ("BYE", 3)
    assert "authorization" in again.headers


def test_what_we_send_can_be_parsed(bench: Any) -> None:
    dialog = established(bench)
    for method in ("OPTIONS", "INFO", "UPDATE", "REFER", "NOTIFY", "MESSAGE"):
        bench.endpoint.send(dialog, method, body=b"x", content_type="text/plain", now=0.0)
    bench.collect()
    for command in bench.sent:
        assert parse_datagram(command.data).encode() == command.data
