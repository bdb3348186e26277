"""Two asyncio protocols joined in memory: what one writes, the other receives in the next turn of the loop.

No socket, no port, no scheduling by the kernel: what is sent in some order arrives in that order, always,
which is what makes two discrete replays the same.
"""

from __future__ import annotations

import asyncio
from typing import Any


class MemoryTransport(asyncio.Transport):
    """One end; `join` makes both."""

    def __init__(self, protocol: asyncio.Protocol, peername: tuple[str, int]) -> None:
        super().__init__({"peername": peername})
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self.peer: MemoryTransport | None = None

    def write(self, data: Any) -> None:
        """Send octets to the other end."""
        if not self._closing and self.peer is not None:
            self._loop.call_soon(self.peer.receive, bytes(data))

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
    near, far = (
        MemoryTransport(client, ("127.0.0.1", 2775)),
        MemoryTransport(server, ("127.0.0.1", 40_000)),
    )
    near.peer, far.peer = far, near
    server.connection_made(far)
    client.connection_made(near)
