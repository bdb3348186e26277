"""The session without I/O: life, window, timers, and every hostile peer of the field, for both roles."""

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.constants import CommandId, CommandStatus, Tag
from gateway.smpp.errors import (
    BindFailed,
    BodyMalformed,
    CommandLengthInvalid,
    CommandUnknown,
    NotOpen,
    OperationNotAllowed,
    OperationRefused,
    ReceiveWindowExceeded,
    RequestAbandoned,
    RequestTimedOut,
    ResponseMalformed,
    WindowFull,
)
from gateway.smpp.events import (
    AlertReceived,
    BindRefused,
    BindRequested,
    CloseReason,
    LateResponseReceived,
    OutbindReceived,
    PeerHeard,
    ProtocolViolated,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    SessionBound,
    SessionClosed,
    UnbindReceived,
    UnknownResponseReceived,
)
from gateway.smpp.framing import Framer
from gateway.smpp.matrix import Role, SessionState
from gateway.smpp.pdu import (
    AlertNotification,
    Bind,
    BindReceiver,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    QuerySm,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    decode,
    encode,
    response_to,
)
from gateway.smpp.session import Direction, SessionSettings, SmppSession
from gateway.smpp.timers import TimerSettings
from gateway.smpp.tlv import Tlv
from gateway.testing.smpp import SessionPair

ROLES = pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)
WINDOW_2 = SessionSettings(window=2)


def bound_pair(**settings: SessionSettings) -> SessionPair:
    pair = SessionPair(**settings)
    pair.bind()
    return pair


def request_of(role: Role) -> Pdu:
    """A message operation this side may send once bound as transceiver."""
    return SubmitSm(short_message=b"hi") if role is Role.ESME else DeliverSm(short_message=b"hi")


def read(session: SmppSession) -> list[Pdu]:
    """The PDUs a session has queued."""
    return [decode(frame) for frame in Framer().feed(session.data_to_send())]


def frame(command_id: int, body: bytes = b"", status: int = 0, sequence: int = 7) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command_id, status, sequence) + body


# Life


@pytest.mark.parametrize(
    ("bind", "state"),
    [
        (BindTransmitter(system_id="guest"), SessionState.BOUND_TX),
        (BindReceiver(system_id="guest"), SessionState.BOUND_RX),
        (BindTransceiver(system_id="guest"), SessionState.BOUND_TRX),
    ],
)
def test_a_bind_leads_both_sides_to_its_state(bind: Bind, state: SessionState) -> None:
    pair = SessionPair()
    esme_events, smsc_events = pair.bind(replace(bind, interface_version=0x34))  # type: ignore[type-var]
    assert esme_events == [SessionBound(state, "carrier", 0x34)]
    assert smsc_events[0] == BindRequested(replace(bind, interface_version=0x34, sequence_number=1))  # type: ignore
    assert smsc_events[1] == SessionBound(state, "guest", 0x34)
    assert pair.esme.state is pair.smsc.state is state


@pytest.mark.parametrize(
    ("version", "served", "tlvs"), [(0x33, 0x33, 0), (0x00, 0x00, 0), (0x34, 0x34, 1), (0x50, 0x34, 1)]
)
def test_versions(version: int, served: int, tlvs: int) -> None:
    pair = SessionPair()
    pair.esme.send(BindTransceiver(interface_version=version), 0.0)
    pair.exchange()
    [requested] = pair.smsc.events()
    pair.smsc.respond(requested.pdu, response_to(requested.pdu, system_id="carrier"), 0.0)
    [answer] = read(pair.smsc)
    assert len(answer.tlvs) == tlvs
    assert all(tlv == Tlv(Tag.SC_INTERFACE_VERSION, b"\x34") for tlv in answer.tlvs)
    assert pair.smsc.peer_version == served
    pair.smsc.send(DeliverSm(tlvs=(Tlv(Tag.MESSAGE_STATE, b"\2"),)), 0.0)
    [deliver] = read(pair.smsc)
    assert len(deliver.tlvs) == tlvs


def test_a_carrier_of_version_33_gets_no_tlvs() -> None:
    esme = SmppSession(Role.ESME, now=0.0)
    sequence = esme.send(BindTransceiver(), 0.0)
    answer = BindTransceiverResp(system_id="old", tlvs=(Tlv(Tag.SC_INTERFACE_VERSION, b"\x33"),))
    esme.receive_data(encode(answer, sequence), 0.0)
    assert esme.events() == [SessionBound(SessionState.BOUND_TRX, "old", 0x33)]
    esme.data_to_send()
    esme.send(SubmitSm(tlvs=(Tlv(0x0204, b"\0\1"),)), 0.0)
    assert [pdu.tlvs for pdu in read(esme)] == [()]


@pytest.mark.parametrize("refusal", [CommandStatus.RINVPASWD, CommandStatus.RBINDFAIL, 0x400])
def test_a_refused_bind_may_be_tried_again(refusal: int) -> None:
    pair = SessionPair()
    pair.esme.send(BindTransceiver(), 0.0)
    pair.exchange()
    [requested] = pair.smsc.events()
    pair.smsc.respond(requested.pdu, response_to(requested.pdu, refusal), 0.0)
    pair.exchange()
    assert pair.esme.events() == [BindRefused(CommandId.BIND_TRANSCEIVER, refusal)]
    assert pair.esme.state is pair.smsc.state is SessionState.OPEN
    esme_events, _ = pair.bind()
    assert isinstance(esme_events[-1], SessionBound)


