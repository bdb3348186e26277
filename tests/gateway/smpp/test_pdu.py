"""Codec: the quick functions against the plain walk, the wire format against bytes written by hand."""

import copy
import dataclasses
import pickle
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp import codegen
from gateway.smpp.constants import CommandId, CommandStatus, Tag
from gateway.smpp.errors import BodyMalformed, CommandLengthInvalid, CommandUnknown, FieldInvalid
from gateway.smpp.fields import DistributionList, SmeAddress, UnsuccessfulDelivery
from gateway.smpp.pdu import (
    CLASSES,
    DECODERS,
    GRAMMAR,
    RESPONSE_CLASSES,
    AlertNotification,
    BindTransceiver,
    BindTransceiverResp,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    Pdu,
    QuerySmResp,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    decode,
    encode,
    response_to,
)
from gateway.smpp.tlv import Tlv
from gateway.testing.smpp import pdus

EVERY_CLASS = sorted(CLASSES.values(), key=lambda cls: cls.__name__)


def frame(command_id: int, body: bytes = b"", status: int = 0, sequence: int = 7) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command_id, status, sequence) + body


@given(pdus())
def test_decoding_undoes_encoding(pdu: Pdu) -> None:
    assert decode(encode(pdu)) == expected_back(pdu)


def expected_back(pdu: Pdu) -> Pdu:
    """A response that is all NUL and has an error status travels without its body."""
    body = codegen.walk_encode(dataclasses.replace(pdu, command_status=0), 1)[16:]  # type: ignore[type-var]
    if pdu.is_response and pdu.command_status and not body.strip(b"\0"):
        return type(pdu)(command_status=pdu.command_status, sequence_number=pdu.sequence_number)
    return pdu


@given(pdus())
def test_quick_encoder_equals_the_walk(pdu: Pdu) -> None:
    assert encode(pdu) == codegen.walk_encode(pdu, pdu.sequence_number)


