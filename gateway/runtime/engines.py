"""The two engines under `Database`: how each connects, runs a transaction and names its failures.

Everything here blocks and belongs to the writer's thread (`Writer`) or the readers' threads (the SQLAlchemy
engine of `read_engine`).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy
from sqlalchemy import URL, Engine, event, make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from gateway.runtime.errors import (
    DatabaseBusy,
    DatabaseDriverMissing,
    DatabaseError,
    DatabaseFull,
    DatabaseUnavailable,
    IntegrityError,
    StatementInvalid,
)
from gateway.runtime.interrupts import INTERRUPTS
from gateway.runtime.metrics import Metrics
from gateway.runtime.sqlite import BUSY_TIMEOUT_S, SqliteWriter
from gateway.runtime.writers import BatchWriter, Complete, ProcessWriter, ThreadWriter

READERS = 4
_CONNECT_TIMEOUT_S = 10
_CLAIM = "sms-siprec-gateway"
_KEEPALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}


class Backend(Protocol):
    """An engine: dialect for compiling, a writer, and reading connections."""

    dialect: Dialect
    url: str

    def batch_writer(self, complete: Complete, metrics: Metrics, *, process: bool) -> BatchWriter:
        """Return the writer, not yet started, in a `process` of its own where that is possible."""

    def read_engine(self) -> Engine:
        """Return an engine of read-only connections."""

    def explain(self, error: Exception) -> DatabaseError:
        """Translate a driver's error."""

    def remove(self) -> None:
        """Delete what only this process could see (an in-memory database)."""


def open_backend(url: str, owners: Sequence[str] = ()) -> Backend:
    """Choose the engine by URL: `sqlite:///path`, `sqlite://` (in memory), `postgresql://…`.

    `owners` names the parts of a service that must be the only ones of their kind on a server's database (a
    file's are claimed by `claims`). Raises `DatabaseDriverMissing`, and `DatabaseUnavailable` for any other
    URL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnavailable("storage.database is not a URL such as sqlite:///gateway.db") from None
    if parsed.get_backend_name() == "sqlite":
        return SqliteBackend(parsed.database)
    if parsed.get_backend_name() == "postgresql":
        return PostgresqlBackend(parsed, owners)
    raise DatabaseUnavailable(f"storage.database: {parsed.drivername} is neither sqlite nor postgresql")


class SqliteBackend:
    """SQLite in WAL mode, synchronous FULL. Without a path: a file of this process, gone at `remove`."""

    def __init__(self, path: str | None) -> None:
        self.dialect: Dialect = sqlite.dialect(paramstyle="qmark")
        self._own_folder: str | None = None
        if not path or path == ":memory:":
            in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - mkdtemp below
            self._own_folder = tempfile.mkdtemp(prefix="gateway-db-", dir=in_memory)
            INTERRUPTS.leftovers.add(self._own_folder)
            path = str(Path(self._own_folder) / "memory.db")
        self.path = path
        self.url = f"sqlite:///{path}"

    def batch_writer(self, complete: Complete, metrics: Metrics, *, process: bool) -> BatchWriter:
        """Return the writer, not yet started."""
        if process:
            return ProcessWriter(self.path, self.dialect, complete, metrics)
        return ThreadWriter(SqliteWriter(self.path), self.dialect, complete, metrics)

    def explain(self, error: Exception) -> DatabaseError:
        """Translate SQLite's result codes."""
        return SqliteWriter(self.path).explain(error)

    def read_engine(self) -> Engine:
        """Return an engine of read-only connections; they never hold up the writer."""
        location = Path(self.path).absolute().as_uri() + "?mode=ro"
        return sqlalchemy.create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(
                location, uri=True, check_same_thread=False, timeout=BUSY_TIMEOUT_S, isolation_level=None
            ),
            poolclass=QueuePool,
            pool_size=READERS,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
        )

    def remove(self) -> None:
        """Delete the file of an in-memory database."""
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)
            INTERRUPTS.leftovers.discard(self._own_folder)


