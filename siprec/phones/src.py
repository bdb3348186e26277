"""A Session Recording Client without I/O: one recorded call, forked to one of a list of servers (RFC 7866).

    session = SourceSession(plan, call, endpoint, owners, streams, new_uuid, rng)
    session.start(now, now_ns)                    # INVITE to the first server; the next one if that fails
    session.pause(now); session.resume(now)       # with an announcement, in the order of `siprec.md`
    session.hold(True, now); session.transfer(party, now, now_ns); session.announce(said, now)
    session.stop(now)
    session.handle(event, now)                    # what the endpoint reports about `owners[...] is session`
    session.handle_timeout(now) at session.next_deadline()
    session.take_events()                         # ForkStarted, ForkChanged, ForkEnded …

Changes queue: one request is under way at a time. In real Webex the SRC is the cloud's media server, steered
by the phone; here a phone is call leg and SRC in one.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from siprec import metadata, sdp
from siprec.metadata import Announcement, Metadata
from siprec.phones.document import CallDocument, Party, RecordedCall
from siprec.phones.forking import (
    ChangeRefused,
    ForkChanged,
    ForkEnded,
    ForkFailed,
    ForkStarted,
    LocalStream,
    ServerFailed,
    SnapshotRequested,
    SourceEvent,
    SourcePlan,
    has_offer,
    read_answer,
    reason_of,
    snapshot_request,
)
from siprec.phones.source_messages import SourceMessages
from siprec.sip import Dialog, Endpoint, Response, SipError
from siprec.sip.client_transactions import ClientTransaction
from siprec.sip.events import (
    DialogEnded,
    Event,
    RequestReceived,
    ResponseReceived,
    SessionRefreshDue,
    TransactionTimedOut,
    TransportFailed,
)


class SourceState(Enum):
    """The life of a forked call."""

    IDLE = "idle"
    INVITING = "inviting"
    RECORDING = "recording"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class _Change:
    """A request to be sent inside the dialog. paused: the state the SDP is to show; None leaves it."""

    name: str
    document: Metadata | None = None
    offer: bool = True
    paused: bool | None = None


class SourceSession:
    """One call and its recording session. `owners` finds the session of a transaction or dialog."""

    def __init__(
        self,
        plan: SourcePlan,
        call: RecordedCall,
        endpoint: Endpoint,
        owners: dict[object, "SourceSession"],
        streams: Sequence[LocalStream],
        new_uuid: Callable[[], UUID],
        rng: random.Random,
    ) -> None:
        if not plan.servers or len(streams) != len(call.labels):
            raise ValueError("a plan needs a server, and the call one local end per stream")
        self.plan = plan
        self.call = call
        self.state = SourceState.IDLE
        self.paused = False
        self.dialog: Dialog | None = None
        self.document: CallDocument | None = None
        self.server = plan.servers[0]
        self.sip_call_id = ""
        """Of the session a server records; empty before."""
        self._endpoint = endpoint
        self._owners = owners
        self._new_uuid = new_uuid
        self._random = rng
        self._messages = SourceMessages(plan, streams, new_uuid, rng)
        self._next_server = 0
        self._announcements: tuple[Announcement, ...] = ()
        self._queue: deque[_Change] = deque()
        self._under_way: tuple[ClientTransaction, _Change] | None = None
        self._invite: ClientTransaction | None = None
        self._give_up_at: float | None = None
        self._retry_at: float | None = None
        self._stopping = False
        self._events: list[SourceEvent] = []

    # --- what the call does --------------------------------------------------------------------------

    def start(self, now: float, now_ns: int, announcement: Announcement | None = None) -> None:
        """Fork the call. announcement: one played before the fork, told in the first document."""
        self.document = CallDocument(self.plan.dialect, self.call, self._new_uuid, now_ns)
        self._announcements = () if announcement is None else (announcement,)
        self._try_next_server(now)

    def pause(self, now: float, announcement: Announcement | None = None) -> None:
        """Stop the streams; an announcement is told after the answer."""
        self._change(now, _Change("pause", paused=True))
        self.announce(announcement, now)

    def resume(self, now: float, announcement: Announcement | None = None) -> None:
        """Go on; an announcement is told before."""
        self.announce(announcement, now)
        self._change(now, _Change("resume", paused=False))

    def announce(self, announcement: Announcement | None, now: float) -> None:
        """Tell that an announcement was played: by UPDATE where the server allows it, else by re-INVITE."""
        if announcement is not None:
            self._change(now, _Change("announcement", self._known.announced(announcement), offer=False))

    def hold(self, held: bool, now: float) -> None:
        """Tell that the user put the other party on hold, or took it back."""
        name = "hold" if held else "unhold"
        self._change(now, _Change(name, self._known.held(held), offer=False))

    def transfer(self, other: Party, now: float, now_ns: int) -> None:
        """Tell, with a re-INVITE, that another party took the place of the other one."""
        self._change(now, _Change("transfer", self._known.transferred(other, now_ns)))
        self.call = self._known.call

    def conference(self, joined: tuple[Party, ...], now: float, now_ns: int) -> None:
        """Tell who is in the call besides user and other party: a conference grew or shrank."""
        self._change(now, _Change("conference", self._known.conference(joined, now_ns), offer=False))
        self.call = self._known.call

    def stop(self, now: float, announcement: Announcement | None = None) -> None:
        """End the recording session; an announcement is told in an update before BYE."""
        if self.state is SourceState.INVITING and self._invite is not None:
            self._stopping = True
            self._cancel_invite(now)
            self._end(by_us=True)
        elif self.state is SourceState.RECORDING:
            self.announce(announcement, now)
            self._stopping = True
            self._advance(now)

    @property
    def _known(self) -> CallDocument:
        if self.document is None:
            raise ValueError("the call has not been started")
        return self.document

    # --- what happens --------------------------------------------------------------------------------

    def take_events(self) -> list[SourceEvent]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def next_deadline(self) -> float | None:
        """When `handle_timeout` is due."""
        times = [due for due in (self._give_up_at, self._retry_at) if due is not None]
        return min(times) if times else None

    def handle_timeout(self, now: float) -> None:
        """Give up on a silent server, or try again after 491."""
        if self._give_up_at is not None and now >= self._give_up_at:
            self._cancel_invite(now)
            self._server_failed(0, "no answer", now)
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._advance(now)

    def handle(self, event: Event, now: float) -> None:
        """Take an event of the endpoint that belongs to this session."""
        match event:
            case ResponseReceived(transaction, response, dialog):
                if response.status >= 200:
                    self._owners.pop(transaction, None)
                    self._answered(transaction, response, dialog, now)
                elif transaction is self._invite and response.status > 100:
                    self._give_up_at = now + 8 * self.plan.invite_timeout_s
            case TransactionTimedOut(transaction):
                self._owners.pop(transaction, None)
                self._unanswered(transaction, "no answer", now)
            case TransportFailed(transaction, reason):
                self._owners.pop(transaction, None)
                self._unanswered(transaction, reason, now)
            case RequestReceived(dialog=dialog) if dialog is not None:
                self._asked(event, now)
            case SessionRefreshDue():
                self._change(now, _Change("refresh"))
            case DialogEnded(dialog):
                self._dialog_ended(dialog, now)

    # --- setting up ----------------------------------------------------------------------------------

    def _try_next_server(self, now: float) -> None:
        self.server = self.plan.servers[self._next_server]
        self._next_server += 1
        self.state = SourceState.INVITING
        self._messages.begin()
        document = self._known.complete(self._announcements)
        content_type, body = self._messages.body(document, self._description())
        try:
            self._invite = self._endpoint.request(
                "INVITE",
                self.server,
                from_=self._messages.from_(self.call),
                cseq=self._messages.first_cseq(),
                headers=self._messages.headers(self._endpoint.config.accept),
                body=body,
                content_type=content_type,
                credentials=self.plan.credentials,
                now=now,
            )
        except SipError as error:
            self._server_failed(0, str(error), now)
            return
        self._owners[self._invite] = self
        self._give_up_at = now + self.plan.invite_timeout_s

    def _cancel_invite(self, now: float) -> None:
        invite, self._invite, self._give_up_at = self._invite, None, None
        if invite is not None:
            self._owners.pop(invite, None)
            if invite.final_status is None:
                self._endpoint.cancel(invite, now=now)

    def _server_failed(self, status: int, reason: str, now: float) -> None:
        self._events.append(ServerFailed(self.server, status, reason))
        self._give_up_at, self._invite, self._under_way = None, None, None
        more = self._next_server < len(self.plan.servers) and not self._stopping
        if more and (status in self.plan.failover_statuses or status == 0):
            self._try_next_server(now)
        else:
            self.state = SourceState.ENDED
            self._events.append(ForkFailed(status, reason))

    def _started(self, response: Response, dialog: Dialog, now: float) -> None:
        answered = read_answer(response, self.call.labels, self.plan.codecs)
        self._invite, self._give_up_at = None, None
        self.dialog, self.sip_call_id = dialog, dialog.call_id
        if answered is None or not any(stream.codec for stream in answered):
            self.dialog = None
            self._endpoint.bye(dialog, now=now)
            self._server_failed(488, "the answer takes no stream", now)
            return
        self._owners[dialog] = self
        self.state = SourceState.RECORDING
        self._events.append(ForkStarted(self.server, answered, self.paused))
        self._advance(now)

    # --- changes -------------------------------------------------------------------------------------

    def _change(self, now: float, change: _Change) -> None:
        if self.state in (SourceState.INVITING, SourceState.RECORDING) and not self._stopping:
            self._queue.append(change)
            self._advance(now)

    def _advance(self, now: float) -> None:
        """Send the next change, or the BYE when nothing is left to say."""
        if self.state is not SourceState.RECORDING or self.dialog is None:
            return
        if self._under_way is not None or self._retry_at is not None:
            return
        if self._queue:
            try:
                self._send(self._queue[0], self.dialog, now)
            except SipError:  # an INVITE of the server is in progress: it comes back by the retry
                self._retry_at = now + self._random.uniform(2.1, 4.0)
        elif self._stopping:
            dialog, self.dialog = self.dialog, None
            self._owners.pop(dialog, None)
            self._endpoint.bye(dialog, now=now)
            self._end(by_us=True)

    def _send(self, change: _Change, dialog: Dialog, now: float) -> None:
        update = not change.offer and "UPDATE" in dialog.peer_allows and not self._messages.is_broadworks
        before = self.paused
        if change.paused is not None:
            self.paused = change.paused
        try:
            description = None if update else self._description()
            content_type, body = self._messages.body(change.document, description)
            disposition = [("content-disposition", metadata.DISPOSITION)] if description is None else []
            transaction = self._endpoint.send(
                dialog,
                "UPDATE" if update else "INVITE",
                headers=disposition,
                body=body,
                content_type=content_type,
                now=now,
            )
        except SipError:
            self.paused = before
            raise
        self._queue.popleft()
        self._owners[transaction] = self
        self._under_way = (transaction, change)

    def _answered(
        self, transaction: ClientTransaction, response: Response, dialog: Dialog | None, now: float
    ) -> None:
        if transaction is self._invite:
            if response.status < 300 and dialog is not None:
                self._started(response, dialog, now)
            else:
                self._server_failed(response.status, reason_of(response), now)
            return
        if self._under_way is None or transaction is not self._under_way[0]:
            return
        change, self._under_way = self._under_way[1], None
        if response.status < 300:
            streams = (
                read_answer(response, self.call.labels, self.plan.codecs)
                if transaction.request.method == "INVITE"
                else None
            )
            self._events.append(ForkChanged(change.name, self.paused, streams))
        else:
            self._refused(change, response, now)
        self._advance(now)

    def _refused(self, change: _Change, response: Response, now: float) -> None:
        """491 is tried again after a while (RFC 3261 §14.1); anything else leaves the session as it was."""
        if change.paused is not None:
            self.paused = not change.paused
        if response.status == 491:
            self._queue.appendleft(change)
            self._retry_at = now + self._random.uniform(2.1, 4.0)
        else:
            self._events.append(ChangeRefused(change.name, response.status))

    def _unanswered(self, transaction: ClientTransaction, reason: str, now: float) -> None:
        if transaction is self._invite:
            self._server_failed(0, reason, now)
        elif self._under_way is not None and transaction is self._under_way[0]:
            self._events.append(ChangeRefused(self._under_way[1].name, 408))
            self._under_way = None
            self._advance(now)

    def _dialog_ended(self, dialog: Dialog, now: float) -> None:
        self._owners.pop(dialog, None)
        if dialog is not self.dialog:
            return
        self.dialog, self._under_way, self._retry_at = None, None, None
        reason = dialog.end_reason.value if dialog.end_reason is not None else ""
        if self.plan.reestablish and not self._stopping and "peer does not know" in reason:
            self._queue.clear()
            self._server_failed(0, reason, now)
        else:
            self._end(by_us=False)

    def _end(self, *, by_us: bool) -> None:
        self.state = SourceState.ENDED
        self._queue.clear()
        self._retry_at = self._give_up_at = None
        self._events.append(ForkEnded(by_us))

    # --- what the server asks ------------------------------------------------------------------------

    def _asked(self, event: RequestReceived, now: float) -> None:
        """INFO and OPTIONS are answered 200; re-INVITE with our description; a snapshot request is obeyed."""
        request = event.request
        snapshot = snapshot_request(request)
        body, content_type = b"", None
        if request.method in ("INVITE", "UPDATE") and (request.method == "INVITE" or has_offer(request)):
            body, content_type = self._description().encode(), sdp.CONTENT_TYPE
        self._endpoint.respond(event.transaction, 200, body=body, content_type=content_type, now=now)
        if snapshot is not None:
            self._events.append(SnapshotRequested(snapshot.reason))
            self._change(now, _Change("snapshot", self._known.complete(), offer=False))

    def _description(self) -> sdp.SessionDescription:
        return self._messages.description(self.call.labels, paused=self.paused)
