"""Where tags, branches and Call-IDs come from: an argument; a core never draws random numbers itself."""

from typing import Protocol

MAGIC_COOKIE = "z9hG4bK"
"""Start of every branch made by RFC 3261 software (§8.1.1.7)."""


class IdSource(Protocol):
    """Gives identifiers that are unique and, outside tests, cannot be guessed (RFC 3261 §19.3)."""

    def token(self) -> str:
        """Return a fresh token of letters and digits, at least 64 bits of it."""
        ...


class SequentialIds:
    """Predictable identifiers, `prefix1`, `prefix2` …, for tests and reproducible traces."""

    __slots__ = ("_count", "_prefix")

    def __init__(self, prefix: str = "id") -> None:
        self._prefix = prefix
        self._count = 0

    def token(self) -> str:
        """Return the next identifier."""
        self._count += 1
        return f"{self._prefix}{self._count}"
