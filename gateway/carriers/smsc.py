"""One mock carrier: an SMSC on a real socket, with its own truth, will, handsets and clock-driven receipts.

Its binds answer (`bind`), what they take goes its way (`store_and_forward`), its handsets write
(`originating`); here is what it is, and what it becomes.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from gateway.carriers.accounts import Accounts
from gateway.carriers.behaviour import BindBehaviour, Deciders, MessageIds
from gateway.carriers.bind import CarrierBind
from gateway.carriers.caps import Registration
from gateway.carriers.enforcement import Enforcement
from gateway.carriers.errors import PortTaken
from gateway.carriers.faults import BEHAVIOURS, FaultSpec, silences
from gateway.carriers.handset import Handsets
from gateway.carriers.handshakes import failure_of
from gateway.carriers.journal import Journal, Stored
from gateway.carriers.mailbox import Delivery, Mailbox
from gateway.carriers.originating import Originator
from gateway.carriers.owed import Owed
from gateway.carriers.profile import Account, CarrierProfile, Transition
from gateway.carriers.state import BindState, CarrierState
from gateway.carriers.store_and_forward import StoreAndForward
from gateway.carriers.texts import TextLog
from gateway.runtime.clock import SECOND_NS, TimerHandle, WorldClock
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics
from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppServer, serve
from gateway.smpp.constants import status_name
from gateway.smpp.pdu import decode
from gateway.smpp.session import SessionSettings
from gateway.smpp.text import Alphabet
from gateway.smpp.timers import TimerSettings

_log = get_logger("carriers")


class Carrier:
    """A mock carrier; `start` listens, `stop` lets go."""

    def __init__(
        self,
        name: str,
        profile: CarrierProfile,
        clock: WorldClock,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        metrics: Metrics | None = None,
        journal: Journal | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name, self.profile, self.clock, self.journal = name, profile, clock, journal
        self.configured = profile
        """What it was made with, whatever was switched since."""
        self.host, self.port = host, port
        self.enforcement = Enforcement(profile, ZoneInfo)
        self.default_alphabet = Alphabet(profile.text.default_alphabet)
        self.wire_time: Callable[[], float] = lambda: 0.0
        self.decisions: Counter[str] = Counter()
        self.behaviour: str = profile.behaviour
        self.faults: tuple[FaultSpec, ...] = profile.faults
        self._deciders = Deciders(profile)
        self._owed = Owed(name, journal)
        on_over = self._owed.on_over if journal is not None else None
        self._accounts = Accounts(profile.accounts, profile.queue_limit, clock, on_over)
        self._originator = Originator(name, profile.text, clock, self._accounts, self.enforcement, self._owed)
        self.forwarding = StoreAndForward(name, profile, clock, self._accounts, self._originator, self._owed)
        """What becomes of the texts it has taken."""
        if journal is not None:
            self.enforcement.on_use = self._owed.use
        self._binds: list[CarrierBind] = []
        self.silent: set[CarrierBind] = set()
        """Connections that are read and answered no more, until a behaviour without such faults comes."""
        self._ordinal = 0
        self._started_ns = 0
        self._tls = tls
        self._server: SmppServer | None = None
        self._planned: list[tuple[int, Transition, TimerHandle]] = []
        self._children: dict[str, Any] = {}
        self._metric = (
            metrics.counter(
                "carrier_decisions_total", "Texts by what the carrier decided", ("carrier", "outcome")
            )
            if metrics is not None
            else None
        )

    # --- life -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what the journal holds, and listen; raises `PortTaken`."""
        loop = asyncio.get_running_loop()
        self.wire_time = loop.time
        self._started_ns = self.clock.now_ns()
        stored = await self._owed.load()
        if stored is not None:
            self.take_up(stored)
        try:
            self._server = await serve(
                self.host,
                self.port,
                handler_factory=lambda connection: CarrierBind(self, connection),
                settings=_connection_settings(self.profile),
                ssl=self._tls,
                on_tls_failed=self._note_tls_failed,
            )
        except OSError as error:
            raise PortTaken(self.name, self.host, self.port) from error
        self.port = self._server.port
        self.configure(self.profile.behaviour, self.profile.faults)
        self.plan(self.profile.schedule)

    async def stop(self, wait_s: float = 0.0) -> None:
        """Unbind everybody and stop listening."""
        self.plan(())
        for bind in tuple(self.silent):  # would answer no unbind either
            bind.connection.abort()
        if self._server is not None:
            await self._server.close(wait_s)
            self._server = None
        self._accounts.close()

    def configure(self, behaviour: str, faults: Sequence[FaultSpec] = ()) -> None:
        """Take on a named behaviour and further faults, for the binds there are and those to come.

        Raises `KeyError` for an unknown name.
        """
        named = BEHAVIOURS[behaviour]
        changed = (behaviour, tuple(faults)) != (self.behaviour, self.faults)
        self.behaviour, self.faults = behaviour, tuple(faults)
        self.enforcement.throughput = named.throughput or self.profile.caps.throughput
        self.enforcement.refuse_all = named.refusal
        for bind in self._binds:
            if bind.behaviour is not None:
                bind.behaviour.configure(behaviour, faults)
        if self.silent and not silences((*faults, *named.faults)):
            silent, self.silent = self.silent, set()
            for bind in silent:
                bind.speak_again()
        if changed:
            _log.info("behaviour changed", carrier=self.name, behaviour=behaviour, faults=len(self.faults))

    def adopt(self, profile: CarrierProfile) -> None:
        """Be what another profile says, for what is accepted from now on; `switching` says what may differ.

        What was accepted before keeps its plan and the notation of its receipts, windows what they have
        counted. `window` and `receive_window` hold for binds made from now on.
        """
        before, self.profile = self.profile, profile
        self._deciders.adopt(profile)
        self.enforcement.adopt(profile)
        self.forwarding.adopt(profile)
        self._originator.adopt(profile.text)
        self._accounts.keep(profile.queue_limit)
        self.default_alphabet = Alphabet(profile.text.default_alphabet)
        for bind in self._binds:
            if bind.behaviour is not None:
                bind.behaviour.number_in(profile.ids)
        if self._server is not None:
            self._server.settings = _connection_settings(profile)
        if profile.registration.registrations != before.registration.registrations:
            self.replace_registrations(profile.registration.registrations)
        self.configure(self.behaviour, self.faults)
        _log.info("settings changed", carrier=self.name)

    def plan(self, schedule: Sequence[Transition]) -> None:
        """Take on behaviours later, counted from now, instead of those planned before."""
        now_ns = self.clock.now_ns()
        for _, _, timer in self._planned:
            timer.cancel()
        due = ((now_ns + int(step.at_seconds * SECOND_NS), step) for step in schedule)
        self._planned = [
            (due_ns, step, self.clock.call_at(due_ns, self.configure, step.behaviour, step.faults))
            for due_ns, step in due
        ]

    def replace_registrations(self, rows: Sequence[Registration]) -> None:
        """Take another snapshot of the registry."""
        self.enforcement.replace_registrations(rows)

    def state(self) -> CarrierState:
        """Return what is going on."""
        boxes = self._accounts.mailboxes.values()
        return CarrierState(
            self.name,
            self.profile.country,
            self.host,
            self.port,
            self.behaviour,
            self.faults,
            tuple(
                BindState(
                    bind.account.system_id if bind.account else "",
                    bind.bind_type,
                    bind.bound_ns,
                    bind.connection.window_used,
                    bind.submits,
                )
                for bind in self._binds
            ),
            sum(map(len, boxes)),
            sum(box.delivered for box in boxes),
            sum(box.dropped for box in boxes),
            dict(self.decisions),
            tuple((due_ns, step) for due_ns, step, timer in self._planned if timer.pending),
        )

    # --- binds ----------------------------------------------------------------------------------------------

    @property
    def connections(self) -> set[SmppConnection]:
        """Every open connection, bound or not."""
        return self._server.connections if self._server is not None else set()

    def binds_of(self, system_id: str) -> int:
        """Count an account's binds."""
        return sum(bind.account is not None and bind.account.system_id == system_id for bind in self._binds)

    def add_bind(self, bind: CarrierBind) -> None:
        """Count a bind that was accepted."""
        self._binds.append(bind)
        _log.info("bound", carrier=self.name, bind_type=bind.bind_type, binds=len(self._binds))

    def remove_bind(self, bind: CarrierBind) -> None:
        """A bind has ended."""
        self._binds.remove(bind)
        _log.info("unbound", carrier=self.name, bind_type=bind.bind_type, binds=len(self._binds))

    def note_bind_refused(self, status: int) -> None:
        """Say so in the log."""
        _log.warning("bind refused", carrier=self.name, status=status_name(status))

    def _note_tls_failed(self, error: Exception, peername: tuple[Any, ...]) -> None:
        reason, told = failure_of(error)
        peer = str(peername[0]) if peername else ""
        _log.warning("tls handshake failed", carrier=self.name, peer=peer, reason=reason, told=told)

    def note_tls_unexpected(self) -> None:
        """Say so in the log."""
        told = "an ESME speaks TLS to this plain port: set carriers.tls, or switch TLS off at the ESME"
        _log.warning("tls not expected", carrier=self.name, told=told)

    def mailbox(self, system_id: str) -> Mailbox:
        """Return an account's queue."""
        return self._accounts.mailboxes[system_id]

    def new_behaviour(self, account: Account) -> BindBehaviour:
        """Return the will towards a new bind: seeded by profile, carrier, account and ordinal of the bind."""
        self._ordinal += 1
        self._owed.count_bind(self._ordinal)
        seed = f"{self.profile.seed}/{self.name}/{account.system_id}/{self._ordinal}"
        ids = MessageIds(self.profile.ids, self._started_ns, self._ordinal)
        behaviour = BindBehaviour(self._deciders, random.Random(seed), ids)  # noqa: S311 - a simulation
        behaviour.configure(self.behaviour, self.faults)
        return behaviour

    def count(self, outcome: str) -> None:
        """Count a decision."""
        self.decisions[outcome] += 1
        if self._metric is None:
            return
        child = self._children.get(outcome)
        if child is None:
            child = self._children[outcome] = self._metric.labels(self.name, outcome)
        child.inc()

    # --- texts ----------------------------------------------------------------------------------------------

    @property
    def texts(self) -> TextLog:
        """What it has taken lately."""
        return self.forwarding.texts

    @property
    def handsets(self) -> Handsets:
        """The handsets, with what they got."""
        return self.forwarding.handsets

    def take_up(self, stored: Stored) -> None:
        """Go on where the process before this one ended."""
        self._ordinal = stored.ordinal
        now_ns = self.clock.now_ns()
        for row in stored.windows:
            self.enforcement.take_up(row.kind, row.key, row.segments, row.end_ns, now_ns)
        for row in stored.inbound:
            mailbox = self._accounts.mailboxes.get(row.account)
            if mailbox is not None:
                mailbox.put(Delivery(decode(row.pdu), key=row.id))
        self.forwarding.take_up(stored.texts, self._deciders.handsets)
        if stored.texts or stored.inbound:
            _log.info("taken up", carrier=self.name, texts=len(stored.texts), inbound=len(stored.inbound))

    def inject(
        self,
        source: str,
        destination: str,
        text: str,
        files: Sequence[str] = (),
        *,
        account: str | None = None,
    ) -> int:
        """Let a handset write a text, or with `files` an MMS; returns the segments.

        Of an MMS only the notifications come over SMPP, one per file: its text belongs to the body, which
        lies at the carrier's MMS centre (webex.md B1).

        It goes to the account that owns `destination`, else to the one that last wrote from it to a handset
        here, else to `account`, else to the default account or the only one that listens. Raises
        `NobodyToDeliverTo` and `InboundInvalid`.
        """
        return self._originator.originate(source, destination, text, files, account)


def _connection_settings(profile: CarrierProfile) -> ConnectionSettings:
    timers = TimerSettings(enquire_link_s=60.0, response_s=10.0, session_init_s=10.0)
    session = SessionSettings(timers=timers, window=profile.window, receive_window=profile.receive_window)
    return ConnectionSettings(session=session)