class PostgresqlBackend:
    """PostgreSQL through psycopg 3."""

    def __init__(self, url: URL, owners: Sequence[str] = ()) -> None:
        from sqlalchemy.dialects.postgresql import psycopg as dialects  # noqa: PLC0415 - an optional extra

        self._owners = owners
        try:
            dialects.dialect.import_dbapi()  # type: ignore[no-untyped-call]
        except ImportError:
            raise DatabaseDriverMissing from None
        self.dialect: Dialect = dialects.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
        self._url = url.set(drivername="postgresql+psycopg")
        self.url = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def batch_writer(self, complete: Complete, metrics: Metrics, *, process: bool) -> BatchWriter:
        """Return the writer, not yet started; the server is a process of its own already."""
        return ThreadWriter(PostgresqlWriter(self.url, self._owners), self.dialect, complete, metrics)

    def explain(self, error: Exception) -> DatabaseError:
        """Translate SQLSTATE classes."""
        return PostgresqlWriter(self.url).explain(error)

    def read_engine(self) -> Engine:
        """Return an engine of connections that refuse to write."""
        engine = sqlalchemy.create_engine(
            self._url,
            pool_size=READERS,
            max_overflow=0,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": _CONNECT_TIMEOUT_S},
        )

        @event.listens_for(engine, "connect")
        def _read_only(connection: Any, _record: Any) -> None:
            connection.autocommit = True
            connection.execute("SET default_transaction_read_only = on")

        return engine

    def remove(self) -> None:
        """Nothing here is this process's alone."""


class PostgresqlWriter:
    """The one connection that writes to a PostgreSQL server.

    While it stands, its session holds an advisory lock for each of `owners`: a second service of the same
    part, or one that was cut off meanwhile, is refused.
    """

    def __init__(self, url: str, owners: Sequence[str] = ()) -> None:
        self._url = url
        self._owners = owners
        self._connection: Any = None

    @property
    def _open(self) -> Any:
        if self._connection is None:
            raise DatabaseUnavailable("not connected")
        return self._connection

    def connect(self) -> None:
        """Connect, or connect again after the server went away."""
        if self._connection is not None and not self._connection.closed:
            return
        import psycopg  # noqa: PLC0415 - an optional extra

        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S)
        try:
            connection.execute("SET synchronous_commit = on")
            self._claim(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _claim(self, connection: Any) -> None:
        """Take the locks, which end with the session. Raises `DatabaseBusy`."""
        if self._owners:  # a peer that vanished is noticed within a minute, and its locks are free again
            for setting, value in _KEEPALIVE.items():
                connection.execute(f"SET {setting} = {value}")
        for part in self._owners:
            key = f"{_CLAIM}:{part}"
            (taken,) = connection.execute(
                "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,)
            ).fetchone()
            if not taken:
                raise DatabaseBusy(f"a gateway that runs {part} works on it")

    def begin(self) -> None:
        """Begin a transaction."""
        self._open.execute("BEGIN")

    def execute_many(self, sql: str, rows: list[Any]) -> None:
        """Run one statement for every row, in one round trip."""
        with self._open.cursor() as cursor:
            if len(rows) == 1:
                cursor.execute(sql, rows[0])
            else:
                cursor.executemany(sql, rows)

    def savepoint(self) -> None:
        """Mark the place `undo` returns to."""
        self._open.execute("SAVEPOINT unit")

    def undo(self) -> bool:
        """Return to the savepoint; a lost connection has dropped everything."""
        if self._connection is None or self._connection.closed:
            return False
        self._open.execute("ROLLBACK TO SAVEPOINT unit")
        self._open.execute("RELEASE SAVEPOINT unit")
        return True

    def release(self) -> None:
        """Keep what was done since the savepoint."""
        self._open.execute("RELEASE SAVEPOINT unit")

    def commit(self) -> None:
        """Make the transaction durable."""
        self._open.execute("COMMIT")

    def rollback(self) -> None:
        """Drop the transaction if there is one."""
        import psycopg  # noqa: PLC0415 - loaded by connect()

        try:
            if self._connection is not None and not self._connection.closed:
                self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self.close()

    def explain(self, error: Exception) -> DatabaseError:
        """Translate SQLSTATE classes (PostgreSQL documentation, appendix A)."""
        state = getattr(error, "sqlstate", None) or ""
        detail = str(error).strip()
        if isinstance(error, DatabaseError):
            return error
        if state.startswith("23"):
            return IntegrityError(detail)
        if state in ("53100", "53200", "54000"):
            return DatabaseFull(detail)
        if state in ("55P03", "40P01", "40001", "57014"):
            return DatabaseBusy(detail)
        if not state or state.startswith(("08", "57P", "28", "3D", "53", "25006")):
            return DatabaseUnavailable(detail) if _is_driver_error(error) else StatementInvalid(detail)
        return StatementInvalid(detail) if state.startswith(("22", "42")) else DatabaseError(detail)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _is_driver_error(error: Exception) -> bool:
    import psycopg  # noqa: PLC0415 - loaded by connect()

    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
