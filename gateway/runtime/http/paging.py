"""Paging as Webex does it: ``max`` and an opaque ``cursor`` in, ``Link: <…>; rel="next"`` out (RFC 8288)."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from gateway.runtime.http.errors import ApiError

DEFAULT_MAX = 100
HIGHEST_MAX = 1000
MAX_CURSOR_CHARS = 512

Cursor = tuple[int | str | None, ...]
"""Where a page ended: the sort key of its last item."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page a caller asks for: at most ``max`` items after ``cursor`` (None: from the start)."""

    max: int = DEFAULT_MAX
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Paged:
    """A handler's answer of one page: ``items`` and, if there are more, where they go on.

    Rendered as ``{"items": […]}`` with a ``Link`` header.
    """

    items: Sequence[Any]
    next_cursor: Cursor | None = None


def encode_cursor(cursor: Cursor) -> str:
    """An opaque, URL-safe form of ``cursor``."""
    raw = json.dumps(list(cursor), separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_cursor(text: str) -> Cursor:
    """The cursor that ``encode_cursor`` made; raises ``ApiError`` 400 for anything else."""
    if len(text) <= MAX_CURSOR_CHARS:
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (ValueError, binascii.Error, RecursionError):
            values = None
        if isinstance(values, list) and all(_is_key(value) for value in values):
            return tuple(values)
    raise ApiError(400, "malformed_request", "query.cursor: not a cursor this API gave out")


def _is_key(value: object) -> bool:
    return value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def parse_page(max_text: str | None, cursor_text: str | None) -> PageRequest:
    """Read the two query parameters; raises ``ApiError`` 400 if one is malformed."""
    highest = DEFAULT_MAX
    if max_text is not None:
        digits = max_text.isascii() and max_text.isdigit() and len(max_text) <= 6
        if not (digits and 1 <= int(max_text) <= HIGHEST_MAX):
            raise ApiError(
                400, "malformed_request", f"query.max: expected a whole number from 1 to {HIGHEST_MAX}"
            )
        highest = int(max_text)
    return PageRequest(highest, decode_cursor(cursor_text) if cursor_text else None)


def next_link(base: str, path: str, query: Sequence[tuple[str, str]], cursor: Cursor) -> str:
    """``Link`` header value to the next page, keeping every other query parameter of this one."""
    kept = [(name, value) for name, value in query if name != "cursor"]
    text = urlencode([*kept, ("cursor", encode_cursor(cursor))])
    return f'<{base}{quote(path)}?{text}>; rel="next"'
