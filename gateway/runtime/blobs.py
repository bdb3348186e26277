"""Blobs: recordings and captures, in a local folder or an S3 bucket, chosen by URL.

A blob appears whole or not at all, and is durable once `put` or `put_file` has returned. Keys are relative
paths of letters, digits, `.`, `_` and `-`: `2025/11/21/0d3k.wav`.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from gateway.runtime.errors import BlobError, BlobKeyInvalid, BlobNotFound, BlobRangeInvalid
from gateway.runtime.private import make_private_folder

CHUNK_BYTES = 64 * 1024
MAX_KEY_LETTERS = 512

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/?)*")
_UNFINISHED = ".unfinished-"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """One stored blob: its key, size in bytes and moment of storing (nanoseconds since the Unix epoch)."""

    key: str
    size_bytes: int
    stored_ns: int


class Blobs(Protocol):
    """A store of blobs. Every method raises `BlobKeyInvalid` for a key that is none."""

    async def put(self, key: str, data: bytes) -> None:
        """Store bytes under a key, in place of what was there."""

    async def put_file(self, key: str, source: Path) -> None:
        """Store a file under a key and delete the file."""

    async def info(self, key: str) -> BlobInfo:
        """Describe a blob. Raises `BlobNotFound`."""

    async def get(self, key: str) -> bytes:
        """Return a blob's bytes. Raises `BlobNotFound`."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream the bytes from `start` up to, without, `end`, in chunks.

        Raises `BlobNotFound`; `BlobRangeInvalid` unless 0 ≤ start ≤ end ≤ size.
        """

    async def delete(self, key: str) -> bool:
        """Delete a blob; False says there was none."""

    async def list(self, prefix: str = "") -> Sequence[BlobInfo]:
        """Describe the blobs whose keys begin with `prefix`, in order of key."""

    async def free_bytes(self) -> int | None:
        """Return the free space below the store; None where that is unknown."""

    async def close(self) -> None:
        """Let go of connections."""


def open_blobs(url: str) -> Blobs:
    """Open a store: a path, `file:///path` or `s3://bucket/prefix?endpoint_url=…&region=…`.

    Raises `BlobError` where the URL names no store or the S3 library is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return S3Blobs(parts.netloc, parts.path.strip("/"), _options(parts.query))
    if parts.scheme == "file":
        return FolderBlobs(Path(unquote(parts.path)))
    if parts.scheme:
        raise BlobError(url, "a blob store is a folder or an s3:// URL")
    return FolderBlobs(Path(url))


def _options(query: str) -> dict[str, str]:
    options = {name: values[-1] for name, values in parse_qs(query).items()}
    if unknown := sorted(options.keys() - {"endpoint_url", "region"}):
        raise BlobError("s3", f"unknown option {', '.join(unknown)}; known are endpoint_url and region")
    return options


def checked_key(key: str) -> str:
    """Return the key. Raises `BlobKeyInvalid` if it is none."""
    if len(key) > MAX_KEY_LETTERS or not _KEY.fullmatch(key):
        raise BlobKeyInvalid(key, "letters, digits, . _ - between single slashes, no leading dot")
    return key


def _checked_prefix(prefix: str) -> str:
    if len(prefix) > MAX_KEY_LETTERS or not _PREFIX.fullmatch(prefix):
        raise BlobKeyInvalid(prefix, "not the beginning of a key")
    return prefix


def _checked_range(info: BlobInfo, start: int, end: int | None) -> tuple[int, int]:
    stop = info.size_bytes if end is None else end
    if not 0 <= start <= stop <= info.size_bytes:
        raise BlobRangeInvalid(info.key, f"{start}…{stop} of {info.size_bytes} bytes")
    return start, stop


async def _threaded(work: Callable[..., _T], *args: Any) -> _T:
    return await asyncio.get_running_loop().run_in_executor(None, work, *args)


