"""tshark reads a capture of our traffic: no malformed PDU, and agreement on every field of every PDU."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from gateway.replay.pcap import Endpoint, PcapWriter
from gateway.smpp import pdu as pdus
from gateway.smpp.aio import SmppHandler, connect
from gateway.smpp.constants import CommandId
from gateway.smpp.fields import DistributionList, SmeAddress, UnsuccessfulDelivery
from gateway.smpp.pdu import decode, encode, response_to
from gateway.smpp.segment import Concatenation, segment_text
from gateway.smpp.session import Direction
from gateway.smpp.times import epoch_ns, parse_time
from gateway.smpp.tlv import Tlv
from gateway.testing.carriers import running_carrier

pytestmark = pytest.mark.system("tshark")

PORT = 2775
AT = 1_790_000_000_000_000_000
ADDRESSES = {"source_addr": "12025550190", "source_addr_ton": 1, "source_addr_npi": 1}
DESTINATION = {"destination_addr": "13105550120", "dest_addr_ton": 1, "dest_addr_npi": 1}
FULL = {
    "service_type": "WAP",
    "esm_class": 0x43,
    "protocol_id": 0x7F,
    "priority_flag": 3,
    "schedule_delivery_time": "260131120000004+",
    "validity_period": "000001020304000R",
    "registered_delivery": 0x1D,
    "replace_if_present_flag": 1,
    "data_coding": 8,
    "sm_default_msg_id": 9,
}
BIND = {"system_id": "guest", "password": "secret", "system_type": "VMA", "interface_version": 0x34,
    "addr_ton": 1, "addr_npi": 1, "address_range": "1202.*"}  # fmt: skip
PAYLOAD = Tlv(0x0424, b"data")
LONG = segment_text("日本語 " * 40, 0x1234, Concatenation.UDH16)[0]
ALL_TLVS = (
    Tlv(0x0204, b"\0\7"),
    Tlv(0x020C, b"\x12\x34"),
    Tlv(0x020E, b"\2"),
    Tlv(0x020F, b"\1"),
    Tlv(0x1401, b"\xff"),
)

CRAFTED = [
    *(bind(**BIND) for bind in (pdus.BindTransmitter, pdus.BindReceiver, pdus.BindTransceiver)),
    pdus.BindTransmitterResp(system_id="SMSC", tlvs=(Tlv(0x0210, b"\x34"),)),
    pdus.BindReceiverResp(command_status=0x0E),
    pdus.BindTransceiverResp(system_id="SMSC"),
    pdus.Outbind(system_id="SMSC", password="pw"),
    pdus.Unbind(),
    pdus.UnbindResp(),
    pdus.SubmitSm(**ADDRESSES, **DESTINATION, short_message=b"hello"),
    pdus.SubmitSm(**ADDRESSES, **DESTINATION, **FULL, short_message=LONG.short_message, tlvs=ALL_TLVS),
    pdus.SubmitSm(**ADDRESSES, **DESTINATION, tlvs=(Tlv(0x0424, b"p" * 700),)),
    pdus.SubmitSmResp(message_id="0123456789ABCDEF"),
    pdus.SubmitSmResp(command_status=0x58),
    pdus.SubmitSmResp(command_status=0x401),
    pdus.SubmitMulti(
        **ADDRESSES,
        dest_addresses=(SmeAddress(1, 1, "13105550120"), DistributionList("staff")),
        short_message=b"all",
    ),
    pdus.SubmitMultiResp(message_id="77", unsuccess_smes=(UnsuccessfulDelivery(1, 1, "13105550121", 0x0B),)),
    pdus.DeliverSm(
        **ADDRESSES,
        **DESTINATION,
        esm_class=4,
        short_message=b"id:1 stat:DELIVRD",
        tlvs=(Tlv(0x001E, b"1\0"), Tlv(0x0427, b"\2"), Tlv(0x0423, b"\3\0\1")),
    ),
    pdus.DeliverSmResp(),
    pdus.DataSm(
        **ADDRESSES, **DESTINATION, esm_class=1, registered_delivery=1, data_coding=4, tlvs=(PAYLOAD,)
    ),
    pdus.DataSmResp(message_id="abc"),
    pdus.QuerySm(message_id="5", **ADDRESSES),
    pdus.QuerySmResp(message_id="5", final_date="260131120000020-", message_state=2, error_code=3),
    pdus.CancelSm(service_type="CMT", message_id="5", **ADDRESSES, **DESTINATION),
    pdus.CancelSmResp(command_status=0x11),
    pdus.ReplaceSm(
        message_id="5", **ADDRESSES, registered_delivery=1, sm_default_msg_id=2, short_message=b"new"
    ),
    pdus.ReplaceSmResp(),
    pdus.EnquireLink(),
    pdus.EnquireLinkResp(),
    pdus.AlertNotification(**ADDRESSES, esme_addr_ton=1, esme_addr_npi=1, esme_addr="99"),
    pdus.GenericNack(command_status=3),
]  # fmt: skip

TIMES = ("schedule_delivery_time", "validity_period", "final_date")
ESM = {"msg_mode": (0x03, 0), "msg_type": (0x3C, 2), "features": (0xC0, 6)}
REGISTERED = {"receipt": (0x03, 0), "acks": (0x0C, 2), "notif": (0x10, 4)}


async def read_by_tshark(tshark, path):
    process = await asyncio.create_subprocess_exec(
        tshark, "-r", str(path), "-d", f"tcp.port=={PORT},smpp", "-T", "json", "--no-duplicate-keys",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return [packet["_source"]["layers"] for packet in json.loads(out)]


def all_values(tree, key):
    """Every value of a key, at any depth, as strings."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == key:
                yield from map(str, value if isinstance(value, list) else [value])
            else:
                yield from all_values(value, key)
    elif isinstance(tree, list):
        for item in tree:
            yield from all_values(item, key)


