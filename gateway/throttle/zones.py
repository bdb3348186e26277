"""Time zones by name, each made once; the only place that reads the zone database."""

from datetime import UTC, tzinfo
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator


@cache
def zone(name: str) -> tzinfo:
    """Return the zone of an IANA name such as `America/Los_Angeles`. Raises `ValueError` for another."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone, such as America/Los_Angeles") from None


def _known_zone(name: str) -> str:
    zone(name)
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
"""A time zone by its name in the IANA database."""
