"""The four transaction machines of RFC 3261 §17 as RFC 6026 corrected them, as tables.

A `Machine` is one transaction: inputs in (what came from the network, what the user sends, which timer
fired), `Effect`s out; it sends nothing itself. The tables hold every transition; an input a state does not
list is ignored when it came from the network and refused with `UsageError` when the user asked for it.

    INVITE client     Calling → Proceeding → Accepted (2xx) | Completed (3xx–6xx) → Terminated
    other client      Trying → Proceeding → Completed → Terminated
    INVITE server     Proceeding → Accepted (2xx) | Completed (3xx–6xx) → Confirmed → Terminated
    other server      Trying → Proceeding → Completed → Terminated
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from siprec.sip.errors import UsageError


class Kind(Enum):
    """Which of the four machines."""

    INVITE_CLIENT = "INVITE client"
    CLIENT = "non-INVITE client"
    INVITE_SERVER = "INVITE server"
    SERVER = "non-INVITE server"


class State(Enum):
    """States of all four machines, by the RFC's names."""

    __hash__ = object.__hash__  # the tables are looked up for every message

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


class Timer(Enum):
    """Timers by the RFC's letters; `TRYING` is the 200 ms after which a server sends 100 (§17.2.1)."""

    __hash__ = object.__hash__

    A = "A"
    B = "B"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741 - the RFC's own letter
    J = "J"
    K = "K"
    L = "L"
    M = "M"
    TRYING = "100"


class Input(Enum):
    """What can happen to a transaction, besides a timer."""

    __hash__ = object.__hash__  # the tables are looked up for every message

    REQUEST = "request received"
    ACK = "ACK received"
    PROVISIONAL = "1xx received"
    SUCCESS = "2xx received"
    FAILURE = "3xx-6xx received"
    SEND_PROVISIONAL = "send 1xx"
    SEND_SUCCESS = "send 2xx"
    SEND_FAILURE = "send 3xx-6xx"
    TRANSPORT_ERROR = "transport error"


class Effect(Enum):
    """What the owner of a machine does after a step."""

    SEND_REQUEST = auto()
    SEND_RESPONSE = auto()
    SEND_ACK = auto()
    SEND_TRYING = auto()
    DELIVER = auto()
    """Hand the response to the user."""
    TIMED_OUT = auto()
    """Tell the user that no final response, or no ACK, came."""
    FAILED = auto()
    """Tell the user that the transport failed."""


class Step(NamedTuple):
    """One transition: the next state, what to do, timers to start and to stop."""

    state: State
    effects: tuple[Effect, ...] = ()
    start: tuple[Timer, ...] = ()
    stop: tuple[Timer, ...] = ()


Table = dict[tuple[State, Input | Timer], Step]
S, T, N, E = State, Timer, Input, Effect

_OVER = Step(S.TERMINATED)
_TIMED_OUT = Step(S.TERMINATED, (E.TIMED_OUT,))
_FAILED = Step(S.TERMINATED, (E.FAILED,))

INVITE_CLIENT: Table = {
    (S.CALLING, T.A): Step(S.CALLING, (E.SEND_REQUEST,), (T.A,)),
    (S.CALLING, T.B): _TIMED_OUT,
    (S.CALLING, N.TRANSPORT_ERROR): _FAILED,
    (S.CALLING, N.PROVISIONAL): Step(S.PROCEEDING, (E.DELIVER,), (), (T.A, T.B)),
    (S.CALLING, N.SUCCESS): Step(S.ACCEPTED, (E.DELIVER,), (T.M,), (T.A, T.B)),
    (S.CALLING, N.FAILURE): Step(S.COMPLETED, (E.SEND_ACK, E.DELIVER), (T.D,), (T.A, T.B)),
    (S.PROCEEDING, N.PROVISIONAL): Step(S.PROCEEDING, (E.DELIVER,)),
    (S.PROCEEDING, N.SUCCESS): Step(S.ACCEPTED, (E.DELIVER,), (T.M,)),
    (S.PROCEEDING, N.FAILURE): Step(S.COMPLETED, (E.SEND_ACK, E.DELIVER), (T.D,)),
    (S.PROCEEDING, N.TRANSPORT_ERROR): _FAILED,
    (S.ACCEPTED, N.SUCCESS): Step(S.ACCEPTED, (E.DELIVER,)),
    (S.ACCEPTED, T.M): _OVER,
    (S.COMPLETED, N.FAILURE): Step(S.COMPLETED, (E.SEND_ACK,)),
    (S.COMPLETED, T.D): _OVER,
    (S.COMPLETED, N.TRANSPORT_ERROR): _FAILED,
}
"""RFC 3261 §17.1.1, figure 5, with RFC 6026 §8.4."""

