"""The listening side: taken ports, limits on time and connections, malformed HTTP, TLS, draining."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.runtime.http import (
    ApiRequest,
    Health,
    HttpServer,
    HttpSettings,
    Routes,
    ServerStartError,
    build_app,
)
from gateway.runtime.metrics import Metrics


def an_app(settings: HttpSettings, routes: Routes | None = None) -> web.Application:
    parts = [routes] if routes is not None else []
    return build_app(parts, [], Metrics(process=False), Health(), "Test", "1", settings=settings)


async def raw(port: int, data: bytes, timeout_s: float = 5) -> bytes:
    """Send bytes, read until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), timeout_s)
    finally:
        writer.close()
        await writer.wait_closed()


async def until(holds: Callable[[], bool]) -> None:
    """Wait, at most five seconds, for something that nobody announces."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_taken_port_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = HttpSettings(port=taken.getsockname()[1])
        server = HttpServer(an_app(settings), settings, setting="texting.http.port")
        with pytest.raises(ServerStartError, match=r"the port is taken.*--set texting\.http\.port="):
            await server.start()
        await server.stop()


async def test_a_foreign_address_names_the_host_setting() -> None:
    settings = HttpSettings(host="192.0.2.77", port=0)
    with pytest.raises(ServerStartError, match=r"--set http\.host="):
        await HttpServer(an_app(settings), settings).start()


async def test_port_0_takes_a_free_one_and_says_which(serve: Any) -> None:
    api = await serve([])
    assert api.server.port > 0
    assert api.server.url == f"http://127.0.0.1:{api.server.port}"


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 500 + b"\r\n",
    ],
    ids=["nonsense", "version", "name", "length", "smuggling", "tls", "line", "field", "many"],
)
async def test_malformed_http_is_answered_in_json_and_logged_nowhere(
    serve: Any, data: bytes, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    api = await serve([])
    answer = await raw(api.server.port, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"Connection: close" in head
    document = json.loads(body)
    assert document["errors"][0]["code"] == "malformed_request"
    assert document["trackingId"].startswith("GW_")
    assert "".join(capsys.readouterr()) + caplog.text == ""
    assert (await api.call("GET", "/healthz")).status == 200


async def test_a_connection_that_says_nothing_is_closed(serve: Any) -> None:
    api = await serve([], HttpSettings(port=0, first_request_timeout_s=0.1))
    assert await raw(api.server.port, b"") == b""
    assert await raw(api.server.port, b"GET / HT") == b""


async def test_an_idle_connection_is_closed(serve: Any) -> None:
    api = await serve([], HttpSettings(port=0, keepalive_timeout_s=0.1, first_request_timeout_s=30))
    answer = await raw(api.server.port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_connections_beyond_the_limit_are_told(serve: Any) -> None:
    api = await serve([], HttpSettings(port=0, max_connections=2))
    held = [await asyncio.open_connection("127.0.0.1", api.server.port) for _ in range(2)]
    await until(lambda: api.server.connections == 2)
    answer = await raw(api.server.port, b"")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 503 " in head
    assert b"Retry-After: 1" in head
    assert json.loads(body)["errors"][0]["code"] == "too_many_connections"
    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    await until(lambda: api.server.connections == 0)
    assert (await api.call("GET", "/healthz")).status == 200


async def test_draining_lets_requests_end_and_takes_no_new_ones(serve: Any) -> None:
    routes = Routes("Slow")
    entered, release = asyncio.Event(), asyncio.Event()

    @routes.get("/v1/slow")
    async def slow(_request: ApiRequest) -> dict[str, bool]:
        entered.set()
        await release.wait()
        return {"done": True}

    api = await serve([routes])
    asking = asyncio.create_task(api.call("GET", "/v1/slow"))
    await entered.wait()
    draining = asyncio.create_task(api.server.drain(5.0))
    await until(lambda: api.health.draining)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", api.server.port)
    assert not draining.done()
    release.set()
    assert (await asking).json == {"done": True}
    await asyncio.wait_for(draining, 5)


async def test_draining_ends_at_its_deadline(serve: Any) -> None:
    routes = Routes("Stuck")
    entered = asyncio.Event()

    @routes.get("/v1/stuck")
    async def stuck(_request: ApiRequest) -> None:
        entered.set()
        await asyncio.Event().wait()

    api = await serve([routes], HttpSettings(port=0, shutdown_timeout_s=0.05))
    asking = asyncio.create_task(api.call("GET", "/v1/stuck"))
    await entered.wait()
    await asyncio.wait_for(api.server.drain(0.1), 2)
    await api.server.stop()
    with pytest.raises(aiohttp.ClientError):
        await asking


async def test_stopping_twice_and_before_start_is_harmless() -> None:
    settings = HttpSettings(port=0)
    server = HttpServer(an_app(settings), settings)
    await server.stop()
    await server.drain(0.1)
    await server.start()
    await server.stop()
    await server.stop()
    assert server.connections == 0


def certificate(folder: Path) -> tuple[str, str]:
    """A self-signed certificate for localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


async def test_tls(serve: Any, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    api = await serve([], HttpSettings(port=0, tls_certificate=cert, tls_key=key))
    assert api.server.url.startswith("https://")
    trust = ssl.create_default_context(cafile=cert)
    url = f"https://localhost:{api.server.port}/healthz"
    async with api.client.get(url, ssl=trust) as response:
        assert response.status == 200
    old = ssl.create_default_context(cafile=cert)
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    async with api.client.get(url, ssl=old) as response:
        assert response.status == 200


async def test_a_broken_certificate_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("not a certificate")
    settings = HttpSettings(
        port=0, tls_certificate=str(tmp_path / "cert.pem"), tls_key=str(tmp_path / "missing.pem")
    )
    with pytest.raises(ServerStartError, match=r"http\.tls_certificate"):
        await HttpServer(an_app(settings), settings).start()


async def test_ipv6_urls_have_brackets() -> None:
    settings = HttpSettings(host="::1", port=8080)
    assert HttpServer(an_app(settings), settings).url == "http://[::1]:8080"
