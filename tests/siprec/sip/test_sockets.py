"""A burst of datagrams: taken at once, worked off in turns, ACKs first, memory bounded."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from siprec.sip import sockets
from siprec.sip.sockets import UdpSocket, why


class Heard:
    """What a socket handed over, and where its turns ended."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.turns: list[int] = []
        self.changed = asyncio.Event()

    def datagram(self, data: bytes, source: tuple[str, int]) -> None:
        assert source[0] == "127.0.0.1"
        self.datagrams.append(data)

    def drained(self) -> None:
        self.turns.append(len(self.datagrams))
        self.changed.set()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not done():
                self.changed.clear()
                await self.changed.wait()


@contextmanager
def burst(heard: Heard, datagrams: list[bytes]) -> Iterator[UdpSocket]:
    """A socket to which all of this was sent before it had its first turn."""
    udp = UdpSocket("127.0.0.1", 0, heard.datagram, heard.drained)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in datagrams:
            sender.sendto(data, udp.address)
        yield udp
    udp.close()


async def test_acks_overtake_and_the_rest_keeps_its_order() -> None:
    heard = Heard()
    requests = [b"INVITE %d" % number for number in range(100)]
    acks = [b"ACK %d" % number for number in range(100)]
    mixed = [each for pair in zip(requests, acks, strict=True) for each in pair]
    with burst(heard, mixed):
        await heard.until(lambda: len(heard.datagrams) == 200)
    assert [data for data in heard.datagrams if data.startswith(b"INVITE")] == requests
    assert [data for data in heard.datagrams if data.startswith(b"ACK")] == acks
    assert max(heard.datagrams.index(data) for data in acks) < heard.datagrams.index(requests[40])


async def test_others_have_their_turn_during_a_burst() -> None:
    heard, between = Heard(), []
    loop = asyncio.get_running_loop()

    def tick() -> None:
        between.append(len(heard.datagrams))
        loop.call_soon(tick)

    loop.call_soon(tick)
    with burst(heard, [b"OPTIONS"] * 300):
        await heard.until(lambda: len(heard.datagrams) == 300)
    steps = [after - before for before, after in zip([0, *between], [*between, 300], strict=True)]
    assert max(steps) <= 32
    assert len([step for step in steps if step]) > 10


async def test_what_waits_is_bounded_and_nothing_is_lost_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_WAITING_BYTES", 5_000)
    heard = Heard()
    with burst(heard, [bytes(1_000)] * 200) as udp:
        await heard.until(lambda: len(heard.datagrams) == 200)
    taken = [after - before for before, after in zip([0, *heard.turns], heard.turns, strict=False)]
    assert max(taken) == 4
    assert udp._waiting_bytes == 0


async def test_a_socket_that_is_closed_in_the_middle_hands_nothing_over() -> None:
    heard = Heard()
    with burst(heard, [b"BYE"] * 100) as udp:
        await heard.until(lambda: bool(heard.datagrams))
        udp.close()
        count = len(heard.datagrams)
        for _ in range(5):
            await asyncio.sleep(0)
    assert len(heard.datagrams) == count < 100


async def test_one_that_fails_leaves_none_waiting() -> None:
    heard, failures = Heard(), []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    heard_all = heard.datagram

    def fussy(data: bytes, source: tuple[str, int]) -> None:
        heard_all(data, source)
        if data == b"INVITE 3":
            raise ZeroDivisionError

    heard.datagram = fussy  # type: ignore[method-assign]
    with burst(heard, [b"INVITE %d" % number for number in range(60)]):
        await heard.until(lambda: len(heard.datagrams) == 60)
    assert len(failures) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('192.0.2.1', 5)"),
            "connection refused",
        ),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("Multiple exceptions: a, b"), "Multiple exceptions: a, b"),
        (TimeoutError(), "connecting timed out"),
    ],
)
def test_why_a_peer_cannot_be_reached_is_said_in_words(error, told):
    assert why(error) == told
