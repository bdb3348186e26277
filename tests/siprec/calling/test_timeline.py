"""What a log says must be in a recording, and what a spectrum finds there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.callcontrol.call import Happened
from siprec.calling.timeline import WINDOW_S, misplaced, spans

S = 1_000_000_000
NAMES = {"sip:a@x": "alice", "sip:b@x": "bob"}


def log(*lines: tuple[float, str, str, str]) -> list[Happened]:
    return [Happened(round(at * S), what, who, detail) for at, what, who, detail in lines]


BEGIN = ((0.0, "joined", "sip:b@x", ""), (0.0, "joined", "sip:a@x", ""))
STARTED = (1.0, "recording", "alice", "started")
END = (
    (9.0, "left", "sip:a@x", ""),
    (9.0, "recording", "alice", "stopped"),
    (9.0, "left", "sip:b@x", ""),
    (9.0, "ended", "", ""),
)


def test_a_call_recorded_from_one_second_on() -> None:
    (wanted,) = spans(log(*BEGIN, STARTED, *END), "alice", NAMES)
    assert wanted.seconds == pytest.approx(8)
    assert wanted.voices == {"alice": [(0, pytest.approx(8))], "bob": [(0, pytest.approx(8))]}


def test_what_is_paused_is_left_out_of_recorded_time() -> None:
    middle = ((3.0, "pressed", "alice", "pause"), (5.0, "pressed", "alice", "on"))
    (wanted,) = spans(log(*BEGIN, STARTED, *middle, *END), "alice", NAMES)
    assert wanted.seconds == pytest.approx(6)


def test_hold_is_silent_and_lasts() -> None:
    middle = ((3.0, "held", "sip:a@x", ""), (5.0, "unheld", "sip:a@x", ""))
    (wanted,) = spans(log(*BEGIN, STARTED, *middle, *END), "alice", NAMES)
    assert wanted.seconds == pytest.approx(8)
    assert wanted.voices["bob"] == [(0, pytest.approx(2)), (pytest.approx(4), pytest.approx(8))]


def test_who_leaves_and_who_comes() -> None:
    middle = ((4.0, "left", "sip:b@x", ""), (6.0, "joined", "sip:c@x", ""))
    (wanted,) = spans(log(*BEGIN, STARTED, *middle, *END), "alice", {**NAMES, "sip:c@x": "carol"})
    assert wanted.voices["bob"] == [(0, pytest.approx(3))]
    assert wanted.voices["carol"] == [(pytest.approx(5), pytest.approx(8))]


def test_no_voice_before_the_start_delay_is_over() -> None:
    delayed = (0.5, "delayed", "", "1500")
    (wanted,) = spans(log(*BEGIN, delayed, STARTED, *END), "alice", NAMES)
    assert wanted.seconds == pytest.approx(8)
    assert wanted.voices["bob"] == [(pytest.approx(1), pytest.approx(8))]


def test_each_start_is_a_recording_and_another_users_is_none_of_it() -> None:
    more = ((2.0, "recording", "alice", "stopped"), (3.0, "recording", "bob", "started"),
            (4.0, "recording", "alice", "started"))  # fmt: skip
    first, second = spans(log(*BEGIN, STARTED, *more, *END), "alice", NAMES)
    assert (first.seconds, second.seconds) == (pytest.approx(1), pytest.approx(5))


def tone(hz: int, *on: tuple[float, float], seconds: float = 6.0) -> np.ndarray:
    moments = np.arange(round(seconds * 8_000)) / 8_000
    audible = np.zeros(len(moments), dtype=bool)
    for begin, end in on:
        audible |= (moments >= begin) & (moments < end)
    return (8_000 * np.sin(2 * np.pi * hz * moments) * audible).astype(np.int16)


def test_a_voice_where_it_must_be_is_not_misplaced() -> None:
    assert misplaced(tone(440, (1, 4)), 440, [(1.0, 4.0)]) == (0, 0)
    assert misplaced(tone(440, (1.1, 4.1)), 440, [(1.0, 4.0)]) == (0, 0)


def test_a_voice_that_is_missing_or_too_much_is_measured() -> None:
    missing, surplus = misplaced(tone(440, (2, 4)), 440, [(0.0, 4.0)])
    assert (missing, surplus) == (pytest.approx(1.7, abs=0.15), 0)
    missing, surplus = misplaced(tone(440, (0, 5)), 440, [(0.0, 2.0)])
    assert (missing, surplus) == (0, pytest.approx(2.7, abs=0.15))
    assert misplaced(tone(440, (0, 6)), 590, []) == (0, 0)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.7, 3)), max_size=3))
def test_what_is_played_when_it_should_be_is_never_misplaced(pieces: list[tuple[float, float]]) -> None:
    on = [(begin, min(begin + length, 6.0)) for begin, length in pieces]
    missing, surplus = misplaced(tone(790, *on), 790, on)
    assert missing + surplus <= WINDOW_S