def test_a_nacked_bind_is_refused() -> None:
    esme = SmppSession(Role.ESME, now=0.0)
    esme.send(BindTransceiver(), 0.0)
    esme.receive_data(encode(GenericNack(command_status=3), 1), 0.0)
    assert esme.events() == [BindRefused(CommandId.BIND_TRANSCEIVER, 3)]


def test_an_unreadable_bind_answer_is_a_refusal() -> None:
    esme = SmppSession(Role.ESME, now=0.0)
    esme.send(BindTransceiver(), 0.0)
    esme.receive_data(frame(CommandId.BIND_TRANSCEIVER_RESP, b"x\0\1", sequence=1), 0.0)
    violated, refused = esme.events()
    assert isinstance(violated, ProtocolViolated)
    assert refused == BindRefused(CommandId.BIND_TRANSCEIVER, CommandStatus.RBINDFAIL)


def test_outbind_asks_for_a_bind() -> None:
    pair = SessionPair()
    pair.smsc.send(Outbind(system_id="carrier", password="p"), 0.0)
    pair.exchange()
    [event] = pair.esme.events()
    assert isinstance(event, OutbindReceived)
    assert event.pdu.system_id == "carrier"
    esme_events, _ = pair.bind(BindReceiver(system_id="guest"))
    assert isinstance(esme_events[0], SessionBound)


def test_alert_notification_is_reported_and_never_answered() -> None:
    pair = bound_pair()
    pair.smsc.send(AlertNotification(source_addr="12"), 0.0)
    assert pair.smsc.window_used == 0
    pair.exchange()
    [event] = pair.esme.events()
    assert isinstance(event, AlertReceived)
    assert pair.esme.data_to_send() == b""


@ROLES
def test_a_request_and_its_answer(role: Role) -> None:
    pair = bound_pair()
    ours, theirs = pair.session(role), pair.session(role.peer)
    sequence = ours.send(request_of(role), 1.0, context="mine")
    assert ours.window_used == 1
    pair.exchange()
    [received] = theirs.events()
    assert isinstance(received, RequestReceived)
    assert received.pdu == replace(request_of(role), sequence_number=sequence)  # type: ignore[type-var]
    assert theirs.owed == 1
    assert theirs.respond(received.pdu, response_to(received.pdu, 0x401), 1.5)
    assert theirs.owed == 0
    pair.exchange()
    [answered] = ours.events()
    assert isinstance(answered, ResponseReceived)
    assert (answered.context, answered.sent_at, answered.request) == ("mine", 1.0, request_of(role))
    assert answered.response.command_status == 0x401
    assert ours.window_used == 0


def test_data_sm_goes_both_ways() -> None:
    pair = bound_pair()
    for role in Role:
        pair.session(role).send(DataSm(), 0.0)
        pair.exchange()
        [received] = pair.session(role.peer).events()
        pair.session(role.peer).respond(received.pdu, DataSmResp(message_id="m"), 0.0)
        pair.exchange()
        [answered] = pair.session(role).events()
        assert answered.response.message_id == "m"


# Window


@ROLES
def test_the_window_is_never_exceeded_and_opens_with_each_answer(role: Role) -> None:
    pair = bound_pair(esme=WINDOW_2, smsc=WINDOW_2)
    ours, theirs = pair.session(role), pair.session(role.peer)
    assert ours.window_free == 2
    for _ in range(2):
        ours.send(request_of(role), 0.0)
    assert ours.window_free == 0
    with pytest.raises(WindowFull):
        ours.send(request_of(role), 0.0)
    pair.exchange()
    first, second = theirs.events()
    theirs.respond(second.pdu, response_to(second.pdu), 0.0)
    pair.exchange()
    assert ours.window_free == 1
    assert [event.response.sequence_number for event in ours.events()] == [second.pdu.sequence_number]
    theirs.respond(first.pdu, response_to(first.pdu), 0.0)
    pair.exchange()
    assert ours.window_free == 2


def test_enquire_link_of_our_own_timer_takes_no_place_in_the_window() -> None:
    pair = bound_pair(esme=SessionSettings(window=1, timers=TimerSettings(enquire_link_s=5)))
    pair.pass_time(6)
    assert pair.esme.window_free == 1


@ROLES
def test_an_answer_to_nothing_changes_nothing(role: Role) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    sequence = ours.send(request_of(role), 0.0)
    strange = [
        SubmitSmResp(sequence_number=999),
        GenericNack(sequence_number=0),
        EnquireLinkResp(sequence_number=998),
    ]
    wrong_kind = QuerySm(sequence_number=sequence)
    for pdu in (*strange, response_to(wrong_kind)):
        ours.receive_data(encode(pdu), 0.0)
        assert ours.events() == [UnknownResponseReceived(pdu)]
    assert ours.window_used == 1
    assert ours.state is SessionState.BOUND_TRX


@ROLES
def test_a_nack_settles_the_request_it_names(role: Role) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    sequence = ours.send(request_of(role), 0.0, "mine")
    ours.receive_data(encode(GenericNack(command_status=2), sequence), 0.0)
    [event] = ours.events()
    assert isinstance(event, ResponseReceived)
    assert event.response == GenericNack(command_status=2, sequence_number=sequence)