def octets(value):
    return bytes.fromhex(value.replace(":", "")) if value else b""


def check_time(name, written, seen):
    if written.endswith("R"):
        assert float(seen[f"smpp.{name}_r"]) == parse_time(written, 0) / 1e9
        return
    shown = datetime.strptime(seen[f"smpp.{name}"].split(".")[0], "%b %d, %Y %H:%M:%S").replace(tzinfo=UTC)
    assert epoch_ns(shown) == parse_time(written, 0)


def check_bits(seen, value, names):
    for name, (mask, shift) in names.items():
        assert int(seen[name], 0) == (value & mask) >> shift


def check(pdu, frame, seen):
    """Compare every field of one PDU with what tshark shows."""
    assert int(seen["smpp.command_length"], 0) == len(frame)
    assert int(seen["smpp.command_id"], 0) == pdu.command_id
    assert int(seen["smpp.sequence_number"], 0) == pdu.sequence_number
    if pdu.is_response:
        assert int(seen["smpp.command_status"], 0) == pdu.command_status
    if len(frame) == 16:
        return
    for spec in pdu.grammar:
        name, value = spec.name, getattr(pdu, spec.name)
        if name in TIMES:
            if value:
                check_time(name, value, seen)
        elif name == "esm_class":
            check_bits(seen, value, {f"smpp.esm.submit.{part}": bits for part, bits in ESM.items()})
        elif name == "registered_delivery":
            check_bits(seen, value, {f"smpp.regdel.{part}": bits for part, bits in REGISTERED.items()})
        elif name == "short_message":
            assert int(seen["smpp.sm_length"], 0) == len(value)
            assert octets(seen.get("smpp.message", "")) == value
        elif name == "dest_addresses":
            assert list(all_values(seen, "smpp.destination_addr")) == [
                a.address for a in value if len(a) == 3
            ]
            assert list(all_values(seen, "smpp.dl_name")) == [a.name for a in value if len(a) == 1]
        elif name == "unsuccess_smes":
            assert list(all_values(seen, "smpp.destination_addr")) == [one.address for one in value]
            errors = [int(one, 0) for one in all_values(seen, "smpp.error_status_code")]
            assert errors == [one.error_status for one in value]
        elif isinstance(value, str):
            shown = seen.get(f"smpp.{name}", "")
            assert ("" if shown == "(Default)" else shown) == value, name
        elif name == "interface_version" or f"smpp.{name}" in seen:
            assert int(seen[f"smpp.{name}"], 0) == value, name
        else:
            pytest.fail(f"tshark does not show {name}")
    tags = [int(tag, 0) for tag in all_values(seen, "smpp.opt_param_tag")]
    lengths = [int(length, 0) for length in all_values(seen, "smpp.opt_param_len")]
    assert list(zip(tags, lengths, strict=True)) == [(one.tag, len(one.value)) for one in pdu.tlvs]


