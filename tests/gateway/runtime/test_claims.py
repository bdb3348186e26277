"""One service of its kind per folder: refused while the other lives, free the moment it dies."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.runtime.claims import Claims, holder
from gateway.runtime.errors import StorageInUse

HOLD = """
import sys
from pathlib import Path
from gateway.runtime.claims import Claims
held = Claims.take([Path(sys.argv[1])], "texting")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "texting.lock"


def test_a_second_one_is_refused_and_told_by_whom(path: Path) -> None:
    first = Claims.take([path], "texting")
    with pytest.raises(StorageInUse) as refusal:
        Claims.take([path], "texting")
    assert str(refusal.value) == (
        f"{path.parent}: process {os.getpid()} runs texting on this folder already; "
        "stop it, or give this one a storage.folder of its own"
    )
    assert holder(path) == os.getpid()
    first.release()
    first.release()
    assert holder(path) is None
    Claims.take([path], "texting").release()


def test_what_is_made_is_private(path: Path) -> None:
    Claims.take([path], "texting").release()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_all_or_none(path: Path) -> None:
    other = path.with_name("other.lock")
    held = Claims.take([path], "texting")
    with pytest.raises(StorageInUse):
        Claims.take([other, path], "texting")
    assert holder(other) is None
    held.release()


def test_a_holder_that_said_nothing_is_refused_too(path: Path) -> None:
    held = Claims.take([path], "recording")
    path.write_bytes(b"")
    with pytest.raises(StorageInUse, match="another process runs recording on this folder already"):
        Claims.take([path], "recording")
    assert holder(path) == 0
    held.release()


def test_the_end_of_a_process_however_it_comes_lets_go(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert holder(path) == process.pid
        with pytest.raises(StorageInUse, match=f"process {process.pid} runs texting"):
            Claims.take([path], "texting")
        process.kill()
        process.wait()
        Claims.take([path], "texting").release()
