"""The server side: requests in, at most one transaction and one dialog each, responses out (RFC 3261 §8.2,
§17.2).

A retransmitted request is absorbed by its transaction; one that came another way (a merged request,
§8.2.2.2), or again after its transaction is over, gets 482: neither ever makes a second dialog.
"""

from collections.abc import Callable

from siprec.sip.build import Fields, build_response, response_target, stamp_via
from siprec.sip.core import Core
from siprec.sip.dialog import Dialog, DialogId, DialogState, EndReason, dialog_as_uas
from siprec.sip.errors import ParseError, UsageError
from siprec.sip.events import AckReceived, CancelReceived, DialogEnded, MessageDiscarded, RequestReceived
from siprec.sip.flow import Flow, Target
from siprec.sip.inspection import Refusal, inspect_request
from siprec.sip.limits import SourceLimiter
from siprec.sip.message import Request
from siprec.sip.server_transactions import (
    Key,
    ServerEntry,
    ServerTransaction,
    Unacknowledged,
    transaction_key,
)
from siprec.sip.session_timer import IntervalTooSmall, SessionTimer, answer_session_timer
from siprec.sip.transactions import Effect, Input, Kind, Machine

_CREATES_DIALOG = frozenset({"INVITE"})
_REFRESHES_TARGET = frozenset({"INVITE", "UPDATE"})
_INSIDE_ONLY = frozenset({"BYE", "INFO", "PRACK", "UPDATE"})