CLIENT: Table = {
    (S.TRYING, T.E): Step(S.TRYING, (E.SEND_REQUEST,), (T.E,)),
    (S.TRYING, T.F): _TIMED_OUT,
    (S.TRYING, N.TRANSPORT_ERROR): _FAILED,
    (S.TRYING, N.PROVISIONAL): Step(S.PROCEEDING, (E.DELIVER,)),
    (S.TRYING, N.SUCCESS): Step(S.COMPLETED, (E.DELIVER,), (T.K,), (T.E, T.F)),
    (S.TRYING, N.FAILURE): Step(S.COMPLETED, (E.DELIVER,), (T.K,), (T.E, T.F)),
    (S.PROCEEDING, T.E): Step(S.PROCEEDING, (E.SEND_REQUEST,), (T.E,)),
    (S.PROCEEDING, T.F): _TIMED_OUT,
    (S.PROCEEDING, N.TRANSPORT_ERROR): _FAILED,
    (S.PROCEEDING, N.PROVISIONAL): Step(S.PROCEEDING, (E.DELIVER,)),
    (S.PROCEEDING, N.SUCCESS): Step(S.COMPLETED, (E.DELIVER,), (T.K,), (T.E, T.F)),
    (S.PROCEEDING, N.FAILURE): Step(S.COMPLETED, (E.DELIVER,), (T.K,), (T.E, T.F)),
    (S.COMPLETED, T.K): _OVER,
}
"""RFC 3261 §17.1.2, figure 6."""

INVITE_SERVER: Table = {
    (S.PROCEEDING, T.TRYING): Step(S.PROCEEDING, (E.SEND_TRYING,)),
    (S.PROCEEDING, N.REQUEST): Step(S.PROCEEDING, (E.SEND_RESPONSE,)),
    (S.PROCEEDING, N.SEND_PROVISIONAL): Step(S.PROCEEDING, (E.SEND_RESPONSE,), (), (T.TRYING,)),
    (S.PROCEEDING, N.SEND_SUCCESS): Step(S.ACCEPTED, (E.SEND_RESPONSE,), (T.L,), (T.TRYING,)),
    (S.PROCEEDING, N.SEND_FAILURE): Step(S.COMPLETED, (E.SEND_RESPONSE,), (T.G, T.H), (T.TRYING,)),
    (S.PROCEEDING, N.TRANSPORT_ERROR): _FAILED,
    (S.ACCEPTED, N.REQUEST): Step(S.ACCEPTED),
    (S.ACCEPTED, N.ACK): Step(S.ACCEPTED),
    (S.ACCEPTED, N.SEND_SUCCESS): Step(S.ACCEPTED, (E.SEND_RESPONSE,)),
    (S.ACCEPTED, N.TRANSPORT_ERROR): Step(S.ACCEPTED, (E.FAILED,)),
    (S.ACCEPTED, T.L): _OVER,
    (S.COMPLETED, N.REQUEST): Step(S.COMPLETED, (E.SEND_RESPONSE,)),
    (S.COMPLETED, T.G): Step(S.COMPLETED, (E.SEND_RESPONSE,), (T.G,)),
    (S.COMPLETED, T.H): _TIMED_OUT,
    (S.COMPLETED, N.ACK): Step(S.CONFIRMED, (), (T.I,), (T.G, T.H)),
    (S.COMPLETED, N.TRANSPORT_ERROR): _FAILED,
    (S.CONFIRMED, N.ACK): Step(S.CONFIRMED),
    (S.CONFIRMED, T.I): _OVER,
}
"""RFC 3261 §17.2.1, figure 7, with RFC 6026 §8.5: in Accepted the user retransmits the 2xx, the machine
absorbs.
"""

SERVER: Table = {
    (S.TRYING, N.REQUEST): Step(S.TRYING),
    (S.TRYING, N.SEND_PROVISIONAL): Step(S.PROCEEDING, (E.SEND_RESPONSE,)),
    (S.TRYING, N.SEND_SUCCESS): Step(S.COMPLETED, (E.SEND_RESPONSE,), (T.J,)),
    (S.TRYING, N.SEND_FAILURE): Step(S.COMPLETED, (E.SEND_RESPONSE,), (T.J,)),
    (S.PROCEEDING, N.REQUEST): Step(S.PROCEEDING, (E.SEND_RESPONSE,)),
    (S.PROCEEDING, N.SEND_PROVISIONAL): Step(S.PROCEEDING, (E.SEND_RESPONSE,)),
    (S.PROCEEDING, N.SEND_SUCCESS): Step(S.COMPLETED, (E.SEND_RESPONSE,), (T.J,)),
    (S.PROCEEDING, N.SEND_FAILURE): Step(S.COMPLETED, (E.SEND_RESPONSE,), (T.J,)),
    (S.PROCEEDING, N.TRANSPORT_ERROR): _FAILED,
    (S.COMPLETED, N.REQUEST): Step(S.COMPLETED, (E.SEND_RESPONSE,)),
    (S.COMPLETED, N.TRANSPORT_ERROR): _FAILED,
    (S.COMPLETED, T.J): _OVER,
}
"""RFC 3261 §17.2.2, figure 8."""

