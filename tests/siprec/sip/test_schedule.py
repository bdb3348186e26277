"""The one heap: things fire at their deadline, moved deadlines cost nothing, finished things are dropped."""

from hypothesis import given
from hypothesis import strategies as st

from siprec.sip.schedule import Schedule


class Thing:
    def __init__(self, *deadlines: float) -> None:
        self.armed: float | None = None
        self.deadlines = list(deadlines)
        self.fired: list[float] = []

    def next_deadline(self) -> float | None:
        return self.deadlines[0] if self.deadlines else None

    def handle_timeout(self, now: float) -> None:
        while self.deadlines and self.deadlines[0] <= now:
            self.fired.append(self.deadlines.pop(0))


def run(schedule: Schedule) -> None:
    while (due := schedule.next_deadline()) is not None:
        schedule.handle_timeout(due)


def test_a_deadline_moved_later_is_looked_at_and_put_back() -> None:
    schedule, thing = Schedule(), Thing(1.0)
    schedule.arm(thing)
    thing.deadlines = [5.0]
    schedule.handle_timeout(1.0)
    assert thing.fired == []
    assert schedule.next_deadline() == 5.0


def test_a_deadline_moved_earlier_fires_once() -> None:
    schedule, thing = Schedule(), Thing(5.0)
    schedule.arm(thing)
    thing.deadlines = [1.0, 6.0]
    schedule.arm(thing)
    run(schedule)
    assert thing.fired == [1.0, 6.0]
    assert len(schedule) == 0


def test_a_finished_thing_is_dropped() -> None:
    schedule, thing = Schedule(), Thing(5.0)
    schedule.arm(thing)
    thing.deadlines = []
    schedule.arm(thing)
    run(schedule)
    assert len(schedule) == 0


def test_things_that_are_over_do_not_pile_up() -> None:
    schedule, kept = Schedule(), Thing(2000.0)
    schedule.arm(kept)
    for number in range(20_000):
        thing = Thing(1000.0 + number)
        schedule.arm(thing)
        schedule.disarm(thing)
        schedule.disarm(thing)
    assert len(schedule) < 3000
    run(schedule)
    assert kept.fired == [2000.0]


@given(st.lists(st.lists(st.floats(0, 100), max_size=5), max_size=20))
def test_everything_fires_exactly_once_in_order(plans: list[list[float]]) -> None:
    schedule = Schedule()
    things = [Thing(*sorted(plan)) for plan in plans]
    for thing in things:
        schedule.arm(thing)
    run(schedule)
    assert [thing.fired for thing in things] == [sorted(plan) for plan in plans]
