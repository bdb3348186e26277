"""Calls over a network that loses, doubles and reorders: exactly one dialog each, and both sides agree."""

import pytest

from siprec.sip import EndpointConfig, Transport
from siprec.sip.dialog import EndReason
from siprec.sip.events import AckReceived, DialogEnded, Event, RequestReceived, ResponseReceived
from siprec.sip.session_timer import SessionTimerPolicy
from siprec.testing import Node, VirtualNetwork, Weather

CALLER, CALLEE = "192.0.2.2", "192.0.2.1"


def answer_everything(node: Node, event: Event, network: VirtualNetwork) -> None:
    if isinstance(event, RequestReceived):
        node.endpoint.respond(
            event.transaction, 200, body=b"answer", content_type="application/sdp", now=network.now
        )


def pair(network: VirtualNetwork, config: EndpointConfig | None = None) -> tuple[Node, Node]:
    caller = network.add(CALLER, config=config)
    callee = network.add(
        CALLEE, config=config, on_event=lambda node, event: answer_everything(node, event, network)
    )
    return caller, callee


BAD = Weather(loss=0.25, duplicate=0.3, delay_s=0.02, jitter_s=0.4)


@pytest.mark.parametrize("seed", range(30))
def test_one_dialog_however_bad_the_weather(seed: int) -> None:
    network = VirtualNetwork(seed, BAD)
    caller, callee = pair(network)
    transaction = caller.endpoint.request(
        "INVITE", f"sip:srs@{CALLEE}", body=b"offer", content_type="application/sdp", now=0.0
    )
    network.run(40.0)
    assert len([e for e in callee.of(RequestReceived) if e.dialog is None]) == 1
    answers = [event for event in caller.of(ResponseReceived) if event.response.status >= 200]
    assert len(answers) == 1
    assert len(transaction.dialogs) == 1
    assert len(caller.endpoint.dialogs) == len(callee.endpoint.dialogs) == 1
    assert len(callee.of(AckReceived)) == 1
    caller.endpoint.send(
        caller.endpoint.dialogs[0], "INFO", body=b"x", content_type="application/sdp", now=network.now
    )
    network.run(80.0)
    caller.endpoint.bye(caller.endpoint.dialogs[0], now=network.now)
    network.run(160.0)
    assert [event.reason for event in callee.of(DialogEnded)] == [EndReason.BYE_RECEIVED]
    assert caller.endpoint.dialogs == callee.endpoint.dialogs == []
    assert caller.endpoint.transactions == callee.endpoint.transactions == 0
    assert caller.endpoint.next_deadline() is None
    assert callee.endpoint.next_deadline() is None


@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_calls_at_once_in_bad_weather(seed: int) -> None:
    network = VirtualNetwork(seed, Weather(loss=0.1, duplicate=0.1, delay_s=0.01, jitter_s=0.1))
    caller, callee = pair(network)
    for _ in range(100):
        caller.endpoint.request("INVITE", f"sip:srs@{CALLEE}", now=0.0)
    network.run(40.0)
    assert len(callee.endpoint.dialogs) == 100
    assert {d.call_id for d in callee.endpoint.dialogs} == {d.call_id for d in caller.endpoint.dialogs}


@pytest.mark.parametrize("seed", range(10))
def test_streams_cut_anywhere_carry_a_call(seed: int) -> None:
    network = VirtualNetwork(seed)
    caller, callee = pair(network)
    caller.endpoint.request(
        "INVITE", f"sip:srs@{CALLEE};transport=tcp", body=b"offer", content_type="application/sdp", now=0.0
    )
    network.run(1.0)
    assert len(callee.of(AckReceived)) == 1
    callee.endpoint.bye(callee.endpoint.dialogs[0], now=network.now)
    network.run(2.0)
    assert [event.reason for event in caller.of(DialogEnded)] == [EndReason.BYE_RECEIVED]
    assert caller.endpoint.connections == callee.endpoint.connections == 1


def test_nothing_is_sent_twice_over_a_stream() -> None:
    network = VirtualNetwork(0, Weather(delay_s=0.8))
    caller, _ = pair(network)
    caller.endpoint.request("INVITE", f"sip:srs@{CALLEE};transport=tcp", now=0.0)
    network.run(10.0)
    requests = [data for _, source, _, data in network.wire if source == caller.address]
    assert [data.split()[0] for data in requests] == [b"INVITE", *[b"ACK"] * (len(requests) - 1)]


def test_sessions_are_refreshed_for_hours_and_die_with_their_peer() -> None:
    network = VirtualNetwork(1)
    caller, callee = pair(network, EndpointConfig(session_timer=SessionTimerPolicy(interval_s=90)))
    caller.endpoint.request("INVITE", f"sip:srs@{CALLEE}", now=0.0)
    network.run(7200.0)
    assert len(callee.endpoint.dialogs) == 1
    updates = [event for event in callee.of(RequestReceived) if event.request.method == "UPDATE"]
    assert 150 <= len(updates) <= 165
    network.weather.loss = 1.0
    network.run(7400.0)
    assert callee.endpoint.dialogs == caller.endpoint.dialogs == []
    assert callee.of(DialogEnded)[0].reason is EndReason.SESSION_EXPIRED


def test_a_lost_stream_is_opened_again_for_the_next_request() -> None:
    network = VirtualNetwork(0)
    caller, callee = pair(network)
    caller.endpoint.request("INVITE", f"sip:srs@{CALLEE};transport=tcp", now=0.0)
    network.run(1.0)
    network.cut(caller)
    assert callee.endpoint.connections == 0
    callee.endpoint.bye(callee.endpoint.dialogs[0], now=network.now)
    network.run(3.0)
    assert [event.reason for event in caller.of(DialogEnded)] == [EndReason.BYE_RECEIVED]


def test_the_same_seed_gives_the_same_bytes() -> None:
    def wire() -> list[object]:
        network = VirtualNetwork(7, BAD)
        caller, _ = pair(network)
        caller.endpoint.request("INVITE", f"sip:srs@{CALLEE}", transport=Transport.UDP, now=0.0)
        network.run(40.0)
        return list(network.wire)

    assert wire() == wire()
