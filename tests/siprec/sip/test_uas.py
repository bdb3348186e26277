"""RFC 3261 §8.2, §12, §13.3, §15, RFC 6026, RFC 3581, RFC 4028: the server side, byte by byte."""

from typing import Any

import pytest

from siprec.sip import DialogState
from siprec.sip.dialog import EndReason
from siprec.sip.errors import UsageError
from siprec.sip.events import (
    AckReceived,
    CancelReceived,
    DialogEnded,
    MessageDiscarded,
    RequestReceived,
    SendMessage,
)
from siprec.sip.message import Request
from siprec.sip.parse import ParseRules
from siprec.testing import sip_request


def invited(bench: Any, data: bytes | None = None) -> RequestReceived:
    bench.put(data or sip_request())
    return bench.event(RequestReceived)  # type: ignore[no-any-return]


def established(bench: Any) -> str:
    """Run INVITE, 200, ACK; return our tag."""
    event = invited(bench)
    dialog = bench.endpoint.respond(event.transaction, 200, now=bench.now)
    bench.collect()
    bench.sent.clear()
    bench.put(sip_request("ACK", branch="z9hG4bKack", to_tag=dialog.local_tag))
    bench.event(AckReceived)
    return str(dialog.local_tag)


def test_a_call_from_invite_to_bye(bench: Any) -> None:
    event = invited(bench)
    assert event.dialog is None
    dialog = bench.endpoint.respond(
        event.transaction, 200, body=b"v=0", content_type="application/sdp", now=0.0
    )
    bench.collect()
    answer = bench.response()
    assert answer.status == 200
    assert answer.to.tag == dialog.local_tag
    assert answer.headers.get("contact") == "<sip:192.0.2.1:5060>"
    assert answer.body == b"v=0"
    assert dialog.state is DialogState.CONFIRMED
    bench.put(sip_request("ACK", branch="z9hG4bKack", to_tag=dialog.local_tag))
    assert bench.event(AckReceived).dialog is dialog
    bench.wait(40)
    assert bench.sent == []
    bench.put(sip_request("BYE", branch="z9hG4bKbye", to_tag=dialog.local_tag, cseq=2))
    ended = bench.event(DialogEnded)
    assert (ended.dialog, ended.reason) == (dialog, EndReason.BYE_RECEIVED)
    assert bench.statuses() == [200]
    assert bench.endpoint.dialogs == []


def test_a_retransmitted_invite_makes_no_second_dialog(bench: Any) -> None:
    event = invited(bench)
    bench.put(sip_request())
    bench.put(sip_request())
    assert bench.events == []
    bench.endpoint.respond(event.transaction, 180, now=0.0)
    bench.collect()
    bench.put(sip_request())
    assert bench.statuses() == [180, 180]
    bench.endpoint.respond(event.transaction, 200, now=0.0)
    bench.put(sip_request())
    assert bench.statuses() == [200]
    assert len(bench.endpoint.dialogs) == 1


def test_a_merged_invite_gets_482(bench: Any) -> None:
    invited(bench)
    bench.put(sip_request(branch="z9hG4bKother"))
    assert bench.events == []
    assert bench.statuses() == [482]


def test_an_invite_repeated_after_its_transaction_gets_482(bench: Any) -> None:
    established(bench)
    bench.wait(60)
    bench.put(sip_request())
    assert bench.statuses() == [482]
    assert len(bench.endpoint.dialogs) == 1


def test_trying_is_sent_after_200_ms(bench: Any) -> None:
    invited(bench)
    bench.wait(0.19)
    assert bench.sent == []
    bench.wait(0.02)
    answer = bench.response()
    assert answer.status == 100
    assert answer.to.tag is None


def test_2xx_is_repeated_until_the_ack_and_then_no_more(bench: Any) -> None:
    event = invited(bench)
    dialog = bench.endpoint.respond(event.transaction, 200, now=0.0)
    bench.wait(3.6)
    assert bench.statuses() == [200, 200, 200, 200]  # at 0, 0.5, 1.5, 3.5
    bench.put(sip_request("ACK", branch="z9hG4bKack", to_tag=dialog.local_tag))
    bench.wait(60)
    assert bench.sent == []


