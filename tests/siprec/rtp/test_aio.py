"""Port pool, receive path and pacing on real sockets."""

import asyncio
import socket

import pytest

from siprec.rtp import rtcp
from siprec.rtp.aio import MediaPort, Pacer, PortPool, bind_pair, is_sendable, kernel_drops
from siprec.rtp.errors import PortsUnavailableError
from siprec.rtp.packet import RtpPacket, build

HOST = "127.0.0.1"


def datagram(n: int = 0) -> bytes:
    return build(RtpPacket(0, n, n * 160, 7, b"x"))


@pytest.fixture
def pool():
    pool = PortPool.open(HOST, pairs=2, quarantine_s=5.0)
    yield pool
    pool.close()


@pytest.fixture
def peer():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        sock.settimeout(2)
        yield sock


class Received:
    """Datagrams as they come; `wait(n)` until there are n."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self._more = asyncio.Event()

    def __call__(self, data: bytes, now: float) -> None:
        self.data.append(data)
        self._more.set()

    async def wait(self, count: int) -> list[bytes]:
        async with asyncio.timeout(5):
            while len(self.data) < count:
                self._more.clear()
                await self._more.wait()
        return self.data


# --- the pool -----------------------------------------------------------------------------------------


def test_pairs_are_even_and_odd_and_bound(pool):
    pair = pool.acquire(0.0)
    assert pair.port % 2 == 0
    assert pair.rtp.getsockname()[1] + 1 == pair.rtcp.getsockname()[1]
    assert len(pool.ports) == 4
    assert pool.receive_buffer_bytes > 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, pair.port))


def test_an_empty_pool_says_so_and_a_pair_rests_before_it_is_lent_again(pool):
    first, second = pool.acquire(0.0), pool.acquire(0.0)
    with pytest.raises(PortsUnavailableError, match="pool of 2"):
        pool.acquire(0.0)
    pool.release(second, 1.0)
    assert (pool.available(5.9), pool.available(6.0), pool.lent) == (0, 1, 1)
    assert pool.acquire(6.0) is second
    pool.release(first, 7.0)


def test_a_pair_that_nobody_was_told_of_need_not_rest(pool):
    first = pool.acquire(0.0)
    pool.give_back(first)
    assert (pool.lent, pool.available(0.0)) == (0, 2)
    assert pool.acquire(0.0) is first


def test_late_packets_of_the_old_call_are_thrown_away(pool, peer):
    pair = pool.acquire(0.0)
    for n in range(3):
        peer.sendto(datagram(n), (HOST, pair.port))
    pool.release(pair, 0.0)
    pool.acquire(0.0)
    assert pool.acquire(100.0) is pair
    with pytest.raises(BlockingIOError):
        pair.rtp.recv(100)


def test_taken_ports_are_skipped_and_a_range_too_small_is_told():
    taken = bind_pair(HOST, 0)
    assert taken is not None
    try:
        assert bind_pair(HOST, taken.port) is None
        with pytest.raises(PortsUnavailableError) as caught:
            PortPool.open(HOST, pairs=1, first_port=taken.port, last_port=taken.port + 1)
        assert (caught.value.wanted, caught.value.available) == (1, 0)
        if taken.port < 65_000:
            pool = PortPool.open(HOST, pairs=1, first_port=taken.port - 1, last_port=taken.port + 400)
            assert taken.port not in pool.ports
            pool.close()
    finally:
        taken.close()


def test_drops_of_the_kernel_are_read(peer):
    pair = bind_pair(HOST, 0, receive_buffer_bytes=4_096)
    assert pair is not None
    try:
        for n in range(2_000):
            peer.sendto(datagram(n), (HOST, pair.port))
        drops = kernel_drops(frozenset({pair.port}))
        assert drops[pair.port] > 0
        assert drops[pair.port] + pair.drain() == 2_000
    finally:
        pair.close()


@pytest.mark.parametrize(
    ("address", "sendable"),
    [
        (None, False),
        ((HOST, 0), False),
        ((HOST, 70_000), False),
        ((HOST, -1), False),
        (("0.0.0.0", 5_000), False),
        ((HOST, 65_535), True),
    ],
)
def test_addresses_are_checked_before_any_send(address, sendable):
    assert is_sendable(address) is sendable


# --- receiving and sending ----------------------------------------------------------------------------


async def test_datagrams_reach_their_handlers(pool, peer):
    loop = asyncio.get_running_loop()
    port, media, control = MediaPort(pool.acquire(0.0), loop), Received(), Received()
    port.open(media, control)
    report = rtcp.build_compound([rtcp.ReceiverReport(7)])
    peer.sendto(datagram(1), (HOST, port.port))
    peer.sendto(report, (HOST, port.port))  # multiplexed
    peer.sendto(report, (HOST, port.port + 1))
    assert await media.wait(1) == [datagram(1)]
    assert await control.wait(2) == [report, report]
    port.close()
    peer.sendto(datagram(2), (HOST, port.port))
    await asyncio.sleep(0)
    assert len(media.data) == 1
    assert port.packets == 2


async def test_we_answer_where_packets_come_from(pool, peer):
    port, media = MediaPort(pool.acquire(0.0), asyncio.get_running_loop()), Received()
    port.open(media, remote=("192.0.2.1", 9), rtcp_mux=True)
    peer.sendto(datagram(), (HOST, port.port))
    await media.wait(1)
    port.send_rtp(b"rtp")
    assert peer.recvfrom(100) == (b"rtp", (HOST, port.port))
    port.send_rtcp(b"rtcp")
    assert peer.recvfrom(100) == (b"rtcp", (HOST, port.port))
    port.close()


async def test_before_any_packet_we_send_where_the_sdp_says(pool, peer):
    port = MediaPort(pool.acquire(0.0), asyncio.get_running_loop())
    port.open(Received(), remote=peer.getsockname(), remote_rtcp=peer.getsockname())
    port.send_rtp(b"a")
    port.send_rtcp(b"b")
    assert peer.recvfrom(100) == (b"a", (HOST, port.port))
    assert peer.recvfrom(100) == (b"b", (HOST, port.port + 1))
    for nowhere in (None, (HOST, 70_000), ("0.0.0.0", 9)):
        port.expect(nowhere, nowhere)
        port.send_rtp(b"c")
        port.send_rtcp(b"d")
    assert (port.sent, port.send_errors) == (2, 6)
    port.close()


async def test_another_source_is_ignored_while_the_first_one_speaks(pool, peer, monkeypatch):
    port, media = MediaPort(pool.acquire(0.0), asyncio.get_running_loop()), Received()
    port.open(media)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        peer.sendto(datagram(1), (HOST, port.port))
        await media.wait(1)
        stranger.sendto(datagram(66), (HOST, port.port))
        peer.sendto(datagram(2), (HOST, port.port))
        await media.wait(2)
        assert (media.data, port.foreign) == ([datagram(1), datagram(2)], 1)
        monkeypatch.setattr("siprec.rtp.aio.port.RELATCH_S", -1.0)  # the first one has fallen silent
        stranger.sendto(datagram(3), (HOST, port.port))
        assert (await media.wait(3))[2] == datagram(3)
    port.close()


async def test_a_new_offer_learns_the_source_anew(pool, peer):
    port, media = MediaPort(pool.acquire(0.0), asyncio.get_running_loop()), Received()
    port.open(media)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as moved:
        peer.sendto(datagram(1), (HOST, port.port))
        await media.wait(1)
        port.expect(None)
        moved.sendto(datagram(2), (HOST, port.port))
        assert len(await media.wait(2)) == 2
    port.close()


async def test_an_unreachable_peer_does_not_disturb(pool, peer):
    port, media = MediaPort(pool.acquire(0.0), asyncio.get_running_loop()), Received()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind((HOST, 0))
        dead = gone.getsockname()
    port.open(media, remote=dead)
    for _ in range(5):
        port.send_rtp(b"x")
        await asyncio.sleep(0.01)
    peer.sendto(datagram(), (HOST, port.port))
    assert await media.wait(1) == [datagram()]
    port.close()


# --- pacing -------------------------------------------------------------------------------------------


async def test_streams_are_sent_on_time_and_end():
    loop = asyncio.get_running_loop()
    pacer, done = Pacer(loop), asyncio.Event()
    times: dict[str, list[float]] = {"a": [], "b": []}

    def stream(name: str, count: int, wait: float):
        def send_next() -> float | None:
            times[name].append(loop.time())
            if len(times[name]) < count:
                return wait
            if all(times.values()) and len(times["a"]) == 21 and len(times["b"]) == 11:
                done.set()
            return None

        return send_next

    pacer.start(stream("a", 21, 0.01))
    pacer.start(stream("b", 11, 0.02), delay_s=0.005)
    async with asyncio.timeout(10):
        await done.wait()
    assert times["a"][-1] - times["a"][0] >= 0.2 - 0.015
    assert pacer.streams == 0


async def test_a_stopped_stream_sends_no_more():
    pacer, calls = Pacer(asyncio.get_running_loop()), []
    stream = pacer.start(lambda: calls.append(1) or 0.001)
    other = pacer.start(lambda: 0.001)
    stream.stop()
    await asyncio.sleep(0.01)
    assert calls == []
    assert (stream.running, other.running, pacer.streams) == (False, True, 1)
    pacer.close()
    assert not other.running


async def test_a_late_loop_catches_up_without_drift():
    loop = asyncio.get_running_loop()
    pacer, calls, done = Pacer(loop), [], asyncio.Event()

    def send_next() -> float | None:
        calls.append(loop.time())
        if len(calls) == 1:
            import time

            time.sleep(0.05)
        if len(calls) == 10:
            done.set()
            return None
        return 0.005

    pacer.start(send_next)
    async with asyncio.timeout(5):
        await done.wait()
    assert calls[-1] - calls[0] < 0.2
    assert calls[8] - calls[1] < 0.02, "what was late went out at once"