def test_answers_to_a_repeated_sequence_number_go_out_each() -> None:
    pair = bound_pair()
    for sequence in (0, 0, 0xFFFF_FFFF, 5, 5):
        pair.smsc.receive_data(encode(SubmitSm(), sequence), 0.0)
    requests = [event.pdu for event in pair.smsc.events()]
    assert [request.sequence_number for request in requests] == [0, 0, 0xFFFF_FFFF, 5, 5]
    for request in requests:
        pair.smsc.respond(request, response_to(request), 0.0)
    assert [pdu.sequence_number for pdu in read(pair.smsc)] == [0, 0, 0xFFFF_FFFF, 5, 5]
    assert pair.smsc.owed == 0


def test_more_requests_than_the_receive_window_are_refused() -> None:
    settings = SessionSettings(receive_window=2, receive_window_status=CommandStatus.RMSGQFUL)
    pair = bound_pair(smsc=settings)
    for _ in range(3):
        pair.esme.send(SubmitSm(), 0.0)
    pair.exchange()
    *received, violated = pair.smsc.events()
    assert len(received) == 2
    assert isinstance(violated.error, ReceiveWindowExceeded)
    [answered] = pair.esme.events()
    assert answered.response.command_status == CommandStatus.RMSGQFUL


# Sending what may not be sent


@ROLES
def test_what_the_matrix_forbids_is_not_sent(role: Role) -> None:
    ours = SmppSession(role, now=0.0)
    with pytest.raises(OperationNotAllowed, match=f"by an {role.value} in state OPEN"):
        ours.send(request_of(role), 0.0)
    pair = bound_pair()
    with pytest.raises(OperationNotAllowed):
        pair.session(role).send(request_of(role.peer), 0.0)
    pair.session(role).data_to_send()
    pair.session(role).close()
    with pytest.raises(NotOpen):
        pair.session(role).send(request_of(role), 0.0)


def test_a_request_that_cannot_be_encoded_takes_no_place() -> None:
    pair = bound_pair()
    with pytest.raises(Exception, match="short_message"):
        pair.esme.send(SubmitSm(short_message=bytes(255)), 0.0)
    assert pair.esme.window_used == 0
    assert pair.esme.data_to_send() == b""


# Hostile peers


def submit(message: bytes = b"\2hi", tlvs: bytes = b"") -> bytes:
    return b"\0" + b"\1\x0112\0" + b"\1\x0113\0" + bytes(9) + message + tlvs


HOSTILE = [
    ("sm_length larger than the body", submit(b"\x09hi"), CommandStatus.RINVMSGLEN),
    ("sm_length smaller than the body", submit(b"\1hi"), CommandStatus.RINVOPTPARSTREAM),
    ("a TLV past the end", submit(tlvs=b"\x04\x24\0\x09x"), CommandStatus.RINVPARLEN),
    ("a torn TLV", submit(tlvs=b"\x04\x24\0"), CommandStatus.RINVOPTPARSTREAM),
    ("no body", b"", CommandStatus.RINVCMDLEN),
    ("noise", b"\xff" * 40, CommandStatus.RINVCMDLEN),
]


