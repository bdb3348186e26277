"""TLS of connections that come in: done before anybody sees the connection, and told where it fails.

A loop's own server drops a failed handshake without a word; so a connection is taken as it comes, and its
socket is then secured as one that was accepted elsewhere.
"""

import asyncio
import socket
import ssl as ssl_module
from collections.abc import Callable
from typing import Any, Final, cast

OnTlsFailed = Callable[[Exception, tuple[Any, ...]], None]
"""(why, the peer's address): a TLS handshake failed, or the peer hung up in it."""
_PLAIN: Final = frozenset(
    {
        "HTTPS_PROXY_REQUEST",
        "HTTP_REQUEST",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "UNKNOWN_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)
"""What OpenSSL says, each version its own, of octets that are no TLS at all."""


class TlsAcceptor:
    """Secures connections of one server; `make()` gives each its protocol once that is done."""

    def __init__(
        self,
        make: Callable[[], asyncio.Protocol],
        context: ssl_module.SSLContext,
        timeout_s: float,
        on_failed: OnTlsFailed | None,
    ) -> None:
        self._make, self._context, self._timeout_s, self._on_failed = make, context, timeout_s, on_failed
        self._handshakes: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._handshakes)

    def begin(self, sock: socket.socket) -> None:
        """Take a connection that has just come."""
        task = asyncio.get_running_loop().create_task(self._secure(sock), name="smpp-tls")
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    def close(self) -> None:
        """Drop every connection whose handshake is not done."""
        for task in tuple(self._handshakes):
            task.cancel()

    async def _secure(self, sock: socket.socket) -> None:
        peer = _peer_of(sock)
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._make, sock, ssl=self._context, ssl_handshake_timeout=self._timeout_s
            )
        except OSError as error:
            if self._on_failed is not None:
                self._on_failed(error, peer)
        except BaseException:
            sock.close()
            raise


class Accepted(asyncio.Protocol):
    """A connection before its TLS handshake."""

    def __init__(self, acceptor: TlsAcceptor, may: Callable[[], bool]) -> None:
        self._acceptor, self._may = acceptor, may

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake, unless there are too many connections."""
        if self._may():
            near_end = transport.get_extra_info("socket")
            sock = socket.fromfd(near_end.fileno(), near_end.family, near_end.type)
            sock.setblocking(False)
            self._acceptor.begin(sock)
        cast(asyncio.Transport, transport).abort()  # of this end alone: `sock` goes on


def _peer_of(sock: socket.socket) -> tuple[Any, ...]:
    try:
        peer: tuple[Any, ...] = sock.getpeername()
    except OSError:  # gone already
        return ()
    return peer


def openssl_words(error: ssl_module.SSLError) -> str:
    """What OpenSSL says went wrong, without its codes: `certificate has expired`."""
    told = getattr(error, "verify_message", "") or (error.reason or "").replace("_", " ").lower()
    return told.rstrip(".") or "no reason given"


def speaks_plain(error: Exception) -> bool:
    """Whether TLS failed for what the peer said is no TLS."""
    return isinstance(error, ssl_module.SSLError) and error.reason in _PLAIN
