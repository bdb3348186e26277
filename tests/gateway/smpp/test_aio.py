"""Sessions on real sockets: connect, serve, TLS, back-pressure, faults."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.smpp.aio import (
    ConnectionSettings,
    Outcome,
    SmppConnection,
    SmppHandler,
    SmppServer,
    connect,
    serve,
)
from gateway.smpp.constants import CommandStatus
from gateway.smpp.errors import (
    BindFailed,
    NotOpen,
    RequestAbandoned,
    RequestTimedOut,
    WindowFull,
)
from gateway.smpp.events import CloseReason, SessionClosed
from gateway.smpp.matrix import Role, SessionState
from gateway.smpp.pdu import (
    AlertNotification,
    BindReceiver,
    BindTransceiver,
    DeliverSm,
    EnquireLink,
    Outbind,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    encode,
    response_to,
)
from gateway.smpp.session import Direction, SessionSettings
from gateway.smpp.timers import TimerSettings

BIND = BindTransceiver(system_id="guest", password="guest", interface_version=0x34)


class Carrier(SmppHandler):
    """An SMSC that accepts `guest` and answers what it is told to."""

    def __init__(self) -> None:
        self.connections: list[SmppConnection] = []
        self.requests: list[Pdu] = []
        self.closed: list[SessionClosed] = []
        self.violations: list[Exception] = []
        self.answer: Callable[[SmppConnection, Pdu], Any] = lambda _, pdu: response_to(pdu, message_id="4f")

    def on_connected(self, connection: SmppConnection) -> None:
        self.connections.append(connection)

    def on_bind(self, connection: SmppConnection, pdu: Any) -> Pdu:
        status = 0 if pdu.password == "guest" else CommandStatus.RINVPASWD
        return response_to(pdu, status, **({} if status else {"system_id": "carrier"}))

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Any:
        self.requests.append(pdu)
        return self.answer(connection, pdu)

    def on_violation(self, connection: SmppConnection, error: Exception) -> None:
        self.violations.append(error)

    def on_closed(self, connection: SmppConnection, closed: SessionClosed) -> None:
        self.closed.append(closed)


class World:
    """A carrier, its server, and the connections a test makes."""

    def __init__(self, carrier: Carrier, server: SmppServer) -> None:
        self.carrier, self.server = carrier, server
        self.made: list[SmppConnection] = []

    async def connect(self, **options: Any) -> SmppConnection:
        options.setdefault("bind", BIND)
        connection = await connect("127.0.0.1", self.server.port, **options)
        self.made.append(connection)
        return connection


@asynccontextmanager
async def new_world() -> AsyncIterator[World]:
    carrier = Carrier()
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: carrier)
    made = World(carrier, server)
    yield made
    for connection in made.made:
        connection.abort()
    await server.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with new_world() as made:
        yield made


def settings(window: int = 10, **timers: float) -> ConnectionSettings:
    return ConnectionSettings(session=SessionSettings(window=window, timers=TimerSettings(**timers)))


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - any state of the far side, turn by turn
            await asyncio.sleep(0)


async def test_bind_submit_unbind(world: World) -> None:
    connection = await world.connect()
    assert (connection.state, connection.peer_system_id) == (SessionState.BOUND_TRX, "carrier")
    assert connection.peername[1] == world.server.port
    response = await connection.submit(SubmitSm(short_message=b"hi"))
    assert isinstance(response, SubmitSmResp)
    assert response.message_id == "4f"
    closed = await connection.unbind()
    assert closed == SessionClosed(CloseReason.UNBOUND)
    await until(lambda: world.carrier.closed)
    assert world.carrier.closed == [SessionClosed(CloseReason.PEER_UNBOUND)]
    await until(lambda: not world.server.connections)


async def test_a_refused_bind_raises_its_status(world: World) -> None:
    with pytest.raises(BindFailed) as raised:
        await world.connect(bind=BindTransceiver(system_id="guest", password="wrong"))
    assert raised.value.command_status == CommandStatus.RINVPASWD


async def test_a_peer_that_never_answers_the_bind_raises() -> None:
    class Mute(SmppHandler):
        def on_bind(self, connection: SmppConnection, pdu: Any) -> None:
            return None

    server = await serve("127.0.0.1", 0, handler_factory=lambda _: Mute())
    with pytest.raises(BindFailed, match="bind_timeout"):
        await connect("127.0.0.1", server.port, bind=BIND, settings=settings(session_init_s=0.05))
    await server.close()


async def test_nobody_listening_is_an_oserror(unused_tcp_port: int) -> None:
    with pytest.raises(OSError, match="Connect call failed"):
        await connect("127.0.0.1", unused_tcp_port, bind=BIND)


async def test_a_cancelled_bind_leaves_no_connection(world: World) -> None:
    world.carrier.on_bind = lambda connection, pdu: None  # type: ignore[method-assign,assignment,return-value]
    task = asyncio.ensure_future(world.connect())
    await until(
        lambda: world.carrier.connections and world.carrier.connections[0].state is SessionState.BINDING
    )
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not world.server.connections)


async def test_a_thousand_callbacks_each_once_in_order(world: World) -> None:
    connection = await world.connect(settings=settings(window=100))
    outcomes: list[tuple[int, Outcome]] = []
    numbers = iter(range(1_000))
    done = asyncio.Event()

    def fill() -> None:
        while connection.window_free:
            number = next(numbers, None)
            if number is None:
                return
            connection.submit_nowait(SubmitSm(short_message=b"hi"), on_response, number)

    def on_response(number: int, outcome: Outcome) -> None:
        outcomes.append((number, outcome))
        fill()
        if len(outcomes) == 1_000:
            done.set()

    fill()
    await done.wait()
    assert [number for number, _ in outcomes] == list(range(1_000))
    assert all(isinstance(outcome, SubmitSmResp) for _, outcome in outcomes)
    assert len(world.carrier.requests) == 1_000


async def test_what_is_sent_together_is_answered_to_the_handler(world: World) -> None:
    class Ours(SmppHandler):
        def __init__(self) -> None:
            self.answered: list[tuple[Any, str]] = []
            self.failed: list[tuple[Any, Exception]] = []

        def on_responses(self, connection: SmppConnection, answered: list[tuple[Any, Pdu, float]]) -> None:
            assert all(sent_at <= asyncio.get_running_loop().time() for _, _, sent_at in answered)
            self.answered += [
                (context, getattr(response, "message_id", "")) for context, response, _ in answered
            ]
            if len(self.answered) == 2:
                raise RuntimeError("a fault of the user's own")

        def on_failure(self, connection: SmppConnection, context: Any, error: Exception) -> None:
            self.failed.append((context, error))

    faults: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    ours = Ours()
    connection = await world.connect(handler=ours, settings=settings(window=2))
    texts = [(SubmitSm(short_message=b"hi"), number) for number in range(3)]
    assert connection.submit_all(texts) == 2
    await until(lambda: len(ours.answered) == 2)
    assert ours.answered == [(0, "4f"), (1, "4f")]
    assert len(faults) == 1
    world.carrier.answer = lambda *_: None
    assert connection.submit_all(texts) == 2
    await until(lambda: len(world.carrier.requests) == 4)
    connection.abort()
    assert [context for context, _ in ours.failed] == [0, 1]
    assert all(isinstance(error, RequestAbandoned) for _, error in ours.failed)
    assert connection.submit_all(texts) == 0


async def test_submit_waits_for_the_window_in_turn(world: World) -> None:
    connection = await world.connect(settings=settings(window=2))
    responses = await asyncio.gather(*(connection.submit(SubmitSm(service_type=str(n))) for n in range(50)))
    assert len(responses) == 50
    assert [pdu.service_type for pdu in world.carrier.requests] == [str(n) for n in range(50)]


async def test_submit_gives_up_waiting_for_the_window(world: World) -> None:
    world.carrier.answer = lambda _, pdu: None
    connection = await world.connect(settings=settings(window=1))
    first = asyncio.ensure_future(connection.submit(SubmitSm()))
    await until(lambda: world.carrier.requests)
    with pytest.raises(WindowFull):
        await connection.submit(SubmitSm(), window_wait_s=0.01)
    with pytest.raises(WindowFull):
        connection.submit_nowait(SubmitSm(), lambda *_: None)
    waiting = asyncio.ensure_future(connection.submit(SubmitSm()))
    await asyncio.sleep(0)
    connection.abort()
    with pytest.raises(RequestAbandoned):
        await first
    with pytest.raises(NotOpen):
        await waiting


async def test_a_late_response_is_told_apart(world: World) -> None:
    late: list[tuple[Any, Pdu]] = []

    class Esme(SmppHandler):
        def on_late_response(self, connection: SmppConnection, context: Any, response: Pdu) -> None:
            late.append((context, response))

    world.carrier.answer = lambda _, pdu: None
    connection = await world.connect(handler=Esme(), settings=settings(response_s=0.05))
    outcomes: list[Outcome] = []
    connection.submit_nowait(SubmitSm(), lambda _, outcome: outcomes.append(outcome), "mine")
    await until(lambda: outcomes)
    assert isinstance(outcomes[0], RequestTimedOut)
    [request] = world.carrier.requests
    world.carrier.connections[0].respond(request, response_to(request, message_id="late"))
    await until(lambda: late)
    assert late == [("mine", response_to(request, message_id="late"))]
    assert len(outcomes) == 1


async def test_a_carrier_delivers_and_alerts(world: World) -> None:
    alerts: list[Pdu] = []

    class Esme(SmppHandler):
        def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu:
            return response_to(pdu)

        def on_alert(self, connection: SmppConnection, pdu: AlertNotification) -> None:
            alerts.append(pdu)

    await world.connect(handler=Esme())
    [carrier] = world.carrier.connections
    carrier.notify(AlertNotification(source_addr="12"))
    response = await carrier.submit(DeliverSm(short_message=b"mo"))
    assert response.command_status == 0
    assert [pdu.source_addr for pdu in alerts] == ["12"]  # type: ignore[attr-defined]


async def test_an_esme_without_handler_asks_to_try_again(world: World) -> None:
    await world.connect()
    response = await world.carrier.connections[0].submit(DeliverSm())
    assert response.command_status == CommandStatus.RX_T_APPN


async def test_coroutine_handlers_answer_later(world: World) -> None:
    gate = asyncio.Event()

    async def slowly(connection: SmppConnection, pdu: Pdu) -> Pdu:
        await gate.wait()
        return response_to(pdu, message_id="slow")

    world.carrier.answer = slowly
    connection = await world.connect()
    submit = asyncio.ensure_future(connection.submit(SubmitSm()))
    await until(lambda: world.carrier.requests)
    assert world.carrier.connections[0].owed == 1
    gate.set()
    assert (await submit).message_id == "slow"  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["plain", "coroutine", "unencodable"])
async def test_a_fault_in_a_handler_is_reported_and_answered(world: World, kind: str) -> None:
    def plain(connection: SmppConnection, pdu: Pdu) -> Pdu:
        raise RuntimeError("hook")

    async def coroutine(connection: SmppConnection, pdu: Pdu) -> Pdu:
        raise RuntimeError("hook")

    def unencodable(connection: SmppConnection, pdu: Pdu) -> Pdu:
        return response_to(pdu, message_id="x" * 100)

    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    world.carrier.answer = {"plain": plain, "coroutine": coroutine, "unencodable": unencodable}[kind]
    connection = await world.connect()
    response = await connection.submit(SubmitSm())
    assert response.command_status == CommandStatus.RSYSERR
    assert len(reported) == 1
    world.carrier.answer = lambda _, pdu: response_to(pdu, message_id="fine")
    assert (await connection.submit(SubmitSm())).command_status == 0


async def test_a_fault_in_a_callback_disturbs_no_other(world: World) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    connection = await world.connect()

    def broken(context: Any, outcome: Outcome) -> None:
        raise RuntimeError("callback")

    connection.submit_nowait(SubmitSm(), broken)
    assert (await connection.submit(SubmitSm())).command_status == 0
    assert len(reported) == 1


async def test_faults_can_be_injected(world: World) -> None:
    def answer(connection: SmppConnection, pdu: Any) -> Pdu | None:
        if pdu.short_message == b"forget":
            connection.forget(pdu)
            return None
        if pdu.short_message == b"raw":
            connection.send_raw(struct.pack(">IIII", 16, 0x8000_0004, 0x45, pdu.sequence_number))
            return None
        connection.abort()
        return None

    world.carrier.answer = answer
    connection = await world.connect(settings=settings(response_s=0.05))
    with pytest.raises(RequestTimedOut):
        await connection.submit(SubmitSm(short_message=b"forget"))
    assert world.carrier.connections[0].owed == 0
    assert (await connection.submit(SubmitSm(short_message=b"raw"))).command_status == 0x45
    with pytest.raises(RequestAbandoned):
        await connection.submit(SubmitSm(short_message=b"drop"))
    assert (await connection.wait_closed()).reason is CloseReason.CONNECTION_LOST


async def test_one_bad_peer_disturbs_no_other(world: World) -> None:
    good = await world.connect()
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    writer.write(encode(SubmitSm(), 1) + struct.pack(">IIII", 16, 0x0BAD, 0, 2) + b"\0\0\0\1")
    refused, nack, last = [await reader.readexactly(16) for _ in range(3)]
    assert struct.unpack(">IIII", refused) == (16, 0x8000_0004, CommandStatus.RINVBNDSTS, 1)
    assert struct.unpack(">IIII", nack) == (16, 0x8000_0000, CommandStatus.RINVCMDID, 2)
    assert struct.unpack(">IIII", last) == (16, 0x8000_0000, CommandStatus.RINVCMDLEN, 0)
    assert await reader.read() == b""
    writer.close()
    assert (await good.submit(SubmitSm())).command_status == 0
    assert len(world.carrier.violations) == 2
    assert [closed.reason for closed in world.carrier.closed] == [CloseReason.FATAL_ERROR]


async def test_pdus_of_a_tick_go_out_in_one_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await world.connect(settings=settings(window=100))
    writes: list[bytes] = []
    transport = connection._transport
    assert transport is not None
    send = transport.write
    monkeypatch.setattr(connection, "_transport", Recorder(transport, writes, send))
    done = [asyncio.ensure_future(connection.submit(SubmitSm(short_message=b"x"))) for _ in range(40)]
    await asyncio.gather(*done)
    frame = len(encode(SubmitSm(short_message=b"x"), 1))
    assert [len(write) // frame for write in writes] == [16, 16, 8]


class Recorder:
    """A transport that notes its writes."""

    def __init__(self, transport: Any, writes: list[bytes], send: Callable[[bytes], None]) -> None:
        self._transport, self._writes, self._send = transport, writes, send

    def write(self, data: bytes) -> None:
        self._writes.append(data)
        self._send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def deaf_socket(port: int) -> socket.socket:
    """A bound ESME that never reads again."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", port))
    raw.sendall(encode(BIND, 1))
    return raw


