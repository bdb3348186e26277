"""Jasmin's messages.log.

`2026-01-31 12:00:00 INFO 1 SMS-MT [cid:a] [queue-msgid:q] [smpp-msgid:4f] [status:ESME_ROK] [prio:0]
[dlr:SMSC_DELIVERY_RECEIPT_REQUESTED] [validity:none] [from:1] [to:2] [content:b'hello']`, with `DLR` and
`SMS-MO` lines beside it. Values are bare or, since Jasmin runs on Python 3, written as Python bytes. Content
hidden for privacy becomes as many asterisks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from gateway.replay.logs import PduMaker, bracketed, encoded, lines, printable, read_time
from gateway.replay.remembered import Awaited
from gateway.replay.trace import PartUnreadable, Position, TraceEvent
from gateway.smpp.constants import CommandStatus, MessageState
from gateway.smpp.receipt import NotAReceipt, read_receipt

LINE: Final = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})?).*? (?P<event>SMS-MT|SMS-MO|DLR) (?=\[cid:)"
)
_KEYS: Final = re.compile(
    r"(?:(?<=\] )|(?<=SMS-M[TO] )|(?<=DLR ))\[(cid|queue-msgid|smpp-msgid|status|stat|retry"
    r"|prio|dlr|validity|i-?status|from|to|content|tlvs|submit date|done date|sdate|ddate|sub|dlvrd|err"
    r"|(?:sub/dlvrd|submitted/delivered) messages):"
)
_HIDDEN: Final = re.compile(r"\*\* (\d{1,5}) byte content \*\*")
_STATUSES: Final = {f"ESME_{status.name}": int(status) for status in CommandStatus}


def read_jasmin(stream: BinaryIO) -> Iterator[TraceEvent]:
    """The log as a trace; each connector (cid) is a conversation."""
    maker = PduMaker()
    submits: _Submits = Awaited()
    for position, line in lines(stream):
        if not line.strip():
            continue
        match = LINE.search(line)
        at_ns = read_time(match["at"]) if match is not None else None
        if match is None or at_ns is None:
            yield PartUnreadable(position, "no line of a messages.log")
            continue
        fields = bracketed(line[match.start() :], _KEYS)
        try:
            yield from _EVENTS[match["event"]](maker, fields, at_ns, position, submits)
        except ValueError as error:
            yield PartUnreadable(position, str(error))


_Submits = Awaited[str, tuple[str, str, str, int]]


def _outbound(
    maker: PduMaker, fields: dict[str, str], at_ns: int, position: Position, submits: _Submits
) -> Iterator[TraceEvent]:
    source, destination = _plain(fields.get("from", "")), _plain(fields.get("to", ""))
    data_coding, octets = _content(fields.get("content", ""))
    message_id = _plain(fields.get("smpp-msgid", ""))
    status = _status(fields.get("status", ""))
    for known in {message_id, fields.get("queue-msgid", "")} - {""}:
        submits.add(known, (message_id, source, destination, at_ns))
    yield from maker.submit(
        fields.get("cid") or "jasmin", at_ns, position, source=source, destination=destination,
        data_coding=data_coding, octets=octets, status=status, message_id=message_id,
        receipt="NO_" not in fields.get("dlr", "NO_"),
    )  # fmt: skip


def _inbound(
    maker: PduMaker, fields: dict[str, str], at_ns: int, position: Position, submits: _Submits
) -> Iterator[TraceEvent]:
    del submits
    data_coding, octets = _content(fields.get("content", ""))
    yield from maker.deliver(
        fields.get("cid") or "jasmin", at_ns, position, source=_plain(fields.get("from", "")),
        destination=_plain(fields.get("to", "")), data_coding=data_coding, octets=octets,
        status=_status(fields.get("i-status") or fields.get("istatus") or "ESME_ROK"),
    )  # fmt: skip


def _receipt(
    maker: PduMaker, fields: dict[str, str], at_ns: int, position: Position, submits: _Submits
) -> Iterator[TraceEvent]:
    named = _plain(fields.get("smpp-msgid", ""))
    if not named:
        raise ValueError("a DLR without a message id")
    message_id, source, destination, submitted_ns = submits.get(named) or (named, "", "", at_ns)
    submits.settle(named)
    word = _plain(fields.get("status") or fields.get("stat") or "")
    try:
        state = read_receipt(f"id:1 stat:{word}".encode("latin-1", "replace")).state
    except NotAReceipt:
        state = MessageState.UNKNOWN
    error = _plain(fields.get("err", ""))
    yield from maker.receipt(
        fields.get("cid") or "jasmin", at_ns, position, source=destination, destination=source,
        message_id=message_id or named, state=state, submitted_ns=submitted_ns,
        error=int(error) if error.isdecimal() and len(error) < 6 else 0,
    )  # fmt: skip


_EVENTS: Final = {"SMS-MT": _outbound, "SMS-MO": _inbound, "DLR": _receipt}


def _status(written: str) -> int:
    name = re.search(r"ESME_\w+", written)
    if name is None:
        return 0 if written.rpartition(".")[2] in ("", "None") else int(CommandStatus.RUNKNOWNERR)
    return _STATUSES.get(name[0], int(CommandStatus.RUNKNOWNERR))


def _literal(written: str) -> bytes | str:
    """A Python literal of text or octets as what it stands for; anything else as it is."""
    if re.match(r"b?['\"]", written):
        try:
            value = ast.literal_eval(written)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return written
        if isinstance(value, bytes | str):
            return value
    return written


def _plain(written: str) -> str:
    value = _literal(written.strip())
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _content(written: str) -> tuple[int, bytes]:
    """data_coding and octets; the log does not say the coding, so UTF-16 is known by its zeros."""
    hidden = _HIDDEN.fullmatch(written)
    if hidden is not None:
        return 0, b"*" * int(hidden[1])
    value = _literal(written)
    if isinstance(value, str):
        return encoded(printable(value))
    if value.isascii() and 0 not in value:
        return 0, value
    high = value[::2]
    wide = not len(value) % 2 and (high.count(0) * 2 >= len(high) or len(set(high)) * 4 <= len(high))
    return (8 if wide else 3), value
