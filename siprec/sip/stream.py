"""SIP over a byte stream: messages framed by Content-Length, split and joined anywhere (RFC 3261 §18.3, RFC
5626).
"""

from dataclasses import dataclass

from siprec.sip.errors import MessageTooLargeError, ParseError
from siprec.sip.message import Message
from siprec.sip.parse import (
    DEFAULT_RULES,
    ParseRules,
    blame,
    content_length,
    find_head_end,
    parse_head,
)


@dataclass(frozen=True, slots=True)
class PingReceived:
    """The peer sent the CRLF CRLF keep-alive of RFC 5626 §3.5.1; it wants one CRLF back."""


Item = Message | PingReceived | ParseError


class StreamParser:
    """Cuts one direction of a connection into messages.

    A message that is framed well and faulty otherwise is skipped and reported; once framing itself is lost,
    `broken` is true, nothing more is read and the connection must be closed.
    """

    __slots__ = ("_body_bytes", "_buffer", "_head", "_rules", "_scanned", "broken")

    def __init__(self, rules: ParseRules = DEFAULT_RULES) -> None:
        self._rules = rules
        self._buffer = bytearray()
        self._scanned = 0
        self._head: Message | ParseError | None = None
        self._body_bytes = 0
        self.broken = False

    @property
    def pending(self) -> bool:
        """Whether an unfinished message is waiting for more bytes."""
        return self._head is not None or bool(self._buffer and self._buffer[0] not in b"\r\n")

    def receive_data(self, data: bytes) -> list[Item]:
        """Take bytes; return the messages, pings and faults they complete, in order. Never raises."""
        if self.broken:
            return []
        self._buffer += data
        found: list[Item] = []
        while not self.broken and (item := self._take()) is not None:
            found.append(item)
        return found

    def _take(self) -> Item | None:
        if self._head is None:
            if self._take_line_ends():
                return PingReceived()
            try:
                if not self._take_head():
                    return None
            except ParseError as error:
                self.broken = True
                self._buffer.clear()
                return error
        return self._take_body()

    def _take_line_ends(self) -> bool:
        """Drop CR and LF between messages; tell whether they were a ping."""
        buffer = self._buffer
        while buffer and buffer[0] in b"\r\n":
            if buffer.startswith(b"\r\n\r\n"):
                del buffer[:4]
                return True
            if b"\r\n\r\n".startswith(buffer):
                return False
            del buffer[:1]
        return False

    def _take_head(self) -> bool:
        buffer = self._buffer
        if not buffer or buffer[0] in b"\r\n":
            return False
        end, gap = find_head_end(buffer, max(0, self._scanned - 3))
        if end < 0:
            self._scanned = len(buffer)
            if len(buffer) > self._rules.max_head_bytes:
                raise MessageTooLargeError("head in bytes", self._rules.max_head_bytes)
            return False
        head = bytes(buffer[:end])
        del buffer[: end + gap]
        self._scanned = 0
        self._parse(head)
        return True

    def _parse(self, head: bytes) -> None:
        try:
            self._head = parse_head(head, self._rules)
            self._body_bytes = self._length_of(self._head)
        except ParseError as error:
            if error.headers is None:
                raise
            try:
                self._body_bytes = content_length(Message(error.headers), self._rules) or 0
            except ParseError:
                raise error from None
            self._head = error

    def _length_of(self, message: Message) -> int:
        """The size of a body; one that is there without a size ends the framing (§20.14)."""
        length = content_length(message, self._rules)
        if length is None and "content-type" in message.headers:
            raise blame(message, ParseError("Content-Length", "missing, and needed on a stream"))
        return length or 0

    def _take_body(self) -> Message | ParseError | None:
        item, size = self._head, self._body_bytes
        if item is None or len(self._buffer) < size:
            return None
        if isinstance(item, Message):
            item.body = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._head = None
        return item