async def test_a_peer_that_stops_reading_is_read_no_more_and_then_cut() -> None:
    carrier = Carrier()
    limits = ConnectionSettings(
        session=SessionSettings(window=100_000), write_high_water_bytes=65_536, write_stall_s=0.2
    )
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: carrier, settings=limits)
    with deaf_socket(server.port) as raw:
        await until(lambda: carrier.connections and carrier.connections[0].state.is_bound)
        [connection] = carrier.connections
        sent = 0
        while connection.window_free and sent < 100_000:
            connection.submit_nowait(DeliverSm(short_message=bytes(250)), lambda *_: None)
            sent += 1
        assert sent < 100_000
        assert connection.window_free == 0
        assert connection.write_buffer_bytes < 3 * 65_536 + 300 * 16
        with pytest.raises(WindowFull):
            connection.submit_nowait(DeliverSm(), lambda *_: None)
        raw.sendall(encode(SubmitSm(), 5))
        assert (await connection.wait_closed()).reason is CloseReason.PEER_STOPPED_READING
        assert carrier.requests == []
    await server.close()


async def test_a_peer_that_reads_again_is_served_on() -> None:
    carrier, ready = Carrier(), asyncio.Event()
    carrier.on_ready = lambda _: ready.set()  # type: ignore[method-assign]
    limits = ConnectionSettings(session=SessionSettings(window=100_000), write_high_water_bytes=65_536)
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: carrier, settings=limits)
    with deaf_socket(server.port) as raw:
        await until(lambda: carrier.connections and carrier.connections[0].state.is_bound)
        [connection] = carrier.connections
        while connection.window_free:
            connection.submit_nowait(DeliverSm(short_message=bytes(250)), lambda *_: None)
        waiting = asyncio.ensure_future(connection.submit(DeliverSm(short_message=b"last")))
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        while not ready.is_set():
            await loop.sock_recv(raw, 65_536)
        assert connection.window_free > 0
        await loop.sock_sendall(raw, encode(EnquireLink(), 9))
        waiting.cancel()
    await server.close()


