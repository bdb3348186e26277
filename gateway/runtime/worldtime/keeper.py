"""Keeps the world's time in the database, and takes it up at the start.

One row per node. It is written at every jump (before what falls due on the way is), change of speed and
freeze, and at the end; where the world runs at another pace than the machine, every second too, with the
moment that it cannot have passed by the next note. So no stored moment lies beyond the row, not even after
`kill -9`.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from gateway.runtime.clock import MAX_NS, SECOND_NS, WorldClock
from gateway.runtime.database import Database
from gateway.runtime.errors import DatabaseError
from gateway.runtime.intents import writes
from gateway.runtime.lifecycle import BasePart
from gateway.runtime.log import get_logger
from gateway.runtime.settings import ClockSettings
from gateway.runtime.worldtime.mark import Mark, begin_ns, configured_as, taken_up

WORLD_TIME = "gateway.runtime.worldtime"
"""The package whose migrations make the table."""
NOTE_EVERY_S = 1.0
"""Real time between two notes of a world that runs at its own pace."""
_AHEAD_NS = round(2 * NOTE_EVERY_S * SECOND_NS)

metadata = MetaData()
world_time = Table(
    "world_time",
    metadata,
    Column("node", Integer, primary_key=True, autoincrement=False),
    Column("world_ns", BigInteger, nullable=False),
    Column("machine_ns", BigInteger, nullable=False),
    Column("mode", String(8), nullable=False),
    Column("speed", Float, nullable=False),
    Column("configured", String(80), nullable=False),
)

_log = get_logger("clock")


@writes(
    insert(world_time).values(
        node=bindparam("node"),
        world_ns=bindparam("world_ns"),
        machine_ns=bindparam("machine_ns"),
        mode=bindparam("mode"),
        speed=bindparam("speed"),
        configured=bindparam("configured"),
    )
)
class InsertMark(NamedTuple):
    """The first note of a node."""

    node: int
    world_ns: int
    machine_ns: int
    mode: str
    speed: float
    configured: str


@writes(
    update(world_time)
    .where(world_time.c.node == bindparam("of_node"))
    .values(
        world_ns=bindparam("world_ns"),
        machine_ns=bindparam("machine_ns"),
        mode=bindparam("mode"),
        speed=bindparam("speed"),
        configured=bindparam("configured"),
    ),
    rank=1,
)
class UpdateMark(NamedTuple):
    """Every further one."""

    world_ns: int
    machine_ns: int
    mode: str
    speed: float
    configured: str
    of_node: int


class WorldTime(BasePart):
    """The world's time as a part of a service: the first one, and so the last to stop."""

    def __init__(
        self,
        clock: WorldClock,
        database: Database,
        settings: ClockSettings,
        *,
        node: int = 0,
        machine_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._clock = clock
        self._database = database
        self._settings = settings
        self._configured = configured_as(settings)
        self._node = node
        self._machine_ns = machine_ns
        self._known = False
        self._latest: asyncio.Future[None] | None = None
        self._next_note: asyncio.TimerHandle | None = None
        self._leave: list[Callable[[], None]] = []

    async def take_up(self) -> None:
        """Set the clock to where the world was; before anything reads it."""
        query = select(*(world_time.c[name] for name in Mark._fields)).where(world_time.c.node == self._node)
        row = await self._database.fetch_one(query)
        self._known = row is not None
        mark = None if row is None else Mark._make(row)
        machine_ns = self._machine_ns()
        course = taken_up(mark, self._settings, machine_ns)
        if course is not None:
            self._clock.take_up(course.world_ns, course.mode, course.speed)
        if mark is not None:
            self._tell(mark, machine_ns, continues=course is not None)

    async def start(self) -> None:
        """Note where the world is, and every change from now on."""
        self._leave = [
            self._clock.on_jump(self._note_jump),
            self._clock.on_change(self._note),
        ]
        self._note()
        self._note_again()

    async def stop(self) -> None:
        """Note where it ends."""
        for leave in self._leave:
            leave()
        if self._next_note is not None:
            self._next_note.cancel()
        try:
            await self._write(self._clock.now_ns(), self._clock.mode)
        except DatabaseError as error:
            _log.error("world time not noted", error=type(error).__name__)

    async def durable(self) -> None:
        """Wait until the latest note is durable. Raises the database's errors."""
        if self._latest is not None:
            await asyncio.shield(self._latest)

    def _note_again(self) -> None:
        if self._ahead_ns():
            self._note()
        self._next_note = asyncio.get_running_loop().call_later(NOTE_EVERY_S, self._note_again)

    def _note_jump(self, target_ns: int) -> None:
        # Said before it happens, so before anything that falls due on the way is stored.
        self._note_at(target_ns, "scaled" if self._clock.mode == "system" else self._clock.mode)

    def _note(self) -> None:
        self._note_at(self._clock.now_ns(), self._clock.mode)

    def _note_at(self, world_ns: int, mode: str) -> None:
        try:
            self._latest = self._write(world_ns + self._ahead_ns(), mode)
        except DatabaseError as error:  # overloaded: the next note says it all
            _log.warning("world time not noted", error=type(error).__name__)
        else:
            self._latest.add_done_callback(_told)

    def _ahead_ns(self) -> int:
        clock = self._clock
        own_pace = clock.mode == "scaled" and clock.speed != 1.0
        return round(_AHEAD_NS * clock.speed) if own_pace else 0

    def _write(self, world_ns: int, mode: str) -> asyncio.Future[None]:
        mark = Mark(min(world_ns, MAX_NS), self._machine_ns(), mode, self._clock.speed, self._configured)
        if self._known:
            return self._database.write(UpdateMark(*mark, self._node))
        self._known = True
        return self._database.write(InsertMark(self._node, *mark))

    def _tell(self, mark: Mark, machine_ns: int, *, continues: bool) -> None:
        clock, settings = self._clock, self._settings
        reached_ns, begins_ns = mark.reached_ns(machine_ns), begin_ns(settings, machine_ns)
        told = {"at": _moment(clock.now_ns()), "mode": clock.mode, "speed": clock.speed}
        if not continues:
            if reached_ns > begins_ns and not settings.resume:
                _log.warning("the world begins anew, behind what is stored", was=_moment(reached_ns), **told)
            return
        _log.info("the world continues", **told)
        if settings.start is not None and mark.configured != self._configured:
            _log.warning(
                "clock.start lies behind what is stored and is passed over; for a world that begins anew: "
                "another storage.folder, or clock.resume=false",
                start=_moment(begins_ns),
            )


def _told(note: asyncio.Future[None]) -> None:
    error = None if note.cancelled() else note.exception()
    if error is not None:
        _log.error("world time not noted", error=type(error).__name__)


def _moment(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
