"""One byte range of a representation (RFC 9110 §14): what a player asks for when it seeks."""

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*\Z", re.IGNORECASE)


class ByteRange(NamedTuple):
    """Bytes from `start` up to, without, `end`."""

    start: int
    end: int


class RangeNotSatisfiable(Exception):
    """The range lies outside the representation (416)."""


def parse_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """The range asked for, None for the whole; what cannot be read, or several ranges, count as the whole.

    Raises:
        RangeNotSatisfiable: nothing of the representation is meant.
    """
    found = _RANGE.match(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        wanted = int(last)
        if wanted == 0 or size_bytes == 0:
            raise RangeNotSatisfiable
        return ByteRange(max(size_bytes - wanted, 0), size_bytes)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise RangeNotSatisfiable
    return ByteRange(start, min(int(last) + 1, size_bytes) if last else size_bytes)
