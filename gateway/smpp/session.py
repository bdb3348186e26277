"""One SMPP session, either role, without I/O.

>>> from gateway.smpp.pdu import BindTransceiver, SubmitSm, response_to
>>> esme, smsc = SmppSession(Role.ESME, now=0.0), SmppSession(Role.SMSC, now=0.0)
>>> esme.send(BindTransceiver(system_id="guest", password="guest", interface_version=0x34), now=0.0)
1
>>> smsc.receive_data(esme.data_to_send(), now=0.0)
>>> [bind] = smsc.events()
>>> smsc.respond(bind.pdu, response_to(bind.pdu, system_id="carrier"), now=0.0)
True
>>> esme.receive_data(smsc.data_to_send(), now=0.1)
>>> esme.events()
[SessionBound(state=<SessionState.BOUND_TRX: 'BOUND_TRX'>, peer_system_id='carrier', peer_version=52)]
>>> esme.send(SubmitSm(destination_addr="13105550120", short_message=b"hi"), now=0.2, context="mine")
2
>>> smsc.receive_data(esme.data_to_send(), now=0.2)
>>> [bound, submit] = smsc.events()
>>> smsc.respond(submit.pdu, response_to(submit.pdu, message_id="4f"), now=0.2)
True
>>> esme.receive_data(smsc.data_to_send(), now=0.3)
>>> [answer] = esme.events()
>>> answer.context, answer.response.message_id
('mine', '4f')

The fixed shape of an edge: on data `receive_data`, handle `events()`, write `data_to_send()`, arm a timer at
`next_deadline()`; on the timer `handle_timeout`, then the same. After `SessionClosed` write what is left and
close.

- `send(request, now, context)` numbers and queues a request; `window_free` says how many more fit. Answers
come as `ResponseReceived` in any order, failures as `RequestFailed`: every request ends in exactly one of
them. After a time-out the answer may still come, as `LateResponseReceived`. - `respond(request, response,
now)` answers a `RequestReceived` or `BindRequested`, now or later, in any order. `forget` says one will never
be answered (fault injection). - enquire_link and unbind of the peer, and whatever breaks the protocol, are
answered by the session itself. - A peer that is silent, or answers nothing whatever it sends of its own, is
asked for a sign of life and given up if none comes; meanwhile (`silent`) there is no room for requests, until
`PeerHeard`. - `tap(direction, frame, pdu, now)`, if given, sees every frame; `pdu` is None where it could not
be decoded.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from math import inf
from typing import Any, Final

from gateway.smpp.constants import (
    DEFAULT_MAX_PDU_OCTETS,
    RESPONSE_BIT,
    SEQUENCE_MIN,
    CommandId,
    CommandStatus,
    InterfaceVersion,
    Tag,
)
from gateway.smpp.errors import (
    BodyMalformed,
    CommandUnknown,
    FatalError,
    FieldInvalid,
    NotOpen,
    OperationNotAllowed,
    OperationRefused,
    ReceiveWindowExceeded,
    RecoverableError,
    RequestAbandoned,
    RequestTimedOut,
    ResponseMalformed,
    SmppError,
)
from gateway.smpp.events import (
    AlertReceived,
    BindRefused,
    BindRequested,
    CloseReason,
    Event,
    LateResponseReceived,
    OutbindReceived,
    PeerHeard,
    ProtocolViolated,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    SessionBound,
    SessionClosed,
    UnbindReceived,
    UnknownResponseReceived,
)
from gateway.smpp.framing import Framer
from gateway.smpp.frozen import frozen
from gateway.smpp.matrix import BIND_STATES, Role, SessionState, allowed, refusal_status
from gateway.smpp.pdu import (
    DECODERS,
    ENCODERS,
    RESPONSE_CLASSES,
    Bind,
    BindResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    Unbind,
    UnbindResp,
)
from gateway.smpp.timers import Timer, Timers, TimerSettings
from gateway.smpp.tlv import Tlv
from gateway.smpp.window import SendWindow, Sent, SequenceNumbers


class Direction(Enum):
    """Which way a tapped frame went, seen from this session."""

    IN = "in"
    OUT = "out"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


Tap = Callable[[Direction, bytes, Pdu | None, float], None]
"""(direction, frame, PDU or None if it was not decodable, wire time)."""
# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_OUT, _IN = Direction.OUT, Direction.IN


@frozen
class SessionSettings:
    """Limits and durations of a session.

    `window`: requests we may have outstanding. `receive_window`: requests of the peer we leave unanswered at
    a time; beyond it each is refused with `receive_window_status`. `max_pdu_octets`: longest frame taken.
    `late_memory`: timed-out requests whose late answer is still recognised.
    """

    timers: TimerSettings = TimerSettings()
    window: int = 10
    receive_window: int = 10_000
    receive_window_status: int = CommandStatus.RTHROTTLED
    max_pdu_octets: int = DEFAULT_MAX_PDU_OCTETS
    late_memory: int = 1_024


_unpack_header: Final = struct.Struct(">IIII").unpack_from
_DEFAULTS: Final = SessionSettings()


class SmppSession:
    """The state machine of one connection; see the module's text for its use."""

    def __init__(
        self,
        role: Role,
        settings: SessionSettings = _DEFAULTS,
        *,
        now: float,
        tap: Tap | None = None,
        first_sequence: int = SEQUENCE_MIN,
    ) -> None:
        self.role = role
        self.settings = settings
        self.tap = tap
        self.peer_version: int = InterfaceVersion.V34
        self.peer_system_id = ""
        self.out: list[bytes] = []
        """Frames waiting for `data_to_send`; always the same list."""
        self.silent = False
        """Whether a request has timed out, nothing was answered since, and the peer is asked for life."""
        self._peer = role.peer
        self._framer = Framer(settings.max_pdu_octets)
        self._timers = Timers(settings.timers)
        self._window = SendWindow(settings.window, settings.late_memory)
        self._sequence = SequenceNumbers(first_sequence)
        self._control: dict[int, Sent] = {}  # bind, unbind and enquire_link of our own, outside the window
        self._owed = 0
        self._draining = False
        self._peer_unbind: Unbind | None = None
        self._unbind_reason = CloseReason.UNBOUND
        self._response_armed = settings.timers.response_s <= 0
        self._last_received = self._last_message = now
        self.last_answered = now
        """Wire time of the peer's last response."""
        self._unanswered = -inf  # when a request was sent after which nothing was answered in time
        self._events: list[Event] = []
        self._enter(SessionState.OPEN)
        self._timers.start(Timer.SESSION_INIT, now)

    # What the edge asks

    def events(self) -> list[Event]:
        """The events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> bytes:
        """Every queued octet, joined; the queue is empty afterwards."""
        out = self.out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    @property
    def window_free(self) -> int:
        """Requests `send` ought to get now: 0 with a full window, unbound, draining, or `silent`."""
        if self._draining or self.silent or not self.state.is_bound:
            return 0
        return max(0, self._window.size - len(self._window))

    @property
    def window_used(self) -> int:
        """Requests of ours that are outstanding."""
        return len(self._window)

    @property
    def owed(self) -> int:
        """Requests of the peer that are not answered yet."""
        return self._owed

    @property
    def tlvs_allowed(self) -> bool:
        """Whether the peer is of version 3.4 or newer; TLVs to an older one are left out when sending."""
        return self.peer_version >= InterfaceVersion.V34

    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in wire time; None while no timer runs."""
        return self._timers.next_deadline()

    # What the caller sends

    def send(self, pdu: Pdu, now: float, context: Any = None) -> int:
        """Queue a request and return its sequence number.

        Raises `WindowFull`, `NotOpen`, `OperationNotAllowed` or `FieldInvalid`; then nothing was sent.
        outbind and alert_notification have no response and take no place in the window. An `Unbind` is sent
        without waiting for anything: `unbind` is the graceful way.
        """
        command_id = pdu.command_id
        if command_id not in self._sends or self._draining:
            if self._draining or self.state is SessionState.CLOSED:
                raise NotOpen("draining" if self._draining else self.state.value)
            raise OperationNotAllowed(command_id, self.role.value, self.state.value)
        if command_id in _UNCOUNTED:
            return self._send_uncounted(pdu, now)
        self._window.check()
        sequence = self._sequence.take(self._window)
        self._write(pdu, sequence, now)
        self._window.add(sequence, pdu, context, now)
        self._last_message = now
        if not self._response_armed:
            self._arm_response(now)
        return sequence

    def send_all(self, requests: Sequence[tuple[Pdu, Any]], now: float) -> int:
        """As `send` for each PDU with its context, in order, as far as it goes; returns how many were queued.

        The next one, if any, did not fit the window, or is one about which `send` says more.
        """
        if self._draining:
            return 0
        room = self._window.room
        numbers = self._sequence.take_all(min(room, len(requests)), self._window)
        frames = self._encode_all(requests, numbers)
        count = len(frames)
        if not count:
            return 0
        if count < len(requests):
            requests = requests[:count]
        self.out += frames
        self._window.add_all(numbers[:count], requests, now)
        self._last_message = now
        if not self._response_armed:
            self._arm_response(now)
        if self.tap is not None:
            for frame, (pdu, _) in zip(frames, requests, strict=True):
                self.tap(_OUT, frame, pdu, now)
        return count

    def _encode_all(self, requests: Sequence[tuple[Pdu, Any]], numbers: Sequence[int]) -> list[bytes]:
        """The frames of those that come before the first that may not go out as it is."""
        frames: list[bytes] = []
        may_go, tlvs_allowed = self._sends - _UNCOUNTED, self.tlvs_allowed
        try:
            for (pdu, _), number in zip(requests, numbers, strict=False):
                if pdu.command_id not in may_go or (pdu.tlvs and not tlvs_allowed):
                    break
                frames.append(ENCODERS[pdu.__class__](pdu, number))
        except FieldInvalid:
            pass
        return frames

    def respond(self, request: Pdu, response: Pdu, now: float) -> bool:
        """Queue the answer to a request of the peer; False if the session has ended meanwhile.

        The answer goes out under the request's sequence number, whatever its own. Raises `FieldInvalid` if it
        cannot be encoded; it is then still owed.
        """
        if self.state is SessionState.CLOSED:
            return False
        if isinstance(request, Bind):
            self._answer_bind(request, response, now)
        else:
            self._write(response, request.sequence_number, now)
        self._owed -= self._owed > 0
        if self._draining or self._peer_unbind is not None:
            self._continue_unbind(now)
        return True

    def forget(self, now: float) -> None:
        """One request of the peer will never be answered: it is owed no longer (fault injection)."""
        self._owed -= self._owed > 0
        if self._draining or self._peer_unbind is not None:
            self._continue_unbind(now)

    def unbind(self, now: float, wait_s: float | None = None) -> None:
        """End gracefully: no new request, wait for outstanding and owed answers, unbind, close.

        The wait lasts at most `wait_s`, by default `unbind_wait_s`. A session that is not bound closes at
        once.
        """
        if self._draining or self.state in (SessionState.UNBINDING, SessionState.CLOSED):
            return
        if not self.state.is_bound:
            self._close(CloseReason.UNBOUND)
            return
        self._draining = True
        self._timers.start(Timer.UNBIND_WAIT, now, wait_s)
        self._continue_unbind(now, at_once=wait_s == 0)

    def send_raw(self, data: bytes, now: float) -> None:
        """Queue octets as they are, unnumbered and untracked (fault injection)."""
        self.out.append(data)
        if self.tap is not None:
            self.tap(_OUT, data, None, now)

    def close(self, reason: CloseReason = CloseReason.ABORTED, error: SmppError | None = None) -> None:
        """End at once, without unbind; outstanding requests fail with `RequestAbandoned`."""
        if self.state is not SessionState.CLOSED:
            self._close(reason, error)

    # What the network brings

    def receive_data(self, data: bytes, now: float) -> None:
        """Take octets as they come; see `events` and `data_to_send` for the outcome."""
        if self.state is SessionState.CLOSED:
            return
        self._last_received = now
        for frame in self._framer.feed(data):
            self._receive_frame(frame, now)
            if not self._accepts:  # closed by what the frame held
                return
        if self._framer.fault is not None:
            self._fail(self._framer.fault, now)
        elif self.silent and not self._answers_nothing:
            self.silent = False
            self._events.append(PeerHeard())

    def receive_eof(self) -> None:
        """The connection has ended; after our unbind that is as good as its answer."""
        ours = self.state is SessionState.UNBINDING and self._peer_unbind is None
        self.close(self._unbind_reason if ours else CloseReason.CONNECTION_LOST)

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that are due; harmless when none is."""
        for timer in self._timers.expire(now):
            if self.state is not SessionState.CLOSED:
                _ON_TIMER[timer](self, now)

    # Requests in

    def _receive_frame(self, frame: bytes, now: float) -> None:
        _, command_id, status, sequence = _unpack_header(frame)
        decoder = DECODERS.get(command_id)
        try:
            if decoder is None:
                raise CommandUnknown(command_id, sequence)
            pdu = decoder(frame, status, sequence)
        except RecoverableError as error:
            if self.tap is not None:
                self.tap(_IN, frame, None, now)
            self._receive_fault(error, command_id, status, now)
            return
        if self.tap is not None:
            self.tap(_IN, frame, pdu, now)
        if command_id >= RESPONSE_BIT:
            self.last_answered = now
            sent = self._window.settle(sequence, command_id)
            if sent is None:
                self._receive_other_response(pdu, command_id)
                return
            self._last_message = now
            self._events.append(ResponseReceived(sent.context, pdu, sent.request, sent.sent_at))
            if self._draining:
                self._continue_unbind(now)
        elif command_id not in self._accepts:
            wrong = refusal_status(self._peer, self.state, command_id)
            self._refuse(OperationRefused(command_id, wrong, sequence, self.state.value), command_id, now)
        elif command_id in _ON_REQUEST:
            _ON_REQUEST[command_id](self, pdu, now)
        elif self._owed >= self.settings.receive_window:
            refusal, limit = self.settings.receive_window_status, self.settings.receive_window
            self._refuse(ReceiveWindowExceeded(command_id, refusal, sequence, limit), command_id, now)
        else:
            self._last_message = now
            self._owed += 1
            self._events.append(RequestReceived(pdu))

    def _receive_fault(self, error: RecoverableError, command_id: int, status: int, now: float) -> None:
        """A frame that cannot be decoded: requests are refused, responses settle theirs as unreadable."""
        if command_id < RESPONSE_BIT:
            self._refuse(error, command_id, now)
            return
        self.last_answered = now
        self._events.append(ProtocolViolated(error))
        if not isinstance(error, BodyMalformed):
            return
        sequence = error.sequence_number
        sent = self._window.settle(sequence, command_id)
        if sent is not None:
            failure = ResponseMalformed(sent.request.command_id, sequence, status, error)
            self._events.append(RequestFailed(sent.context, failure, sent.request, sent.sent_at))
            self._after_settled(now)
            return
        control = self._control.pop(sequence, None)
        if control is not None and isinstance(control.request, Bind):
            self._refuse_bind(control.request, status or CommandStatus.RBINDFAIL)

    def _refuse(self, error: RecoverableError, command_id: int, now: float) -> None:
        answer: Any = RESPONSE_CLASSES.get(command_id, GenericNack)
        self._write(answer(command_status=error.command_status), error.sequence_number, now)
        self._events.append(ProtocolViolated(error))

    def _fail(self, error: FatalError, now: float) -> None:
        self._write(GenericNack(command_status=error.command_status), error.sequence_number, now)
        self._close(CloseReason.FATAL_ERROR, error)

    def _receive_bind(self, pdu: Bind, now: float) -> None:
        del now
        self._owed += 1
        self.peer_version = min(pdu.interface_version, InterfaceVersion.V34)
        self.peer_system_id = pdu.system_id
        self._enter(SessionState.BINDING)
        self._events.append(BindRequested(pdu))

    def _receive_unbind(self, pdu: Unbind, now: float) -> None:
        if self.state is SessionState.UNBINDING:
            if self._peer_unbind is None:  # both at once: theirs is answered, ours will be
                self._write(UnbindResp(), pdu.sequence_number, now)
            return
        self._peer_unbind = pdu
        self._draining = False
        self._enter(SessionState.UNBINDING)
        self._events.append(UnbindReceived())
        self._timers.start(Timer.UNBIND_WAIT, now)
        self._continue_unbind(now)

    def _receive_enquire(self, pdu: EnquireLink, now: float) -> None:
        self._write(EnquireLinkResp(), pdu.sequence_number, now)

    def _receive_alert(self, pdu: Any, now: float) -> None:
        self._last_message = now
        self._events.append(AlertReceived(pdu))

    def _receive_outbind(self, pdu: Any, now: float) -> None:
        del now
        self._events.append(OutbindReceived(pdu))

    # Responses in

    def _receive_other_response(self, pdu: Pdu, command_id: int) -> None:
        """It answers nothing in the window."""
        sequence = pdu.sequence_number
        control = self._control.get(sequence)
        if control is not None and control.answered_by(command_id):
            del self._control[sequence]
            self._receive_control(control.request, pdu)
            return
        late = self._window.settle_late(sequence, command_id)
        if late is not None:
            self._events.append(LateResponseReceived(late.context, pdu, late.request))
        else:
            self._events.append(UnknownResponseReceived(pdu))

    def _after_settled(self, now: float) -> None:
        if self._draining:
            self._continue_unbind(now)

    def _receive_control(self, request: Pdu, response: Pdu) -> None:
        if isinstance(request, Unbind):
            self._close(self._unbind_reason)
        elif isinstance(request, Bind) and self.state is SessionState.BINDING:
            if not isinstance(response, BindResp) or response.command_status:
                self._refuse_bind(request, response.command_status)
                return
            version = response.tlv(Tag.SC_INTERFACE_VERSION)
            if version is not None:
                self.peer_version = min(version.as_int, InterfaceVersion.V34)
            self.peer_system_id = response.system_id
            self._become_bound(request)

    # Bind and unbind

    def _refuse_bind(self, bind: Bind, status: int) -> None:
        self._enter(SessionState.OPEN)
        self._events.append(BindRefused(bind.command_id, status))

    def _answer_bind(self, request: Bind, response: Pdu, now: float) -> None:
        bound = isinstance(response, BindResp) and not response.command_status
        if bound and response.tlv(Tag.SC_INTERFACE_VERSION) is None:
            version = Tlv.integer(Tag.SC_INTERFACE_VERSION, InterfaceVersion.V34)
            response = replace(response, tlvs=(*response.tlvs, version))  # type: ignore[type-var]
        self._write(response, request.sequence_number, now)
        if self.state is not SessionState.BINDING:
            return
        if bound:
            self._last_message = now
            self._become_bound(request)
        else:
            self._enter(SessionState.OPEN)

    def _become_bound(self, bind: Bind) -> None:
        self._enter(BIND_STATES[bind.command_id])
        self._timers.stop(Timer.SESSION_INIT)
        self._timers.start(Timer.ENQUIRE_LINK, self._last_received)
        self._timers.start(Timer.INACTIVITY, self._last_received)
        self._events.append(SessionBound(self.state, self.peer_system_id, self.peer_version))

    def _continue_unbind(self, now: float, at_once: bool = False) -> None:
        if self._peer_unbind is not None:
            if at_once or not self._owed:
                self._write(UnbindResp(), self._peer_unbind.sequence_number, now)
                self._close(CloseReason.PEER_UNBOUND)
        elif self._draining and (at_once or not (self._owed or len(self._window))):
            self._draining = False
            self._send_uncounted(Unbind(), now)

    def _send_uncounted(self, pdu: Pdu, now: float) -> int:
        """Send what stands outside the window.

        Bind, unbind, our own enquire_link, and what has no response.
        """
        sequence = self._sequence.take(self._window)
        self._write(pdu, sequence, now)
        if pdu.command_id not in RESPONSE_CLASSES:
            return sequence
        self._control[sequence] = Sent(pdu.response_id, pdu, None, now)
        if isinstance(pdu, Bind):
            self._enter(SessionState.BINDING)
        elif isinstance(pdu, Unbind):
            self._timers.stop(Timer.UNBIND_WAIT)
            self._enter(SessionState.UNBINDING)
        if not self._response_armed:
            self._arm_response(now)
        return sequence

    # Timers

    def _arm_response(self, since: float) -> None:
        self._timers.start(Timer.RESPONSE, since)
        self._response_armed = True

    def _on_response_timer(self, now: float) -> None:
        response_s = self.settings.timers.response_s
        for sequence, sent in self._window.expire(now, response_s):
            error = RequestTimedOut(sent.request.command_id, sequence, "no response in time")
            self._events.append(RequestFailed(sent.context, error, sent.request, sent.sent_at))
            if sent.sent_at >= self.last_answered:
                self._unanswered = sent.sent_at
        for sequence, sent in list(self._control.items()):
            if sent.sent_at + response_s <= now:
                del self._control[sequence]
                self._on_control_timeout(sent, now)
        self._response_armed = False
        if self._answers_nothing:
            self.silent = self._timers.duration(Timer.ENQUIRE_LINK) > 0
            self._ask_for_life(now)
        waiting = [sent.sent_at for sent in self._control.values()]
        oldest = self._window.oldest_sent_at()
        if oldest is not None or waiting:
            self._arm_response(min(waiting if oldest is None else [oldest, *waiting]))
        self._after_settled(now)

    def _on_control_timeout(self, sent: Sent, now: float) -> None:
        del now
        if isinstance(sent.request, Bind):
            self._close(CloseReason.BIND_TIMEOUT)
        elif isinstance(sent.request, Unbind):
            self._close(self._unbind_reason)
        elif self._last_received <= sent.sent_at or self._answers_nothing:
            self._close(CloseReason.ENQUIRE_LINK_TIMEOUT)

    @property
    def _answers_nothing(self) -> bool:
        """Whether a request of ours has timed out and nothing was answered since it was sent.

        What such a peer still sends of its own is no sign of life: it may well not hear us.
        """
        return self._unanswered >= self.last_answered

    def _ask_for_life(self, now: float) -> None:
        """Send an enquire_link, unless one is under way or they are turned off (SMPP 3.4 §7.2)."""
        if not self.state.is_bound or not self._timers.duration(Timer.ENQUIRE_LINK):
            return
        if not any(isinstance(sent.request, EnquireLink) for sent in self._control.values()):
            self._send_uncounted(EnquireLink(), now)

    def _on_session_init(self, now: float) -> None:
        del now
        self._close(CloseReason.BIND_TIMEOUT)

    def _on_enquire_link(self, now: float) -> None:
        if not self.state.is_bound:
            return
        interval = self._timers.duration(Timer.ENQUIRE_LINK)
        if self._last_received + interval > now:
            self._timers.start(Timer.ENQUIRE_LINK, self._last_received)
            return
        self._ask_for_life(now)
        self._timers.start(Timer.ENQUIRE_LINK, now)

    def _on_inactivity(self, now: float) -> None:
        if self._last_message + self._timers.duration(Timer.INACTIVITY) > now:
            self._timers.start(Timer.INACTIVITY, self._last_message)
            return
        self._unbind_reason = CloseReason.INACTIVITY
        self.unbind(now, wait_s=0.0)

    def _on_unbind_wait(self, now: float) -> None:
        self._continue_unbind(now, at_once=True)

    # Out

    def _enter(self, state: SessionState) -> None:
        self.state = state
        self._sends = allowed(self.role, state)
        self._accepts = allowed(self._peer, state)

    def _write(self, pdu: Pdu, sequence: int, now: float) -> None:
        if pdu.tlvs and not self.tlvs_allowed:
            pdu = replace(pdu, tlvs=())  # type: ignore[type-var]
        frame = ENCODERS[pdu.__class__](pdu, sequence)
        self.out.append(frame)
        if self.tap is not None:
            self.tap(_OUT, frame, pdu, now)

    def _close(self, reason: CloseReason, error: SmppError | None = None) -> None:
        self._enter(SessionState.CLOSED)
        self._timers.stop_all()
        self._draining = False
        for sequence, sent in self._window.abandon():
            failure = RequestAbandoned(sent.request.command_id, sequence, reason.value)
            self._events.append(RequestFailed(sent.context, failure, sent.request, sent.sent_at))
        self._events.append(SessionClosed(reason, error))


_UNCOUNTED: Final = frozenset(
    {*BIND_STATES, int(CommandId.UNBIND), int(CommandId.OUTBIND), int(CommandId.ALERT_NOTIFICATION)}
)
_ON_REQUEST: Final[dict[int, Callable[[SmppSession, Any, float], None]]] = {
    **dict.fromkeys(BIND_STATES, SmppSession._receive_bind),
    CommandId.UNBIND: SmppSession._receive_unbind,
    CommandId.ENQUIRE_LINK: SmppSession._receive_enquire,
    CommandId.ALERT_NOTIFICATION: SmppSession._receive_alert,
    CommandId.OUTBIND: SmppSession._receive_outbind,
}
_ON_TIMER: Final[dict[Timer, Callable[[SmppSession, float], None]]] = {
    Timer.SESSION_INIT: SmppSession._on_session_init,
    Timer.ENQUIRE_LINK: SmppSession._on_enquire_link,
    Timer.INACTIVITY: SmppSession._on_inactivity,
    Timer.RESPONSE: SmppSession._on_response_timer,
    Timer.UNBIND_WAIT: SmppSession._on_unbind_wait,
}