class FolderBlobs:
    """Blobs as files below one folder, which is made when first needed."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def path(self, key: str) -> Path:
        """Return where a blob is kept."""
        return self.root / checked_key(key)

    async def put(self, key: str, data: bytes) -> None:
        """See `Blobs.put`."""
        await _threaded(self._put, self.path(key), data)

    async def put_file(self, key: str, source: Path) -> None:
        """See `Blobs.put_file`. On the same file system the file is moved, not copied."""
        await _threaded(self._put_file, self.path(key), source)

    async def info(self, key: str) -> BlobInfo:
        """See `Blobs.info`."""
        return await _threaded(self._info, key)

    async def get(self, key: str) -> bytes:
        """See `Blobs.get`."""
        try:
            return await _threaded(self.path(key).read_bytes)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise BlobNotFound(key) from None

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Blobs.read`."""
        position, stop = _checked_range(await self.info(key), start, end)
        try:
            file = await _threaded(lambda: self.path(key).open("rb"))
        except FileNotFoundError:
            raise BlobNotFound(key) from None
        try:
            file.seek(position)
            while position < stop and (
                chunk := await _threaded(file.read, min(CHUNK_BYTES, stop - position))
            ):
                position += len(chunk)
                yield chunk
        finally:
            file.close()

    async def delete(self, key: str) -> bool:
        """See `Blobs.delete`. Folders that become empty go too."""
        return await _threaded(self._delete, self.path(key))

    async def list(self, prefix: str = "") -> Sequence[BlobInfo]:
        """See `Blobs.list`."""
        return await _threaded(self._list, _checked_prefix(prefix))

    async def free_bytes(self) -> int | None:
        """See `Blobs.free_bytes`."""
        return await _threaded(self._free_bytes)

    async def close(self) -> None:
        """Nothing is open between calls."""

    def _put(self, target: Path, data: bytes) -> None:
        self._make_folder(target)
        handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._publish(Path(name), target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise

    def _put_file(self, target: Path, source: Path) -> None:
        self._make_folder(target)
        if source.stat().st_dev != target.parent.stat().st_dev:
            self._put(target, source.read_bytes())
            source.unlink()
            return
        with source.open("rb+") as file:
            os.fsync(file.fileno())
        self._publish(source, target)

    def _make_folder(self, target: Path) -> None:
        try:
            make_private_folder(target.parent)
        except (FileExistsError, NotADirectoryError):
            raise BlobKeyInvalid(target.name, "a part of the key is a blob itself") from None

    def _publish(self, finished: Path, target: Path) -> None:
        try:
            os.replace(finished, target)
        except IsADirectoryError:
            raise BlobKeyInvalid(target.name, "the key is the beginning of other keys") from None
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _info(self, key: str) -> BlobInfo:
        path = self.path(key)
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise BlobNotFound(key) from None
        if not path.is_file():
            raise BlobNotFound(key)
        return BlobInfo(key, found.st_size, found.st_mtime_ns)

    def _delete(self, path: Path) -> bool:
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            return False
        with suppress(OSError):
            for folder in path.parents:
                if folder == self.root:
                    break
                folder.rmdir()
        return True

    def _list(self, prefix: str) -> Sequence[BlobInfo]:
        base = self.root / prefix.rpartition("/")[0]
        found = []
        for folder, _, names in os.walk(base):
            for name in names:
                key = Path(folder, name).relative_to(self.root).as_posix()
                if key.startswith(prefix) and not name.startswith(_UNFINISHED):
                    with suppress(BlobNotFound, BlobKeyInvalid):
                        found.append(self._info(key))
        return sorted(found, key=lambda info: info.key)

    def _free_bytes(self) -> int:
        make_private_folder(self.root)
        state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize


class S3Blobs:
    """Blobs as objects of one S3 bucket, below a prefix. Credentials come from the usual AWS environment."""

    def __init__(self, bucket: str, prefix: str, options: dict[str, str]) -> None:
        try:
            import boto3  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise BlobError("s3", "S3 needs the extra: sms-siprec-gateway[s3]") from None
        if not bucket:
            raise BlobError("s3", "the URL names no bucket: s3://bucket/prefix")
        self._client: Any = boto3.client(
            "s3", endpoint_url=options.get("endpoint_url"), region_name=options.get("region")
        )
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}

    async def put(self, key: str, data: bytes) -> None:
        """See `Blobs.put`."""
        place = self._place(key)
        await _threaded(lambda: self._client.put_object(**place, Body=data))

    async def put_file(self, key: str, source: Path) -> None:
        """See `Blobs.put_file`. Large files go up in parts."""
        place = self._place(key)
        await _threaded(self._client.upload_file, str(source), place["Bucket"], place["Key"])
        await _threaded(source.unlink)

    async def info(self, key: str) -> BlobInfo:
        """See `Blobs.info`."""
        place = self._place(key)
        head = await self._asked(key, lambda: self._client.head_object(**place))
        return BlobInfo(key, head["ContentLength"], int(head["LastModified"].timestamp() * 1e9))

    async def get(self, key: str) -> bytes:
        """See `Blobs.get`."""
        return b"".join([chunk async for chunk in self.read(key)])

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Blobs.read`."""
        begin, stop = _checked_range(await self.info(key), start, end)
        if begin == stop:
            return
        place = {**self._place(key), "Range": f"bytes={begin}-{stop - 1}"}
        answer = await self._asked(key, lambda: self._client.get_object(**place))
        body = answer["Body"]
        try:
            while chunk := await _threaded(body.read, CHUNK_BYTES):
                yield chunk
        finally:
            body.close()

    async def delete(self, key: str) -> bool:
        """See `Blobs.delete`."""
        place = self._place(key)
        try:
            await self.info(key)
        except BlobNotFound:
            return False
        await _threaded(lambda: self._client.delete_object(**place))
        return True

    async def list(self, prefix: str = "") -> Sequence[BlobInfo]:
        """See `Blobs.list`."""
        return await _threaded(self._list, _checked_prefix(prefix))

    async def free_bytes(self) -> int | None:
        """A bucket has no end."""
        return None

    async def close(self) -> None:
        """See `Blobs.close`."""
        await _threaded(self._client.close)

    def _list(self, prefix: str) -> Sequence[BlobInfo]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        return [
            BlobInfo(
                entry["Key"].removeprefix(self._prefix),
                entry["Size"],
                int(entry["LastModified"].timestamp() * 1e9),
            )
            for page in pages
            for entry in page.get("Contents", [])
        ]

    async def _asked(self, key: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with boto3

        try:
            return await _threaded(ask)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
                raise BlobNotFound(key) from None
            raise BlobError(key, str(error)) from error
