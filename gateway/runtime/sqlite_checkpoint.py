"""Folds SQLite's write-ahead log into its file beside the writer, so that no commit waits for it.

SQLite's own checkpoints run inside the commit that filled the log: a tenth of a second in which nobody is
answered. Here a thread with a connection of its own copies what is there every half second while there are
commits (PASSIVE: it waits for nobody and nobody for it) and, once they have ceased, empties the log, so that
what was deleted is gone from the disk. Imports nothing but the driver.
"""

from __future__ import annotations

import sqlite3
import threading

INTERVAL_S = 0.5
QUIET_ROUNDS = 4
"""Rounds without a commit after which the log is emptied."""


class Checkpointer:
    """The thread that keeps the log of one SQLite file short."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._wanted = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sqlite checkpoint", daemon=True)
        self._thread.start()

    def note(self) -> None:
        """There was a commit."""
        if not self._wanted.is_set():
            self._wanted.set()

    def close(self) -> None:
        """End the thread; a checkpoint under way is finished."""
        self._ending.set()
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            while not self._ending.is_set():
                self._wanted.wait()
                self._fold_until_quiet(connection)
        finally:
            connection.close()

    def _fold_until_quiet(self, connection: sqlite3.Connection) -> None:
        quiet = 0
        while quiet < QUIET_ROUNDS and not self._ending.wait(INTERVAL_S):
            quiet = 0 if self._wanted.is_set() else quiet + 1
            self._wanted.clear()
            _fold(connection, "TRUNCATE" if quiet == QUIET_ROUNDS else "PASSIVE")


def _fold(connection: sqlite3.Connection, mode: str) -> None:
    """Run one checkpoint; one that is kept from it (a reader, the writer) comes round again."""
    try:
        for _ in range(3):
            busy, in_log, folded = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            if busy or in_log == folded:
                return
    except sqlite3.Error:
        return
