"""Pure timers."""

import pytest

from gateway.smpp.timers import Timer, Timers, TimerSettings


def test_the_earliest_deadline_comes_first() -> None:
    timers = Timers(TimerSettings(session_init_s=5, response_s=2))
    assert timers.next_deadline() is None
    timers.start(Timer.SESSION_INIT, 10.0)
    timers.start(Timer.RESPONSE, 10.0)
    assert timers.next_deadline() == 12.0
    assert timers.expire(11.9) == []
    assert timers.expire(20.0) == [Timer.RESPONSE, Timer.SESSION_INIT]
    assert timers.next_deadline() is None


def test_a_restart_moves_the_deadline_and_a_stop_forgets_it() -> None:
    timers = Timers(TimerSettings(enquire_link_s=30))
    timers.start(Timer.ENQUIRE_LINK, 0.0)
    timers.start(Timer.ENQUIRE_LINK, 100.0)
    assert timers.next_deadline() == 130.0
    assert timers.running(Timer.ENQUIRE_LINK)
    timers.stop(Timer.ENQUIRE_LINK)
    timers.stop(Timer.ENQUIRE_LINK)
    assert not timers.running(Timer.ENQUIRE_LINK)
    timers.start(Timer.ENQUIRE_LINK, 0.0)
    timers.stop_all()
    assert timers.next_deadline() is None


@pytest.mark.parametrize("timer", list(Timer))
def test_a_duration_of_zero_is_off_unless_asked_for(timer: Timer) -> None:
    timers = Timers(TimerSettings(0, 0, 0, 0, 0))
    timers.start(timer, 5.0)
    assert not timers.running(timer)
    timers.start(timer, 5.0, 0.0)
    assert timers.expire(5.0) == [timer]
    assert timers.duration(timer) == 0
