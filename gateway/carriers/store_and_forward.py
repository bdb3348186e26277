"""Store and forward (SMPP 3.4 §2.7.1): what becomes of a text once a carrier has acknowledged it.

Everything happens in world time, by timers of the world clock; there is no task per text. Texts that nobody
will hear of again (no receipt asked for, no handset of ours) cost no timer: `query_sm` works their state out
when asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Row

from gateway.carriers.accounts import Accounts
from gateway.carriers.address import e164
from gateway.carriers.errors import InboundInvalid, NobodyToDeliverTo
from gateway.carriers.handset import Handsets, TextArrived, reply_to
from gateway.carriers.inbound import passed_on
from gateway.carriers.mailbox import Delivery
from gateway.carriers.numbers import NumberTable
from gateway.carriers.originating import Originator
from gateway.carriers.owed import Owed
from gateway.carriers.profile import CarrierProfile
from gateway.carriers.receipts import ReceiptWriter
from gateway.carriers.rows import text_of
from gateway.carriers.texts import TakenText, TextLog
from gateway.runtime.clock import SECOND_NS, WorldClock
from gateway.runtime.log import get_logger
from gateway.smpp.aio import SmppConnection
from gateway.smpp.constants import EsmClass, MessageState, RegisteredDelivery

_DELIVERY_ACKNOWLEDGEMENT: Final = int(RegisteredDelivery.DELIVERY_ACKNOWLEDGEMENT)
_USER_ACKNOWLEDGEMENT: Final = int(RegisteredDelivery.USER_ACKNOWLEDGEMENT)
_INTERMEDIATE: Final = int(RegisteredDelivery.INTERMEDIATE)

_log = get_logger("carriers")


class StoreAndForward:
    """The texts of one carrier, from their acknowledgement to their receipt."""

    def __init__(
        self,
        carrier: str,
        profile: CarrierProfile,
        clock: WorldClock,
        accounts: Accounts,
        originator: Originator,
        owed: Owed,
    ) -> None:
        self._carrier, self._clock, self._owed = carrier, clock, owed
        self._accounts, self._originator = accounts, originator
        self.texts = TextLog(profile.kept_texts)
        self.handsets = Handsets(profile.text)
        self.receipts = ReceiptWriter(profile.receipts)
        """Writes the receipts of what is accepted now."""

    def adopt(self, profile: CarrierProfile) -> None:
        """Go by another profile with what is accepted from now on."""
        self.receipts = ReceiptWriter(profile.receipts)
        self.handsets.adopt(profile.text)
        self.texts.keep(profile.kept_texts)

    # --- a text's life --------------------------------------------------------------------------------------

    def accept(self, text: TakenText, begins_ns: int, expires_ns: int) -> None:
        """Fix when and how a text ends. With a journal it begins only once it is durable, by `begin`."""
        self._fix_end(text, begins_ns, expires_ns)
        self.texts.add(text)
        self._owed.take(text)
        if self._owed.journal is None:
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
        text.ends_ns, text.final_state, text.error = self._clock.now_ns(), state, 0
        self._send_receipt(text)
        self._owed.change(text)
        self._owed.settle(text)

    def withdraw(self, text: TakenText) -> None:
        """A newer text has taken its place: it ends without a word."""
        text.stop()
        text.over = True
        text.ends_ns, text.final_state = self._clock.now_ns(), MessageState.DELETED
        self._owed.settle(text)

    def take_up(self, rows: Iterable[Row[Any]], handsets: NumberTable) -> None:
        """Go on with the texts of the process before this one."""
        now_ns = self._clock.now_ns()
        for row in rows:
            if row.account in self._accounts.mailboxes:
                text = text_of(row, self.receipts, handsets)
                if text.halfway_ns <= now_ns:
                    text.halfway_ns = 0  # told already, or too late
                text.changes_hands = self._changes_hands(text)
                self.texts.add(text)
                self._arm(text)

    def _fix_end(self, text: TakenText, begins_ns: int, expires_ns: int) -> None:
        plan = text.plan
        text.changes_hands = self._changes_hands(text)
        if plan.fault is not None and plan.fault.kind == "receipt_early":
            text.ends_ns = text.submitted_ns
            return
        text.ends_ns = begins_ns + plan.receipt_delay_ns
        if text.ends_ns > expires_ns:
            text.ends_ns, text.final_state = expires_ns, MessageState.EXPIRED
        intermediate = text.registered_delivery & _INTERMEDIATE and plan.receipt and not _is_lost(text)
        text.halfway_ns = begins_ns + (text.ends_ns - begins_ns) // 2 if intermediate else 0

    def _changes_hands(self, text: TakenText) -> bool:
        return text.plan.handset is not None or self._owner_of(text) is not None

    def _arm(self, text: TakenText) -> None:
        """Set timers only where somebody will hear of it."""
        if (text.registered_delivery or text.changes_hands) and not _is_lost(text):
            text.timer = self._clock.call_at(text.ends_ns, self._end, text)
        else:
            self._owed.settle_later(text, self._clock.now_ns())
        if text.halfway_ns:
            text.intermediate_timer = self._clock.call_at(text.halfway_ns, self._tell_enroute, text)

    def _end(self, text: TakenText) -> None:
        text.timer = None
        text.over = True
        if text.final_state is MessageState.DELIVERED and not text.arrived:
            self._deliver(text)
        if not text.told:
            self._send_receipt(text)
        self._owed.settle(text)

    # --- delivery -------------------------------------------------------------------------------------------

    def _owner_of(self, text: TakenText) -> str | None:
        """The account a text comes back to: its destination is one of the account's own numbers."""
        return self._accounts.owner_of(e164(text.destination, text.destination_ton))

    def _deliver(self, text: TakenText) -> None:
        owner = self._owner_of(text)
        if owner is not None:
            self._accounts.mailboxes[owner].put(self._owed.inbound(owner, passed_on(text)))
        settings = text.plan.handset
        if settings is None:
            return
        pdu = text.pdu
        source = e164(pdu.source_addr, pdu.source_addr_ton)
        self._accounts.remember_writer(source, text.account)
        now_ns = self._clock.now_ns()
        arrived = self.handsets.receive(
            source,
            e164(text.destination, text.destination_ton),
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
            self._clock.call_at(max(due_ns, now_ns), self._reply, arrived, reply, text)

    def _reply(self, arrived: TextArrived, reply: str, text: TakenText) -> None:
        text.reply_due = False
        try:
            self._originator.originate(arrived.handset, arrived.source, reply, account=text.account)
        except (NobodyToDeliverTo, InboundInvalid):
            _log.warning("reply not delivered", carrier=self._carrier)
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
        mailbox = self._accounts.mailboxes[text.account]
        copies = 2 if kind == "receipt_duplicated" else 1
        text.receipts_due = copies
        for _ in range(copies):
            mailbox.put(Delivery(receipt, None if avoid else bind, avoid, text=text))

    def _tell_enroute(self, text: TakenText) -> None:
        text.intermediate_timer = None
        receipt = text.receipts.write(text, MessageState.ENROUTE, self._clock.now_ns(), intermediate=True)
        self._accounts.mailboxes[text.account].put(Delivery(receipt, _connection(text)))

    def _acknowledge(self, text: TakenText, esm_class: EsmClass) -> None:
        receipt = text.receipts.write(text, MessageState.DELIVERED, self._clock.now_ns())
        acknowledgement = replace(receipt, esm_class=int(esm_class))
        self._accounts.mailboxes[text.account].put(Delivery(acknowledgement, _connection(text)))


def _is_lost(text: TakenText) -> bool:
    return text.plan.fault is not None and text.plan.fault.kind == "lost"


def _connection(text: TakenText) -> SmppConnection | None:
    """The connection it came by; None after a restart."""
    return text.bind.connection if text.bind is not None else None
