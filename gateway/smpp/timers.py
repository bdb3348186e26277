"""The timers of a session (SMPP 3.4 §7.2), pure: deadlines in wire time, no clock and no callback.

A timer may be set early and found not yet due when it fires (traffic has moved on since): its owner then sets
it again. That keeps the hot path free of timer work: a PDU only notes the time.
"""

from enum import Enum

from gateway.smpp.frozen import frozen


class Timer(Enum):
    """What a deadline is for."""

    SESSION_INIT = "session_init"
    ENQUIRE_LINK = "enquire_link"
    INACTIVITY = "inactivity"
    RESPONSE = "response"
    UNBIND_WAIT = "unbind_wait"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


@frozen
class TimerSettings:
    """Durations in seconds of wire time; 0 turns a timer off.

    `session_init_s`: from connection to bound. `enquire_link_s`: silence after which the peer is asked for a
    sign of life; it is also asked once a request of ours has timed out and nothing else was answered
    meanwhile. `inactivity_s`: time without a message after which the session is unbound. `response_s`: time a
    request of ours waits for its response. `unbind_wait_s`: time an unbind waits for what is still
    unanswered.
    """

    session_init_s: float = 10.0
    enquire_link_s: float = 30.0
    inactivity_s: float = 0.0
    response_s: float = 10.0
    unbind_wait_s: float = 5.0


class Timers:
    """The running timers of one session."""

    __slots__ = ("_deadlines", "_durations")

    def __init__(self, settings: TimerSettings) -> None:
        self._durations = {
            Timer.SESSION_INIT: settings.session_init_s,
            Timer.ENQUIRE_LINK: settings.enquire_link_s,
            Timer.INACTIVITY: settings.inactivity_s,
            Timer.RESPONSE: settings.response_s,
            Timer.UNBIND_WAIT: settings.unbind_wait_s,
        }
        self._deadlines: dict[Timer, float] = {}

    def duration(self, timer: Timer) -> float:
        """Seconds this timer runs; 0 if it is off."""
        return self._durations[timer]

    def start(self, timer: Timer, since: float, duration_s: float | None = None) -> None:
        """(Re)start a timer as of `since`, for its own duration or for `duration_s`."""
        duration = self._durations[timer] if duration_s is None else duration_s
        if duration > 0 or duration_s is not None:
            self._deadlines[timer] = since + duration

    def stop(self, timer: Timer) -> None:
        """Forget a timer, running or not."""
        self._deadlines.pop(timer, None)

    def stop_all(self) -> None:
        """Forget every timer."""
        self._deadlines.clear()

    def running(self, timer: Timer) -> bool:
        """Whether the timer has a deadline."""
        return timer in self._deadlines

    def next_deadline(self) -> float | None:
        """The earliest deadline, None if no timer runs."""
        return min(self._deadlines.values(), default=None)

    def expire(self, now: float) -> list[Timer]:
        """Stop and return the timers that are due, earliest first."""
        due = sorted(
            (deadline, timer.value, timer) for timer, deadline in self._deadlines.items() if deadline <= now
        )
        for _, _, timer in due:
            del self._deadlines[timer]
        return [timer for _, _, timer in due]
