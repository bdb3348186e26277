"""The one connection that writes to an SQLite file: WAL, synchronous FULL. Imports nothing but the driver."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from gateway.runtime.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseFull,
    DatabaseUnavailable,
    IntegrityError,
    StatementInvalid,
)
from gateway.runtime.private import make_private_file, make_private_folder
from gateway.runtime.sqlite_checkpoint import Checkpointer

BUSY_TIMEOUT_S = 5.0

_SQLITE_ERRORS: dict[int, type[DatabaseError]] = {
    sqlite3.SQLITE_ERROR: StatementInvalid,
    sqlite3.SQLITE_CONSTRAINT: IntegrityError,
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_LOCKED: DatabaseBusy,
    sqlite3.SQLITE_FULL: DatabaseFull,
    sqlite3.SQLITE_CANTOPEN: DatabaseUnavailable,
    sqlite3.SQLITE_READONLY: DatabaseUnavailable,
    sqlite3.SQLITE_IOERR: DatabaseUnavailable,
    sqlite3.SQLITE_NOTADB: DatabaseUnavailable,
    sqlite3.SQLITE_CORRUPT: DatabaseUnavailable,
}


class SqliteWriter:
    """The one connection that writes to an SQLite file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._checkpointer: Checkpointer | None = None
        self._changes = 0

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("not connected")
        return self._connection

    def connect(self) -> None:
        """Open the file (its folder is made) and set the journal."""
        if self._connection is not None:
            return
        path = Path(self._path).absolute()
        make_private_folder(path.parent)
        make_private_file(path)  # its -wal and -shm files take its rights over
        connection = sqlite3.connect(
            self._path,
            check_same_thread=False,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            cached_statements=512,
        )
        try:
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "cache_size=-65536",
                "temp_store=MEMORY",
                "wal_autocheckpoint=32000",  # where the thread beside it cannot follow
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._checkpointer = Checkpointer(self._path)

    def begin(self) -> None:
        """Begin, taking the write lock at once."""
        self._open.execute("BEGIN IMMEDIATE")

    def execute_many(self, sql: str, rows: list[Any]) -> None:
        """Run one statement for every row."""
        if len(rows) == 1:
            self._open.execute(sql, rows[0])
        else:
            self._open.executemany(sql, rows)

    def savepoint(self) -> None:
        """Mark the place `undo` returns to."""
        self._open.execute("SAVEPOINT unit")

    def undo(self) -> bool:
        """Return to the savepoint; a full disk has already rolled back everything."""
        if not self._open.in_transaction:
            return False
        self._open.execute("ROLLBACK TO unit")
        self._open.execute("RELEASE unit")
        return True

    def release(self) -> None:
        """Keep what was done since the savepoint."""
        self._open.execute("RELEASE unit")

    def commit(self) -> None:
        """Make the transaction durable."""
        connection = self._open
        connection.execute("COMMIT")
        changes = connection.total_changes
        if self._checkpointer is not None and changes != self._changes:  # a probe leaves nothing to fold
            self._checkpointer.note()
        self._changes = changes

    def rollback(self) -> None:
        """Drop the transaction if there is one."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()

    def explain(self, error: Exception) -> DatabaseError:
        """Translate SQLite's result codes."""
        if isinstance(error, DatabaseError):
            return error
        if isinstance(error, OSError):
            return DatabaseUnavailable(str(error))
        if not isinstance(error, sqlite3.Error):  # a value the driver cannot store
            return StatementInvalid(f"{type(error).__name__}: {error}")
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        return _SQLITE_ERRORS.get(code, DatabaseError)(f"{error}: {self._path}")

    def close(self) -> None:
        """Close the file, folding the journal into it."""
        checkpointer, self._checkpointer = self._checkpointer, None
        if checkpointer is not None:
            checkpointer.close()
        connection, self._connection, self._changes = self._connection, None, 0
        if connection is not None:
            connection.close()
