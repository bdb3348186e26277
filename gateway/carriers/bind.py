"""One ESME's bind at a carrier: what is answered to each of its requests, and which fault strikes
meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gateway.carriers.behaviour import BindBehaviour, Plan
from gateway.carriers.enforcement import authenticate
from gateway.carriers.faults import FaultSpec
from gateway.carriers.handshakes import speaks_tls
from gateway.carriers.intake import Intake, speaks_twice
from gateway.carriers.profile import Account
from gateway.carriers.receipts import error_of
from gateway.carriers.strikes import STRIKES
from gateway.carriers.texts import TakenText
from gateway.smpp.aio import SmppConnection, SmppHandler
from gateway.smpp.constants import CommandId, CommandStatus, MessageState
from gateway.smpp.events import SessionClosed
from gateway.smpp.fields import DistributionList, UnsuccessfulDelivery
from gateway.smpp.matrix import SessionState
from gateway.smpp.pdu import (
    Bind,
    CancelSm,
    DataSm,
    DataSmResp,
    Pdu,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    response_to,
)
from gateway.smpp.segment import user_data
from gateway.smpp.times import format_absolute

if TYPE_CHECKING:
    from gateway.carriers.smsc import Carrier

BIND_TYPES: Final = {
    CommandId.BIND_TRANSMITTER: "transmitter",
    CommandId.BIND_RECEIVER: "receiver",
    CommandId.BIND_TRANSCEIVER: "transceiver",
}
_RECEIVING: Final = frozenset({SessionState.BOUND_RX, SessionState.BOUND_TRX})


class CarrierBind(SmppHandler):
    """The SMSC's side of one connection."""

    def __init__(self, carrier: Carrier, connection: SmppConnection) -> None:
        self.carrier = carrier
        self.connection = connection
        self.account: Account | None = None
        self.behaviour: BindBehaviour | None = None
        self.bind_type = ""
        self.bound_ns = 0
        self.submits = 0
        self._intake = Intake(self)
        self._delayed: set[asyncio.TimerHandle] = set()
        self._unanswered: Bind | None = None
        self._closed = False

    # --- bind -----------------------------------------------------------------------------------------------

    def on_bind(self, connection: SmppConnection, pdu: Bind) -> Pdu | None:
        """Authenticate (SMPP 3.4 §4.1)."""
        carrier = self.carrier
        bind_type = BIND_TYPES[pdu.command_id]
        address = str(connection.peername[0]) if connection.peername else ""
        account = authenticate(
            carrier.profile.accounts, pdu.system_id, pdu.password, bind_type, address, carrier.binds_of
        )
        if not isinstance(account, Account):
            carrier.note_bind_refused(account)
            return response_to(pdu, account)
        behaviour = carrier.new_behaviour(account)
        fault = behaviour.bind_fault()
        if fault is not None and fault.kind == "bind_unanswered":
            connection.stop_reading()
            connection.forget(pdu)
            self._unanswered = pdu
            carrier.silent.add(self)
            return None
        if fault is not None:
            carrier.note_bind_refused(fault.status)
            return response_to(pdu, fault.status)
        self.account, self.behaviour, self.bind_type = account, behaviour, bind_type
        carrier.add_bind(self)  # counted from here: two binds at once cannot both be the last allowed
        return response_to(pdu, system_id=carrier.profile.system_id)

    def on_bound(self, connection: SmppConnection) -> None:
        """Open the account's mailbox to this connection."""
        self.bound_ns = self.carrier.clock.now_ns()
        if self.account is not None and connection.state in _RECEIVING:
            self.carrier.mailbox(self.account.system_id).add_receiver(connection)

    def speak_again(self) -> None:
        """The carrier is silent no more: answer a bind left open, and read what has come meanwhile."""
        pdu, self._unanswered = self._unanswered, None
        if pdu is not None:
            answer = self.on_bind(self.connection, pdu)
            if answer is not None:
                self.connection.respond(pdu, answer)
        self.connection.read_again()

    def on_ready(self, connection: SmppConnection) -> None:
        """The ESME reads again."""
        if self.account is not None:
            self.carrier.mailbox(self.account.system_id).pump()

    def on_closed(self, connection: SmppConnection, closed: SessionClosed) -> None:
        """Forget the bind."""
        if closed.error is not None and speaks_tls(closed.error):
            self.carrier.note_tls_unexpected()
        self.carrier.silent.discard(self)
        self._closed = True
        for timer in self._delayed:
            timer.cancel()
        self._delayed.clear()
        if self.account is not None:
            self.carrier.mailbox(self.account.system_id).remove_receiver(connection)
            self.carrier.remove_bind(self)

    # --- requests -------------------------------------------------------------------------------------------

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu | None:
        """Answer a message operation, now or later."""
        handle = _REQUESTS.get(pdu.__class__)
        if handle is None or self.account is None:
            return response_to(pdu, CommandStatus.RINVCMDID)
        answer: Pdu | None = handle(self, pdu)
        journal = self.carrier.journal
        if answer is None or journal is None or journal.idle:
            return answer
        journal.then(partial(self._on_kept, pdu, answer, None, ()))  # after the answers owed before it
        return None

    def _on_submit(self, pdu: SubmitSm) -> Pdu | None:
        short_message = pdu.short_message
        if pdu.tlvs:
            if speaks_twice(pdu):
                return response_to(pdu, CommandStatus.ROPTPARNOTALLWD)
            short_message = user_data(short_message, pdu.tlvs)
        if pdu.replace_if_present_flag:
            self._intake.withdraw_pending(pdu)
        destination = (pdu.destination_addr, pdu.dest_addr_ton, pdu.dest_addr_npi)
        plan = self._intake.decide(pdu, destination, short_message)
        if plan.status:
            return self._answer(pdu, SubmitSmResp("", (), plan.status, pdu.sequence_number), plan)
        text = self._intake.take(pdu, destination, short_message, plan)
        if isinstance(text, int):
            return response_to(pdu, text)
        response = SubmitSmResp(plan.message_id, (), 0, pdu.sequence_number)
        return self._answer(pdu, response, plan, (text,))

    def _on_data(self, pdu: DataSm) -> Pdu | None:
        short_message = user_data(b"", pdu.tlvs)
        destination = (pdu.destination_addr, pdu.dest_addr_ton, pdu.dest_addr_npi)
        plan = self._intake.decide(pdu, destination, short_message)
        if plan.status:
            return self._answer(pdu, response_to(pdu, plan.status), plan)
        text = self._intake.take(pdu, destination, short_message, plan)
        if isinstance(text, int):
            return response_to(pdu, text)
        response = DataSmResp(plan.message_id, (), 0, pdu.sequence_number)
        return self._answer(pdu, response, plan, (text,))

    def _on_multi(self, pdu: SubmitMulti) -> Pdu | None:
        """One text to many: one message id; refused destinations are listed in the response (§4.5.2).

        A distribution list refuses the whole before anything is sent: the response lists SME addresses alone
        and has no place for a list, and a status that is not 0 has to mean that nobody gets the text.
        """
        if any(isinstance(address, DistributionList) for address in pdu.dest_addresses):
            return response_to(pdu, CommandStatus.RINVDLNAME)
        if speaks_twice(pdu):
            return response_to(pdu, CommandStatus.ROPTPARNOTALLWD)
        short_message = user_data(pdu.short_message, pdu.tlvs)
        refused: list[UnsuccessfulDelivery] = []
        taken: list[TakenText] = []
        first: Plan | None = None
        for address in pdu.dest_addresses:
            assert not isinstance(address, DistributionList)  # noqa: S101 - refused above
            ton, npi, number = address
            plan = self._intake.decide(pdu, (number, ton, npi), short_message)
            status = plan.status
            if not status:
                first = first or plan
                text = self._intake.take(pdu, (number, ton, npi), short_message, plan, first.message_id)
                if isinstance(text, int):
                    status = text
                else:
                    taken.append(text)
            if status:
                refused.append(UnsuccessfulDelivery(ton, npi, number, status))
        message_id = first.message_id if first is not None else ""
        response = SubmitMultiResp(message_id, tuple(refused), (), 0, pdu.sequence_number)
        return self._answer(pdu, response, first or Plan("", "refused"), taken)

    def _on_query(self, pdu: QuerySm) -> Pdu:
        now_ns = self.carrier.clock.now_ns()
        text = self.carrier.texts.get(self.system_id, pdu.message_id, pdu.source_addr)
        if text is None:
            return response_to(pdu, CommandStatus.RQUERYFAIL, message_id=pdu.message_id)
        state = text.state(now_ns)
        final = state is not MessageState.ENROUTE
        return response_to(
            pdu,
            message_id=pdu.message_id,
            final_date=format_absolute(text.ends_ns) if final else "",
            message_state=state,
            error_code=error_of(text, state) & 0xFF if final else 0,
        )

    def _on_cancel(self, pdu: CancelSm) -> Pdu:
        carrier, now_ns = self.carrier, self.carrier.clock.now_ns()
        if pdu.message_id:
            text = carrier.texts.get(self.system_id, pdu.message_id, pdu.source_addr)
            if text is not None and pdu.destination_addr not in ("", text.destination):
                text = None  # it must match unless it is NULL (SMPP 3.4 §4.9.1)
            found = [text] if text is not None and now_ns < text.ends_ns else []
        else:
            pending = carrier.texts.pending(
                self.system_id, pdu.source_addr, pdu.destination_addr, pdu.service_type, now_ns
            )
            found = list(pending)
        for text in found:
            carrier.forwarding.end_early(text, MessageState.DELETED)
        return response_to(pdu, 0 if found else CommandStatus.RCANCELFAIL)

    def _on_replace(self, pdu: ReplaceSm) -> Pdu:
        carrier, now_ns = self.carrier, self.carrier.clock.now_ns()
        text = carrier.texts.get(self.system_id, pdu.message_id, pdu.source_addr)
        if text is None or now_ns >= text.ends_ns:
            return response_to(pdu, CommandStatus.RREPLACEFAIL)
        times = self._intake.times(pdu, now_ns)
        if isinstance(times, int):
            return response_to(pdu, times)
        text.stop()
        text.short_message = user_data(pdu.short_message, pdu.tlvs)
        text.registered_delivery = pdu.registered_delivery
        carrier.forwarding.reschedule(text, *times)
        return response_to(pdu)

    @property
    def system_id(self) -> str:
        """Of the account that has bound; empty before."""
        return self.account.system_id if self.account is not None else ""

    # --- answering ------------------------------------------------------------------------------------------

    def _answer(self, pdu: Pdu, response: Pdu, plan: Plan, taken: Sequence[TakenText] = ()) -> Pdu | None:
        """Answer at once, or as latency, journal and fault say."""
        journal = self.carrier.journal
        if journal is not None and (taken or not journal.idle):
            journal.then(partial(self._on_kept, pdu, response, plan, taken))
            return None
        if plan.fault is None and not plan.response_delay_s:
            return response
        self._answer_later(pdu, response, plan)
        return None

    def _on_kept(
        self, pdu: Pdu, response: Pdu, plan: Plan | None, taken: Sequence[TakenText], durable: bool
    ) -> None:
        """What was decided is durable, and so it begins; or it is not, and nothing of it is true."""
        carrier = self.carrier
        for text in taken:
            if durable:
                carrier.forwarding.begin(text)
            else:
                carrier.forwarding.disown(text)
        if self._closed:
            return
        if not durable and pdu.command_id in _KEPT:
            self.connection.respond(pdu, response_to(pdu, CommandStatus.RSYSERR))
        elif plan is None:
            self.connection.respond(pdu, response)
        else:
            self._answer_later(pdu, response, plan)

    def _answer_later(self, pdu: Pdu, response: Pdu, plan: Plan) -> None:
        fault = plan.fault
        delay_s = plan.response_delay_s
        if fault is not None and fault.kind == "late_response":
            delay_s += fault.delay_s
        if delay_s <= 0:
            self._answer_now(pdu, response, fault)
            return
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle = loop.call_later(delay_s, lambda: self._fire(timer, pdu, response, fault))
        self._delayed.add(timer)

    def _fire(self, timer: asyncio.TimerHandle, pdu: Pdu, response: Pdu, fault: FaultSpec | None) -> None:
        self._delayed.discard(timer)
        self._answer_now(pdu, response, fault)

    def _answer_now(self, pdu: Pdu, response: Pdu, fault: FaultSpec | None) -> None:
        connection = self.connection
        strike = STRIKES.get(fault.kind) if fault is not None else None
        if strike is None:
            connection.respond(pdu, response)
        else:
            strike(connection, pdu, response)
            if strike is STRIKES["half_open"]:
                self.carrier.silent.add(self)


_KEPT: Final = frozenset(
    {
        CommandId.SUBMIT_SM,
        CommandId.SUBMIT_MULTI,
        CommandId.DATA_SM,
        CommandId.CANCEL_SM,
        CommandId.REPLACE_SM,
    }
)
"""Requests whose positive answer has to be durable."""

_REQUESTS: Final[dict[type[Pdu], Any]] = {
    SubmitSm: CarrierBind._on_submit,
    SubmitMulti: CarrierBind._on_multi,
    DataSm: CarrierBind._on_data,
    QuerySm: CarrierBind._on_query,
    CancelSm: CarrierBind._on_cancel,
    ReplaceSm: CarrierBind._on_replace,
}
