"""One replay from its options to its report: what the command line and `/v1/replays` run."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from gateway.carriers.bind import CarrierBind
from gateway.carriers.smsc import Carrier
from gateway.replay.ahead import Order, ReadAhead, Tally, worth_it
from gateway.replay.carrier_edge import CarrierEdge
from gateway.replay.carrier_player import CarrierPlayer
from gateway.replay.cast import Cast, senders_of
from gateway.replay.compare import Ledger, Result, Tolerances
from gateway.replay.errors import CheckpointInvalid, NothingToReplay, TargetInvalid, WorldInvalid
from gateway.replay.esme_edge import Connect, EsmeEdge
from gateway.replay.expectations import (
    Expectation,
    read_expectation,
    write_golden,
    write_golden_head,
)
from gateway.replay.formats import OpenTrace, open_trace
from gateway.replay.memory import join
from gateway.replay.numbers import MapNumber, OntoWorld, Pseudonyms, map_numbers, same
from gateway.replay.pace import MAX, Pace
from gateway.replay.player import EsmePlayer
from gateway.replay.report import Report
from gateway.replay.story import Correlator, Step
from gateway.replay.summary import Summary
from gateway.replay.texts import whole_texts
from gateway.replay.users_edge import OpenGateway, UsersEdge
from gateway.replay.worlds import (
    AUTO,
    auto_world,
    carrier_for,
    majority_role,
    world_numbers,
    write_world,
)
from gateway.runtime.clock import SECOND_NS, WorldClock
from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppHandler, connect
from gateway.smpp.matrix import Role
from gateway.smpp.pdu import BindReceiver, BindTransceiver, BindTransmitter
from gateway.smpp.session import SessionSettings
from gateway.smpp.timers import TimerSettings

ROLES: Final = ("carrier", "esme", "users")
_BINDS: Final = {int(cls.command_id): cls for cls in (BindReceiver, BindTransceiver, BindTransmitter)}
_OWN_TIMERS: Final = TimerSettings(response_s=2.0)
"""A carrier in this process that has not answered by then has been told not to."""
_GUEST: Final = ("guest", "guest")


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay, as whom, against whom, and how to judge it."""

    file: Path
    role: str | None = None
    """`carrier`, `esme` or `users`; None takes the majority's of the capture."""
    listen: str = "127.0.0.1:2775"
    """HOST:PORT, as carrier."""
    account: str | None = None
    """NAME:PASSWORD that ESMEs have to bind with, as carrier; None lets anyone on loopback in."""
    target: str | None = None
    """smpp://user:password@host:port as esme, http://host:port as users; as esme without one, a mock carrier
    in this process."""
    token: str = "demo-admin"  # noqa: S105 - the demo world's
    """Bearer token, as users."""
    carrier: str = "tmobile"
    """Which mock carrier plays along, as esme without a target."""
    world: str | None = None
    """`auto`, a configuration whose numbers are taken, or None: numbers stay."""
    save_world: Path | None = None
    """Where to leave the configuration that `auto` makes, as users."""
    pseudonyms: bool = False
    """Replace every number by a pseudonym."""
    speed: float | None = 1.0
    """World seconds per real second; None: as fast as possible."""
    seed: int = 1
    window: int = 10
    grace_s: float = 30.0
    """World seconds to wait for late answers and receipts."""
    idle_s: float = 30.0
    """Real seconds without a sign of the ESME, as carrier, until the replay ends."""
    expect: Path | None = None
    """Golden file or rules; None compares with what was recorded."""
    update: bool = False
    """Write `expect` as a golden file of this run."""
    tolerances: Tolerances = field(default_factory=Tolerances)
    checkpoint: Path | None = None
    """Where a stopped replay leaves what it needs to be taken up again."""


