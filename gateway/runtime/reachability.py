"""Whether the database can be reached: what its last write and its last read came to.

No clock, no connection: `Database` tells what happened and when, `/readyz` and the log ask.
"""

from __future__ import annotations

from gateway.runtime.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseUnavailable
from gateway.runtime.log import get_logger

SILENCE_S = 12.0
"""Seconds without any outcome while something waits, after which that is a problem: a lock of another
process, or a server that is looked for, answers sooner."""

AWAY = (DatabaseBusy, DatabaseFull, DatabaseUnavailable)
"""What says that nothing can be stored or read now; other faults are those of a unit."""
_log = get_logger("database")


class Reachability:
    """What stands between a service and its database, if anything."""

    def __init__(self) -> None:
        self._write: DatabaseError | None = None
        self._read: DatabaseError | None = None
        self._silent_since: float | None = None
        self._silent_s = 0.0
        self._away_since: float | None = None

    @property
    def well(self) -> bool:
        """Whether there is nothing to tell."""
        return not self.troubled and self._silent_since is None

    @property
    def troubled(self) -> bool:
        """Whether the last write or the last read failed."""
        return self._write is not None or self._read is not None

    @property
    def reads_troubled(self) -> bool:
        """Whether the last read failed."""
        return self._read is not None

    def wrote(self, fault: DatabaseError | None, now: float) -> None:
        """A transaction came to an end: with a `fault`, or well."""
        self._silent_since, self._silent_s = None, 0.0
        self._write = fault if isinstance(fault, AWAY) else None
        self._tell(self._write, now)

    def read(self, fault: DatabaseError | None, now: float) -> None:
        """A read came to an end: with a `fault`, or well."""
        self._read = fault if isinstance(fault, AWAY) else None
        self._tell(self._read, now)

    def silent(self, now: float) -> None:
        """Something waits to be stored, and nothing was heard since this was last said."""
        if self._silent_since is None:
            self._silent_since = now
        self._silent_s = now - self._silent_since

    def problems(self) -> list[str]:
        """Sentences for `/readyz`; empty while the database answers. No address of it stands in them."""
        fault = self._write or self._read
        if fault is not None:
            return [f"database: {fault.advice}"]
        if self._silent_s >= SILENCE_S:
            return [f"database: what is to be stored waits for it, {self._silent_s:.0f} s now"]
        return []

    def _tell(self, fault: DatabaseError | None, now: float) -> None:
        """Log going and coming back, once each."""
        if fault is not None and self._away_since is None:
            self._away_since = now
            _log.error("database away", error=type(fault).__name__, detail=fault.detail)
        elif self._away_since is not None and not self.troubled:
            _log.warning("database back", after_s=round(now - self._away_since, 1))
            self._away_since = None
