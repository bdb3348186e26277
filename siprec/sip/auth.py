"""Digest authentication, both sides (RFC 3261 §22, RFC 7616, RFC 8760): MD5 and SHA-256, `qop=auth`.

Nonces are stateless: the time they were made and a keyed hash of it, so any instance with the key can check
one and nothing is stored per challenge.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from siprec.sip.errors import ParseError
from siprec.sip.headers import quote, unquote
from siprec.sip.message import Request, Response

_ALGORITHMS = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_PAIR = re.compile(r'\s*([A-Za-z0-9\-_.]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)\s*(?:,|\Z)')


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and password; `realm` limits where they are given out (None: to any)."""

    username: str
    password: str
    realm: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


class Verdict(Enum):
    """What a check of credentials found."""

    ACCEPTED = "accepted"
    MISSING = "no credentials"
    STALE = "nonce expired"
    REFUSED = "wrong credentials"


def parse_digest(text: str) -> dict[str, str]:
    """Parse a Digest challenge or credentials into lower-case names and unquoted values.

    Raises `ParseError` where the scheme is another or the list is malformed.
    """
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        raise ParseError("digest", "is of another scheme")
    found: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _PAIR.match(rest, position)
        if not match:
            raise ParseError("digest", "is malformed")
        found[match[1].lower()] = unquote(match[2])
        position = match.end()
    return found


def digest_response(
    credentials: Credentials, parts: Mapping[str, str], method: str, uri: str, realm: str
) -> str:
    """Return the `response` of RFC 7616 §3.4.1 for a nonce, with `qop=auth` where `parts` has a qop."""
    algorithm = parts.get("algorithm", "MD5").upper()
    if algorithm not in _ALGORITHMS:
        raise ParseError("digest", "asks for an unknown algorithm")

    def h(text: str) -> str:
        return _ALGORITHMS[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()

    secret = h(f"{credentials.username}:{realm}:{credentials.password}")
    what = h(f"{method}:{uri}")
    if parts.get("qop"):
        middle = f"{parts['nonce']}:{parts.get('nc', '')}:{parts.get('cnonce', '')}:{parts['qop']}"
        return h(f"{secret}:{middle}:{what}")
    return h(f"{secret}:{parts['nonce']}:{what}")


class DigestAuthority:
    """The server's side: challenges, and checks what comes back in constant time.

    `passwords` maps user names to passwords, `key` signs nonces (32 random bytes, kept across restarts or
    not), `lifetime_s` is how long a nonce is good.
    """

    def __init__(self, realm: str, passwords: Mapping[str, str], key: bytes, lifetime_s: float = 300) -> None:
        self._realm = realm
        self._passwords = passwords
        self._key = key
        self._lifetime_s = lifetime_s

    def challenge(self, now: float, *, stale: bool = False) -> list[tuple[str, str]]:
        """Return the WWW-Authenticate headers of a 401, the stronger algorithm first (RFC 8760 §2.4)."""
        nonce, realm = self._nonce(now), quote(self._realm)
        tail = ", stale=TRUE" if stale else ""
        return [
            (
                "www-authenticate",
                f'Digest realm={realm}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{tail}',
            )
            for algorithm in ("SHA-256", "MD5")
        ]

    def check(self, request: Request, now: float) -> tuple[Verdict, str | None]:
        """Check the Authorization of a request; return the verdict and, where accepted, the user name."""
        for field in request.headers.fields("authorization"):
            try:
                parts = parse_digest(field)
            except ParseError:
                continue
            if parts.get("realm") == self._realm:
                return self._check(parts, request, now)
        return Verdict.MISSING, None

    def _check(self, parts: dict[str, str], request: Request, now: float) -> tuple[Verdict, str | None]:
        made = self._made_at(parts.get("nonce", ""))
        if made is None or parts.get("qop") != "auth" or parts.get("uri") is None:
            return Verdict.REFUSED, None
        username = parts.get("username", "")
        known = self._passwords.get(username)
        credentials = Credentials(username, known or "")
        try:
            expected = digest_response(credentials, parts, request.method, parts["uri"], self._realm)
        except ParseError:
            return Verdict.REFUSED, None
        same = hmac.compare_digest(
            expected.encode(), parts.get("response", "").lower().encode("utf-8", "replace")
        )
        if not same or known is None or not _same_target(parts["uri"], request.uri):
            return Verdict.REFUSED, None
        if not 0 <= now - made <= self._lifetime_s:
            return Verdict.STALE, None
        return Verdict.ACCEPTED, username

    def _nonce(self, now: float) -> str:
        stamp = f"{int(now * 1000):x}"
        return f"{stamp}.{self._sign(stamp)}"

    def _sign(self, stamp: str) -> str:
        return hmac.new(self._key, f"{stamp}:{self._realm}".encode(), hashlib.sha256).hexdigest()[:32]

    def _made_at(self, nonce: str) -> float | None:
        stamp, _, signature = nonce.partition(".")
        if not hmac.compare_digest(self._sign(stamp).encode(), signature.encode("utf-8", "replace")):
            return None
        return int(stamp, 16) / 1000


def _same_target(signed: str, requested: str) -> bool:
    """Compare the digest's uri with the Request-URI; proxies may rewrite parameters, not user and host."""
    return signed.partition(";")[0].lower() == requested.partition(";")[0].lower()


def answer_challenge(
    response: Response, credentials: Credentials, method: str, uri: str, cnonce: str
) -> tuple[str, str] | None:
    """Return the header that answers a 401 or 407 as (name, value); None where no challenge can be answered.

    The first challenge with a known algorithm is taken: servers list them by preference.
    """
    asked, answered = (
        ("proxy-authenticate", "proxy-authorization")
        if response.status == 407
        else ("www-authenticate", "authorization")
    )
    for field in response.headers.fields(asked):
        value = _answer(field, credentials, method, uri, cnonce)
        if value is not None:
            return answered, value
    return None


def _answer(field: str, credentials: Credentials, method: str, uri: str, cnonce: str) -> str | None:
    try:
        challenge = parse_digest(field)
        realm, nonce = challenge["realm"], challenge["nonce"]
    except (ParseError, KeyError):
        return None
    algorithm = challenge.get("algorithm", "MD5")
    if algorithm.upper() not in _ALGORITHMS or credentials.realm not in (None, realm):
        return None
    parts = {"nonce": nonce, "algorithm": algorithm}
    if "auth" in (option.strip() for option in challenge.get("qop", "").split(",")):
        parts |= {"qop": "auth", "nc": "00000001", "cnonce": cnonce}
    value = digest_response(credentials, parts, method, uri, realm)
    quoted = {"username": credentials.username, "realm": realm, "nonce": nonce, "uri": uri, "response": value}
    if "cnonce" in parts:
        quoted["cnonce"] = cnonce
    if "opaque" in challenge:
        quoted["opaque"] = challenge["opaque"]
    bare = {key: parts[key] for key in ("algorithm", "qop", "nc") if key in parts}
    pairs = [f"{key}={quote(text)}" for key, text in quoted.items()] + [f"{k}={v}" for k, v in bare.items()]
    return "Digest " + ", ".join(pairs)


def is_stale(response: Response) -> bool:
    """Whether a challenge says that only the nonce was too old, so that trying again makes sense."""
    fields = response.headers.fields("www-authenticate") + response.headers.fields("proxy-authenticate")
    return any(re.search(r"stale\s*=\s*\"?true", field, re.IGNORECASE) for field in fields)
