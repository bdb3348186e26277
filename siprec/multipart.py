"""MIME multipart bodies as SIP carries them (RFC 5621, RFC 2046 §5.1): a tolerant splitter and a writer.

    parts = multipart.split(content_type, body)      # a body that is not multipart is one part
    sdp = next((p for p in parts if p.content_type == "application/sdp"), None)
    content_type, body = multipart.join([Part.of("application/sdp", sdp_bytes), ...], boundary="x")

Taken as they come: LF-only lines, a missing final boundary, no blank after a header's colon
(`Content-Type:application/rs-metadata+xml`), parts in any order, nested multiparts (flattened), a boundary
parameter that is missing or wrong (the first `--` line tells), parts in base64 or quoted-printable. A part's
own Content-Length is not believed.

Error: `MultipartError(reason)` is the only one raised.
"""

import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

MAX_BODY_BYTES = 262_144
MAX_PARTS = 16
MAX_PART_HEADER_BYTES = 4_096
MAX_NESTING = 3
MAX_BOUNDARY_CHARS = 200

BROADWORKS_BOUNDARY = "UniqueBroadWorksBoundary"

_TRANSFER_ENCODING = "content-transfer-encoding"
_DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "base64": binascii.a2b_base64,
    "quoted-printable": binascii.a2b_qp,
}


class MultipartError(ValueError):
    """A body that cannot be taken apart, or exceeds a limit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"multipart body: {self.reason}"


@dataclass(frozen=True, slots=True)
class Part:
    """One body part: its headers as they came (names keep their case) and its bytes."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def of(cls, content_type: str, body: bytes, disposition: str | None = None) -> "Part":
        """A part with the usual headers."""
        headers = [("Content-Type", content_type)]
        if disposition is not None:
            headers.append(("Content-Disposition", disposition))
        return cls(tuple(headers), body)

    def header(self, name: str) -> str | None:
        """The first header of this name, whatever its case."""
        lowered = name.lower()
        return next((value for key, value in self.headers if key.lower() == lowered), None)

    @property
    def content_type(self) -> str:
        """`type/subtype` in lower case; text/plain where none is stated (RFC 2045 §5.2)."""
        return media_type(self.header("Content-Type") or "text/plain")

    @property
    def disposition(self) -> str | None:
        """The disposition's type in lower case, e.g. `recording-session` (RFC 7866 §9)."""
        value = self.header("Content-Disposition")
        return value.partition(";")[0].strip().lower() if value is not None else None

    @property
    def is_optional(self) -> bool:
        """`handling=optional`: one may ignore it where its type is unknown (RFC 3261 §20.11)."""
        value = self.header("Content-Disposition") or ""
        return (parameter(value, "handling") or "").lower() == "optional"


def media_type(value: str) -> str:
    """`type/subtype` of a Content-Type value, lower case, without parameters."""
    return value.partition(";")[0].strip().lower()


def parameter(value: str, name: str) -> str | None:
    """A parameter of a header value; quotes removed, name compared without case; None where absent."""
    for item in _parameters(value):
        key, equals, text = item.partition("=")
        if equals and key.strip().lower() == name:
            text = text.strip()
            return text[1:-1].replace("\\", "") if len(text) >= 2 and text[0] == text[-1] == '"' else text
    return None


def _parameters(value: str) -> Iterator[str]:
    """The pieces after the first `;`, not splitting inside quotes."""
    if '"' not in value:
        yield from value.split(";")[1:]
        return
    start, quoted, first = 0, False, True
    for index, char in enumerate(value):
        if char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            if not first:
                yield value[start:index]
            first, start = False, index + 1
    if not first:
        yield value[start:]


def split(content_type: str, body: bytes, disposition: str | None = None) -> tuple[Part, ...]:
    """Take a SIP body apart. content_type and disposition: the message's own header values.

    Raises MultipartError where a limit is exceeded or a multipart body has no boundary at all.
    """
    if len(body) > MAX_BODY_BYTES:
        raise MultipartError(f"longer than {MAX_BODY_BYTES} bytes")
    parts: list[Part] = []
    _collect(content_type, Part.of(content_type, body, disposition), parts, 0)
    return tuple(parts)


def _collect(content_type: str, whole: Part, parts: list[Part], depth: int) -> None:
    if not media_type(content_type).startswith("multipart/"):
        if len(parts) == MAX_PARTS:
            raise MultipartError(f"more than {MAX_PARTS} parts")
        parts.append(whole)
        return
    if depth == MAX_NESTING:
        raise MultipartError(f"nested more than {MAX_NESTING} deep")
    for chunk in _chunks(whole.body, _delimiter(content_type, whole.body)):
        part = _read_part(chunk)
        _collect(part.header("Content-Type") or "text/plain", part, parts, depth + 1)


