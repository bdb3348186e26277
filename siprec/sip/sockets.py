"""Sockets for SIP. UDP: large receive buffers, checked destinations, bounded work per wake-up.

A burst is taken out of the kernel at once but worked off a few requests at a time, so that media and timers
keep their turn; ACKs go first, lest answers be repeated whose ACK waits behind new requests.
"""

import asyncio
import ipaddress
import os
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Protocol, cast

from siprec.sip.events import SendMessage
from siprec.sip.flow import Transport, check_destination

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
MAX_DATAGRAM = 65_536
MAX_WAITING_BYTES = 8 * 1024 * 1024
"""What is taken out of the kernel before it is worked off; more stays there."""
MAX_UNSENT_BYTES = 1024 * 1024
"""A peer that does not read is disconnected once this much waits for it."""
MAX_ASKED = 256
_MOST_TAKEN = 4_096
_AT_ONCE = 16
_ACKS_AT_ONCE = 64
_EACH_BYTES = 256
"""What a datagram costs beside its bytes."""
_SO_RCVBUFFORCE = 33

Route = tuple[Transport, str, int]
_Waiting = deque[tuple[bytes, tuple[str, int]]]


@lru_cache(maxsize=4096)
def literal_version(host: str) -> int:
    """Return 4 or 6 for an address literal, 0 for a name (which `sendto` would resolve, blocking)."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return 0


def local_address_towards(host: str = "192.0.2.1") -> str:
    """Return our own address on the route to `host`; loopback where there is no route. Nothing is sent."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"


def why(error: Exception) -> str:
    """Say why a peer could not be reached, without the address everybody knows."""
    if isinstance(error, ConnectionError) and error.errno is not None:
        return os.strerror(error.errno).lower()
    return getattr(error, "strerror", None) or str(error) or "connecting timed out"


class UdpSocket:
    """One bound UDP socket on the running loop.

    `receive_buffer_bytes` is what the kernel really gave; it caps the request silently at
    `net.core.rmem_max`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_datagram: Callable[[bytes, tuple[str, int]], None],
        on_drained: Callable[[], None],
        buffer_bytes: int = RECEIVE_BUFFER_BYTES,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._on_datagram = on_datagram
        self._on_drained = on_drained
        self._loop = asyncio.get_running_loop()
        self._acks: _Waiting = deque()
        self._others: _Waiting = deque()
        self._waiting_bytes = 0
        self._turn: asyncio.Handle | None = None
        self._buffer = bytearray(MAX_DATAGRAM)
        self._view = memoryview(self._buffer)
        self.send_failures = 0
        try:
            self._open(family, host, port, buffer_bytes)
        except OSError:
            self._socket.close()
            raise

    def _open(self, family: int, host: str, port: int, buffer_bytes: int) -> None:
        sock = self._socket
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        if self.receive_buffer_bytes < buffer_bytes:
            with suppress(OSError):  # only the superuser may pass rmem_max; the caller reports what was given
                sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        self._loop.add_reader(sock, self._readable)

    @property
    def receive_buffer_bytes(self) -> int:
        """The receive buffer in bytes as asked for (Linux reports twice that)."""
        got = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        return got // 2 if hasattr(socket, "SO_BINDTODEVICE") else got

    @property
    def address(self) -> tuple[str, int]:
        """Our host and port."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    def _readable(self) -> None:
        self._take()
        if self._turn is None:
            self._work()

    def _take(self) -> None:
        """Take what has come out of the kernel, as far as there is room for it."""
        for _ in range(_MOST_TAKEN):
            if self._waiting_bytes >= MAX_WAITING_BYTES:
                return
            try:
                size, source = self._socket.recvfrom_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an ICMP error of an earlier send; the socket itself is well
            data = bytes(self._view[:size])
            self._waiting_bytes += size + _EACH_BYTES
            (self._acks if data.startswith(b"ACK ") else self._others).append((data, (source[0], source[1])))

    def _work(self) -> None:
        """Hand some of it over; the rest has its turn after everything else that is due."""
        self._turn = None
        try:
            for waiting, most in ((self._acks, _ACKS_AT_ONCE), (self._others, _AT_ONCE)):
                for _ in range(min(most, len(waiting))):
                    data, source = waiting.popleft()
                    self._waiting_bytes -= len(data) + _EACH_BYTES
                    self._on_datagram(data, source)
            self._on_drained()
        finally:  # one that fails must not leave the others waiting for the next to come
            if (self._acks or self._others) and self._socket.fileno() >= 0:
                self._turn = self._loop.call_soon(self._work)

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send one datagram to an address literal.

        Raises `DestinationError` before anything reaches the kernel, `OSError` where the kernel refuses. A
        full send buffer loses the datagram, as any router might: retransmission repairs it.
        """
        check_destination(host, port)
        try:
            self._socket.sendto(data, (host, port))
        except (BlockingIOError, InterruptedError):
            self.send_failures += 1

    def close(self) -> None:
        """Stop receiving and close; once is enough."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        if self._turn is not None:
            self._turn.cancel()
        self._acks.clear()
        self._others.clear()


class StreamOwner(Protocol):
    """Who is told of streams (`siprec.sip.aio.SipEdge`)."""

    def next_number(self) -> int:
        """Return the number of a new connection."""

    def stream_opened(self, stream: "StreamSocket", peer: tuple[str, int]) -> None:
        """Take a new connection."""

    def stream_received(self, stream: "StreamSocket", data: bytes) -> None:
        """Take bytes."""

    def stream_closed(self, stream: "StreamSocket", reason: str) -> None:
        """Forget a connection."""


class StreamSocket(asyncio.Protocol):
    """One TCP or TLS connection, incoming or ours. routes: where it leads."""

    def __init__(self, owner: StreamOwner, transport: Transport, *, incoming: bool) -> None:
        self._owner = owner
        self.kind = transport
        self.incoming = incoming
        self.number = owner.next_number()
        self.transport: asyncio.Transport | None = None
        self.routes: set[Route] = set()
        self.asked: deque[object] = deque(maxlen=MAX_ASKED)
        """Tickets of what was sent on a connection of ours, in case it ends without an answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and tell."""
        # uvloop's TLS transports are no `asyncio.Transport`, though they are what one is.
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("", 0)
        self._owner.stream_opened(self, (str(peer[0]), int(peer[1])))

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self._owner.stream_received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell, and why."""
        self._owner.stream_closed(self, "connection closed" if exc is None else why(exc))

    def write(self, command: SendMessage) -> bool:
        """Queue a message; False where the peer has stopped reading."""
        if self.transport is None or self.transport.is_closing():
            return False
        if self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.transport.abort()
            return False
        self.transport.write(command.data)
        if command.ticket is not None and not self.incoming:
            self.asked.append(command.ticket)
        return True
