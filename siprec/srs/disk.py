"""Who does the recorder's file work: the caller at once, or a thread of its own.

    disk = SpoolDisk()                          # a server's; `AtOnce()` elsewhere
    file = WavFile(path, 8_000, disk=disk)      # opened, written and closed by the thread, in this order
    await disk.settled()                        # everything asked for until now is done
    disk.close()

A file system may make one write wait for hundreds of milliseconds while it commits; no call may wait with it.
Work is handed over in batches, for each handover wakes a thread. An error is kept in the file it belongs to,
which is not written any more.
"""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from gateway.runtime.log import get_logger
from gateway.runtime.private import FILE_MODE, make_private_folder

HANDOVER_S = 0.05
MAX_WAITING_BYTES = 134_217_728
"""More unwritten audio than this and the disk is too slow for the calls there are."""

Work = Callable[[], None]

_log = get_logger("recorder")


class Disk(Protocol):
    """Does work on files in the order it is asked for."""

    def do(self, work: Work, size_bytes: int = 0) -> bool:
        """Do it, now or soon; False where that much cannot wait any more."""
        ...


class AtOnce:
    """Does everything in the caller's thread."""

    def do(self, work: Work, size_bytes: int = 0) -> bool:
        """See `Disk.do`."""
        work()
        return True


class SpoolFile:
    """A file in the spool; its first error ends the writing. Folders are made as needed."""

    __slots__ = ("_descriptor", "_disk", "error", "path")

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.error: OSError | None = None
        self._disk = disk
        self._descriptor = -1
        disk.do(self._open)

    def write(self, data: bytes, offset: int) -> None:
        """Write bytes at an offset."""
        if not self._disk.do(lambda: self._write(data, offset), len(data)) and self.error is None:
            self.error = OSError(errno.EBUSY, "the disk is too slow")

    def close(self, size_bytes: int) -> None:
        """Cut or extend to a size, and close."""
        self._disk.do(lambda: self._close(size_bytes))

    def _open(self) -> None:
        try:
            make_private_folder(self.path.parent)
            flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, FILE_MODE)
        except OSError as error:
            self.error = error

    def _write(self, data: bytes, offset: int) -> None:
        if self.error is None:
            try:
                os.pwrite(self._descriptor, data, offset)
            except OSError as error:
                self.error = error

    def _close(self, size_bytes: int) -> None:
        if self._descriptor < 0:
            return
        try:
            if self.error is None:
                os.ftruncate(self._descriptor, size_bytes)
        except OSError as error:
            self.error = error
        finally:
            os.close(self._descriptor)
            self._descriptor = -1


class SpoolDisk:
    """One thread for the files of all recordings; it begins with the first of them."""

    def __init__(self) -> None:
        self._batch: list[Work] = []
        self._batch_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._queue: SimpleQueue[tuple[list[Work], int] | None] = SimpleQueue()
        self._asked_bytes = 0
        self._done_bytes = 0
        self._thread: threading.Thread | None = None

    @property
    def waiting_bytes(self) -> int:
        """Audio that is not written yet."""
        return self._asked_bytes - self._done_bytes

    def do(self, work: Work, size_bytes: int = 0) -> bool:
        """See `Disk.do`."""
        if size_bytes and self.waiting_bytes > MAX_WAITING_BYTES:
            return False
        self._asked_bytes += size_bytes
        self._batch_bytes += size_bytes
        self._batch.append(work)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HANDOVER_S, self._hand_over)
        return True

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._batch:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="recording-files", daemon=True)
                self._thread.start()
            self._queue.put((self._batch, self._batch_bytes))
            self._batch, self._batch_bytes = [], 0

    async def settled(self) -> None:
        """Wait until everything asked for so far is done."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._hand_over()
        self._batch.append(lambda: _tell_soon(loop, done))
        self._hand_over()
        await done

    def close(self) -> None:
        """Finish what is asked for, and end the thread."""
        self._hand_over()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (batch := self._queue.get()) is not None:
            works, size_bytes = batch
            for work in works:
                try:
                    work()
                except Exception:  # a fault of ours in one file must not stop the others for good
                    _log.exception("work on a recording's file failed")
            self._done_bytes += size_bytes


def _tell_soon(loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
    loop.call_soon_threadsafe(_tell, done)


def _tell(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
