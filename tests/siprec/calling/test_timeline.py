"""What a log says must be in a recording, and what a spectrum finds there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.callcontrol.call import Happened
from siprec.calling.timeline import WINDOW_S, misplaced, spans

S = 1_000_000_000
NAMES = {"sip:a@x": "alice", "sip:b@x": "bob"}


def lines(*lines: tuple[float, str, str, str]) -> list[Happened]:
    return [Happened(round(at * S), what, who, detail) for at, what, who, detail in lines]


def one(*told: tuple[float, str, str, str]) -> dict[int, list[Happened]]:
    return {1: lines(*told)}


BEGIN = ((0.0, "joined", "sip:b@x", ""), (0.0, "joined", "sip:a@x", ""))
STARTED = (1.0, "recording", "alice", "started")
END = (
    (9.0, "left", "sip:a@x", ""),
    (9.0, "recording", "alice", "stopped"),
    (9.0, "left", "sip:b@x", ""),
    (9.0, "ended", "", ""),
)


def test_a_call_recorded_from_one_second_on() -> None:
    (wanted,) = spans(one(*BEGIN, STARTED, *END), "alice", NAMES)
    assert wanted.seconds == pytest.approx(8)
    assert wanted.voices == {"alice": [(0, pytest.approx(8))], "bob": [(0, pytest.approx(8))]}


def test_what_is_paused_is_left_out_of_recorded_time() -> None:
    middle = ((3.0, "pressed", "alice", "pause"), (5.0, "pressed", "alice", "on"))
    (wanted,) = spans(one(*BEGIN, STARTED, *middle, *END), "alice", NAMES)
    assert wanted.seconds == pytest.approx(6)


def test_hold_is_silent_and_lasts() -> None:
    middle = ((3.0, "held", "sip:a@x", ""), (5.0, "unheld", "sip:a@x", ""))
    (wanted,) = spans(one(*BEGIN, STARTED, *middle, *END), "alice", NAMES)
    assert wanted.seconds == pytest.approx(8)
    assert wanted.voices["bob"] == [(0, pytest.approx(2)), (pytest.approx(4), pytest.approx(8))]


def test_who_leaves_and_who_comes() -> None:
    middle = ((4.0, "left", "sip:b@x", ""), (6.0, "joined", "sip:c@x", ""))
    (wanted,) = spans(one(*BEGIN, STARTED, *middle, *END), "alice", {**NAMES, "sip:c@x": "carol"})
    assert wanted.voices["bob"] == [(0, pytest.approx(3))]
    assert wanted.voices["carol"] == [(pytest.approx(5), pytest.approx(8))]


def test_no_voice_before_the_start_delay_is_over() -> None:
    delayed = (0.5, "delayed", "", "1500")
    (wanted,) = spans(one(*BEGIN, delayed, STARTED, *END), "alice", NAMES)
    assert wanted.seconds == pytest.approx(8)
    assert wanted.voices["bob"] == [(pytest.approx(1), pytest.approx(8))]


def test_each_start_is_a_recording_and_another_users_is_none_of_it() -> None:
    more = ((2.0, "recording", "alice", "stopped"), (3.0, "recording", "bob", "started"),
            (4.0, "recording", "alice", "started"))  # fmt: skip
    first, second = spans(one(*BEGIN, STARTED, *more, *END), "alice", NAMES)
    assert (first.seconds, second.seconds) == (pytest.approx(1), pytest.approx(5))


FIRST = (
    *((0.0, "joined", "sip:b@x", ""), (0.0, "joined", "sip:a@x", ""), (0.5, "recording", "alice", "started")),
    (2.0, "held", "sip:a@x", ""),
)
SECOND = (
    *((2.5, "joined", "sip:c@x", ""), (2.5, "joined", "sip:a@x", "")),
    *((3.0, "recording", "carol", "started"), (3.0, "recording", "alice", "started")),
)
OVER = ((5.0, "left", "sip:a@x", ""), (5.0, "recording", "alice", "stopped"))
MOVED = (5.0, "moved", "sip:c@x", "1")
CAST = {**NAMES, "sip:c@x": "carol"}


def near(*pieces: tuple[float, float]) -> list[tuple[object, object]]:
    return [(pytest.approx(begin), pytest.approx(end)) for begin, end in pieces]


def test_a_moved_leg_takes_its_recording_along_and_the_others_end() -> None:
    """Alice talks to bob, consults carol and connects the two: an attended transfer."""
    joined = (*((5.0, "joined", "sip:c@x", ""), (5.0, "unheld", "sip:a@x", "")), *OVER)
    end = ((8.0, "left", "sip:b@x", ""), (8.0, "recording", "carol", "stopped"), (8.0, "left", "sip:c@x", ""))
    logs = {1: lines(*FIRST, *joined, *end), 2: lines(*SECOND, MOVED, *OVER)}
    first, second = spans(logs, "alice", CAST)
    assert (first.seconds, second.seconds) == (pytest.approx(4.5), pytest.approx(2))
    assert first.voices == {"alice": near((0, 1.5)), "bob": near((0, 1.5))}
    assert second.voices == {"alice": near((0, 2)), "carol": near((0, 2))}
    (moved,) = spans(logs, "carol", CAST)
    assert moved.seconds == pytest.approx(5)
    assert moved.voices == {"carol": near((0, 5)), "alice": near((0, 2)), "bob": near((2, 5))}


def test_a_conference_has_everybody_until_they_leave() -> None:
    """Alice joins carol's call to bob's, takes it back a second later, and carol leaves first."""
    together = ((5.0, "joined", "sip:c@x", ""), (6.0, "unheld", "sip:a@x", ""))
    parting = ((8.0, "left", "sip:c@x", ""), (8.0, "recording", "carol", "stopped"))
    end = ((9.0, "left", "sip:a@x", ""), (9.0, "recording", "alice", "stopped"))
    logs = {1: lines(*FIRST, *together, *parting, *end), 2: lines(*SECOND, MOVED, *OVER)}
    first, _ = spans(logs, "alice", CAST)
    assert first.seconds == pytest.approx(8.5)
    assert first.voices["bob"] == first.voices["alice"] == near((0, 1.5), (5.5, 8.5))
    assert first.voices["carol"] == near((5.5, 7.5))
    (moved,) = spans(logs, "carol", CAST)
    assert moved.voices == {
        "carol": near((0, 2), (3, 5)),
        "alice": near((0, 2), (3, 5)),
        "bob": near((3, 5)),
    }


def test_what_begins_after_a_move_is_a_recording_of_its_own() -> None:
    again = ((5.0, "joined", "sip:c@x", ""), (6.0, "recording", "carol", "stopped"),
             (7.0, "recording", "carol", "started"), (8.0, "recording", "carol", "stopped"))  # fmt: skip
    logs = {1: lines(*FIRST, *again), 2: lines(*SECOND, MOVED, *OVER)}
    assert [each.seconds for each in spans(logs, "carol", CAST)] == [pytest.approx(3), pytest.approx(1)]


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
