"""RFC 4028: what is agreed, by whom it is refreshed, when it is dead."""

import pytest

from siprec.sip.errors import ParseError
from siprec.sip.headers import Headers
from siprec.sip.message import Request, Response
from siprec.sip.session_timer import (
    IntervalTooSmall,
    Refresher,
    SessionTimer,
    SessionTimerPolicy,
    accept_session_timer,
    answer_session_timer,
    parse_session_expires,
)


def invite(*fields: tuple[str, str]) -> Request:
    return Request(Headers(fields), method="INVITE")


POLICY = SessionTimerPolicy(interval_s=1800, min_se_s=120)
SUPPORTED = ("supported", "timer")


@pytest.mark.parametrize(
    ("fields", "value", "we_refresh", "required"),
    [
        ([SUPPORTED, ("session-expires", "600")], "600;refresher=uac", False, True),
        ([SUPPORTED, ("session-expires", "600;refresher=uas")], "600;refresher=uas", True, True),
        ([SUPPORTED, ("session-expires", "7200")], "1800;refresher=uac", False, True),
        ([SUPPORTED, ("session-expires", "7200"), ("min-se", "3600")], "3600;refresher=uac", False, True),
        ([SUPPORTED], "1800;refresher=uac", False, True),
        ([("session-expires", "600")], "600;refresher=uas", True, False),
    ],
)
def test_answers_as_uas(fields: list[tuple[str, str]], value: str, we_refresh: bool, required: bool) -> None:
    answer = answer_session_timer(invite(*fields), POLICY)
    assert isinstance(answer, tuple)
    timer, header, needed = answer
    assert (header, timer.we_refresh, needed) == (value, we_refresh, required)
    assert timer.interval_s == int(value.partition(";")[0])


def test_no_support_and_no_wish_means_no_timer() -> None:
    assert answer_session_timer(invite(), POLICY) is None


@pytest.mark.parametrize(("interval", "least"), [("119", 120), ("0", 120)])
def test_too_small(interval: str, least: int) -> None:
    assert answer_session_timer(invite(SUPPORTED, ("session-expires", interval)), POLICY) == IntervalTooSmall(
        least
    )


def test_no_policy_goes_below_the_floor() -> None:
    answer = answer_session_timer(
        invite(SUPPORTED, ("session-expires", "60")), SessionTimerPolicy(min_se_s=10)
    )
    assert answer == IntervalTooSmall(90)


@pytest.mark.parametrize(
    ("value", "timer"),
    [
        ("600;refresher=uas", SessionTimer(600, we_refresh=False)),
        ("600;refresher=uac", SessionTimer(600, we_refresh=True)),
        ("600", SessionTimer(600, we_refresh=True)),
        ("1;refresher=uac", SessionTimer(90, we_refresh=True)),
    ],
)
def test_what_a_uac_reads(value: str, timer: SessionTimer) -> None:
    assert accept_session_timer(Response(Headers([("session-expires", value)]), status=200)) == timer


def test_a_uac_without_answer_has_no_timer() -> None:
    assert accept_session_timer(Response(Headers(), status=200)) is None


@pytest.mark.parametrize(("interval", "refresh", "expiry"), [(1800, 900, 1768), (90, 45, 60), (96, 48, 64)])
def test_moments(interval: int, refresh: float, expiry: float) -> None:
    timer = SessionTimer(interval, we_refresh=True)
    assert (timer.refresh_at(0.0), timer.expires_at(0.0)) == (refresh, expiry)
    assert timer.refresh_at(0.0) < timer.expires_at(0.0)


def test_parsing() -> None:
    assert parse_session_expires("1800 ; refresher=UAS;x=y") == (1800, Refresher.UAS)
    for text in ("", "x", "-5", "90;refresher=me", "90;;"):
        with pytest.raises(ParseError):
            parse_session_expires(text)
