"""TLS of connections that come in, on both loops: what fails is told, and nobody holds a place for ever."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
import uvloop

from gateway.smpp.aio import (
    ConnectionSettings,
    SmppConnection,
    SmppHandler,
    SmppServer,
    connect,
    openssl_words,
    serve,
    speaks_plain,
)
from gateway.smpp.pdu import Bind, BindTransceiver, Pdu, SubmitSm, response_to

BIND = BindTransceiver(system_id="guest", password="guest", interface_version=0x34)
Run = Callable[[Coroutine[Any, Any, None]], None]

pytestmark = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


class Smsc(SmppHandler):
    """Accepts everything."""

    def on_bind(self, connection: SmppConnection, pdu: Bind) -> Pdu:
        return response_to(pdu, system_id="smsc")

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu:
        return response_to(pdu)


class Told:
    """What a server is told of handshakes that failed."""

    def __init__(self) -> None:
        self.failures: list[tuple[Exception, tuple[Any, ...]]] = []
        self._heard = asyncio.Event()

    def __call__(self, error: Exception, peer: tuple[Any, ...]) -> None:
        self.failures.append((error, peer))
        self._heard.set()

    async def one(self) -> tuple[Exception, tuple[Any, ...]]:
        async with asyncio.timeout(10):
            await self._heard.wait()
        (failure,) = self.failures
        return failure


async def serving(certificates: Any, told: Told | None = None, **options: Any) -> SmppServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.pem("good"), certificates.key("good"))
    return await serve(
        "127.0.0.1", 0, handler_factory=lambda _: Smsc(), ssl=context, on_tls_failed=told, **options
    )


def trusting(certificates: Any) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates.pem("ca"))


def test_a_session(run: Run, certificates: Any) -> None:
    async def main() -> None:
        told = Told()
        server = await serving(certificates, told)
        connections = [
            await connect("127.0.0.1", server.port, bind=BIND, ssl=trusting(certificates)) for _ in range(3)
        ]
        assert len(server.connections) == 3
        assert {one.peername[0] for one in server.connections} == {"127.0.0.1"}
        for connection in connections:
            response = await connection.submit(SubmitSm(short_message=b"x" * 200))
            assert response.command_status == 0
            await connection.unbind()
        await server.close()
        assert told.failures == []

    run(main())


def test_a_peer_that_speaks_no_tls(run: Run, certificates: Any) -> None:
    async def main() -> None:
        told = Told()
        server = await serving(certificates, told)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        error, peer = await told.one()
        assert speaks_plain(error)
        assert isinstance(error, ssl.SSLError)
        assert "http request" in openssl_words(error)
        assert peer == writer.get_extra_info("sockname")
        assert await reader.read() == b""
        writer.close()
        assert server.connections == set()
        await server.close()

    run(main())


def test_a_peer_that_hangs_up(run: Run, certificates: Any) -> None:
    async def main() -> None:
        told = Told()
        server = await serving(certificates, told)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()
        error, _ = await told.one()
        assert isinstance(error, ConnectionResetError)
        assert not speaks_plain(error)
        await server.close()

    run(main())


def test_a_peer_that_says_nothing(run: Run, certificates: Any) -> None:
    async def main() -> None:
        told = Told()
        server = await serving(certificates, told, settings=ConnectionSettings(connect_timeout_s=0.05))
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        error, _ = await told.one()
        assert isinstance(error, ConnectionAbortedError)
        writer.close()
        await server.close()

    run(main())


def test_handshakes_count_among_the_connections(run: Run, certificates: Any) -> None:
    async def main() -> None:
        server = await serving(certificates, max_connections=2)
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        with pytest.raises((ConnectionError, ssl.SSLError)):
            await connect("127.0.0.1", server.port, bind=BIND, ssl=trusting(certificates))
        silent[0][1].close()
        async with asyncio.timeout(10):
            while True:  # until the server has heard of it
                try:
                    connection = await connect(
                        "127.0.0.1", server.port, bind=BIND, ssl=trusting(certificates)
                    )
                    break
                except OSError:
                    await asyncio.sleep(0.01)
        connection.abort()
        silent[1][1].close()
        await server.close()

    run(main())


def test_a_server_that_ends_waits_for_no_handshake(run: Run, certificates: Any) -> None:
    async def main() -> None:
        told = Told()
        server = await serving(certificates, told)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x16\x03\x01")  # the beginning of a handshake
        while not server._acceptor:  # noqa: ASYNC110 - until the server has heard of it
            await asyncio.sleep(0)
        await server.close()
        async with asyncio.timeout(10):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()
        assert told.failures == []

    run(main())