@ROLES
@pytest.mark.parametrize(
    ("body", "status"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
def test_a_malformed_request_is_answered_and_the_session_stays(role: Role, body: bytes, status: int) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    good = request_of(role.peer)
    ours.receive_data(frame(good.command_id, body, sequence=77) + encode(good, 78), 0.0)
    violated, received = ours.events()
    assert isinstance(violated, ProtocolViolated)
    assert isinstance(violated.error, BodyMalformed)
    assert isinstance(received, RequestReceived)
    assert read(ours) == [response_to(replace(good, sequence_number=77), status)]  # type: ignore[type-var]
    assert ours.state is SessionState.BOUND_TRX


def test_a_submit_multi_to_nobody_is_refused() -> None:
    pair = bound_pair()
    pair.smsc.receive_data(frame(CommandId.SUBMIT_MULTI, bytes(20)), 0.0)
    assert read(pair.smsc) == [SubmitMultiResp(command_status=CommandStatus.RINVNUMDESTS, sequence_number=7)]
    assert pair.smsc.state is SessionState.BOUND_TRX


@ROLES
@pytest.mark.parametrize("when", ["open", "bound"])
def test_an_unknown_command_is_nacked_and_the_session_stays(role: Role, when: str) -> None:
    pair = bound_pair() if when == "bound" else SessionPair()
    ours = pair.session(role)
    before = ours.state
    ours.receive_data(frame(0x0BAD, b"whatever", sequence=9), 0.0)
    assert read(ours) == [GenericNack(command_status=CommandStatus.RINVCMDID, sequence_number=9)]
    [violated] = ours.events()
    assert isinstance(violated.error, CommandUnknown)
    assert ours.state is before


@ROLES
def test_an_unknown_response_command_is_not_answered(role: Role) -> None:
    pair = bound_pair()
    pair.session(role).receive_data(frame(0x8000_0BAD, sequence=9), 0.0)
    assert pair.session(role).data_to_send() == b""
    [violated] = pair.session(role).events()
    assert isinstance(violated.error, CommandUnknown)


@ROLES
@pytest.mark.parametrize("length", [0, 1, 4, 15, 65_537, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_an_impossible_length_ends_the_session(role: Role, length: int) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    ours.send(request_of(role), 0.0, "mine")
    ours.data_to_send()
    ours.receive_data(struct.pack(">I", length), 0.0)
    failed, closed = ours.events()
    assert isinstance(failed.error, RequestAbandoned)
    assert closed.reason is CloseReason.FATAL_ERROR
    assert isinstance(closed.error, CommandLengthInvalid)
    assert read(ours) == [GenericNack(command_status=CommandStatus.RINVCMDLEN)]
    ours.receive_data(encode(EnquireLink(), 1), 0.0)
    assert ours.events() == []
    assert ours.next_deadline() is None


@ROLES
def test_frames_before_an_impossible_length_are_served(role: Role) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    ours.receive_data(encode(EnquireLink(), 3) + struct.pack(">IIII", 8, 0, 0, 0), 0.0)
    assert [type(pdu) for pdu in read(ours)] == [EnquireLinkResp, GenericNack]


@ROLES
def test_several_pdus_in_one_segment_and_one_in_many(role: Role) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    request = request_of(role.peer)
    stream = b"".join(encode(request, number) for number in range(1, 6))
    ours.receive_data(stream, 0.0)
    for octet in stream:
        ours.receive_data(bytes((octet,)), 0.0)
    assert [event.pdu.sequence_number for event in ours.events()] == [1, 2, 3, 4, 5] * 2


@ROLES
def test_enquire_link_before_bind_is_answered(role: Role) -> None:
    ours = SmppSession(role, now=0.0)
    ours.receive_data(encode(EnquireLink(), 3), 0.0)
    assert read(ours) == [EnquireLinkResp(sequence_number=3)]


EARLY = [
    (Role.SMSC, SubmitSm(), CommandStatus.RINVBNDSTS),
    (Role.SMSC, DataSm(), CommandStatus.RINVBNDSTS),
    (Role.SMSC, QuerySm(), CommandStatus.RINVBNDSTS),
    (Role.SMSC, Unbind(), CommandStatus.RINVBNDSTS),
    (Role.SMSC, DeliverSm(), CommandStatus.RINVCMDID),
    (Role.SMSC, Outbind(), CommandStatus.RINVCMDID),
    (Role.ESME, DeliverSm(), CommandStatus.RINVBNDSTS),
    (Role.ESME, AlertNotification(), CommandStatus.RINVBNDSTS),
    (Role.ESME, SubmitSm(), CommandStatus.RINVCMDID),
    (Role.ESME, BindTransceiver(), CommandStatus.RINVCMDID),
]


@pytest.mark.parametrize(
    ("role", "pdu", "status"), EARLY, ids=[f"{r.value}-{type(p).__name__}" for r, p, _ in EARLY]
)
def test_requests_before_a_bind_are_refused_and_the_session_stays(role: Role, pdu: Pdu, status: int) -> None:
    ours = SmppSession(role, now=0.0)
    ours.receive_data(encode(pdu, 4), 0.0)
    assert read(ours) == [response_to(replace(pdu, sequence_number=4), status)]  # type: ignore[type-var]
    [violated] = ours.events()
    assert isinstance(violated.error, OperationRefused)
    assert ours.state is SessionState.OPEN


def test_a_second_bind_is_refused_as_already_bound() -> None:
    pair = bound_pair()
    pair.smsc.receive_data(encode(BindReceiver(system_id="x"), 9), 0.0)
    [answer] = read(pair.smsc)
    assert answer.command_status == CommandStatus.RALYBND
    assert pair.smsc.state is SessionState.BOUND_TRX


def test_a_bind_while_the_first_is_judged_is_refused() -> None:
    smsc = SmppSession(Role.SMSC, now=0.0)
    smsc.receive_data(
        encode(BindTransceiver(), 1) + encode(BindTransceiver(), 2) + encode(SubmitSm(), 3), 0.0
    )
    assert [pdu.command_status for pdu in read(smsc)] == [CommandStatus.RALYBND, CommandStatus.RINVBNDSTS]


@pytest.mark.parametrize(
    ("bind", "pdu"),
    [(BindReceiver(), SubmitSm()), (BindTransmitter(), None)],
    ids=["submit on rx", "deliver on tx"],
)
def test_the_direction_of_a_bind_is_kept(bind: Bind, pdu: Pdu | None) -> None:
    pair = SessionPair()
    pair.bind(bind)
    if pdu is not None:
        pair.smsc.receive_data(encode(pdu, 9), 0.0)
        assert [answer.command_status for answer in read(pair.smsc)] == [CommandStatus.RINVBNDSTS]
    else:
        with pytest.raises(OperationNotAllowed):
            pair.smsc.send(DeliverSm(), 0.0)


@ROLES
def test_an_unreadable_response_settles_its_request(role: Role) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    request = request_of(role)
    sequence = ours.send(request, 0.0, "mine")
    ours.receive_data(frame(request.command_id | 0x8000_0000, b"m\0\1", 0x58, sequence), 0.0)
    violated, failed = ours.events()
    assert isinstance(violated, ProtocolViolated)
    assert isinstance(failed, RequestFailed)
    assert isinstance(failed.error, ResponseMalformed)
    assert (failed.context, failed.error.command_status) == ("mine", 0x58)
    assert ours.window_used == 0
    assert ours.data_to_send()[:0] == b""


@ROLES
@pytest.mark.parametrize("status", [0, 0x45, 0x4FF])
def test_a_response_without_its_body_is_taken(role: Role, status: int) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    request = request_of(role)
    sequence = ours.send(request, 0.0)
    ours.receive_data(frame(request.command_id | 0x8000_0000, b"", status, sequence), 0.0)
    [answered] = ours.events()
    assert answered.response.command_status == status
    assert answered.response.message_id == ""


ODD = [
    SubmitSm(data_coding=0xF5),
    SubmitSm(data_coding=4, short_message=b"odd"),
    SubmitSm(data_coding=8, short_message=b"odd"),
    SubmitSm(source_addr="\xe9\xff", source_addr_ton=0xAA, source_addr_npi=0xBB, dest_addr_ton=255),
    SubmitSm(
        tlvs=(Tlv(0x1403, b"\x00\xff\x80"), Tlv(Tag.USER_MESSAGE_REFERENCE, b"\1\2\3"), Tlv(0xFFFF, b""))
    ),
]


@pytest.mark.parametrize("pdu", ODD, ids=["dcs F5", "dcs 4", "dcs 8, odd", "TON and NPI", "TLVs"])
def test_odd_but_sound_requests_are_handed_on_whole(pdu: Pdu) -> None:
    pair = bound_pair()
    pair.smsc.receive_data(encode(pdu, 5), 0.0)
    [received] = pair.smsc.events()
    assert received.pdu == replace(pdu, sequence_number=5)  # type: ignore[type-var]


# Unbind


@ROLES
def test_unbind_waits_for_what_is_outstanding_and_owed(role: Role) -> None:
    pair = bound_pair()
    ours, theirs = pair.session(role), pair.session(role.peer)
    ours.send(request_of(role), 0.0)
    theirs.send(request_of(role.peer), 0.0)
    pair.exchange()
    [asked_of_us], [asked_of_them] = ours.events(), theirs.events()
    ours.unbind(0.0)
    pair.exchange()
    assert ours.state is SessionState.BOUND_TRX
    assert ours.window_free == 0
    with pytest.raises(NotOpen, match="draining"):
        ours.send(request_of(role), 0.0)
    theirs.respond(asked_of_them.pdu, response_to(asked_of_them.pdu), 0.0)
    pair.exchange()
    assert ours.state is SessionState.BOUND_TRX
    ours.respond(asked_of_us.pdu, response_to(asked_of_us.pdu), 0.0)
    pair.exchange()
    assert ours.events()[-1] == SessionClosed(CloseReason.UNBOUND)
    assert theirs.events()[-2:] == [UnbindReceived(), SessionClosed(CloseReason.PEER_UNBOUND)]


@ROLES
def test_unbind_waits_only_so_long_and_abandons_the_rest(role: Role) -> None:
    pair = bound_pair()
    ours, theirs = pair.session(role), pair.session(role.peer)
    ours.send(request_of(role), 0.0, "mine")
    pair.exchange()
    theirs.forget(0.0)
    ours.unbind(0.0, wait_s=2.0)
    pair.pass_time(1.9)
    assert ours.state is SessionState.BOUND_TRX
    pair.pass_time(0.2)
    failed, closed = ours.events()
    assert isinstance(failed.error, RequestAbandoned)
    assert closed == SessionClosed(CloseReason.UNBOUND)


@ROLES
def test_an_unbind_with_a_full_window_is_answered_once_the_owed_are(role: Role) -> None:
    pair = bound_pair(esme=WINDOW_2, smsc=WINDOW_2)
    ours, theirs = pair.session(role), pair.session(role.peer)
    for _ in range(2):
        theirs.send(request_of(role.peer), 0.0)
    pair.exchange()
    first, second = ours.events()
    ours.receive_data(encode(Unbind(), 50) + encode(request_of(role.peer), 51) + encode(Unbind(), 52), 0.0)
    [refused] = read(ours)
    assert refused.command_status == CommandStatus.RINVBNDSTS
    ours.respond(first.pdu, response_to(first.pdu), 0.0)
    ours.respond(second.pdu, response_to(second.pdu), 0.0)
    assert read(ours)[-1] == UnbindResp(sequence_number=50)
    assert ours.events()[-1] == SessionClosed(CloseReason.PEER_UNBOUND)
    assert not ours.respond(first.pdu, response_to(first.pdu), 0.0)


@ROLES
def test_an_unbind_is_answered_even_if_what_is_owed_never_comes(role: Role) -> None:
    pair = bound_pair()
    ours, theirs = pair.session(role), pair.session(role.peer)
    theirs.send(request_of(role.peer), 0.0)
    pair.exchange()
    theirs.send(Unbind(), 0.0)
    pair.exchange()
    assert ours.state is SessionState.UNBINDING
    pair.pass_time(5.1)
    assert ours.state is theirs.state is SessionState.CLOSED
    assert theirs.events()[-1] == SessionClosed(CloseReason.UNBOUND)


def test_both_sides_may_unbind_at_once() -> None:
    pair = bound_pair()
    pair.esme.unbind(0.0)
    pair.smsc.unbind(0.0)
    pair.exchange()
    assert pair.esme.state is pair.smsc.state is SessionState.CLOSED
    assert pair.esme.events() == pair.smsc.events() == [SessionClosed(CloseReason.UNBOUND)]


@ROLES
def test_an_unanswered_unbind_ends_with_the_response_timer(role: Role) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    ours.unbind(0.0)
    ours.data_to_send()
    ours.handle_timeout(9.9)
    assert ours.state is SessionState.UNBINDING
    ours.handle_timeout(10.0)
    assert ours.events() == [SessionClosed(CloseReason.UNBOUND)]


@ROLES
def test_a_connection_cut_after_our_unbind_counts_as_its_answer(role: Role) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    ours.unbind(0.0)
    ours.receive_eof()
    assert ours.events() == [SessionClosed(CloseReason.UNBOUND)]


def test_unbind_before_bind_just_closes() -> None:
    session = SmppSession(Role.ESME, now=0.0)
    session.unbind(0.0)
    session.unbind(0.0)
    session.close()
    assert session.events() == [SessionClosed(CloseReason.UNBOUND)]
    assert session.data_to_send() == b""


@ROLES
def test_a_lost_connection_abandons_every_request(role: Role) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    for context in "ab":
        ours.send(request_of(role), 0.0, context)
    ours.receive_eof()
    *failed, closed = ours.events()
    assert [event.context for event in failed] == ["a", "b"]
    assert all(isinstance(event.error, RequestAbandoned) for event in failed)
    assert closed == SessionClosed(CloseReason.CONNECTION_LOST)


# Timers


@ROLES
def test_a_peer_that_never_answers(role: Role) -> None:
    pair = bound_pair()
    ours = pair.session(role)
    sequence = ours.send(request_of(role), 0.0, "first")
    ours.send(request_of(role), 4.0, "second")
    ours.handle_timeout(9.9)
    assert ours.events() == []
    ours.handle_timeout(10.0)
    [failed] = ours.events()
    assert failed.context == "first"
    assert isinstance(failed.error, RequestTimedOut)
    assert failed.error.sequence_number == sequence
    assert ours.next_deadline() == 14.0
    assert ours.window_used == 1
    assert (ours.silent, ours.window_free) == (True, 0)
    answer = response_to(replace(request_of(role), sequence_number=sequence), message_id="late")  # type: ignore
    ours.receive_data(encode(answer) * 2, 11.0)
    late, unknown, heard = ours.events()
    assert late == LateResponseReceived("first", answer, request_of(role))
    assert unknown == UnknownResponseReceived(answer)
    assert heard == PeerHeard()
    assert (ours.silent, ours.window_free) == (False, ours.settings.window - 1)


@ROLES
def test_without_enquire_link_a_peer_that_never_answers_is_not_doubted(role: Role) -> None:
    settings = SessionSettings(timers=TimerSettings(enquire_link_s=0))
    ours = bound_pair(esme=settings, smsc=settings).session(role)
    ours.send(request_of(role), 0.0)
    ours.handle_timeout(10.0)
    assert (ours.silent, ours.window_free) == (False, settings.window)


@pytest.mark.parametrize("sent_at", [0.1, 1 / 3, 1e6 + 0.7, 123456.789])
def test_a_timer_finds_its_request_due_at_its_own_deadline(sent_at: float) -> None:
    pair = bound_pair()
    pair.esme.send(SubmitSm(), sent_at)
    deadline = sent_at + 10.0
    pair.esme.receive_data(encode(EnquireLink(), 1), deadline)
    pair.esme.handle_timeout(deadline)
    assert [type(event) for event in pair.esme.events()] == [RequestFailed]


@ROLES
def test_a_bind_that_does_not_come_in_time_ends_the_session(role: Role) -> None:
    ours = SmppSession(role, SessionSettings(timers=TimerSettings(session_init_s=3)), now=100.0)
    assert ours.next_deadline() == 103.0
    ours.handle_timeout(103.0)
    assert ours.events() == [SessionClosed(CloseReason.BIND_TIMEOUT)]


def test_a_bind_that_is_never_answered_ends_the_session() -> None:
    timers = TimerSettings(session_init_s=0, response_s=3)
    esme = SmppSession(Role.ESME, SessionSettings(timers=timers), now=0.0)
    esme.send(BindTransceiver(), 1.0)
    esme.handle_timeout(4.0)
    assert esme.events() == [SessionClosed(CloseReason.BIND_TIMEOUT)]


@ROLES
def test_a_half_open_connection_is_found_by_enquire_link(role: Role) -> None:
    settings = SessionSettings(timers=TimerSettings(enquire_link_s=30, response_s=10))
    pair = bound_pair(esme=settings, smsc=settings)
    ours = pair.session(role)
    ours.handle_timeout(30.0)
    assert [type(pdu) for pdu in read(ours)] == [EnquireLink]
    ours.handle_timeout(40.0)
    assert ours.events() == [SessionClosed(CloseReason.ENQUIRE_LINK_TIMEOUT)]


@ROLES
def test_any_octet_after_enquire_link_is_a_sign_of_life(role: Role) -> None:
    settings = SessionSettings(timers=TimerSettings(enquire_link_s=30, response_s=10))
    pair = bound_pair(esme=settings, smsc=settings)
    ours = pair.session(role)
    ours.handle_timeout(30.0)
    ours.receive_data(b"\0", 35.0)
    ours.handle_timeout(40.0)
    assert ours.state is SessionState.BOUND_TRX


LIFE = SessionSettings(timers=TimerSettings(enquire_link_s=30, response_s=10))


def chatter(session: SmppSession, now: float) -> None:
    """The far side asks something of its own, and we answer into the void."""
    far = DeliverSm(short_message=b"hi") if session.role is Role.ESME else SubmitSm(short_message=b"hi")
    session.receive_data(encode(far, int(now * 10) + 1), now)
    for event in session.events():
        if isinstance(event, RequestReceived):
            session.respond(event.pdu, response_to(event.pdu), now)


@ROLES
def test_a_peer_that_talks_but_answers_nothing_is_found_by_enquire_link(role: Role) -> None:
    pair = bound_pair(esme=LIFE, smsc=LIFE)
    ours = pair.session(role)
    ours.send(request_of(role), 1.0)
    for second in range(2, 11):
        chatter(ours, float(second))
    ours.data_to_send()
    ours.handle_timeout(11.0)
    assert [type(pdu) for pdu in read(ours)] == [EnquireLink]
    for second in range(12, 21):
        chatter(ours, float(second))
    assert ours.state is SessionState.BOUND_TRX
    ours.handle_timeout(21.0)
    assert ours.events()[-1] == SessionClosed(CloseReason.ENQUIRE_LINK_TIMEOUT)


@ROLES
@pytest.mark.parametrize("sign", ["enquire_link", "late", "other", "unreadable"])
def test_any_answer_is_a_sign_of_life(role: Role, sign: str) -> None:
    pair = bound_pair(esme=LIFE, smsc=LIFE)
    ours = pair.session(role)
    lost = ours.send(request_of(role), 1.0)
    ours.handle_timeout(11.0)
    *_, probe = read(ours)
    assert isinstance(probe, EnquireLink)
    other = ours.send(request_of(role), 12.0)
    response = request_of(role).response_id
    answer = {
        "enquire_link": encode(response_to(probe)),
        "late": frame(response, b"\0", sequence=lost),
        "other": frame(response, b"\0", sequence=other),
        "unreadable": frame(response, b"4f\0\0\1\0\xff", sequence=other),
    }[sign]
    ours.receive_data(answer, 13.0)
    ours.data_to_send()
    ours.handle_timeout(21.0)
    assert ours.state is SessionState.BOUND_TRX
    assert ours.data_to_send() == b""


@ROLES
def test_one_request_lost_among_answered_ones_asks_for_nothing(role: Role) -> None:
    pair = bound_pair(esme=LIFE, smsc=LIFE)
    ours = pair.session(role)
    ours.send(request_of(role), 1.0)
    answered = ours.send(request_of(role), 2.0)
    ours.receive_data(frame(request_of(role).response_id, b"\0", sequence=answered), 3.0)
    ours.data_to_send()
    ours.handle_timeout(11.0)
    assert ours.data_to_send() == b""


@ROLES
def test_a_peer_that_answers_nothing_is_kept_where_enquire_link_is_off(role: Role) -> None:
    off = SessionSettings(timers=TimerSettings(enquire_link_s=0, response_s=10))
    pair = bound_pair(esme=off, smsc=off)
    ours = pair.session(role)
    ours.send(request_of(role), 1.0)
    ours.data_to_send()
    ours.handle_timeout(11.0)
    assert ours.data_to_send() == b""
    assert ours.next_deadline() is None


@given(
    st.lists(st.tuples(st.floats(0.1, 12), st.sampled_from(("send", "chatter", "both"))), max_size=12),
    st.sampled_from(Role),
)
def test_a_peer_that_hears_nothing_is_given_up_in_time_whatever_it_says(
    steps: list[tuple[float, str]], role: Role
) -> None:
    """From the first request on it takes two response times at most."""
    pair = bound_pair(esme=LIFE, smsc=LIFE)
    ours, now = pair.session(role), 0.0
    ours.send(request_of(role), now)

    def run_to(moment: float) -> None:
        while (due := ours.next_deadline()) is not None and due <= moment:
            ours.handle_timeout(due)

    for pause, what in steps:
        now += pause
        run_to(now)
        if ours.state is SessionState.CLOSED:
            break
        if what != "chatter" and ours.window_free:
            ours.send(request_of(role), now)
        if what != "send":
            chatter(ours, now)
    run_to(20.0)
    assert ours.events()[-1] == SessionClosed(CloseReason.ENQUIRE_LINK_TIMEOUT)


@ROLES
def test_traffic_postpones_enquire_link(role: Role) -> None:
    settings = SessionSettings(timers=TimerSettings(enquire_link_s=30))
    pair = bound_pair(esme=settings, smsc=settings)
    ours = pair.session(role)
    ours.receive_data(encode(EnquireLink(), 1), 20.0)
    ours.data_to_send()
    ours.handle_timeout(30.0)
    assert ours.data_to_send() == b""
    assert ours.next_deadline() == 50.0
    ours.handle_timeout(50.0)
    assert [type(pdu) for pdu in read(ours)] == [EnquireLink]


def test_two_living_peers_stay_bound_for_a_day() -> None:
    pair = bound_pair()
    pair.pass_time(86_400)
    assert pair.esme.state is pair.smsc.state is SessionState.BOUND_TRX


@ROLES
def test_inactivity_unbinds(role: Role) -> None:
    quiet = SessionSettings(timers=TimerSettings(inactivity_s=60, enquire_link_s=10))
    settings = {"esme": quiet} if role is Role.ESME else {"smsc": quiet}
    pair = bound_pair(**settings)
    ours = pair.session(role)
    pair.pass_time(50)
    ours.send(request_of(role), pair.now)
    pair.exchange()
    [received] = pair.session(role.peer).events()
    pair.session(role.peer).respond(received.pdu, response_to(received.pdu), pair.now)
    pair.exchange()
    pair.pass_time(59)
    assert ours.state is SessionState.BOUND_TRX
    pair.pass_time(2)
    assert ours.events()[-1] == SessionClosed(CloseReason.INACTIVITY)


def test_timers_that_are_off_never_fire() -> None:
    settings = SessionSettings(timers=TimerSettings(0, 0, 0, 0, 0))
    pair = bound_pair(esme=settings, smsc=settings)
    pair.esme.send(SubmitSm(), 0.0)
    assert pair.esme.next_deadline() is None
    assert pair.smsc.next_deadline() is None


# Many at once


REQUESTS = st.sampled_from(
    [
        SubmitSm(short_message=b"hi"),
        SubmitSm(tlvs=(Tlv(0x1401, b"x"),)),
        QuerySm(message_id="1"),
        SubmitSm(destination_addr="1" * 30),  # cannot be encoded
        DeliverSm(),  # not an ESME's to send
        EnquireLink(),
        Unbind(),  # takes no place in the window
    ]
)


@given(st.lists(REQUESTS, max_size=12), st.integers(0x33, 0x34), st.booleans())
def test_what_is_sent_together_goes_out_as_if_sent_one_by_one(
    requests: list[Pdu], version: int, draining: bool
) -> None:
    together, singly = (SessionPair(esme=SessionSettings(window=8)) for _ in range(2))
    taps: tuple[list[object], list[object]] = ([], [])
    for pair, seen in zip((together, singly), taps, strict=True):
        pair.bind()
        pair.esme.peer_version = version
        pair.esme.send(SubmitSm(), 1.0, "before")
        pair.esme.tap = lambda *observed, seen=seen: seen.append(observed)  # type: ignore[misc]
        if draining:
            pair.esme.unbind(1.0)
    sent = together.esme.send_all([(pdu, number) for number, pdu in enumerate(requests)], 2.0)
    for number, pdu in enumerate(requests[:sent]):
        singly.esme.send(pdu, 2.0, number)
    assert together.esme.data_to_send() == singly.esme.data_to_send()
    assert taps[0] == taps[1]
    assert together.esme.window_used == singly.esme.window_used == 1 + sent
    assert together.esme.next_deadline() == singly.esme.next_deadline()
    assert sent == (0 if draining else _fitting(requests, 7, version >= 0x34))
    together.esme.close()
    failed = [event.context for event in together.esme.events() if isinstance(event, RequestFailed)]
    assert failed == ["before", *range(sent)]


def _fitting(requests: list[Pdu], room: int, tlvs_allowed: bool) -> int:
    """How many of the requests come before the first that is special, or too many."""
    for number, pdu in enumerate(requests[:room]):
        if isinstance(pdu, DeliverSm | Unbind) or (pdu.tlvs and not tlvs_allowed):
            return number
        if len(getattr(pdu, "destination_addr", "")) > 20:
            return number
    return min(len(requests), room)


# Edges


def test_the_tap_sees_every_frame_both_ways() -> None:
    seen: list[tuple[Direction, bytes, Pdu | None, float]] = []
    pair = bound_pair()
    pair.smsc.tap = lambda *observed: seen.append(observed)
    pair.smsc.receive_data(encode(EnquireLink(), 1) + frame(0x0BAD), 3.0)
    assert [(direction, pdu and type(pdu), now) for direction, _, pdu, now in seen] == [
        (Direction.IN, EnquireLink, 3.0),
        (Direction.OUT, EnquireLinkResp, 3.0),
        (Direction.IN, None, 3.0),
        (Direction.OUT, GenericNack, 3.0),
    ]
    assert (
        b"".join(octets for direction, octets, _, _ in seen if direction is Direction.OUT)
        == pair.smsc.data_to_send()
    )


def test_raw_octets_are_sent_as_they_are() -> None:
    pair = bound_pair()
    pair.smsc.send_raw(b"\xde\xad", 0.0)
    assert pair.smsc.out == [b"\xde\xad"]
    assert pair.smsc.data_to_send() == b"\xde\xad"


def test_sequence_numbers_wrap() -> None:
    esme = SmppSession(Role.ESME, now=0.0, first_sequence=0x7FFF_FFFF)
    assert esme.send(BindTransceiver(), 0.0) == 0x7FFF_FFFF
    esme.receive_data(encode(BindTransceiverResp(), 0x7FFF_FFFF), 0.0)
    assert esme.send(SubmitSm(), 0.0) == 1


def test_errors_say_what_happened() -> None:
    refused = BindFailed(CommandId.BIND_TRANSCEIVER, CommandStatus.RINVPASWD, "refused")
    assert str(refused) == "bind_transceiver refused: ESME_RINVPASWD"
    assert (
        str(BindFailed(CommandId.BIND_TRANSCEIVER, 0, "bind_timeout"))
        == "bind_transceiver failed: bind_timeout"
    )
    assert str(RequestTimedOut(4, 7, "no response in time")) == "submit_sm #7: no response in time"
    assert str(OperationRefused(4, 4, 7, "OPEN")) == "submit_sm in state OPEN (ESME_RINVBNDSTS)"
    assert str(CommandUnknown(0xBAD, 1)) == "command_id 0x00000BAD is unknown"
    assert "receive window of 5" in str(ReceiveWindowExceeded(4, 0x58, 1, 5))
    assert DeliverSmResp().message_id == ""
