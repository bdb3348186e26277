"""Real sockets: UDP, TCP and TLS, IPv4 and IPv6, reuse, hostile destinations, what the kernel gives."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from siprec.sip import Endpoint, EndpointConfig, Transport
from siprec.sip.aio import RandomIds, SipEdge
from siprec.sip.errors import NoResponseError
from siprec.sip.events import AckReceived, DialogEnded, Event, RequestReceived
from siprec.sip.parse import parse_datagram
from siprec.sip.sockets import literal_version, local_address_towards
from siprec.sip.tls import client_context, ensure_certificate, server_context
from siprec.testing import sip_request


class Party:
    """An endpoint on sockets that answers every request 200 and remembers what happened."""

    def __init__(self, **config: Any) -> None:
        self.endpoint = Endpoint(EndpointConfig(**config), RandomIds())
        self.events: list[Event] = []
        self.edge = SipEdge(self.endpoint, self.on_event)
        self.changed = asyncio.Event()

    def on_event(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, RequestReceived):
            self.endpoint.respond(event.transaction, 200, body=event.request.body, now=self.edge.now())
        self.changed.set()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not done():
                self.changed.clear()
                await self.changed.wait()

    def count(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event in self.events)


@pytest.fixture
async def parties() -> AsyncIterator[Callable[..., Party]]:
    made: list[Party] = []

    def make(**config: Any) -> Party:
        made.append(Party(**config))
        return made[-1]

    yield make
    for party in made:
        await party.edge.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_over_sockets(parties: Callable[..., Party], host: str, transport: str) -> None:
    srs, phone = parties(), parties()
    for party in (srs, phone):
        listen = party.edge.listen_udp if transport == "udp" else party.edge.listen_tcp
        await listen(host, 0)
    address, port = srs.endpoint.local(Transport(transport), host)
    where = f"[{address}]" if ":" in address else address
    transaction = phone.endpoint.request(
        "INVITE", f"sip:srs@{where}:{port};transport={transport}", body=b"x" * 3000, now=phone.edge.now()
    )
    response = await phone.edge.final_response(transaction)
    assert (response.status, len(response.body)) == (200, 3000)
    await srs.until(lambda: srs.count(AckReceived) == 1)
    srs.endpoint.bye(srs.endpoint.dialogs[0], now=srs.edge.now())
    srs.edge.flush()
    await phone.until(lambda: phone.count(DialogEnded) == 1)
    if transport == "tcp":
        assert srs.endpoint.connections == phone.endpoint.connections == 1


async def test_tls_with_a_certificate_made_at_first_start(
    parties: Callable[..., Party], tmp_path: Path
) -> None:
    certificate, key = ensure_certificate(tmp_path, ["localhost", "127.0.0.1"])
    srs, phone = parties(), parties()
    phone.edge._client_tls = client_context(certificate)
    listening = await srs.edge.listen_tls("127.0.0.1", 0, server_context(certificate, key))
    transaction = phone.endpoint.request(
        "OPTIONS", f"sip:127.0.0.1:{listening.port};transport=tls", now=phone.edge.now()
    )
    assert (await phone.edge.final_response(transaction)).status == 200


async def test_a_certificate_nobody_signed_is_refused(parties: Callable[..., Party], tmp_path: Path) -> None:
    certificate, key = ensure_certificate(tmp_path, ["127.0.0.1"])
    srs, phone = parties(), parties()
    listening = await srs.edge.listen_tls("127.0.0.1", 0, server_context(certificate, key))
    transaction = phone.endpoint.request(
        "OPTIONS", f"sip:127.0.0.1:{listening.port};transport=tls", now=phone.edge.now()
    )
    with pytest.raises(NoResponseError):
        await phone.edge.final_response(transaction)


async def test_one_connection_serves_many_calls(parties: Callable[..., Party]) -> None:
    srs, phone = parties(), parties()
    listening = await srs.edge.listen_tcp("127.0.0.1", 0)
    uri = f"sip:127.0.0.1:{listening.port};transport=tcp"
    transactions = [phone.endpoint.request("OPTIONS", uri, now=phone.edge.now()) for _ in range(50)]
    responses = await asyncio.gather(*(phone.edge.final_response(each) for each in transactions))
    assert {response.status for response in responses} == {200}
    assert srs.endpoint.connections == 1


async def test_a_refused_connection_fails_the_request_at_once(parties: Callable[..., Party]) -> None:
    phone = parties()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        transaction = phone.endpoint.request(
            "OPTIONS", f"sip:127.0.0.1:{port};transport=tcp", now=phone.edge.now()
        )
        with pytest.raises(NoResponseError):
            await phone.edge.final_response(transaction)


def test_a_deadline_that_has_passed_is_met_on_uvloop_too() -> None:
    """uvloop turns a moment in the past into a handle without `when()`: the edge must not ask for it."""
    uvloop = pytest.importorskip("uvloop")

    async def run() -> int:
        party = Party()
        await party.edge.listen_udp("127.0.0.1", 0)
        transaction = party.endpoint.request("OPTIONS", "sip:127.0.0.1:9", now=party.edge.now() - 40.0)
        for _ in range(3):
            party.edge.flush()
        with pytest.raises(NoResponseError):
            await party.edge.final_response(transaction)
        await party.edge.close()
        return party.endpoint.transactions

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == 0


async def test_a_name_is_resolved(parties: Callable[..., Party]) -> None:
    srs, phone = parties(), parties()
    listening = await srs.edge.listen_udp("127.0.0.1", 0)
    await phone.edge.listen_udp("127.0.0.1", 0)
    transaction = phone.endpoint.request("OPTIONS", f"sip:localhost:{listening.port}", now=phone.edge.now())
    assert (await phone.edge.final_response(transaction)).status == 200


async def test_an_unknown_name_fails_the_request(parties: Callable[..., Party]) -> None:
    phone = parties()
    await phone.edge.listen_udp("127.0.0.1", 0)
    transaction = phone.endpoint.request("OPTIONS", "sip:no-such-host.invalid", now=phone.edge.now())
    with pytest.raises(NoResponseError):
        await phone.edge.final_response(transaction)


async def test_without_a_socket_of_the_family_the_request_fails(parties: Callable[..., Party]) -> None:
    phone = parties()
    await phone.edge.listen_udp("127.0.0.1", 0)
    transaction = phone.endpoint.request("OPTIONS", "sip:[::1]:5060", now=phone.edge.now())
    with pytest.raises(NoResponseError, match="no IPv6 socket"):
        await phone.edge.final_response(transaction)


@contextlib.contextmanager
def udp_client() -> Any:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.setblocking(False)
        yield client


async def receive(client: socket.socket) -> bytes:
    async with asyncio.timeout(5):
        return await asyncio.get_running_loop().sock_recv(client, 65_536)


async def test_a_via_with_port_70000_does_not_silence_the_server(parties: Callable[..., Party]) -> None:
    srs = parties()
    listening = await srs.edge.listen_udp("127.0.0.1", 0)
    address = ("127.0.0.1", listening.port)
    with udp_client() as client:
        for via in ("127.0.0.1:70000", "127.0.0.1:0", "127.0.0.1:65535", "256.256.256.256:5060"):
            data = sip_request("OPTIONS", via=f"SIP/2.0/UDP {via}", branch=f"z9hG4bK{via}", call_id=via)
            client.sendto(data.replace(b";rport", b""), address)
            bad_contact = sip_request(
                contact="<sip:x@127.0.0.1:70000>", branch=f"z9hG4bKc{via}", call_id="c" + via
            )
            client.sendto(bad_contact, address)
        client.sendto(sip_request("OPTIONS", branch="z9hG4bKgood", call_id="good"), address)
        while b"z9hG4bKgood" not in (answer := await receive(client)):
            pass
        assert answer.startswith(b"SIP/2.0 200 OK")


async def test_an_invite_of_nearly_64_kib(parties: Callable[..., Party]) -> None:
    srs = parties()
    listening = await srs.edge.listen_udp("127.0.0.1", 0)
    with udp_client() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        data = sip_request(body=b"x" * 64_000, via=f"SIP/2.0/UDP 127.0.0.1:{client.getsockname()[1]}")
        client.sendto(data, ("127.0.0.1", listening.port))
        answer = parse_datagram(await receive(client))
        assert answer.body == b"x" * 64_000


async def test_a_flood_of_garbage_and_half_open_streams_then_a_good_invite(
    parties: Callable[..., Party],
) -> None:
    srs = parties(max_connections_per_source=64)
    udp = await srs.edge.listen_udp("127.0.0.1", 0)
    tcp = await srs.edge.listen_tcp("127.0.0.1", 0)
    with contextlib.ExitStack() as stack, udp_client() as client:
        for number in range(100):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", tcp.port)))
            half.sendall(b"INVITE sip:x SIP/2.0\r\nVia: ")
            for _ in range(30):
                client.sendto(bytes([number]) * 900, ("127.0.0.1", udp.port))
            await asyncio.sleep(0)
        client.sendto(sip_request(), ("127.0.0.1", udp.port))
        answer = await receive(client)
        while b"200 OK" not in answer:
            answer = await receive(client)
        await srs.until(lambda: srs.count(RequestReceived) == 1)
        assert srs.endpoint.connections <= 64


async def test_a_connection_that_ends_without_an_answer_is_not_waited_for(
    parties: Callable[..., Party],
) -> None:
    """As where a TLS server wants a certificate: the handshake is over before it says no."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    phone = parties()
    await phone.edge.listen_tcp("127.0.0.1", 0)
    uri = f"sip:127.0.0.1:{server.sockets[0].getsockname()[1]};transport=tcp"
    transaction = phone.endpoint.request("INVITE", uri, now=phone.edge.now())
    with pytest.raises(NoResponseError, match=r"connection closed|reset"):
        async with asyncio.timeout(20):
            await phone.edge.final_response(transaction)
    server.close()


