"""Our own captures as JSONL (`gateway.replay.recorder`), read as a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from gateway.replay.logs import PduMaker, lines, read_time
from gateway.replay.trace import PartUnreadable, PduCaptured, Side, TraceEvent
from gateway.smpp.errors import SmppError
from gateway.smpp.pdu import decode
from gateway.smpp.session import Direction


def read_jsonl(stream: BinaryIO) -> Iterator[TraceEvent]:
    """One frame a line; each link is a conversation, of which the recording gateway was the ESME."""
    maker = PduMaker()
    for position, line in lines(stream):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if "verdict" in record and "frame" not in record:
                continue  # what the gateway itself decided: no PDU
            at_ns = read_time(record["at"])
            sender = Side.ESME if Direction(record["direction"]) is Direction.OUT else Side.SMSC
            pdu = decode(bytes.fromhex(record["frame"]))
            link = str(record["link"])
        except SmppError as error:
            yield PartUnreadable(position, str(error))
            continue
        except (ValueError, KeyError, TypeError, RecursionError):
            yield PartUnreadable(position, "no line of a JSONL capture")
            continue
        if at_ns is None:
            yield PartUnreadable(position, "no time")
            continue
        yield from maker.conversation(link, at_ns)
        yield PduCaptured(at_ns, maker.number(link), sender, pdu, position)
