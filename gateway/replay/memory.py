"""Two asyncio protocols joined in memory: what one writes, the other receives before the write is over.

No socket, no port, no scheduling by the kernel or the loop: what is sent in some order arrives in that order,
always, which is what makes two discrete replays the same. A conversation runs to its end inside the write
that began it; what is written meanwhile waits in line, so that nothing is called inside itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any


class Wire:
    """Octets under way, in the order in which they were written, whoever wrote them."""

    __slots__ = ("_carrying", "_under_way")

    def __init__(self) -> None:
        self._under_way: deque[tuple[MemoryTransport, bytes]] = deque()
        self._carrying = False

    def carry(self, receiver: MemoryTransport, data: bytes) -> None:
        """Deliver, after everything that was written before."""
        under_way = self._under_way
        under_way.append((receiver, data))
        if self._carrying:
            return
        self._carrying = True
        try:
            while under_way:
                receiver, data = under_way.popleft()
                receiver.receive(data)
        finally:
            self._carrying = False


class MemoryTransport(asyncio.Transport):
    """One end; `join` makes both."""

    def __init__(self, protocol: asyncio.Protocol, peername: tuple[str, int], wire: Wire) -> None:
        super().__init__({"peername": peername})
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._wire = wire
        self._closing = False
        self.peer: MemoryTransport | None = None

    def write(self, data: Any) -> None:
        """Send octets to the other end."""
        if not self._closing and self.peer is not None:
            self._wire.carry(self.peer, bytes(data))

    def receive(self, data: bytes) -> None:
        """Octets have come from the other end."""
        if not self._closing:
            self._protocol.data_received(data)

    def is_closing(self) -> bool:
        """Whether this end is closed."""
        return self._closing

    def close(self) -> None:
        """Close after what was written; the other end sees the end of the stream."""
        if self._closing:
            return
        self._closing = True
        self._loop.call_soon(self._protocol.connection_lost, None)
        if self.peer is not None:
            self._loop.call_soon(self.peer.end)

    def end(self) -> None:
        """The other end has closed."""
        if not self._closing:
            self._protocol.eof_received()
            self.close()

    def abort(self) -> None:
        """Close at once; nothing is in flight that would be lost."""
        self.close()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever buffered."""

    def get_write_buffer_size(self) -> int:
        """Nothing is ever buffered."""
        return 0

    def pause_reading(self) -> None:
        """Octets in memory cannot wait anywhere else: they are delivered all the same."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""


def join(client: asyncio.Protocol, server: asyncio.Protocol) -> None:
    """Connect two protocols; both see a connection from loopback."""
    wire = Wire()
    near = MemoryTransport(client, ("127.0.0.1", 2775), wire)
    far = MemoryTransport(server, ("127.0.0.1", 40_000), wire)
    near.peer, far.peer = far, near
    server.connection_made(far)
    client.connection_made(near)
