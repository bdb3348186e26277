"""The common form of every capture: events in captured time, streamed, whatever the file was.

A reader is an iterator of `TraceEvent`; nothing holds a whole capture, so ten million messages need no more
memory than ten thousand. Events come in the order in which they were captured; their times are nanoseconds
since the epoch and may, as in any capture, step back a little.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from gateway.smpp.frozen import frozen
from gateway.smpp.pdu import Pdu


class Side(StrEnum):
    """Who sent a PDU."""

    ESME = "esme"
    SMSC = "smsc"

    @property
    def other(self) -> Side:
        """The one it was sent to."""
        return Side.SMSC if self is Side.ESME else Side.ESME


class Position(NamedTuple):
    """Where in its file something stands; both count from the beginning, `number` from 1."""

    unit: str
    """`packet`, `block` or `line`."""
    number: int
    octet: int

    def __str__(self) -> str:
        return f"{self.unit} {self.number} (octet {self.octet})"


@frozen
class PduCaptured:
    """One PDU. `conversation` numbers the connection (or the link a log names) it went over, from 1."""

    at_ns: int
    conversation: int
    sender: Side
    pdu: Pdu
    position: Position


@frozen
class ConversationOpened:
    """A connection was seen for the first time; `name` is how the capture calls it."""

    at_ns: int
    conversation: int
    name: str


@frozen
class ConversationClosed:
    """A connection has ended."""

    at_ns: int
    conversation: int


@frozen
class PartUnreadable:
    """Something could not be read; what follows it is read on."""

    position: Position
    reason: str


TraceEvent = PduCaptured | ConversationOpened | ConversationClosed | PartUnreadable
Trace = Iterator[TraceEvent]
