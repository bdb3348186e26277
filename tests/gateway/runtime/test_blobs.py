"""One contract over both stores of blobs: whole or not at all, ranges, prefixes, keys that cannot escape."""

import os
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.blobs import CHUNK_BYTES, Blobs, FolderBlobs, checked_key, open_blobs
from gateway.runtime.errors import BlobError, BlobKeyInvalid, BlobNotFound, BlobRangeInvalid

DATE = "Fri, 21 Nov 2025 12:00:00 GMT"


class S3Handler(BaseHTTPRequestHandler):
    """The few operations of S3's REST API that the store uses."""

    protocol_version = "HTTP/1.1"
    server: "S3Server"

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix("/bucket/")

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.pop("length", str(len(body))))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Content-Encoding", "") + self.headers.get(
            "Transfer-Encoding", ""
        ):
            return self.rfile.read(int(self.headers["Content-Length"]))
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return data

    def do_PUT(self) -> None:
        self.server.objects[self._key] = self._body()
        self._answer(200, ETag='"x"')

    def do_HEAD(self) -> None:
        data = self.server.objects.get(self._key)
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        self.send_header("Last-Modified", DATE)
        self.end_headers()

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "list-type" in query:
            return self._list(query.get("prefix", [""])[0])
        data = self.server.objects.get(self._key)
        if data is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        return self._answer(206, data[int(first) : int(last) + 1])

    def _list(self, prefix: str) -> None:
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(data)}</Size>"
            "<LastModified>2025-11-21T12:00:00.000Z</LastModified></Contents>"
            for key, data in sorted(self.server.objects.items())
            if key.startswith(prefix)
        )
        self._answer(
            200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
        )

    def do_DELETE(self) -> None:
        self.server.objects.pop(self._key, None)
        self._answer(204)


class S3Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), S3Handler)
        self.objects: dict[str, bytes] = {}


@pytest.fixture
def s3_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with S3Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"s3://bucket/below?region=us-east-1&endpoint_url=http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=["folder", "s3"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    url = request.getfixturevalue("s3_url") if request.param == "s3" else f"{tmp_path}/store"
    blobs = open_blobs(url)
    yield blobs
    await blobs.close()


async def test_what_is_put_can_be_got(blobs: Blobs) -> None:
    await blobs.put("2025/11/a.wav", b"RIFF")
    await blobs.put("2025/11/a.wav", b"RIFF again")
    assert await blobs.get("2025/11/a.wav") == b"RIFF again"
    info = await blobs.info("2025/11/a.wav")
    assert (info.key, info.size_bytes) == ("2025/11/a.wav", 10)
    assert info.stored_ns > 10**18


async def test_an_empty_blob_is_a_blob(blobs: Blobs) -> None:
    await blobs.put("empty", b"")
    assert await blobs.get("empty") == b""
    assert [chunk async for chunk in blobs.read("empty")] == []


async def test_files_are_taken_over(blobs: Blobs, tmp_path: Path) -> None:
    source = tmp_path / "recording.wav"
    source.write_bytes(b"x" * 100_000)
    await blobs.put_file("calls/1.wav", source)
    assert not source.exists()
    assert (await blobs.info("calls/1.wav")).size_bytes == 100_000


@pytest.mark.parametrize(
    ("start", "end"), [(0, None), (0, 0), (5, 5), (0, 1), (70_000, None), (65_530, 65_542), (1, 150_000)]
)
async def test_ranges(blobs: Blobs, start: int, end: int | None) -> None:
    data = bytes(range(250)) * 600
    await blobs.put("big", data)
    chunks = [chunk async for chunk in blobs.read("big", start, end)]
    assert b"".join(chunks) == data[start:end]
    assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)


@pytest.mark.parametrize(("start", "end"), [(-1, None), (0, 11), (6, 5), (11, None)])
async def test_ranges_outside_are_refused(blobs: Blobs, start: int, end: int | None) -> None:
    await blobs.put("ten", b"0123456789")
    with pytest.raises(BlobRangeInvalid, match="of 10 bytes"):
        _ = [chunk async for chunk in blobs.read("ten", start, end)]