TABLES: dict[Kind, Table] = {
    Kind.INVITE_CLIENT: INVITE_CLIENT,
    Kind.CLIENT: CLIENT,
    Kind.INVITE_SERVER: INVITE_SERVER,
    Kind.SERVER: SERVER,
}
_FIRST: dict[Kind, tuple[State, tuple[Timer, ...]]] = {
    Kind.INVITE_CLIENT: (S.CALLING, (T.A, T.B)),
    Kind.CLIENT: (S.TRYING, (T.E, T.F)),
    Kind.INVITE_SERVER: (S.PROCEEDING, (T.TRYING,)),
    Kind.SERVER: (S.TRYING, ()),
}
_ASKED = frozenset({N.SEND_PROVISIONAL, N.SEND_SUCCESS, N.SEND_FAILURE})
_RETRANSMIT = frozenset({T.A, T.E, T.G})
_WAIT_FOR_STRAYS = frozenset({T.D, T.I, T.J, T.K})


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """T1, T2 and T4 of §17.1.1.1 (round trip, retransmission ceiling, life of a message), and the wait for
    100.
    """

    t1_s: float = 0.5
    t2_s: float = 4.0
    t4_s: float = 5.0
    trying_s: float = 0.2

    @property
    def patience_s(self) -> float:
        """64·T1: how long an answer or an ACK is waited for."""
        return 64 * self.t1_s


DEFAULT_TIMING = Timing()


class Machine:
    """One transaction, running over a reliable or an unreliable transport."""

    __slots__ = ("_interval_s", "_table", "_timers", "_timing", "kind", "reliable", "state")

    def __init__(self, kind: Kind, now: float, *, reliable: bool, timing: Timing = DEFAULT_TIMING) -> None:
        self.kind = kind
        self.reliable = reliable
        self._table = TABLES[kind]
        self._timing = timing
        self._interval_s = timing.t1_s
        self._timers: dict[Timer, float] = {}
        self.state, first = _FIRST[kind]
        for timer in first:
            self._start(timer, now)

    @property
    def over(self) -> bool:
        """Whether the machine reached Terminated."""
        return self.state is State.TERMINATED

    @property
    def refused(self) -> bool:
        """Whether a failure was sent for an INVITE, so that an ACK belongs to this transaction."""
        return self.state in (State.COMPLETED, State.CONFIRMED)

    def receive(self, event: Input, now: float) -> tuple[Effect, ...]:
        """Apply an input; return what to do. Raises `UsageError` for a response that may not be sent now."""
        step = self._table.get((self.state, event))
        if step is None:
            if event in _ASKED:
                raise UsageError(event.value, self.state.name)
            return ()
        return self._apply(step, now)

    def stop(self) -> None:
        """Terminate at once."""
        self.state = State.TERMINATED
        self._timers.clear()

    def next_deadline(self) -> float | None:
        """Return when `handle_timeout` is due, None where no timer runs."""
        return min(self._timers.values()) if self._timers else None

    def handle_timeout(self, now: float) -> tuple[Effect, ...]:
        """Fire every timer that is due, earliest first; return what to do."""
        effects: tuple[Effect, ...] = ()
        while self._timers:
            timer = min(self._timers, key=self._timers.__getitem__)
            if self._timers[timer] > now:
                break
            del self._timers[timer]
            step = self._table.get((self.state, timer))
            if step is not None:
                effects += self._apply(step, now)
        return effects

    def _apply(self, step: Step, now: float) -> tuple[Effect, ...]:
        self.state = step.state
        if step.state is State.TERMINATED:
            self._timers.clear()
            return step.effects
        for timer in step.stop:
            self._timers.pop(timer, None)
        for timer in step.start:
            self._start(timer, now)
        return step.effects

    def _start(self, timer: Timer, now: float) -> None:
        """Start a timer; over a reliable transport nothing is retransmitted and strays need no wait (§17)."""
        if timer in _RETRANSMIT:
            if not self.reliable:
                self._timers[timer] = now + self._next_interval(timer)
            return
        if timer in _WAIT_FOR_STRAYS and self.reliable:
            self.state = State.TERMINATED
            self._timers.clear()
            return
        self._timers[timer] = now + self._duration_s(timer)

    def _next_interval(self, timer: Timer) -> float:
        if timer is Timer.E and self.state is State.PROCEEDING:
            return self._timing.t2_s
        interval = self._interval_s
        self._interval_s = interval * 2
        return interval if timer is Timer.A else min(interval, self._timing.t2_s)

    def _duration_s(self, timer: Timer) -> float:
        if timer is Timer.TRYING:
            return self._timing.trying_s
        if timer in (Timer.I, Timer.K):
            return self._timing.t4_s
        return self._timing.patience_s
