"""One replay from its options to its report: what the command line and `/v1/replays` run."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.carriers.bind import CarrierBind
from gateway.carriers.smsc import Carrier
from gateway.replay.ahead import Order, ReadAhead, Tally, worth_it
from gateway.replay.carrier_edge import CarrierEdge
from gateway.replay.carrier_player import CarrierPlayer, ServedSoFar
from gateway.replay.cast import Cast, senders_of
from gateway.replay.checkpoint import Checkpoint, leave_checkpoint, read_checkpoint
from gateway.replay.compare import Ledger, Result, Tolerances
from gateway.replay.errors import NothingToReplay, WorldInvalid
from gateway.replay.esme_edge import EsmeEdge
from gateway.replay.expectations import (
    Expectation,
    read_expectation,
    write_golden,
    write_golden_head,
)
from gateway.replay.formats import OpenTrace, open_trace
from gateway.replay.links import BINDS, connector, http_url, joined, listen_address
from gateway.replay.numbers import MapNumber, map_numbers
from gateway.replay.options import USUAL_GATEWAY, Progress, ReplayOptions
from gateway.replay.pace import Pace
from gateway.replay.player import EsmePlayer, SentSoFar
from gateway.replay.report import Report
from gateway.replay.story import Correlator, Step
from gateway.replay.summary import Summary
from gateway.replay.texts import whole_texts
from gateway.replay.users_edge import OpenGateway, UsersEdge
from gateway.replay.worlds import AUTO, auto_world, carrier_for, majority_role, write_world
from gateway.runtime.clock import SECOND_NS, WorldClock
from gateway.runtime.interrupts import INTERRUPTS
from gateway.smpp.aio import SmppConnection, SmppHandler

_GUEST: Final = ("guest", "guest")


@dataclass(slots=True)
class Replay:
    """One replay; `run` does it, `stop` ends it early."""

    options: ReplayOptions
    on_begin: Callable[[Progress], None] = lambda progress: None
    open_gateway: OpenGateway | None = None
    """Runs a gateway in this process: as users with `--world auto`."""
    progress: Progress = field(default_factory=Progress)
    _stop: Callable[[], None] | None = None
    _stopped: bool = False

    def stop(self) -> None:
        """Send nothing more; `run` then ends with what there is, and leaves a checkpoint."""
        self._stopped = True
        if self._stop is not None:
            self._stop()

    async def run(self) -> Report:
        """Play, compare, report.

        Raises `ReplayError`, `OSError`, `BindFailed`, `aiohttp.ClientError` and the configuration's errors.
        """
        options = self.options
        role = options.role
        if role is None:
            role = await asyncio.get_running_loop().run_in_executor(None, _majority_role, options.file)
        earlier, summary = read_checkpoint(options, role) or (None, Summary())
        with (
            open_trace(options.file) as opened,
            self._golden(role, opened.format.name, afresh=earlier is None) as write,
        ):
            self.progress.role, self.progress.format = role, opened.format.name
            self.progress.share = opened.share
            report = Report(
                options.file.name, opened.format.name, role, options.speed_name, options.seed,
                "recorded", summary,
            )  # fmt: skip

            def settle(result: Result) -> None:
                self.progress.settled += 1
                summary.add(result)
                write(result)

            plan = _Plan(role, opened, report, settle, await self._cast(role), earlier)
            await self._play(plan)
        leave_checkpoint(options, role, summary, plan.so_far, report.unexpected)
        return report

    @contextmanager
    def _golden(self, role: str, name: str, *, afresh: bool) -> Iterator[Callable[[Result], None]]:
        """Writes results into a golden file, which is there once the replay has come to its end."""
        expect = self.options.expect
        if expect is None or not self.options.update:
            yield lambda result: None
            return
        unfinished = expect.with_name(expect.name + ".new")
        with unfinished.open("w" if afresh else "a", encoding="utf-8") as stream:
            if afresh:
                write_golden_head(stream, role, name)
            yield lambda result: write_golden(stream, result)
        if not self._stopped:
            unfinished.replace(expect)

    async def _cast(self, role: str) -> Cast | None:
        """Who plays along in a world of our own; None where the world is somebody else's."""
        options = self.options
        if role != "users" or options.world != AUTO:
            return None
        if options.target is not None or self.open_gateway is None:
            where = options.target or "here"
            raise WorldInvalid(AUTO, f"the people at {where} are not ours to make: map onto theirs with FILE")
        cast = await asyncio.get_running_loop().run_in_executor(None, _cast_of, options.file)
        self.progress.people, self.progress.stand_ins = len(cast.numbers), cast.stand_ins
        return cast

    async def _play(self, plan: _Plan) -> None:
        options, report = self.options, plan.report
        expectation = read_expectation(options.expect) if options.expect and not options.update else None
        tolerances = options.tolerances
        if expectation is not None:
            report.against = "golden" if expectation.tolerances is None else "rules"
            tolerances = expectation.tolerances or tolerances
        report.tolerated = tolerances.differences
        if plan.role == "users":
            tolerances = Tolerances(None, tolerances.receipt_s, True, tolerances.differences)
        ledger = Ledger(plan.settle, tolerances, keys=options.update)
        own, far = options.mapping()
        if plan.cast is not None:
            own = plan.cast
        with self._reading(plan, own, far) as (steps, tally):
            if plan.role == "carrier":
                await self._as_carrier(plan, steps, ledger)
            else:
                await self._as_sender(plan, steps, ledger, expectation)
            read = tally()
        report.pdus, report.unreadable = read.pdus, read.unreadable
        report.complaints = [f"{part.position}: {part.reason}" for part in read.complaints]
        report.unexpected += ledger.unexpected
        if plan.earlier is not None and plan.role != "carrier":
            report.unexpected += plan.earlier.unexpected
        report.stopped = self._stopped
        if not report.summary.messages and not self._stopped:
            raise NothingToReplay(options.file.name, plan.role, read.pdus, report.complaints)

    @contextmanager
    def _reading(
        self, plan: _Plan, own: MapNumber, far: MapNumber
    ) -> Iterator[tuple[Iterator[Step], Callable[[], Correlator | Tally]]]:
        """The capture's steps and what reading them came to: by another process where that is worth it."""
        file = self.options.file
        if plan.role == "carrier" or self.options.speed is not None or not worth_it(file):
            correlator = Correlator()
            yield correlator.steps(map_numbers(plan.opened.trace, own, far)), lambda: correlator
            return
        ahead = ReadAhead(Order(file.absolute(), own, far))
        self.progress.share = lambda: ahead.tally.share
        try:
            yield ahead.steps(), lambda: ahead.tally
        finally:
            ahead.close()

    async def _as_sender(
        self,
        plan: _Plan,
        steps: Iterator[Step],
        ledger: Ledger,
        expectation: Expectation | None,
    ) -> None:
        options = self.options
        as_fast = options.speed is None
        users, cast = plan.role == "users", plan.cast
        player = EsmePlayer(
            whole_texts(steps) if users else steps,
            ledger,
            expectation=expectation,
            window=1_000 if users else options.window,
            earlier=plan.sent_so_far,
        )
        self.progress.sent = lambda: player.sent
        own = cast is not None or (not users and options.target is None)
        clock = WorldClock(player.captured_ns, speed=options.speed or 1.0, frozen=own)
        edge: EsmeEdge | UsersEdge
        if cast is not None:
            await self._against_own_gateway(player, clock, ledger, cast)
        elif users:
            url = http_url(options.target or USUAL_GATEWAY)
            edge = UsersEdge(player, clock, url, options.token, as_fast=as_fast, grace_s=options.grace_s)
            await self._run_edge(edge, ledger)
        elif options.target is None:
            await self._against_own_carrier(player, clock, ledger)
        else:
            link = connector(options.target, options.window)
            edge = EsmeEdge(player, clock, link, as_fast=as_fast, grace_s=options.grace_s)
            await self._run_edge(edge, ledger)
        clock.close()
        if self._stopped:
            plan.so_far = player.stopped(wait_on=not own)
        else:
            player.finish()
        plan.report.inbound, plan.report.recorded_inbound = player.inbound, player.recorded_inbound

    async def _run_edge(self, edge: EsmeEdge | UsersEdge, ledger: Ledger) -> None:
        self._stop = edge.stop
        if self._stopped:
            edge.stop()
        self.on_begin(self.progress)
        await edge.run(lambda: len(ledger) - len(edge.player.unsent))

    async def _against_own_carrier(self, player: EsmePlayer, clock: WorldClock, ledger: Ledger) -> None:
        options = self.options
        profile = carrier_for(options.carrier, options.seed, registered=options.world is not None)
        carrier = Carrier(options.carrier, profile, clock, port=0)
        await carrier.start()
        # The carrier's throughput is a limit of wire time, and here that is the captured one.
        carrier.wire_time = lambda: clock.now_ns() / SECOND_NS
        links: list[SmppConnection] = []

        async def link(command_id: int, handler: SmppHandler) -> SmppConnection:
            near, far = joined(handler, lambda connection: CarrierBind(carrier, connection), options.window)
            links.append(far)
            await near.bind(
                BINDS[command_id](system_id=_GUEST[0], password=_GUEST[1], interface_version=0x34)
            )
            return near

        edge = EsmeEdge(player, clock, link, pace=Pace(clock, options.speed), grace_s=options.grace_s)
        try:
            await self._run_edge(edge, ledger)
        finally:
            await carrier.stop()
            for far in links:
                far.abort()
            await asyncio.sleep(0)

    async def _against_own_gateway(
        self, player: EsmePlayer, clock: WorldClock, ledger: Ledger, cast: Cast
    ) -> None:
        options, token = self.options, secrets.token_urlsafe()
        world = auto_world(cast.numbers, options.carrier, options.seed, token)
        if options.save_world is not None:  # with a token that can be known beforehand
            others = auto_world(cast.numbers, options.carrier, options.seed, options.token)
            write_world(options.save_world, others)
        assert self.open_gateway is not None  # noqa: S101 - there is a cast
        with INTERRUPTS.temporary_folder("replay-") as folder:
            config = folder / "world.yaml"
            write_world(config, world)
            overrides = ("log.level=error", "storage.writer=thread")
            opened = self.open_gateway(folder / "data", *overrides, config=str(config), clock=clock)
            async with opened as gateway:
                edge = UsersEdge(
                    player, clock, gateway.url, token, pace=Pace(clock, options.speed, settle_turns=10),
                    grace_s=options.grace_s,
                )  # fmt: skip
                edge.listen_to(gateway)
                await self._run_edge(edge, ledger)

    async def _as_carrier(self, plan: _Plan, steps: Iterator[Step], ledger: Ledger) -> None:
        options = self.options
        player = CarrierPlayer(steps, ledger, prefix=f"{options.seed:x}r", earlier=plan.served_so_far)
        self.progress.sent = lambda: player.matched + player.delivered
        self.progress.share = lambda: plan.opened.share() * player.share
        clock = WorldClock(player.start_ns, frozen=True)
        account = None
        if options.account is not None:
            name, _, password = options.account.partition(":")
            account = name, password
        edge = CarrierEdge(
            player, clock, speed=options.speed or 1.0, as_fast=options.speed is None, account=account,
            idle_s=options.idle_s,
        )  # fmt: skip
        host, port = listen_address(options.listen)
        await edge.start(host, port)
        self.progress.listening = f"{host}:{edge.port}"
        self._stop = edge.stop
        if self._stopped:
            edge.stop()
        self.on_begin(self.progress)
        await edge.run()
        if self._stopped:
            plan.so_far = player.stopped(clock.now_ns())
        else:
            player.finish()
        clock.close()
        plan.report.unexpected += player.unexpected


@dataclass(slots=True)
class _Plan:
    role: str
    opened: OpenTrace
    report: Report
    settle: Callable[[Result], None]
    cast: Cast | None
    earlier: Checkpoint | None
    """What a run before this one, that was stopped, has left."""
    so_far: SentSoFar | ServedSoFar | None = None
    """What this run leaves; None where it came to its end."""

    @property
    def sent_so_far(self) -> SentSoFar | None:
        """Of a sender."""
        found = self.earlier.so_far if self.earlier is not None else None
        return found if isinstance(found, SentSoFar) else None

    @property
    def served_so_far(self) -> ServedSoFar | None:
        """Of a carrier."""
        found = self.earlier.so_far if self.earlier is not None else None
        return found if isinstance(found, ServedSoFar) else None


def _majority_role(file: Path) -> str:
    with open_trace(file) as opened:
        return majority_role(opened.trace)


def _cast_of(file: Path) -> Cast:
    with open_trace(file) as opened:
        return Cast(senders_of(opened.trace))
