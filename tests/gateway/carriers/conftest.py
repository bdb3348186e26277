"""A carrier of the test's own making on a real socket, an ESME bound to it, and a world that stands still."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.carriers.profile import CarrierProfile
from gateway.carriers.smsc import Carrier
from gateway.runtime.clock import WorldClock
from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppHandler, connect
from gateway.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    QuerySm,
    SubmitSm,
    response_to,
)
from gateway.smpp.session import SessionSettings
from gateway.smpp.timers import TimerSettings

START_NS = 1_790_000_000_000_000_000
GUEST = {"system_id": "guest", "password": "guest", "numbers": ["+12025550190"]}
BINDS = {"trx": BindTransceiver, "tx": BindTransmitter, "rx": BindReceiver}


def make_profile(**fields) -> CarrierProfile:
    fields.setdefault("accounts", [GUEST])
    fields.setdefault("receipt_latency", {"seconds": 1.0})
    return CarrierProfile.model_validate(fields)


def make_submit(text: bytes = b"hello", destination: str = "13105557000", **fields) -> SubmitSm:
    fields = {"source_addr": "12025550190", "source_addr_ton": 1, "dest_addr_ton": 1} | fields
    return SubmitSm(destination_addr=destination, short_message=text, **fields)


class Esme(SmppHandler):
    """Keeps what it is sent; `answer` may refuse it."""

    def __init__(self) -> None:
        self.received: list[DeliverSm] = []
        self.arrived = asyncio.Event()
        self.answer: Callable[[DeliverSm], int] = lambda pdu: 0
        self.connection: SmppConnection
        self.closed = False

    def on_request(self, connection, pdu):
        self.received.append(pdu)
        self.arrived.set()
        return response_to(pdu, self.answer(pdu))

    def on_closed(self, connection, closed):
        self.closed = True

    async def submit(self, *args, **fields):
        return await self.connection.submit(make_submit(*args, **fields))

    async def until(self, count: int) -> list[DeliverSm]:
        """The next `count` deliver_sm."""
        async with asyncio.timeout(5):
            while len(self.received) < count:
                self.arrived.clear()
                await self.arrived.wait()
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    async def quiet(self) -> list[DeliverSm]:
        """What has come after a round trip of its own: nothing else is under way then."""
        for _ in range(3):
            await self.connection.submit(QuerySm(message_id="0"))
            await asyncio.sleep(0)
        taken, self.received = self.received, []
        return taken


class World:
    """Carriers and ESMEs of one test."""

    def __init__(self) -> None:
        self.clock = WorldClock(START_NS, frozen=True)
        self.carriers: list[Carrier] = []
        self.esmes: list[Esme] = []

    async def carrier(self, profile: CarrierProfile | None = None, **more) -> Carrier:
        carrier = Carrier("test", profile or make_profile(), self.clock, **more)
        await carrier.start()
        self.carriers.append(carrier)
        return carrier

    async def esme(
        self,
        carrier: Carrier,
        kind: str = "trx",
        system_id="guest",
        password="guest",
        window=100,
        response_s=5.0,
    ) -> Esme:
        esme = Esme()
        bind = BINDS[kind](system_id=system_id, password=password, interface_version=0x34)
        session = SessionSettings(window=window, timers=TimerSettings(response_s=response_s))
        esme.connection = await connect(
            "127.0.0.1",
            carrier.port,
            bind=bind,
            handler=esme,
            settings=ConnectionSettings(session=session),
        )
        self.esmes.append(esme)
        return esme

    async def close(self) -> None:
        for esme in self.esmes:
            esme.connection.abort()
        for carrier in self.carriers:
            await carrier.stop()
        self.clock.close()


@asynccontextmanager
async def opened() -> AsyncIterator[World]:
    world = World()
    try:
        yield world
    finally:
        await world.close()


@pytest.fixture
async def world():
    async with opened() as made:
        yield made


@pytest.fixture
def profile_of():
    return make_profile


@pytest.fixture
def submit_of():
    return make_submit


@pytest.fixture
def another_world():
    """For tests that need a second world to compare with."""
    return opened
