"""What a service writes is for its owner alone; what is there already keeps its rights."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.runtime.blobs import FolderBlobs
from gateway.runtime.database import Database
from gateway.runtime.private import make_private_file, make_private_folder, open_private


@pytest.fixture(autouse=True)
def _open_handed() -> Iterator[None]:
    old = os.umask(0o022)
    yield
    os.umask(old)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_every_folder_made_on_the_way_is_private(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b" / "c")
    assert [mode(tmp_path / part) for part in ("a", "a/b", "a/b/c")] == [0o700] * 3


def test_what_exists_keeps_its_rights(tmp_path: Path) -> None:
    shared, file = tmp_path / "shared", tmp_path / "shared" / "file"
    shared.mkdir(0o755)
    file.write_bytes(b"kept")
    make_private_folder(shared)
    make_private_file(file)
    assert (mode(shared), mode(file), file.read_bytes()) == (0o755, 0o644, b"kept")


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        make_private_folder(tmp_path / "file" / "below")


def test_a_private_file_for_writing(tmp_path: Path) -> None:
    with open_private(tmp_path / "capture", 4096) as stream:
        stream.write(b"octets")
    assert (mode(tmp_path / "capture"), (tmp_path / "capture").read_bytes()) == (0o600, b"octets")


async def test_the_database_with_its_journal(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with await Database.open(f"sqlite:///{folder / 'gateway.db'}"):
        found = {path.name: mode(path) for path in folder.iterdir()}
    assert mode(folder) == 0o700
    assert "gateway.db" in found
    assert set(found.values()) == {0o600}


async def test_blobs(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "recordings")
    await blobs.put("acme/1/audio.wav", b"voice")
    assert mode(tmp_path / "recordings") == mode(tmp_path / "recordings/acme/1") == 0o700
    assert mode(tmp_path / "recordings/acme/1/audio.wav") == 0o600
