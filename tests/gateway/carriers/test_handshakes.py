"""What a carrier says of connections that no session comes of."""

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from gateway.carriers.handshakes import failure_of
from gateway.carriers.service import CarriersService
from gateway.carriers.settings import CarriersSettings
from gateway.runtime import log
from gateway.runtime.clock import WorldClock
from gateway.smpp.aio import connect
from gateway.smpp.errors import BindFailed
from gateway.smpp.pdu import BindTransceiver, QuerySm

BIND = BindTransceiver(system_id="guest", password="guest", interface_version=0x34)


@pytest.fixture
async def serving(profile_of: Callable[..., Any]) -> Any:
    """Start a carrier with these TLS settings; returns it."""
    services: list[CarriersService] = []
    clock = WorldClock(1_790_000_000_000_000_000, frozen=True)

    async def start(**tls: Any) -> Any:
        settings = CarriersSettings.model_validate(
            {"port": 0, "networks": {"acme": {"profile": profile_of()}}, "tls": tls or None}
        )
        service = CarriersService(settings, clock)
        await service.start()
        services.append(service)
        return service.carrier("acme")

    log.configure("warning", json=True)
    yield start
    for service in services:
        await service.stop()
    clock.close()


def client_tls(certificates: Any, name: str | None = None, *, trusting: bool = True) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.pem("ca") if trusting else None)
    if name is not None:
        context.load_cert_chain(certificates.pem(name), certificates.key(name))
    return context


async def said(capsys: pytest.CaptureFixture[str], event: str) -> dict[str, Any]:
    """The next line of the log with this event."""
    err = ""
    async with asyncio.timeout(10):
        while True:
            err += capsys.readouterr().err
            for line in err.splitlines():
                if (found := json.loads(line))["event"] == event:
                    return found
            await asyncio.sleep(0.01)


async def test_a_session_over_tls(serving: Any, certificates: Any) -> None:
    carrier = await serving(certificate=certificates.pem("good"), key=certificates.key("good"))
    connection = await connect("127.0.0.1", carrier.port, bind=BIND, ssl=client_tls(certificates))
    assert connection.peername[1] == carrier.port
    (bind,) = carrier.state().binds
    assert bind.system_id == "guest"
    assert (await connection.submit(QuerySm(message_id="1"))).command_status != 0
    await connection.unbind()
    assert carrier.state().binds == ()


async def test_an_esme_that_does_not_trust_us(
    serving: Any, certificates: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    carrier = await serving(certificate=certificates.pem("good"), key=certificates.key("good"))
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect("127.0.0.1", carrier.port, bind=BIND, ssl=client_tls(certificates, trusting=False))
    line = await said(capsys, "tls handshake failed")
    assert (line["carrier"], line["peer"], line["reason"]) == ("acme", "127.0.0.1", "tls_hung_up")
    assert "carriers.tls.certificate" in line["told"]


async def test_a_plain_esme_at_a_carrier_with_tls(
    serving: Any, certificates: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    carrier = await serving(certificate=certificates.pem("good"), key=certificates.key("good"))
    with pytest.raises(BindFailed):
        await connect("127.0.0.1", carrier.port, bind=BIND)
    line = await said(capsys, "tls handshake failed")
    assert (line["reason"], line["level"]) == ("tls_not_spoken", "warning")


async def test_an_esme_with_tls_at_a_plain_carrier(
    serving: Any, certificates: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    carrier = await serving()
    with pytest.raises(ssl.SSLError):
        await connect("127.0.0.1", carrier.port, bind=BIND, ssl=client_tls(certificates))
    line = await said(capsys, "tls not expected")
    assert "set carriers.tls" in line["told"]


@pytest.mark.parametrize(
    ("shown", "reason"),
    [("client", None), (None, "certificate_missing"), ("selfsigned", "certificate_refused")],
)
async def test_certificates_of_esmes(
    serving: Any, certificates: Any, capsys: pytest.CaptureFixture[str], shown: str | None, reason: str | None
) -> None:
    carrier = await serving(
        certificate=certificates.pem("good"),
        key=certificates.key("good"),
        client_ca_file=certificates.pem("ca"),
    )
    if reason is None:
        connection = await connect("127.0.0.1", carrier.port, bind=BIND, ssl=client_tls(certificates, shown))
        await connection.unbind()
        return
    with pytest.raises((BindFailed, OSError)):
        await connect("127.0.0.1", carrier.port, bind=BIND, ssl=client_tls(certificates, shown))
    line = await said(capsys, "tls handshake failed")
    assert line["reason"] == reason
    assert "carriers.tls.client_ca_file" in line["told"]


def _ssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (_ssl_error("TLSV1_ALERT_UNKNOWN_CA"), "certificate_not_accepted"),
        (_ssl_error("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "certificate_not_accepted"),
        (_ssl_error("NO_SHARED_CIPHER"), "tls_failed"),
        (ConnectionAbortedError("SSL handshake is taking longer"), "tls_timeout"),
        (ConnectionResetError(), "tls_hung_up"),
    ],
)
def test_other_failures(error: Exception, reason: str) -> None:
    failure = failure_of(error)
    assert failure.reason == reason
    assert "{" not in failure.told
