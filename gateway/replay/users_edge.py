"""The texts of a capture written by people: `POST /v1/messages` to a gateway, each followed to its end.

A refusal by HTTP counts as a refusal on the wire; the state a text ends in counts as its receipt. A gateway
of our own in this process tells ends itself, and shares the clock: its world (`Pace`) only moves on when
nothing is under way. Any other gateway is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

import aiohttp

from gateway.carriers.address import e164
from gateway.replay.errors import TargetInvalid
from gateway.replay.esme_edge import last_answers
from gateway.replay.pace import Pace
from gateway.replay.player import EsmePlayer, SendRequest
from gateway.replay.remembered import Remembered
from gateway.replay.texts import text_of
from gateway.runtime.clock import SECOND_NS, WorldClock
from gateway.runtime.log import get_logger
from gateway.smpp.constants import CommandStatus, MessageState
from gateway.smpp.pdu import SubmitSm

FINAL: Final = {
    "delivered": MessageState.DELIVERED,
    "undeliverable": MessageState.UNDELIVERABLE,
    "expired": MessageState.EXPIRED,
    "rejected": MessageState.REJECTED,
    "unknown": MessageState.UNKNOWN,
    "deleted": MessageState.DELETED,
}
_STATUS: Final = {429: CommandStatus.RTHROTTLED, 503: CommandStatus.RMSGQFUL}
_HEALTH: Final = (200, 503)
_FIRST_LOOK_S, _MOST_S = 0.1, 2.0
MAX_FOLLOWED: Final = 10_000
"""Texts asked about at a time; beyond, the one that was written first is given up."""

_log = get_logger("replay")


class OwnGateway(Protocol):
    """A gateway that runs in this process."""

    @property
    def url(self) -> str:
        """Base of its API."""

    def on_end(self, listener: Callable[[str, str, int], None]) -> None:
        """Call `listener(id, state, at_ns)` whenever a text has reached its final state."""


OpenGateway = Callable[..., AbstractAsyncContextManager[OwnGateway]]
"""(folder, *overrides, config=path, clock=clock) -> a running gateway; `gateway.testing.running_gateway`."""


class UsersEdge:
    """Runs one player of whole texts against the API at `url`."""

    def __init__(
        self,
        player: EsmePlayer,
        clock: WorldClock,
        url: str,
        token: str,
        *,
        as_fast: bool = False,
        pace: Pace | None = None,
        grace_s: float = 30.0,
        connections: int = 50,
    ) -> None:
        self.player = player
        self.clock = clock
        self.moved = asyncio.Event()
        self.stopping = False
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._as_fast = as_fast
        self._pace = pace
        self._grace_s = grace_s
        self._connections = connections
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._told = False
        self._numbers: Remembered[str, int] = Remembered()
        self._early: Remembered[str, tuple[str, int]] = Remembered(1_000)

    def listen_to(self, gateway: OwnGateway) -> None:
        """Hear of ends from the gateway itself instead of asking."""
        self._told = True
        gateway.on_end(self._on_end)

    def stop(self) -> None:
        """Write nothing more; what was sent is followed for a while. Called again, or at the end: no more."""
        if self.stopping or self.player.exhausted:
            self._grace_s = 0.0
        self.stopping = True
        self.moved.set()
        if self._pace is not None:
            self._pace.hurry()

    async def run(self, ledger_open: Callable[[], int]) -> None:
        """Play to the end.

        Raises `aiohttp.ClientError` if nobody answers, `TargetInvalid` if who answers is no gateway: its
        `/healthz` says 200, or 503 while it starts or drains.
        """
        connector = aiohttp.TCPConnector(limit=self._connections)
        async with aiohttp.ClientSession(headers=self._headers, connector=connector) as session:
            async with session.get(self._url + "/healthz") as response:
                if response.status not in _HEALTH:
                    raise TargetInvalid(self._url, f"a gateway; its /healthz answers {response.status}")
            if self._pace is not None:
                await self._run_discrete(session, self._pace, ledger_open)
                return
            await self._send_all(session)
            begun_ns = self.clock.now_ns()
            while self._tasks or ledger_open():
                deadline_ns = begun_ns + int(self._grace_s * SECOND_NS)
                if self.clock.now_ns() >= deadline_ns:
                    break
                await self._wait(deadline_ns)
            if self.stopping:
                await last_answers(self.player, self.moved)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run_discrete(
        self, session: aiohttp.ClientSession, pace: Pace, ledger_open: Callable[[], int]
    ) -> None:
        player, clock = self.player, self.clock
        while not self.stopping and not player.exhausted:
            due_ns = player.next_due_ns()
            if due_ns is not None:
                await pace.move_to(max(due_ns, clock.now_ns()))
                if self.stopping:
                    break
            commands = player.due(clock.now_ns())
            for command in commands:
                if isinstance(command, SendRequest):
                    await self._text(session, command)
            if due_ns is None and not commands:
                break
        await pace.wait_out(self._grace_s, ledger_open)

    async def _send_all(self, session: aiohttp.ClientSession) -> None:
        player, clock = self.player, self.clock
        for number, message_id in player.restored.items():
            self._keep(self._follow(session, number, message_id))
        while not self.stopping and not player.exhausted:
            self.moved.clear()
            commands = player.due(None if self._as_fast else clock.now_ns())
            for command in commands:
                if isinstance(command, SendRequest):
                    self._spawn(session, command)
            if not commands and not player.exhausted:
                await self._wait(None if self._as_fast else player.next_due_ns())

    async def _wait(self, due_ns: int | None) -> None:
        timer = None if due_ns is None else self.clock.call_at(due_ns, self.moved.set)
        try:
            await self.moved.wait()
        finally:
            self.moved.clear()
            if timer is not None:
                timer.cancel()

    def _spawn(self, session: aiohttp.ClientSession, command: SendRequest) -> None:
        self._keep(self._text(session, command))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[task] = None
        task.add_done_callback(self._done)
        if len(self._tasks) > MAX_FOLLOWED:  # the oldest has had its time
            next(iter(self._tasks)).cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self.moved.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("text failed", error=type(error).__name__)

    async def _text(self, session: aiohttp.ClientSession, command: SendRequest) -> None:
        number, pdu = command.number, command.pdu
        if not isinstance(pdu, SubmitSm):
            self.player.failed(number)
            return
        body = {
            "from": e164(pdu.source_addr, pdu.source_addr_ton),
            "to": e164(pdu.destination_addr, pdu.dest_addr_ton),
            "text": text_of(pdu),
        }
        self.player.sending(number, self.clock.now_ns())
        try:
            async with session.post(self._url + "/v1/messages", json=body) as response:
                document: Any = await response.json()
                status = response.status
        except aiohttp.ClientError:
            self.player.failed(number)
            raise
        now_ns = self.clock.now_ns()
        if status != 202:
            code = str((document.get("errors") or [{}])[0].get("code", status))
            wire = int(_STATUS.get(status, CommandStatus.RSUBMITFAIL))
            self.player.answered(number, wire, "", now_ns, code)
            self.moved.set()
            return
        message_id = str(document["id"])
        self.player.answered(number, 0, message_id, now_ns)
        self.moved.set()
        if not self._told:
            await self._follow(session, number, message_id)
            return
        self._numbers[message_id] = number
        early = self._early.pop(message_id, None)
        if early is not None:
            self._on_end(message_id, *early)

    def _on_end(self, message_id: str, state: str, at_ns: int) -> None:
        number, final = self._numbers.pop(message_id, 0), FINAL.get(state)
        if final is None:
            return
        if not number:  # the answer to its POST has not been read yet
            self._early[message_id] = state, at_ns
            return
        self.player.told(number, final, at_ns)
        self.moved.set()

    async def _follow(self, session: aiohttp.ClientSession, number: int, message_id: str) -> None:
        pause_s = _FIRST_LOOK_S
        while True:
            await asyncio.sleep(pause_s)
            async with session.get(f"{self._url}/v1/messages/{message_id}") as response:
                document: Any = await response.json()
            state = FINAL.get(str(document.get("state")))
            if state is not None:
                self.player.told(number, state, self.clock.now_ns())
                return
            pause_s = min(_MOST_S, pause_s * 1.5)
