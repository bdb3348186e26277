"""Who calls: bearer tokens, one-use tickets, and the brakes on guessing.

Tokens are looked up by their SHA-256 digest and compared in constant time, so neither the table nor the
comparison tells a guesser how near a guess was. Everything here is pure but for the random bytes of a ticket,
which the caller may supply.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import NamedTuple

from gateway.runtime.http.settings import Role, TokenSettings

MAX_TOKEN_CHARS = 1024


class Principal(NamedTuple):
    """A caller: the token's name, its role, and the organisation and person it stands for."""

    token_name: str
    role: Role
    organization_id: str | None = None
    person_id: str | None = None

    def oversees(self, organization_id: str | None, person_id: str | None) -> bool:
        """Whether what belongs to a person of an organisation is this caller's to see.

        Administrators and partners see what is theirs, a person what is that person's; recording providers
        and their administrators see nothing here: recordings have rules of their own.
        """
        if self.organization_id not in (None, organization_id):
            return False
        if self.role in ("admin", "partner"):
            return True
        return self.role == "person" and person_id is not None and self.person_id == person_id


ANONYMOUS = Principal("anonymous", "anonymous")


def bearer_token(authorization: str | None) -> str | None:
    """The token of an ``Authorization: Bearer …`` header, or None if it is anything else (RFC 6750 §2.1)."""
    if authorization is None or len(authorization) > MAX_TOKEN_CHARS + 7:
        return None
    if authorization[:7].lower() != "bearer ":
        return None
    return authorization[7:].strip() or None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class Tokens:
    """The bearer tokens that are let in."""

    def __init__(self, settings: Iterable[TokenSettings] = ()) -> None:
        self._by_digest: dict[bytes, tuple[bytes, Principal]] = {}
        for entry in settings:
            self.add(entry)

    def add(self, entry: TokenSettings) -> None:
        """Let one more token in."""
        if entry.token is not None:
            digest = _digest(entry.token.get_secret_value())
        else:
            digest = bytes.fromhex(entry.sha256 or "")
        principal = Principal(entry.name or entry.role, entry.role, entry.organization, entry.person)
        self._by_digest[digest] = (digest, principal)

    def find(self, token: str) -> Principal | None:
        """Whom ``token`` stands for, or None."""
        digest = _digest(token)
        found = self._by_digest.get(digest)
        if found is None or not hmac.compare_digest(found[0], digest):
            return None
        return found[1]

    def __len__(self) -> int:
        return len(self._by_digest)


class Tickets:
    """Short-lived one-use tickets: what a browser puts in the URL of a stream, where it cannot send headers.

    ``now`` is wire time in seconds. At most ``limit`` are outstanding; the oldest gives way.
    """

    def __init__(
        self,
        lifetime_s: float,
        limit: int = 10_000,
        new_ticket: Callable[[], str] = lambda: secrets.token_urlsafe(24),
    ) -> None:
        self.lifetime_s = lifetime_s
        self._limit = limit
        self._new_ticket = new_ticket
        self._by_digest: dict[bytes, tuple[Principal, float]] = {}

    def issue(self, principal: Principal, now: float) -> str:
        """A new ticket for ``principal``, valid for ``lifetime_s`` from ``now``."""
        self._drop_expired(now)
        while len(self._by_digest) >= self._limit:
            del self._by_digest[next(iter(self._by_digest))]
        ticket = self._new_ticket()
        self._by_digest[_digest(ticket)] = (principal, now + self.lifetime_s)
        return ticket

    def redeem(self, ticket: str, now: float) -> Principal | None:
        """Whom ``ticket`` stands for, once; None if it is unknown, used or expired."""
        found = self._by_digest.pop(_digest(ticket), None)
        if found is None or found[1] <= now:
            return None
        return found[0]

    def _drop_expired(self, now: float) -> None:
        while self._by_digest:
            oldest = next(iter(self._by_digest))
            if self._by_digest[oldest][1] > now:
                return
            del self._by_digest[oldest]

    def __len__(self) -> int:
        return len(self._by_digest)


class FailureThrottle:
    """How many wrong tokens each address has tried lately: a leaky bucket per address in a bounded table."""

    def __init__(self, per_minute: int, max_peers: int = 4096) -> None:
        self._per_minute = per_minute
        self._max_peers = max_peers
        self._levels: dict[str, tuple[float, float]] = {}

    def record(self, peer: str, now: float) -> None:
        """``peer`` failed to authenticate at ``now``."""
        if not self._per_minute:
            return
        level = self._level(peer, now) + 1
        self._levels.pop(peer, None)
        while len(self._levels) >= self._max_peers:
            del self._levels[next(iter(self._levels))]
        self._levels[peer] = (min(level, self._per_minute + 1), now)

    def wait_s(self, peer: str, now: float) -> float:
        """Seconds until ``peer`` may try again; 0 means now."""
        if not self._levels:
            return 0.0
        excess = self._level(peer, now) - self._per_minute
        return max(0.0, excess * 60 / self._per_minute) if excess > 0 else 0.0

    def _level(self, peer: str, now: float) -> float:
        level, since = self._levels.get(peer, (0.0, now))
        return max(0.0, level - (now - since) * self._per_minute / 60)

    def __len__(self) -> int:
        return len(self._levels)
