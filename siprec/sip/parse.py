"""From bytes to a message, hardened: limits before work, every fault with the answer it deserves (RFC 3261
§7, §25).

`parse_datagram` reads a whole packet; `parse_head` reads what stands before the body and serves the stream
parser.
"""

import re
from dataclasses import dataclass

from siprec.sip.errors import MessageTooLargeError, ParseError
from siprec.sip.headers import (
    TOKEN,
    Headers,
    canonical,
    parse_integer,
    parse_name_addr,
    sip_uri,
    spelled,
)
from siprec.sip.message import ENCODING, ERRORS, Message, Request, Response

_SINGLE = ("call-id", "cseq", "from", "to")
_FOLD = re.compile(r"\r?\n[ \t]+")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?\Z", re.IGNORECASE | re.DOTALL)
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+\Z", re.IGNORECASE)
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseRules:
    """Limits of one message, and whether vendor faults are forgiven.

    `lenient` accepts what equipment in the field sends and RFC 3261 leaves no room for: an ACK whose CSeq
    names another method, spaces around the request line and inside `<>`, display names without quotes, a Date
    in local time, a header repeated with the same value, lines that end in LF alone.
    """

    max_head_bytes: int = 49_152
    max_headers: int = 256
    max_header_bytes: int = 16_384
    max_body_bytes: int = 65_536
    lenient: bool = True


DEFAULT_RULES = ParseRules()


def parse_datagram(data: bytes, rules: ParseRules = DEFAULT_RULES) -> Message:
    """Parse one datagram; bytes past Content-Length are ignored (§18.3).

    Raises `ParseError`; its `headers` are set where the request can still be answered.
    """
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    end, gap = find_head_end(data, 0)
    if end < 0:
        end, gap = len(data), 0
    message = parse_head(data[:end], rules)
    body = data[end + gap :]
    length = content_length(message, rules)
    if length is None:
        length = len(body)
        check_body_size(length, message, rules)
    elif length > len(body):
        raise blame(message, ParseError("Content-Length", "is larger than the datagram"))
    message.body = body[:length]
    return message


def find_head_end(data: bytes | bytearray, start: int) -> tuple[int, int]:
    """Return where the head ends and how many bytes part it from the body; (-1, 0) while it is unfinished."""
    end = data.find(b"\r\n\r\n", start)
    bare = data.find(b"\n\n", start, end + 1 if end >= 0 else len(data))
    if bare >= 0 and (end < 0 or bare < end):
        return bare, 2
    return end, 4 if end >= 0 else 0


def content_length(message: Message, rules: ParseRules) -> int | None:
    """Return the declared body size in bytes, None where it is not declared. Raises `ParseError`."""
    declared = message.headers.fields("content-length")
    if not declared:
        return None
    try:
        if len({value.strip() for value in declared}) > 1 or (len(declared) > 1 and not rules.lenient):
            raise ParseError("Content-Length", "repeated")
        length = parse_integer(declared[0], "Content-Length", 2**32)
    except ParseError as error:
        raise blame(message, error) from None
    check_body_size(length, message, rules)
    return length


def check_body_size(length: int, message: Message, rules: ParseRules) -> None:
    """Raise `MessageTooLargeError` where a body passes the limit."""
    if length > rules.max_body_bytes:
        raise blame(message, MessageTooLargeError("body in bytes", rules.max_body_bytes))


def blame(message: Message, error: ParseError) -> ParseError:
    """Attach what is needed to answer a faulty request."""
    error.headers = message.headers
    if isinstance(message, Request):
        error.method = message.method
    return error


def parse_head(head: bytes, rules: ParseRules = DEFAULT_RULES) -> Message:
    """Parse start line and headers, and check every header a SIP element depends on.

    Raises `ParseError`.
    """
    if len(head) > rules.max_head_bytes:
        raise MessageTooLargeError("head in bytes", rules.max_head_bytes)
    text = head.decode(ENCODING, ERRORS)
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n") if "\r\n" in text else text.split("\n")
    start_line = lines[0]
    if start_line[:4].upper() == "SIP/" and start_line[4:5].isdigit():
        message: Message = _parse_status_line(start_line)
        message.headers = _parse_headers(lines, rules)
        try:
            _check(message, rules)
        except ParseError as error:
            raise blame(message, error) from None
        return message
    return _parse_request(start_line, lines, rules)


def _parse_status_line(line: str) -> Response:
    match = _STATUS_LINE.match(line)
    if not match:
        raise ParseError("status line", "malformed")
    return Response(Headers(), status=int(match[1]), reason=match[2] or "")