def test_a_missing_ack_ends_the_dialog_with_a_bye(bench: Any) -> None:
    event = invited(bench)
    dialog = bench.endpoint.respond(event.transaction, 200, now=0.0)
    bench.wait(31.9)
    assert set(bench.statuses()) == {200}
    bench.wait(0.2)
    assert bench.event(DialogEnded).reason is EndReason.ACK_MISSING
    bye = bench.request()
    assert (bye.method, bye.to.tag, bye.from_.tag) == ("BYE", "caller", dialog.local_tag)
    assert bench.endpoint.dialogs == []


@pytest.mark.parametrize("late_ack", [False, True])
def test_a_lost_ack_costs_nothing_once_the_next_invite_is_acknowledged(bench: Any, late_ack: bool) -> None:
    """Two re-INVITEs, the ACK of the first one lost: only the second 2xx is repeated, and its ACK ends it."""
    tag = established(bench)
    for number in (2, 3):
        bench.put(sip_request(branch=f"z9hG4bKre{number}", to_tag=tag, cseq=number))
        bench.endpoint.respond(bench.event(RequestReceived).transaction, 200, now=bench.now)
        bench.collect()
    bench.sent.clear()
    if late_ack:  # of the first one, which the network held back: the second 2xx still waits for its own
        bench.put(sip_request("ACK", branch="z9hG4bKa2", to_tag=tag, cseq=2))
        bench.event(MessageDiscarded)
    bench.wait(0.6)
    assert [message.cseq.number for message in bench.messages()] == [3]
    bench.put(sip_request("ACK", branch="z9hG4bKa3", to_tag=tag, cseq=3))
    bench.event(AckReceived)
    bench.wait(60)
    assert (bench.sent, bench.events, len(bench.endpoint.dialogs)) == ([], [], 1)


def test_a_bye_that_waits_for_an_ack_waits_for_the_next_ones(bench: Any) -> None:
    tag = established(bench)
    for number in (2, 3):
        bench.put(sip_request(branch=f"z9hG4bKre{number}", to_tag=tag, cseq=number))
        event = bench.event(RequestReceived)
        bench.endpoint.respond(event.transaction, 200, now=bench.now)
        if number == 2:
            bench.endpoint.bye(event.dialog, now=bench.now)
        bench.collect()
    bench.sent.clear()
    bench.put(sip_request("ACK", branch="z9hG4bKa3", to_tag=tag, cseq=3))
    assert bench.request().method == "BYE"


def test_failure_is_repeated_until_its_ack(bench: Any) -> None:
    event = invited(bench)
    bench.endpoint.respond(event.transaction, 486, now=0.0)
    bench.wait(1.0)
    assert bench.statuses() == [486, 486]
    tag = event.transaction.local_tag
    bench.put(sip_request("ACK", to_tag=tag))
    bench.wait(60)
    assert bench.sent == []
    assert bench.events == []
    assert bench.endpoint.transactions == 0


def test_lenient_ack_of_a_failure_under_another_branch(bench: Any) -> None:
    event = invited(bench)
    bench.endpoint.respond(event.transaction, 486, now=0.0)
    bench.put(sip_request("ACK", branch="z9hG4bKnew", to_tag=event.transaction.local_tag))
    bench.sent.clear()
    bench.wait(20)
    assert bench.sent == []


def test_lenient_ack_with_the_wrong_cseq_method(bench: Any) -> None:
    event = invited(bench)
    dialog = bench.endpoint.respond(event.transaction, 200, now=0.0)
    bench.put(sip_request("ACK", branch="z9hG4bKx", to_tag=dialog.local_tag, cseq=7, cseq_method="INVITE"))
    assert bench.event(AckReceived).dialog is dialog


def test_strict_endpoints_want_the_right_ack(make_bench: Any) -> None:
    bench = make_bench(parse=ParseRules(lenient=False))
    event = invited(bench)
    dialog = bench.endpoint.respond(event.transaction, 200, now=0.0)
    bench.put(sip_request("ACK", branch="z9hG4bKx", to_tag=dialog.local_tag, cseq=7))
    bench.event(MessageDiscarded)
    bench.put(sip_request("ACK", branch="z9hG4bKy", to_tag=dialog.local_tag))
    bench.event(AckReceived)


