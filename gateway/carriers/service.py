"""All mock carriers of one process, as a part of its life and of its API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from gateway.carriers.caps import Registration
from gateway.carriers.errors import CarrierUnknown
from gateway.carriers.faults import FaultSpec
from gateway.carriers.journal import Journal
from gateway.carriers.profile import CarrierProfile, Transition
from gateway.carriers.settings import CarriersSettings
from gateway.carriers.smsc import Carrier
from gateway.carriers.state import CarrierState
from gateway.runtime.clock import WorldClock
from gateway.runtime.metrics import Metrics
from gateway.runtime.tlsfiles import server_context


class CarriersService:
    """Starts, shows, bends and stops the carriers of the `carriers:` section."""

    def __init__(
        self,
        settings: CarriersSettings,
        clock: WorldClock,
        metrics: Metrics | None = None,
        *,
        only: Iterable[str] | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Make them; `only` names those to run. Raises `CarrierUnknown`, `TlsFilesUnusable`."""
        self.journal = journal
        wanted = set(settings.networks) if only is None else set(only)
        for name in wanted - set(settings.networks):
            raise CarrierUnknown(name, tuple(settings.networks))
        tls = server_context("carriers.tls", settings.tls) if settings.tls is not None else None
        ports = settings.ports()
        self.carriers: Mapping[str, Carrier] = {
            name: Carrier(
                name,
                network.profile,
                clock,
                host=settings.host,
                port=ports[name],
                metrics=metrics,
                journal=journal,
                tls=tls,
            )
            for name, network in settings.networks.items()
            if network.profile is not None and network.enabled and name in wanted
        }

    async def start(self) -> None:
        """Listen on every port; raises `PortTaken` after closing those already open."""
        try:
            for carrier in self.carriers.values():
                await carrier.start()
        except BaseException:
            await self.stop()
            raise

    async def drain(self, deadline_s: float) -> None:
        """Unbind, after the answers still owed."""
        await asyncio.gather(*(carrier.stop(deadline_s) for carrier in self.carriers.values()))

    async def stop(self) -> None:
        """Let go of everything."""
        await asyncio.gather(*(carrier.stop() for carrier in self.carriers.values()))
        if self.journal is not None:
            await self.journal.close()

    async def settled(self) -> None:
        """Wait until everything done so far is durable, where the carriers keep anything.

        Raises `OSError` where it is not.
        """
        if self.journal is not None:
            await self.journal.settled()

    def problems(self) -> list[str]:
        """Say why what the carriers take cannot be kept now; empty while it can, or need not be."""
        return [] if self.journal is None else self.journal.problems()

    def carrier(self, name: str) -> Carrier:
        """Return a carrier; raises `CarrierUnknown`."""
        found = self.carriers.get(name)
        if found is None:
            raise CarrierUnknown(name, tuple(self.carriers))
        return found

    def states(self) -> list[CarrierState]:
        """Return what is going on at every carrier, in the order of their ports."""
        return [carrier.state() for carrier in self.carriers.values()]

    def configure(
        self,
        name: str,
        behaviour: str | None = None,
        faults: Sequence[FaultSpec] | None = None,
        schedule: Sequence[Transition] | None = None,
        profile: CarrierProfile | None = None,
    ) -> CarrierState:
        """Change a carrier's behaviour, its faults, what it will be later, or what it is
        (`PATCH /v1/carriers/{name}`).

        Raises `CarrierUnknown`, and `KeyError` for an unknown behaviour: nothing is changed then.
        """
        carrier = self.carrier(name)
        carrier.configure(
            carrier.behaviour if behaviour is None else behaviour,
            carrier.faults if faults is None else faults,
        )
        if profile is not None:
            carrier.adopt(profile)
        if schedule is not None:
            carrier.plan(schedule)
        return carrier.state()

    def inject(self, name: str, source: str, destination: str, text: str, files: Sequence[str] = ()) -> int:
        """Let a handset of a carrier write to somebody; returns the segments. Raises as `Carrier.inject`."""
        return self.carrier(name).inject(source, destination, text, files)

    def replace_registrations(self, rows: Mapping[str, Sequence[Registration]]) -> None:
        """Give each carrier named its snapshot of the registry."""
        for name, registrations in rows.items():
            self.carrier(name).replace_registrations(registrations)
