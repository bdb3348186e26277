"""Why a bind is not up: one sentence for each cause, naming the setting to look at."""

import asyncio
import json
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from gateway.esme.backoff import Backoff
from gateway.esme.deliver import RefuseDeliveries
from gateway.esme.link import Link, LinkKind, LinkOwner
from gateway.esme.outages import Outage, ended, outage_of
from gateway.esme.settings import BackoffSettings, CarrierLinkSettings, TlsSettings
from gateway.runtime import log
from gateway.smpp.aio import SmppConnection, SmppHandler, serve
from gateway.smpp.constants import CommandId, CommandStatus
from gateway.smpp.errors import BindFailed, CommandLengthInvalid, NotOpen
from gateway.smpp.events import CloseReason, SessionClosed
from gateway.smpp.pdu import Bind, Pdu, response_to

QUICK = BackoffSettings(min_s=0.01, max_s=0.02)
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Carrier(SmppHandler):
    """Accepts every bind, or refuses it."""

    def __init__(self, status: int = 0) -> None:
        self.status = status

    def on_bind(self, connection: SmppConnection, pdu: Bind) -> Pdu:
        return response_to(pdu, self.status)


class Nobody(LinkOwner):
    """Hears all and does nothing."""


def server_tls(certificates: Any, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.pem(name), certificates.key(name))
    return context


async def outage_at(port: int, **options: Any) -> Outage:
    """What a link says that cannot bind there."""
    settings = CarrierLinkSettings(port=port, system_id="gateway", backoff=QUICK, **options)
    backoff = Backoff(settings.backoff, random.Random(1))
    link = Link("acme-1", "acme", LinkKind.TRANSCEIVER, settings, backoff, Nobody(), RefuseDeliveries())
    link.start()
    async with asyncio.timeout(10):
        while link.outage is None:
            assert not link.bound
            await asyncio.sleep(0.005)
    outage = link.outage
    await link.stop(0.0)
    return outage


@pytest.mark.parametrize(
    ("certificate", "trusted", "server_name", "reason", "words"),
    [
        ("expired", "ca", None, "certificate_expired", ("certificate has expired", "renew it")),
        ("selfsigned", "ca", None, "certificate_untrusted", ("self-signed certificate", "tls.ca_file")),
        ("good", None, None, "certificate_untrusted", ("local issuer certificate", "tls.ca_file")),
        ("wrong", "ca", "sms.example", "certificate_name", ("sms.example", "tls.server_name")),
        ("wrong", "ca", None, "certificate_name", ("127.0.0.1", "tls.server_name", "acme.host")),
    ],
)
async def test_a_certificate_that_is_refused(
    certificates: Any, certificate: str, trusted: str, server_name: str, reason: str, words: tuple[str, ...]
) -> None:
    context = server_tls(certificates, certificate)
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: Carrier(), ssl=context)
    tls = TlsSettings(ca_file=certificates.pem(trusted) if trusted else None, server_name=server_name)
    outage = await outage_at(server.port, tls=tls)
    assert outage.reason == reason
    for word in ("the carrier's certificate is refused", *words):
        assert word in outage.told
    await server.close()


@pytest.mark.parametrize("name", ["RINVPASWD", "RINVSYSID", "RBINDFAIL", "RALYBND", "RSYSERR"])
async def test_a_bind_that_is_refused(name: str) -> None:
    status = CommandStatus[name]
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: Carrier(status))
    outage = await outage_at(server.port)
    assert outage.reason == f"ESME_{status.name}"
    assert "esme.carriers.acme" in outage.told
    await server.close()


async def test_tls_against_a_plain_carrier() -> None:
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: Carrier())
    outage = await outage_at(server.port, tls=TlsSettings())
    assert outage.reason == "tls_not_spoken"
    assert f"127.0.0.1:{server.port} speaks no TLS" in outage.told
    assert "remove esme.carriers.acme.tls" in outage.told
    await server.close()


async def test_plain_smpp_against_a_carrier_with_tls(certificates: Any) -> None:
    context = server_tls(certificates, "good")
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: Carrier(), ssl=context)
    outage = await outage_at(server.port)
    assert outage.reason == "connection_lost"
    assert "closed the connection before it answered the bind" in outage.told
    assert "set esme.carriers.acme.tls" in outage.told
    await server.close()