class UserAgentServer:
    """Server transactions and what RFC 3261 lets a UAS do with them."""

    def __init__(self, core: Core, hang_up: Callable[[Dialog, EndReason, float], None]) -> None:
        self.core = core
        self._hang_up = hang_up
        self._table: dict[Key, ServerEntry] = {}
        self._ongoing: dict[Key, ServerEntry] = {}
        self._unacknowledged: dict[DialogId, Unacknowledged] = {}
        self._limiter = SourceLimiter(
            core.config.requests_per_second_per_source, 2 * core.config.requests_per_second_per_source
        )

    def __len__(self) -> int:
        return len(self._table)

    def receive_request(self, request: Request, flow: Flow, now: float) -> None:
        """Take one parsed request."""
        target = response_target(request, flow)
        stamp_via(request, flow)
        key = transaction_key(request)
        entry = self._table.get(key)
        if request.method == "ACK":
            self._receive_ack(request, entry, flow, now)
        elif entry is not None:
            self.run(entry, entry.machine.receive(Input.REQUEST, now))
        elif not self._has_room(flow, request, now):
            self._answer_statelessly(
                request, 503, target, [("retry-after", str(self.core.config.retry_after_s))]
            )
        else:
            self._receive_new(request, flow, key, target, now)

    def _has_room(self, flow: Flow, request: Request, now: float) -> bool:
        """Requests inside dialogs and CANCEL are always taken: they end things."""
        if request.to.tag is not None or request.method in ("CANCEL", "BYE"):
            return True
        if len(self._table) >= self.core.config.max_transactions:
            return False
        return self._limiter.allows(flow.host, now)

    def _answer_statelessly(self, request: Request, status: int, target: Target, fields: Fields = ()) -> None:
        self._count(request.method, status)
        tag = None if request.to.tag else self.core.ids.token()
        self.core.send(build_response(request.headers, status, to_tag=tag, fields=fields), target)

    def _receive_new(self, request: Request, flow: Flow, key: Key, target: Target, now: float) -> None:
        transaction = self._open(request, flow, key, target, now)
        if request.method == "CANCEL":
            self._receive_cancel(transaction, now)
            return
        refusal = self._place(transaction, now) or inspect_request(request, self.core.config)
        refusal = refusal or self._check_session_timer(request)
        if refusal is not None:
            self.respond(transaction, refusal.status, reason=refusal.reason, headers=refusal.headers, now=now)
        elif request.method == "BYE":
            self._receive_bye(transaction, now)
        elif request.method == "PRACK":
            self.respond(transaction, 200, now=now)
        else:
            self.core.emit(RequestReceived(transaction, transaction.dialog))

    def _open(self, request: Request, flow: Flow, key: Key, target: Target, now: float) -> ServerTransaction:
        kind = Kind.INVITE_SERVER if request.method == "INVITE" else Kind.SERVER
        machine = Machine(kind, now, reliable=flow.transport.reliable, timing=self.core.config.timing)
        merged = (request.call_id, request.from_.tag, request.cseq.number, request.method)
        entry = ServerEntry(self, key, merged, machine, target)
        local_tag = request.to.tag or self.core.ids.token()
        transaction = entry.handle = ServerTransaction(request, flow, entry, local_tag)
        self._table[key] = entry
        self.core.schedule.arm(entry)
        return transaction

    def _place(self, transaction: ServerTransaction, now: float) -> Refusal | None:
        """Find the dialog of a request, or see to it that it may create one."""
        request = transaction.request
        lenient = self.core.config.lenient and request.method in ("BYE", "INFO")
        dialog = self.core.dialogs.find(request, lenient=lenient)
        entry = transaction._machine
        if dialog is not None:
            transaction.dialog = dialog
            self._ongoing.setdefault(entry.merged_key, entry)
            return self._check_order(transaction, dialog)
        if request.method != "REGISTER" and (request.to.tag is not None or request.method in _INSIDE_ONLY):
            return Refusal(481)
        other = self._ongoing.setdefault(entry.merged_key, entry)
        if other is not entry or self._known_already(request):
            return Refusal(482)
        return None

    def _known_already(self, request: Request) -> bool:
        """Whether an INVITE is a late copy of one whose dialog exists."""
        return request.method in _CREATES_DIALOG and any(
            dialog.remote_tag == (request.from_.tag or "")
            and not dialog.we_called
            and dialog.invite_cseq >= request.cseq.number
            for dialog in self.core.dialogs.of_call(request.call_id)
        )

    def _check_order(self, transaction: ServerTransaction, dialog: Dialog) -> Refusal | None:
        """Refuse what is out of order (§12.2.2) and what collides with another INVITE (§14.2)."""
        request = transaction.request
        number, last = request.cseq.number, dialog.remote_cseq
        forgiven = self.core.config.lenient and (request.method == "BYE" or number == last)
        if last is not None and number <= last and (request.method == "INVITE" or not forgiven):
            return Refusal(500, (("retry-after", "1"),), "Server Internal Error (CSeq out of order)")
        dialog.remote_cseq = number if last is None else max(number, last)
        dialog.flow = transaction.flow
        if request.method != "INVITE":
            return None
        if dialog.invite_in is not None:
            return Refusal(500, (("retry-after", "1"),))
        if dialog.invite_out is not None:
            return Refusal(491)
        dialog.invite_in = transaction
        return None

    def _check_session_timer(self, request: Request) -> Refusal | None:
        policy = self.core.config.session_timer
        if (
            policy is None
            or request.method not in _REFRESHES_TARGET
            or "session-expires" not in request.headers
        ):
            return None
        try:
            answer = answer_session_timer(request, policy)
        except ParseError as error:
            return Refusal(400, reason=f"Bad Request ({error})")
        if isinstance(answer, IntervalTooSmall):
            return Refusal(422, (("min-se", str(answer.min_se_s)),))
        return None

    def _receive_bye(self, transaction: ServerTransaction, now: float) -> None:
        dialog = transaction.dialog
        assert dialog is not None  # noqa: S101 - `_place` answers 481 otherwise
        self.respond(transaction, 200, now=now)
        self._forget_unacknowledged(dialog)
        event = DialogEnded(dialog, EndReason.BYE_RECEIVED, transaction.request)
        self.core.end_dialog(dialog, EndReason.BYE_RECEIVED, event)

    def _receive_cancel(self, transaction: ServerTransaction, now: float) -> None:
        request = transaction.request
        invite = self._table.get((*transaction_key(request)[:-1], "INVITE"))
        if invite is None and self.core.config.lenient:
            invite = self._ongoing.get((request.call_id, request.from_.tag, request.cseq.number, "INVITE"))
        self.respond(transaction, 200 if invite else 481, now=now)
        handle = invite.handle if invite else None
        if handle is not None and handle.final_status is None:
            self.respond(handle, 487, now=now)
            self.core.emit(CancelReceived(handle))

    def _receive_ack(self, request: Request, entry: ServerEntry | None, flow: Flow, now: float) -> None:
        if entry is not None and self._acknowledges_failure(entry, request, now):
            return
        dialog = self.core.dialogs.find(request, lenient=self.core.config.lenient)
        waiting = self._unacknowledged.get(dialog.id) if dialog else None
        if dialog is None or waiting is None:
            failed = self._ongoing.get((request.call_id, request.from_.tag, request.cseq.number, "INVITE"))
            if (
                failed is None
                or not self.core.config.lenient
                or not self._acknowledges_failure(failed, request, now)
            ):
                self.core.emit(MessageDiscarded(flow, "ACK of nothing"))
            return
        late = waiting.superseded is not None and request.cseq.number == waiting.superseded.cseq
        if late or (request.cseq.number != waiting.cseq and not self.core.config.lenient):
            self.core.emit(MessageDiscarded(flow, "ACK with another CSeq number"))
            return
        self._forget_unacknowledged(dialog)
        dialog.flow = flow
        self.core.emit(AckReceived(dialog, request))
        if waiting.bye:
            self._hang_up(dialog, EndReason.BYE_SENT, now)

    def _acknowledges_failure(self, entry: ServerEntry, request: Request, now: float) -> bool:
        """Feed an ACK to an INVITE transaction that was refused; an ACK in Accepted is the dialog's."""
        if not entry.machine.refused:
            return False
        self.run(entry, entry.machine.receive(Input.ACK, now))
        return True

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        *,
        reason: str | None = None,
        headers: Fields = (),
        body: bytes = b"",
        content_type: str | None = None,
        now: float,
    ) -> Dialog | None:
        """Answer; see `Endpoint.respond`."""
        if transaction.final_status is not None:
            raise UsageError(f"send {status}", f"answered {transaction.final_status}")
        fields = [*self._standing_fields(transaction, status), *headers]
        if content_type is not None:
            fields.append(("content-type", content_type))
        timer_fields, timer = self._session_fields(transaction.request, status)
        response = build_response(
            transaction.request.headers,
            status,
            to_tag=transaction.local_tag if status > 100 else None,
            reason=reason,
            fields=[*fields, *timer_fields],
            body=body,
            record_route=100 < status < 300,
        )
        self._settle(transaction, status, response, timer, now)
        return transaction.dialog

    def _standing_fields(self, transaction: ServerTransaction, status: int) -> list[tuple[str, str]]:
        """Return Contact, Allow and the like where the answer needs them (§20, table 2)."""
        config, method = self.core.config, transaction.request.method
        fields: list[tuple[str, str]] = []
        if status == 100:
            return fields
        if method in _REFRESHES_TARGET and status < 300:
            fields.append(("contact", self.core.contact(transaction.flow.transport, transaction.flow.host)))
        if 200 <= status < 300 and method in ("INVITE", "OPTIONS", "UPDATE"):
            fields.append(("allow", ", ".join(config.methods)))
            fields.append(("supported", ", ".join(config.supported)))
            fields.append(("accept", ", ".join(config.accept)))
        fields.append(("server", config.product))
        return fields

    def _session_fields(
        self, request: Request, status: int
    ) -> tuple[list[tuple[str, str]], SessionTimer | None]:
        policy = self.core.config.session_timer
        if policy is None or request.method not in _REFRESHES_TARGET or not 200 <= status < 300:
            return [], None
        answer = answer_session_timer(request, policy)
        if answer is None or isinstance(answer, IntervalTooSmall):
            return [], None
        timer, value, required = answer
        fields = [("session-expires", value)]
        return ([("require", "timer"), *fields] if required else fields), timer

    def _settle(
        self,
        transaction: ServerTransaction,
        status: int,
        response: bytes,
        timer: SessionTimer | None,
        now: float,
    ) -> None:
        """Move transaction and dialog on, and send."""
        entry, method = transaction._machine, transaction.request.method
        self._count(method, status)
        event = _sent(status)
        effects = entry.machine.receive(event, now)
        entry.response = response
        if status >= 200:
            transaction.final_status = status
            entry.handle = None
        if method in _CREATES_DIALOG and status > 100:
            self._move_dialog(transaction, status, response, now)
        if transaction.dialog is not None and method in _REFRESHES_TARGET and 200 <= status < 300:
            transaction.dialog.refresh_target(transaction.request)
            transaction.dialog.keep_session(timer, now)
            self.core.schedule.arm(transaction.dialog)
        self.run(entry, effects)
        if method in _CREATES_DIALOG and 200 <= status < 300:
            entry.response = b""

    def _count(self, method: str, status: int) -> None:
        if self.core.on_response is not None:
            self.core.on_response(method, status)

    def _move_dialog(self, transaction: ServerTransaction, status: int, response: bytes, now: float) -> None:
        dialog, request = transaction.dialog, transaction.request
        if dialog is None and status < 300:
            dialog = transaction.dialog = dialog_as_uas(request, transaction.local_tag, transaction.flow)
            self.core.adopt(dialog)
        if dialog is None or status < 200:
            return
        if dialog.invite_in is transaction:
            dialog.invite_in = None
        if status < 300:
            dialog.state = DialogState.CONFIRMED
            target = transaction._machine.target
            waiting = Unacknowledged(self, dialog, request.cseq.number, response, target, now)
            self._supersede(dialog, waiting)
            self._unacknowledged[dialog.id] = waiting
            self.core.schedule.arm(waiting)
        elif dialog.state is DialogState.EARLY:
            reason = EndReason.CANCELLED if status == 487 else EndReason.REFUSED
            self.core.end_dialog(dialog, reason)

    def bye_after_ack(self, dialog: Dialog) -> bool:
        """Put a BYE off until the ACK is in (§15.1.1); False where there is nothing to wait for."""
        waiting = self._unacknowledged.get(dialog.id)
        if waiting is None:
            return False
        waiting.bye = True
        return True

    def ack_missing(self, waiting: Unacknowledged, now: float) -> None:
        """Give a dialog up whose 2xx was never acknowledged (§13.3.1.4)."""
        self._forget_unacknowledged(waiting.dialog)
        self._hang_up(waiting.dialog, EndReason.ACK_MISSING, now)

    def _supersede(self, dialog: Dialog, waiting: Unacknowledged) -> None:
        """Repeat no earlier 2xx: the peer has it, or it could not send another INVITE (§14.1)."""
        earlier = self._unacknowledged.get(dialog.id)
        if earlier is not None:
            self._forget_unacknowledged(dialog)
            earlier.superseded, waiting.superseded, waiting.bye = None, earlier, earlier.bye

    def _forget_unacknowledged(self, dialog: Dialog) -> None:
        waiting = self._unacknowledged.pop(dialog.id, None)
        if waiting is not None:
            waiting.over = True
            self.core.schedule.disarm(waiting)

    def send_failed(self, entry: "ServerEntry", now: float) -> None:
        """Take a transport error for a response (§17.2.4)."""
        self.run(entry, entry.machine.receive(Input.TRANSPORT_ERROR, now))

    def run(self, entry: ServerEntry, effects: tuple[Effect, ...]) -> None:
        """Do what a machine asked for."""
        for effect in effects:
            if effect is Effect.SEND_RESPONSE and entry.response:
                self.core.send(entry.response, entry.target, entry)
            elif effect is Effect.SEND_TRYING and entry.handle is not None:
                entry.response = build_response(entry.handle.request.headers, 100)
                self.core.send(entry.response, entry.target, entry)
        if entry.machine.over:
            self._table.pop(entry.key, None)
            self.core.schedule.disarm(entry)
            if self._ongoing.get(entry.merged_key) is entry:
                del self._ongoing[entry.merged_key]
        else:
            self.core.schedule.arm(entry)


def _sent(status: int) -> Input:
    if status < 200:
        return Input.SEND_PROVISIONAL
    return Input.SEND_SUCCESS if status < 300 else Input.SEND_FAILURE
