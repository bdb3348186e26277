"""The call control: a back-to-back user agent between phones and the outside (RFC 3261, RFC 7092).

    control = CallControl(settings, endpoint, registrar, subscriber_of, world)
    control.handle(event, now)                          # what the endpoint reports
    control.handle_timeout(now) at control.next_deadline()
    control.fork_started(user, now); control.fork_failed(user, now)

Both sides of a call are dialogs of our own, and all sound passes through us. Without I/O: sound and forks are
the `World`'s. Calls between users, to and from the outside (`routes`), hold by re-INVITE, blind and attended
transfer by REFER (RFC 3515, RFC 5589), three-way conference, voicemail.

As modelled, not as any standard has it: `a=record` (RFC 7866 §6) tells a user whose own calls can be recorded
about that recording, and everybody else whether anyone records; a conference: see `changes`.
"""

import heapq

from siprec import sdp
from siprec.callcontrol.call import Leg
from siprec.callcontrol.changes import Changes
from siprec.sip import Dialog, EndpointConfig, Response
from siprec.sip.client_transactions import ClientTransaction
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
from siprec.sip.server_transactions import ServerTransaction

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


class CallControl(Changes):
    """All calls of one endpoint: what the endpoint reports, and time."""

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

    def handle_timeout(self, now: float) -> None:
        """Repeat tones, ringing that lasts too long, what is to be tried again."""
        for call in list(self.calls):
            self._recorded.handle_timeout(call, now)
            if call.ring_until is not None and call.ring_until <= now:
                self._ring_out(call, now)
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2](now)

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
