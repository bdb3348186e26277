"""Calendar windows on both DST days, backwards and over many zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.throttle.windows import LONGEST_S, SECOND_NS, Calendar, Period, count_base
from gateway.throttle.zones import zone

HOUR_NS = 3600 * SECOND_NS
ZONES = ("America/Los_Angeles", "America/Toronto", "America/St_Johns", "Europe/London", "Asia/Kolkata", "UTC")


def nanoseconds(*moment: int, tz: str = "America/Los_Angeles") -> int:
    return round(datetime(*moment, tzinfo=ZoneInfo(tz)).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 7), 24), ((2026, 3, 8), 23), ((2026, 10, 31), 24), ((2026, 11, 1), 25)]
)
def test_a_pacific_day_lasts_from_midnight_to_midnight(day, hours):
    calendar = Calendar(Period.DAY, ZoneInfo("America/Los_Angeles"))
    start_ns = nanoseconds(*day)
    for at_ns in (start_ns, start_ns + 5 * HOUR_NS, start_ns + hours * HOUR_NS - 1):
        assert calendar.window_at(at_ns) == (start_ns, start_ns + hours * HOUR_NS)
    assert calendar.window_at(start_ns - 1).end_ns == start_ns


@given(st.sampled_from(ZONES), st.integers(0, 20 * 365 * 86_400))
def test_a_day_is_the_local_date(name, seconds):
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    window = Calendar(Period.DAY, zone(name)).window_at(round(at.timestamp()) * SECOND_NS)
    local = at.astimezone(zone(name))
    start, last = (
        datetime.fromtimestamp(ns / SECOND_NS, UTC).astimezone(zone(name))
        for ns in (window.start_ns, window.end_ns - SECOND_NS)
    )
    assert start.date() == last.date() == local.date()
    assert (start - timedelta(seconds=1)).date() != start.date()
    assert window.end_ns - window.start_ns <= LONGEST_S[Period.DAY] * SECOND_NS


@given(st.sampled_from((Period.MINUTE, Period.HOUR)), st.integers(0, 2**62))
def test_minutes_and_hours_are_those_of_utc(period, at_ns):
    window = Calendar(period).window_at(at_ns)
    length_ns = LONGEST_S[period] * SECOND_NS
    assert window.start_ns <= at_ns < window.end_ns
    assert (window.start_ns % length_ns, window.end_ns - window.start_ns) == (0, length_ns)


def test_the_current_window_moves_forward_only():
    calendar = Calendar(Period.DAY, ZoneInfo("America/Los_Angeles"))
    noon_ns = nanoseconds(2026, 6, 1, 12)
    calendar.roll(noon_ns)
    first = calendar.start_ns, calendar.end_ns, calendar.base
    calendar.roll(noon_ns - 48 * HOUR_NS)
    assert (calendar.start_ns, calendar.end_ns, calendar.base) == first
    calendar.roll(noon_ns + 24 * HOUR_NS)
    assert calendar.start_ns == first[1]
    assert calendar.base > first[2]


def test_counters_of_later_windows_are_greater_however_full_the_earlier():
    start_ns = nanoseconds(2026, 6, 1)
    full = count_base(start_ns) + (1 << 30) - 1
    assert full < count_base(start_ns + SECOND_NS)
    assert full < 1 << 60, "a small integer in CPython"


def test_many_days_are_remembered_in_bounds():
    calendar = Calendar(Period.DAY, ZoneInfo("America/Los_Angeles"))
    for day in range(100):
        calendar.window_at(nanoseconds(2026, 1, 1) + day * 24 * HOUR_NS)
    assert len(calendar._days) <= 16


def test_calendars_are_equal_by_period_and_zone():
    pacific = Calendar(Period.DAY, ZoneInfo("America/Los_Angeles"))
    assert pacific == Calendar(Period.DAY, ZoneInfo("America/Los_Angeles"))
    assert len({pacific, Calendar(Period.DAY), Calendar(Period.HOUR), Calendar(Period.DAY)}) == 3
    assert pacific != "day"
    assert "Los_Angeles" in repr(pacific)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "America"])
def test_an_unknown_zone_is_refused_by_name(name):
    with pytest.raises(ValueError, match="no IANA time zone"):
        zone(name)
