"""The database: callers hand over typed write intents, one writer stores them, several threads read.

While one commit runs the next batch gathers; the writer takes what waits, groups it by statement, runs each
by the driver's `executemany` in ascending `rank`, commits once, and completes every waiter in one call of
the loop. A resolved `write` is durable. A unit (the intents of one `write`) is stored wholly or not at all; a
unit that breaks a constraint fails alone. Within one batch statements run by rank, not by time: two intents
that touch one row and may meet in a batch need ranks that say which comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, NamedTuple, Self, TypeVar

from sqlalchemy import Connection, Executable, Row, text
from sqlalchemy.exc import DBAPIError

from gateway.runtime.clock import WorldClock
from gateway.runtime.engines import READERS, Backend, open_backend
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
from gateway.runtime.intents import writes
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics
from gateway.runtime.migrations import MigrationBranch, migrate
from gateway.runtime.reachability import AWAY, Reachability
from gateway.runtime.statements import WriteIntent
from gateway.runtime.writers import Future, Outcome, Waiter

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
PROBE_EVERY_S = 2.0
"""Seconds between empty transactions that ask whether the database is there, unless others wait for it."""
PROBE_AGAIN_S = 1.0
"""The same while it is not."""
FAILURES = tuple(
    kind.__name__
    for kind in (
        *(IntegrityError, DatabaseBusy, DatabaseFull, DatabaseOverloaded, DatabaseUnavailable),
        *(DatabaseClosed, StatementInvalid),
    )
)
"""Every value of the label `reason` of `gateway_database_failures_total`."""

Unstored = Callable[[tuple[Any, ...], DatabaseError], None]
"""Hears the intents of a unit nobody waited for, and why it was not stored."""

_T = TypeVar("_T")
_log = get_logger("database")


@writes(text("SELECT 1"))
class Probe(NamedTuple):
    """A transaction that changes nothing: takes the writer's lock, or goes to the server, and back."""


