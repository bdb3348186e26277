"""Where batches are gathered and committed: on a thread, or (SQLite) in a process of its own.

Both take units at any time, let the next batch gather while one commits, and hand all outcomes of a batch to
`complete` in one call on the loop. The process costs the interpreter nothing but packing the rows; on a
thread every row contends with the event loop for the interpreter.
"""

from __future__ import annotations

import asyncio
import marshal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol

from sqlalchemy.engine import Dialect

from gateway.runtime import errors
from gateway.runtime.batches import Faults, Group, Writer, store
from gateway.runtime.errors import DatabaseError, DatabaseUnavailable, StatementInvalid
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics
from gateway.runtime.sqlite_process import LENGTH, READY, pack
from gateway.runtime.statements import Compiled, compile_intent

MAX_UNITS_PER_COMMIT = 5_000
COMMIT_BUCKETS_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
BATCHES_IN_FLIGHT = 2
GATHER_S = 0.003
START_TIMEOUT_S = 15.0

Future = asyncio.Future[None]
Waiter = Future | tuple[Any, ...]
"""Who hears of a unit: a future, or the unit's own intents where nobody waits for it."""
Unit = tuple[tuple[Any, ...], Waiter]
Outcome = tuple[Waiter, "DatabaseError | None"]
Complete = Callable[[list[Outcome], bool], None]
"""Takes the outcomes of a batch, and whether the database was asked at all."""

_log = get_logger("database")


class BatchWriter(Protocol):
    """What `Database` writes through."""

    async def start(self) -> None:
        """Connect. Raises `DatabaseError`."""

    def put(self, unit: Unit) -> None:
        """Take one unit."""

    async def close(self) -> None:
        """Settle everything, then let go."""


class CommitMetrics:
    """What both writers count."""

    def __init__(self, metrics: Metrics) -> None:
        self.seconds = metrics.histogram(
            "gateway_commit_seconds", "How long a group commit took", buckets=COMMIT_BUCKETS_SECONDS
        )
        self.rows = metrics.counter("gateway_database_rows_total", "Rows handed to the database")


