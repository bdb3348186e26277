"""SIP and SIPS URIs, and the others a SIP message may carry (RFC 3261 §19.1, §25)."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

from siprec.sip.errors import UriError
from siprec.sip.flow import MAX_PORT, bracketed

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*\Z")
_ESCAPES = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[\x00-\x20\x7f<>\"]")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_.])?)(?::([0-9]{1,9}))?\Z")
_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%#\[\]\x80-\U0010ffff\udc80-\udcff]+\Z")
_PARAM_NAME = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]+\Z")
_UNRESERVED_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")


@dataclass(frozen=True, slots=True)
class SipUri:
    """A `sip:` or `sips:` URI; `user` and `password` keep their escapes, `host` is bare (no brackets).

    `params` maps lower-case names to values, None where a parameter has no value (`;lr`).
    """

    host: str
    user: str | None = None
    port: int | None = None
    params: dict[str, str | None] = field(default_factory=dict)
    headers: str | None = None
    scheme: str = "sip"
    password: str | None = None

    @property
    def secure(self) -> bool:
        """Whether this is a `sips:` URI."""
        return self.scheme == "sips"

    @property
    def loose(self) -> bool:
        """Whether the `lr` parameter marks a loose router (§19.1.1)."""
        return "lr" in self.params

    def __str__(self) -> str:
        parts = [self.scheme, ":"]
        if self.user is not None:
            parts.append(self.user)
            if self.password is not None:
                parts += (":", self.password)
            parts.append("@")
        parts.append(bracketed(self.host))
        if self.port is not None:
            parts.append(f":{self.port}")
        parts += (f";{name}" if value is None else f";{name}={value}" for name, value in self.params.items())
        if self.headers is not None:
            parts += ("?", self.headers)
        return "".join(parts)

    def same_as(self, other: "SipUri") -> bool:
        """Compare as §19.1.4 asks: escapes resolved, host and names without case, absent ports not equal
        5060.
        """
        return (
            self.scheme == other.scheme
            and _normal(self.user) == _normal(other.user)
            and _normal(self.password) == _normal(other.password)
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and _same_params(self.params, other.params)
            and _header_set(self.headers) == _header_set(other.headers)
        )


@dataclass(frozen=True, slots=True)
class OpaqueUri:
    """A URI of another scheme (`tel:`, `urn:` …): kept as it came."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"


Uri = SipUri | OpaqueUri


@lru_cache(maxsize=1024)
def parse_uri(text: str) -> Uri:
    """Parse one URI as it stands in a request line or between `<` and `>`.

    Raises `UriError`.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.match(scheme):
        raise UriError("no scheme")
    if _UNSAFE.search(text):
        raise UriError("has spaces, quotes, angle brackets or control characters")
    lowered = scheme.lower()
    if lowered not in ("sip", "sips"):
        return OpaqueUri(lowered, rest)
    if _ESCAPES.search(rest):
        raise UriError("has a % that is not followed by two hexadecimal digits")
    return _parse_sip(lowered, rest)


def _parse_sip(scheme: str, rest: str) -> SipUri:
    user, password, rest = _split_user(rest)
    rest, question, headers = rest.partition("?")
    hostport, *params = rest.split(";")
    host, port = parse_host_port(hostport)
    return SipUri(
        host=host,
        user=user,
        port=port,
        params=_parse_params(params) if params else {},
        headers=headers if question else None,
        scheme=scheme,
        password=password,
    )


def _split_user(rest: str) -> tuple[str | None, str | None, str]:
    userinfo, at, after = rest.partition("@")
    if not at:
        return None, None, rest
    user, colon, password = userinfo.partition(":")
    if not _USER.match(user) or (password and not _USER.match(password)):
        raise UriError("has a user part with characters that must be escaped")
    return user, password if colon else None, after


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Split `host[:port]`; IPv6 brackets are removed. Raises `UriError`, also for ports outside 1-65535."""
    match = _HOST.match(text)
    if not match:
        raise UriError("has no valid host")
    host, port = match.groups()
    if host[0] == "[":
        host = host[1:-1]
    if port is None:
        return host, None
    number = int(port)
    if not 0 < number <= MAX_PORT:
        raise UriError(f"port {number} is outside 1-{MAX_PORT}")
    return host, number


def _parse_params(params: list[str]) -> dict[str, str | None]:
    parsed: dict[str, str | None] = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not _PARAM_NAME.match(name):
            raise UriError("has an empty or malformed parameter")
        parsed[name.lower()] = value if equals else None
    return parsed


def _normal(text: str | None) -> str | None:
    if text is None:
        return None
    return _UNRESERVED_ESCAPE.sub(_resolve, text)


def _resolve(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


_ALWAYS_COMPARED = ("user", "ttl", "method", "maddr", "transport")


def _same_params(one: dict[str, str | None], other: dict[str, str | None]) -> bool:
    for name in one.keys() & other.keys():
        if (one[name] or "").lower() != (other[name] or "").lower():
            return False
    return not any(name in _ALWAYS_COMPARED for name in one.keys() ^ other.keys())


def _header_set(headers: str | None) -> frozenset[str]:
    return frozenset(unquote(part) for part in headers.split("&")) if headers else frozenset()