@given(pdus(), st.data())
def test_quick_decoder_equals_the_walk_on_damaged_frames(pdu: Pdu, data: st.DataObject) -> None:
    octets = bytearray(encode(pdu))
    for _ in range(data.draw(st.integers(0, 3))):
        if len(octets) > 16:
            octets[data.draw(st.integers(16, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(16, len(octets)))
    octets = octets[:cut] + data.draw(st.binary(max_size=5))
    assert same_verdict(type(pdu), bytes(octets))


@given(st.sampled_from(EVERY_CLASS), st.binary(max_size=80))
def test_quick_decoder_equals_the_walk_on_noise(cls: type[Pdu], body: bytes) -> None:
    assert same_verdict(cls, bytes(16) + body)


def same_verdict(cls: type[Pdu], octets: bytes) -> bool:
    return verdict(DECODERS[cls.command_id], octets) == verdict(
        lambda *given: codegen.walk_decode(cls, *given), octets
    )


def verdict(decoder: codegen.Decoder, octets: bytes) -> object:
    try:
        return decoder(octets, 0, 7)
    except BodyMalformed as error:
        return error.args


def test_a_submit_sm_is_written_as_the_specification_lays_it_out() -> None:
    pdu = SubmitSm(
        service_type="CMT",
        source_addr_ton=1,
        source_addr_npi=2,
        source_addr="12025550100",
        dest_addr_ton=3,
        dest_addr_npi=4,
        destination_addr="13105550120",
        esm_class=5,
        protocol_id=6,
        priority_flag=7,
        schedule_delivery_time="000001000000000R",
        validity_period="000002000000000R",
        registered_delivery=8,
        replace_if_present_flag=9,
        data_coding=10,
        sm_default_msg_id=11,
        short_message=b"hi",
        tlvs=(Tlv(0x0204, b"\x12\x34"), Tlv(0x1403, b"")),
    )
    body = (
        b"CMT\0\1\x02"
        + b"12025550100\0\3\x04"
        + b"13105550120\0\5\6\x07"
        + b"000001000000000R\0"
        + b"000002000000000R\0"
        + b"\x08\x09\x0a\x0b\2hi\x02\x04\0\2\x12\x34\x14\x03\0\0"
    )
    assert encode(pdu, 9) == frame(CommandId.SUBMIT_SM, body, sequence=9)
    assert decode(encode(pdu, 9)) == dataclasses.replace(pdu, sequence_number=9)


WIRE = [
    (Unbind(), frame(0x06)),
    (EnquireLink(), frame(0x15)),
    (GenericNack(command_status=3), frame(0x8000_0000, status=3)),
    (
        BindTransceiver(
            system_id="a", password="b", system_type="c", interface_version=0x34, addr_ton=1, addr_npi=2
        ),
        frame(0x09, b"a\0b\0c\0\x34\1\2\0"),
    ),
    (BindTransceiverResp(system_id="s"), frame(0x8000_0009, b"s\0")),
    (BindTransceiverResp(command_status=14), frame(0x8000_0009, status=14)),
    (SubmitSmResp(message_id="4f"), frame(0x8000_0004, b"4f\0")),
    (SubmitSmResp(command_status=0x58), frame(0x8000_0004, status=0x58)),
    (SubmitSmResp(command_status=0x421, message_id="x"), frame(0x8000_0004, b"x\0", status=0x421)),
    (DeliverSmResp(), frame(0x8000_0005, b"\0")),
    (QuerySmResp(message_id="m", message_state=2), frame(0x8000_0003, b"m\0\0\2\0")),
    (
        SubmitMulti(dest_addresses=(SmeAddress(1, 1, "12"), DistributionList("all")), short_message=b"x"),
        frame(0x21, b"\0\0\0\0\2\1\1\x0112\0\2all\0" + b"\0\0\0" + b"\0\0" + b"\0\0\0\0" + b"\1x"),
    ),
    (
        SubmitMultiResp(message_id="m", unsuccess_smes=(UnsuccessfulDelivery(1, 1, "12", 0x0B),)),
        frame(0x8000_0021, b"m\0\1\1\x0112\0\0\0\0\x0b"),
    ),
    (
        AlertNotification(source_addr="1", esme_addr="2", tlvs=(Tlv(Tag.MS_AVAILABILITY_STATUS, b"\0"),)),
        frame(0x102, b"\0\x001\0\0\x002\0\x04\x22\0\1\0"),
    ),
    (DataSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"hi"),)), frame(0x103, bytes(10) + b"\x04\x24\0\2hi")),
]


@pytest.mark.parametrize(("pdu", "octets"), WIRE, ids=[type(pdu).__name__ for pdu, _ in WIRE])
def test_wire_format(pdu: Pdu, octets: bytes) -> None:
    assert encode(pdu, 7) == octets
    assert decode(octets) == dataclasses.replace(pdu, sequence_number=7)  # type: ignore[type-var]


def submit(**changed: bytes) -> bytes:
    parts = {
        "service_type": b"\0", "source": b"\1\x0112\0", "destination": b"\1\x0113\0", "classes": b"\0\0\0",
        "times": b"\0\0", "flags": b"\0\0\0\0", "message": b"\2hi", "tlvs": b"",
    }  # fmt: skip
    return frame(CommandId.SUBMIT_SM, b"".join({**parts, **changed}.values()))


