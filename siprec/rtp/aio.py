"""Sockets for media: a pool of port pairs bound in advance, their receive path, and paced sending.

    pool = PortPool.open("127.0.0.1", pairs=500, first_port=40_000)
    pair = pool.acquire(loop.time())                   # PortsUnavailableError when all are lent
    port = MediaPort(pair, loop)
    port.open(on_rtp=lambda data, now: …, on_rtcp=lambda data, now: …, remote=("192.0.2.9", 58_014))
    port.send_rtcp(datagram)
    port.close(); pool.release(pair, loop.time())      # rests, then is emptied and lent again

Binding, watching and closing four sockets costs 130–230 µs a call, so it is done once. Each wake-up of the
loop takes ONE datagram from the socket: draining it costs an extra system call that nearly always finds
nothing. Symmetric RTP (RFC 4961): we send to where packets come from; another source is ignored while the
first one speaks. Loss in the kernel is read from /proc/net/udp, where one look tells it for all sockets.
"""

import asyncio
import contextlib
import heapq
import socket
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

from siprec.rtp.errors import PortsUnavailableError
from siprec.rtp.packet import RTCP_TYPES

RECEIVE_BUFFER_BYTES = 262_144
QUARANTINE_S = 10.0
RELATCH_S = 1.0
MAX_DATAGRAM_BYTES = 4_096
MAX_STALE_DATAGRAMS = 4_096
EPHEMERAL_ATTEMPTS = 64
TIMER_GRAIN_S = 0.001
"""uvloop's timers count in milliseconds and may fire up to one early: what is due by then is due, for asking
again would spin until it is."""

Address = tuple[str, int]
DatagramHandler = Callable[[bytes, float], None]


