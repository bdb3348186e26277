"""One service of its kind per folder: the right to work there is a lock that ends with its process.

Two gateways on one folder would send the same texts twice, two recorders would seal each other's calls. The
lock is `flock`'s on a file, so that a `kill -9` lets go of it; the file stays and says who had it last.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from gateway.runtime.errors import StorageInUse
from gateway.runtime.private import FILE_MODE, make_private_folder

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock: nothing is claimed there
    fcntl = None  # type: ignore[assignment]


class Claims:
    """Claims on several places, given back together."""

    def __init__(self) -> None:
        self._held: list[int] = []

    @classmethod
    def take(cls, paths: Iterable[Path], part: str) -> Self:
        """Claim every path for `part` (`texting`, `recording`), or none; missing folders are made.

        Raises `StorageInUse` at once where another process (or another service of this one) has it, and
        `OSError` where no file can be made.
        """
        claims = cls()
        try:
            for path in paths:
                claims._claim(path, part)
        except BaseException:
            claims.release()
            raise
        return claims

    def release(self) -> None:
        """Give all of them back. May be called twice."""
        while self._held:
            os.close(self._held.pop())

    def _claim(self, path: Path, part: str) -> None:
        try:
            make_private_folder(path.parent)
        except FileExistsError as error:
            raise NotADirectoryError(
                error.errno, "is no folder: set storage.folder", str(path.parent)
            ) from None
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, FILE_MODE)
        if not _locked(descriptor):
            holder = _process(descriptor)
            os.close(descriptor)
            raise StorageInUse(str(path.parent), part, holder)
        self._held.append(descriptor)
        os.truncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())


def holder(path: Path) -> int | None:
    """The process that has claimed a path, 0 if it is not known; None: nobody has. Changes nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _locked(descriptor) else _process(descriptor) or 0
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Lock the open file; it is so until the file is closed, also by the end of the process."""
    if fcntl is None:  # pragma: no cover - Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _process(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
