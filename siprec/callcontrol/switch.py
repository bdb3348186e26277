"""What a call control is made of: its calls, their legs, and what is done to them from everywhere.

Without I/O: sound and forks are the `World`'s. `ringing` makes calls, `changes` changes them, `b2bua` hears
what the endpoint reports.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from siprec import sdp
from siprec.callcontrol.call import Call, Happened, Leg, RecordedUser, Transfer, World
from siprec.callcontrol.descriptions import Descriptions
from siprec.callcontrol.recorded import RecordedUsers
from siprec.callcontrol.recording import StartDelays
from siprec.callcontrol.registrar import Registrar
from siprec.callcontrol.subscribers import Subscriber
from siprec.phones.document import Party
from siprec.sip import Dialog, Endpoint, SipError
from siprec.sip.client_transactions import ClientTransaction

RETRY_S = 0.3


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


class Switch:
    """The calls of one endpoint and their legs. first_number: of the first call, from which they count on."""

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

    def next_deadline(self) -> float | None:
        """When `handle_timeout` is due."""
        times = [due for call in self.calls if (due := self._recorded.next_deadline(call)) is not None]
        times += [call.ring_until for call in self.calls if call.ring_until is not None]
        if self._timers:
            times.append(self._timers[0][0])
        return min(times, default=None)

    def hang_up(self, call: Call, now: float) -> None:
        """End a call from our side."""
        caller = call.caller
        if caller is not None and caller.invite_in is not None:
            transaction, caller.invite_in = caller.invite_in, None
            self._endpoint.respond(transaction, 487, now=now)
        self._end(call, now)

    def fork_started(self, user: RecordedUser, now: float) -> None:
        """A recorder records this user's call."""
        self._recorded.fork_started(user, now)

    def fork_failed(self, user: RecordedUser, now: float) -> None:
        """No recorder does."""
        self._recorded.fork_failed(user, now)

    def press(self, call: Call, address: str, preference: str, now: float) -> bool:
        """A user's softkey, as `a=recordpref`; False where it is not offered."""
        return self._recorded.press(call, address, preference, now)

    def _log(self, call: Call, what: str, who: str = "", detail: str = "") -> None:
        happened = Happened(self._world.now_ns(), what, who, detail)
        call.log.append(happened)
        if self.on_happened is not None:
            self.on_happened(call, happened)

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

    def _later(self, leg: Leg, now: float) -> None:
        def again(then: float) -> None:
            if leg.up and leg.record_aware and self._recorded.status(leg) is not leg.shown:
                self._reinvite(leg, then)

        heapq.heappush(self._timers, (now + RETRY_S, next(self._numbers), again))

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

    def _show(self, call: Call, now: float) -> None:
        """Tell every record-aware phone what is new (`a=record`)."""
        for leg in call.up:
            if leg.record_aware and not leg.busy and self._recorded.status(leg) is not leg.shown:
                self._reinvite(leg, now)

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

    def _played(self, call: Call, name: str) -> None:
        """A prompt is over."""
        raise NotImplementedError
