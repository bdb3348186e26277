"""Header names, header lists and the values a SIP stack must read (RFC 3261 §7.3, §20, §25)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from siprec.sip.errors import ParseError, UriError
from siprec.sip.flow import bracketed
from siprec.sip.uri import SipUri, Uri, parse_host_port, parse_uri

COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
"""Compact forms (§7.3.3 and the registry that followed)."""

_SPELLED = """Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info
Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-ID Content-Length
Content-Type CSeq Date Diversion Error-Info Event Expires From Max-Forwards MIME-Version Min-Expires Min-SE
P-Asserted-Identity Path Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route
Recv-Info Refer-To Referred-By Replaces Require Retry-After Route RSeq Server Service-Route Session-Expires
Session-ID Subject Subscription-State Supported Timestamp To Unsupported User-Agent Via Warning
WWW-Authenticate X-BroadWorks-Correlation-Info"""
_SPELLING = {name.lower(): name for name in _SPELLED.split()}
_CANONICAL: dict[str, str] = {
    **COMPACT,
    **{short.upper(): full for short, full in COMPACT.items()},
    **{spelled: key for key, spelled in _SPELLING.items()},
    **{key: key for key in _SPELLING},
}

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+\Z")


def canonical(name: str) -> str:
    """Return the lower-case long form of a header name: `v` and `VIA` give `via`."""
    known = _CANONICAL.get(name)
    if known is not None:
        return known
    lowered = name.lower()
    return COMPACT.get(lowered, lowered)


def spelled(key: str) -> str:
    """Return the name as the RFCs write it; an unknown one in Title-Case."""
    return _SPELLING.get(key) or key.title()


class Headers:
    """The header fields of a message in order, under canonical names, values as they came but unfolded."""

    __slots__ = ("_index", "_items")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str]] = [(canonical(name), value) for name, value in items]
        self._index: dict[str, list[str]] | None = None

    @classmethod
    def of(cls, items: list[tuple[str, str]]) -> "Headers":
        """Take over a list whose names are canonical already."""
        made = cls.__new__(cls)
        made._items = items
        made._index = None
        return made

    def _indexed(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = self._index = {}
            for name, value in self._items:
                if name in index:
                    index[name].append(value)
                else:
                    index[name] = [value]
        return index

    def get(self, key: str) -> str | None:
        """Return the first field of a canonical name, or None."""
        found = self._indexed().get(key)
        return found[0] if found else None

    def fields(self, key: str) -> list[str]:
        """Return every field of a canonical name as it came, commas and all."""
        return list(self._indexed().get(key, ()))

    def count(self, key: str) -> int:
        """Return how many fields of a canonical name there are."""
        return len(self._indexed().get(key, ()))

    def values(self, key: str) -> list[str]:
        """Return every value of a list header, fields split at their commas."""
        found: list[str] = []
        for value in self._indexed().get(key, ()):
            if "," in value:
                found += split_list(value)
            elif value:
                found.append(value)
        return found

    def tokens(self, key: str) -> frozenset[str]:
        """Return a list header of tokens in lower case (`Require`, `Supported`)."""
        return frozenset(value.strip().lower() for value in self.values(key))

    def append(self, key: str, value: str) -> None:
        """Add a field at the end."""
        self._items.append((key, value))
        self._index = None

    def replace_first(self, key: str, value: str) -> None:
        """Put `value` in the place of the first field of that name."""
        self._index = None
        for position, (name, _) in enumerate(self._items):
            if name == key:
                self._items[position] = (key, value)
                return
        self._items.append((key, value))

    def __contains__(self, key: object) -> bool:
        return key in self._indexed()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"


def split_list(value: str) -> list[str]:
    """Split at commas outside quotes and angle brackets; parts are stripped, empty ones kept."""
    if '"' not in value and "<" not in value:
        return [part.strip() for part in value.split(",")]
    return [part.strip() for part in _split(value, ",")]


def _split(value: str, separator: str) -> list[str]:
    parts, start, quoted, bracketed_, position = [], 0, False, False, 0
    while position < len(value):
        character = value[position]
        if quoted:
            if character == "\\":
                position += 1
            elif character == '"':
                quoted = False
        elif character == '"':
            quoted = True
        elif character == "<":
            bracketed_ = True
        elif character == ">":
            bracketed_ = False
        elif character == separator and not bracketed_:
            parts.append(value[start:position])
            start = position + 1
        position += 1
    parts.append(value[start:])
    return parts


def parse_params(text: str, what: str) -> dict[str, str | None]:
    """Parse `;name=value;flag` into a dict of lower-case names; quotes stay.

    Raises `ParseError` on an empty or malformed parameter.
    """
    params: dict[str, str | None] = {}
    parts = _split(text, ";") if '"' in text or "<" in text else text.split(";")
    if parts[0].strip():
        raise ParseError(what, "has text before its parameters")
    for part in parts[1:]:
        name, equals, value = part.partition("=")
        name = name.strip()
        if not TOKEN.match(name):
            raise ParseError(what, "has an empty or malformed parameter")
        params[name.lower()] = value.strip() if equals else None
    return params


def format_params(params: dict[str, str | None]) -> str:
    """Return `;name=value;flag`, the inverse of `parse_params`."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def unquote(text: str) -> str:
    """Return the content of a quoted string, or the text itself where it has no quotes."""
    if text[:1] == '"' and len(text) >= 2 and text[-1] == '"':
        inner = text[1:-1]
        return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner
    return text