def _parse_request(start_line: str, lines: list[str], rules: ParseRules) -> Request:
    parts = start_line.split() if rules.lenient else start_line.split(" ")
    method = parts[0] if parts else ""
    if not TOKEN.match(method):
        raise ParseError("request line", "has no method")
    if not _VERSION.match(start_line.rstrip().rpartition(" ")[2]):
        raise ParseError("request line", "has no SIP version")
    headers = _parse_headers(lines, rules)
    message = Request(headers, method=method)
    try:
        message.uri = _request_uri(parts)
        _check(message, rules)
    except ParseError as error:
        raise blame(message, error) from None
    return message


def _request_uri(parts: list[str]) -> str:
    if _VERSION.match(parts[-1]) and parts[-1].upper() != "SIP/2.0":
        raise ParseError("request line", "SIP version is not 2.0", 505)
    if len(parts) != 3:
        raise ParseError("request line", "is not METHOD URI VERSION")
    return parts[1]


def _parse_headers(lines: list[str], rules: ParseRules) -> Headers:
    if len(lines) - 1 > rules.max_headers:
        raise MessageTooLargeError("number of headers", rules.max_headers)
    most = rules.max_header_bytes
    items: list[tuple[str, str]] = []
    for line in lines[1:]:
        if len(line) > most:
            raise MessageTooLargeError("header in bytes", most)
        if "\n" in line or "\r" in line:
            items += _loose_lines(line, rules)
            continue
        name, colon, value = line.partition(":")
        if not colon:
            if not line:
                continue
            raise ParseError("header", "has no colon")
        items.append((canonical(name.rstrip()), value.strip()))
    return Headers.of(items)


def _loose_lines(line: str, rules: ParseRules) -> list[tuple[str, str]]:
    """Read lines that end in LF among others in CR LF; a lone CR is refused: it could forge headers."""
    if "\r" in line.replace("\r\n", "\n") or not rules.lenient:
        raise ParseError("header", "has a bare CR or LF")
    pairs = [part.partition(":") for part in line.split("\n") if part]
    if any(not colon for _, colon, _ in pairs):
        raise ParseError("header", "has no colon")
    return [(canonical(name.rstrip()), value.strip()) for name, _, value in pairs]


def _check(message: Message, rules: ParseRules) -> None:
    headers = message.headers
    for key in _SINGLE:
        count = headers.count(key)
        if count == 0:
            raise ParseError(spelled(key), "missing")
        if count > 1 and not (rules.lenient and len(set(headers.fields(key))) == 1):
            raise ParseError(spelled(key), "repeated")
    _ = message.via
    cseq = message.cseq
    _check_addresses(message, rules)
    _check_numbers(headers, rules)
    if isinstance(message, Request):
        _check_request(message, cseq.method, rules)


def _check_addresses(message: Message, rules: ParseRules) -> None:
    if rules.lenient:
        _ = message.from_, message.to
    else:
        for key in ("from", "to"):
            parse_name_addr(message.headers.get(key) or "", spelled(key), lenient=False)
    for value in message.headers.values("record-route"):
        if sip_uri(parse_name_addr(value, "Record-Route")) is None:
            raise ParseError("Record-Route", "is not a SIP URI")
    if not message.headers.get("call-id"):
        raise ParseError("Call-ID", "empty")


def _check_numbers(headers: Headers, rules: ParseRules) -> None:
    if "max-forwards" in headers:
        limits = set(headers.fields("max-forwards"))
        if len(limits) > 1:
            raise ParseError("Max-Forwards", "repeated")
        parse_integer(limits.pop(), "Max-Forwards", 255)
    if "expires" in headers:
        parse_integer(headers.get("expires") or "", "Expires", 2**32 - 1)
    if not rules.lenient and "date" in headers and not _DATE.match(headers.get("date") or ""):
        raise ParseError("Date", "is not an RFC 1123 date in GMT")


def _check_request(request: Request, cseq_method: str, rules: ParseRules) -> None:
    if cseq_method != request.method and not (rules.lenient and request.method == "ACK"):
        raise ParseError("CSeq", "names another method than the request line")
    uri = request.parsed_uri
    if getattr(uri, "headers", None) is not None:
        raise ParseError("Request-URI", "has a headers part")
    if "contact" in request.headers:
        for value in request.headers.values("contact"):
            if value != "*":
                parse_name_addr(value, "Contact", lenient=rules.lenient)