class Database:
    """A durable store by URL, made by `await Database.open(url)`. Its methods belong to the loop's thread."""

    def __init__(
        self, backend: Backend, metrics: Metrics, max_pending: int, process: bool, clock: WorldClock | None
    ) -> None:
        self._clock = clock
        self._backend = backend
        self._engine = backend.read_engine()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-reader")
        self._pending = 0
        self._max_pending = max_pending
        self._closed = False
        self._when_closed: list[Callable[[], None]] = []
        self._on_unstored: list[Unstored] = []
        self._reachability = Reachability()
        self._heard = False
        self._probing: asyncio.TimerHandle | None = None
        self._reading: asyncio.Future[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self._writer = backend.batch_writer(self._complete, metrics, process=process)
        self._failures = metrics.counter(
            "gateway_database_failures_total", "Units the database did not store", ("reason",)
        )
        for reason in FAILURES:  # there from the start, so that the first of them is seen as an increase
            self._failures.labels(reason)
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
        process: bool = False,
        clock: WorldClock | None = None,
        owners: Sequence[str] = (),
    ) -> Self:
        """Connect. `sqlite:///path`, `sqlite://` (gone at close) or `postgresql://user@host/name`.

        `branches` are migrated to their heads first (the only way for a database that is gone at close);
        `max_pending` bounds the units that wait. With `process`, SQLite is written by a process of its own,
        out of this interpreter's way: for services; a thread starts sooner. In discrete mode `clock` stands
        still while anything is under way here. `owners` as for `open_backend`. Raises `DatabaseUnavailable`,
        `DatabaseBusy` and `MigrationError`.
        """
        metrics = metrics or Metrics(process=False)
        database = cls(open_backend(url, owners), metrics, max_pending, process, clock)
        try:
            if branches:
                await database._loop.run_in_executor(None, migrate, database._backend.url, branches)
            await database._writer.start()
        except BaseException:
            database._closed = True
            database._release()
            await database._writer.close()
            database._backend.remove()
            raise
        database._probe_after(PROBE_EVERY_S)
        return database

    @property
    def pending(self) -> int:
        """How many units wait for a commit."""
        return self._pending

    def problems(self) -> list[str]:
        """Say why the database takes no work, for `/readyz`; empty while it does.

        That is what the last transaction or read came to; without any, an empty one asks.
        """
        return self._reachability.problems()

    def write(self, *intents: Any) -> asyncio.Future[None]:
        """Store the intents as one unit; the future resolves when they are durable.

        Without intents it resolves once everything handed over before is settled. The future fails with a
        `DatabaseError` of this unit alone. Raises `DatabaseOverloaded` and `DatabaseClosed` at once.
        """
        if self._closed:
            raise DatabaseClosed
        if self._pending >= self._max_pending:
            self._failures.labels(DatabaseOverloaded.__name__).inc()
            raise DatabaseOverloaded(f"{self._pending} units wait, the bound is {self._max_pending}")
        future: Future = self._loop.create_future()
        self._take(intents, future)
        return future

    def write_soon(self, *intents: Any) -> None:
        """Store the intents as one unit; nobody waits, a failure is logged and counted.

        Marks of what has happened already are taken up to twice the bound; raises like `write`.
        """
        if self._closed:
            raise DatabaseClosed
        if self._pending >= 2 * self._max_pending:
            self._failures.labels(DatabaseOverloaded.__name__).inc()
            raise DatabaseOverloaded(f"{self._pending} units wait, the bound is {2 * self._max_pending}")
        self._take(intents, intents)

    def on_unstored(self, callback: Unstored) -> None:
        """Have every unit of `write_soon` that failed handed back, for whoever can try again."""
        self._on_unstored.append(callback)

    async def flush(self) -> None:
        """Wait until everything handed over so far is settled."""
        if not self._closed:
            settled: Future = self._loop.create_future()
            self._take((), settled)
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
        with nullcontext() if self._clock is None else self._clock.busy():
            try:
                result = await self._loop.run_in_executor(self._readers, self._read, work)
            except DatabaseError as fault:
                self._reachability.read(fault, self._loop.time())
                self._probe_after(PROBE_AGAIN_S)
                raise
        if self._reachability.reads_troubled:
            self._reachability.read(None, self._loop.time())
        return result

    async def close(self) -> None:
        """Settle what waits, then let go of threads and connections. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._probing is not None:
            self._probing.cancel()
        # The writer goes last: only the last connection of all folds SQLite's journal into the file.
        await self._loop.run_in_executor(None, self._release)
        await self._writer.close()
        self._backend.remove()
        for callback in self._when_closed:
            callback()

    def on_closed(self, callback: Callable[[], None]) -> None:
        """Have something done once nothing of this process touches the database any more."""
        self._when_closed.append(callback)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def _take(self, intents: tuple[Any, ...], waiter: Waiter) -> None:
        if self._clock is not None and self._pending == 0:
            self._clock.begin()
        self._pending += 1
        self._writer.put((intents, waiter))

    def _read(self, work: Callable[[Connection], _T]) -> _T:
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except DBAPIError as error:
            cause = error.orig
            raise self._backend.explain(cause if isinstance(cause, Exception) else error) from error

    def _complete(self, outcomes: list[Outcome], committed: bool) -> None:
        """Settle the units of a batch; `committed` says that the database was asked at all."""
        self._pending -= len(outcomes)
        fault: DatabaseError | None = None
        for waiter, error in outcomes:
            if error is not None:
                if isinstance(error, AWAY):
                    fault = error
                self._failures.labels(type(error).__name__).inc()
            if isinstance(waiter, tuple):
                if error is not None:
                    self._hand_back(waiter, error)
            elif not waiter.done():
                if error is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(error)
        if self._clock is not None and self._pending == 0:
            self._clock.end()
        if committed:
            self._heard = True
            if fault is not None or not self._reachability.well:
                self._reachability.wrote(fault, self._loop.time())
                self._probe_after(PROBE_AGAIN_S)

    # Whether it is there, also while nobody writes

    def _probe_after(self, seconds: float) -> None:
        """Look in so many seconds whether anything was heard, unless that is to be sooner."""
        due = self._loop.time() + seconds
        if self._closed or (self._probing is not None and self._probing.when() <= due):
            return
        if self._probing is not None:
            self._probing.cancel()
        self._probing = self._loop.call_at(due, self._probe)

    def _probe(self) -> None:
        self._probing = None
        heard, self._heard = self._heard, False
        if self._pending:
            if not heard:
                self._reachability.silent(self._loop.time())
        else:
            asked: Future = self._loop.create_future()
            asked.add_done_callback(_answered)
            self._take((Probe(),), asked)
        if self._reachability.reads_troubled and self._reading is None:
            self._reading = self._loop.create_task(self._probe_reads(), name="database probe")
        self._probe_after(PROBE_AGAIN_S if self._reachability.troubled or self._pending else PROBE_EVERY_S)

    async def _probe_reads(self) -> None:
        try:
            await self.fetch(text("SELECT 1"))
        except DatabaseError:
            pass  # it is noted
        finally:
            self._reading = None

    def _hand_back(self, intents: tuple[Any, ...], error: DatabaseError) -> None:
        _log.error("write failed", error=type(error).__name__)
        for callback in self._on_unstored:
            callback(intents, error)

    def _release(self) -> None:
        self._readers.shutdown()
        self._engine.dispose()


def _answered(asked: asyncio.Future[None]) -> None:
    """What a probe came to is noted with its batch."""
    if not asked.cancelled():
        asked.exception()
