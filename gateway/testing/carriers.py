"""A mock carrier for a test: any of the seven of `config/carriers`, or one of your own, on a free port.

async with running_carrier("tmobile", receipt_latency={"seconds": 0.05}) as carrier:
    ...  # bind to 127.0.0.1:carrier.port as guest / guest
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gateway.carriers.address import e164
from gateway.carriers.faults import FaultSpec
from gateway.carriers.profile import CarrierProfile
from gateway.carriers.smsc import Carrier
from gateway.carriers.texts import TakenText
from gateway.replay.worlds import with_everybody_registered
from gateway.runtime.clock import WorldClock
from gateway.runtime.config import carried_config, load
from gateway.smpp.segment import MalformedUdh, read_part
from gateway.smpp.text import decode_text
from gateway.testing.backstage import Backstage

POLL_S = 0.005


def carrier_profile(name: str, **changes: Any) -> CarrierProfile:
    """Return the profile of our `config/carriers/<name>.yaml`, with top-level settings changed.

    Raises `ConfigError` with every fault of the file, and pydantic's `ValidationError` for a wrong change.
    """
    loaded = load(carried_config(f"carriers/{name}.yaml"), {"profile": CarrierProfile})
    profile: CarrierProfile = loaded.section("profile", CarrierProfile)
    if not changes:
        return profile
    return CarrierProfile.model_validate(dict(profile) | changes)


@asynccontextmanager
async def running_carrier(
    name: str = "tmobile",
    *,
    clock: WorldClock | None = None,
    port: int = 0,
    profile: CarrierProfile | None = None,
    registered: bool = False,
    **changes: Any,
) -> AsyncIterator[Carrier]:
    """Run one carrier on the running loop, by default one of `config/carriers` on a free port.

    `registered`: every sender counts as one of a vetted brand with an active campaign.
    """
    world = clock or WorldClock()
    truth = profile or carrier_profile(name, **changes)
    carrier = Carrier(name, with_everybody_registered(truth) if registered else truth, world, port=port)
    await carrier.start()
    try:
        yield carrier
    finally:
        await carrier.stop()
        if clock is None:
            world.close()


@dataclass(frozen=True, slots=True)
class SubmittedText:
    """One submit that a carrier has acknowledged, as it reads it. Numbers are E.164."""

    message_id: str
    source: str
    destination: str
    text: str
    part: int
    """Of a long text: which part this is, from 1."""
    parts: int
    state: str
    """As query_sm would tell now: `DELIVERED`, `ENROUTE` …"""
    pdu: Any
    """The submit_sm, data_sm or submit_multi itself."""


class MockCarrier:
    """A running carrier for code without an event loop: every method may be called from any thread."""

    def __init__(self, backstage: Backstage, carrier: Carrier) -> None:
        self._backstage = backstage
        self.carrier = carrier
        """The carrier itself; touch it on the backstage's loop only."""

    @property
    def host(self) -> str:
        """Where it listens."""
        return self.carrier.host

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.carrier.port

    @property
    def texts(self) -> list[SubmittedText]:
        """What it has acknowledged, oldest first."""
        return self._backstage.call(self._texts)

    @property
    def decisions(self) -> dict[str, int]:
        """Texts by what was decided about them: `delivered`, `unregistered_number` …"""
        return self._backstage.call(lambda: dict(self.carrier.decisions))

    @property
    def binds(self) -> int:
        """How many ESMEs are bound now."""
        return self._backstage.call(lambda: len(self.carrier.state().binds))

    def wait_for_texts(self, count: int, timeout_s: float = 5.0) -> list[SubmittedText]:
        """The texts, once there are so many; raises `TimeoutError`."""
        return self._backstage.run(self._wait_for_texts(count, timeout_s), timeout_s + 1.0)

    def inject(self, source: str, destination: str, text: str, *, account: str | None = None) -> int:
        """Let a handset write to an ESME's number; returns the segments.

        Raises `NobodyToDeliverTo` and `InboundInvalid`.
        """
        return self._backstage.call(self.carrier.inject, source, destination, text, account=account)

    def configure(self, behaviour: str, faults: Sequence[FaultSpec] = ()) -> None:
        """Take on a named behaviour (`gateway carriers` lists them); raises `KeyError` for an unknown one."""
        self._backstage.call(self.carrier.configure, behaviour, faults)

    def _texts(self) -> list[SubmittedText]:
        now_ns = self.carrier.clock.now_ns()
        return [_read(text, now_ns) for text in self.carrier.texts]

    async def _wait_for_texts(self, count: int, timeout_s: float) -> list[SubmittedText]:
        async with asyncio.timeout(timeout_s):
            while len(self.carrier.texts) < count:  # noqa: ASYNC110 - a carrier tells nobody else
                await asyncio.sleep(POLL_S)
        return self._texts()


def _read(text: TakenText, now_ns: int) -> SubmittedText:
    pdu = text.pdu
    body, number, total = text.short_message, 1, 1
    try:
        part = read_part(
            "", "", text.short_message, esm_class=pdu.esm_class, data_coding=pdu.data_coding, tlvs=pdu.tlvs
        )
        body, number, total = part.body, part.number, part.total
    except MalformedUdh:
        pass
    return SubmittedText(
        text.message_id,
        e164(pdu.source_addr, pdu.source_addr_ton),
        e164(text.destination, text.destination_ton),
        decode_text(body, pdu.data_coding),
        number,
        total,
        text.state(now_ns).name,
        pdu,
    )