def test_an_ack_of_nothing_is_discarded(bench: Any) -> None:
    bench.put(sip_request("ACK", to_tag="nobody"))
    bench.event(MessageDiscarded)
    assert bench.sent == []


def test_cancel_ends_the_invite_with_487(bench: Any) -> None:
    event = invited(bench)
    bench.put(sip_request("CANCEL"))
    assert bench.event(CancelReceived).transaction is event.transaction
    assert bench.statuses() == [200, 487]
    with pytest.raises(UsageError):
        bench.endpoint.respond(event.transaction, 200, now=0.0)


def test_cancel_after_the_answer_changes_nothing(bench: Any) -> None:
    event = invited(bench)
    bench.endpoint.respond(event.transaction, 200, now=0.0)
    bench.collect()
    bench.put(sip_request("CANCEL"))
    assert bench.events == []
    assert bench.statuses() == [200, 200]
    assert len(bench.endpoint.dialogs) == 1


def test_cancel_of_nothing_is_481(bench: Any) -> None:
    bench.put(sip_request("CANCEL"))
    assert bench.statuses() == [481]


def test_cancel_ends_an_early_dialog(bench: Any) -> None:
    event = invited(bench)
    dialog = bench.endpoint.respond(event.transaction, 183, now=0.0)
    assert dialog.state is DialogState.EARLY
    bench.put(sip_request("CANCEL"))
    assert [type(event) for event in bench.events] == [DialogEnded, CancelReceived]
    assert dialog.end_reason is EndReason.CANCELLED


def test_only_one_final_answer(bench: Any) -> None:
    event = invited(bench)
    bench.endpoint.respond(event.transaction, 200, now=0.0)
    for status in (200, 486):
        with pytest.raises(UsageError):
            bench.endpoint.respond(event.transaction, status, now=0.0)


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "PRACK", "INVITE", "NOTIFY"])
def test_requests_in_unknown_dialogs_get_481(bench: Any, method: str) -> None:
    bench.put(sip_request(method, to_tag="nobody"))
    assert bench.statuses() == [481]


def test_bye_without_to_tag_is_forgiven(bench: Any) -> None:
    established(bench)
    bench.put(sip_request("BYE", branch="z9hG4bKbye", cseq=2))
    assert bench.event(DialogEnded).reason is EndReason.BYE_RECEIVED
    assert bench.statuses() == [200]


def test_bye_without_to_tag_is_481_when_strict(make_bench: Any) -> None:
    bench = make_bench(parse=ParseRules(lenient=False))
    established(bench)
    bench.put(sip_request("BYE", branch="z9hG4bKbye", cseq=2))
    assert bench.statuses() == [481]


def test_a_retransmitted_bye_is_answered_again(bench: Any) -> None:
    tag = established(bench)
    bye = sip_request("BYE", branch="z9hG4bKbye", to_tag=tag, cseq=2)
    bench.put(bye)
    bench.put(bye)
    assert bench.statuses() == [200, 200]
    assert len([event for event in bench.events if isinstance(event, DialogEnded)]) == 1
    bench.wait(40)
    bench.put(bye)
    assert bench.statuses() == [481]


def test_out_of_order_cseq_is_500(bench: Any) -> None:
    tag = established(bench)
    bench.put(sip_request("INFO", branch="z9hG4bKi1", to_tag=tag, cseq=9))
    event = bench.event(RequestReceived)
    bench.endpoint.respond(event.transaction, 200, now=0.0)
    bench.put(sip_request("INFO", branch="z9hG4bKi2", to_tag=tag, cseq=8))
    assert bench.statuses() == [200, 500]


