"""Errors of the runtime: what went wrong, where, and what a person can do about it.

ServiceError
├── ConfigError              every fault of a configuration at once
├── ClockError               the world clock was asked for something impossible
├── LifecycleError           a part would not start
├── TlsFilesUnusable         certificates, keys or CA certificates that are no use
├── StorageInUse             another process of the same kind works on the storage folder
├── DatabaseError
│   ├── IntegrityError       the rows of one unit break a constraint (duplicate key, missing parent …)
│   ├── DatabaseBusy         another process holds the database
│   ├── DatabaseFull         the disk (or the quota) is full
│   ├── DatabaseOverloaded   more writes wait than the bound allows; nothing of this unit was taken
│   ├── DatabaseDriverMissing  the extra that PostgreSQL needs is not installed
│   ├── DatabaseUnavailable  the server is gone; the outcome of a running commit is unknown
│   ├── DatabaseClosed       used after close()
│   ├── StatementInvalid     a write intent and its statement do not fit each other
│   └── MigrationError       the schema cannot be brought to its head
└── BlobError
    ├── BlobKeyInvalid       a key that could leave the store
    ├── BlobNotFound
    └── BlobRangeInvalid     a byte range outside the blob
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ServiceError(Exception):
    """Root of every error the runtime raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of a configuration, with the place a person has to edit.

    `line` and `column` count from 1; both are 0 where there is no file, as for a `--set` override.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigError(ServiceError):
    """A configuration that cannot be used; `faults` lists everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults)
        self.faults = list(faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class ClockError(ServiceError):
    """The world clock was asked for something impossible; the message names it."""


class LifecycleError(ServiceError):
    """A part of the service would not start."""

    def __init__(self, part: str, cause: BaseException) -> None:
        super().__init__(part, cause)
        self.part = part
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.part} would not start: {self.cause or type(self.cause).__name__}"


class TlsFilesUnusable(ServiceError):
    """Files for TLS that cannot be used; each of `faults` names the setting, the file and what to do."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults)
        self.faults = list(faults)

    def __str__(self) -> str:
        return "\n".join(self.faults)


class StorageInUse(ServiceError):
    """Another process of the same part works on the same folder; `process` is its id, None if unknown."""

    def __init__(self, folder: str, part: str, process: int | None) -> None:
        super().__init__(folder, part, process)
        self.folder = folder
        self.part = part
        self.process = process

    def __str__(self) -> str:
        who = "another process" if self.process is None else f"process {self.process}"
        return (
            f"{self.folder}: {who} runs {self.part} on this folder already; "
            "stop it, or give this one a storage.folder of its own"
        )


class DatabaseError(ServiceError):
    """A read or write failed; `detail` is the engine's own sentence."""

    advice = ""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return ": ".join(part for part in (self.advice, self.detail) if part)


class IntegrityError(DatabaseError):
    """The rows of one unit break a constraint; nothing of that unit is stored, other units are."""

    advice = "a constraint refused the rows"


class DatabaseBusy(DatabaseError):
    """Another process holds the database longer than the busy timeout."""

    advice = "the database is locked by another process; stop it or give this one its own storage.database"


class DatabaseFull(DatabaseError):
    """The disk or the quota under the database is full; nothing of the unit is stored."""

    advice = "no space left for the database; free space on its disk"


class DatabaseOverloaded(DatabaseError):
    """More units wait for the disk than allowed; nothing of this unit was taken, try again later."""

    advice = "too many writes wait for the database"


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, or went away; the outcome of a commit that was running is unknown."""

    advice = "the database cannot be reached; check storage.database, its folder or its server"


class DatabaseDriverMissing(DatabaseError):
    """The database is PostgreSQL, and the extra with its driver is not installed."""

    advice = (
        "storage.database is PostgreSQL, whose driver is not installed: "
        "`pip install 'sms-siprec-gateway[postgresql]'`, or keep to SQLite with `--set storage.database=null`"
    )


class DatabaseClosed(DatabaseError):
    """The database was used after close()."""

    advice = "the database is closed"


class StatementInvalid(DatabaseError):
    """A write intent and its statement do not fit each other: a fault of the program."""

    advice = "the write intent does not fit its statement"


class MigrationError(DatabaseError):
    """The schema cannot be brought to its newest revision."""

    advice = "the schema cannot be migrated"


class BlobError(ServiceError):
    """A blob could not be read or written; `key` names it."""

    sentence = "blob failed"

    def __init__(self, key: str, detail: str = "") -> None:
        super().__init__(key, detail)
        self.key = key
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.sentence}: {self.key!r}" + (f" ({self.detail})" if self.detail else "")


class BlobKeyInvalid(BlobError):
    """The key is empty, too long, or could leave the store."""

    sentence = "not a blob key"


class BlobNotFound(BlobError):
    """There is no blob of this key."""

    sentence = "no such blob"


class BlobRangeInvalid(BlobError):
    """The wanted bytes lie outside the blob."""

    sentence = "range outside the blob"