async def test_enquire_link_finds_a_dead_peer() -> None:
    carrier = Carrier()
    server = await serve(
        "127.0.0.1",
        0,
        handler_factory=lambda _: carrier,
        settings=settings(enquire_link_s=0.05, response_s=0.05),
    )
    with deaf_socket(server.port):
        await until(lambda: carrier.closed)
    assert carrier.closed == [SessionClosed(CloseReason.ENQUIRE_LINK_TIMEOUT)]
    await server.close()


async def test_a_connection_without_bind_is_closed() -> None:
    carrier = Carrier()
    server = await serve(
        "127.0.0.1", 0, handler_factory=lambda _: carrier, settings=settings(session_init_s=0.05)
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert await reader.read() == b""
    writer.close()
    assert carrier.closed == [SessionClosed(CloseReason.BIND_TIMEOUT)]
    await server.close()


async def test_more_connections_than_allowed_are_dropped() -> None:
    carrier = Carrier()
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: carrier, max_connections=1)
    first = await connect("127.0.0.1", server.port, bind=BIND)
    with pytest.raises((BindFailed, OSError)):
        await connect("127.0.0.1", server.port, bind=BIND)
    assert first.state.is_bound
    await server.close()
    assert (await first.wait_closed()).reason in (CloseReason.PEER_UNBOUND, CloseReason.CONNECTION_LOST)


