"""The lean client against receivers that behave, misbehave, hide, and pretend."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.messages.webhooks.client import Sender, address_allowed, resolve, tls_context
from gateway.messages.webhooks.queue import Delivery, DeliveryQueue, Failure, RetryPolicy
from gateway.messages.webhooks.settings import WebhooksSettings
from gateway.messages.webhooks.wire import Response, parse_target

from .conftest import Receiver, StartReceiver, until

LOOPBACK = WebhooksSettings().allowed_networks
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Judge:
    def __init__(self) -> None:
        self.done: list[int] = []
        self.failures: list[str] = []
        self.wake = asyncio.Event()

    def delivered(self, delivery: Delivery, response: Response) -> None:
        self.done.append(delivery.id)
        self.wake.set()

    def failed(self, delivery: Delivery, failure: Failure, final: bool) -> None:
        self.failures.append(failure.reason)
        self.wake.set()

    async def until(self, done: int = 0, failures: int = 0) -> None:
        async with asyncio.timeout(10):
            while len(self.done) < done or len(self.failures) < failures:
                self.wake.clear()
                await self.wake.wait()


def make_sender(url: str, judge: Judge, **settings: Any) -> Sender:
    chosen = WebhooksSettings(**{"first_retry_s": 0.01, "longest_retry_s": 0.02, **settings})
    policy = RetryPolicy(50, chosen.first_retry_s, chosen.longest_retry_s)
    queue = DeliveryQueue(policy, chosen.connections, 1000, lambda: 0.0)
    return Sender(parse_target(url), None, queue, chosen, judge)


def delivery(number: int) -> Delivery:
    return Delivery(number, 1, str(number), "message.delivered", b"{}", 0)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


async def serve(handler: Handler) -> tuple[asyncio.Server, str]:
    count = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        try:
            await handler(reader, writer, count)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)
    return head


async def test_a_connection_is_used_again(receiver: Receiver) -> None:
    judge = Judge()
    sender = make_sender(receiver.url, judge, connections=2)
    for number in range(50):
        sender.add(delivery(number))
    await judge.until(done=50)
    assert len(sender._connections) == 2
    sender.close()


async def test_one_event_opens_one_connection(receiver: Receiver) -> None:
    judge = Judge()
    sender = make_sender(receiver.url, judge)
    for number in range(5):
        sender.add(delivery(number))
        await judge.until(done=number + 1)
    assert len(sender._connections) == 1
    sender.close()


async def test_an_idle_connection_the_receiver_closed_costs_no_attempt() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
        await read_request(reader)
        writer.write(OK)
        await reader.readexactly(1)  # the next request is answered by closing

    server, url = await serve(once)
    judge = Judge()
    sender = make_sender(url, judge, connections=1)
    for number in range(5):
        sender.add(delivery(number))
    await judge.until(done=5)
    assert judge.failures == []
    sender.close()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "the answer is not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "the receiver closed the connection"),
        (b"", "the receiver closed the connection"),
    ],
)
async def test_broken_answers_are_failures(answer: bytes, reason: str) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        writer.write(answer if number == 1 else OK)
        await writer.drain()

    server, url = await serve(broken)
    judge = Judge()
    sender = make_sender(url, judge)
    sender.add(delivery(1))
    await judge.until(done=1, failures=1)
    assert judge.failures == [reason]
    sender.close()
    server.close()
    await server.wait_closed()


async def test_a_body_up_to_the_end_of_the_connection_is_an_answer() -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nthank you")

    server, url = await serve(old)
    judge = Judge()
    sender = make_sender(url, judge)
    for number in range(3):
        sender.add(delivery(number))
    await judge.until(done=3)
    assert judge.failures == []
    sender.close()
    server.close()
    await server.wait_closed()


async def test_unasked_bytes_close_the_connection() -> None:
    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if number == 1:
            await read_request(reader)
            writer.write(OK)
            await writer.drain()
            writer.write(OK)
            assert await reader.read() == b""
        else:
            await read_request(reader)
            writer.write(OK)
            await reader.read()

    server, url = await serve(chatty)
    judge = Judge()
    sender = make_sender(url, judge, connections=1)
    sender.add(delivery(1))
    await judge.until(done=1)
    await until(lambda: not sender._connections)
    sender.add(delivery(2))
    await judge.until(done=2)
    sender.close()
    server.close()
    await server.wait_closed()


async def test_unused_connections_are_closed(receiver: Receiver) -> None:
    judge = Judge()
    sender = make_sender(receiver.url, judge, idle_s=0.02)
    sender.add(delivery(1))
    await judge.until(done=1)
    await until(lambda: not sender._connections)
    sender.close()


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    from aiohttp import web

    async def away(_request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://169.254.169.254/"})

    receiver.script = [away]
    judge = Judge()
    sender = make_sender(receiver.url, judge)
    sender.add(delivery(1))
    await judge.until(done=1, failures=1)
    assert judge.failures == ["the receiver answered 307"]
    sender.close()


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False), ("169.254.169.254", False), ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False),
        ("0.0.0.0", False), ("2001:db8::1", False), ("localhost", False), ("", False),
    ],
)  # fmt: skip
def test_addresses_by_default(address: str, allowed: bool) -> None:
    assert address_allowed(address, LOOPBACK) is allowed


def test_other_networks_can_be_allowed() -> None:
    assert address_allowed("10.1.2.3", [ip_network("10.0.0.0/8")])
    assert not address_allowed("127.0.0.1", [ip_network("10.0.0.0/8")])


async def test_a_name_that_leads_elsewhere_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lookup(*_args: object, **_options: object) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    judge = Judge()
    sender = make_sender("http://innocent.example/", judge)
    sender.add(delivery(1))
    await judge.until(failures=1)
    assert judge.failures[0] == "the target's address is outside webhooks.allowed_networks"
    sender.close()


async def test_an_allowed_address_of_a_name_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lookup(*_args: object, **_options: object) -> list[Any]:
        return [(2, 1, 6, "", ("203.0.113.9", 80)), (2, 1, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    assert await resolve(parse_target("http://both.example/"), LOOPBACK) == "127.0.0.1"


async def test_an_unknown_name_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lookup(*_args: object, **_options: object) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    judge = Judge()
    sender = make_sender("http://nowhere.invalid/", judge)
    sender.add(delivery(1))
    await judge.until(failures=1)
    assert judge.failures[0] == "the receiver's name cannot be resolved"
    sender.close()


def certificate(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(names[0]), *(x509.IPAddress(ip_address(one)) for one in names[1:])]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "tls.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


async def test_https_with_a_trusted_certificate(tmp_path: Path, start_receiver: StartReceiver) -> None:
    file, context = certificate(tmp_path, "localhost")
    receiver = await start_receiver(0, context)
    judge = Judge()
    sender = make_sender(receiver.url, judge, ca_file=str(file), connections=1)
    for number in range(5):
        sender.add(delivery(number))
    await judge.until(done=5)
    assert receiver.posts[0][0]["Host"] == receiver.url.split("/")[2]
    sender.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize("trusted", [False, True])
async def test_https_is_not_talked_into_trust(
    tmp_path: Path, start_receiver: StartReceiver, trusted: bool
) -> None:
    """An unknown authority, and a certificate of another name."""
    file, context = certificate(tmp_path, "elsewhere.example")
    receiver = await start_receiver(0, context)
    judge = Judge()
    sender = make_sender(receiver.url, judge, ca_file=str(file) if trusted else None)
    sender.add(delivery(1))
    await judge.until(failures=1)
    assert judge.failures[0].startswith("the receiver's certificate is not trusted")
    assert receiver.posts == []
    sender.close()


def test_the_tls_context_checks() -> None:
    context = tls_context(None)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
