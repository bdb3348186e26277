"""Where a world goes on: every mode, with the configuration as it was and with another one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.clock import MAX_NS, SECOND_NS
from gateway.runtime.settings import ClockSettings
from gateway.runtime.worldtime.mark import Course, Mark, begin_ns, configured_as, taken_up

NOON_NS = int(datetime(2026, 11, 2, 12, tzinfo=UTC).timestamp()) * SECOND_NS
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
SYSTEM = ClockSettings()
FROZEN = ClockSettings(mode="frozen", start=datetime(2026, 11, 2, 15, tzinfo=UTC))
FAST = ClockSettings(mode="scaled", speed=10.0)


def mark(
    settings: ClockSettings, mode: str, speed: float = 1.0, *, world_ns: int = NOON_NS + 10 * DAY_NS
) -> Mark:
    return Mark(world_ns, NOON_NS, mode, speed, configured_as(settings))


def test_a_world_nobody_noted_begins_as_configured() -> None:
    assert taken_up(None, SYSTEM, NOON_NS) is None
    assert taken_up(None, FROZEN, NOON_NS) is None


def test_a_world_on_the_machines_clock_stays_on_it() -> None:
    assert taken_up(mark(SYSTEM, "system", world_ns=NOON_NS), SYSTEM, NOON_NS + DAY_NS) is None


def test_an_advanced_world_keeps_its_lead_while_the_service_is_down() -> None:
    course = taken_up(mark(SYSTEM, "scaled"), SYSTEM, NOON_NS + HOUR_NS)
    assert course == Course(NOON_NS + 10 * DAY_NS + HOUR_NS, "scaled", 1.0)


def test_a_fast_world_goes_on_at_the_machines_pace_while_the_service_is_down() -> None:
    course = taken_up(mark(FAST, "scaled", 10.0), FAST, NOON_NS + HOUR_NS)
    assert course == Course(NOON_NS + 10 * DAY_NS + HOUR_NS, "scaled", 10.0)


def test_a_frozen_world_stands_where_it_stood() -> None:
    course = taken_up(mark(FROZEN, "frozen", 0.0), FROZEN, NOON_NS + HOUR_NS)
    assert course == Course(NOON_NS + 10 * DAY_NS, "frozen", 0.0)


@pytest.mark.parametrize(("mode", "speed"), [("scaled", 60.0), ("frozen", 0.0)])
def test_what_the_api_changed_lasts_as_long_as_the_configuration(mode: str, speed: float) -> None:
    course = taken_up(mark(SYSTEM, mode, speed), SYSTEM, NOON_NS)
    assert course == Course(NOON_NS + 10 * DAY_NS, mode, speed)
    assert taken_up(mark(SYSTEM, mode, speed), FAST, NOON_NS) == course._replace(mode="scaled", speed=10.0)


def test_a_start_that_lies_behind_is_passed_over() -> None:
    course = taken_up(mark(SYSTEM, "scaled"), FROZEN, NOON_NS)
    assert course == Course(NOON_NS + 10 * DAY_NS, "frozen", 1.0)


def test_a_start_that_lies_ahead_is_taken() -> None:
    early = mark(SYSTEM, "system", world_ns=NOON_NS)
    assert begin_ns(FROZEN, NOON_NS) == NOON_NS + 3 * HOUR_NS
    assert taken_up(early, FROZEN, NOON_NS) is None


def test_the_machines_clock_is_followed_again_once_it_is_ahead() -> None:
    early = mark(FROZEN, "frozen", 0.0, world_ns=NOON_NS)
    assert taken_up(early, SYSTEM, NOON_NS + DAY_NS) is None
    assert taken_up(mark(FROZEN, "frozen", 0.0), SYSTEM, NOON_NS) == Course(
        NOON_NS + 10 * DAY_NS, "scaled", 1.0
    )


def test_a_world_may_begin_anew() -> None:
    anew = ClockSettings(resume=False)
    assert configured_as(anew) == configured_as(SYSTEM)
    assert taken_up(mark(SYSTEM, "scaled"), anew, NOON_NS) is None


def test_a_machine_whose_clock_was_set_back_takes_nothing_back() -> None:
    course = taken_up(mark(SYSTEM, "scaled"), SYSTEM, NOON_NS - DAY_NS)
    assert course == Course(NOON_NS + 10 * DAY_NS, "scaled", 1.0)


def test_no_world_goes_beyond_the_year_2099() -> None:
    course = taken_up(mark(SYSTEM, "scaled", world_ns=MAX_NS), SYSTEM, NOON_NS + DAY_NS)
    assert course == Course(MAX_NS, "scaled", 1.0)


MOMENTS = st.integers(NOON_NS - 400 * DAY_NS, NOON_NS + 400 * DAY_NS)
SETTINGS = st.sampled_from([SYSTEM, FROZEN, FAST, ClockSettings(mode="frozen")])


@given(
    world_ns=MOMENTS,
    down_ns=st.integers(0, 30 * DAY_NS),
    run=st.sampled_from([("system", 1.0), ("scaled", 1.0), ("scaled", 10.0), ("frozen", 0.0)]),
    then=SETTINGS,
    now=SETTINGS,
)
def test_a_world_never_goes_back(
    world_ns: int, down_ns: int, run: tuple[str, float], then: ClockSettings, now: ClockSettings
) -> None:
    if run[0] == "system":
        world_ns, then = NOON_NS, SYSTEM
    machine_ns = NOON_NS + down_ns
    course = taken_up(Mark(world_ns, NOON_NS, *run, configured_as(then)), now, machine_ns)
    at_ns = begin_ns(now, machine_ns) if course is None else course.world_ns
    assert at_ns >= world_ns