async def test_what_is_not_there_is_named(blobs: Blobs) -> None:
    for ask in (blobs.info, blobs.get):
        with pytest.raises(BlobNotFound, match="no such blob: 'calls/none'"):
            await ask("calls/none")
    with pytest.raises(BlobNotFound):
        _ = [chunk async for chunk in blobs.read("none")]
    assert await blobs.delete("none") is False


async def test_lists_by_prefix_in_order(blobs: Blobs) -> None:
    for key in ("b/2", "b/1", "a/1", "b1"):
        await blobs.put(key, b"x")
    assert [info.key for info in await blobs.list()] == ["a/1", "b/1", "b/2", "b1"]
    assert [info.key for info in await blobs.list("b/")] == ["b/1", "b/2"]
    assert [info.key for info in await blobs.list("b")] == ["b/1", "b/2", "b1"]
    assert await blobs.list("none/") == []


async def test_deleting(blobs: Blobs) -> None:
    await blobs.put("a/b/c", b"x")
    assert await blobs.delete("a/b/c") is True
    assert await blobs.delete("a/b/c") is False
    assert await blobs.list() == []
    await blobs.put("a", b"a folder that became empty is in nobody's way")


BAD_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "../x",
    "a/../b",
    "a//b",
    "a/",
    ".hidden",
    "a/.b",
    "a b",
    "a\\b",
    "a\x00",
    "ä",
    "x" * 513,
]


@pytest.mark.parametrize("key", BAD_KEYS)
async def test_keys_that_could_leave_the_store_are_refused(blobs: Blobs, key: str) -> None:
    for ask in (blobs.info, blobs.get, blobs.delete):
        with pytest.raises(BlobKeyInvalid):
            await ask(key)
    with pytest.raises(BlobKeyInvalid):
        await blobs.put(key, b"")


@pytest.mark.parametrize("prefix", ["../", "/", "a//", "a\x00"])
async def test_prefixes_are_checked_too(blobs: Blobs, prefix: str) -> None:
    with pytest.raises(BlobKeyInvalid):
        await blobs.list(prefix)


@given(st.text("ab./_-", max_size=12))
def test_a_key_never_leaves_the_folder(key: str) -> None:
    root = Path("/store/root")
    try:
        checked_key(key)
    except BlobKeyInvalid:
        return
    resolved = Path(os.path.normpath(root / key))
    assert resolved.is_relative_to(root)
    assert resolved != root


class TestFolder:
    async def test_a_failed_put_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        blobs = FolderBlobs(tmp_path)
        await blobs.put("a", b"old")

        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("gateway.runtime.blobs.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            await blobs.put("a", b"new")
        monkeypatch.undo()
        assert await blobs.get("a") == b"old"
        assert os.listdir(tmp_path) == ["a"]

    async def test_unfinished_files_are_not_listed(self, tmp_path: Path) -> None:
        (tmp_path / ".unfinished-x").write_bytes(b"half")
        assert await FolderBlobs(tmp_path).list() == []

    async def test_a_blob_cannot_be_a_folder_too(self, tmp_path: Path) -> None:
        blobs = FolderBlobs(tmp_path)
        await blobs.put("a/b", b"x")
        with pytest.raises(BlobKeyInvalid, match="beginning of other keys"):
            await blobs.put("a", b"x")
        with pytest.raises(BlobKeyInvalid, match="a blob itself"):
            await blobs.put("a/b/c", b"x")
        with pytest.raises(BlobNotFound):
            await blobs.info("a")
        with pytest.raises(BlobNotFound):
            await blobs.get("a/b/c")
        assert await blobs.delete("a") is False

    async def test_free_space_is_known(self, tmp_path: Path) -> None:
        free = await FolderBlobs(tmp_path / "new").free_bytes()
        assert free is not None
        assert free > 0


@pytest.mark.parametrize("url", ["http://host/x", "s3://", "s3://bucket?region=x&colour=red"])
def test_urls_that_name_no_store(url: str) -> None:
    with pytest.raises(BlobError):
        open_blobs(url)


def test_a_folder_may_be_written_as_url(tmp_path: Path) -> None:
    store = open_blobs(f"file://{tmp_path}/a%20b")
    assert isinstance(store, FolderBlobs)
    assert store.root == tmp_path / "a b"
