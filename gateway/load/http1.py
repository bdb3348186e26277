"""A keep-alive HTTP/1.1 connection for load: one request outstanding, no task, no timer, no copy of the body.

A tenth of the price of a general client: what is sent is octets made elsewhere, what comes is a status and a
body. The head is read by the reader of `gateway.messages.webhooks.wire` (RFC 9112).
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from gateway.messages.webhooks.wire import MAX_HEAD_BYTES, ResponseInvalid, read_head

MAX_BODY_BYTES: Final = 4 * 1024 * 1024

OnResponse = Callable[["HttpConnection", int, bytes], None]
"""(connection, status, body)."""
OnLost = Callable[["HttpConnection"], None]


class HttpConnection(asyncio.Protocol):
    """One connection. `busy` while a request is unanswered; `usable` until it is closed."""

    def __init__(self, on_response: OnResponse, on_lost: OnLost) -> None:
        self.busy = False
        self.usable = False
        self._on_response = on_response
        self._on_lost = on_lost
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    @property
    def begun(self) -> bool:
        """Whether octets of an unfinished answer have come."""
        return bool(self._buffer)

    def request(self, octets: bytes) -> None:
        """Send a whole request. The connection must not be busy."""
        self.busy = True
        if self._transport is not None:
            self._transport.write(octets)

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self.usable = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; a body without a length is complete now."""
        del exc
        self.usable = False
        self._transport = None
        if self.busy and self._buffer:
            self._read(at_end=True)
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Read an answer."""
        self._buffer = self._buffer + data if self._buffer else data
        self._read(at_end=False)

    def _read(self, *, at_end: bool) -> None:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > MAX_HEAD_BYTES:
                self.abort()
            return
        try:
            head = read_head(buffer[:end])
            found = _body(buffer, end + 4, head.part.value, head.length, at_end=at_end)
        except ResponseInvalid:
            self.abort()
            return
        if found is None:
            if len(buffer) > MAX_BODY_BYTES:
                self.abort()
            return
        body, after = found
        self._buffer = buffer[after:]
        if head.status < 200:  # an interim answer (RFC 9110 §15.2)
            if self._buffer:
                self._read(at_end=at_end)
            return
        if not self.busy or self._buffer:
            self.abort()  # answered what nobody asked
            return
        self.busy = False
        if not head.keep_alive:
            self.usable = False
            self.abort()
        self._on_response(self, head.status, body)


def _body(buffer: bytes, start: int, part: str, length: int, *, at_end: bool) -> tuple[bytes, int] | None:
    """Return a body and where it ends, None while it is incomplete. Raises `ResponseInvalid`."""
    if part == "fixed":
        return (buffer[start : start + length], start + length) if len(buffer) >= start + length else None
    if part == "to the end":
        return (buffer[start:], len(buffer)) if at_end else None
    return _chunks(buffer, start)


def _chunks(buffer: bytes, at: int) -> tuple[bytes, int] | None:
    """Read a chunked body (RFC 9112 §7.1)."""
    body: list[bytes] = []
    while (end := buffer.find(b"\r\n", at)) >= 0:
        try:
            size = int(buffer[at:end].partition(b";")[0], 16)
        except ValueError:
            raise ResponseInvalid("a chunk of the answer has no size") from None
        if size < 0:
            raise ResponseInvalid("a chunk of the answer has no size")
        at = end + 2
        if not size:
            closing = buffer.find(b"\r\n", at)
            while closing > at:  # trailers
                at = closing + 2
                closing = buffer.find(b"\r\n", at)
            return (b"".join(body), closing + 2) if closing >= 0 else None
        if len(buffer) < at + size + 2:
            return None
        body.append(buffer[at : at + size])
        at += size + 2
    return None


def request_octets(
    method: str, path: str, authority: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()
) -> bytes:
    """Write a whole request."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
    length = f"Content-Length: {len(body)}\r\n" if body or method != "GET" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {authority}\r\n{fields}{length}\r\n".encode() + body
