"""The express lane: nobody can tell from outside which lane answered, except by the clock."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from gateway.runtime.errors import DatabaseBusy
from gateway.runtime.http import ApiError, ApiRequest, HttpSettings, Reply, Routes
from gateway.runtime.http.express import MAX_HEAD_BYTES, read_head, serialise

PATH = "/v1/things"


class Thing(BaseModel):
    name: str = Field(max_length=200)


def routes(express: bool, gate: asyncio.Event | None = None) -> Routes:
    parts = Routes("Things")

    @parts.post(PATH, body=Thing, returns=Thing, status=202, roles=("admin",), express=express)
    async def make(request: ApiRequest) -> Any:
        """Make a thing."""
        name = request.body.name
        if name == "wait" and gate is not None:
            await gate.wait()
        if name == "refuse":
            raise ApiError(422, "no_such_thing", "not this one", retry_after_s=3)
        if name == "break":
            raise RuntimeError("oops")
        if name == "lock":
            raise DatabaseBusy("gateway.db")
        if name == "close":
            return Reply({"name": name}, headers={"Connection": "close"})
        return Reply({"name": name, "key": request.idempotency_key}, headers={"X-Seen": "yes"})

    @parts.get(PATH, returns=list[Thing])
    async def things(_request: ApiRequest) -> list[Any]:
        """List things."""
        return []

    return parts


def post(
    body: bytes, *fields: str, path: str = PATH, token: str = "demo-admin", length: bool = True
) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, *fields, "", ""]).encode() + body


@dataclass
class Peer:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[str, dict[str, str], bytes]:
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            fields = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(fields.get("Content-Length", "0")))
        return first, fields, body

    async def ask(self, request: bytes) -> tuple[str, dict[str, str], bytes]:
        self.writer.write(request)
        return await self.answer()

    async def end(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.read()


Connect = Any


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    peers: list[Peer] = []

    async def to(api: Any) -> Peer:
        peers.append(Peer(*await asyncio.open_connection("127.0.0.1", api.server.port)))
        return peers[-1]

    yield to
    for peer in peers:
        peer.writer.close()


def comparable(answer: tuple[str, dict[str, str], bytes]) -> Any:
    first, fields, body = answer
    fields.pop("Date")
    name = re.compile(r"GW_[0-9a-f]+_[0-9a-f]+")
    told = {key.lower(): name.sub("ID", value) for key, value in fields.items()}
    told.pop("content-length")  # the tracking id's own length varies
    return first, told, name.sub("ID", body.decode())


SAME = [
    post(b'{"name": "one"}'),
    post(b'{"name": "one"}', "Content-Type: application/json; charset=utf-8", "Idempotency-Key: abc"),
    post(b'{"name": "one"}', "trackingid: mine-7"),
    post(b'{"name": "one"}', "trackingid: not ok"),
    post(b'{"name": "one"}', "Connection: keep-alive", "Accept: */*", "X-Empty:"),
    post(b'{"name": "refuse"}'),
    post(b'{"name": "break"}'),
    post(b'{"name": "close"}'),
    post(b'{"name": 7}'),
    post(b"nonsense"),
    post(b""),
    post(b"x" * 3000),
    post(b'{"name": "one"}', "Content-Type: text/plain"),
    post(b'{"name": "one"}', "Idempotency-Key: a b"),
    post(b'{"name": "one"}', token="wrong"),
    post(b'{"name": "one"}', token="demo-alice"),
    post(b'{"name": "one"}', path="/v1/nothing"),
    post(b'{"name": "one"}', path=PATH + "?x=1"),
    post(b'{"name": "one"}').replace(b"Host: 127.0.0.1", b"Host: example.com"),
    post(b'{"name": "one"}').replace(b"HTTP/1.1", b"HTTP/1.0"),
    post(b'{"name": "one"}', "Connection: close"),
    post(b'{"name": "one"}', "X-Long: " + "a" * 5000),
    post(b'f\r\n{"name": "one"}\r\n0\r\n\r\n', "Transfer-Encoding: chunked", length=False),
    post(b'{"name": "one"}', "Host: other"),
    post(b'{"name": "one"}', "Bad Name: x"),
    post(b'{"name": "one"}', " folded: x"),
    b"POST  HTTP/1.1\r\n\r\n",
    b"GET " + PATH.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer demo-admin\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", SAME, ids=range(len(SAME)))
async def test_both_lanes_answer_alike(serve: Any, connect: Connect, request_bytes: bytes) -> None:
    settings = HttpSettings(port=0, max_body_bytes=2000)
    answers = []
    for express in (True, False):
        api = await serve([routes(express)], settings)
        peer = await connect(api)
        answers.append(comparable(await peer.ask(request_bytes)))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("express", [True, False])
async def test_a_database_that_is_away_is_told_in_both_lanes(
    serve: Any, connect: Connect, express: bool
) -> None:
    api = await serve([routes(express)])
    peer = await connect(api)
    first, fields, body = await peer.ask(post(b'{"name": "lock"}'))
    assert first == "HTTP/1.1 503 Service Unavailable"
    assert fields["Retry-After"] == "5"
    assert b'"code": "database_busy"' in body
    assert b"gateway.db" not in body
    assert (await peer.ask(post(b'{"name": "on"}')))[0] == "HTTP/1.1 202 Accepted"


async def test_one_connection_after_another_request_and_another_lane(serve: Any, connect: Connect) -> None:
    api = await serve([routes(True)])
    peer = await connect(api)
    for name in ("a", "b"):
        assert (await peer.ask(post(b'{"name": "%s"}' % name.encode())))[2].startswith(
            b'{"name":"%s"' % name.encode()
        )
    first, _, body = await peer.ask(SAME[-1])
    assert (first, body) == ("HTTP/1.1 200 OK", b"[]")
    assert (await peer.ask(post(b'{"name": "c"}')))[0] == "HTTP/1.1 202 Accepted"


@pytest.mark.parametrize("cut", [10, 60, 120, 140])
async def test_a_request_in_pieces(serve: Any, connect: Connect, cut: int) -> None:
    api = await serve([routes(True)])
    peer = await connect(api)
    whole = post(b'{"name": "%s"}' % (b"n" * 60))
    peer.writer.write(whole[:cut])
    await peer.writer.drain()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (await peer.ask(whole[cut:]))[0] == "HTTP/1.1 202 Accepted"


async def test_requests_sent_ahead_are_answered_in_order(serve: Any, connect: Connect) -> None:
    gate = asyncio.Event()
    api = await serve([routes(True, gate)])
    peer = await connect(api)
    names = ["wait", *(f"t{number}" for number in range(300))]  # more than is read while one is answered
    peer.writer.write(b"".join(post(b'{"name": "%s"}' % name.encode()) for name in names))
    await peer.writer.drain()
    gate.set()
    for name in names:
        assert (await peer.answer())[2].startswith(b'{"name":"%s"' % name.encode())


async def test_a_body_that_does_not_come_is_told_so(serve: Any, connect: Connect) -> None:
    api = await serve([routes(True)], HttpSettings(port=0, body_timeout_s=0.05))
    peer = await connect(api)
    first, fields, _ = await peer.ask(post(b'{"name": "one"}')[:-4])
    assert first.startswith("HTTP/1.1 408")
    assert fields["Connection"] == "close"


async def test_a_silent_connection_and_an_idle_one_are_closed(serve: Any, connect: Connect) -> None:
    settings = HttpSettings(port=0, first_request_timeout_s=0.05, keepalive_timeout_s=0.05)
    api = await serve([routes(True)], settings)
    silent, idle = await connect(api), await connect(api)
    assert (await idle.ask(post(b'{"name": "one"}')))[0] == "HTTP/1.1 202 Accepted"
    assert await silent.end() == b""
    assert await idle.end() == b""


async def test_draining_answers_what_is_under_way_and_closes_the_rest(serve: Any, connect: Connect) -> None:
    gate = asyncio.Event()
    api = await serve([routes(True, gate)])
    busy, idle = await connect(api), await connect(api)
    assert (await idle.ask(post(b'{"name": "one"}')))[0] == "HTTP/1.1 202 Accepted"
    busy.writer.write(post(b'{"name": "wait"}'))
    while not any(connection._task for connection in api.server._express):  # noqa: ASYNC110 - nobody announces it
        await asyncio.sleep(0)
    draining = asyncio.create_task(api.server.drain(5))
    assert await idle.end() == b""
    gate.set()
    assert (await busy.answer())[0] == "HTTP/1.1 202 Accepted"
    assert await busy.end() == b""
    await draining
    assert api.server.connections == 0


@pytest.mark.parametrize("express", [True, False])
async def test_draining_closes_idle_connections_at_once(serve: Any, connect: Connect, express: bool) -> None:
    api = await serve([routes(express)])
    silent, idle, browser = await connect(api), await connect(api), await connect(api)
    assert (await idle.ask(post(b'{"name": "one"}')))[0] == "HTTP/1.1 202 Accepted"
    assert (await browser.ask(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == "HTTP/1.1 200 OK"
    async with asyncio.timeout(10):
        await api.server.drain(600)
        for each in (silent, idle, browser):
            assert await each.end() == b""
    assert api.server.connections == 0


@pytest.mark.parametrize("express", [True, False])
@pytest.mark.parametrize("rest", [1, 16], ids=["all but one byte", "the head alone"])
async def test_draining_waits_for_a_request_that_arrives(
    serve: Any, connect: Connect, express: bool, rest: int
) -> None:
    api = await serve([routes(express)])
    slow, idle = await connect(api), await connect(api)
    request = post(b'{"name": "late"}')
    slow.writer.write(request[:-rest])
    async with asyncio.timeout(10):
        while not arrives(api):  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0)
        draining = asyncio.create_task(api.server.drain(600))
        assert await idle.end() == b""  # it has looked at every connection
        assert not draining.done()
        slow.writer.write(request[-rest:])
        assert (await slow.answer())[0] == "HTTP/1.1 202 Accepted"
        assert await slow.end() == b""
        await draining


def arrives(api: Any) -> bool:
    """Whether a request has begun to come, in either lane."""
    served = api.server._runner.server.connections
    return any(each._data for each in api.server._express) or any(each._current_request for each in served)


async def test_what_is_handed_over_while_draining_is_answered_once(serve: Any, connect: Connect) -> None:
    settings = HttpSettings(port=0, body_timeout_s=0.05)
    api = await serve([routes(True)], settings)
    stuck = await connect(api)
    stuck.writer.write(post(b'{"name": "never"}')[:-1])
    async with asyncio.timeout(10):
        while not arrives(api):  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0)
        await api.server.drain(600)
        assert (await stuck.answer())[0].startswith("HTTP/1.1 408 ")
        assert await stuck.end() == b""


async def test_a_peer_that_leaves_harms_nobody(serve: Any, connect: Connect) -> None:
    gate = asyncio.Event()
    api = await serve([routes(True, gate)])
    gone, stays = await connect(api), await connect(api)
    gone.writer.write(post(b'{"name": "wait"}'))
    while not any(connection._task for connection in api.server._express):  # noqa: ASYNC110 - nobody announces it
        await asyncio.sleep(0)
    gone.writer.transport.abort()
    gate.set()
    assert (await stays.ask(post(b'{"name": "one"}')))[0] == "HTTP/1.1 202 Accepted"


def aiohttp_reads(request: bytes) -> Any:
    """What aiohttp's own parser makes of a request's head; None if it refuses it."""
    parser = HttpRequestParser(Mock(), Mock(), 2**16)
    try:
        messages, _, _ = parser.feed_data(request)
    except (HttpProcessingError, ValueError):
        return None
    return messages[0][0] if messages else None


fields = st.sampled_from(
    [
        "Content-Length: 7",
        "content-length: 07",
        "Content-Length: +7",
        "Content-Length: 7, 7",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Connection: close",
        "Connection: Keep-Alive",
        "Upgrade: websocket",
        "X-One:  two  ",
        "X-One:\ttab",
        "X One: two",
        "X-One : two",
        ": none",
        "no colon",
        " folded: yes",
        "X-\u00e9: x",
        "X: \u00e9",
        "X: a\x00b",
        "X: a\rb",
        "X: a\nContent-Length: 9",
        "Host: again",
        "Content-Encoding: gzip",
        "Authorization: Bearer demo-admin",
    ]
)
lines = st.sampled_from(
    [
        "POST /v1/things HTTP/1.1",
        "POST http://h/v1 HTTP/1.1",
        "POST /a b HTTP/1.1",
        "post / HTTP/1.1",
        "POST / HTTP/1.1 ",
    ]
)


@given(lines, st.lists(st.one_of(fields, st.text(max_size=30)), max_size=5))
def test_what_is_read_here_aiohttp_reads_alike(line: str, more: list[str]) -> None:
    head = "\r\n".join([line, "Host: h", *more]).encode("utf-8", "replace")
    ours = read_head(head)
    if ours is None:
        return
    theirs = aiohttp_reads(head + b"\r\n\r\n" + b"x" * min(ours.length, 100))
    assert theirs is not None, "what aiohttp refuses must not pass here"
    assert (theirs.path, theirs.method) == (ours.path, "POST")
    assert list(theirs.headers.items()) == list(ours.headers.items())
    assert int(theirs.headers["Content-Length"]) == ours.length
    assert not theirs.should_close
    assert not theirs.chunked
    assert theirs.compression is None


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    assert read_head(data) is None or data.startswith(b"POST /")


def test_a_head_is_bounded() -> None:
    assert MAX_HEAD_BYTES <= 8190, "what aiohttp would refuse as too large never gets here"


def test_answers_are_framed() -> None:
    answer = serialise(204, {"Server": "gateway"}, None)
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\nServer: gateway\r\nDate: ")
    assert answer.endswith(b" GMT\r\n\r\n")
    assert b"Content-Length: 2\r\n" in serialise(200, {}, b"{}")