def test_reinvite_is_delivered_in_its_dialog_and_refreshes_the_target(bench: Any) -> None:
    tag = established(bench)
    bench.put(sip_request(branch="z9hG4bKre", to_tag=tag, cseq=2, contact="<sip:moved@192.0.2.77:5080>"))
    event = bench.event(RequestReceived)
    assert event.dialog is bench.endpoint.dialogs[0]
    bench.endpoint.respond(event.transaction, 200, now=0.0)
    bench.collect()
    assert event.dialog.remote_target == "sip:moved@192.0.2.77:5080"
    bench.sent.clear()
    bench.put(sip_request("ACK", branch="z9hG4bKre2", to_tag=tag, cseq=2))
    bench.event(AckReceived)
    bench.endpoint.bye(event.dialog, now=0.0)
    bench.collect()
    assert (bench.sent[0].target.host, bench.sent[0].target.port) == ("192.0.2.77", 5080)
    assert bench.request().uri == "sip:moved@192.0.2.77:5080"


def test_a_refused_reinvite_leaves_the_dialog(bench: Any) -> None:
    tag = established(bench)
    bench.put(sip_request(branch="z9hG4bKre", to_tag=tag, cseq=2))
    bench.endpoint.respond(bench.event(RequestReceived).transaction, 488, now=0.0)
    assert len(bench.endpoint.dialogs) == 1
    assert bench.endpoint.dialogs[0].state is DialogState.CONFIRMED


def test_a_second_reinvite_meanwhile_is_500_and_does_not_free_the_first(bench: Any) -> None:
    tag = established(bench)
    bench.put(sip_request(branch="z9hG4bKre", to_tag=tag, cseq=2))
    bench.event(RequestReceived)
    for number in (3, 4):
        bench.put(sip_request(branch=f"z9hG4bKre{number}", to_tag=tag, cseq=number))
    assert bench.events == []
    assert bench.statuses() == [500, 500]


def test_reinvites_that_cross_get_491(bench: Any) -> None:
    tag = established(bench)
    bench.endpoint.send(bench.endpoint.dialogs[0], "INVITE", now=0.0)
    bench.collect()
    bench.sent.clear()
    bench.put(sip_request(branch="z9hG4bKre", to_tag=tag, cseq=2))
    assert bench.statuses() == [491]


def test_bye_waits_for_the_ack(bench: Any) -> None:
    """§15.1.1: a callee must not hang up before its 2xx was acknowledged."""
    event = invited(bench)
    dialog = bench.endpoint.respond(event.transaction, 200, now=0.0)
    bench.endpoint.bye(dialog, now=0.0)
    bench.collect()
    assert bench.statuses() == [200]
    bench.put(sip_request("ACK", branch="z9hG4bKack", to_tag=dialog.local_tag))
    assert [type(event) for event in bench.events] == [AckReceived, DialogEnded]
    assert dialog.end_reason is EndReason.BYE_SENT
    assert bench.request().method == "BYE"


def test_prack_is_answered(bench: Any) -> None:
    tag = established(bench)
    bench.put(sip_request("PRACK", branch="z9hG4bKpr", to_tag=tag, cseq=2, extra=["RAck: 1 1 INVITE"]))
    assert bench.statuses() == [200]


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "REFER", "NOTIFY"])
def test_requests_outside_dialogs_reach_the_user(bench: Any, method: str) -> None:
    bench.put(sip_request(method))
    event = bench.event(RequestReceived)
    assert event.request.method == method
    bench.endpoint.respond(event.transaction, 202, now=0.0)
    bench.collect()
    assert bench.statuses() == [202]
    assert bench.endpoint.dialogs == []


def test_options_answer_says_what_we_can(bench: Any) -> None:
    bench.put(sip_request("OPTIONS"))
    bench.endpoint.respond(bench.event(RequestReceived).transaction, 200, now=0.0)
    bench.collect()
    answer = bench.response()
    assert "INVITE" in answer.headers.values("allow")
    assert answer.headers.values("supported") == ["timer"]
    assert answer.headers.values("accept") == ["application/sdp"]