async def _alert(reader: Reader, writer: Writer) -> None:
    await reader.read(1)
    writer.write(bytes.fromhex("15030100020246"))


async def _hang_up(reader: Reader, writer: Writer) -> None:
    await reader.read(1)


async def _web(reader: Reader, writer: Writer) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("peer", "options", "reason", "words"),
    [
        (_alert, {}, "tls_expected", "set esme.carriers.acme.tls"),
        (_hang_up, {"tls": TlsSettings()}, "tls_hung_up", "remove esme.carriers.acme.tls"),
        (_web, {}, "fatal_error", "speaks no SMPP"),
        (_web, {"tls": TlsSettings()}, "tls_not_spoken", "speaks no TLS"),
    ],
    ids=["a TLS alert", "hangs up in the handshake", "a web server", "a web server without TLS"],
)
async def test_strangers(
    peer: Callable[[Reader, Writer], Awaitable[None]], options: dict[str, Any], reason: str, words: str
) -> None:
    async def served(reader: Reader, writer: Writer) -> None:
        await peer(reader, writer)
        writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    outage = await outage_at(server.sockets[0].getsockname()[1], **options)
    assert outage.reason == reason
    assert words in outage.told
    server.close()


async def test_a_carrier_asks_for_our_certificate(certificates: Any) -> None:
    """Where it says so, which a loop's own server does not."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = server_tls(certificates, "good")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.pem("ca"))

    def accept() -> None:
        while True:
            try:
                incoming, _ = listener.accept()
            except OSError:
                return
            incoming.settimeout(5)
            with context.wrap_socket(incoming, server_side=True, do_handshake_on_connect=False) as secured:
                with suppress(OSError):
                    secured.do_handshake()
                with suppress(OSError):  # what is left unread would take the alert with it
                    secured.shutdown(socket.SHUT_WR)
                    while socket.socket.recv(secured, 4096):
                        pass

    accepting = asyncio.get_running_loop().run_in_executor(None, accept)
    tls = TlsSettings(ca_file=certificates.pem("ca"))
    try:
        outage = await outage_at(listener.getsockname()[1], tls=tls)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        await accepting
    assert outage.reason == "certificate_refused"
    assert "esme.carriers.acme.tls.certificate_file" in outage.told


async def test_nobody_listens_and_the_log_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    log.configure("warning", json=True)
    outage = await outage_at(port)
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert outage == Outage(
        "connection_refused", f"nobody listens on 127.0.0.1:{port}: see esme.carriers.acme.host and port"
    )
    assert (line["event"], line["reason"], line["told"]) == ("link_down", *outage)


ACME = CarrierLinkSettings(host="sms.example", port=2775, system_id="x")


@pytest.mark.parametrize(
    ("error", "reason", "told"),
    [
        (
            TimeoutError(),
            "connect_timeout",
            "sms.example:2775 does not answer within esme",
        ),
        (socket.gaierror(-2, "Name or service not known"), "unknown_host", "see esme.carriers.acme.host"),
        (OSError(113, "No route to host"), "connection_failed", "cannot be reached: no route to host"),
        (OSError("Multiple exceptions: {1}"), "connection_failed", "Multiple exceptions: {1}"),
        (NotOpen("{closed}"), "NotOpen", "the session is {closed}"),
        (BindFailed(CommandId.BIND_TRANSCEIVER, 0, "bind_timeout"), "bind_timeout", "acme.bind_timeout_s"),
        (BindFailed(CommandId.BIND_TRANSCEIVER, 0x452, ""), "vendor_0x0452", "refuses the bind"),
    ],
)
def test_what_cannot_be_had_from_a_socket(error: Exception, reason: str, told: str) -> None:
    outage = outage_of(error, "acme", ACME)
    assert outage.reason == reason
    assert told in outage.told


@pytest.mark.parametrize("reason", list(CloseReason))
def test_every_end_of_a_bind_has_words(reason: CloseReason) -> None:
    outage = ended(SessionClosed(reason))
    assert outage.reason == reason.value
    assert outage.told


def test_octets_that_are_no_smpp() -> None:
    error = CommandLengthInvalid(3, 65_536, 0)
    assert "command_length 3" in ended(SessionClosed(CloseReason.FATAL_ERROR, error)).told
