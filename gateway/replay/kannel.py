"""Kannel's access log (bearerbox), in its default format.

`2026-01-31 12:00:00 Sent SMS [SMSC:a] [SVC:b] [ACT:] [BINF:] [FID:4f] [META:] [from:1] [to:2]
[flags:-1:0:-1:0:31] [msg:5:hello] [udh:0:]`. The flags are message class, coding (0 septets, 1 octets, 2
UCS-2), mwi, compression and DLR mask; octets and UCS-2 are written in hex. The log holds no wire status: a
text that failed is taken as answered with ESME_RSUBMITFAIL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from gateway.replay.logs import PduMaker, bracketed, encoded, lines, printable, read_time
from gateway.replay.trace import PartUnreadable, Position, TraceEvent
from gateway.smpp.constants import CommandStatus, EsmClass, MessageState
from gateway.smpp.receipt import NotAReceipt, read_receipt

LINE: Final = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? (?P<event>[A-Za-z][A-Za-z -]*?) "
    r"\[(?:SMSC|SVC|ACT|ID|FID|from):"
)
_KEYS: Final = re.compile(
    r"(?:(?<=\] )|(?<=[A-Za-z] ))\[(SMSC|SVC|ACT|BINF|ID|FID|META|LOGDATA|from|to|flags|msg|udh):"
)
_MARK: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d Log (begins|ends)")
_UNSENT: Final = frozenset({"FAILED Send SMS", "REJECTED SMS", "DISCARDED SMS", "REROUTE SMS"})
_OF_NO_USE: Final = re.compile(
    r"(FAILED Send|DISCARDED|Sent|REJECTED|TEMPORARY ERROR|.*Retry.*) ?(DLR|Send.*)?$"
)
_MASKS: Final = {
    1: MessageState.DELIVERED,
    2: MessageState.UNDELIVERABLE,
    4: MessageState.ENROUTE,
    34: MessageState.EXPIRED,
}
_OCTETS, _UCS2 = 1, 2


def read_kannel(stream: BinaryIO) -> Iterator[TraceEvent]:
    """The log as a trace; each SMSC it names is a conversation."""
    maker = PduMaker()
    for position, line in lines(stream):
        if not line.strip() or _MARK.search(line):
            continue
        match = LINE.search(line)
        at_ns = read_time(match["at"]) if match is not None else None
        if match is None or at_ns is None:
            yield PartUnreadable(position, "no line of an access log")
            continue
        try:
            yield from _events(
                maker, match["event"], bracketed(line[match.start() :], _KEYS), at_ns, position
            )
        except ValueError as error:
            yield PartUnreadable(position, str(error))


def _events(
    maker: PduMaker, event: str, fields: dict[str, str], at_ns: int, position: Position
) -> Iterator[TraceEvent]:
    link = fields.get("SMSC") or "kannel"
    source, destination = fields.get("from", ""), fields.get("to", "")
    _, coding, mask = _flags(fields.get("flags", ""))
    if event == "Receive DLR":
        yield from _receipt(maker, link, fields, mask, at_ns, position)
        return
    if event not in _UNSENT and event not in ("Sent SMS", "Receive SMS"):
        if _OF_NO_USE.match(event) is None:
            yield PartUnreadable(position, f"event {event!r} is not known")
        return
    data_coding, octets = _text(fields.get("msg", ""), coding)
    header = bytes.fromhex(_counted(fields.get("udh", "")))
    esm_class = int(EsmClass.UDHI) if header else 0
    if event == "Receive SMS":
        yield from maker.deliver(
            link, at_ns, position, source=source, destination=destination, data_coding=data_coding,
            octets=header + octets, esm_class=esm_class,
        )  # fmt: skip
        return
    yield from maker.submit(
        link, at_ns, position, source=source, destination=destination, data_coding=data_coding,
        octets=header + octets, esm_class=esm_class, receipt=mask > 0 or "flags" not in fields,
        status=CommandStatus.RSUBMITFAIL if event in _UNSENT else 0, message_id=fields.get("FID", ""),
    )  # fmt: skip


def _receipt(
    maker: PduMaker, link: str, fields: dict[str, str], mask: int, at_ns: int, position: Position
) -> Iterator[TraceEvent]:
    """The DLR mask says what the receipt is; 8 and 16 are Kannel's own word on the submit's answer."""
    if mask in (8, 16):
        return
    message_id, state, error = fields.get("FID", ""), _MASKS.get(mask), 0
    try:
        read = read_receipt(_counted(fields.get("msg", "")).encode("latin-1", "replace"))
    except NotAReceipt:
        pass
    else:
        message_id, state = message_id or read.message_id, read.state
        error = int(read.error) if read.error and read.error.isdecimal() else 0
    if state is None or not message_id:
        raise ValueError("a DLR without state or message id")
    yield from maker.receipt(
        link, at_ns, position, source=fields.get("to", ""), destination=fields.get("from", ""),
        message_id=message_id, state=state, error=error,
    )  # fmt: skip


def _flags(written: str) -> tuple[int, int, int]:
    """Message class, coding, DLR mask; -1 is Kannel's undefined."""
    values = [int(part) if re.fullmatch(r"-?\d{1,9}", part) else -1 for part in written.split(":")]
    values += [-1] * (5 - len(values))
    return values[0], values[1], values[4]


def _counted(written: str) -> str:
    """The value of `length:value`."""
    size, colon, value = written.partition(":")
    return value if colon and size.isdecimal() else ""


def _text(written: str, coding: int) -> tuple[int, bytes]:
    value = _counted(written)
    if coding in (_OCTETS, _UCS2):
        return (8 if coding == _UCS2 else 4), bytes.fromhex(value)
    return encoded(printable(value))
