"""HTTP/1.1 as a webhook needs it: one request written, one response read. Pure (RFC 9112)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 1024 * 1024
MAX_URL_CHARS = 2048
USER_AGENT = "sms-siprec-gateway"

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?\Z")
_NO_BODY = frozenset({204, 304})
_SAFE = "/%:@!$&'()*+,;=~-._?"
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")


class TargetInvalid(ValueError):
    """A URL no event can be posted to; `str()` says why."""


class ResponseInvalid(ValueError):
    """The receiver's answer is not HTTP/1.1, or longer than we read."""


@dataclass(frozen=True, slots=True)
class TargetUrl:
    """Where events are posted: `host` without brackets, `path` with the query, ready for a request line."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def parse_target(url: str) -> TargetUrl:
    """Read an http or https URL. Raises `TargetInvalid`."""
    if len(url) > MAX_URL_CHARS or not url.isprintable() or " " in url:
        raise TargetInvalid(f"a URL of at most {MAX_URL_CHARS} visible characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TargetInvalid("not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TargetInvalid("an http:// or https:// URL")
    if parts.username is not None or parts.password is not None:
        raise TargetInvalid("no user name or password in the URL: sign with `secret` instead")
    if not _HOST.fullmatch(parts.hostname) or port == 0:
        raise TargetInvalid("not a host name")
    secure = parts.scheme == "https"
    path = quote(parts.path or "/", safe=_SAFE) + (
        f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    )
    return TargetUrl(secure, parts.hostname, port or (443 if secure else 80), path)


class RequestWriter:
    """Writes the requests of one webhook: what never changes is prepared once."""

    def __init__(self, target: TargetUrl, secret: str | None) -> None:
        self._head = (
            f"POST {target.path} HTTP/1.1\r\nHost: {target.authority}\r\nUser-Agent: {USER_AGENT}\r\n"
            "Content-Type: application/json\r\nAccept: */*\r\n"
        ).encode("ascii")
        self._sign = Signer(secret.encode()) if secret else None

    def request(self, delivery_id: str, attempt: int, body: bytes) -> bytes:
        """Return a whole request: head, signatures over the raw body, body."""
        variable = f"X-Delivery-Id: {delivery_id}\r\nX-Delivery-Attempt: {attempt}\r\n"
        if self._sign is not None:
            sha1, sha256 = self._sign(body)
            variable += f"X-Spark-Signature: {sha1}\r\nX-Signature-256: {sha256}\r\n"
        variable += f"Content-Length: {len(body)}\r\n\r\n"
        return b"".join((self._head, variable.encode("ascii"), body))


class Signer:
    """Gives HMAC-SHA1 and HMAC-SHA256 of a raw body (RFC 2104), in hexadecimal, as the headers carry them.

    The keyed states are made once and copied for each body: half the price of `hmac.digest`.
    """

    def __init__(self, secret: bytes) -> None:
        self._sha1 = _keyed(secret, "sha1")
        self._sha256 = _keyed(secret, "sha256")

    def __call__(self, body: bytes) -> tuple[str, str]:
        """Return the two signatures."""
        return _hmac(self._sha1, body), _hmac(self._sha256, body)


_Keyed = tuple["hashlib._Hash", "hashlib._Hash"]


def _keyed(secret: bytes, name: str) -> _Keyed:
    block = (secret if len(secret) <= 64 else hashlib.new(name, secret).digest()).ljust(64, b"\0")
    return hashlib.new(name, bytes(x ^ 0x36 for x in block)), hashlib.new(
        name, bytes(x ^ 0x5C for x in block)
    )


def _hmac(keyed: _Keyed, body: bytes) -> str:
    inner, outer = keyed[0].copy(), keyed[1].copy()
    inner.update(body)
    outer.update(inner.digest())
    return outer.hexdigest()


@dataclass(frozen=True, slots=True)
class Response:
    """A receiver's answer. `keep_alive` tells whether the connection can carry another request."""

    status: int
    keep_alive: bool
    retry_after_s: float | None = None


class _Part(Enum):
    HEAD = "head"
    FIXED = "fixed"
    CHUNK_SIZE = "chunk size"
    CHUNK = "chunk"
    TRAILER = "trailer"
    TO_THE_END = "to the end"


class Head(NamedTuple):
    """The head of a response; `part` and `length` say how its body begins."""

    status: int
    keep_alive: bool
    retry_after_s: float | None
    part: _Part
    length: int


