"""What waits to be delivered to one ESME account: receipts and inbound texts, in order, over any of its
receivers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Final

from gateway.smpp.aio import SmppConnection
from gateway.smpp.constants import CommandStatus
from gateway.smpp.errors import LocalProtocolError
from gateway.smpp.pdu import Pdu

_TRY_AGAIN: Final = frozenset(
    {CommandStatus.RMSGQFUL, CommandStatus.RTHROTTLED, CommandStatus.RX_T_APPN, CommandStatus.RSYSERR}
)
_RETRY_S: Final = 1.0
_MOST_TRIES: Final = 100


@dataclass(slots=True, eq=False)
class Delivery:
    """One deliver_sm, the connection it prefers or avoids, and how often it was tried."""

    pdu: Pdu
    prefer: SmppConnection | None = None
    avoid: SmppConnection | None = None
    tries: int = 0
    order: int = 0
    text: Any = None
    """The `TakenText` that a receipt is about."""
    key: int = 0
    """Of an inbound text's row in the journal; 0: it has none."""

    def __lt__(self, other: Delivery) -> bool:
        return self.order < other.order


class Mailbox:
    """The queue of one account.

    What a peer did not answer, or refused for now (0x14, 0x58, 0x08, 0x64), is sent again, first in line and
    after a second; what it refused for good is dropped and counted. `on_sent` and `on_settled` bracket each
    deliver_sm on the wire; `on_over` hears of each that was acknowledged or dropped.
    """

    def __init__(
        self,
        limit: int,
        on_sent: Callable[[], None],
        on_settled: Callable[[], None],
        on_over: Callable[[Delivery], None] | None = None,
    ) -> None:
        self._limit = limit
        self._waiting: deque[Delivery] = deque()
        self._returned: list[Delivery] = []  # a heap: what was sent in vain, in its old order
        self._order = 0
        self._receivers: list[SmppConnection] = []
        self._turn = 0
        self._on_sent, self._on_settled, self._on_over = on_sent, on_settled, on_over
        self._retry: asyncio.TimerHandle | None = None
        self.delivered = 0
        self.dropped = 0
        """Refused for good by the ESME, or pushed out of a full queue."""

    def __len__(self) -> int:
        return len(self._waiting) + len(self._returned)

    @property
    def receivers(self) -> int:
        """Connections that can take deliver_sm."""
        return len(self._receivers)

    def add_receiver(self, connection: SmppConnection) -> None:
        """A connection has bound as receiver or transceiver."""
        self._receivers.append(connection)
        self.pump()

    def remove_receiver(self, connection: SmppConnection) -> None:
        """A connection is gone; what it left unanswered has come back already."""
        if connection in self._receivers:
            self._receivers.remove(connection)

    def keep(self, limit: int) -> None:
        """Hold at most so many from now on."""
        self._limit = limit

    def put(self, delivery: Delivery) -> None:
        """Queue and, where possible, send."""
        self._order += 1
        delivery.order = self._order
        self._waiting.append(delivery)
        while len(self._waiting) > self._limit:
            self._drop(self._waiting.popleft())
        if self._retry is None:
            self.pump()

    def pump(self) -> None:
        """Send while a receiver has room."""
        waiting, returned = self._waiting, self._returned
        while returned or waiting:
            connection = self._receiver_for(returned[0] if returned else waiting[0])
            if connection is None:
                return
            delivery = heappop(returned) if returned else waiting.popleft()
            delivery.tries += 1
            self._on_sent()
            try:
                connection.submit_nowait(delivery.pdu, self._on_outcome, delivery)
            except LocalProtocolError:
                self._on_settled()
                self._drop(delivery)

    def close(self) -> None:
        """Stop retrying."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _receiver_for(self, delivery: Delivery) -> SmppConnection | None:
        receivers = self._receivers
        if len(receivers) == 1:
            return receivers[0] if receivers[0].window_free else None
        prefer = delivery.prefer
        if prefer is not None and prefer in receivers and prefer.window_free:
            return prefer
        free = [one for one in receivers if one.window_free]
        if not free:
            return None
        others = [one for one in free if one is not delivery.avoid] or free
        self._turn += 1
        return others[self._turn % len(others)]

    def _on_outcome(self, delivery: Delivery, outcome: Any) -> None:
        self._on_settled()
        if isinstance(outcome, Pdu) and outcome.command_status == 0:
            self.delivered += 1
            if self._on_over is not None:
                self._on_over(delivery)
        elif (
            isinstance(outcome, Pdu) and outcome.command_status not in _TRY_AGAIN
        ) or delivery.tries >= _MOST_TRIES:
            self._drop(delivery)
        else:
            heappush(self._returned, delivery)
            if isinstance(outcome, Pdu):
                self._pause()
                return
        if self._retry is None and (self._waiting or self._returned):
            self.pump()

    def _drop(self, delivery: Delivery) -> None:
        self.dropped += 1
        if self._on_over is not None:
            self._on_over(delivery)

    def _pause(self) -> None:
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(_RETRY_S, self._resume)

    def _resume(self) -> None:
        self._retry = None
        self.pump()
