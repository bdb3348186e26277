"""Time zones by name, each made once; the only place that reads the zone database."""

from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo


@cache
def zone(name: str) -> tzinfo:
    """Return the zone of an IANA name such as `America/Los_Angeles`. Raises `ValueError` for another."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone, such as America/Los_Angeles") from None
