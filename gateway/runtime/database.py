"""The database: callers hand over typed write intents, one thread writes them, many threads read.

While one commit runs the next batch gathers; the writer takes what waits, groups it by statement, runs each
by the driver's `executemany` in ascending `rank`, commits once, and completes every waiter in one call of
the loop. A resolved `write` is durable. A unit (the intents of one `write`) is stored wholly or not at all; a
unit that breaks a constraint fails alone. Within one batch statements run by rank, not by time: two intents
that touch one row and may meet in a batch need ranks that say which comes first.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Executable, Row
from sqlalchemy.exc import DBAPIError

from gateway.runtime.engines import READERS, Backend, Writer, open_backend
from gateway.runtime.errors import (
    DatabaseBusy,
    DatabaseClosed,
    DatabaseError,
    DatabaseFull,
    DatabaseOverloaded,
    DatabaseUnavailable,
    IntegrityError,
    StatementInvalid,
)
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics
from gateway.runtime.migrations import MigrationBranch, migrate
from gateway.runtime.statements import Compiled, WriteIntent, compile_intent

__all__ = [
    "Database",
    "DatabaseBusy",
    "DatabaseClosed",
    "DatabaseError",
    "DatabaseFull",
    "DatabaseOverloaded",
    "DatabaseUnavailable",
    "IntegrityError",
    "MigrationBranch",
    "StatementInvalid",
    "WriteIntent",
    "migrate",
]

DEFAULT_MAX_PENDING = 50_000
MAX_UNITS_PER_COMMIT = 5_000
COMMIT_BUCKETS_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

_T = TypeVar("_T")
_Future = asyncio.Future[None]
_Unit = tuple[tuple[Any, ...], _Future | None]
_Outcome = tuple[_Future | None, DatabaseError | None]
_log = get_logger("database")


class Database:
    """A durable store by URL, made by `await Database.open(url)`. Its methods belong to the loop's thread."""

    def __init__(self, backend: Backend, metrics: Metrics, max_pending: int) -> None:
        self._backend = backend
        self._engine = backend.read_engine()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-reader")
        self._queue: SimpleQueue[_Unit | None] = SimpleQueue()
        self._pending = 0
        self._max_pending = max_pending
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._writer = GroupWriter(backend, self._queue, self._deliver, metrics)
        self._failures = metrics.counter(
            "gateway_database_failures_total", "Units the database did not store", ("reason",)
        )
        metrics.gauge("gateway_database_pending", "Units that wait for a commit").set_function(
            lambda: float(self._pending)
        )

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        metrics: Metrics | None = None,
        max_pending: int = DEFAULT_MAX_PENDING,
        branches: Sequence[MigrationBranch] = (),
    ) -> Self:
        """Connect. `sqlite:///path`, `sqlite://` (gone at close) or `postgresql://user@host/name`.

        `branches` are migrated to their heads first (the only way for a database that is gone at close);
        `max_pending` bounds the units that wait. Raises `DatabaseUnavailable`, `DatabaseBusy` and
        `MigrationError`.
        """
        database = cls(open_backend(url), metrics or Metrics(process=False), max_pending)
        try:
            if branches:
                await database._loop.run_in_executor(None, migrate, database._backend.url, branches)
            await database._loop.run_in_executor(None, database._writer.start)
        except BaseException:
            database._closed = True
            database._release()
            raise
        return database

    @property
    def pending(self) -> int:
        """How many units wait for a commit."""
        return self._pending

    def write(self, *intents: Any) -> asyncio.Future[None]:
        """Store the intents as one unit; the future resolves when they are durable.

        Without intents it resolves once everything handed over before is settled. The future fails with a
        `DatabaseError` of this unit alone. Raises `DatabaseOverloaded` and `DatabaseClosed` at once.
        """
        if self._closed:
            raise DatabaseClosed
        if self._pending >= self._max_pending:
            self._failures.labels("overloaded").inc()
            raise DatabaseOverloaded(f"{self._pending} units wait, the bound is {self._max_pending}")
        future: _Future = self._loop.create_future()
        self._pending += 1
        self._queue.put((intents, future))
        return future

    def write_soon(self, *intents: Any) -> None:
        """Store the intents as one unit; nobody waits, a failure is logged and counted.

        Marks of what has happened already are taken up to twice the bound; raises like `write`.
        """
        if self._closed:
            raise DatabaseClosed
        if self._pending >= 2 * self._max_pending:
            self._failures.labels("overloaded").inc()
            raise DatabaseOverloaded(f"{self._pending} units wait, the bound is {2 * self._max_pending}")
        self._pending += 1
        self._queue.put((intents, None))

    async def flush(self) -> None:
        """Wait until everything handed over so far is settled."""
        if not self._closed:
            self._pending += 1
            settled: _Future = self._loop.create_future()
            self._queue.put(((), settled))
            await settled

    async def fetch(self, select: Executable, params: Mapping[str, Any] | None = None) -> list[Row[Any]]:
        """Run a select on a reading connection and return all its rows."""
        return await self.read(lambda connection: list(connection.execute(select, params or {}).all()))

    async def fetch_one(self, select: Executable, params: Mapping[str, Any] | None = None) -> Row[Any] | None:
        """Run a select and return its first row, or None."""
        return await self.read(lambda connection: connection.execute(select, params or {}).first())

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work` with a reading connection on a reader's thread. It sees what was durable before."""
        if self._closed:
            raise DatabaseClosed
        return await self._loop.run_in_executor(self._readers, self._read, work)

    async def close(self) -> None:
        """Settle what waits, then let go of threads and connections. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._writer.join)
        await asyncio.sleep(0)  # the last outcomes were handed to the loop before the thread ended
        await self._loop.run_in_executor(None, self._release)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def _read(self, work: Callable[[Connection], _T]) -> _T:
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except DBAPIError as error:
            cause = error.orig
            raise self._writer.explain(cause if isinstance(cause, Exception) else error) from error

    def _deliver(self, outcomes: list[_Outcome]) -> None:
        self._loop.call_soon_threadsafe(self._complete, outcomes)

    def _complete(self, outcomes: list[_Outcome]) -> None:
        self._pending -= len(outcomes)
        for future, error in outcomes:
            if error is not None:
                self._failures.labels(type(error).__name__).inc()
            if future is None:
                if error is not None:
                    _log.error("write failed", error=type(error).__name__)
            elif not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)

    def _release(self) -> None:
        self._readers.shutdown()
        self._engine.dispose()
        self._backend.remove()


class GroupWriter:
    """The thread that writes: takes what waits, groups it, commits once, hands all outcomes over at once."""

    def __init__(
        self,
        backend: Backend,
        queue: SimpleQueue[_Unit | None],
        deliver: Callable[[list[_Outcome]], None],
        metrics: Metrics,
    ) -> None:
        self._dialect = backend.dialect
        self._writer: Writer = backend.writer()
        self._queue = queue
        self._deliver = deliver
        self._compiled: dict[type[Any], Compiled] = {}
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._commit_seconds = metrics.histogram(
            "gateway_commit_seconds", "How long a group commit took", buckets=COMMIT_BUCKETS_SECONDS
        )
        self._rows = metrics.counter("gateway_database_rows_total", "Rows handed to the database")

    def start(self) -> None:
        """Connect and begin to work. Raises `DatabaseError`."""
        try:
            self._writer.connect()
        except Exception as error:
            raise self._writer.explain(error) from error
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread to settle everything and end."""
        self._thread.join()

    def explain(self, error: Exception) -> DatabaseError:
        """Translate a driver's error."""
        return self._writer.explain(error)

    def _run(self) -> None:
        open_for_more = True
        while open_for_more:
            units, open_for_more = self._take()
            if units:
                self._deliver(self._store(units))
        self._writer.close()

    def _take(self) -> tuple[list[_Unit], bool]:
        units: list[_Unit] = []
        for _ in range(min(max(self._queue.qsize(), 1), MAX_UNITS_PER_COMMIT)):
            unit = self._queue.get()
            if unit is None:
                return units, False
            units.append(unit)
        return units, True

    def _store(self, units: list[_Unit]) -> list[_Outcome]:
        started = time.perf_counter()
        try:
            self._store_together(units)
            outcomes: list[_Outcome] = [(future, None) for _, future in units]
        except Exception as error:
            self._writer.rollback()
            outcomes = self._store_apart(units, error)
        self._commit_seconds.observe(time.perf_counter() - started)
        return outcomes

    def _store_together(self, units: list[_Unit]) -> None:
        groups: dict[type[Any], list[Any]] = {}
        for intents, _ in units:
            for intent in intents:
                group = groups.get(type(intent))
                if group is None:
                    groups[type(intent)] = [intent]
                else:
                    group.append(intent)
        if not groups:
            return
        work = [(self._compile(intent_type), group) for intent_type, group in groups.items()]
        work.sort(key=_rank)
        writer = self._writer
        writer.connect()
        writer.begin()
        for compiled, group in work:
            writer.execute_many(compiled.sql, compiled.rows(group))
        writer.commit()
        self._rows.inc(sum(len(group) for group in groups.values()))

    def _store_apart(self, units: list[_Unit], error: Exception) -> list[_Outcome]:
        """Find who is to blame: each unit behind a savepoint or, failing that, in its own transaction."""
        if len(units) == 1:
            return [(units[0][1], self._writer.explain(error))]
        reason = self._writer.explain(error)
        if isinstance(reason, DatabaseUnavailable | DatabaseBusy):
            return [(future, reason) for _, future in units]
        try:
            return self._store_behind_savepoints(units)
        except Exception:
            self._writer.rollback()
            return [outcome for unit in units for outcome in self._store([unit])]

    def _store_behind_savepoints(self, units: list[_Unit]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        rows = 0
        self._writer.connect()
        self._writer.begin()
        for intents, future in units:
            self._writer.savepoint()
            try:
                self._execute_unit(intents)
            except Exception as error:
                if not self._writer.undo():
                    raise
                outcomes.append((future, self._writer.explain(error)))
            else:
                self._writer.release()
                outcomes.append((future, None))
                rows += len(intents)
        self._writer.commit()
        self._rows.inc(rows)
        return outcomes

    def _execute_unit(self, intents: Sequence[Any]) -> None:
        work = [(self._compile(type(intent)), intent) for intent in intents]
        for compiled, intent in sorted(work, key=_rank):
            self._writer.execute_many(compiled.sql, compiled.rows([intent]))

    def _compile(self, intent_type: type[Any]) -> Compiled:
        compiled = self._compiled.get(intent_type)
        if compiled is None:
            compiled = self._compiled[intent_type] = compile_intent(intent_type, self._dialect)
        return compiled


def _rank(entry: tuple[Compiled, Any]) -> int:
    return entry[0].rank