async def test_what_came_whole_is_answered_before_a_stream_that_lost_its_framing_is_closed(
    parties: Callable[..., Party],
) -> None:
    srs = parties()
    tcp = await srs.edge.listen_tcp("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", tcp.port)
    writer.write(sip_request(body=b"v=0\r\n", via="SIP/2.0/TCP 192.0.2.2:5060") + b"too much\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert answer.startswith(b"SIP/2.0 200 OK\r\n")
    writer.close()


async def test_a_handler_that_fails_costs_only_its_call(parties: Callable[..., Party]) -> None:
    srs, phone = parties(), parties()
    problems: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.put_nowait(context))
    answer = srs.on_event

    def fail_once(event: Event) -> None:
        srs.edge._on_event = answer
        raise RuntimeError("broken")

    srs.edge._on_event = fail_once
    listening = await srs.edge.listen_udp("127.0.0.1", 0)
    await phone.edge.listen_udp("127.0.0.1", 0)
    uri = f"sip:127.0.0.1:{listening.port}"
    phone.endpoint.request("OPTIONS", uri, now=phone.edge.now())
    phone.edge.flush()
    async with asyncio.timeout(5):
        assert str((await problems.get())["exception"]) == "broken"
    transaction = phone.endpoint.request("OPTIONS", uri, now=phone.edge.now())
    assert (await phone.edge.final_response(transaction)).status == 200


