from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.times import (
    MalformedTime,
    epoch_ns,
    format_absolute,
    format_relative,
    parse_time,
    utc_datetime,
)

NOW = epoch_ns(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
SECOND = 1_000_000_000
years_2000_to_2099 = st.integers(
    epoch_ns(datetime(2000, 1, 2, tzinfo=UTC)), epoch_ns(datetime(2099, 12, 30, tzinfo=UTC))
)


def at(*fields):
    return epoch_ns(datetime(*fields, tzinfo=UTC))


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("", None),
        ("260131120000000+", NOW),
        ("260131120000004+", at(2026, 1, 31, 11)),  # four quarter hours ahead of UTC
        ("260131120000020-", at(2026, 1, 31, 17)),
        ("260131120000023+", at(2026, 1, 31, 6, 15)),  # Nepal's quarter hours
        ("260131120000500+", NOW + SECOND // 2),
        ("000000010000000R", NOW + 3600 * SECOND),
        ("000001000000000R", NOW + 86_400 * SECOND),
        ("000100000000000R", at(2026, 2, 28, 12)),  # a month from the 31st
        ("010000000000000R", at(2027, 1, 31, 12)),
        ("001200000000000R", at(2027, 1, 31, 12)),
        ("000000000000000R", NOW),
    ],
)
def test_times_of_the_specification(value, moment):
    assert parse_time(value, NOW) == moment


@pytest.mark.parametrize(
    "value",
    [
        "26013112000000+",  # 15 characters
        "2601311200000000+",
        "260231120000000+",  # 31 February
        "260131250000000+",
        "260131120000049+",  # beyond twelve hours
        "260131120000000Z",
        "26013112000000 +",
        "２60131120000000+",
        "tomorrow",
    ],
)
def test_no_time(value):
    with pytest.raises(MalformedTime, match="no SMPP time") as caught:
        parse_time(value, NOW)
    assert caught.value.value == value


@given(st.text(max_size=20))
def test_anything_else_is_its_own_error(value):
    with suppress(MalformedTime):
        parse_time(value, NOW)


@given(st.from_regex(r"[0-9]{15}[-+R]", fullmatch=True), years_2000_to_2099)
def test_digits_are_a_time_or_the_documented_error(value, now_ns):
    try:
        moment = parse_time(value, now_ns)
    except MalformedTime:
        return
    assert isinstance(moment, int)
    if value.endswith("R"):
        assert moment >= now_ns


@given(years_2000_to_2099, st.integers(-48, 48))
def test_absolute_round_trip_in_every_zone(at_ns, quarters):
    written = format_absolute(at_ns, quarters=quarters)
    assert len(written) == 16
    assert parse_time(written, 0) == at_ns - at_ns % (SECOND // 10)


@given(st.integers(0, 100 * 86_400 * SECOND - 1), years_2000_to_2099)
def test_relative_round_trip(period_ns, now_ns):
    assert parse_time(format_relative(period_ns), now_ns) == now_ns + period_ns - period_ns % (SECOND // 10)


@given(years_2000_to_2099)
def test_datetime_round_trip(at_ns):
    assert epoch_ns(utc_datetime(at_ns)) == at_ns - at_ns % 1000


def test_limits_of_the_notation():
    with pytest.raises(ValueError, match="100 days"):
        format_relative(100 * 86_400 * SECOND)
    with pytest.raises(ValueError, match="days"):
        format_relative(-SECOND)
    with pytest.raises(ValueError, match="zone"):
        format_absolute(NOW, quarters=49)
    with pytest.raises(ValueError, match="1999"):
        format_absolute(at(1999, 12, 31))
