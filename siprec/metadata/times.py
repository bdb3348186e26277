"""RFC 3339 text and world time, nanoseconds since the Unix epoch, exactly."""

import re
from datetime import UTC, datetime, timedelta, timezone

_FORM = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,18}))?(Z|z|[+-]\d{2}:?\d{2})?", re.ASCII
)
_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ns(text: str) -> int | None:
    """Nanoseconds since the epoch; UTC where no offset is stated; None for text of another form."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    *fields, fraction, offset = match.groups()
    year, month, day, hour, minute, second = (int(field) for field in fields)
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=_zone(offset))
        whole = (moment - _EPOCH) // timedelta(seconds=1) + (second - min(second, 59))
    except (ValueError, OverflowError):
        return None
    return whole * _NS + int((fraction or "0")[:9].ljust(9, "0"))


def _zone(offset: str | None) -> timezone:
    if offset is None or offset in "Zz":
        return UTC
    minutes = int(offset[1:3]) * 60 + int(offset[-2:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def from_ns(now_ns: int) -> str:
    """UTC text with milliseconds, or with as many digits as the moment needs."""
    seconds, rest = divmod(now_ns, _NS)
    moment = _EPOCH + timedelta(seconds=seconds)
    fraction = f"{rest:09d}"
    kept = fraction[:3] if fraction[3:] == "000000" else fraction
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{kept}Z"
