"""File work in a thread: in order, waited for, and told of when it fails."""

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from siprec.srs import disk as module
from siprec.srs.disk import AtOnce, SpoolDisk, SpoolFile


async def test_work_is_done_in_order_by_another_thread() -> None:
    disk, done, threads = SpoolDisk(), [], set()
    for number in range(500):
        disk.do(lambda number=number: (done.append(number), threads.add(threading.current_thread().name)))
    assert done == []
    await disk.settled()
    assert done == list(range(500))
    assert threads == {"recording-files"}
    disk.close()


async def test_work_that_fails_unforeseen_leaves_the_others_their_thread(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without its thread every recording to come would wait to be sealed for ever."""
    disk, done = SpoolDisk(), []

    def fault() -> None:
        raise ValueError("unforeseen")

    disk.do(fault)
    disk.do(lambda: done.append(1))
    async with asyncio.timeout(10):
        await disk.settled()
    assert done == [1]
    assert "unforeseen" in capsys.readouterr().err
    disk.close()


async def test_work_is_handed_over_without_being_asked_for() -> None:
    disk, heard = SpoolDisk(), asyncio.Event()
    loop = asyncio.get_running_loop()
    disk.do(lambda: loop.call_soon_threadsafe(heard.set))
    async with asyncio.timeout(5):
        await heard.wait()
    disk.close()


async def test_a_file_is_written_and_cut(tmp_path: Path) -> None:
    disk = SpoolDisk()
    file = SpoolFile(tmp_path / "a" / "b.wav", disk)
    file.write(b"xyz", 4)
    file.write(b"head", 0)
    file.close(6)
    await disk.settled()
    assert file.error is None
    assert file.path.read_bytes() == b"headxy"
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    disk.close()


async def test_closing_finishes_what_was_asked_for(tmp_path: Path) -> None:
    disk = SpoolDisk()
    SpoolFile(tmp_path / "a", disk).write(b"abc", 0)
    disk.close()
    assert (tmp_path / "a").read_bytes() == b"abc"
    SpoolDisk().close()


def test_a_file_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    file = SpoolFile(tmp_path / "taken" / "a.wav", AtOnce())
    assert isinstance(file.error, NotADirectoryError | FileExistsError)
    file.write(b"abc", 0)
    file.close(3)


def test_the_first_error_ends_the_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SpoolFile(tmp_path / "a", AtOnce())
    file.write(b"abc", 0)
    written: list[int] = []

    def full(_descriptor: int, _data: bytes, offset: int) -> int:
        written.append(offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    file.write(b"def", 3)
    file.write(b"ghi", 6)
    file.close(9)
    assert file.error is not None
    assert file.error.errno == errno.ENOSPC
    assert written == [3]
    assert (tmp_path / "a").read_bytes() == b"abc"


async def test_a_disk_that_is_too_slow_ends_files_and_bounds_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1_000)
    disk, gate = SpoolDisk(), threading.Event()
    disk.do(gate.wait)
    file = SpoolFile(tmp_path / "a", disk)
    for turn in range(100):
        file.write(bytes(100), 100 * turn)
    assert disk.waiting_bytes <= 1_100
    assert file.error is not None
    assert file.error.errno == errno.EBUSY
    gate.set()
    file.close(0)
    await disk.settled()
    assert disk.waiting_bytes == 0
    disk.close()
