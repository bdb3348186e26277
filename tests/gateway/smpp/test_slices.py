"""Large reads are dealt with slice by slice: the outcome is the same, and nobody else waits for it."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count, pairwise
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppHandler, SmppServer, serve
from gateway.smpp.events import CloseReason, SessionClosed
from gateway.smpp.fields import SmeAddress
from gateway.smpp.framing import Framer
from gateway.smpp.matrix import Role, SessionState
from gateway.smpp.pdu import (
    BindTransceiver,
    DeliverSm,
    EnquireLink,
    GenericNack,
    Pdu,
    SubmitMulti,
    SubmitSm,
    Unbind,
    encode,
    response_to,
)
from gateway.smpp.session import SessionSettings
from gateway.testing.smpp import pdus

BIND = BindTransceiver(system_id="guest", interface_version=0x34)
OURS = 5
"""Requests of ours that the peer may answer."""


class Far:
    """A transport to a peer of the test's own: it says what it has to, as long as it is read."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.reading, self.closing, self.pauses = True, False, 0
        self.lost: Callable[[Exception | None], None]

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False
        self.pauses += 1

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.lost, None)

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str) -> Any:
        return None

    def set_write_buffer_limits(self, high: int) -> None:
        """Nothing is buffered."""


class Noted(SmppHandler):
    """Notes every call, answers every request at once."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def note(self, context: Any, outcome: Any) -> None:
        self.calls.append((context, outcome if isinstance(outcome, Pdu) else str(outcome)))

    def on_bind(self, connection: SmppConnection, pdu: Any) -> Pdu:
        return response_to(pdu, system_id="carrier")

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu:
        self.calls.append(pdu)
        return response_to(pdu)

    def on_violation(self, connection: SmppConnection, error: Exception) -> None:
        self.calls.append(str(error))

    def on_closed(self, connection: SmppConnection, closed: SessionClosed) -> None:
        self.calls.append(closed.reason)


def bound(role: Role, slice_bytes: int) -> tuple[SmppConnection, Far, Noted]:
    """A bound connection of `role` with some requests outstanding."""
    handler, far = Noted(), Far()
    limits = ConnectionSettings(session=SessionSettings(window=OURS))
    connection = SmppConnection(role, lambda _: handler, limits)
    far.lost = connection.connection_lost
    connection.connection_made(far)  # type: ignore[arg-type]
    if role is Role.ESME:
        connection.bind_nowait(BIND)
        connection.flush()
        connection.data_received(encode(response_to(BIND, system_id="carrier"), 1))
    else:
        connection.data_received(encode(BIND, 1))
    assert connection.state is SessionState.BOUND_TRX
    for number in range(OURS):
        request = SubmitSm() if role is Role.ESME else DeliverSm()
        connection.submit_nowait(request, handler.note, number)
    connection.flush()
    far.written.clear()
    connection._slice_bytes = slice_bytes
    return connection, far, handler


async def play(
    role: Role, slice_bytes: int, reads: list[bytes], lose: bool
) -> tuple[list[Any], Counter[bytes], SessionState, Far]:
    """What the handler was told, what was written, and how it ended."""
    connection, far, handler = bound(role, slice_bytes)
    for data in reads:
        async with asyncio.timeout(5):
            while not far.reading and not far.closing:  # noqa: ASYNC110 - turn by turn
                await asyncio.sleep(0)
        if far.closing:
            break
        connection.data_received(data)
    if lose and not far.closing:
        connection.connection_lost(None)
        await connection.wait_closed()
    else:
        async with asyncio.timeout(5):
            while not (far.reading or far.closing):  # noqa: ASYNC110
                await asyncio.sleep(0)
    state = connection.state
    connection.abort()
    await asyncio.sleep(0)
    return handler.calls, Counter(Framer().feed(bytes(far.written))), state, far


def frames(role: Role) -> st.SearchStrategy[bytes]:
    """What a peer may say in the middle of a session, sense and nonsense."""
    theirs = DeliverSm if role is Role.ESME else SubmitSm
    answers = st.integers(0, 2 * OURS).map(
        lambda number: encode(response_to(SubmitSm() if role is Role.ESME else DeliverSm()), number)
    )
    return st.one_of(
        pdus([theirs]).map(encode),
        answers,
        st.integers(1, 1000).map(lambda number: encode(EnquireLink(), number)),
        st.integers(1, 1000).map(lambda number: encode(GenericNack(), number)),
        st.integers(1, 1000).map(lambda number: struct.pack(">IIII", 16, 0x77, 0, number)),
        pdus([theirs]).map(encode).map(lambda octets: octets[:18] + octets[18:].replace(b"\0", b"x")),
    )


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Role, list[bytes], int, bool]:
    """(role, reads, slice, whether the connection is lost at the end)."""
    role = draw(st.sampled_from(Role))
    said = draw(st.lists(frames(role), max_size=60))
    last = draw(st.sampled_from([b"", encode(Unbind(), 9), b"\0\0\0\x20\0"]))
    octets = b"".join(said) + last
    cuts = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=4)))
    edges = [0, *cuts, len(octets)]
    reads = [octets[a:b] for a, b in pairwise(edges) if b > a]
    return role, reads, draw(st.integers(1, 400)), draw(st.booleans()) and not last


@given(conversations())
@settings(max_examples=60, deadline=None)
def test_slices_change_no_outcome(conversation: tuple[Role, list[bytes], int, bool]) -> None:
    """The same calls in the same order and the same answers, however little is taken at a time."""
    role, reads, slice_bytes, lose = conversation

    async def both() -> None:
        whole_calls, whole_written, whole_state, _ = await play(role, 1 << 30, reads, lose)
        calls, written, state, far = await play(role, slice_bytes, reads, lose)
        assert calls == whole_calls
        assert state is whole_state
        if not lose:
            assert written == whole_written
        assert far.pauses >= any(len(data) > slice_bytes for data in reads)

    asyncio.run(both())


@pytest.mark.parametrize("role", list(Role))
async def test_a_slice_a_turn(role: Role) -> None:
    theirs = DeliverSm if role is Role.ESME else SubmitSm
    one = encode(theirs(short_message=b"x"), 7)
    connection, far, handler = bound(role, slice_bytes=3 * len(one))
    connection.data_received(one * 3)
    assert (len(handler.calls), far.pauses) == (3, 0)
    connection.data_received(one * 10)
    for taken in (6, 9, 12):
        assert (len(handler.calls), far.reading) == (taken, False)
        assert len(Framer().feed(bytes(far.written))) == taken  # answers do not wait for the rest
        await asyncio.sleep(0)
    assert (len(handler.calls), far.reading) == (13, True)
    connection.abort()


async def test_what_is_left_waits_while_the_peer_does_not_read() -> None:
    one = encode(SubmitSm(short_message=b"x"), 7)
    connection, far, handler = bound(Role.SMSC, slice_bytes=len(one))
    connection.data_received(one * 4)
    connection.pause_writing()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (len(handler.calls), far.reading) == (1, False)
    connection.resume_writing()
    assert not far.reading
    for _ in range(5):
        await asyncio.sleep(0)
    assert (len(handler.calls), far.reading) == (4, True)
    connection.abort()


async def test_what_is_left_waits_for_the_end_of_deafness() -> None:
    one = encode(SubmitSm(short_message=b"x"), 7)
    connection, far, handler = bound(Role.SMSC, slice_bytes=len(one))
    connection.data_received(one * 3)
    connection.stop_reading()
    connection.pause_writing()
    connection.resume_writing()
    for _ in range(4):
        await asyncio.sleep(0)
    assert (len(handler.calls), far.reading) == (1, False)
    connection.read_again()
    for _ in range(4):
        await asyncio.sleep(0)
    assert (len(handler.calls), far.reading) == (3, True)
    connection.abort()


async def test_what_is_left_of_an_aborted_connection_is_dropped() -> None:
    one = encode(SubmitSm(short_message=b"x"), 7)
    connection, _, handler = bound(Role.SMSC, slice_bytes=len(one))
    connection.data_received(one * 3)
    connection.abort()
    assert (await connection.wait_closed()).reason is CloseReason.ABORTED
    assert handler.calls.count(CloseReason.ABORTED) == 1
    assert sum(isinstance(call, SubmitSm) for call in handler.calls) == 1


# On real sockets


class Counting(SmppHandler):
    """An SMSC that counts what it is asked."""

    def __init__(self, server: "Flooded") -> None:
        self.server = server

    def on_bind(self, connection: SmppConnection, pdu: Any) -> Pdu:
        return response_to(pdu, system_id="carrier")

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu:
        self.server.handled += 1
        return response_to(pdu, message_id="4f")


class Flooded:
    """A server, a peer that sends as much as the system takes before the server has a turn, and another."""

    def __init__(self) -> None:
        self.handled = 0
        self.server: SmppServer
        self.raw: list[socket.socket] = []

    async def bind(self) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", self.server.port))
        self.raw.append(raw)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(raw, encode(BIND, 1))
        assert await loop.sock_recv(raw, 4096)
        return raw

    def flood(self, raw: socket.socket) -> int:
        """How many requests the system has taken whole."""
        numbers: Iterator[int] = count(2)
        requests = b"".join(encode(SubmitSm(short_message=bytes(100)), next(numbers)) for _ in range(2_000))
        return raw.send(requests) // (len(requests) // 2_000)


@asynccontextmanager
async def flooded() -> AsyncIterator[Flooded]:
    made = Flooded()
    made.server = await serve("127.0.0.1", 0, handler_factory=lambda _: Counting(made))
    yield made
    for raw in made.raw:
        raw.close()
    await made.server.close()


async def a_flood() -> None:
    async with flooded() as world, asyncio.timeout(20):
        loop = asyncio.get_running_loop()
        flooder, other = await world.bind(), await world.bind()
        sent = world.flood(flooder)
        assert sent > 500  # else this proves nothing
        await loop.sock_sendall(other, encode(EnquireLink(), 77))
        answer = await loop.sock_recv(other, 4096)
        meanwhile = world.handled
        assert answer == encode(response_to(EnquireLink(sequence_number=77)), 77)
        assert meanwhile < sent // 2
        while world.handled < sent:  # noqa: ASYNC110 - the flood is handled to its end, turn by turn
            await asyncio.sleep(0)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_another_bind_is_answered_in_the_middle_of_a_flood(run: Callable[..., Any]) -> None:
    run(a_flood())


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="the system has no such limit")
async def test_the_system_keeps_little_that_a_peer_does_not_take() -> None:
    async with flooded() as world:
        await world.bind()
        [connection] = world.server.connections
        sock = connection._transport.get_extra_info("socket")  # type: ignore[union-attr]
        unsent = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
        assert unsent == connection.settings.write_high_water_bytes


async def test_what_came_before_an_impossible_length_is_answered() -> None:
    connection, far, _ = bound(Role.SMSC, slice_bytes=20)
    connection.data_received(encode(EnquireLink(), 7) * 3 + b"\0\0\0\5")
    assert (await connection.wait_closed()).reason is CloseReason.FATAL_ERROR
    assert len(Framer().feed(bytes(far.written))) == 4


def test_a_slice_holds_few_of_the_dearest_requests() -> None:
    """254 destinations are as much work as 254 texts: octets are the measure, not PDUs."""
    dear = encode(SubmitMulti(dest_addresses=(SmeAddress(1, 1, "13105550120"),) * 254), 1)
    assert ConnectionSettings().slice_bytes // len(dear) < 5
