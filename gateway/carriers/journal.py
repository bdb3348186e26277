"""What mock carriers owe, made durable before they acknowledge it, and taken up again after a restart.

    journal.keep(row)              # an intent of `tables`; all of one turn of the loop are one unit
    journal.then(answer)           # called with True once everything before it is durable, False if not

What is answered leaves in the order it was decided in: an answer waits for those before it. A commit that
runs lets the next unit gather; no text costs a task or a transaction of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, select

from gateway.carriers import tables
from gateway.runtime.clock import WorldClock
from gateway.runtime.database import Database, DatabaseError
from gateway.runtime.log import get_logger

Answer = Callable[[bool], None]
_KEYS_REMEMBERED: Final = 20_000

_log = get_logger("carriers")


class Window(NamedTuple):
    """Whose use of which cap."""

    carrier: str
    kind: str
    key: str


class Stored(NamedTuple):
    """What a carrier left when its process ended: rows of `tables`, oldest first."""

    texts: list[Row[Any]]
    inbound: list[Row[Any]]
    windows: list[Row[Any]]
    binds: list[Row[Any]]

    @property
    def ordinal(self) -> int:
        """How many binds it had counted."""
        return self.binds[0].ordinal if self.binds else 0


def _read(connection: Connection) -> dict[str, Stored]:
    """Read what all carriers left, in one go."""
    left: dict[str, Stored] = {}
    keyed = ((tables.texts, "id"), (tables.inbound, "id"), (tables.windows, "key"), (tables.binds, "carrier"))
    for place, (table, key) in enumerate(keyed):
        for row in connection.execute(select(table).order_by(table.c[key])):
            left.setdefault(row.carrier, Stored([], [], [], []))[place].append(row)
    return left


class Journal:
    """Gathers what the carriers of one process keep, and commits it together."""

    def __init__(self, database: Database, clock: WorldClock, new_id: Callable[[], int]) -> None:
        self.new_id = new_id
        self._database, self._clock = database, clock
        self._intents: list[Any] = []
        self._answers: list[Answer] = []
        self._uses: dict[Window, tuple[int, int]] = {}
        self._ordinals: dict[str, int] = {}
        self._stored_windows: dict[Window, int] = {}
        self._stored_carriers: set[str] = set()
        self._left: dict[str, Stored] | None = None
        self._gathering = False
        self._outstanding = 0
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether nothing waits: an answer may leave at once."""
        return not self._gathering and not self._outstanding

    def problems(self) -> list[str]:
        """Say why nothing can be kept now; empty while all is well."""
        return self._database.problems()

    def keep(self, intent: Any) -> None:
        """Store an intent with all else of this turn of the loop."""
        self._intents.append(intent)
        self._gather()

    def then(self, answer: Answer) -> None:
        """Call `answer` once everything kept before is settled: with True where it is durable."""
        self._answers.append(answer)
        self._gather()

    def use(self, carrier: str, kind: str, key: str, end_ns: int, segments: int) -> None:
        """Keep what a key has used by now of the window that ends at `end_ns`."""
        self._uses[Window(carrier, kind, key)] = end_ns, segments
        self._gather()

    def count_bind(self, carrier: str, ordinal: int) -> None:
        """Keep how many binds a carrier has counted."""
        self._ordinals[carrier] = ordinal
        self._gather()

    async def settled(self) -> None:
        """Wait until everything kept before is durable; raises `OSError` where it is not."""
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.then(lambda durable: None if waiting.done() else waiting.set_result(durable))
        if not await waiting:
            raise OSError("the carriers' journal could not be written")

    async def load(self, carrier: str) -> Stored:
        """Return what a carrier left, once; windows that are over are forgotten."""
        if self._left is None:
            self._left = await self._database.read(_read)
        left = self._left.pop(carrier, None) or Stored([], [], [], [])
        now_ns = self._clock.now_ns()
        self._stored_carriers.update(row.carrier for row in left.binds)
        for row in left.windows:
            window = Window(row.carrier, row.kind, row.key)
            if row.end_ns > now_ns:
                self._stored_windows[window] = row.end_ns
            else:
                self.keep(tables.DeleteWindow(*window))
        return left

    async def close(self) -> None:
        """Wait for what is under way, and keep nothing from here on."""
        self._closed = True
        if not self.idle:
            waiting = asyncio.get_running_loop().create_future()
            self._answers.append(lambda _: waiting.set_result(None))
            self._schedule()
            await waiting

    # --- commits --------------------------------------------------------------------------------------------

    def _gather(self) -> None:
        if not self._gathering and not self._closed:
            self._schedule()

    def _schedule(self) -> None:
        if not self._gathering:
            self._gathering = True
            self._clock.begin()
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        answers, self._answers = self._answers, []
        unit, self._intents = self._intents, []
        if self._uses:
            unit += self._swept()
            unit += map(self._window_write, self._uses.items())
            self._uses.clear()
        if self._ordinals:
            unit += map(self._binds_write, self._ordinals.items())
            self._ordinals.clear()
        self._gathering = False
        self._outstanding += 1  # after the sweep, which looks at what is under way
        try:
            stored = self._database.write(*unit)
        except DatabaseError as error:
            _log.error("journal not written", error=type(error).__name__)
            asyncio.get_running_loop().call_soon(self._settle, answers, False)
        else:
            stored.add_done_callback(partial(self._on_stored, answers))

    def _on_stored(self, answers: list[Answer], stored: asyncio.Future[None]) -> None:
        error = None if stored.cancelled() else stored.exception()
        if error is not None:
            _log.error("journal not written", error=type(error).__name__)
        self._settle(answers, error is None and not stored.cancelled())

    def _settle(self, answers: list[Answer], durable: bool) -> None:
        self._outstanding -= 1
        try:
            for answer in answers:
                try:
                    answer(durable)
                except Exception:
                    _log.exception("answer failed")
        finally:
            self._clock.end()

    def _window_write(self, use: tuple[Window, tuple[int, int]]) -> NamedTuple:
        window, (end_ns, segments) = use
        known = window in self._stored_windows
        self._stored_windows[window] = end_ns
        if known:
            return tables.ChangeWindow(end_ns, segments, *window)
        return tables.InsertWindow(*window, end_ns, segments)

    def _binds_write(self, count: tuple[str, int]) -> NamedTuple:
        carrier, ordinal = count
        if carrier in self._stored_carriers:
            return tables.ChangeBinds(ordinal, carrier)
        self._stored_carriers.add(carrier)
        return tables.InsertBinds(carrier, ordinal)

    def _swept(self) -> list[NamedTuple]:
        """Forget keys whose windows are over; only while nothing under way can touch their rows."""
        if self._outstanding or len(self._stored_windows) < _KEYS_REMEMBERED:
            return []
        now_ns = self._clock.now_ns()
        over = [key for key, end_ns in self._stored_windows.items() if end_ns <= now_ns]
        for window in over:
            del self._stored_windows[window]
        return [tables.DeleteWindow(*window) for window in over]
