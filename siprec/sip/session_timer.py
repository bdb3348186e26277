"""Session timers: who refreshes a session, how often, and when it is dead (RFC 4028)."""

from dataclasses import dataclass
from enum import StrEnum

from siprec.sip.errors import ParseError
from siprec.sip.headers import parse_integer, parse_params
from siprec.sip.message import Request, Response

MIN_SE_FLOOR_S = 90
"""No interval may be shorter (§4)."""


class Refresher(StrEnum):
    """Who sends the refreshes, as seen in a `refresher` parameter."""

    UAC = "uac"
    UAS = "uas"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimerPolicy:
    """What we ask for and accept: `interval_s` proposed, `min_se_s` the shortest we tolerate."""

    interval_s: int = 1800
    min_se_s: int = MIN_SE_FLOOR_S


@dataclass(frozen=True, slots=True)
class IntervalTooSmall:
    """The answer is 422 with this Min-SE (§6)."""

    min_se_s: int


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """What was agreed: `interval_s`, and whether we are the one who refreshes."""

    interval_s: int
    we_refresh: bool

    def refresh_at(self, now: float) -> float:
        """Return when to refresh a session confirmed at `now`: half the interval (§7.2)."""
        return now + self.interval_s / 2

    def expires_at(self, now: float) -> float:
        """Return when to give the session up: a third of the interval, at most 32 s, before its end (§10)."""
        return now + self.interval_s - min(32.0, self.interval_s / 3)


def parse_session_expires(text: str) -> tuple[int, Refresher | None]:
    """Parse a Session-Expires value: seconds and refresher. Raises `ParseError`."""
    number, semicolon, rest = text.partition(";")
    interval_s = parse_integer(number, "Session-Expires", 2**32 - 1)
    refresher = parse_params(semicolon + rest, "Session-Expires").get("refresher")
    try:
        return interval_s, Refresher(refresher.lower()) if refresher else None
    except ValueError:
        raise ParseError("Session-Expires", "has an unknown refresher") from None


def answer_session_timer(
    request: Request, policy: SessionTimerPolicy
) -> tuple[SessionTimer, str, bool] | IntervalTooSmall | None:
    """Decide as UAS (§9): the timer, our Session-Expires and whether to require `timer`; or 422; or no timer.

    A peer that does not support timers is not given one unless it asked (a proxy may have inserted the
    header).
    """
    asked = request.headers.get("session-expires")
    peer_supports = "timer" in request.headers.tokens("supported")
    if asked is None:
        if not peer_supports:
            return None
        interval_s, refresher = policy.interval_s, None
    else:
        interval_s, refresher = parse_session_expires(asked)
        if interval_s < max(policy.min_se_s, MIN_SE_FLOOR_S):
            return IntervalTooSmall(max(policy.min_se_s, MIN_SE_FLOOR_S))
    interval_s = max(min(interval_s, policy.interval_s), _min_se(request))
    if refresher is None:
        refresher = Refresher.UAC if peer_supports else Refresher.UAS
    value = f"{interval_s};refresher={refresher.value}"
    return SessionTimer(interval_s, refresher is Refresher.UAS), value, peer_supports


def accept_session_timer(response: Response) -> SessionTimer | None:
    """Read, as UAC, what a 2xx agreed (§7.2); None where it set no timer."""
    value = response.headers.get("session-expires")
    if value is None:
        return None
    interval_s, refresher = parse_session_expires(value)
    return SessionTimer(max(interval_s, MIN_SE_FLOOR_S), refresher is not Refresher.UAS)


def _min_se(request: Request) -> int:
    value = request.headers.get("min-se")
    return parse_integer(value.partition(";")[0], "Min-SE", 2**32 - 1) if value else 0