async def test_a_taken_port_is_an_error_and_leaks_nothing(parties: Callable[..., Party]) -> None:
    one, other = parties(), parties()
    listening = await one.edge.listen_udp("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        await other.edge.listen_udp("127.0.0.1", listening.port)


async def test_the_kernel_is_asked_for_its_buffer(parties: Callable[..., Party]) -> None:
    listening = await parties().edge.listen_udp("127.0.0.1", 0, buffer_bytes=32_768)
    assert listening.receive_buffer_bytes == 32_768
    greedy = await parties().edge.listen_udp("127.0.0.1", 0, buffer_bytes=1 << 22)
    assert 32_768 < greedy.receive_buffer_bytes <= 1 << 22


async def test_wildcards_advertise_an_address_that_can_be_reached(parties: Callable[..., Party]) -> None:
    party = parties()
    listening = await party.edge.listen_udp("0.0.0.0", 0)
    assert party.endpoint.local(Transport.UDP) == (local_address_towards(), listening.port)
    await party.edge.listen_tcp("0.0.0.0", 0, advertise="203.0.113.7")
    assert party.endpoint.local(Transport.TCP)[0] == "203.0.113.7"


def test_literals_are_told_from_names() -> None:
    assert [literal_version(host) for host in ("192.0.2.1", "2001:db8::1", "example.com", "999.1.1.1")] == [
        4,
        6,
        0,
        0,
    ]


def test_random_ids_do_not_repeat() -> None:
    ids = RandomIds()
    tokens = {ids.token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(len(token) == 24 for token in tokens)


def test_certificate_is_kept_and_private(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    first = ensure_certificate(directory, ["sip.example.com", "2001:db8::1"])
    content = first[0].read_bytes(), first[1].read_bytes()
    assert ensure_certificate(directory, ["other.example.com"]) == first
    assert (first[0].read_bytes(), first[1].read_bytes()) == content
    assert first[1].stat().st_mode & 0o077 == 0
