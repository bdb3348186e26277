"""The call control: a back-to-back user agent between phones and the outside (RFC 3261, RFC 7092).

    control = CallControl(settings, endpoint, registrar, subscriber_of, world)
    control.handle(event, now)                          # what the endpoint reports
    control.handle_timeout(now) at control.next_deadline()
    control.fork_started(user, now); control.fork_failed(user, now)

Both sides of a call are dialogs of our own, and all sound passes through us. Without I/O: sound and forks are
the `World`'s. Calls between users, to and from the outside (`routes`), hold by re-INVITE, blind and attended
transfer by REFER (RFC 3515, RFC 5589), three-way conference, voicemail.

As modelled, not as any standard has it: a conference is asked for by a REFER to `sip:conference@…` with
Replaces (RFC 3891) naming the other call. `a=record` (RFC 7866 §6) tells a user whose own calls can be
recorded about that recording, and everybody else whether anyone records.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from siprec import sdp
from siprec.callcontrol.addressing import name_addr, party_of, refer_target, user_of
from siprec.callcontrol.call import (
    Call,
    Happened,
    Leg,
    RecordedUser,
    Transfer,
    World,
)
from siprec.callcontrol.descriptions import Descriptions, read_description
from siprec.callcontrol.recorded import RecordedUsers
from siprec.callcontrol.recording import StartDelays
from siprec.callcontrol.registrar import Registrar
from siprec.callcontrol.subscribers import Subscriber
from siprec.phones.document import Party
from siprec.rtp.errors import PortsUnavailableError
from siprec.sip import Dialog, Endpoint, EndpointConfig, Request, Response, SipError
from siprec.sip.events import (
    CancelReceived,
    DialogEnded,
    Event,
    RequestReceived,
    ResponseReceived,
    SessionRefreshDue,
    TransactionTimedOut,
    TransportFailed,
)
from siprec.sip.flow import Flow
from siprec.sip.uac import ClientTransaction
from siprec.sip.uas import ServerTransaction
from siprec.sip.uri import SipUri, parse_uri

CONFERENCE = "conference"
RETRY_S = 0.3
METHODS = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "UPDATE",
    "INFO",
    "REGISTER",
    "REFER",
    "NOTIFY",
    "PRACK",
)


def endpoint_config() -> EndpointConfig:
    """What the call control says of itself."""
    return EndpointConfig(
        methods=METHODS,
        supported=("replaces", "record-aware"),
        accept=(sdp.CONTENT_TYPE, "message/sipfrag"),
        session_timer=None,
    )


@dataclass(frozen=True, slots=True)
class CallControlSettings:
    """routes: outside numbers and the SIP URI each is at. domain: of our addresses. codecs: best first.

    ring_s: until voicemail takes the call, or it is given up.
    """

    domain: str = "callcontrol.invalid"
    routes: Mapping[str, str] = field(default_factory=dict)
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    ring_s: float = 20.0
    delays: StartDelays = field(default_factory=StartDelays)


class CallControl:
    """All calls of one endpoint. first_number: of the first call; they are numbered upwards."""

    def __init__(
        self,
        settings: CallControlSettings,
        endpoint: Endpoint,
        registrar: Registrar,
        subscriber_of: Callable[[str], Subscriber | None],
        world: World,
        first_number: int = 1,
    ) -> None:
        self.settings = settings
        self.calls: list[Call] = []
        self.finished: list[Call] = []
        """The last calls that are over, for reports."""
        self.on_message: Callable[[Call, Subscriber, Party], None] | None = None
        self.on_happened: Callable[[Call, Happened], None] | None = None
        """Told each line of each call's log."""
        self._endpoint = endpoint
        self._registrar = registrar
        self._subscriber_of = subscriber_of
        self._world = world
        self._transactions: dict[ClientTransaction, Leg] = {}
        self._dialogs: dict[Dialog, Leg] = {}
        self._numbers = count(first_number)
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._recorded = RecordedUsers(world, self._show, self._log)
        self._descriptions = Descriptions(settings.codecs, self._recorded.status)

    # --- what happens --------------------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> None:
        """Take an event of the endpoint."""
        match event:
            case RequestReceived(transaction=transaction, dialog=None):
                self._outside_dialog(transaction, now)
            case RequestReceived(transaction=transaction, dialog=dialog) if dialog is not None:
                self._inside_dialog(transaction, self._dialogs.get(dialog), now)
            case CancelReceived(transaction):
                self._caller_gave_up(transaction, now)
            case ResponseReceived(transaction, response, dialog):
                self._response(transaction, response, dialog, now)
            case TransactionTimedOut(transaction):
                self._leg_failed(self._transactions.pop(transaction, None), 408, now)
            case TransportFailed(transaction):
                self._leg_failed(self._transactions.pop(transaction, None), 503, now)
            case DialogEnded(dialog):
                leg = self._dialogs.pop(dialog, None)
                if leg is not None:
                    leg.dialog = None
                    self._leg_over(leg, now)
            case SessionRefreshDue(dialog):
                leg = self._dialogs.get(dialog)
                if leg is not None:
                    self._reinvite(leg, now)

    def next_deadline(self) -> float | None:
        """When `handle_timeout` is due."""
        times = [due for call in self.calls if (due := self._recorded.next_deadline(call)) is not None]
        times += [call.ring_until for call in self.calls if call.ring_until is not None]
        if self._timers:
            times.append(self._timers[0][0])
        return min(times, default=None)

    def handle_timeout(self, now: float) -> None:
        """Repeat tones, ringing that lasts too long, what is to be tried again."""
        for call in list(self.calls):
            self._recorded.handle_timeout(call, now)
            if call.ring_until is not None and call.ring_until <= now:
                self._ring_out(call, now)
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2](now)

    def fork_started(self, user: RecordedUser, now: float) -> None:
        """A recorder records this user's call."""
        self._recorded.fork_started(user, now)

    def fork_failed(self, user: RecordedUser, now: float) -> None:
        """No recorder does."""
        self._recorded.fork_failed(user, now)

    def press(self, call: Call, address: str, preference: str, now: float) -> bool:
        """A user's softkey, as `a=recordpref`; False where it is not offered."""
        return self._recorded.press(call, address, preference, now)

    def hang_up(self, call: Call, now: float) -> None:
        """End a call from our side."""
        caller = call.caller
        if caller is not None and caller.invite_in is not None:
            transaction, caller.invite_in = caller.invite_in, None
            self._endpoint.respond(transaction, 487, now=now)
        self._end(call, now)

    def _log(self, call: Call, what: str, who: str = "", detail: str = "") -> None:
        happened = Happened(self._world.now_ns(), what, who, detail)
        call.log.append(happened)
        if self.on_happened is not None:
            self.on_happened(call, happened)

    # --- requests ------------------------------------------------------------------------------------

    def _outside_dialog(self, transaction: ServerTransaction, now: float) -> None:
        request = transaction.request
        if request.method == "REGISTER":
            answer = self._registrar.register(request, now)
            self._endpoint.respond(transaction, answer.status, headers=answer.headers, now=now)
        elif request.method == "INVITE":
            self._incoming(transaction, now)
        elif request.method == "OPTIONS":
            self._endpoint.respond(transaction, 200, now=now)
        else:
            self._endpoint.respond(transaction, 481, now=now)

    def _inside_dialog(self, transaction: ServerTransaction, leg: Leg | None, now: float) -> None:
        request = transaction.request
        if leg is None:
            self._endpoint.respond(transaction, 481, now=now)
        elif request.method == "INVITE" or (request.method == "UPDATE" and request.body):
            self._changed(transaction, leg, now)
        elif request.method == "REFER":
            self._referred(transaction, leg, now)
        else:
            self._endpoint.respond(transaction, 200, now=now)

    # --- a new call ----------------------------------------------------------------------------------

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

    def _new_call(self, target: str, sip_call_id: str) -> Call:
        call = Call(next(self._numbers), self._world.now_ns(), sip_call_id, target=target)
        call.media = self._world.media(call, lambda name: self._played(call, name))
        self.calls.append(call)
        return call

    def _leg(self, call: Call, party: Party, user: Subscriber | None) -> Leg:
        number = next(self._numbers)
        leg = Leg(number, call, party, user, call.sound.open(number))
        call.legs.append(leg)
        return leg

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

    # --- responses -----------------------------------------------------------------------------------

    def _response(
        self, transaction: ClientTransaction, response: Response, dialog: Dialog | None, now: float
    ) -> None:
        leg = self._transactions.get(transaction)
        if response.status >= 200:
            self._transactions.pop(transaction, None)
        if leg is None:
            return
        if leg.up:
            self._reinvite_answered(leg, response, now)
        elif response.status >= 300:
            self._leg_failed(leg, response.status, now)
        elif response.status >= 200 and dialog is not None:
            self._answered(leg, response, dialog, now)
        elif response.status in (180, 183) and leg.transfer is None:
            self._ringing(leg.call, now)

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

    def _give_up(self, leg: Leg, now: float) -> None:
        transaction, leg.invite_out = leg.invite_out, None
        if transaction is not None:
            self._transactions.pop(transaction, None)
            if transaction.final_status is None:
                self._endpoint.cancel(transaction, now=now)
        self._drop(leg)

    def _drop(self, leg: Leg) -> None:
        leg.call.sound.close(leg.id)
        if leg in leg.call.legs:
            leg.call.legs.remove(leg)

    def _caller_gave_up(self, transaction: ServerTransaction, now: float) -> None:
        for call in self.calls:
            if any(leg.invite_in is transaction for leg in call.legs):
                self._end(call, now)
                return

    # --- voicemail -----------------------------------------------------------------------------------

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

    # --- changes in a call ---------------------------------------------------------------------------

    def _changed(self, transaction: ServerTransaction, leg: Leg, now: float) -> None:
        """A re-INVITE: hold, a softkey, a new address. A body without a usable offer gets 488."""
        request, call = transaction.request, leg.call
        offer = read_description(request)
        if offer is None and request.method == "INVITE" and not request.body:
            offer = leg.offer
        stream = self._descriptions.negotiate(offer)
        if offer is None or stream is None or stream.codec is None:
            self._endpoint.respond(transaction, 488, now=now)
            return
        leg.offer, leg.stream, leg.busy = offer, stream, True
        call.sound.aim(leg.id, stream.codec, stream.remote)
        preference = offer.media[stream.index].record_preference
        if preference is not None and leg.user is not None:
            self._recorded.press(call, leg.user.address, preference, now)
        self._hold(leg, not offer.direction_of(stream.index).receives or stream.remote is None, now)
        leg.busy = False
        self._endpoint.respond(
            transaction,
            200,
            body=self._descriptions.answer(leg).encode(),
            content_type=sdp.CONTENT_TYPE,
            now=now,
        )

    def _hold(self, leg: Leg, held: bool, now: float) -> None:
        if held is leg.held:
            return
        before = any(each.held for each in leg.call.up)
        leg.held = held
        leg.call.sound.hold(leg.id, held)
        self._log(leg.call, "held" if held else "unheld", leg.party.aor)
        after = any(each.held for each in leg.call.up)
        if before is not after:
            self._recorded.held(leg.call, after)

    def _show(self, call: Call, now: float) -> None:
        """Tell every record-aware phone what is new (`a=record`)."""
        for leg in call.up:
            if leg.record_aware and not leg.busy and self._recorded.status(leg) is not leg.shown:
                self._reinvite(leg, now)

    def _reinvite(self, leg: Leg, now: float) -> None:
        """Send our description as it is now; later, where another INVITE is under way."""
        if leg.dialog is None or leg.dialog.ended:
            return
        before = leg.shown
        try:
            body = self._descriptions.offer(leg).encode()
            transaction = self._endpoint.send(
                leg.dialog, "INVITE", body=body, content_type=sdp.CONTENT_TYPE, now=now
            )
        except SipError:
            leg.shown = before
            self._later(leg, now)
        else:
            self._transactions[transaction] = leg

    def _later(self, leg: Leg, now: float) -> None:
        def again(then: float) -> None:
            if leg.up and leg.record_aware and self._recorded.status(leg) is not leg.shown:
                self._reinvite(leg, then)

        heapq.heappush(self._timers, (now + RETRY_S, next(self._numbers), again))

    def _reinvite_answered(self, leg: Leg, response: Response, now: float) -> None:
        if response.status == 491:
            leg.shown = None
            self._later(leg, now)
            return
        stream = self._descriptions.negotiate(read_description(response)) if response.status < 300 else None
        if stream is not None and stream.codec is not None:
            leg.stream = stream
            leg.call.sound.aim(leg.id, stream.codec, stream.remote)
        self._show(leg.call, now)

    # --- transfer and conference ---------------------------------------------------------------------

    def _referred(self, transaction: ServerTransaction, leg: Leg, now: float) -> None:
        """REFER: to a number (blind), to a call by Replaces (attended), to the conference."""
        request, call = transaction.request, leg.call
        target, replaces = refer_target(request)
        dialog = leg.dialog
        if target is None or dialog is None:
            self._endpoint.respond(transaction, 400, now=now)
            return
        consulted = self._leg_of(replaces) if replaces is not None else None
        if replaces is not None and (consulted is None or consulted.call is call):
            # Not 481: that would end the dialog in which we were asked (RFC 5057 §5.1).
            self._endpoint.respond(transaction, 404, now=now)
            return
        self._endpoint.respond(transaction, 202, now=now)
        transfer = Transfer(leg, dialog, request.cseq.number)
        if consulted is None:
            self._notify(transfer, 100, now)
            self._log(call, "transfer", leg.party.aor, target)
            self._ring(call, target, now, transfer)
        else:
            self._join_calls(transfer, consulted, now, stays=target == CONFERENCE)

    def _leg_of(self, replaces: tuple[str, str, str]) -> Leg | None:
        """The leg whose dialog Replaces names; its tags may be seen from either side."""
        call_id, to_tag, from_tag = replaces
        for dialog, leg in self._dialogs.items():
            if dialog.call_id == call_id and {dialog.local_tag, dialog.remote_tag} == {to_tag, from_tag}:
                return leg
        return None

    def _transferred(self, leg: Leg, transfer: Transfer, now: float) -> None:
        """The target of a blind transfer answered: it takes the referrer's place."""
        call = leg.call
        leg.transfer = None
        self._notify(transfer, 200, now)
        self._leave(transfer.referrer, now)
        self._recorded.partners(call)
        self._recorded.join(call, leg, now, outgoing=False, voicemail=False)
        self._show(call, now)

    def _join_calls(self, transfer: Transfer, consulted: Leg, now: float, *, stays: bool) -> None:
        """The parties of the consultation come into the first call; the referrer stays, or leaves."""
        call, other = transfer.referrer.call, consulted.call
        for leg in other.others(consulted):
            other.legs.remove(leg)
            leg.call = call
            call.legs.append(leg)
            self._world.take_over(leg.id, other.sound, call.sound)
            self._recorded.move(leg, other, call)
            self._log(other, "moved", leg.party.aor, str(call.id))
            self._log(call, "joined", leg.party.aor)
        self._notify(transfer, 200, now)
        self._leave(consulted, now)
        self._end(other, now)
        if transfer.referrer.held:
            self._hold(transfer.referrer, False, now)
        if not stays:
            self._leave(transfer.referrer, now)
        self._recorded.partners(call)
        self._log(call, "conference" if stays else "transfer", transfer.referrer.party.aor)
        self._show(call, now)

    def _notify(self, transfer: Transfer, status: int, now: float) -> None:
        """Tell the referrer how it went (RFC 3515 §2.4.5)."""
        if transfer.dialog.ended:
            return
        state = "active;expires=60" if status < 200 else "terminated;reason=noresource"
        phrase = {100: "Trying", 200: "OK"}.get(status, "Failed")
        self._endpoint.send(
            transfer.dialog,
            "NOTIFY",
            headers=[("event", f"refer;id={transfer.refer_cseq}"), ("subscription-state", state)],
            body=f"SIP/2.0 {status} {phrase}\r\n".encode(),
            content_type="message/sipfrag;version=2.0",
            now=now,
        )

    # --- the end -------------------------------------------------------------------------------------

    def _leave(self, leg: Leg, now: float) -> None:
        """Send a phone away, and forget it."""
        dialog, leg.dialog = leg.dialog, None
        if dialog is not None:
            self._dialogs.pop(dialog, None)
            self._endpoint.bye(dialog, now=now)
        self._forget(leg, now)

    def _forget(self, leg: Leg, now: float) -> None:
        if leg.up:
            leg.up = False
            self._log(leg.call, "left", leg.party.aor)
            self._recorded.leave(leg.call, leg, now)
        self._drop(leg)

    def _leg_over(self, leg: Leg, now: float) -> None:
        """A phone hung up: the call ends unless others can go on."""
        call = leg.call
        held = leg.held
        self._forget(leg, now)
        if call.ended:
            return
        if call.pending or len(call.up) >= 2:
            if held:
                self._recorded.held(call, any(each.held for each in call.up))
            self._recorded.partners(call)
            self._show(call, now)
            return
        self._end(call, now)

    def _end(self, call: Call, now: float) -> None:
        if call.ended:
            return
        call.ended = True
        call.ring_until = None
        for leg in call.pending:
            self._give_up(leg, now)
        for leg in list(call.legs):
            self._leave(leg, now)
        self._recorded.end(call, now)
        if call.mailbox is not None and call.message_of is not None and self.on_message is not None:
            self.on_message(call, call.mailbox, call.message_of)
        call.sound.end()
        self._log(call, "ended")
        self.calls.remove(call)
        self.finished = [*self.finished[-199:], call]