class Statements:
    """Intents' statements, compiled once, numbered in the order they were first seen.

    `fresh` lists (rank, SQL) of those that whoever clears it has not been told of.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[type[Any], tuple[int, Compiled]] = {}
        self.fresh: list[tuple[int, str]] = []

    def of(self, intent_type: type[Any]) -> tuple[int, Compiled]:
        """Return number and compiled statement. Raises `StatementInvalid`."""
        known = self._known.get(intent_type)
        if known is None:
            compiled = compile_intent(intent_type, self._dialect)
            known = self._known[intent_type] = (len(self._known), compiled)
            self.fresh.append((compiled.rank, compiled.sql))
        return known

    def forget(self) -> None:
        """Number everything anew, for a reader who knows nothing yet."""
        self._known.clear()
        self.fresh.clear()


Parts = dict[type[Any], tuple[int, Compiled, list[Any], list[int]]]


def gather(units: list[Unit], statements: Statements) -> tuple[Parts, Faults]:
    """Sort the rows of a batch by statement; units whose intents do not fit their statement are faults."""
    parts: Parts = {}
    faults: Faults = {}
    adds: dict[
        type[Any], tuple[Any, Any, Any]
    ] = {}  # of each part: how a row is built, kept, and whose it is
    for number, (intents, _) in enumerate(units):
        for intent in intents:
            kind = intent.__class__
            try:
                build, keep, count = adds[kind]
            except KeyError:
                try:
                    index, compiled = statements.of(kind)
                except StatementInvalid as fault:
                    faults[number] = fault
                    continue
                part = parts[kind] = (index, compiled, [], [])
                build, keep, count = adds[kind] = (
                    compiled.build_row or tuple,
                    part[2].append,
                    part[3].append,
                )
            try:
                keep(build(intent))
            except Exception as error:
                faults[number] = StatementInvalid(f"{kind.__name__}: {error}")
                continue
            count(number)
    return parts, faults


class ThreadWriter:
    """Commits on a thread of this process."""

    def __init__(self, writer: Writer, dialect: Dialect, complete: Complete, metrics: Metrics) -> None:
        self._writer = writer
        self._statements = Statements(dialect)
        self._complete = complete
        self._metrics = CommitMetrics(metrics)
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Unit | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)

    async def start(self) -> None:
        """See `BatchWriter.start`."""
        try:
            await self._loop.run_in_executor(None, self._writer.connect)
        except Exception as error:
            raise self._writer.explain(error) from error
        self._thread.start()

    def put(self, unit: Unit) -> None:
        """See `BatchWriter.put`."""
        self._queue.put(unit)

    async def close(self) -> None:
        """See `BatchWriter.close`."""
        if self._thread.is_alive():
            self._queue.put(None)
            await self._loop.run_in_executor(None, self._thread.join)
            await asyncio.sleep(0)  # the last outcomes were handed to the loop before the thread ended

    def _run(self) -> None:
        open_for_more = True
        while open_for_more:
            units, open_for_more = self._take()
            if units:
                outcomes, committed = self._store(units)
                self._loop.call_soon_threadsafe(self._complete, outcomes, committed)
        self._writer.close()

    def _take(self) -> tuple[list[Unit], bool]:
        units: list[Unit] = []
        for _ in range(min(max(self._queue.qsize(), 1), MAX_UNITS_PER_COMMIT)):
            unit = self._queue.get()
            if unit is None:
                return units, False
            units.append(unit)
        return units, True

    def _store(self, units: list[Unit]) -> tuple[list[Outcome], bool]:
        parts, faults = gather(units, self._statements)
        if faults:
            units, refused = _without(units, faults)
            outcomes, committed = self._store(units) if units else ([], False)
            return refused + outcomes, committed
        groups = [Group(part[1].rank, part[1].sql, part[2], part[3]) for part in parts.values()]
        if not groups:
            return [(future, None) for _, future in units], False
        began = time.perf_counter()
        faults = store(self._writer, groups, len(units))
        if _rows(parts):
            self._metrics.seconds.observe(time.perf_counter() - began)
            self._metrics.rows.inc(_stored_rows(parts, faults))
        return [(future, faults.get(number)) for number, (_, future) in enumerate(units)], True


class ProcessWriter(asyncio.Protocol):
    """Commits in a process of its own; see `sqlite_process` for the frames.

    Should that process die, what was under way fails with `DatabaseUnavailable`, and a new one is started.
    """

    def __init__(self, path: str, dialect: Dialect, complete: Complete, metrics: Metrics) -> None:
        self._path = path
        self._statements = Statements(dialect)
        self._complete = complete
        self._metrics = CommitMetrics(metrics)
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Unit] = []
        self._in_flight: list[tuple[list[Unit], int, bool]] = []
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._greeting: Future | None = None
        self._scheduled = False
        self._sent_at = 0.0
        self._restarting: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._closing = False

    async def start(self) -> None:
        """See `BatchWriter.start`."""
        ours, theirs = socket.socketpair()
        with theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            command = [
                sys.executable,
                "-m",
                "gateway.runtime.sqlite_process",
                str(theirs.fileno()),
                self._path,
            ]
            try:
                self._process = await self._loop.run_in_executor(None, _spawn, command, theirs.fileno())
            except BaseException:
                ours.close()
                raise
        self._greeting = self._loop.create_future()
        await self._loop.create_connection(lambda: self, sock=ours)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._greeting
        except TimeoutError:
            raise DatabaseUnavailable("the writing process does not start") from None

    def put(self, unit: Unit) -> None:
        """See `BatchWriter.put`."""
        self._waiting.append(unit)
        self._schedule()

    async def close(self) -> None:
        """See `BatchWriter.close`."""
        while self._waiting or self._in_flight:
            self._settled.clear()
            await self._settled.wait()
        self._closing = True
        if self._restarting is not None:
            await self._restarting
        if self._transport is not None:
            self._transport.close()
        if self._process is not None:
            await self._loop.run_in_executor(None, self._process.wait)

    def _send(self) -> None:
        self._scheduled = False
        if not self._waiting or self._restarting is not None:
            return
        if self._transport is None:
            self._restarting = self._loop.create_task(self._restart(), name="database writer")
            return
        units, self._waiting = self._waiting[:MAX_UNITS_PER_COMMIT], self._waiting[MAX_UNITS_PER_COMMIT:]
        parts, faults = gather(units, self._statements)
        frame = b"" if faults else self._frame(parts, len(units))
        if not frame:
            faults = faults or _unpackable(parts)
            units, refused = _without(units, faults)
            self._waiting[:0] = units
            self._settle(refused, committed=False)
            return
        self._in_flight.append((units, _rows(parts), bool(parts)))
        self._sent_at = self._loop.time()
        self._transport.write(frame)

    def _frame(self, parts: Parts, count: int) -> bytes:
        groups = [(index, rows, units) for index, _, rows, units in parts.values()]
        fresh = self._statements.fresh
        try:
            frame = pack((fresh, groups, count))
        except ValueError:
            for _, rows, _ in groups:
                rows[:] = [tuple(map(_plain, row)) for row in rows]
            try:
                frame = pack((fresh, groups, count))
            except ValueError:
                return b""
        fresh.clear()
        return frame

    async def _restart(self) -> None:
        try:
            if self._process is not None:  # it has let go of its end, and so is gone
                await self._loop.run_in_executor(None, self._process.wait)
            await self.start()
        except (DatabaseError, OSError) as error:  # it says so itself, or no process can be made
            fault = error if isinstance(error, DatabaseError) else DatabaseUnavailable(str(error))
            units, self._waiting = self._waiting, []
            self._settle([(future, fault) for _, future in units], committed=True)
        finally:
            self._restarting = None
            self._more()

    def _settle(self, outcomes: list[Outcome], *, committed: bool) -> None:
        self._complete(outcomes, committed)
        self._settled.set()
        self._more()

    def _more(self) -> None:
        if self._waiting:
            self._schedule()

    def _schedule(self) -> None:
        """Send soon: at once after a pause, else so that batches gather for `GATHER_S`.

        Every batch costs two wake-ups and a commit, and sets off a burst of answers and PDUs: under load
        fewer, larger ones leave more of the processor to the texts themselves.
        """
        if self._scheduled or len(self._in_flight) >= BATCHES_IN_FLIGHT:
            return
        self._scheduled = True
        wait_s = self._sent_at + GATHER_S - self._loop.time()
        if wait_s > 0:
            self._loop.call_later(wait_s, self._send)
        else:
            self._loop.call_soon(self._send)

    # What the process says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Take outcomes of batches, in the order they were sent."""
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            document = marshal.loads(self._buffer[LENGTH.size : end])  # noqa: S302 - from our own child
            del self._buffer[:end]
            self._told(*document)

    def connection_lost(self, error: Exception | None) -> None:
        """The process is gone."""
        self._transport = None
        self._buffer.clear()
        self._statements.forget()
        lost = DatabaseUnavailable("the writing process ended")
        if self._greeting is not None and not self._greeting.done():
            self._greeting.set_exception(lost)
        batches, self._in_flight = self._in_flight, []
        if batches:
            self._settle([(future, lost) for units, *_ in batches for _, future in units], committed=True)
        if not self._closing:
            _log.error("writing process ended")

    def _told(self, first: Any, second: Any) -> None:
        if self._greeting is not None and not self._greeting.done():
            if first == READY:
                self._greeting.set_result(None)
            else:
                self._greeting.set_exception(_fault(first, second))
            return
        units, rows, asked = self._in_flight.pop(0)
        faults = {number: _fault(name, detail) for number, name, detail in second}
        if rows:
            self._metrics.seconds.observe(first)
            self._metrics.rows.inc(max(rows - sum(len(units[number][0]) for number in faults), 0))
        outcomes = [(future, faults.get(number)) for number, (_, future) in enumerate(units)]
        self._settle(outcomes, committed=asked)


