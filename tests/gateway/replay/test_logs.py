# ruff: noqa: E501 - a log's lines are as long as they are
"""Logs as traces: Kannel, Jasmin, SMPPSim, CSV and our JSONL; what is broken is reported, the rest goes on."""

import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.replay.errors import FormatUnknown
from gateway.replay.formats import FORMATS, open_trace, recognise
from gateway.replay.jasmin import read_jasmin
from gateway.replay.jsonl import read_jsonl
from gateway.replay.kannel import read_kannel
from gateway.replay.pcap import Endpoint
from gateway.replay.recorder import CaptureFormat, Recorder
from gateway.replay.smppsim import read_mo_csv, read_smppsim
from gateway.replay.story import Correlator, RequestStep
from gateway.replay.trace import PartUnreadable, PduCaptured, Position, Side
from gateway.smpp import pdu as p
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import decode, encode
from gateway.smpp.receipt import read_receipt
from gateway.smpp.session import Direction
from gateway.testing.captures import conversation, pcap_file
from gateway.testing.smpp import pdus

KANNEL = """\
2026-01-31 11:59:59 Log begins
2026-01-31 12:00:00 Sent SMS [SMSC:east] [SVC:u] [ACT:] [BINF:] [FID:4f] [META:?smpp?] [from:12025550100] \
[to:+13105550120] [flags:-1:0:-1:0:31] [msg:13:hi [x] there] [udh:0:]
2026-01-31 12:00:01 FAILED Send SMS [SMSC:east] [SVC:u] [ACT:] [BINF:] [FID:] [META:] [from:ACME] [to:13105550121] \
[flags:-1:2:-1:0:-1] [msg:4:65E5672C] [udh:0:]
2026-01-31 12:00:02 Receive DLR [SMSC:east] [SVC:u] [ACT:] [BINF:] [FID:4f] [META:] [from:12025550100] \
[to:13105550120] [flags:-1:-1:-1:-1:1] [msg:63:id:4f sub:001 dlvrd:001 stat:DELIVRD err:000] [udh:0:]
this line is torn [SMSC:
2026-01-31 12:00:03 Receive DLR [SMSC:east] [SVC:u] [ACT:] [BINF:] [FID:4f] [META:] [from:1] [to:2] \
[flags:-1:-1:-1:-1:8] [msg:4:ACK/] [udh:0:]
Jan 31 12:00:04 host mdr: 2026-01-31 12:00:04 Receive SMS [SMSC:west] [SVC:] [ACT:] [BINF:] [FID:] [from:13105550120] \
[to:12025550100] [flags:-1:1:-1:0:-1] [msg:3:010203] [udh:6:050003070201]
2026-01-31 12:00:05 Sent SMS [SMSC:east] [SVC:u] [ACT:] [BINF:] [FID:5] [META:] [from:1] [to:2] \
[flags:-1:1:-1:0:31] [msg:3:01020Z] [udh:0:]
2026-01-31 12:00:06 Log ends
"""

JASMIN = """\
2026-01-31 12:00:00 INFO     4242 SMS-MT [cid:east] [queue-msgid:q1] [smpp-msgid:b'4f'] [status:CommandStatus.ESME_ROK] \
[prio:0] [dlr:RegisteredDeliveryReceipt.SMSC_DELIVERY_RECEIPT_REQUESTED] [validity:none] [from:b'12025550100'] \
[to:b'13105550120'] [content:b'it\\'s [ten] o\\x0aclock'] [tlvs:none]
2026-01-31 12:00:01 INFO     4242 SMS-MT [cid:east] [queue-msgid:q2] [status:ERROR/CommandStatus.ESME_RTHROTTLED] \
[retry:True] [prio:0] [dlr:RegisteredDeliveryReceipt.NO_SMSC_DELIVERY_RECEIPT_REQUESTED] [validity:none] \
[from:12025550100] [to:13105550121] [content:** 12 byte content **]
2026-01-31 12:00:02 INFO     4242 DLR [cid:east] [smpp-msgid:q1] [status:UNDELIV] [submit date:2601311200] \
[done date:2601311200] [sub/dlvrd messages:001/000] [err:005] [content:it]
2026-01-31 12:00:03 INFO     4242 SMS-MO [cid:east] [queue-msgid:q3] [status:ESME_ROK] [prio:None] [validity:None] \
[from:b'13105550120'] [to:b'12025550100'] [content:b'\\x65\\xe5\\x65\\x2c\\x65\\x9e\\x65\\x00']
2026-01-31 12:00:04 ERROR    4242 something else entirely
"""

