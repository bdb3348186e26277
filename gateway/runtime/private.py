"""Folders and files only their owner may read: they hold texts, numbers and voices.

What exists already keeps its rights; whoever made it decided on them.
"""

import os
from pathlib import Path
from typing import BinaryIO

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_private_folder(path: Path) -> None:
    """Make a folder and its missing parents, each 0700. Raises `OSError`."""
    try:
        path.mkdir(FOLDER_MODE, exist_ok=True)
    except FileNotFoundError:
        make_private_folder(path.parent)
        path.mkdir(FOLDER_MODE, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make an empty file, 0600, unless there is one. Raises `OSError`."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, FILE_MODE))


def open_private(path: Path, buffer_bytes: int) -> BinaryIO:
    """Open a file for writing from its beginning; 0600 if it is new. Raises `OSError`."""
    return open(path, "wb", buffering=buffer_bytes, opener=_opener)


def _opener(name: str, flags: int) -> int:
    return os.open(name, flags, FILE_MODE)