def test_record_route_is_copied_and_becomes_the_route_set_in_order(bench: Any) -> None:
    routes = ["<sip:p1.example.com;lr>", "<sip:192.0.2.50;lr>"]
    data = sip_request(extra=[f"Record-Route: {routes[0]}", f"Record-Route: {routes[1]}"])
    dialog = bench.endpoint.respond(invited(bench, data).transaction, 200, now=0.0)
    bench.collect()
    assert bench.response().headers.values("record-route") == routes
    assert dialog.route_set == routes
    bench.put(sip_request("ACK", branch="z9hG4bKack", to_tag=dialog.local_tag))
    bench.endpoint.bye(dialog, now=0.0)
    bench.collect()
    target = bench.sent[-1].target
    bye = bench.messages()[-1]
    assert isinstance(bye, Request)
    assert (bye.uri, bye.headers.values("route")) == ("sip:src@192.0.2.2:5060", routes)
    assert (target.host, target.port) == ("p1.example.com", 5060)


# ---------------------------------------------------------------------- Via


def sent_to(bench: Any, via: str, source: tuple[str, int]) -> tuple[SendMessage, str]:
    data = sip_request("OPTIONS", via=via).replace(b";rport", b"")
    bench.put(data, source)
    bench.endpoint.respond(bench.event(RequestReceived).transaction, 200, now=0.0)
    bench.collect()
    (command,) = bench.sent
    return command, str(bench.response().headers.get("via"))


def test_without_rport_the_answer_goes_to_the_port_in_the_via(bench: Any) -> None:
    command, via = sent_to(bench, "SIP/2.0/UDP 192.0.2.2:5066", ("192.0.2.2", 40_000))
    assert (command.target.host, command.target.port) == ("192.0.2.2", 5066)
    assert "received" not in via


def test_received_is_added_where_the_via_names_another_host(bench: Any) -> None:
    command, via = sent_to(bench, "SIP/2.0/UDP pc.example.com", ("198.51.100.7", 40_000))
    assert (command.target.host, command.target.port) == ("198.51.100.7", 5060)
    assert via.endswith(";received=198.51.100.7")


def test_rport_is_filled_in_and_followed(bench: Any) -> None:
    bench.put(sip_request("OPTIONS", via="SIP/2.0/UDP 10.1.1.1:4540"), ("198.51.100.7", 9988))
    bench.endpoint.respond(bench.event(RequestReceived).transaction, 200, now=0.0)
    bench.collect()
    assert (bench.sent[0].target.host, bench.sent[0].target.port) == ("198.51.100.7", 9988)
    via = bench.response().via
    assert (via.params["rport"], via.params["received"]) == ("9988", "198.51.100.7")


def test_maddr_is_not_followed(bench: Any) -> None:
    command, _ = sent_to(bench, "SIP/2.0/UDP 192.0.2.2:5066;maddr=203.0.113.9", ("192.0.2.2", 40_000))
    assert command.target.host == "192.0.2.2"


def test_only_the_top_via_is_stamped(bench: Any) -> None:
    data = sip_request("OPTIONS", via="SIP/2.0/UDP a.example.com", extra=["Via: SIP/2.0/UDP b.example.com"])
    bench.put(data)
    bench.endpoint.respond(bench.event(RequestReceived).transaction, 200, now=0.0)
    bench.collect()
    fields = bench.response().headers.fields("via")
    assert "received=192.0.2.2" in fields[0]
    assert fields[1] == "SIP/2.0/UDP b.example.com"


@pytest.mark.parametrize("port", ["70000", "0", "65536", "99999999999"])
def test_a_port_out_of_range_in_the_via_is_answered_at_the_source(bench: Any, port: str) -> None:
    bench.put(sip_request(via=f"SIP/2.0/UDP 192.0.2.2:{port}"), ("192.0.2.2", 40_001))
    bench.event(MessageDiscarded)
    assert (bench.sent[0].target.host, bench.sent[0].target.port) == ("192.0.2.2", 40_001)
    assert bench.sent[0].data.startswith(b"SIP/2.0 400 Bad Request (Via: ")


# ---------------------------------------------------------------------- session timers


def timer_answer(bench: Any, *extra: str, **kwargs: Any) -> Any:
    bench.put(sip_request(extra=extra, **kwargs))
    dialog = bench.endpoint.respond(bench.event(RequestReceived).transaction, 200, now=bench.now)
    bench.collect()
    return dialog, bench.response()