class PortPair:
    """Two bound sockets: RTP on an even port, RTCP on the next."""

    __slots__ = ("address", "port", "rtcp", "rtp")

    def __init__(self, address: str, port: int, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.address = address
        self.port = port
        self.rtp = rtp
        self.rtcp = rtcp

    def close(self) -> None:
        """Give the ports back to the system."""
        self.rtp.close()
        self.rtcp.close()

    def drain(self) -> int:
        """Throw away the RTP that waits; returns how much. Stale RTCP tells of a source that is gone."""
        return _drain(self.rtp)


def _drain(sock: socket.socket) -> int:
    for thrown in range(MAX_STALE_DATAGRAMS):
        try:
            sock.recv(1)
        except OSError:
            return thrown
    return MAX_STALE_DATAGRAMS


def _bind(address: str, port: int, receive_buffer_bytes: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def bind_pair(address: str, port: int, receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES) -> PortPair | None:
    """Bind `port` and the next one; None where either is taken. Port 0: any even port that is free."""
    for _ in range(1 if port else EPHEMERAL_ATTEMPTS):
        try:
            rtp = _bind(address, port, receive_buffer_bytes)
        except OSError:
            return None
        chosen: int = rtp.getsockname()[1]
        if chosen % 2 == 0:
            with contextlib.suppress(OSError):
                return PortPair(address, chosen, rtp, _bind(address, chosen + 1, receive_buffer_bytes))
        rtp.close()
    return None


class PortPool:
    """Port pairs, lent longest-rested first."""

    def __init__(self, pairs: Iterable[PortPair], quarantine_s: float = QUARANTINE_S) -> None:
        self._pairs = tuple(pairs)
        self._free = deque(self._pairs)
        self._resting: deque[tuple[float, PortPair]] = deque()
        self._quarantine_s = quarantine_s
        self.lent = 0

    @classmethod
    def open(
        cls,
        address: str,
        *,
        pairs: int,
        first_port: int = 0,
        last_port: int = 65_534,
        receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES,
        quarantine_s: float = QUARANTINE_S,
    ) -> "PortPool":
        """Bind `pairs` pairs from `first_port` (0: wherever the system finds room), skipping taken ones.

        Raises PortsUnavailableError with how many could be bound: the range or `ulimit -n` is too small.
        """
        ports: Iterable[int] = range(first_port + first_port % 2, last_port, 2)
        if first_port == 0:
            ports = (0 for _ in range(pairs))
        found: list[PortPair] = []
        for port in ports:
            if len(found) == pairs:
                break
            pair = bind_pair(address, port, receive_buffer_bytes)
            if pair is not None:
                found.append(pair)
        if len(found) < pairs:
            for pair in found:
                pair.close()
            raise PortsUnavailableError(pairs, len(found), f"{address}:{first_port}-{last_port}")
        return cls(found, quarantine_s)

    @property
    def size(self) -> int:
        """Pairs in all."""
        return len(self._pairs)

    @property
    def ports(self) -> frozenset[int]:
        """Every port of the pool, RTP and RTCP."""
        return frozenset(p for pair in self._pairs for p in (pair.port, pair.port + 1))

    @property
    def receive_buffer_bytes(self) -> int:
        """What the kernel granted; it caps SO_RCVBUF silently (net.core.rmem_max) and counts its own use."""
        if not self._pairs:
            return 0
        return self._pairs[0].rtp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2

    def available(self, now: float) -> int:
        """Pairs that could be lent now."""
        self._wake(now)
        return len(self._free)

    def acquire(self, now: float) -> PortPair:
        """Lend a pair, emptied of what came while it rested; raises PortsUnavailableError."""
        self._wake(now)
        if not self._free:
            raise PortsUnavailableError(1, 0, f"a pool of {self.size}, {len(self._resting)} in quarantine")
        pair = self._free.popleft()
        self.lent += 1
        pair.drain()
        return pair

    def release(self, pair: PortPair, now: float) -> None:
        """Take a pair back; late packets of the old call die in quarantine."""
        self.lent -= 1
        self._resting.append((now + self._quarantine_s, pair))

    def _wake(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])

    def close(self) -> None:
        """Close every socket, lent or not."""
        for pair in self._pairs:
            pair.close()
        self._free.clear()
        self._resting.clear()

    def kernel_drops(self) -> int:
        """Datagrams the kernel has thrown away for want of buffer, all sockets of the pool together."""
        return sum(kernel_drops(self.ports).values())


def kernel_drops(ports: frozenset[int]) -> dict[int, int]:
    """Drops per local UDP port, for those of `ports` the system lists; empty where there is no /proc."""
    drops: dict[int, int] = {}
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if port in ports:
                drops[port] = drops.get(port, 0) + int(fields[-1])
    return drops


def is_sendable(address: Address | None) -> bool:
    """Whether a datagram may be sent there: with asyncio, one port out of range closes a socket for good."""
    return address is not None and 0 < address[1] < 65_536 and address[0] not in ("", "0.0.0.0", "::")  # noqa: S104


class MediaPort:
    """A lent pair at work: datagrams to handlers, ours to the peer.

    Handlers are called with the bytes and the loop's time, and must not raise. RTCP that comes multiplexed on
    the RTP port (RFC 5761) goes to `on_rtcp`.
    """

    __slots__ = (
        "_loop",
        "_now",
        "_on_rtcp",
        "_on_rtp",
        "_pair",
        "_receive",
        "_rtcp_source",
        "_source",
        "_source_at",
        "foreign",
        "opened",
        "packets",
        "receive_errors",
        "remote",
        "remote_rtcp",
        "rtcp_mux",
        "send_errors",
        "sent",
    )

    def __init__(self, pair: PortPair, loop: asyncio.AbstractEventLoop) -> None:
        self._pair = pair
        self._loop = loop
        self._now = loop.time
        self._receive = pair.rtp.recvfrom
        self._on_rtp: DatagramHandler = _ignore
        self._on_rtcp: DatagramHandler = _ignore
        self._source: Address | None = None
        self._source_at = 0.0
        self._rtcp_source: Address | None = None
        self.remote: Address | None = None
        self.remote_rtcp: Address | None = None
        self.rtcp_mux = False
        self.opened = False
        self.packets = 0
        self.foreign = 0
        """Datagrams of another source while the first one spoke."""
        self.sent = 0
        self.send_errors = 0
        self.receive_errors = 0

    @property
    def pair(self) -> PortPair:
        """What the pool lent."""
        return self._pair

    @property
    def port(self) -> int:
        """Our RTP port."""
        return self._pair.port

    @property
    def address(self) -> str:
        """Our address."""
        return self._pair.address

    def open(
        self,
        on_rtp: DatagramHandler,
        on_rtcp: DatagramHandler | None = None,
        remote: Address | None = None,
        remote_rtcp: Address | None = None,
        rtcp_mux: bool = False,
    ) -> None:
        """Start receiving. remote: what the SDP says, until packets tell the truth."""
        self._on_rtp = on_rtp
        self._on_rtcp = on_rtcp or _ignore
        self.expect(remote, remote_rtcp, rtcp_mux)
        if not self.opened:
            self.opened = True
            self._loop.add_reader(self._pair.rtp.fileno(), self._rtp_readable)
            self._loop.add_reader(self._pair.rtcp.fileno(), self._rtcp_readable)

    def expect(
        self, remote: Address | None, remote_rtcp: Address | None = None, rtcp_mux: bool = False
    ) -> None:
        """A new offer named these addresses: learn the source anew."""
        self.remote = remote
        self.remote_rtcp = remote_rtcp
        self.rtcp_mux = rtcp_mux
        self._source = None
        self._rtcp_source = None

    def close(self) -> None:
        """Stop receiving; the pair goes back to its pool, open."""
        if self.opened:
            self.opened = False
            self._loop.remove_reader(self._pair.rtp.fileno())
            self._loop.remove_reader(self._pair.rtcp.fileno())
        self._on_rtp = self._on_rtcp = _ignore

    def _rtp_readable(self) -> None:
        try:
            data, source = self._receive(MAX_DATAGRAM_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # an ICMP error of an earlier send
            self.receive_errors += 1
            return
        now = self._now()
        if source != self._source and not self._latch(source[:2], now):
            return
        self._source_at = now
        self.packets += 1
        if data[1:2] in RTCP_TYPES:
            self._rtcp_source = source[:2]
            self._on_rtcp(data, now)
        else:
            self._on_rtp(data, now)

    def _latch(self, source: Address, now: float) -> bool:
        if source == self._source:  # IPv6 sources carry two more fields
            return True
        if self._source is not None and now - self._source_at < RELATCH_S:
            self.foreign += 1
            return False
        self._source = source
        return True

    def _rtcp_readable(self) -> None:
        try:
            data, source = self._pair.rtcp.recvfrom(MAX_DATAGRAM_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.receive_errors += 1
            return
        if self._source is not None and source[0] != self._source[0]:
            self.foreign += 1
            return
        self._rtcp_source = source[:2]
        self._on_rtcp(data, self._loop.time())

    def send_rtp(self, datagram: bytes) -> None:
        """Send to the peer; an address that cannot be sent to, or an error, is counted."""
        self._send(self._pair.rtp, datagram, self._source or self.remote)

    def send_rtcp(self, datagram: bytes) -> None:
        """Send RTCP to the peer: on the RTP port where multiplexed."""
        if self.rtcp_mux:
            self._send(self._pair.rtp, datagram, self._source or self.remote)
        else:
            self._send(self._pair.rtcp, datagram, self._rtcp_source or self.remote_rtcp)

    def _send(self, sock: socket.socket, datagram: bytes, to: Address | None) -> None:
        if to is None or not is_sendable(to):
            self.send_errors += 1
            return
        try:
            sock.sendto(datagram, to)
        except OSError:
            self.send_errors += 1
        else:
            self.sent += 1


def _ignore(_data: bytes, _now: float) -> None:
    """No handler."""


class PacedStream:
    """One stream of a Pacer; `stop()` ends it."""

    __slots__ = ("_next", "running")

    def __init__(self, send_next: Callable[[], float | None]) -> None:
        self._next = send_next
        self.running = True

    def stop(self) -> None:
        """Send no more."""
        self.running = False

    def step(self) -> float | None:
        """Send what is due; returns the seconds to the next, None at the end."""
        wait = self._next() if self.running else None
        if wait is None:
            self.running = False
        return wait


class Pacer:
    """Sends many streams on time with one timer: due times add up, so that nothing drifts."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[tuple[float, int, PacedStream]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def streams(self) -> int:
        """Streams that run."""
        return sum(stream.running for _, _, stream in self._due)

    def start(self, send_next: Callable[[], float | None], delay_s: float = 0.0) -> PacedStream:
        """Call `send_next` from `delay_s` on; it sends and returns the seconds to its next turn, or None."""
        stream = PacedStream(send_next)
        self._push(self._loop.time() + delay_s, stream)
        self._arm()
        return stream

    def close(self) -> None:
        """Stop every stream."""
        for _, _, stream in self._due:
            stream.stop()
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _push(self, due: float, stream: PacedStream) -> None:
        heapq.heappush(self._due, (due, next(self._order), stream))

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due:
            self._timer = self._loop.call_at(self._due[0][0], self._run)

    def _run(self) -> None:
        self._timer = None
        now = self._loop.time() + TIMER_GRAIN_S
        while self._due and self._due[0][0] <= now:
            due, _, stream = heapq.heappop(self._due)
            wait = stream.step()
            if wait is not None:
                self._push(due + wait, stream)
        self._arm()
