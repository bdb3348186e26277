"""Port pairs bound in advance, lent and rested; what the kernel drops on them."""

import contextlib
import socket
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from siprec.rtp.errors import PortsUnavailableError

RECEIVE_BUFFER_BYTES = 262_144
QUARANTINE_S = 10.0
MAX_STALE_DATAGRAMS = 4_096
EPHEMERAL_ATTEMPTS = 64


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

    def give_back(self, pair: PortPair) -> None:
        """Take a pair back that nobody was told of: it is the next to be lent."""
        self.lent -= 1
        self._free.appendleft(pair)

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