BROKEN = [
    ("sm_length beyond the body", submit(message=b"\x0ahi"), CommandStatus.RINVMSGLEN, "sm_length"),
    ("sm_length 255", submit(message=b"\xff" + bytes(255)), CommandStatus.RINVMSGLEN, "sm_length"),
    ("sm_length short of the body", submit(message=b"\1hi"), CommandStatus.RINVOPTPARSTREAM, "tlvs"),
    ("a TLV longer than the body", submit(tlvs=b"\x02\x04\0\x09\0"), CommandStatus.RINVPARLEN, "tlvs"),
    ("a torn TLV header", submit(tlvs=b"\x02\x04\0"), CommandStatus.RINVOPTPARSTREAM, "tlvs"),
    (
        "a source too long",
        submit(source=b"\1\1" + b"1" * 21 + b"\0"),
        CommandStatus.RINVSRCADR,
        "source_addr",
    ),
    (
        "a destination too long",
        submit(destination=b"\1\1" + b"1" * 21 + b"\0"),
        CommandStatus.RINVDSTADR,
        "destination_addr",
    ),
    ("a service type too long", submit(service_type=b"123456\0"), CommandStatus.RINVSERTYP, "service_type"),
    (
        "a schedule too long",
        submit(times=b"9" * 17 + b"\0\0"),
        CommandStatus.RINVSCHED,
        "schedule_delivery_time",
    ),
    (
        "a validity too long",
        submit(times=b"\0" + b"9" * 17 + b"\0"),
        CommandStatus.RINVEXPIRY,
        "validity_period",
    ),
    ("no NUL anywhere", frame(4, b"x" * 40), CommandStatus.RINVCMDLEN, "service_type"),
    ("an empty body", frame(4), CommandStatus.RINVCMDLEN, "service_type"),
    ("a body that ends early", frame(4, b"\0\1\x0112\0"), CommandStatus.RINVDSTTON, "dest_addr_ton"),
    ("enquire_link with a body", frame(0x15, b"\0"), CommandStatus.RINVCMDLEN, "body"),
    (
        "a password too long",
        frame(9, b"a\0" + b"123456789\0\0\x34\0\0\0"),
        CommandStatus.RINVPASWD,
        "password",
    ),
    ("a system_id too long", frame(9, b"a" * 16 + b"\0\0\0\x34\0\0\0"), CommandStatus.RINVSYSID, "system_id"),
    ("a bad dest_flag", frame(0x21, b"\0\0\0\0\1\3"), CommandStatus.RINVDESTFLAG, "dest_addresses"),
    ("too many destinations", frame(0x21, b"\0\0\0\0\xff"), CommandStatus.RINVNUMDESTS, "dest_addresses"),
    ("no destination", frame(0x21, bytes(20)), CommandStatus.RINVNUMDESTS, "dest_addresses"),
]


@pytest.mark.parametrize(
    ("octets", "status", "field"), [case[1:] for case in BROKEN], ids=[c[0] for c in BROKEN]
)
def test_a_broken_body_names_its_field_and_status(octets: bytes, status: int, field: str) -> None:
    with pytest.raises(BodyMalformed) as raised:
        decode(octets)
    assert (raised.value.command_status, raised.value.field) == (status, field)
    assert raised.value.sequence_number == 7
    assert field in str(raised.value)


LENIENT = [
    ("no body though ESME_ROK", frame(0x8000_0004), SubmitSmResp()),
    ("no NUL", frame(0x8000_0004, b"4f"), SubmitSmResp(message_id="4f")),
    ("an id too long", frame(0x8000_0004, b"x" * 70 + b"\0"), SubmitSmResp(message_id="x" * 70)),
    ("half a query_sm_resp", frame(0x8000_0003, b"m\0"), QuerySmResp(message_id="m")),
    ("a body where there is none", frame(0x8000_0015, b"xx"), CLASSES[0x8000_0015]()),
]


@pytest.mark.parametrize(("octets", "pdu"), [case[1:] for case in LENIENT], ids=[case[0] for case in LENIENT])
def test_responses_are_read_as_they_are_found(octets: bytes, pdu: Pdu) -> None:
    assert decode(octets) == dataclasses.replace(pdu, sequence_number=7)  # type: ignore[type-var]


def test_octets_outside_ascii_and_odd_numbering_plans_are_carried() -> None:
    pdu = DeliverSm(source_addr_ton=0xEE, source_addr_npi=0xFF, source_addr="\x80\xff", data_coding=0xF5)
    assert decode(encode(pdu, 1)) == dataclasses.replace(pdu, sequence_number=1)