SMPPSIM = """\
cmd_len=51,cmd_id=9,cmd_status=0,seq_no=1,system_id=smppclient1
password=password,system_type=,interface_version=52,addr_ton=0,addr_npi=0,address_range=
cmd_len=0,cmd_id=-2147483639,cmd_status=0,seq_no=1,system_id=SMPPSim
12:00:01.000 INFO cmd_len=60,cmd_id=4,cmd_status=0,seq_no=2,service_type=CMT,source_addr_ton=1,source_addr_npi=1,\
source_addr=12025550100,dest_addr_ton=1,dest_addr_npi=1,dest_addr=13105550120,esm_class=64,protocol_ID=0,\
priority_flag=0,schedule_delivery_time=,validity_period=null,registered_delivery_flag=1,replace_if_present_flag=0,\
data_coding=0,sm_default_msg_id=0,sm_length=9,short_message=a=b,
next, cmd_id,tag=516,len=2,value=0x0007
cmd_len=0,cmd_id=-2147483644,cmd_status=88,seq_no=2,message_id=
cmd_len=0,cmd_id=77,cmd_status=0,seq_no=3
"""

CSV = """\
07711878787,1000,A test, with a comma
07711878787,1000,0x3132
not three fields
07711878787,1000,0xZZ
"""


def read(reader, text):
    events = list(reader(io.BytesIO(text if isinstance(text, bytes) else text.encode())))
    return [e for e in events if isinstance(e, PduCaptured)], [
        e for e in events if isinstance(e, PartUnreadable)
    ]


def test_kannel():
    seen, unreadable = read(read_kannel, KANNEL)
    assert [(e.conversation, e.sender.name, type(e.pdu).__name__) for e in seen] == [
        (1, "ESME", "SubmitSm"),
        (1, "SMSC", "SubmitSmResp"),
        (1, "ESME", "SubmitSm"),
        (1, "SMSC", "SubmitSmResp"),
        (1, "SMSC", "DeliverSm"),
        (1, "ESME", "DeliverSmResp"),
        (2, "SMSC", "DeliverSm"),
        (2, "ESME", "DeliverSmResp"),
    ]
    first, answer, second, refusal, receipt, _, inbound, _ = [e.pdu for e in seen]
    assert (first.short_message, first.destination_addr, first.dest_addr_ton) == (
        b"hi \x1b<x\x1b> there",
        "13105550120",
        1,
    )
    assert (answer.message_id, answer.command_status, first.registered_delivery) == ("4f", 0, 1)
    assert answer.sequence_number == first.sequence_number
    assert (second.source_addr, second.source_addr_ton, second.data_coding) == ("ACME", 5, 8)
    assert second.short_message.decode("utf-16-be") == "日本"
    assert (refusal.command_status, second.registered_delivery) == (0x45, 0)
    read_back = read_receipt(receipt.short_message, tlvs=receipt.tlvs)
    assert (read_back.message_id, read_back.state) == ("4f", MessageState.DELIVERED)
    assert (receipt.source_addr, receipt.destination_addr) == ("13105550120", "12025550100")
    assert (inbound.short_message, inbound.esm_class, inbound.data_coding) == (
        bytes.fromhex("050003070201010203"),
        0x40,
        4,
    )
    assert seen[4].at_ns - seen[0].at_ns == 2 * 10**9
    assert [part.position.number for part in unreadable] == [5, 8]
    assert unreadable[0].position.octet == sum(len(line) + 1 for line in KANNEL.split("\n")[:4])


def test_jasmin():
    seen, unreadable = read(read_jasmin, JASMIN)
    first, answer, second, refusal, receipt, _, inbound, _ = [e.pdu for e in seen]
    assert first.short_message == b"it's [ten] o\nclock"
    assert (answer.message_id, first.registered_delivery, second.registered_delivery) == ("4f", 1, 0)
    assert (refusal.command_status, second.short_message) == (0x58, b"*" * 12)
    read_back = read_receipt(receipt.short_message, tlvs=receipt.tlvs)
    assert (read_back.message_id, read_back.state, read_back.error) == (
        "4f",
        MessageState.UNDELIVERABLE,
        "005",
    )
    assert (receipt.source_addr, receipt.destination_addr) == ("13105550120", "12025550100")
    assert (inbound.data_coding, inbound.short_message.decode("utf-16-be")) == (
        8,
        "日攬斞攀",
    )
    assert [part.position.number for part in unreadable] == [5]


def test_smppsim_decoded_capture():
    seen, unreadable = read(read_smppsim, SMPPSIM)
    bind, bound, submit, refusal = [e.pdu for e in seen]
    assert (bind.system_id, bind.password, bind.interface_version) == ("smppclient1", "password", 0x34)
    assert bound.system_id == "SMPPSim"
    assert (submit.service_type, submit.destination_addr, submit.esm_class) == ("CMT", "13105550120", 64)
    assert submit.short_message == b"a=b,\nnext, cmd_id"
    assert (submit.tlvs[0].tag, submit.tlvs[0].as_int) == (0x0204, 7)
    assert (refusal.command_status, refusal.sequence_number) == (0x58, 2)
    assert [e.sender for e in seen] == [Side.ESME, Side.SMSC, Side.ESME, Side.SMSC]
    assert [e.at_ns for e in seen] == sorted({e.at_ns for e in seen})
    assert [part.position.number for part in unreadable] == [7]


