"""One link: its settings, TLS, and what it makes of carriers that come and go."""

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from gateway.esme.backoff import Backoff
from gateway.esme.deliver import RefuseDeliveries
from gateway.esme.link import Link, LinkKind, LinkState, connection_settings, tls_context
from gateway.esme.settings import BackoffSettings, CarrierLinkSettings, TlsSettings
from gateway.runtime.errors import TlsFilesUnusable
from gateway.smpp.aio import SmppConnection, SmppHandler, serve
from gateway.smpp.errors import RequestAbandoned
from gateway.smpp.pdu import Bind, BindTransceiverResp, Pdu, QuerySm, SubmitSm, encode, response_to

QUICK = BackoffSettings(min_s=0.01, max_s=0.02)


class Owner:
    """Notes what a link tells its pool."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.outcomes: list[Any] = []

    def on_link_up(self, link: Link) -> None:
        self.told.append("up")

    def on_link_down(self, link: Link, reason: str) -> None:
        self.told.append(reason)

    def on_link_ready(self, link: Link) -> None:
        self.told.append("ready")

    def on_late_response(self, link: Link, context: Any, response: Pdu) -> None:
        self.told.append("late")

    def on_responses(self, link: Link, answered: list[tuple[Any, Pdu, float]]) -> None:
        self.outcomes += [response for _, response, _ in answered]

    def on_failure(self, link: Link, context: Any, error: Exception) -> None:
        self.outcomes.append(error)


class Carrier(SmppHandler):
    """Accepts binds; can be silent."""

    def __init__(self) -> None:
        self.binds: list[Any] = []
        self.connections: list[SmppConnection] = []

    def on_bind(self, connection: SmppConnection, pdu: Bind) -> Pdu:
        self.binds.append(pdu)
        self.connections.append(connection)
        return response_to(pdu, system_id="carrier")


def make_link(owner: Owner, port: int, kind: LinkKind = LinkKind.TRANSCEIVER, **options: Any) -> Link:
    settings = CarrierLinkSettings(port=port, system_id="gateway", backoff=QUICK, **options)
    backoff = Backoff(settings.backoff, random.Random(1))
    return Link("tmobile-1", "tmobile", kind, settings, backoff, owner, RefuseDeliveries())


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - any state of the far side, turn by turn
            await asyncio.sleep(0)


def test_every_knob_reaches_the_session() -> None:
    settings = CarrierLinkSettings(
        system_id="x",
        window=7,
        request_expiry_s=1.0,
        bind_timeout_s=2.0,
        enquire_link_interval_s=3.0,
        inactivity_s=4.0,
    )
    made = connection_settings(settings)
    timers = made.session.timers
    assert (made.session.window, made.connect_timeout_s) == (7, 2.0)
    assert (timers.response_s, timers.session_init_s, timers.enquire_link_s, timers.inactivity_s) == (
        1.0,
        2.0,
        3.0,
        4.0,
    )


@pytest.mark.parametrize(
    ("kind", "command", "sends"),
    [
        (LinkKind.TRANSCEIVER, "bind_transceiver", True),
        (LinkKind.TRANSMITTER, "bind_transmitter", True),
        (LinkKind.RECEIVER, "bind_receiver", False),
    ],
)
async def test_the_bind_says_who_we_are(kind: LinkKind, command: str, sends: bool) -> None:
    carrier, owner = Carrier(), Owner()
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: carrier)
    link = make_link(owner, server.port, kind, password="secret", system_type="A2P")
    assert (link.state, link.window_free, link.window_used) == (LinkState.STOPPED, 0, 0)
    link.start()
    await until(lambda: link.bound)
    [bind] = carrier.binds
    assert bind.command_id.name.lower() == command
    assert (bind.system_id, bind.password, bind.system_type) == ("gateway", "secret", "A2P")
    assert bind.interface_version == 0x34
    assert kind.sends is sends
    await link.stop(1.0)
    assert owner.told == ["up", "unbound"]
    assert link.state is LinkState.STOPPED
    await server.close()


async def test_a_carrier_that_unbinds_is_bound_again() -> None:
    carrier, owner = Carrier(), Owner()
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: carrier)
    link = make_link(owner, server.port)
    link.start()
    await until(lambda: link.bound)
    await carrier.connections[0].unbind()
    await until(lambda: owner.told == ["up", "peer_unbound", "up"])
    await link.stop(0.0)
    await server.close()


@pytest.mark.parametrize("answers", [False, True], ids=["in vain", "answered"])
async def test_binds_that_end_before_any_answer_are_made_again_at_growing_waits(answers: bool) -> None:
    class Curt(Carrier):
        def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu | None:
            if answers and isinstance(pdu, SubmitSm):
                return response_to(pdu, message_id="1")
            connection.abort()
            return None

    carrier, owner = Curt(), Owner()
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: carrier)
    link = make_link(owner, server.port)
    link.start()
    for turn in range(1, 4):
        await until(lambda: link.bound and len(carrier.binds) == turn)  # noqa: B023
        owner.outcomes.clear()
        for pdu in (SubmitSm(), QuerySm(message_id="1")):
            link.submit(pdu, None)
            link.flush()
            if answers:
                await until(lambda: owner.outcomes)
        await until(lambda: not link.bound)
    failures = link._backoff.failures
    assert failures <= 1 if answers else failures >= 2
    await link.stop(0.0)
    await server.close()


async def test_a_half_open_connection_is_found_and_replaced() -> None:
    deaf = asyncio.Event()
    connections = 0

    async def answer_bind_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readexactly(16 + len("gateway") + 1 + 2 + 4)
        writer.write(encode(BindTransceiverResp(system_id="deaf"), 1))
        await deaf.wait()
        writer.close()

    server = await asyncio.start_server(answer_bind_only, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    owner = Owner()
    link = make_link(owner, port, enquire_link_interval_s=0.05, request_expiry_s=0.05)
    link.start()
    await until(lambda: connections == 2 and owner.told[:2] == ["up", "enquire_link_timeout"])
    await link.stop(0.0)
    deaf.set()
    server.close()


async def test_stopping_while_waiting_to_reconnect(unused_tcp_port: int) -> None:
    owner = Owner()
    link = make_link(owner, unused_tcp_port)
    link.start()
    await until(lambda: link.state is LinkState.WAITING)
    await link.stop(1.0)
    assert link.state is LinkState.STOPPED
    assert owner.told == []


async def test_a_carrier_that_answers_no_unbind_is_cut_off() -> None:
    class Busy(Carrier):
        def on_request(self, connection: SmppConnection, pdu: Pdu) -> None:
            return None

    carrier, owner = Busy(), Owner()
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: carrier)
    link = make_link(owner, server.port)
    link.start()
    await until(lambda: link.bound)
    link.submit(SubmitSm(), None)
    await until(lambda: carrier.connections[0].owed)
    async with asyncio.timeout(2):
        await link.stop(0.0)
    assert isinstance(owner.outcomes[0], RequestAbandoned)
    assert link.state is LinkState.STOPPED
    await server.close()


def test_tls_settings_make_a_context(tmp_path: Any) -> None:
    context = tls_context("acme", TlsSettings(verify=False))
    assert context.verify_mode is ssl.CERT_NONE
    assert tls_context("acme", TlsSettings()).verify_mode is ssl.CERT_REQUIRED
    with pytest.raises(TlsFilesUnusable, match=r"esme.carriers.acme.tls.ca_file: there is no file .*missing"):
        tls_context("acme", TlsSettings(ca_file=str(tmp_path / "missing.pem")))


async def test_tls_files_that_cannot_be_used_are_told_at_start(tmp_path: Any) -> None:
    link = make_link(Owner(), 2775, tls=TlsSettings(ca_file=str(tmp_path / "missing.pem")))
    with pytest.raises(TlsFilesUnusable, match=r"esme.carriers.tmobile.tls.ca_file: there is no file"):
        link.start()