@dataclass(slots=True)
class Progress:
    """How far a replay is; read it whenever you like."""

    role: str = ""
    format: str = ""
    share: Callable[[], float] = lambda: 0.0
    sent: Callable[[], int] = lambda: 0
    settled: int = 0
    listening: str = ""
    people: int = 0
    """Of a world of our own, as users."""
    stand_ins: int = 0
    """How many of them stand in for senders who can be nobody's number."""


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
        summary, skip, again = Summary(), 0, {}
        resumed = _read_checkpoint(options, role)
        if resumed is not None:
            summary, skip = Summary.from_state(resumed["summary"]), int(resumed["last"])
            again = {int(number): kept for number, kept in resumed["open"].items()}
        with open_trace(options.file) as opened, _golden_writer(options, role, opened.format.name) as write:
            self.progress.role, self.progress.format = role, opened.format.name
            self.progress.share = opened.share
            report = Report(
                options.file.name, opened.format.name, role, _speed_name(options.speed), options.seed,
                "recorded", summary,
            )  # fmt: skip

            def settle(result: Result) -> None:
                self.progress.settled += 1
                summary.add(result)
                write(result)

            plan = _Plan(role, opened, report, settle, skip, await self._cast(role), again)
            await self._play(plan)
        _finish_checkpoint(options, report, role, plan.still_open)
        return report

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
        own, far = _mapping(options)
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
        report.stopped = self._stopped
        if not report.summary.messages and not self._stopped:
            raise NothingToReplay(options.file.name, plan.role, read.pdus, read.unreadable)

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
            skip=plan.skip,
            again=plan.again,
        )
        self.progress.sent = lambda: player.sent
        own = cast is not None or (not users and options.target is None)
        clock = WorldClock(player.captured_ns, speed=options.speed or 1.0, frozen=own)
        edge: EsmeEdge | UsersEdge
        if cast is not None:
            await self._against_own_gateway(player, clock, ledger, cast)
        elif users:
            url = options.target or "http://127.0.0.1:8080"
            if urlsplit(url).scheme not in ("http", "https"):
                raise TargetInvalid(url, "http://host:port of a gateway")
            edge = UsersEdge(player, clock, url, options.token, as_fast=as_fast, grace_s=options.grace_s)
            await self._run_edge(edge, ledger)
        elif options.target is None:
            await self._against_own_carrier(player, clock, ledger)
        else:
            link = _connector(options)
            edge = EsmeEdge(player, clock, link, as_fast=as_fast, grace_s=options.grace_s)
            await self._run_edge(edge, ledger)
        clock.close()
        if self._stopped and not own:
            plan.still_open = player.opened()
        else:
            player.finish()
        plan.report.inbound, plan.report.recorded_inbound = player.inbound, player.recorded_inbound
        plan.report.last_number = player.last_number

    async def _run_edge(self, edge: EsmeEdge | UsersEdge, ledger: Ledger) -> None:
        self._stop = edge.stop
        if self._stopped:
            edge.stop()
        self.on_begin(self.progress)
        await edge.run(lambda: len(ledger))

    async def _against_own_carrier(self, player: EsmePlayer, clock: WorldClock, ledger: Ledger) -> None:
        options = self.options
        profile = carrier_for(options.carrier, options.seed, registered=options.world is not None)
        carrier = Carrier(options.carrier, profile, clock, port=0)
        await carrier.start()
        # The carrier's throughput is a limit of wire time, and here that is the captured one.
        carrier.wire_time = lambda: clock.now_ns() / SECOND_NS
        links: list[SmppConnection] = []

        async def link(command_id: int, handler: SmppHandler) -> SmppConnection:
            near, far = _joined(handler, lambda connection: CarrierBind(carrier, connection), options.window)
            join(near, far)
            links.append(far)
            await near.bind(
                _BINDS[command_id](system_id=_GUEST[0], password=_GUEST[1], interface_version=0x34)
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
        with tempfile.TemporaryDirectory(prefix="replay-") as name:
            folder = Path(name)
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
        player = CarrierPlayer(steps, ledger, prefix=f"{options.seed:x}r")
        self.progress.sent = lambda: player.matched + player.delivered
        clock = WorldClock(player.start_ns, frozen=True)
        account = None
        if options.account is not None:
            name, _, password = options.account.partition(":")
            account = name, password
        edge = CarrierEdge(
            player, clock, speed=options.speed or 1.0, as_fast=options.speed is None, account=account,
            idle_s=options.idle_s,
        )  # fmt: skip
        host, port = _address(options.listen)
        await edge.start(host, port)
        self.progress.listening = f"{host}:{edge.port}"
        self._stop = edge.stop
        if self._stopped:
            edge.stop()
        self.on_begin(self.progress)
        try:
            await edge.run()
        finally:
            player.finish()
            clock.close()
        plan.report.unexpected += player.unexpected


@dataclass(slots=True)
class _Plan:
    role: str
    opened: OpenTrace
    report: Report
    settle: Callable[[Result], None]
    skip: int
    cast: Cast | None
    again: dict[int, dict[str, Any]]
    """What had come of messages that were open when an earlier run was stopped."""
    still_open: dict[int, dict[str, Any]] = field(default_factory=dict)
    """The same, of this run."""


def _majority_role(file: Path) -> str:
    with open_trace(file) as opened:
        return majority_role(opened.trace)


def _cast_of(file: Path) -> Cast:
    with open_trace(file) as opened:
        return Cast(senders_of(opened.trace))


def _mapping(options: ReplayOptions) -> tuple[MapNumber, MapNumber]:
    """How own and far numbers are mapped."""
    own: MapNumber = same
    far: MapNumber = same
    if options.pseudonyms:
        own = far = Pseudonyms(options.seed)
    if options.world is not None and options.world != AUTO:
        own = OntoWorld(world_numbers(Path(options.world)))
    return own, far


def _joined(
    handler: SmppHandler, carrier: Callable[[SmppConnection], SmppHandler], window: int
) -> tuple[SmppConnection, SmppConnection]:
    near = ConnectionSettings(session=SessionSettings(timers=_OWN_TIMERS, window=window), flush_pdus=1)
    far = ConnectionSettings(session=SessionSettings(window=1_000), flush_pdus=1)
    return (
        SmppConnection(Role.ESME, lambda _: handler, near),
        SmppConnection(Role.SMSC, carrier, far),
    )


def _connector(options: ReplayOptions) -> Connect:
    url = urlsplit(options.target or "")
    try:
        port = url.port or 2775
    except ValueError:
        port = 0
    if url.scheme != "smpp" or not url.hostname or not port:
        raise TargetInvalid(options.target or "", "smpp://user:password@host:port")
    host, user, password = url.hostname, unquote(url.username or ""), unquote(url.password or "")
    settings = ConnectionSettings(session=SessionSettings(window=options.window))

    async def link(command_id: int, handler: SmppHandler) -> SmppConnection:
        bind = _BINDS[command_id](system_id=user, password=password, interface_version=0x34)
        return await connect(host, port, bind=bind, handler=handler, settings=settings)

    return link


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise TargetInvalid(text, "HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _speed_name(speed: float | None) -> str:
    return MAX if speed is None else f"{speed:g}"


@contextmanager
def _golden_writer(options: ReplayOptions, role: str, name: str) -> Iterator[Callable[[Result], None]]:
    if options.expect is None or not options.update:
        yield lambda result: None
        return
    unfinished = options.expect.with_name(options.expect.name + ".new")
    with unfinished.open("w", encoding="utf-8") as stream:
        write_golden_head(stream, role, name)
        yield lambda result: write_golden(stream, result)
    unfinished.replace(options.expect)


# --- stop and resume ----------------------------------------------------------------------------------------


def _fingerprint(options: ReplayOptions, role: str) -> dict[str, Any]:
    stat = options.file.stat()
    return {"capture": options.file.name, "bytes": stat.st_size, "role": role, "seed": options.seed}


def _read_checkpoint(options: ReplayOptions, role: str) -> dict[str, Any] | None:
    path = options.checkpoint
    if path is None or not path.exists():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["of"] != _fingerprint(options, role):
            raise CheckpointInvalid(path.name, "it is of another replay")
        Summary.from_state(document["summary"])
        {int(number): kept["id"] for number, kept in document["open"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointInvalid(path.name, "no checkpoint") from None
    return dict(document)


def _finish_checkpoint(
    options: ReplayOptions, report: Report, role: str, still_open: dict[int, dict[str, Any]]
) -> None:
    if options.checkpoint is None:
        return
    if not report.stopped or role == "carrier":
        options.checkpoint.unlink(missing_ok=True)
        return
    document = {
        "of": _fingerprint(options, role),
        "last": report.last_number,
        "summary": report.summary.to_state(),
        "open": still_open,
    }
    options.checkpoint.write_text(json.dumps(document), encoding="utf-8")