def _spawn(command: list[str], descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, pass_fds=[descriptor], stdin=subprocess.DEVNULL, start_new_session=True
    )


def _without(units: list[Unit], faults: Faults) -> tuple[list[Unit], list[Outcome]]:
    """Return the units without fault, and the outcomes of the others."""
    kept = [unit for number, unit in enumerate(units) if number not in faults]
    return kept, [(units[number][1], fault) for number, fault in faults.items()]


def _unpackable(parts: Parts) -> Faults:
    faults: Faults = {}
    for _, _, rows, units in parts.values():
        for row, unit in zip(rows, units, strict=True):
            try:
                marshal.dumps(row)
            except ValueError:
                faults[unit] = StatementInvalid("a value the driver cannot store")
    return faults


def _plain(value: Any) -> Any:
    """Return a subclass's value (a StrEnum's word) as the base type itself."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else value


def _rows(parts: Parts) -> int:
    """How many rows of a batch store something."""
    return sum(len(rows) for _, compiled, rows, _ in parts.values() if compiled.stores)


def _stored_rows(parts: Parts, faults: Faults) -> int:
    if not faults:
        return _rows(parts)
    return sum(unit not in faults for part in parts.values() if part[1].stores for unit in part[3])


def _fault(name: str, detail: str) -> DatabaseError:
    kind = getattr(errors, name, DatabaseError)
    return (
        kind(detail) if isinstance(kind, type) and issubclass(kind, DatabaseError) else DatabaseError(detail)
    )