def _delimiter(content_type: str, body: bytes) -> bytes:
    """The delimiter the body really uses: the declared one if it occurs, else its first `--` line."""
    declared = parameter(content_type, "boundary")
    if declared and len(declared) <= MAX_BOUNDARY_CHARS:
        delimiter = b"--" + declared.encode("utf-8", "replace")
        if _find(body, delimiter, 0) >= 0:
            return delimiter
    start = _find(body, b"--", 0)
    if start >= 0:
        line = body[start : start + MAX_BOUNDARY_CHARS].split(b"\n", 1)[0].rstrip()
        if len(line) > 2:
            return line
    raise MultipartError("no boundary found")


def _find(body: bytes, delimiter: bytes, start: int) -> int:
    """Where `delimiter` next stands at the beginning of a line; -1 if nowhere."""
    at = body.find(delimiter, start)
    while at > 0 and body[at - 1] != 0x0A:
        at = body.find(delimiter, at + 1)
    return at


def _chunks(body: bytes, delimiter: bytes) -> Iterator[bytes]:
    at, start, last = _next_boundary(body, delimiter, 0)
    while at >= 0 and not last:
        begin = start
        at, start, last = _next_boundary(body, delimiter, start)
        yield _without_last_line_end(body[begin : at if at >= 0 else len(body)])


def _next_boundary(body: bytes, delimiter: bytes, start: int) -> tuple[int, int, bool]:
    """Where the next boundary line begins (-1: nowhere) and ends, and whether it is the last one."""
    at = _find(body, delimiter, start)
    while at >= 0:
        after = at + len(delimiter)
        line_end = body.find(b"\n", after)
        end = line_end + 1 if line_end >= 0 else len(body)
        tail = body[after:end].strip()
        if not tail:
            return at, end, line_end < 0
        if tail.startswith(b"--"):
            return at, end, True
        at = _find(body, delimiter, after)  # a longer word that only begins like the boundary
    return -1, len(body), False


def _without_last_line_end(chunk: bytes) -> bytes:
    """The line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1)."""
    if chunk.endswith(b"\r\n"):
        return chunk[:-2]
    return chunk[:-1] if chunk.endswith(b"\n") else chunk


def _read_part(chunk: bytes) -> Part:
    head, body = _split_head(chunk)
    if len(head) > MAX_PART_HEADER_BYTES:
        raise MultipartError(f"a part's headers are longer than {MAX_PART_HEADER_BYTES} bytes")
    headers: list[tuple[str, str]] = []
    for raw in head.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        if raw[:1] in (" ", "\t") and headers:
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {raw.strip()}".strip())
            continue
        name, colon, value = raw.partition(":")
        if colon and name.strip():
            headers.append((name.strip(), value.strip()))
    return _without_transfer_encoding(Part(tuple(headers), body))


def _without_transfer_encoding(part: Part) -> Part:
    """A part's bytes as they are meant (RFC 2045 §6)."""
    decode = _DECODERS.get((part.header(_TRANSFER_ENCODING) or "").lower())
    if decode is None:
        return part
    try:
        body = decode(part.body)
    except binascii.Error:
        raise MultipartError("a part is not in the base64 it says") from None
    kept = ((name, value) for name, value in part.headers if name.lower() != _TRANSFER_ENCODING)
    return Part(tuple(kept), body)


def _split_head(chunk: bytes) -> tuple[bytes, bytes]:
    """Headers and body at the first empty line, whichever line ends are used."""
    if chunk.startswith(b"\r\n"):
        return b"", chunk[2:]
    if chunk.startswith(b"\n"):
        return b"", chunk[1:]
    crlf, lf = chunk.find(b"\r\n\r\n"), chunk.find(b"\n\n")
    if crlf >= 0 and (lf < 0 or crlf < lf):
        return chunk[:crlf], chunk[crlf + 4 :]
    if lf >= 0:
        return chunk[:lf], chunk[lf + 2 :]
    return chunk, b""


def join(parts: Sequence[Part], boundary: str, subtype: str = "mixed") -> tuple[str, bytes]:
    """Write a multipart body; returns its Content-Type value and its bytes.

    Raises MultipartError where the boundary occurs in a part or is not a legal one (RFC 2046 §5.1.1).
    """
    delimiter = b"--" + boundary.encode()
    if not boundary or len(boundary) > 70 or any(delimiter in part.body for part in parts):
        raise MultipartError(f"boundary {boundary!r} cannot be used")
    out: list[bytes] = []
    for part in parts:
        out.append(delimiter + b"\r\n")
        out.extend(f"{name}: {value}\r\n".encode() for name, value in part.headers)
        out.append(b"\r\n" + part.body + b"\r\n")
    out.append(delimiter + b"--\r\n")
    plain = all(char.isascii() and (char.isalnum() or char in "-_.+") for char in boundary)
    return f"multipart/{subtype};boundary=" + (boundary if plain else f'"{boundary}"'), b"".join(out)
