"""The express lane: whole JSON posts to a few hot paths, answered without aiohttp.

Half of what a text costs over HTTP is aiohttp's general machinery. A connection therefore starts here. While
its requests are plain (HTTP/1.1, a POST to an express route, a body of known length), each is read, handled
and answered with one write. The first request that is anything else goes, with the connection, to aiohttp,
which serves it from then on: every rule about odd, broken or hostile HTTP stays in one place, and it is not
this one.

`read_head` is pure; `ExpressConnection` holds the socket.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Final, NamedTuple, cast

from multidict import CIMultiDict, CIMultiDictProxy

MAX_HEAD_BYTES: Final = 4096
"""Longest head that is read here; a longer one is aiohttp's."""
_END: Final = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"POST (/[!-~]*) HTTP/1\.1\Z")
_FIELD = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?[ \t]*\Z"
)
_ONCE = ("content-length", "host", "authorization", "content-type", "trackingid", "idempotency-key")
_NOT_HERE = ("transfer-encoding", "expect", "upgrade", "content-encoding", "te", "trailer")


class Head(NamedTuple):
    """The head of a plain POST: path without query, header fields, length of the body in bytes."""

    path: str
    headers: CIMultiDictProxy[str]
    length: int


class ExpressRequest:
    """What a gate and a handler see of a request: header fields and the peer's address."""

    __slots__ = ("headers", "match_info", "remote")

    def __init__(self, headers: CIMultiDictProxy[str], remote: str) -> None:
        self.headers = headers
        self.remote = remote
        self.match_info: Mapping[str, str] = {}


class ExpressRoute(NamedTuple):
    """An express path's handler and the longest body it takes, bytes."""

    answer: Callable[[ExpressRequest, bytes], Awaitable[bytes]]
    body_limit: int


@lru_cache(maxsize=512)  # a client's heads differ in nothing, or in the length alone
def read_head(head: bytes) -> Head | None:
    """Read a request's head, without the empty line that ends it; None where aiohttp has to look at it.

    Only what needs no thought is read: visible ASCII, no folding, no field twice that may stand once, a
    length in digits, the connection kept open (RFC 9112 §3, §5, §6).
    """
    lines = head.split(b"\r\n")
    target = _REQUEST_LINE.match(lines[0])
    if target is None or not head.isascii():
        return None
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines[1:]:
        field = _FIELD.match(line.decode("ascii"))
        if field is None:
            return None
        headers.add(field[1], field[2] or "")
    if "Host" not in headers or any(name in headers for name in _NOT_HERE):
        return None
    if any(len(headers.getall(name, ())) > 1 for name in _ONCE):
        return None
    if headers.get("Connection", "keep-alive").lower() != "keep-alive":
        return None
    length = headers.get("Content-Length", "")
    if not length.isdigit() or len(length) > 9:
        return None
    return Head(target[1].decode("ascii"), CIMultiDictProxy(headers), int(length))


def serialise(status: int, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """An answer as it goes over the wire; the connection stays open unless a field says so (RFC 9112 §4)."""
    lines = [_status_line(status)]
    lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}\r\n")
    lines.append(_date(int(time())))
    return "".join(lines).encode("utf-8", "replace") + (body or b"")


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}\r\n\r\n"


class ExpressConnection(asyncio.Protocol):
    """One HTTP connection as long as it sends nothing but plain posts to express routes.

    Args:
        routes: The express routes, by path.
        hand_over: Makes aiohttp's protocol for what is not for here.
        max_headers: Most header fields that are read here.
        first_request_timeout_s: Seconds until the first request must have come.
        body_timeout_s: Seconds a body may take; after that aiohttp says what it says about slow ones.
        keepalive_timeout_s: Seconds an idle connection is kept.
        members: Connections open here; this one adds and removes itself.
    """

    def __init__(
        self,
        routes: Mapping[str, ExpressRoute],
        hand_over: Callable[[], asyncio.Protocol],
        *,
        max_headers: int,
        first_request_timeout_s: float,
        body_timeout_s: float,
        keepalive_timeout_s: float,
        members: "set[ExpressConnection]",
    ) -> None:
        self._routes = routes
        self._hand_over = hand_over
        self._max_headers = max_headers
        self._body_timeout_s = body_timeout_s
        self._keepalive_timeout_s = keepalive_timeout_s
        self._patience_s = first_request_timeout_s
        self._members = members
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._task: asyncio.Task[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ending = False
        self._paused = False

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._remote = str(peer[0]) if peer else ""
        self._members.add(self)
        self._wait(self._patience_s)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a client that sends its next request early has to wait for its answer."""
        self._data = self._data + data if self._data else data
        if self._task is None:
            self._read()
        elif not self._paused and len(self._data) > MAX_HEAD_BYTES:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Answer what is under way, then close."""
        self._ending = True
        return self._task is not None

    def connection_lost(self, error: Exception | None) -> None:
        """Let go; what a handler has begun it ends, answered or not."""
        del error
        self._leave()

    # For the server

    def end(self) -> None:
        """Close once the request in progress, one that is still arriving too, is answered; idle, at once."""
        self._ending = True
        if self._task is None and not self._data:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what a handler has begun it ends unheard."""
        self._ending = True
        self._transport.abort()

    # One request after the other

    def _read(self) -> None:
        data = self._data
        end = data.find(_END, 0, MAX_HEAD_BYTES)
        head = read_head(data[:end]) if end >= 0 else None
        route = self._routes.get(head.path) if head is not None else None
        if (
            head is None
            or route is None
            or head.length > route.body_limit
            or len(head.headers) > self._max_headers
        ):
            self._give_away()
            return
        begin = end + len(_END)
        finish = begin + head.length
        if len(data) < finish:
            self._wait_for_body()
            return
        self._data = data[finish:]
        request = ExpressRequest(head.headers, self._remote)
        self._task = self._loop.create_task(self._answer(route, request, data[begin:finish]))

    async def _answer(self, route: ExpressRoute, request: ExpressRequest, body: bytes) -> None:
        answer = await route.answer(request, body)
        self._task = None
        if self._transport.is_closing():
            return
        self._transport.write(answer)
        if self._ending or b"\r\nConnection: close\r\n" in answer[:1024]:
            self._transport.close()
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        self._patience_s = self._keepalive_timeout_s
        self._deadline = self._loop.time() + self._keepalive_timeout_s
        if self._timer is not None and self._timer.when() > self._deadline:
            self._wait(self._keepalive_timeout_s)
        if self._data:
            self._read()

    def _give_away(self) -> None:
        """The rest of this connection is aiohttp's."""
        self._leave()
        protocol = self._hand_over()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._data)
        if self._ending:
            protocol.eof_received()

    def _leave(self) -> None:
        self._members.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Patience

    def _wait_for_body(self) -> None:
        if self._patience_s != self._body_timeout_s:
            self._patience_s = self._body_timeout_s
            self._wait(self._body_timeout_s)

    def _wait(self, seconds: float) -> None:
        self._deadline = self._loop.time() + seconds
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        """The timer is set seldom and looks how late it is, so that a request costs no timer of its own."""
        self._timer = None
        if self._task is not None or self._loop.time() < self._deadline:
            due = max(self._deadline, self._loop.time() + 1.0)
            self._timer = self._loop.call_at(due, self._look)
        elif self._data:
            self._give_away()
        else:
            self._transport.close()
