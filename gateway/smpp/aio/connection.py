"""One session on one socket: feed, take events, write, re-arm one timer, dispatch."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, cast

from gateway.smpp.aio.handler import DEFAULTS, Answer, ConnectionSettings, OnResponse, Outcome, SmppHandler
from gateway.smpp.constants import CommandId, CommandStatus
from gateway.smpp.errors import BindFailed, FieldInvalid, WindowFull
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
from gateway.smpp.matrix import Role, SessionState
from gateway.smpp.pdu import Bind, Pdu, response_to
from gateway.smpp.session import SmppSession, Tap

SILENT = SmppHandler()
_TCP_NOTSENT_LOWAT: Final = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux and macOS have it


class SmppConnection(asyncio.Protocol):
    """One session on one socket; made by `connect` and `serve`."""

    def __init__(
        self,
        role: Role,
        handler_factory: "Callable[[SmppConnection], SmppHandler]",
        settings: ConnectionSettings = DEFAULTS,
        tap: Tap | None = None,
    ) -> None:
        self.role = role
        self.settings = settings
        self.peername: tuple[Any, ...] = ()
        self.closed_event: SessionClosed | None = None
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._session = SmppSession(role, settings.session, now=self._time(), tap=tap)
        self._out = self._session.out
        self._flush_pdus = settings.flush_pdus
        self._slice_bytes = settings.slice_bytes
        self._left = b""  # of a large read: what later turns of the loop will take
        self._left_at = 0
        self._slice_scheduled = self._deaf = False
        self._transport: asyncio.Transport | None = None
        self._pumping = self._flush_scheduled = self._write_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._stall: asyncio.TimerHandle | None = None
        self._bound: asyncio.Future[None] | None = None
        self._lost_by: Exception | None = None
        self._closed: asyncio.Future[SessionClosed] = self._loop.create_future()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._handler_factory = handler_factory
        self._handler = SILENT

    # State

    @property
    def state(self) -> SessionState:
        """State of the session."""
        return self._session.state

    @property
    def peer_system_id(self) -> str:
        """The `system_id` the peer bound or answered with."""
        return self._session.peer_system_id

    @property
    def peer_version(self) -> int:
        """0x33 or 0x34."""
        return self._session.peer_version

    @property
    def window_free(self) -> int:
        """Requests that can be submitted now; 0 while unbound, draining, `silent`, or unread by the peer."""
        return 0 if self._write_paused else self._session.window_free

    @property
    def window_used(self) -> int:
        """Requests of ours without a response."""
        return self._session.window_used

    @property
    def silent(self) -> bool:
        """Whether a request has timed out, nothing was answered since, and the peer is asked for life."""
        return self._session.silent

    @property
    def last_answered(self) -> float:
        """Wire time of the last response of the peer."""
        return self._session.last_answered

    @property
    def owed(self) -> int:
        """Requests of the peer without a response."""
        return self._session.owed

    @property
    def tap(self) -> Tap | None:
        """Observer of every frame; may be set at any time."""
        return self._session.tap

    @tap.setter
    def tap(self, tap: Tap | None) -> None:
        self._session.tap = tap

    @property
    def write_buffer_bytes(self) -> int:
        """Octets the operating system has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    # Requests of ours

    def submit_nowait(self, pdu: Pdu, on_response: OnResponse | None, context: Any = None) -> int:
        """Send a request; `on_response(context, outcome)` is called once. Returns the sequence number.

        Without `on_response` the handler is told (`on_responses`, `on_failure`). Raises `WindowFull`,
        `NotOpen`, `OperationNotAllowed` or `FieldInvalid`; then nobody is told anything.
        """
        if self._write_paused:
            raise WindowFull(0)
        sequence = self._session.send(pdu, self._time(), (on_response, context))
        self._schedule_flush()
        return sequence

    def submit_all(self, requests: Sequence[tuple[Pdu, Any]]) -> int:
        """As `submit_nowait` without `on_response` for each PDU with its context, in order.

        Returns how many were sent; about the next one, if any, `submit_nowait` says more.
        """
        if self._write_paused:
            return 0
        told = [(pdu, (None, context)) for pdu, context in requests]
        sent = self._session.send_all(told, self._time())
        if sent:
            self._schedule_flush()
        return sent

    def flush(self) -> None:
        """Write what is queued without waiting for the tick's end, after a batch."""
        if self._out and not self._pumping:
            self._flush()

    async def submit(self, pdu: Pdu, window_wait_s: float | None = None) -> Pdu:
        """Send a request, after waiting for a place in the window, and wait for its response, whatever its
        status.

        Raises what `submit_nowait` raises (`WindowFull` once `window_wait_s` have passed), and `RequestError`
        if there is no usable response.
        """
        while self.window_free < 1 and self._session.state.is_bound:
            await self._wait_window(window_wait_s)
        future: asyncio.Future[Pdu] = self._loop.create_future()
        self.submit_nowait(pdu, _resolve, future)
        return await future

    def notify(self, pdu: Pdu) -> None:
        """SMSC: send what has no response: outbind, alert_notification."""
        self._session.send(pdu, self._time())
        self._schedule_flush()

    # Requests of the peer

    def respond(self, request: Pdu, response: Pdu) -> bool:
        """Answer a request the handler left open; False if the connection has ended meanwhile."""
        answered = self._session.respond(request, response, self._time())
        self._after_respond()
        return answered

    def forget(self, request: Pdu) -> None:
        """Never answer this request (fault injection); graceful unbind does not wait for it."""
        del request
        self._session.forget(self._time())
        self._after_respond()

    def send_raw(self, data: bytes) -> None:
        """Send octets as they are (fault injection)."""
        self._session.send_raw(data, self._time())
        self._schedule_flush()

    def stop_reading(self) -> None:
        """Take nothing more from the peer, and answer it no more (fault injection): half-open."""
        self._deaf = True
        self._pause_reading()

    def read_again(self) -> None:
        """The end of `stop_reading`; what has come meanwhile is taken now."""
        self._deaf = False
        self._read_on()
        self._pump()

    # Begin and end

    def bind_nowait(self, pdu: Bind) -> None:
        """ESME.

        Send a bind; the handler's `on_bound` or `on_closed` (with a `BindFailed`) tells the outcome.
        """
        self._session.send(pdu, self._time())
        self._schedule_flush()

    async def bind(self, pdu: Bind) -> None:
        """ESME: bind and wait for the answer; raises `BindFailed`, after which the connection is closed."""
        self._bound = self._loop.create_future()
        self.bind_nowait(pdu)
        try:
            await self._bound
        except asyncio.CancelledError:
            self.abort()
            raise

    async def unbind(self, wait_s: float | None = None) -> SessionClosed:
        """End gracefully: wait for outstanding and owed answers, at most `wait_s`, unbind, close."""
        self._session.unbind(self._time(), wait_s)
        self._pump()
        return await self.wait_closed()

    def close(self) -> None:
        """Close without unbind, after sending what is queued."""
        self._session.close(CloseReason.ABORTED)
        self._pump()

    def abort(self, reason: CloseReason = CloseReason.ABORTED) -> None:
        """Drop the connection at once, unsent octets included."""
        if self._transport is not None:
            self._transport.abort()
        self._session.close(reason)
        self._pump()

    async def wait_closed(self) -> SessionClosed:
        """Wait until the connection is gone; says why."""
        return await asyncio.shield(self._closed)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        transport = cast(asyncio.Transport, transport)  # uvloop's transports are of no common class
        self._transport = transport
        self.peername = transport.get_extra_info("peername") or ()
        transport.set_write_buffer_limits(high=self.settings.write_high_water_bytes)
        _limit_unsent(transport, self.settings.write_high_water_bytes)
        self._handler = self._handler_factory(self)
        self._call(self._handler.on_connected, self)
        self._pump()

    def data_received(self, data: bytes) -> None:
        """Feed, take events, write, re-arm, dispatch; of a large read a slice a turn."""
        if len(data) > self._slice_bytes or self._left:
            self._put_off(data)
            return
        self._session.receive_data(data, self._time())
        self._pump()

    def eof_received(self) -> bool:
        """The peer has closed its side: so do we."""
        if not self._left:
            self._session.receive_eof()
            self._pump()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone; what came over it before still counts."""
        self._lost_by = exc
        self._transport = None
        self._write_paused = False
        if self._stall is not None:
            self._stall.cancel()
        if self._left and not self._deaf and self._session.state is not SessionState.CLOSED:
            self._schedule_slice()
        else:
            self._end()

    def pause_writing(self) -> None:
        """The peer does not read: read no more of it, and give it `write_stall_s`."""
        self._write_paused = True
        if self._pause_reading():
            self._restart_stall(self.settings.write_stall_s)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._write_paused = False
        if self._transport is None or self._transport.is_closing():
            return
        if self._stall is not None:
            self._stall.cancel()
        self._read_on()
        self._wake_waiters()
        self._call(self._handler.on_ready, self)
        self._pump()

    # A large read, slice by slice: the other connections have their turns between

    def _put_off(self, data: bytes) -> None:
        """Read no more until this is dealt with; its first slice is taken now."""
        waits = bool(self._left)
        self._left, self._left_at = self._left[self._left_at :] + data, 0
        self._pause_reading()
        if not waits:
            self._take_slice()

    def _schedule_slice(self) -> None:
        if not self._slice_scheduled:
            self._slice_scheduled = True
            self._loop.call_soon(self._take_slice)

    def _take_slice(self) -> None:
        self._slice_scheduled = False
        if self._write_paused or self._deaf or not self._left:
            return  # `_read_on` will take it up
        start, end = self._left_at, self._left_at + self._slice_bytes
        data, self._left_at = self._left[start:end], end
        if end >= len(self._left):
            self._left, self._left_at = b"", 0
        self._session.receive_data(data, self._time())
        self._pump()
        if self._session.state is SessionState.CLOSED:
            self._left, self._left_at = b"", 0
        if self._transport is None and not self._left:
            self._end()
        else:
            self._read_on()

    def _read_on(self) -> None:
        """Take what is left of the last read, or read again, unless the peer is not to be heard."""
        transport = self._transport
        if self._write_paused or self._deaf:
            return
        if self._left:
            self._schedule_slice()
        elif transport is not None and not transport.is_closing():
            transport.resume_reading()

    def _pause_reading(self) -> bool:
        """Whether there is still somebody to read from."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        transport.pause_reading()
        return True

    def _end(self) -> None:
        """Everything the connection brought is dealt with, and it is gone."""
        self._session.receive_eof()
        self._pump()
        if not self._closed.done():
            assert self.closed_event is not None  # noqa: S101 - receive_eof always leads to SessionClosed
            self._closed.set_result(self.closed_event)

    # The pump

    def _pump(self) -> None:
        """Dispatch every event, write what is queued, re-arm the timer."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while events := self._session.events():
                answered: list[tuple[Any, Pdu, float]] = []
                for event in events:
                    if event.__class__ is not ResponseReceived:
                        if answered:
                            self._call(self._handler.on_responses, self, answered)
                            answered = []
                        _DISPATCH[event.__class__](self, event)
                        continue
                    on_response, context = event.context
                    if on_response is None:
                        answered.append((context, event.response, event.sent_at))
                    else:
                        self._call(on_response, context, event.response)
                if answered:
                    self._call(self._handler.on_responses, self, answered)
        finally:
            self._pumping = False
        self._flush()
        if self._waiters:
            self._wake_waiters()

    def _flush(self) -> None:
        self._flush_scheduled = False
        data, transport = self._session.data_to_send(), self._transport
        if data and transport is not None and not transport.is_closing():
            transport.write(data)
        if self.closed_event is not None:
            self._finish()
            return
        deadline = self._session.next_deadline()
        if deadline is not None and (self._timer is None or deadline < self._timer_at):
            if self._timer is not None:
                self._timer.cancel()
            self._timer, self._timer_at = self._loop.call_at(deadline, self._on_timer), deadline

    def _schedule_flush(self) -> None:
        if len(self._out) >= self._flush_pdus:
            self._flush()
        elif not (self._flush_scheduled or self._pumping):
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _after_respond(self) -> None:
        if self._session.state is SessionState.CLOSED:
            self._pump()
        else:
            self._schedule_flush()

    def _on_timer(self) -> None:
        self._timer = None
        self._session.handle_timeout(self._time())
        self._pump()

    def _restart_stall(self, delay_s: float) -> None:
        if self._stall is not None:
            self._stall.cancel()
        self._stall = self._loop.call_later(delay_s, self.abort, CloseReason.PEER_STOPPED_READING)

    def _finish(self) -> None:
        """The session is over: let the last octets go, but not for long."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.close()
        if self._stall is not None:
            self._stall.cancel()
        self._stall = self._loop.call_later(self.settings.linger_s, transport.abort)

    # Events

    def _on_failure(self, event: RequestFailed) -> None:
        on_response, context = event.context
        if on_response is None:
            self._call(self._handler.on_failure, self, context, event.error)
        else:
            self._call(on_response, context, event.error)

    def _on_late(self, event: LateResponseReceived) -> None:
        self._call(self._handler.on_late_response, self, event.context[1], event.response)

    def _on_bind(self, event: BindRequested) -> None:
        self._handle(event.pdu, self._handler.on_bind)

    def _on_request(self, event: RequestReceived) -> None:
        self._handle(event.pdu, self._handler.on_request)

    def _handle(self, pdu: Pdu, handle: Callable[..., Answer]) -> None:
        """Let the handler answer; what it cannot, or cannot be encoded, is ESME_RSYSERR."""
        if self._session.state is SessionState.CLOSED:
            return  # it could not be answered any more: the peer must take it for lost
        try:
            answer = handle(self, pdu)
            if isinstance(answer, Pdu):
                self._session.respond(pdu, answer, self._time())
                if len(self._out) >= self._flush_pdus:
                    self._flush()
                return
        except Exception as error:
            self._report(error)
            self.respond(pdu, response_to(pdu, CommandStatus.RSYSERR))
            return
        if answer is not None:
            task = asyncio.ensure_future(answer)
            self._tasks.add(task)
            task.add_done_callback(partial(self._on_answer, pdu))

    def _on_answer(self, pdu: Pdu, task: "asyncio.Future[Pdu | None]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._report(error)
        answer = task.result() if error is None else response_to(pdu, CommandStatus.RSYSERR)
        if answer is not None:
            self._answer(pdu, answer)

    def _answer(self, pdu: Pdu, answer: Pdu) -> None:
        try:
            self.respond(pdu, answer)
        except FieldInvalid as error:
            self._report(error)
            self.respond(pdu, response_to(pdu, CommandStatus.RSYSERR))

    def _on_bound(self, event: SessionBound) -> None:
        del event
        if self._bound is not None and not self._bound.done():
            self._bound.set_result(None)
        self._call(self._handler.on_bound, self)

    def _on_refused(self, event: BindRefused) -> None:
        self._session.close(
            CloseReason.BIND_REFUSED, BindFailed(event.command_id, event.command_status, "refused")
        )

    def _on_closed(self, event: SessionClosed) -> None:
        self.closed_event = event
        if self._bound is not None and not self._bound.done():
            error = event.error
            if not isinstance(error, BindFailed):
                cause = error or self._lost_by  # a TLS alert, say
                error = BindFailed(CommandId.BIND_TRANSCEIVER, 0, event.reason.value)
                error.__cause__ = cause
            self._bound.set_exception(error)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        for task in self._tasks:
            task.cancel()
        self._call(self._handler.on_closed, self, event)

    def _on_alert(self, event: AlertReceived) -> None:
        self._call(self._handler.on_alert, self, event.pdu)

    def _on_heard(self, event: PeerHeard) -> None:
        del event
        self._call(self._handler.on_ready, self)

    def _on_outbind(self, event: OutbindReceived) -> None:
        self._call(self._handler.on_outbind, self, event.pdu)

    def _on_violation(self, event: ProtocolViolated) -> None:
        self._call(self._handler.on_violation, self, event.error)

    def _ignore(self, event: Event) -> None:
        """The session has dealt with it."""

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call what the user gave us; its faults are its own."""
        try:
            function(*arguments)
        except Exception as error:
            self._report(error)

    def _report(self, error: BaseException) -> None:
        message = f"exception in an SMPP handler or callback: {type(error).__name__}"
        self._loop.call_exception_handler({"message": message, "exception": error, "protocol": self})

    # Waiting for the window

    async def _wait_window(self, timeout_s: float | None) -> None:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await asyncio.wait_for(waiter, timeout_s)
        except TimeoutError:
            raise WindowFull(self.settings.session.window) from None
        finally:
            with suppress(ValueError):
                self._waiters.remove(waiter)

    def _wake_waiters(self) -> None:
        free = self.window_free
        while self._waiters and free > 0:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1


_DISPATCH: dict[type[Event], Callable[[SmppConnection, Any], None]] = {
    RequestReceived: SmppConnection._on_request,
    BindRequested: SmppConnection._on_bind,
    RequestFailed: SmppConnection._on_failure,
    LateResponseReceived: SmppConnection._on_late,
    SessionBound: SmppConnection._on_bound,
    BindRefused: SmppConnection._on_refused,
    SessionClosed: SmppConnection._on_closed,
    AlertReceived: SmppConnection._on_alert,
    OutbindReceived: SmppConnection._on_outbind,
    ProtocolViolated: SmppConnection._on_violation,
    PeerHeard: SmppConnection._on_heard,
    UnbindReceived: SmppConnection._ignore,
    UnknownResponseReceived: SmppConnection._ignore,
}


def _limit_unsent(transport: asyncio.Transport, limit_bytes: int) -> None:
    """Let the system, too, keep at most so much that the peer does not take; its own limit is megabytes."""
    sock = transport.get_extra_info("socket")
    if sock is not None and _TCP_NOTSENT_LOWAT is not None:
        with suppress(OSError):  # reset meanwhile
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, limit_bytes)


def _resolve(future: "asyncio.Future[Pdu]", outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, Pdu):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
