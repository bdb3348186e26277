"""The client side: requests out, responses matched, ACK, CANCEL and second attempts (RFC 3261 §8.1, §13.2,
§17.1).
"""

from collections.abc import Callable

from siprec.sip.auth import Credentials
from siprec.sip.build import Fields, ack_for_failure, cancel_for
from siprec.sip.client_transactions import ClientEntry, ClientTransaction
from siprec.sip.core import Core
from siprec.sip.dialog import Dialog, DialogState, EndReason, dialog_as_uac, next_hop
from siprec.sip.errors import MessageTooLargeError, ParseError, UsageError
from siprec.sip.events import MessageDiscarded, ResponseReceived, TransactionTimedOut, TransportFailed
from siprec.sip.flow import MAX_UDP_PAYLOAD, Flow, Target, Transport
from siprec.sip.headers import Headers, parse_name_addr
from siprec.sip.message import Request, Response
from siprec.sip.retrying import better_fields, repeated
from siprec.sip.session_timer import accept_session_timer
from siprec.sip.transactions import Effect, Input, Kind, Machine
from siprec.sip.uri import parse_uri

MAX_FORWARDS = "70"


class UserAgentClient:
    """Client transactions and what RFC 3261 lets a UAC do with them."""

    def __init__(self, core: Core, bye_after_ack: Callable[[Dialog], bool]) -> None:
        self.core = core
        self._bye_after_ack = bye_after_ack
        self._table: dict[tuple[str | None, str], ClientEntry] = {}

    def __len__(self) -> int:
        return len(self._table)

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str | None,
        from_: str | None,
        call_id: str | None,
        cseq: int,
        routes: tuple[str, ...],
        target: Target | None,
        transport: Transport,
        headers: Fields,
        body: bytes,
        content_type: str | None,
        credentials: Credentials | None,
        now: float,
    ) -> ClientTransaction:
        """Send a request outside any dialog; see `Endpoint.request`."""
        if target is None:
            hop = parse_name_addr(routes[0], "Route").uri if routes else parse_uri(uri)
            target = next_hop(hop, transport)
        sender = from_ or self._own_address(target)
        items = [
            *(("route", route) for route in routes),
            ("max-forwards", MAX_FORWARDS),
            ("from", f"{sender};tag={self.core.ids.token()}"),
            ("to", to or f"<{uri}>"),
            ("call-id", call_id or self.core.ids.token()),
            ("cseq", f"{cseq} {method}"),
            *headers,
        ]
        request = self._complete(method, uri, items, target, body, content_type)
        return self._start(ClientTransaction(request, target, None, credentials), request, now)

    def _own_address(self, target: Target) -> str:
        contact = self.core.contact(target.transport, target.host)
        return contact[: contact.index(">") + 1]

    def request_inside(
        self,
        dialog: Dialog,
        method: str,
        *,
        headers: Fields = (),
        body: bytes = b"",
        content_type: str | None = None,
        credentials: Credentials | None = None,
        now: float,
    ) -> ClientTransaction:
        """Send a request inside a dialog; see `Endpoint.send`."""
        if method == "INVITE" and (dialog.invite_out is not None or dialog.invite_in is not None):
            raise UsageError("send a re-INVITE", "INVITE pending")
        target = dialog.next_hop()
        items = [*self._dialog_items(dialog, method, dialog.next_cseq()), *headers]
        request = self._complete(method, dialog.request_line()[0], items, target, body, content_type)
        transaction = ClientTransaction(request, target, dialog, credentials or dialog.credentials)
        if method == "INVITE":
            dialog.invite_out = transaction
        return self._start(transaction, request, now)

    def _dialog_items(self, dialog: Dialog, method: str, cseq: int) -> list[tuple[str, str]]:
        _, routes = dialog.request_line()
        return [
            *(("route", route) for route in routes),
            ("max-forwards", MAX_FORWARDS),
            ("from", dialog.local_address()),
            ("to", dialog.remote_address()),
            ("call-id", dialog.call_id),
            ("cseq", f"{cseq} {method}"),
        ]

    def _complete(
        self,
        method: str,
        uri: str,
        items: list[tuple[str, str]],
        target: Target,
        body: bytes,
        content_type: str | None,
    ) -> Request:
        """Add what every request of this method carries, and the Via."""
        config = self.core.config
        given = {key for key, _ in items}
        extra = [("via", self.core.via(target, self.core.branch()))]
        tail: list[tuple[str, str]] = []
        if method in ("INVITE", "UPDATE"):
            tail = [("allow", ", ".join(config.methods)), ("supported", ", ".join(config.supported))]
            if config.session_timer is not None:
                tail.append(("session-expires", str(config.session_timer.interval_s)))
        if method in ("INVITE", "UPDATE", "REFER", "SUBSCRIBE"):
            tail.append(("contact", self.core.contact(target.transport, target.host)))
        tail.append(("user-agent", config.product))
        if content_type is not None:
            tail.append(("content-type", content_type))
        extra += items
        extra += [(key, value) for key, value in tail if key not in given]
        return Request(Headers.of(extra), body, method=method, uri=uri)

    def _start(self, handle: ClientTransaction, request: Request, now: float) -> ClientTransaction:
        kind = Kind.INVITE_CLIENT if request.method == "INVITE" else Kind.CLIENT
        transport = handle.target.transport
        machine = Machine(kind, now, reliable=transport.reliable, timing=self.core.config.timing)
        entry = ClientEntry(self, request, handle, machine)
        if transport is Transport.UDP and len(entry.data) > MAX_UDP_PAYLOAD:
            raise MessageTooLargeError("UDP message in bytes", MAX_UDP_PAYLOAD)
        handle.request, handle._entry = request, entry
        self._table[entry.key] = entry
        self.core.send(entry.data, handle.target, entry)
        self.core.schedule.arm(entry)
        return handle

    def receive_response(self, response: Response, flow: Flow, now: float) -> None:
        """Take one parsed response; what matches no transaction is discarded."""
        entry = self._table.get((response.via.branch, response.cseq.method))
        if (
            entry is None
            or len(response.headers.fields("via")) != 1
            or len(response.headers.values("via")) != 1
        ):
            self.core.emit(MessageDiscarded(flow, "response to nothing we sent"))
            return
        event = Input.PROVISIONAL if response.status < 200 else Input.SUCCESS
        if response.status >= 300:
            event = Input.FAILURE
        self.run(entry, entry.machine.receive(event, now), response, flow, now)

    def run(
        self,
        entry: ClientEntry,
        effects: tuple[Effect, ...],
        response: Response | None,
        flow: Flow | None,
        now: float,
    ) -> None:
        """Do what a machine asked for."""
        if entry.machine.over:
            self._forget(entry)
        else:
            self.core.schedule.arm(entry)
        for effect in effects:
            if effect is Effect.SEND_REQUEST:
                self.core.send(entry.data, entry.target, entry)
            elif effect is Effect.SEND_ACK and response is not None:
                entry.ack = entry.ack or ack_for_failure(entry.request, response).encode()
                self.core.send(entry.ack, entry.target)
            elif effect is Effect.DELIVER and response is not None:
                self._deliver(entry, response, flow, now)
            elif effect is Effect.TIMED_OUT:
                self._time_out(entry)

    def _forget(self, entry: ClientEntry) -> None:
        self._table.pop(entry.key, None)
        self.core.schedule.disarm(entry)

    def _time_out(self, entry: ClientEntry) -> None:
        self._fail(entry.handle)
        if not entry.handle.silent:
            self.core.emit(TransactionTimedOut(entry.handle))

    def give_up(self, entry: ClientEntry) -> None:
        """End an INVITE that was cancelled 64·T1 ago and never answered (§9.1)."""
        entry.machine.stop()
        self._forget(entry)
        self._time_out(entry)

    def send_failed(self, entry: ClientEntry, reason: str, now: float) -> None:
        """Take a transport error for a request (§17.1.4)."""
        effects = entry.machine.receive(Input.TRANSPORT_ERROR, now)
        if entry.machine.over:
            self._forget(entry)
        if Effect.FAILED in effects:
            self._fail(entry.handle)
            if not entry.handle.silent:
                self.core.emit(TransportFailed(entry.handle, reason))

    def _fail(self, handle: ClientTransaction) -> None:
        handle.final_status = handle.final_status or 408
        if handle.request.method == "INVITE":
            self._release_invite(handle)
            self._end_early(handle, None)
        if handle.dialog is not None:
            self.core.end_dialog(handle.dialog, EndReason.GONE)

    def _deliver(self, entry: ClientEntry, response: Response, flow: Flow | None, now: float) -> None:
        handle = entry.handle
        if response.status < 200:
            self._deliver_provisional(entry, response, flow, now)
        elif entry.request.method == "INVITE" and response.status < 300:
            self._deliver_answer(entry, response, flow, now)
        elif not self._try_again(entry, response, now):
            handle.final_status = response.status
            self._deliver_final(handle, response, now)

    def _deliver_provisional(
        self, entry: ClientEntry, response: Response, flow: Flow | None, now: float
    ) -> None:
        handle = entry.handle
        handle.provisional = True
        if handle.cancelled and entry.give_up_at is None:
            self._send_cancel(entry, now)
        dialog = handle.dialog
        if entry.request.method == "INVITE" and dialog is None and response.status > 100 and response.to.tag:
            dialog = self._dialog_of(entry, response, flow)
            if "100rel" in response.headers.tokens("require"):
                self._acknowledge_provisional(dialog, response, now)
        if not handle.silent:
            self.core.emit(ResponseReceived(handle, response, dialog))

    def _acknowledge_provisional(self, dialog: Dialog, response: Response, now: float) -> None:
        """Send the PRACK of RFC 3262 §4, for peers that require it unasked."""
        rseq = response.headers.get("rseq")
        if rseq is not None:
            rack = f"{rseq} {response.cseq}"
            self.request_inside(dialog, "PRACK", headers=[("rack", rack)], now=now).silent = True

    def _dialog_of(self, entry: ClientEntry, response: Response, flow: Flow | None) -> Dialog:
        """Return the dialog a response belongs to, a new one for a To tag not seen before: a fork."""
        request, handle = entry.request, entry.handle
        if handle.dialog is not None:
            return handle.dialog
        for dialog in handle.dialogs:
            if dialog.remote_tag == (response.to.tag or ""):
                return dialog
        dialog = dialog_as_uac(request, response, entry.target.transport, flow)
        dialog.credentials = handle.credentials
        self.core.adopt(dialog)
        handle.dialogs.append(dialog)
        return dialog

    def _deliver_answer(self, entry: ClientEntry, response: Response, flow: Flow | None, now: float) -> None:
        """Take a 2xx to an INVITE: a repeated one only gets its ACK again (§13.2.2.4)."""
        handle = entry.handle
        dialog = self._dialog_of(entry, response, flow)
        if dialog.remote_tag in entry.acks:
            self.core.send(*entry.acks[dialog.remote_tag])
            return
        if dialog.ended or dialog.awaiting_ack is entry:
            return
        first = handle.final_status is None
        handle.final_status = response.status
        self._confirm(dialog, response, entry.request.cseq.number, flow, now)
        self._release_invite(handle)
        if first:
            self._end_early(handle, keep=dialog)
        dialog.awaiting_ack = entry
        if handle.auto_ack or handle.cancelled:
            self.ack(dialog, now=now)
        self.core.emit(ResponseReceived(handle, response, dialog))
        if handle.cancelled:
            self.bye(dialog, now=now)

    def _confirm(
        self, dialog: Dialog, response: Response, number: int, flow: Flow | None, now: float
    ) -> None:
        if dialog.state is DialogState.EARLY:
            dialog.state = DialogState.CONFIRMED
            dialog.route_set = response.headers.values("record-route")[::-1]
        dialog.invite_cseq = number
        if flow is not None:
            dialog.flow = flow
        self._refresh(dialog, response, now)

    def _refresh(self, dialog: Dialog, response: Response, now: float) -> None:
        dialog.refresh_target(response)
        try:
            timer = accept_session_timer(response)
        except ParseError:
            timer = None
        dialog.keep_session(timer, now)
        self.core.schedule.arm(dialog)

    def _deliver_final(self, handle: ClientTransaction, response: Response, now: float) -> None:
        dialog, method = handle.dialog, handle.request.method
        if method == "INVITE":
            self._release_invite(handle)
            self._end_early(handle, None)
        if dialog is not None and method == "UPDATE" and response.status < 300:
            self._refresh(dialog, response, now)
        if not handle.silent:
            self.core.emit(ResponseReceived(handle, response, dialog))
        if dialog is not None and response.status in (408, 481):
            self.core.end_dialog(dialog, EndReason.GONE)

    def _release_invite(self, handle: ClientTransaction) -> None:
        if handle.dialog is not None and handle.dialog.invite_out is handle:
            handle.dialog.invite_out = None

    def _end_early(self, handle: ClientTransaction, keep: Dialog | None) -> None:
        """End the early dialogs a final response leaves behind."""
        reason = EndReason.CANCELLED if handle.cancelled else EndReason.REFUSED
        for dialog in handle.dialogs:
            if dialog is not keep and dialog.state is DialogState.EARLY:
                self.core.end_dialog(dialog, reason)

    def _try_again(self, entry: ClientEntry, response: Response, now: float) -> bool:
        """Repeat a request with credentials after 401 or 407 (§22.2), with a longer interval after 422."""
        fields = better_fields(entry, response, self.core.ids.token())
        if not fields:
            return False
        handle = entry.handle
        handle.attempts += 1
        self._end_early(handle, None)
        self._start(handle, repeated(self.core, entry, fields), now)
        return True

    def ack(
        self,
        dialog: Dialog,
        *,
        headers: Fields = (),
        body: bytes = b"",
        content_type: str | None = None,
        now: float,
    ) -> None:
        """Acknowledge the 2xx of the dialog's latest INVITE; see `Endpoint.ack`."""
        entry = dialog.awaiting_ack
        if not isinstance(entry, ClientEntry):
            raise UsageError("send ACK", "no 2xx waiting")
        target = dialog.next_hop()
        items = [*self._dialog_items(dialog, "ACK", dialog.invite_cseq), *headers]
        request = self._complete("ACK", dialog.request_line()[0], items, target, body, content_type)
        data = request.encode()
        entry.acks[dialog.remote_tag] = (data, target)
        dialog.awaiting_ack = None
        self.core.send(data, target)

    def cancel(self, handle: ClientTransaction, *, now: float) -> None:
        """Give an INVITE up; see `Endpoint.cancel`."""
        if handle.request.method != "INVITE" or handle.final_status is not None:
            raise UsageError("send CANCEL", f"answered {handle.final_status}")
        if handle.cancelled or handle._entry is None:
            return
        handle.cancelled = True
        if handle.provisional:
            self._send_cancel(handle._entry, now)

    def _send_cancel(self, entry: ClientEntry, now: float) -> None:
        entry.give_up_at = now + self.core.config.timing.patience_s
        self.core.schedule.arm(entry)
        request = cancel_for(entry.request)
        handle = ClientTransaction(request, entry.target, None, entry.handle.credentials)
        handle.silent = True
        self._start(handle, request, now)

    def bye(self, dialog: Dialog, *, headers: Fields = (), now: float) -> None:
        """End a dialog; see `Endpoint.bye`."""
        if dialog.ended or self._bye_after_ack(dialog):
            return
        self.send_bye(dialog, now, headers)
        self.core.end_dialog(dialog, EndReason.BYE_SENT)

    def send_bye(self, dialog: Dialog, now: float, headers: Fields = ()) -> None:
        """Send the BYE and leave the dialog's state to the caller."""
        handle = self.request_inside(dialog, "BYE", headers=headers, now=now)
        handle.dialog = None
        handle.silent = True
