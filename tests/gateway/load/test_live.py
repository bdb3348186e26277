"""What is seen while a run is under way: a table in a terminal, lines elsewhere, colours where wanted."""

import io
import re

import pytest
from rich.console import Console

from gateway.load import live
from gateway.load.live import LiveView, line
from gateway.load.profile import Profile
from gateway.load.snapshot import Snapshot
from gateway.load.tally import Outcome, Tally, tally_of

PROFILE = Profile.model_validate({"name": "steady", "target": "smpp://user:secret@127.0.0.1:2775"})


def snapshot(count: int = 10) -> Snapshot:
    outcomes = [Outcome(0, 0, 0, 2_000_000, "good", 1, None if n % 2 else "queue_full") for n in range(count)]
    return Snapshot(3.0, 60.0, tally_of(outcomes), tally_of(outcomes[:1]), 4)


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(live, "TERMINAL_S", 0.0)
    monkeypatch.setattr(live, "LINES_S", 0.0)


def shown(terminal: bool, times: int = 2) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with LiveView(PROFILE, console) as view:
        for _ in range(times):
            view.take(snapshot())
    return console.file.getvalue()


@pytest.mark.usefixtures("at_once")
def test_a_terminal_shows_a_table_that_goes_away():
    text = shown(terminal=True)
    for word in ("steady", "10 (", "queue_full", "arrival error", "4 under way", "hostile"):
        assert word in text
    assert "secret" not in text


@pytest.mark.usefixtures("at_once")
def test_elsewhere_lines_are_printed_without_escapes():
    text = shown(terminal=False)
    assert text.count("10 settled") == 2
    assert "\x1b" not in text


def test_it_does_not_show_more_often_than_it_should():
    assert shown(terminal=False, times=50) == ""


@pytest.mark.usefixtures("at_once")
def test_no_colour_is_obeyed(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert re.findall(r"\x1b\[[34]\dm", shown(terminal=True)) == []


def test_a_line_says_it_all():
    text = line(snapshot(), 5.0)
    assert "3 s: 10 settled (5 a second), accepted 5, refused 5, failed 0, under way 4, p50 2.0" in text
    assert line(Snapshot(0.0, 1.0, Tally(), Tally(), 0), 0.0)