@lru_cache(maxsize=64)  # a receiver's heads are the same for a second, if not for ever
def read_head(raw: bytes) -> Head:
    """Read status line and headers, without the empty line. Raises `ResponseInvalid`."""
    lines = raw.split(b"\r\n")
    match = _STATUS_LINE.fullmatch(lines[0])
    if match is None:
        raise ResponseInvalid("the answer is not HTTP/1.1")
    fields: dict[bytes, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise ResponseInvalid("a header line of the answer is malformed")
        key, value = name.lower(), value.strip()
        if key == b"content-length" and fields.get(key, value) != value:
            raise ResponseInvalid("the answer has two lengths")
        fields[key] = value
    status = int(match[2])
    connection = fields.get(b"connection", b"").lower()
    keep_alive = b"close" not in connection if match[1] == b"1" else b"keep-alive" in connection
    part, length = _framing(status, fields)
    keep_alive = keep_alive and part is not _Part.TO_THE_END
    return Head(status, keep_alive, _seconds(fields.get(b"retry-after")), part, length)


def _framing(status: int, fields: dict[bytes, bytes]) -> tuple[_Part, int]:
    """Decide how the body begins (RFC 9112 §6.3)."""
    if status < 200 or status in _NO_BODY:
        return _Part.FIXED, 0
    if b"transfer-encoding" in fields:
        if fields[b"transfer-encoding"].lower() != b"chunked":
            raise ResponseInvalid("the answer has an unknown transfer encoding")
        return _Part.CHUNK_SIZE, 0
    length = fields.get(b"content-length")
    if length is None:
        return _Part.TO_THE_END, 0
    if not length.isdigit() or len(length) > 9 or int(length) > MAX_BODY_BYTES:
        raise ResponseInvalid("the body of the answer is too long")
    return _Part.FIXED, int(length)


class ResponseReader:
    """Reads responses one after the other; bodies are counted and thrown away.

    `receive_data` returns a response once it is complete; `receive_eof` one that ends with the connection.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._reset()

    @property
    def started(self) -> bool:
        """Tell whether bytes of an unfinished response have come."""
        return bool(self._buffer) or self._part is not _Part.HEAD

    def receive_data(self, data: bytes) -> Response | None:
        """Take bytes. Raises `ResponseInvalid`; the connection cannot be used after that."""
        self._buffer = self._buffer + data if self._buffer else data
        while True:
            if self._part is _Part.HEAD:
                end = self._buffer.find(b"\r\n\r\n")
                if end < 0:
                    if len(self._buffer) > MAX_HEAD_BYTES:
                        raise ResponseInvalid("the head of the answer is too long")
                    return None
                self._read_head(self._buffer[:end])
                self._buffer = self._buffer[end + 4 :]
            done = self._read_body()
            if done is None:
                return None
            if done:
                return self._finish()

    def receive_eof(self) -> Response | None:
        """Take the end of the connection: the end of a body without length, else nothing."""
        if self._part is _Part.TO_THE_END:
            return self._finish()
        return None

    def _reset(self) -> None:
        self._part = _Part.HEAD
        self._left = 0
        self._total = 0
        self._status = 0
        self._keep_alive = False
        self._retry_after_s: float | None = None

    def _finish(self) -> Response:
        response = Response(self._status, self._keep_alive and not self._buffer, self._retry_after_s)
        self._reset()
        return response

    def _read_head(self, raw: bytes) -> None:
        head = read_head(raw)
        self._status, self._keep_alive, self._retry_after_s = head.status, head.keep_alive, head.retry_after_s
        self._part, self._left = head.part, head.length

    def _read_body(self) -> bool | None:
        """Consume body bytes: True at its end, False for the next head (after 1xx), None without an end."""
        while True:
            part = self._part
            if part is _Part.FIXED:
                self._skip()
                if self._left:
                    return None
                if self._status < 200:
                    self._reset()
                    return False
                return True
            if part is _Part.TO_THE_END:
                self._count(len(self._buffer))
                self._buffer = b""
                return None
            if part is _Part.CHUNK:
                self._skip()
                if self._left:
                    return None
                self._part = _Part.CHUNK_SIZE
                continue
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                if len(line) > MAX_HEAD_BYTES:
                    raise ResponseInvalid("a line of the answer is too long")
                return None
            self._buffer = rest
            if part is _Part.TRAILER:
                self._count(len(line) + 2)
                if not line:
                    return True
            else:
                self._start_chunk(line)

    def _start_chunk(self, line: bytes) -> None:
        digits = line.partition(b";")[0].strip()
        try:
            size = int(digits, 16) if re.fullmatch(rb"[0-9A-Fa-f]{1,8}", digits) else -1
        except ValueError:  # pragma: no cover - the pattern is stricter
            size = -1
        if size < 0:
            raise ResponseInvalid("a chunk of the answer has no size")
        self._count(size)
        self._part, self._left = (_Part.CHUNK, size + 2) if size else (_Part.TRAILER, 0)

    def _skip(self) -> None:
        taken = min(self._left, len(self._buffer))
        self._left -= taken
        self._buffer = self._buffer[taken:]

    def _count(self, more: int) -> None:
        self._total += more
        if self._total > MAX_BODY_BYTES:
            raise ResponseInvalid("the body of the answer is too long")


def _seconds(retry_after: bytes | None) -> float | None:
    if retry_after is None or not retry_after.isdigit() or len(retry_after) > 9:
        return None
    return float(retry_after)
