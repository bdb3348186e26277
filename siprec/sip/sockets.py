"""UDP sockets for SIP: large receive buffers, checked destinations, a bounded drain per wake-up."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

from siprec.sip.flow import check_destination

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
MAX_DATAGRAM = 65_536
_DRAIN = 64
_SO_RCVBUFFORCE = 33


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
        asyncio.get_running_loop().add_reader(sock, self._readable)

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
        for _ in range(_DRAIN):
            try:
                size, source = self._socket.recvfrom_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an ICMP error of an earlier send; the socket itself is well
            self._on_datagram(bytes(self._view[:size]), (source[0], source[1]))
        self._on_drained()

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
        """Stop receiving and close."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
