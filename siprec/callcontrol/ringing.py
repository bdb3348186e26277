"""How a call begins: who calls, whom to ring, who answers, and what takes the call if nobody does."""

from siprec import sdp
from siprec.callcontrol.addressing import name_addr, party_of, user_of
from siprec.callcontrol.call import Call, Leg, Transfer
from siprec.callcontrol.descriptions import read_description
from siprec.callcontrol.subscribers import Subscriber
from siprec.callcontrol.switch import Switch
from siprec.phones.document import Party
from siprec.rtp.errors import PortsUnavailableError
from siprec.sip import Dialog, Request, Response, SipError
from siprec.sip.flow import Flow
from siprec.sip.server_transactions import ServerTransaction
from siprec.sip.uri import SipUri, parse_uri


class Ringing(Switch):
    """New calls, and the targets of blind transfers."""

    def _incoming(self, transaction: ServerTransaction, now: float) -> None:
        request = transaction.request
        caller, refused = self._caller(request, transaction.flow, now)
        offer = read_description(request)
        if refused is not None:
            self._endpoint.respond(transaction, refused[0], headers=refused[1], now=now)
            return
        stream = self._descriptions.negotiate(offer)
        target = user_of(request.uri)
        if offer is None or stream is None or target is None:
            status = 404 if target is None else 488
            self._endpoint.respond(transaction, status, now=now)
            return
        call = self._new_call(target, request.call_id)
        try:
            leg = self._leg(call, party_of(request, caller, self.settings.domain), caller)
        except PortsUnavailableError:
            self._endpoint.respond(transaction, 503, headers=(("retry-after", "5"),), now=now)
            self._end(call, now)
            return
        leg.invite_in, leg.offer, leg.stream = transaction, offer, stream
        leg.record_aware = "record-aware" in request.headers.tokens("supported")
        self._log(call, "calling", leg.party.aor, target)
        self._ring(call, target, now)

    def _caller(
        self, request: Request, flow: Flow, now: float
    ) -> tuple[Subscriber | None, tuple[int, tuple[tuple[str, str], ...]] | None]:
        """Who calls: the outside by its address, a user by digest. Second: how to refuse."""
        for uri in self.settings.routes.values():
            outside = parse_uri(uri)
            if isinstance(outside, SipUri) and (outside.host, outside.port or 5060) == (flow.host, flow.port):
                return None, None
        address, answer = self._registrar.authenticate(request, now)
        if answer is not None:
            return None, (answer.status, answer.headers)
        user = self._subscriber_of(address) if address is not None else None
        return user, None if user is not None else (403, ())

    def _ring(self, call: Call, target: str, now: float, transfer: Transfer | None = None) -> None:
        """Ring every phone of an address, or the outside; where there is none, see `_unanswered`."""
        address = self._registrar.address(target)
        user = self._subscriber_of(address) if address is not None else None
        call.ring_until = now + self.settings.ring_s
        if user is not None and address is not None:
            party = Party(f"sip:{user.number or address}@{self.settings.domain}", user.name or None)
            for binding in self._registrar.bindings(address, now):
                self._invite(call, binding.contact, party, user, now, transfer)
        elif target in self.settings.routes:
            party = Party(f"sip:{target}@{self.settings.domain}")
            self._invite(call, self.settings.routes[target], party, None, now, transfer)
        else:
            call.last_status = 404
        if not call.pending:
            self._unanswered(call, transfer, now)

    def _invite(
        self,
        call: Call,
        uri: str,
        party: Party,
        user: Subscriber | None,
        now: float,
        transfer: Transfer | None,
    ) -> None:
        try:
            leg = self._leg(call, party, user)
        except PortsUnavailableError:
            call.last_status = 503
            return
        leg.transfer = transfer
        source = transfer.referrer if transfer is not None else call.caller
        try:
            transaction = self._endpoint.request(
                "INVITE",
                uri,
                to=f"<{party.aor}>",
                from_=name_addr(source.party) if source is not None else None,
                body=self._descriptions.offer(leg).encode(),
                content_type=sdp.CONTENT_TYPE,
                now=now,
            )
        except SipError:
            call.last_status = 503
            self._drop(leg)
            return
        leg.invite_out = transaction
        self._transactions[transaction] = leg

    def _ringing(self, call: Call, now: float) -> None:
        caller = call.caller
        if caller is not None and caller.invite_in is not None and not call.ringing:
            call.ringing = True
            self._endpoint.respond(caller.invite_in, 180, now=now)

    def _answered(self, leg: Leg, response: Response, dialog: Dialog, now: float) -> None:
        call = leg.call
        stream = self._descriptions.negotiate(read_description(response))
        leg.invite_out = None
        if stream is None or stream.codec is None or call.ended:
            self._endpoint.bye(dialog, now=now)
            self._leg_failed(leg, 488, now)
            return
        leg.dialog, leg.stream, leg.up = dialog, stream, True
        leg.record_aware = "record-aware" in response.headers.tokens("supported")
        self._dialogs[dialog] = leg
        for other in call.pending:
            self._give_up(other, now)
        call.ring_until = None
        call.sound.aim(leg.id, stream.codec, stream.remote)
        self._log(call, "joined", leg.party.aor)
        if leg.transfer is not None:
            self._transferred(leg, leg.transfer, now)
        elif (caller := call.caller) is not None:
            self._accept(caller, now)
            self._connected(call, now)

    def _accept(self, caller: Leg, now: float) -> None:
        """Answer the caller's INVITE."""
        transaction, caller.invite_in = caller.invite_in, None
        stream = caller.stream
        if transaction is None or stream is None or stream.codec is None:
            return
        dialog = self._endpoint.respond(
            transaction,
            200,
            body=self._descriptions.answer(caller).encode(),
            content_type=sdp.CONTENT_TYPE,
            now=now,
        )
        if dialog is not None:
            caller.dialog, caller.up = dialog, True
            self._dialogs[dialog] = caller
            caller.call.sound.aim(caller.id, stream.codec, stream.remote)
            self._log(caller.call, "joined", caller.party.aor)

    def _connected(self, call: Call, now: float) -> None:
        """Both sides talk: recording settings decide (D1), audio passes after its delay (D10)."""
        call.connected = True
        outgoing = True
        for leg in call.up:
            self._recorded.join(call, leg, now, outgoing=outgoing, voicemail=call.mailbox is not None)
            outgoing = False
        self._delay(call)

    def _delay(self, call: Call) -> None:
        ice = any(leg.user is not None and leg.user.ice for leg in call.up)
        delay_ms = self.settings.delays.of(ice=ice, recorded=self._recorded.starting(call))
        if delay_ms:
            call.sound.delay(delay_ms)
            self._log(call, "delayed", detail=str(delay_ms))

    def _transferred(self, leg: Leg, transfer: Transfer, now: float) -> None:
        """The target of a blind transfer answered: it takes the referrer's place."""
        call = leg.call
        leg.transfer = None
        self._notify(transfer, 200, now)
        self._leave(transfer.referrer, now)
        self._recorded.partners(call)
        self._recorded.join(call, leg, now, outgoing=False, voicemail=False)
        self._show(call, now)

    def _leg_failed(self, leg: Leg | None, status: int, now: float) -> None:
        """A phone did not take the call, or did not answer a re-INVITE (then it goes on as it was)."""
        if leg is None or leg.up:
            return
        call, transfer = leg.call, leg.transfer
        if leg in call.legs and not call.ended:
            call.last_status = status
            self._drop(leg)
            if not call.pending:
                self._unanswered(call, transfer, now)

    def _unanswered(self, call: Call, transfer: Transfer | None, now: float) -> None:
        """Nobody answers: the referrer is told, voicemail takes the call, or the caller learns why."""
        call.ring_until = None
        if transfer is not None:
            self._notify(transfer, call.last_status, now)
            if len(call.up) < 2:
                self._end(call, now)
            return
        address = self._registrar.address(call.target)
        callee = self._subscriber_of(address) if address is not None else None
        caller = call.caller
        if caller is None or caller.invite_in is None:
            self._end(call, now)
        elif callee is not None and callee.mailbox and call.last_status != 603:
            self._voicemail(call, callee, caller, now)
        else:
            transaction, caller.invite_in = caller.invite_in, None
            self._endpoint.respond(transaction, max(call.last_status, 400), now=now)
            self._end(call, now)

    def _ring_out(self, call: Call, now: float) -> None:
        pending = call.pending
        transfer = pending[0].transfer if pending else None
        for leg in pending:
            self._give_up(leg, now)
        call.last_status = 480
        self._unanswered(call, transfer, now)

    def _caller_gave_up(self, transaction: ServerTransaction, now: float) -> None:
        for call in self.calls:
            if any(leg.invite_in is transaction for leg in call.legs):
                self._end(call, now)
                return

    def _voicemail(self, call: Call, callee: Subscriber, caller: Leg, now: float) -> None:
        """The mailbox answers: greeting, beep, message. Whether it is recorded is D2's."""
        call.mailbox, call.message_of = callee, caller.party
        self._accept(caller, now)
        if not caller.up:
            self._end(call, now)
            return
        self._connected(call, now)
        self._recorded.join_mailbox(call, callee, caller, now)
        call.sound.play("voicemail-greeting")
        call.sound.play("beep")
        self._log(call, "voicemail", callee.address)

    def _played(self, call: Call, name: str) -> None:
        """A prompt is over."""
        self._log(call, "played", detail=name)
        now = self._world.now()
        if call.mailbox is not None and name == "beep" and call.up:
            call.sound.record_message(call.up[0].id)
        self._recorded.played(call, name, now)
