"""Requests and responses: a start line, a header list, a body; values are parsed when first asked for."""

from dataclasses import dataclass, field
from typing import Any

from siprec.sip.errors import ParseError
from siprec.sip.headers import (
    CSeq,
    Headers,
    MediaType,
    NameAddr,
    Via,
    parse_cseq,
    parse_media_type,
    parse_name_addr,
    parse_via,
    spelled,
)
from siprec.sip.uri import Uri, parse_uri

ENCODING = "utf-8"
ERRORS = "surrogateescape"
"""Bytes that are not UTF-8 survive a round trip."""

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
"""Reason phrases (§21 and the registry that followed)."""


@dataclass(slots=True, eq=False)
class Message:
    """What requests and responses share. Values raise `ParseError` where a field is malformed or missing."""

    headers: Headers
    body: bytes = b""
    _parsed: dict[str, Any] = field(default_factory=dict, repr=False)

    def _required(self, key: str) -> str:
        value = self.headers.get(key)
        if value is None:
            raise ParseError(spelled(key), "missing")
        return value

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self._required("call-id").strip()

    @property
    def cseq(self) -> CSeq:
        """The CSeq."""
        value = self._parsed.get("cseq")
        if value is None:
            value = self._parsed["cseq"] = parse_cseq(self._required("cseq"))
        return value

    @property
    def via(self) -> Via:
        """The topmost Via."""
        value = self._parsed.get("via")
        if value is None:
            tops = self.headers.values("via")
            if not tops:
                raise ParseError("Via", "missing")
            value = self._parsed["via"] = parse_via(tops[0])
        return value

    @property
    def from_(self) -> NameAddr:
        """The From."""
        return self._address("from")

    @property
    def to(self) -> NameAddr:
        """The To."""
        return self._address("to")

    def _address(self, key: str) -> NameAddr:
        value = self._parsed.get(key)
        if value is None:
            value = self._parsed[key] = parse_name_addr(self._required(key), spelled(key))
        return value

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact, None where there is none or it is `*`."""
        values = self.headers.values("contact")
        if not values or values[0] == "*":
            return None
        return parse_name_addr(values[0], "Contact")

    @property
    def content_type(self) -> MediaType | None:
        """The Content-Type, None where there is none."""
        text = self.headers.get("content-type")
        return None if text is None else parse_media_type(text)

    def _encode(self, start_line: str) -> bytes:
        lines = [start_line]
        lines += [f"{spelled(key)}: {value}" for key, value in self.headers if key != "content-length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode(ENCODING, ERRORS) + self.body


@dataclass(slots=True, eq=False)
class Request(Message):
    """A request: method, Request-URI as text, headers, body (§7.1)."""

    method: str = ""
    uri: str = ""

    @property
    def parsed_uri(self) -> Uri:
        """The Request-URI, parsed."""
        return parse_uri(self.uri)

    def encode(self) -> bytes:
        """Return the bytes on the wire; Content-Length is always the body's own."""
        return self._encode(f"{self.method} {self.uri} SIP/2.0")


@dataclass(slots=True, eq=False)
class Response(Message):
    """A response: status code, reason phrase, headers, body (§7.2)."""

    status: int = 0
    reason: str = ""

    def encode(self) -> bytes:
        """Return the bytes on the wire; Content-Length is always the body's own."""
        return self._encode(f"SIP/2.0 {self.status} {self.reason}")