def test_session_interval_is_taken_and_the_caller_refreshes(bench: Any) -> None:
    dialog, answer = timer_answer(bench, "Supported: timer", "Session-Expires: 600")
    assert answer.headers.get("session-expires") == "600;refresher=uac"
    assert "timer" in answer.headers.tokens("require")
    assert not dialog.session_timer.we_refresh


def test_a_peer_without_timer_support_gets_no_timer(bench: Any) -> None:
    dialog, answer = timer_answer(bench, "Supported: replaces")
    assert "session-expires" not in answer.headers
    assert dialog.session_timer is None


def test_too_short_an_interval_is_422(bench: Any) -> None:
    bench.put(sip_request(extra=["Supported: timer", "Session-Expires: 30"]))
    answer = bench.response()
    assert (answer.status, answer.headers.get("min-se")) == (422, "90")


def test_a_session_that_is_not_refreshed_expires_with_a_bye(bench: Any) -> None:
    dialog, _ = timer_answer(bench, "Supported: timer", "Session-Expires: 90;refresher=uac")
    bench.put(sip_request("ACK", branch="z9hG4bKack", to_tag=dialog.local_tag))
    bench.events.clear()
    bench.wait(59)
    assert bench.events == []
    bench.wait(2)
    assert bench.event(DialogEnded).reason is EndReason.SESSION_EXPIRED
    assert {message.method for message in bench.messages()} == {"BYE"}


def test_an_update_refreshes_the_session(bench: Any) -> None:
    dialog, _ = timer_answer(bench, "Supported: timer", "Session-Expires: 90;refresher=uac")
    bench.put(sip_request("ACK", branch="z9hG4bKack", to_tag=dialog.local_tag))
    bench.events.clear()
    for number in range(2, 8):
        bench.wait(45)
        extra = ["Supported: timer", "Session-Expires: 90;refresher=uac"]
        bench.put(
            sip_request(
                "UPDATE", branch=f"z9hG4bKu{number}", to_tag=dialog.local_tag, cseq=number, extra=extra
            )
        )
        bench.endpoint.respond(bench.event(RequestReceived).transaction, 200, now=bench.now)
        bench.collect()
        assert bench.response().headers.get("session-expires") == "90;refresher=uac"
    assert not dialog.ended


# ---------------------------------------------------------------------- limits


def test_a_full_endpoint_answers_503_with_retry_after(make_bench: Any) -> None:
    bench = make_bench(max_transactions=2, retry_after_s=7)
    for number in range(3):
        bench.put(sip_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=f"call-{number}"))
    answer = bench.response()
    assert (answer.status, answer.headers.get("retry-after")) == (503, "7")
    assert len(bench.events) == 2


def test_one_source_cannot_take_more_than_its_share(make_bench: Any) -> None:
    bench = make_bench(requests_per_second_per_source=5.0)
    for number in range(30):
        bench.put(sip_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=f"call-{number}"))
    assert len(bench.events) == 10
    assert set(bench.statuses()) == {503}
    bench.events.clear()
    bench.put(sip_request("OPTIONS", branch="z9hG4bKother"), ("192.0.2.3", 5060))
    bench.event(RequestReceived)
    bench.now = 1.0
    bench.put(sip_request("OPTIONS", branch="z9hG4bKlater", call_id="later"))
    bench.event(RequestReceived)


def test_bye_is_taken_even_when_full(make_bench: Any) -> None:
    bench = make_bench(max_transactions=1)
    tag = established(bench)
    bench.put(sip_request("BYE", branch="z9hG4bKbye", to_tag=tag, cseq=2))
    assert bench.statuses() == [200]


def test_nothing_is_left_after_a_call(bench: Any) -> None:
    tag = established(bench)
    bench.put(sip_request("BYE", branch="z9hG4bKbye", to_tag=tag, cseq=2))
    bench.wait(40)
    assert bench.endpoint.transactions == 0
    assert bench.endpoint.next_deadline() is None


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\x00\x00\x00\x00"])
def test_keep_alives_are_silent(bench: Any, data: bytes) -> None:
    bench.put(data)
    assert (bench.events, bench.sent) == ([], [])