async def test_unbind_waits_for_outstanding_answers(world: World) -> None:
    world.carrier.answer = lambda _, pdu: None
    connection = await world.connect()
    submit = asyncio.ensure_future(connection.submit(SubmitSm()))
    await until(lambda: world.carrier.requests)
    unbind = asyncio.ensure_future(connection.unbind())
    await asyncio.sleep(0)
    assert not unbind.done()
    [request] = world.carrier.requests
    world.carrier.connections[0].respond(request, response_to(request, message_id="at last"))
    assert (await submit).message_id == "at last"  # type: ignore[attr-defined]
    assert await unbind == SessionClosed(CloseReason.UNBOUND)


async def test_outbind_end_to_end() -> None:
    class Esme(SmppHandler):
        def on_outbind(self, connection: SmppConnection, pdu: Outbind) -> None:
            connection.bind_nowait(
                BindReceiver(system_id="guest", password=pdu.password, interface_version=0x34)
            )

    listening = await serve("127.0.0.1", 0, handler_factory=lambda _: Esme(), role=Role.ESME)
    carrier = Carrier()
    connection = await connect("127.0.0.1", listening.port, bind=None, handler=carrier, role=Role.SMSC)
    connection.notify(Outbind(system_id="carrier", password="guest"))
    await until(lambda: connection.state is SessionState.BOUND_RX)
    await connection.unbind()
    await listening.close()


