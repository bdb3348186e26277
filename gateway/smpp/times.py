"""SMPP time, absolute and relative, in any zone (SMPP 3.4 §7.1).

`YYMMDDhhmmsstnnp`: tenths `t`, zone difference `nn` in quarter hours, `p` one of `+` (local time ahead of
UTC), `-` (behind), `R` (a period from now, `t` and `nn` zero). Moments are nanoseconds since the Unix epoch.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.smpp.text import TextError

_SECOND_NS: Final = 1_000_000_000
_TENTH_NS: Final = 100_000_000
_QUARTER_S: Final = 900
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME: Final = re.compile(
    r"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9])([0-9]{2})([-+R])"
)


class MalformedTime(TextError):
    """`value` is no SMPP time; answered with ESME_RINVSCHED or ESME_RINVEXPIRY, as its field says."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return f"{self.value!r} is no SMPP time: YYMMDDhhmmsstnnp with p one of + - R is expected"


def epoch_ns(moment: datetime) -> int:
    """Return an aware datetime as nanoseconds since the epoch, exactly."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * _SECOND_NS + since.microseconds * 1_000


def utc_datetime(at_ns: int) -> datetime:
    """Return nanoseconds since the epoch as a UTC datetime, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=at_ns // 1_000)


def parse_time(value: str, now_ns: int) -> int | None:
    """Return the moment `value` names, relative ones counted from `now_ns`; None for an empty string.

    Years 00 to 99 are 2000 to 2099. A relative year or month is a calendar one, ending on the last day of a
    shorter month. Raises `MalformedTime`, also for dates that do not exist and zones beyond 48 quarter hours.
    """
    if not value:
        return None
    match = _TIME.fullmatch(value)
    if match is None:
        raise MalformedTime(value)
    *fields, sign = match.groups()
    numbers = tuple(map(int, fields))
    try:
        return _relative(numbers, now_ns) if sign == "R" else _absolute(numbers, sign)
    except (ValueError, OverflowError):
        raise MalformedTime(value) from None


def _absolute(numbers: tuple[int, ...], sign: str) -> int:
    year, month, day, hour, minute, second, tenths, quarters = numbers
    if quarters > 48:
        raise ValueError
    local_ns = epoch_ns(datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC))
    ahead_ns = quarters * _QUARTER_S * _SECOND_NS
    return local_ns + tenths * _TENTH_NS + (ahead_ns if sign == "-" else -ahead_ns)


def _relative(numbers: tuple[int, ...], now_ns: int) -> int:
    years, months, days, hours, minutes, seconds, tenths, _ = numbers
    moment = utc_datetime(now_ns)
    month_index = moment.year * 12 + moment.month - 1 + years * 12 + months
    year, month = divmod(month_index, 12)
    last_day = monthrange(year, month + 1)[1]
    shifted = moment.replace(year=year, month=month + 1, day=min(moment.day, last_day))
    period_ns = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * _SECOND_NS + tenths * _TENTH_NS
    return epoch_ns(shifted) + now_ns % 1_000 + period_ns


def format_absolute(at_ns: int, *, quarters: int = 0) -> str:
    """Return the moment, cut to tenths, as local time `quarters` (-48 to 48) quarter hours ahead of UTC.

    Raises `ValueError` for another zone or a year outside 2000 to 2099.
    """
    if not -48 <= quarters <= 48:
        raise ValueError(f"zone of {quarters} quarter hours is outside -48 to 48")
    local = utc_datetime(at_ns + quarters * _QUARTER_S * _SECOND_NS)
    if not 2000 <= local.year <= 2099:
        raise ValueError(f"year {local.year} has no SMPP notation")
    tenths = at_ns // _TENTH_NS % 10
    return f"{local:%y%m%d%H%M%S}{tenths}{abs(quarters):02}{'-' if quarters < 0 else '+'}"


def format_relative(period_ns: int) -> str:
    """Return a period, cut to tenths, in days and smaller; raises `ValueError` below 0 and from 100 days."""
    tenths_in_all = period_ns // _TENTH_NS
    seconds_in_all, tenths = divmod(tenths_in_all, 10)
    minutes_in_all, seconds = divmod(seconds_in_all, 60)
    hours_in_all, minutes = divmod(minutes_in_all, 60)
    days, hours = divmod(hours_in_all, 24)
    if not 0 <= days <= 99:
        raise ValueError(f"a period of {days} days has no notation in days")
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}{tenths}00R"
