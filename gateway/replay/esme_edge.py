"""The recorded ESME played against a target: binds, sends in captured time, listens.

The world's clock begins with the capture and runs at the speed asked for. With a carrier of our own in the
same process (`Pace`) the world only moves on when nothing is under way, and requests go out one by one: the
same capture gives the same octets, decisions and report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from gateway.replay.pace import Pace
from gateway.replay.player import CloseLink, Command, EsmePlayer, OpenLink, SendRequest
from gateway.runtime.clock import SECOND_NS, WorldClock
from gateway.runtime.log import get_logger
from gateway.smpp.aio import SmppConnection, SmppHandler
from gateway.smpp.errors import BindFailed, LocalProtocolError, WindowFull
from gateway.smpp.pdu import BindReceiver, BindTransceiver, Pdu, response_to

Connect = Callable[[int, SmppHandler], Awaitable[SmppConnection]]
"""(command_id of the bind, handler) -> a bound connection."""
_FULL_WAIT_S: Final = 0.002
_LAST_ANSWERS_S: Final = 1.0
_RECEIVER: Final = int(BindReceiver.command_id)
_TRANSCEIVER: Final = int(BindTransceiver.command_id)

_log = get_logger("replay")


async def last_answers(player: EsmePlayer, moved: asyncio.Event) -> None:
    """Wait a little: what was sent just before a stop has an answer under way, and is not unanswered."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_ANSWERS_S):
            while player.outstanding:
                moved.clear()
                await moved.wait()


class _Listening(SmppHandler):
    """Hands what the target sends to the player, and accepts it."""

    def __init__(self, edge: EsmeEdge) -> None:
        self._edge = edge

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu:
        del connection
        self._edge.player.received(pdu, self._edge.clock.now_ns())
        self._edge.moved.set()
        return response_to(pdu)


class EsmeEdge:
    """Runs one player. `as_fast`: without regard to captured time, as windows allow.

    `pace`: the target is in this process, on the same clock, which is moved in steps.
    """

    def __init__(
        self,
        player: EsmePlayer,
        clock: WorldClock,
        connect: Connect,
        *,
        pace: Pace | None = None,
        as_fast: bool = False,
        grace_s: float = 30.0,
    ) -> None:
        self.player = player
        self.clock = clock
        self.moved = asyncio.Event()
        self.stopping = False
        self._connect = connect
        self._pace = pace
        self._as_fast = as_fast
        self._grace_s = grace_s
        self._links: dict[int, SmppConnection] = {}
        self._kinds: dict[int, int] = {}
        self._idle: dict[int, list[SmppConnection]] = {}
        self._all: list[SmppConnection] = []

    def stop(self) -> None:
        """Send nothing more; what is under way may end. Once everything was sent, or again: wait no more."""
        if self.stopping or self.player.exhausted:
            self._grace_s = 0.0
        self.stopping = True
        self.moved.set()
        if self._pace is not None:
            self._pace.hurry()

    async def run(self, ledger_open: Callable[[], int]) -> None:
        """Play to the end; `ledger_open` says how many messages wait for something.

        Raises `OSError` and `BindFailed` where the target cannot be bound to.
        """
        try:
            if self._pace is not None:
                await asyncio.ensure_future(
                    self._run_discrete(self._pace, ledger_open)
                )  # a task: its awaits stay shallow
            else:
                await self._run_live(ledger_open)
        finally:
            await self._close()

    async def _run_discrete(self, pace: Pace, ledger_open: Callable[[], int]) -> None:
        player, clock = self.player, self.clock
        while not self.stopping and not player.exhausted:
            due_ns = player.next_due_ns()
            if due_ns is not None:
                await pace.move_to(max(due_ns, clock.now_ns()))
                if self.stopping:
                    break
            commands = player.due(clock.now_ns())
            for command in commands:
                await self._execute(command)
                await pace.move_to(clock.now_ns())
            if due_ns is None and not commands:
                break  # what is left waits for an answer that never came
        await pace.wait_out(self._grace_s, ledger_open)

    async def _run_live(self, ledger_open: Callable[[], int]) -> None:
        player, clock = self.player, self.clock
        while not self.stopping and not player.exhausted:
            self.moved.clear()
            commands = player.due(None if self._as_fast else clock.now_ns())
            for command in commands:
                await self._execute(command)
            if not commands and not player.exhausted:
                await self._wait(None if self._as_fast else player.next_due_ns())
        begun_ns = clock.now_ns()
        while player.outstanding or ledger_open():
            deadline_ns = begun_ns + int(self._grace_s * SECOND_NS)
            if clock.now_ns() >= deadline_ns:
                break
            self.moved.clear()
            await self._wait(deadline_ns)
        if self.stopping:
            await last_answers(player, self.moved)

    async def _wait(self, due_ns: int | None) -> None:
        """Until an answer has come, or the world is there."""
        timer = None if due_ns is None else self.clock.call_at(due_ns, self.moved.set)
        try:
            await self.moved.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _execute(self, command: Command) -> None:
        if isinstance(command, OpenLink):
            self._kinds[command.conversation] = command.command_id
            await self._link(command.conversation)
        elif isinstance(command, CloseLink):
            link = self._links.pop(command.conversation, None)
            kind = self._kinds.pop(command.conversation, _TRANSCEIVER)
            if link is not None and link.state.is_bound:
                self._idle.setdefault(kind, []).append(link)
        else:
            await self._send(command)

    async def _link(self, conversation: int) -> SmppConnection:
        """The conversation's connection: its own, one left over by another, or a new one."""
        link = self._links.get(conversation)
        if link is not None and link.state.is_bound:
            return link
        kind = self._kinds.get(conversation, _TRANSCEIVER)
        idle = [one for one in self._idle.get(kind, []) if one.state.is_bound]
        if idle:
            link = idle.pop()
            self._idle[kind] = idle
        else:
            link = await self._connect(kind, _Listening(self))
            self._all.append(link)
        self._links[conversation] = link
        return link

    async def _send(self, command: SendRequest) -> None:
        number = command.number
        if self._kinds.get(command.conversation) == _RECEIVER:
            self._kinds[command.conversation] = _TRANSCEIVER  # a receiver that submits: no bind was captured
            self._links.pop(command.conversation, None)
        while True:
            self.clock.begin()  # before: in memory the answer comes inside the call
            try:
                link = await self._link(command.conversation)
                self.player.sending(number, self.clock.now_ns())
                link.submit_nowait(command.pdu, self._on_response, number)
            except WindowFull:
                self.clock.end()
                await asyncio.sleep(_FULL_WAIT_S)
                continue
            except (LocalProtocolError, BindFailed, OSError) as error:
                self.clock.end()
                _log.warning("request not sent", message=number, error=type(error).__name__)
                self.player.failed(number)
            return

    def _on_response(self, number: Any, outcome: Any) -> None:
        self.clock.end()
        if isinstance(outcome, Pdu):
            message_id = str(getattr(outcome, "message_id", ""))
            self.player.answered(number, outcome.command_status, message_id, self.clock.now_ns())
        else:
            self.player.failed(number)
        self.moved.set()

    async def _close(self) -> None:
        for link in self._all:
            if link.state.is_bound:
                await link.unbind(0.0)
            else:
                link.close()
