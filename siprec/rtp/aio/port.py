"""A lent pair at work: symmetric RTP and RTCP."""

import asyncio
import socket
from collections.abc import Callable

from siprec.rtp.aio.pool import PortPair
from siprec.rtp.packet import RTCP_TYPES

RELATCH_S = 1.0
MAX_DATAGRAM_BYTES = 4_096

Address = tuple[str, int]
DatagramHandler = Callable[[bytes, float], None]


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
