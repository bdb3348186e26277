"""One mock carrier: an SMSC on a real socket, with its own truth, will, handsets and clock-driven receipts.

Everything a text goes through after its acknowledgement happens in world time, by timers of the world clock;
there is no task per text. Texts that nobody will hear of again (no receipt asked for, no handset of ours)
cost no timer: `query_sm` works their state out when asked.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.carriers.address import e164
from gateway.carriers.behaviour import BindBehaviour, Deciders, MessageIds
from gateway.carriers.bind import CarrierBind
from gateway.carriers.enforcement import Enforcement
from gateway.carriers.errors import InboundInvalid, NobodyToDeliverTo, PortTaken
from gateway.carriers.faults import BEHAVIOURS, FaultSpec, silences
from gateway.carriers.handset import Handsets, TextArrived, reply_to
from gateway.carriers.inbound import InboundWriter, passed_on
from gateway.carriers.journal import Journal, Stored
from gateway.carriers.mailbox import Delivery, Mailbox
from gateway.carriers.numbers import NumberTable
from gateway.carriers.owed import Owed
from gateway.carriers.profile import Account, CarrierProfile, Registration, Transition
from gateway.carriers.receipts import ReceiptWriter
from gateway.carriers.rows import text_of
from gateway.carriers.state import BindState, CarrierState
from gateway.carriers.texts import TakenText, TextLog
from gateway.policy.optout import KeywordAction, KeywordTable
from gateway.runtime.clock import TimerHandle, WorldClock
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics
from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppServer, serve
from gateway.smpp.constants import EsmClass, MessageState, RegisteredDelivery, status_name
from gateway.smpp.pdu import DeliverSm, decode
from gateway.smpp.session import SessionSettings
from gateway.smpp.text import Alphabet
from gateway.smpp.timers import TimerSettings

SECOND_NS: Final = 1_000_000_000
_DELIVERY_ACKNOWLEDGEMENT: Final = int(RegisteredDelivery.DELIVERY_ACKNOWLEDGEMENT)
_USER_ACKNOWLEDGEMENT: Final = int(RegisteredDelivery.USER_ACKNOWLEDGEMENT)
_INTERMEDIATE: Final = int(RegisteredDelivery.INTERMEDIATE)

_KEYWORDS: Final = KeywordTable()

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
        self.texts = TextLog(profile.kept_texts)
        self.enforcement = Enforcement(profile, ZoneInfo)
        self.handsets = Handsets(profile.text)
        self.receipts = ReceiptWriter(profile.receipts)
        """Writes the receipts of what is accepted now."""
        self._inbound = InboundWriter(profile.text)
        self.default_alphabet = Alphabet(profile.text.default_alphabet)
        self.wire_time: Callable[[], float] = lambda: 0.0
        self.decisions: Counter[str] = Counter()
        self.behaviour: str = profile.behaviour
        self.faults: tuple[FaultSpec, ...] = profile.faults
        self._deciders = Deciders(profile)
        self._owners = NumberTable((account.numbers, account.system_id) for account in profile.accounts)
        self._default_account = next((one.system_id for one in profile.accounts if one.default), None)
        self._writers: dict[str, str] = {}
        self._owed = Owed(name, journal)
        on_over = self._owed.on_over if journal is not None else None
        self._mailboxes = {
            account.system_id: Mailbox(profile.queue_limit, clock.begin, clock.end, on_over)
            for account in profile.accounts
        }
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
        for mailbox in self._mailboxes.values():
            mailbox.close()

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
        self.receipts = ReceiptWriter(profile.receipts)
        self.handsets.adopt(profile.text)
        self._inbound.adopt(profile.text)
        self.default_alphabet = Alphabet(profile.text.default_alphabet)
        self.texts.keep(profile.kept_texts)
        for mailbox in self._mailboxes.values():
            mailbox.keep(profile.queue_limit)
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
        boxes = self._mailboxes.values()
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

    def mailbox(self, system_id: str) -> Mailbox:
        """Return an account's queue."""
        return self._mailboxes[system_id]

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

    # --- a text's life --------------------------------------------------------------------------------------

    def accept(self, text: TakenText, begins_ns: int, expires_ns: int) -> None:
        """Fix when and how a text ends. With a journal it begins only once it is durable, by `begin`."""
        self._fix_end(text, begins_ns, expires_ns)
        self.texts.add(text)
        self._owed.take(text)
        if self.journal is None:
            self.begin(text)

    def begin(self, text: TakenText) -> None:
        """A text is about to be acknowledged: what is to become of it happens from now on."""
        if text.over:
            return  # cancelled meanwhile
        fault = text.plan.fault
        if fault is not None and fault.kind == "receipt_early":
            self._end(text)
        else:
            self._arm(text)

    def disown(self, text: TakenText) -> None:
        """A text could not be made durable: it was never taken."""
        text.stop()
        text.over = True
        self.texts.forget(text)

    def reschedule(self, text: TakenText, begins_ns: int, expires_ns: int) -> None:
        """replace_sm: the text is another, and its delivery begins anew."""
        text.stop()
        self._fix_end(text, begins_ns, expires_ns)
        self._owed.change(text)
        self._arm(text)

    def end_early(self, text: TakenText, state: MessageState) -> None:
        """cancel_sm: the text ends now, in `state`."""
        text.stop()
        text.over = True
        text.ends_ns, text.final_state, text.error = self.clock.now_ns(), state, 0
        self._send_receipt(text)
        self._owed.change(text)
        self._owed.settle(text)

    def withdraw(self, text: TakenText) -> None:
        """A newer text has taken its place: it ends without a word."""
        text.stop()
        text.over = True
        text.ends_ns, text.final_state = self.clock.now_ns(), MessageState.DELETED
        self._owed.settle(text)

    def _fix_end(self, text: TakenText, begins_ns: int, expires_ns: int) -> None:
        plan = text.plan
        text.changes_hands = plan.handset is not None or self._owner_of(text) is not None
        if plan.fault is not None and plan.fault.kind == "receipt_early":
            text.ends_ns = text.submitted_ns
            return
        text.ends_ns = begins_ns + plan.receipt_delay_ns
        if text.ends_ns > expires_ns:
            text.ends_ns, text.final_state = expires_ns, MessageState.EXPIRED
        intermediate = text.registered_delivery & _INTERMEDIATE and plan.receipt and not _is_lost(text)
        text.halfway_ns = begins_ns + (text.ends_ns - begins_ns) // 2 if intermediate else 0

    def _arm(self, text: TakenText) -> None:
        """Set timers only where somebody will hear of it."""
        if (text.registered_delivery or text.changes_hands) and not _is_lost(text):
            text.timer = self.clock.call_at(text.ends_ns, self._end, text)
        else:
            self._owed.settle_later(text, self.clock.now_ns())
        if text.halfway_ns:
            text.intermediate_timer = self.clock.call_at(text.halfway_ns, self._tell_enroute, text)

    def _end(self, text: TakenText) -> None:
        text.timer = None
        text.over = True
        if text.final_state is MessageState.DELIVERED and not text.arrived:
            self._deliver(text)
        if not text.told:
            self._send_receipt(text)
        self._owed.settle(text)

    def take_up(self, stored: Stored) -> None:
        """Go on where the process before this one ended."""
        self._ordinal = stored.ordinal
        now_ns = self.clock.now_ns()
        for row in stored.windows:
            self.enforcement.take_up(row.kind, row.key, row.segments, row.end_ns, now_ns)
        for row in stored.inbound:
            mailbox = self._mailboxes.get(row.account)
            if mailbox is not None:
                mailbox.put(Delivery(decode(row.pdu), key=row.id))
        for row in stored.texts:
            if row.account in self._mailboxes:
                text = text_of(row, self.receipts, self._deciders.handsets)
                if text.halfway_ns <= now_ns:
                    text.halfway_ns = 0  # told already, or too late
                text.changes_hands = text.plan.handset is not None or self._owner_of(text) is not None
                self.texts.add(text)
                self._arm(text)
        if stored.texts or stored.inbound:
            _log.info("taken up", carrier=self.name, texts=len(stored.texts), inbound=len(stored.inbound))

    def _owner_of(self, text: TakenText) -> str | None:
        """The account a text comes back to: its destination is one of the account's own numbers."""
        owner: str | None = self._owners.get(e164(text.destination, text.destination_ton))
        return owner

    def _deliver(self, text: TakenText) -> None:
        owner = self._owner_of(text)
        if owner is not None:
            self._mailboxes[owner].put(self._owed.inbound(owner, passed_on(text)))
        settings = text.plan.handset
        if settings is None:
            return
        pdu = text.pdu
        source = e164(pdu.source_addr, pdu.source_addr_ton)
        handset = e164(text.destination, text.destination_ton)
        self._writers[source] = text.account
        if len(self._writers) > 100_000:
            del self._writers[next(iter(self._writers))]
        now_ns = self.clock.now_ns()
        arrived = self.handsets.receive(
            source,
            handset,
            text.short_message,
            esm_class=pdu.esm_class,
            data_coding=pdu.data_coding,
            tlvs=pdu.tlvs,
            now_ns=now_ns,
        )
        if text.registered_delivery & _DELIVERY_ACKNOWLEDGEMENT:
            self._acknowledge(text, EsmClass.DELIVERY_ACKNOWLEDGEMENT)
        if arrived is None:
            return
        if text.registered_delivery & _USER_ACKNOWLEDGEMENT and settings.state == "answers":
            self._acknowledge(text, EsmClass.USER_ACKNOWLEDGEMENT)
        reply = reply_to(arrived, settings)
        if reply is not None:
            text.reply_due = True
            due_ns = text.ends_ns + int(settings.reply_seconds * SECOND_NS)
            self.clock.call_at(max(due_ns, now_ns), self._reply, arrived, reply, text)

    def _reply(self, arrived: TextArrived, reply: str, text: TakenText) -> None:
        text.reply_due = False
        try:
            self.inject(arrived.handset, arrived.source, reply, account=text.account)
        except (NobodyToDeliverTo, InboundInvalid):
            _log.warning("reply not delivered", carrier=self.name)
        self._owed.settle(text)

    # --- receipts -------------------------------------------------------------------------------------------

    def _send_receipt(self, text: TakenText) -> None:
        wanted = text.registered_delivery & 3
        delivered = text.final_state is MessageState.DELIVERED
        if not wanted or (wanted == 2 and delivered) or (wanted == 3 and not delivered):
            return
        if not text.plan.receipt or not text.receipts.covers(text):
            return
        fault = text.plan.receipt_fault
        kind = fault.kind if fault is not None else ""
        if kind == "receipt_missing":
            return
        receipt = text.receipts.write(text, text.final_state, text.ends_ns, kind)
        bind = _connection(text)
        avoid = bind if text.receipts.other_bind or kind == "receipt_other_bind" else None
        mailbox = self._mailboxes[text.account]
        copies = 2 if kind == "receipt_duplicated" else 1
        text.receipts_due = copies
        for _ in range(copies):
            mailbox.put(Delivery(receipt, None if avoid else bind, avoid, text=text))

    def _tell_enroute(self, text: TakenText) -> None:
        text.intermediate_timer = None
        receipt = text.receipts.write(text, MessageState.ENROUTE, self.clock.now_ns(), intermediate=True)
        self._mailboxes[text.account].put(Delivery(receipt, _connection(text)))

    def _acknowledge(self, text: TakenText, esm_class: EsmClass) -> None:
        receipt = text.receipts.write(text, MessageState.DELIVERED, self.clock.now_ns())
        acknowledgement = replace(receipt, esm_class=int(esm_class))
        self._mailboxes[text.account].put(Delivery(acknowledgement, _connection(text)))

    # --- inbound texts --------------------------------------------------------------------------------------

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
        owner = self._owners.get(destination) or self._writers.get(destination) or account
        owner = owner or self._taker()
        if owner is None:
            raise NobodyToDeliverTo(self.name)
        pdus: list[DeliverSm] = []
        for number, file in enumerate(files, 1):
            pdus += self._inbound.mms(source, destination, file, number)
        if not files:
            pdus = self._inbound.text(source, destination, text)
            keyword = _KEYWORDS.classify(text)
            if keyword is not None and keyword.action is KeywordAction.OUT:
                self.enforcement.record_opt_out(destination, self.clock.now_ns())
        for pdu in pdus:
            self._mailboxes[owner].put(self._owed.inbound(owner, pdu))
        return len(pdus)

    def _taker(self) -> str | None:
        """Who gets inbound texts that belong to nobody: the default account, or the only one that listens."""
        listening = [name for name, mailbox in self._mailboxes.items() if mailbox.receivers]
        if self._default_account in listening or len(listening) != 1:
            return self._default_account
        return listening[0]


def _is_lost(text: TakenText) -> bool:
    return text.plan.fault is not None and text.plan.fault.kind == "lost"


def _connection(text: TakenText) -> SmppConnection | None:
    """The connection it came by; None after a restart."""
    return text.bind.connection if text.bind is not None else None


def _connection_settings(profile: CarrierProfile) -> ConnectionSettings:
    timers = TimerSettings(enquire_link_s=60.0, response_s=10.0, session_init_s=10.0)
    session = SessionSettings(timers=timers, window=profile.window, receive_window=profile.receive_window)
    return ConnectionSettings(session=session)