def check_capture(packets, frames):
    assert not list(all_values(packets, "_ws.malformed"))
    assert not list(all_values(packets, "tcp.analysis.flags"))
    shown = [layers["smpp"] for layers in packets if "smpp" in layers]
    assert len(shown) == len(frames)
    for frame, seen in zip(frames, shown, strict=True):
        check(decode(frame), frame, seen)


async def test_every_pdu_there_is(tmp_path, tool):
    assert {pdu.command_id for pdu in CRAFTED} == set(CommandId)
    frames = [encode(pdu, number) for number, pdu in enumerate(CRAFTED, 1)]
    with (tmp_path / "crafted.pcap").open("wb") as stream:
        flow = PcapWriter(stream).flow(Endpoint("127.0.0.1", 40_000), Endpoint("127.0.0.1", PORT), AT)
        for number, frame in enumerate(frames):
            flow.write(frame, AT + number, from_client=True)
        flow.close(AT + len(frames))
    check_capture(await read_by_tshark(tool("tshark"), tmp_path / "crafted.pcap"), frames)


class Answering(SmppHandler):
    def __init__(self):
        self.received = 0
        self.all_here = asyncio.Event()

    def on_request(self, connection, pdu):
        self.received += 1
        if self.received == 9:
            self.all_here.set()
        return response_to(pdu)


async def test_a_session_with_a_carrier(tmp_path, tool):
    frames, handler = [], Answering()
    with (tmp_path / "session.pcap").open("wb") as stream:
        flow = PcapWriter(stream).flow(Endpoint("::1", 40_000), Endpoint("::1", PORT), AT)

        def tap(direction, frame, pdu, now):
            frames.append(frame)
            flow.write(frame, AT + len(frames), from_client=direction is Direction.OUT)

        async with running_carrier("tmobile", receipt_latency={"seconds": 0.05}) as carrier:
            bind = pdus.BindTransceiver(system_id="guest", password="guest", interface_version=0x34)
            esme = await connect("127.0.0.1", carrier.port, bind=bind, handler=handler, tap=tap)
            for text in ("short", "A text that is long enough for two. " * 6, "日本語"):
                for segment in segment_text(text, 7):
                    submit = pdus.SubmitSm(
                        **ADDRESSES,
                        **DESTINATION,
                        registered_delivery=1,
                        esm_class=segment.esm_class,
                        data_coding=segment.data_coding,
                        short_message=segment.short_message,
                    )
                    assert (await esme.submit(submit)).command_status == 0
            carrier.inject("+13105550124", "+12025550190", "", ["photo.jpg"])
            async with asyncio.timeout(10):
                await handler.all_here.wait()  # four receipts, four segments of replies, one notification
            await esme.unbind()
        flow.close(AT + len(frames) + 1)
    packets = await read_by_tshark(tool("tshark"), tmp_path / "session.pcap")
    check_capture(packets, frames)
    assert len(frames) > 25
