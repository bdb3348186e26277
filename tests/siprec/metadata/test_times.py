"""RFC 3339 text and nanoseconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.metadata import times


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-31T12:00:00.000Z", 1_769_860_800_000_000_000),
        ("2026-01-31T07:00:00-05:00", 1_769_860_800_000_000_000),
        ("2026-01-31T07:00:00-0500", 1_769_860_800_000_000_000),
        ("2026-01-31t12:00:00.123456789z", 1_769_860_800_123_456_789),
        ("2026-01-31 12:00:00", 1_769_860_800_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("yesterday", None),
        ("2026-02-31T12:00:00Z", None),
        ("2026-01-31T25:00:00Z", None),
        ("2026-01-31T12:00:00+99:00", None),
        ("", None),
    ],
)
def test_reading(text, ns):
    assert times.to_ns(text) == ns


def test_writing_keeps_the_digits_it_needs():
    assert times.from_ns(1_769_860_800_000_000_000) == "2026-01-31T12:00:00.000Z"
    assert times.from_ns(1_769_860_800_000_000_001) == "2026-01-31T12:00:00.000000001Z"


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_property_no_nanosecond_is_lost(ns):
    assert times.to_ns(times.from_ns(ns)) == ns


@given(st.text())
def test_property_any_text_is_a_time_or_none(text):
    assert times.to_ns(text) is None or isinstance(times.to_ns(text), int)
