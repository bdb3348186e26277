"""SMPPSim: its decoded captures, and the CSV of inbound texts its MO service sends.

A decoded capture holds one PDU a line, `cmd_len=60,cmd_id=4,cmd_status=0,seq_no=2,service_type=,…,
short_message=hello,tag=5,len=1,value=0x01`; line ends inside a text go on in the next line. Neither file has
times: events are spaced evenly. A CSV line is `source,destination,text`, octets as `0x…`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from gateway.replay.logs import (
    SPACING_NS,
    TIMELESS_START_NS,
    PduMaker,
    encoded,
    lines,
    printable,
)
from gateway.replay.trace import PartUnreadable, PduCaptured, Position, Side, TraceEvent
from gateway.smpp.constants import RESPONSE_BIT, CommandId
from gateway.smpp.errors import FieldInvalid
from gateway.smpp.fields import Kind
from gateway.smpp.pdu import CLASSES, Pdu, decode, encode
from gateway.smpp.tlv import Tlv

HEADER: Final = re.compile(
    r"cmd_len=(-?\d{1,10}),\s*cmd_id=(-?\d{1,11}),\s*cmd_status=(-?\d{1,11}),\s*seq_no=(-?\d{1,11})"
)
CSV_LINE: Final = re.compile(r"\s*(\+?\d{3,20}),(\+?[\w ]{1,20}),(.*)", re.DOTALL)
_NAMES: Final = {
    "dest_addr": "destination_addr",
    "protocol_ID": "protocol_id",
    "registered_delivery_flag": "registered_delivery",
}
_KEY: Final = re.compile(
    r"(?:^|[,\s])\s*(system_id|password|system_type|interface_version|addr_ton|addr_npi|address_range|service_type"
    r"|source_addr(?:_ton|_npi)?|dest_addr(?:_ton|_npi)?|destination_addr|esm_class|protocol_I[Dd]|priority_flag"
    r"|schedule_delivery_time|validity_period|registered_delivery(?:_flag)?|replace_if_present_flag|data_coding"
    r"|sm_default_msg_id|sm_length|short_message|message_id|final_date|message_state|error_code)="
)
_TLV: Final = re.compile(r",tag=(-?\d{1,6}),len=(-?\d{1,6}),value=0x([0-9A-Fa-f]*)")
_FROM_SMSC: Final = frozenset(
    {CommandId.DELIVER_SM, CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION}
    | {int(c) for c in CommandId if c >= RESPONSE_BIT} - {CommandId.DELIVER_SM_RESP}
)
_MAX_TEXT: Final = 65_000


def read_smppsim(stream: BinaryIO) -> Iterator[TraceEvent]:
    """A decoded capture as a trace of one conversation."""
    maker, count = PduMaker(), 0
    for position, record in _records(stream):
        at_ns = TIMELESS_START_NS + count * SPACING_NS
        header = HEADER.search(record)
        if header is None:
            yield PartUnreadable(position, "no PDU of a decoded capture")
            continue
        pdu = _pdu(header, record[header.end() :])
        if isinstance(pdu, str):
            yield PartUnreadable(position, pdu)
            continue
        count += 1
        yield from maker.conversation("smppsim", at_ns)
        sender = Side.SMSC if pdu.command_id in _FROM_SMSC else Side.ESME
        yield PduCaptured(at_ns, maker.number("smppsim"), sender, pdu, position)


def read_mo_csv(stream: BinaryIO) -> Iterator[TraceEvent]:
    """The CSV as a trace of inbound texts."""
    maker, count = PduMaker(), 0
    for position, line in lines(stream):
        if not line.strip():
            continue
        match = CSV_LINE.fullmatch(line)
        if match is None:
            yield PartUnreadable(position, "expected source,destination,text")
            continue
        data_coding, octets = _csv_text(match[3])
        yield from maker.deliver(
            "smppsim", TIMELESS_START_NS + count * SPACING_NS, position, source=match[1],
            destination=match[2].strip(), data_coding=data_coding, octets=octets,
        )  # fmt: skip
        count += 1


def _csv_text(text: str) -> tuple[int, bytes]:
    if text.startswith("0x"):
        try:
            return 4, bytes.fromhex(text[2:].strip())
        except ValueError:
            pass
    return encoded(printable(text))


def _records(stream: BinaryIO) -> Iterator[tuple[Position, str]]:
    """Lines, with those that go on inside a text joined to the one before."""
    at: Position | None = None
    record = ""
    for position, line in lines(stream):
        if at is None or HEADER.search(line):
            if at is not None and record.strip():
                yield at, record
            at, record = position, line
        elif len(record) < _MAX_TEXT:
            record += "\n" + line
    if at is not None and record.strip():
        yield at, record


def _pdu(header: re.Match[str], body: str) -> Pdu | str:
    """The PDU a record describes, or why it cannot be one."""
    command_id, status, sequence = (int(value) & 0xFFFF_FFFF for value in header.groups()[1:])
    pdu_class: Any = CLASSES.get(command_id)
    if pdu_class is None:
        return f"command_id 0x{command_id:08X} is unknown"
    fields = _fields(body)
    values: dict[str, Any] = {}
    for spec in pdu_class.grammar:
        written = fields.get(spec.name)
        if written is None:
            continue
        if spec.kind is Kind.INTEGER:
            values[spec.name] = int(written) & 0xFF if re.fullmatch(r"\s*-?\d{1,4}\s*", written) else 0
        elif spec.name == "short_message":
            values[spec.name] = written.rstrip("\n").encode("latin-1", "replace")
        elif spec.kind is Kind.CSTRING:
            values[spec.name] = written.strip().strip("'\0")
    if pdu_class.has_body:
        values["tlvs"] = _tlvs(body)
    try:
        return decode(encode(pdu_class(command_status=status, **values), sequence))
    except (FieldInvalid, ValueError) as error:
        return str(error)


def _fields(body: str) -> dict[str, str]:
    found: dict[str, str] = {}
    matches = list(_KEY.finditer(body))
    for index, match in enumerate(matches):
        if match[1] == "short_message":
            tlv = _TLV.search(body, match.end())
            found[match[1]] = body[match.end() : tlv.start() if tlv else len(body)]
            break
        end = matches[index + 1].start() if index + 1 < len(matches) else len(body)
        value = body[match.end() : end]
        found.setdefault(_NAMES.get(match[1], match[1]), "" if value == "null" else value)
    return found


def _tlvs(body: str) -> tuple[Tlv, ...]:
    return tuple(
        Tlv(int(tag) & 0xFFFF, bytes.fromhex(value))
        for tag, _, value in _TLV.findall(body)
        if not len(value) % 2
    )