@pytest.mark.parametrize("status", [0x400, 0x4FF, 0xFFFF_FFFF])
def test_vendor_statuses_are_carried(status: int) -> None:
    assert decode(encode(SubmitSmResp(command_status=status), 1)).command_status == status


UNENCODABLE = [
    (SubmitSm(source_addr="1" * 21), "source_addr"),
    (SubmitSm(service_type="a\0b"), "service_type"),
    (SubmitSm(destination_addr="€"), "destination_addr"),
    (SubmitSm(short_message=b"x" * 255), "short_message"),
    (SubmitSm(short_message="text"), "short_message"),  # type: ignore[arg-type]
    (SubmitSm(source_addr=None), "source_addr"),  # type: ignore[arg-type]
    (SubmitSm(data_coding=256), "data_coding"),
    (SubmitSm(data_coding=-1), "data_coding"),
    (SubmitSm(command_status=-1), "command_status"),
    (SubmitSm(tlvs=(Tlv(0x10000, b""),)), "tlvs"),
    (SubmitSm(tlvs=(Tlv(1, bytes(65_536)),)), "tlvs"),
    (SubmitMulti(dest_addresses=(SmeAddress(),) * 255), "dest_addresses"),
    (SubmitMulti(), "dest_addresses"),
    (SubmitMulti(dest_addresses=("12",)), "dest_addresses"),  # type: ignore[arg-type]
    (SubmitMultiResp(unsuccess_smes=(UnsuccessfulDelivery(0, 0, "", -1),)), "unsuccess_smes"),
]


@pytest.mark.parametrize(("pdu", "field"), UNENCODABLE, ids=[field for _, field in UNENCODABLE])
def test_what_does_not_fit_is_refused_by_name(pdu: Pdu, field: str) -> None:
    with pytest.raises(FieldInvalid) as raised:
        encode(pdu, 1)
    assert raised.value.field == field


@pytest.mark.parametrize("octets", [b"", bytes(15), bytes(16), frame(4)[:-1], frame(4) + b"x"])
def test_a_frame_of_another_length_than_it_says_is_fatal(octets: bytes) -> None:
    with pytest.raises(CommandLengthInvalid):
        decode(octets)


def test_an_unknown_command_is_named() -> None:
    with pytest.raises(CommandUnknown) as raised:
        decode(frame(0x0BAD, sequence=5))
    assert (raised.value.command_id, raised.value.sequence_number) == (0x0BAD, 5)
    assert raised.value.command_status == CommandStatus.RINVCMDID


def test_the_grammar_covers_every_command() -> None:
    assert set(GRAMMAR) == set(CommandId)


def test_pdus_are_frozen_hashable_and_copyable() -> None:
    pdu = decode(encode(SubmitSm(short_message=b"x"), 3))
    made = SubmitSm(short_message=b"x", sequence_number=3)
    assert pdu == made
    assert hash(pdu) == hash(made)
    assert copy.deepcopy(pdu) == pdu == pickle.loads(pickle.dumps(pdu))
    with pytest.raises(dataclasses.FrozenInstanceError):
        pdu.short_message = b"y"  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        object.__setattr__(pdu, "invented", 1)


@pytest.mark.parametrize("cls", EVERY_CLASS, ids=lambda cls: cls.__name__)
def test_every_request_knows_its_response(cls: type[Pdu]) -> None:
    answer = response_to(cls(sequence_number=9), 0x58)
    assert type(answer) is RESPONSE_CLASSES.get(cls.command_id, GenericNack)
    assert (answer.sequence_number, answer.command_status) == (9, 0x58)


def test_the_first_tlv_of_a_tag_is_found() -> None:
    pdu = SubmitSm(tlvs=(Tlv(5, b"a"), Tlv(6, b"b"), Tlv(6, b"c")))
    assert pdu.tlv(6) == Tlv(6, b"b")
    assert pdu.tlv(7) is None
    assert Unbind().tlv(7) is None
