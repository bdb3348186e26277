"""The recorded SMSC played for an ESME under test: listens, answers, sends receipts and inbound texts.

The world begins with the first bind. Binds are accepted with any name and password unless `account` names
one; without it only loopback is listened on.
"""

from __future__ import annotations

import asyncio
import hmac
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from gateway.replay.carrier_player import CarrierPlayer, Deliver
from gateway.replay.errors import TargetInvalid
from gateway.runtime.clock import TimerHandle, WorldClock
from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppHandler, SmppServer, serve
from gateway.smpp.constants import CommandStatus
from gateway.smpp.errors import LocalProtocolError
from gateway.smpp.events import SessionClosed
from gateway.smpp.matrix import SessionState
from gateway.smpp.pdu import Bind, DataSm, Pdu, SubmitMulti, SubmitSm, response_to
from gateway.smpp.session import SessionSettings

_RECEIVING = frozenset({SessionState.BOUND_RX, SessionState.BOUND_TRX})
_LAST_ANSWERS_S: Final = 1.0
"""How long a stopped replay waits for answers to what it has sent."""


class _Owed(NamedTuple):
    """A submit whose answer takes as long as it was recorded to."""

    connection: SmppConnection
    request: Pdu
    response: Pdu
    timer: TimerHandle


class _Bound(SmppHandler):
    """One ESME's bind."""

    def __init__(self, edge: CarrierEdge) -> None:
        self._edge = edge

    def on_bind(self, connection: SmppConnection, pdu: Bind) -> Pdu:
        del connection
        return self._edge.authenticate(pdu)

    def on_bound(self, connection: SmppConnection) -> None:
        self._edge.bound(connection)

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu | None:
        return self._edge.take(connection, pdu)

    def on_closed(self, connection: SmppConnection, closed: SessionClosed) -> None:
        del closed
        self._edge.unbound(connection)


class CarrierEdge:
    """Runs one player; ends when all was done, or `idle_s` real seconds after the last sign of the ESME."""

    def __init__(
        self,
        player: CarrierPlayer,
        clock: WorldClock,
        *,
        speed: float = 1.0,
        as_fast: bool = False,
        account: tuple[str, str] | None = None,
        idle_s: float = 30.0,
        window: int = 100,
    ) -> None:
        self.player = player
        self.clock = clock
        self._speed = 1.0 if as_fast else speed
        self._as_fast = as_fast
        self._account = account
        self._idle_s = idle_s
        self._settings = ConnectionSettings(session=SessionSettings(window=window))
        self._moved = asyncio.Event()
        self._receivers: list[SmppConnection] = []
        self._queue: list[Deliver] = []
        self._begun = False
        self._stopping = False
        self._outstanding = 0
        self._owed: dict[int, _Owed] = {}
        self._server: SmppServer | None = None

    @property
    def port(self) -> int:
        """Where it listens, once `start` has returned."""
        assert self._server is not None, "start first"  # noqa: S101
        return self._server.port

    async def start(self, host: str, port: int) -> None:
        """Listen; raises `OSError`, and `TargetInvalid` for an open address without an account."""
        if self._account is None and not _is_loopback(host):
            raise TargetInvalid(host, "loopback, or --account NAME:PASSWORD that ESMEs have to bind with")
        self._server = await serve(
            host, port, handler_factory=lambda _: _Bound(self), settings=self._settings
        )

    def stop(self) -> None:
        """Send nothing more; what is owed is answered at once."""
        self._stopping = True
        self._moved.set()

    async def run(self) -> None:
        """Serve until everything was done, or nobody asks for more."""
        loop = asyncio.get_running_loop()
        last = loop.time()
        try:
            while not self._stopping:
                self._moved.clear()
                if self._begun:
                    self._deliver()
                if (
                    self._begun
                    and self.player.exhausted
                    and not (self._queue or self._outstanding or self._owed)
                ):
                    break
                if await self._wait() or not self._begun or self._is_paced():
                    last = loop.time()
                elif loop.time() - last >= self._idle_s:
                    break
        finally:
            for number in list(self._owed):
                self._answer(number)
            if self._server is not None:
                await self._server.close(_LAST_ANSWERS_S)

    def authenticate(self, pdu: Bind) -> Pdu:
        """Accept a bind, or refuse its name or password."""
        if self._account is not None:
            name, password = self._account
            if not hmac.compare_digest(pdu.system_id.encode(), name.encode()):
                return response_to(pdu, CommandStatus.RINVSYSID)
            if not hmac.compare_digest(pdu.password.encode(), password.encode()):
                return response_to(pdu, CommandStatus.RINVPASWD)
        return response_to(pdu, system_id="replay")

    def bound(self, connection: SmppConnection) -> None:
        """An ESME is there; with the first one the capture's time begins."""
        if connection.state in _RECEIVING:
            self._receivers.append(connection)
        if not self._begun:
            self._begun = True
            self.clock.set_speed(self._speed)
        self._moved.set()

    def unbound(self, connection: SmppConnection) -> None:
        """It is gone."""
        if connection in self._receivers:
            self._receivers.remove(connection)

    def take(self, connection: SmppConnection, pdu: Pdu) -> Pdu | None:
        """Answer a request of the ESME, now or as long after as it was recorded."""
        if not isinstance(pdu, SubmitSm | DataSm | SubmitMulti):
            return response_to(pdu, CommandStatus.RINVCMDID)
        now_ns = self.clock.now_ns()
        reply = self.player.submitted(pdu, now_ns)
        self._moved.set()
        if self._as_fast or self._stopping or not reply.after_ns:
            return reply.response
        timer = self.clock.call_at(now_ns + reply.after_ns, self._answer, reply.number)
        self._owed[reply.number] = _Owed(connection, pdu, reply.response, timer)
        return None

    def _answer(self, number: int) -> None:
        owed = self._owed.pop(number)
        owed.timer.cancel()
        owed.connection.respond(owed.request, owed.response)
        self._moved.set()

    def _deliver(self) -> None:
        """Send what is due, in order, as far as receivers have room."""
        self._queue += self.player.due(None if self._as_fast else self.clock.now_ns())
        sent = 0
        for deliver in self._queue:
            receiver = next((one for one in self._receivers if one.window_free), None)
            if receiver is None:
                break
            sent += 1
            pdu = self.player.sending(deliver, self.clock.now_ns())
            try:
                receiver.submit_nowait(pdu, self._on_response, deliver.number)
            except LocalProtocolError:
                continue
            self._outstanding += 1
        del self._queue[:sent]

    def _on_response(self, number: Any, outcome: Any) -> None:
        self._outstanding -= 1
        if isinstance(outcome, Pdu):
            self.player.answered(number, outcome.command_status, self.clock.now_ns())
        self._moved.set()

    def _is_paced(self) -> bool:
        """Whether captured time itself will bring more."""
        return not self._as_fast and bool(self._receivers) and self.player.next_due_ns() is not None

    async def _wait(self) -> bool:
        """Until something moves; False if nothing did for a while."""
        due_ns = self.player.next_due_ns() if self._begun and not self._as_fast else None
        timer = None if due_ns is None else self.clock.call_at(due_ns, self._moved.set)
        try:
            async with asyncio.timeout(min(1.0, self._idle_s)):
                await self._moved.wait()
        except TimeoutError:
            return False
        finally:
            if timer is not None:
                timer.cancel()
        return True


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