def quote(text: str) -> str:
    """Return text as a quoted string (§25.1)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DISPLAY = re.compile(r"[A-Za-z0-9\-.!%*_+`'~ \t]*\Z")


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A From, To, Contact or Route value: display name (unquoted), URI and header parameters (§20.10)."""

    uri: Uri
    display: str | None = None
    params: dict[str, str | None] = field(default_factory=dict)

    @property
    def tag(self) -> str | None:
        """The `tag` parameter of a From or To."""
        return self.params.get("tag")

    def __str__(self) -> str:
        name = f"{quote(self.display)} " if self.display else ""
        return f"{name}<{self.uri}>{format_params(self.params)}"


@lru_cache(maxsize=2048)
def parse_name_addr(text: str, what: str, *, lenient: bool = True) -> NameAddr:
    """Parse `"Name" <uri>;params` or `uri;params`.

    `lenient` accepts display names that should have been quoted and spaces inside the brackets (RFC 4475
    §3.1.2.14, §3.1.2.15 leave both to the implementation). Raises `ParseError`.
    """
    if "<" not in text:
        return _parse_bare_addr(text, what)
    display, uri, rest = _split_name_addr(text.strip(), what)
    if lenient:
        uri = uri.strip()
    elif display[:1] != '"' and not _DISPLAY.match(display):
        raise ParseError(what, "has a display name that must be quoted")
    if rest and rest[0] != ";":
        raise ParseError(what, "has text after the URI")
    return NameAddr(_uri(uri, what), unquote(display) or None, parse_params(rest, what) if rest else {})


def _split_name_addr(text: str, what: str) -> tuple[str, str, str]:
    start = 0
    if text[0] == '"':
        match = _QUOTED.match(text)
        if not match:
            raise ParseError(what, "has an unbalanced quote")
        start = match.end()
    opening, closing = text.find("<", start), text.find(">", start)
    between = text[start:opening]
    if not 0 <= opening < closing or '"' in between or (start and between.strip()):
        raise ParseError(what, "has unbalanced quotes or brackets")
    return text[:opening].rstrip(), text[opening + 1 : closing], text[closing + 1 :].strip()


def _parse_bare_addr(text: str, what: str) -> NameAddr:
    uri, semicolon, rest = text.strip().partition(";")
    uri = uri.rstrip()
    if "?" in uri or "," in uri:
        raise ParseError(what, "has a URI with ? or , outside angle brackets")
    return NameAddr(_uri(uri, what), None, parse_params(semicolon + rest, what) if semicolon else {})


def _uri(text: str, what: str) -> Uri:
    try:
        return parse_uri(text)
    except UriError as error:
        raise ParseError(what, f"URI {error.reason}") from None


_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+([^;\s]+(?:\s*:\s*[0-9]+)?)\s*(;.*)?\Z", re.I | re.S
)


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value: transport as written in upper case, sent-by host and port, parameters (§20.42)."""

    transport: str
    host: str
    port: int | None
    params: dict[str, str | None]

    @property
    def branch(self) -> str | None:
        """The `branch` parameter."""
        return self.params.get("branch")

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {bracketed(self.host)}{port}{format_params(self.params)}"


def parse_via(text: str) -> Via:
    """Parse one Via value. Raises `ParseError`, also for a sent-by port outside 1-65535."""
    match = _VIA.match(text.strip())
    if not match:
        raise ParseError("Via", "malformed")
    transport, sent_by, rest = match.groups()
    try:
        host, port = parse_host_port("".join(sent_by.split()))
    except UriError as error:
        raise ParseError("Via", f"sent-by {error.reason}") from None
    return Via(transport.upper(), host, port, parse_params(rest, "Via") if rest else {})


@dataclass(frozen=True, slots=True)
class CSeq:
    """A command sequence: number below 2³¹ and method (§20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


_CSEQ = re.compile(r"\s*([0-9]{1,12})\s+([A-Za-z0-9\-.!%*_+`'~]+)\s*\Z")


def parse_cseq(text: str) -> CSeq:
    """Parse a CSeq value. Raises `ParseError`."""
    match = _CSEQ.match(text)
    if not match or int(match[1]) >= 2**32:
        raise ParseError("CSeq", "malformed or out of range")
    return CSeq(int(match[1]), match[2])


def parse_integer(text: str, what: str, most: int) -> int:
    """Parse a decimal number from 0 to `most`. Raises `ParseError`."""
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdigit()) or len(stripped) > 12 or int(stripped) > most:
        raise ParseError(what, f"is not a number from 0 to {most}")
    return int(stripped)


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type and its parameters, names in lower case, values unquoted (§20.15)."""

    name: str
    params: dict[str, str]


def parse_media_type(text: str) -> MediaType:
    """Parse `type/subtype;param=value`. Raises `ParseError`."""
    name, semicolon, rest = text.partition(";")
    kind, slash, subtype = name.partition("/")
    kind, subtype = kind.strip(), subtype.strip()
    if not slash or not TOKEN.match(kind) or not TOKEN.match(subtype):
        raise ParseError("Content-Type", "malformed")
    params = parse_params(semicolon + rest, "Content-Type") if rest.strip() else {}
    return MediaType(
        f"{kind}/{subtype}".lower(), {key: unquote(value or "") for key, value in params.items()}
    )


def sip_uri(value: NameAddr) -> SipUri | None:
    """Return the URI where it is a SIP URI, else None."""
    return value.uri if isinstance(value.uri, SipUri) else None