async def test_outbind_nobody_expects_drops_the_connection() -> None:
    listening = await serve("127.0.0.1", 0, handler_factory=lambda _: SmppHandler(), role=Role.ESME)
    connection = await connect("127.0.0.1", listening.port, bind=None, role=Role.SMSC)
    connection.notify(Outbind())
    assert (await connection.wait_closed()).reason is CloseReason.CONNECTION_LOST
    await listening.close()


async def test_the_tap_can_be_set_at_any_time(world: World) -> None:
    connection = await world.connect()
    seen: list[tuple[Direction, Pdu | None]] = []
    connection.tap = lambda direction, frame, pdu, now: seen.append((direction, pdu))
    await connection.submit(SubmitSm())
    connection.tap = None
    await connection.submit(SubmitSm())
    assert [(direction, type(pdu)) for direction, pdu in seen] == [
        (Direction.OUT, SubmitSm),
        (Direction.IN, SubmitSmResp),
    ]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


async def test_tls(certificate: Path) -> None:
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offered.load_cert_chain(certificate)
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: Carrier(), ssl=offered)
    trusting = ssl.create_default_context(cafile=str(certificate))
    connection = await connect("127.0.0.1", server.port, bind=BIND, ssl=trusting)
    assert (await connection.submit(SubmitSm())).command_status == 0
    await connection.unbind()
    with pytest.raises(ssl.SSLError):
        await connect("127.0.0.1", server.port, bind=BIND, ssl=ssl.create_default_context())
    await server.close()


IN_A_WORLD = [
    test_bind_submit_unbind,
    test_a_refused_bind_raises_its_status,
    test_a_thousand_callbacks_each_once_in_order,
    test_submit_gives_up_waiting_for_the_window,
    test_faults_can_be_injected,
    test_one_bad_peer_disturbs_no_other,
    test_unbind_waits_for_outstanding_answers,
]
ON_THEIR_OWN = [
    test_a_peer_that_stops_reading_is_read_no_more_and_then_cut,
    test_a_peer_that_reads_again_is_served_on,
    test_enquire_link_finds_a_dead_peer,
    test_more_connections_than_allowed_are_dropped,
]


@pytest.mark.parametrize("test", [*IN_A_WORLD, *ON_THEIR_OWN], ids=lambda test: test.__name__)
def test_the_same_on_uvloop(test: Callable[..., Coroutine[Any, Any, None]]) -> None:
    """What depends on the transport, on the loop the service runs on."""

    async def on_uvloop() -> None:
        assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
        if test in IN_A_WORLD:
            async with new_world() as made:
                await test(made)
        else:
            await test()

    uvloop.run(on_uvloop())