def test_mo_csv():
    seen, unreadable = read(read_mo_csv, CSV)
    texts = [e.pdu for e in seen if isinstance(e.pdu, p.DeliverSm)]
    assert [(t.short_message, t.data_coding) for t in texts] == [
        (b"A test, with a comma", 0),
        (b"12", 4),
        (b"0xZZ", 0),
    ]
    assert (texts[0].source_addr, texts[0].destination_addr) == ("07711878787", "1000")
    assert [part.position.number for part in unreadable] == [3]


def recorded(tmp_path: Path, frames, **options) -> bytes:
    """The frames as our own recorder writes them."""
    taps, now = [], [10**18]
    recorder = Recorder(tmp_path, lambda: now[0], taps.append, lambda carrier: Endpoint("127.0.0.1", 2775))
    capture = recorder.start("one", **options)
    for direction, frame in frames:
        taps[0]("c", "c-1", direction, frame, None, 0.0)
        now[0] += 10**9
    recorder.close()
    return capture.files[0].read_bytes()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), pdus()), min_size=1, max_size=8))
def test_what_we_record_is_what_we_read(tmp_path_factory, talk):
    frames = [
        (Direction.OUT if out else Direction.IN, encode(pdu, n)) for n, (out, pdu) in enumerate(talk, 1)
    ]
    data = recorded(tmp_path_factory.mktemp("capture"), frames, format=CaptureFormat.JSONL)
    seen, unreadable = read(read_jsonl, data)
    assert not unreadable
    assert [encode(e.pdu) for e in seen] == [frame for _, frame in frames]
    assert [e.sender is Side.ESME for e in seen] == [out for out, _ in talk]


CAPTURES = {
    "kannel": KANNEL.encode(),
    "jasmin": JASMIN.encode(),
    "smppsim": SMPPSIM.encode(),
    "csv": CSV.encode(),
    "pcap": pcap_file(conversation([(True, encode(p.EnquireLink(), 1))])),
    "jsonl": json.dumps(
        {"at": "2026-01-31T12:00:00Z", "link": "a", "direction": "out", "frame": "00"}
    ).encode(),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", CAPTURES)
def test_formats_are_recognised_by_content(name, zipped, tmp_path):
    file = tmp_path / "whatever.bin"
    file.write_bytes(gzip.compress(CAPTURES[name]) if zipped else CAPTURES[name])
    with open_trace(file) as (found, trace, share):
        assert found.name == name
        assert list(trace)
        assert share() == 1.0


@pytest.mark.parametrize("data", [b"", b"hello world\n", b"\x1f\x8b", b"\x7fELF" + bytes(100)])
def test_anything_else_is_refused_with_what_we_read(data, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_bytes(data)
    with pytest.raises(FormatUnknown, match="Kannel access log"), open_trace(file):
        pass


def test_a_torn_gzip_keeps_what_came_before(tmp_path):
    file = tmp_path / "access.log.gz"
    file.write_bytes(gzip.compress((KANNEL * 2_000).encode())[:-2_000])
    with open_trace(file) as (_, trace, _share):
        events = list(trace)
    assert sum(isinstance(event, PduCaptured) for event in events) > 100
    assert "torn" in events[-1].reason


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_logs_raise_nothing(data):
    content = bytearray(CAPTURES[data.draw(st.sampled_from([*CAPTURES][:4]))])
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(
            st.binary(max_size=8)
            | st.sampled_from(
                [
                    b"[msg:",
                    b"] [",
                    b"b'\\x",
                    b"cmd_id=",
                    b"\n",
                    b"[flags:",
                    b"99999999999999999999",
                    "\ud83d".encode("utf-8", "surrogatepass"),
                ]
            )
        )
    for each in FORMATS:
        for event in each.read(io.BytesIO(bytes(content))):
            if isinstance(event, PduCaptured):
                assert decode(encode(event.pdu, 1)) is not None
            elif isinstance(event, PartUnreadable):
                assert isinstance(event.position, Position)


@given(st.binary(max_size=300))
def test_noise_is_of_no_format_or_read_without_a_fault(noise):
    try:
        found = recognise("noise", noise)
    except FormatUnknown:
        return
    list(found.read(io.BytesIO(noise)))


def test_a_kannel_log_without_flags_may_have_asked_for_receipts():
    """Operators choose what a line holds; a text whose receipt stands there has asked for it."""
    log = (
        b"2026-01-31 12:00:00 Sent SMS [SMSC:a] [ACT:x] [FID:aa5] [from:ACME] [to:13105550125] [msg:2:hi] [udh:0:]\n"
        b"2026-01-31 12:00:01 Receive DLR [SMSC:a] [ACT:x] [FID:aa5] [from:ACME] [to:13105550125] "
        b"[msg:22:id:17 stat:DELIVRD err:0] [udh:0:]\n"
    )
    found = [event.pdu for event in read_kannel(io.BytesIO(log)) if isinstance(event, PduCaptured)]
    assert [pdu.registered_delivery for pdu in found if isinstance(pdu, p.SubmitSm)] == [1]
    steps = list(Correlator().steps(read_kannel(io.BytesIO(log))))
    assert [step.about for step in steps if isinstance(step, RequestStep) and step.receipt] == [1]
