"""Scenarios are read whole or refused with all their faults; the library is complete and consistent."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.config import ConfigError
from siprec.phones.scenario import Scenario, Step, load_scenario, names, read_step
from siprec.phones.softkeys import Softkey

GOOD: dict[str, Any] = {
    "title": "One",
    "parties": {"alice": {"number": "+12025550100"}, "bob": {"number": "+12025550101"}},
    "script": ["alice calls bob", "wait 1", "alice hangs up"],
}


@pytest.mark.parametrize(
    ("sentence", "step"),
    [
        ("alice calls bob", Step("alice", "calls", "bob")),
        ("  alice   transfers  to bob ", Step("alice", "transfers to", "bob")),
        ("alice consults bob", Step("alice", "consults", "bob")),
        ("alice presses PauseRec", Step("alice", "presses", "PauseRec")),
        ("alice takes back", Step("alice", "takes back")),
        ("alice hangs up", Step("alice", "hangs up")),
        ("wait 1.5", Step("", "wait", "1.5")),
        ("30 days pass", Step("", "pass", "30")),
        ("1 day pass", Step("", "pass", "1")),
        ("alice gets dubber_standard", Step("alice", "gets", "dubber_standard")),
        ("alice is set to never", Step("alice", "is set to", "never")),
        ("alice has 2 recordings", Step("alice", "has", "2")),
        ("organization chooses none", Step("", "chooses", "none")),
        ("recorder restarts", Step("", "restarts")),
    ],
)
def test_sentences(sentence: str, step: Step) -> None:
    assert read_step(sentence) == step


@pytest.mark.parametrize(
    "sentence",
    ["", "alice", "alice calls", "alice presses Hash", "Alice calls bob", "wait", "wait -1", "wait 1.5 s"],
)
def test_what_is_no_sentence_is_refused_with_what_is_understood(sentence: str) -> None:
    with pytest.raises(ValueError, match="NAME presses Record"):
        read_step(sentence)


@given(st.text(max_size=60))
def test_no_text_does_anything_but_read_or_refuse(text: str) -> None:
    try:
        step = read_step(text)
    except ValueError:
        return
    assert read_step(str(step)) == step


@pytest.mark.parametrize("key", list(Softkey))
def test_every_softkey_can_be_pressed(key: Softkey) -> None:
    assert read_step(f"alice presses {key.value}").whom == key.value


def test_a_scenario_of_strangers_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody is called carol"):
        Scenario.model_validate({**GOOD, "script": ["alice calls carol"]})
    with pytest.raises(ValueError, match="nobody is called dave"):
        Scenario.model_validate({**GOOD, "expect": {"recordings": [{"of": "dave"}]}})


@pytest.mark.parametrize(
    "change",
    [
        {"script": []},
        {"script": ["wait 301"]},
        {"parties": {"alice": {"number": "12"}}},
        {"network": {"loss": 0.9}},
        {"colour": "red"},
        {"parties": {"alice": {"number": "+12025550100", "recording": {"mode": "sometimes"}}}},
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="error"):
        Scenario.model_validate({**GOOD, **change})


def test_a_file_of_ones_own_with_its_faults_by_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        'scenario:\n  title: Mine\n  parties: {a: {number: "+12025550100"}}\n  script: [a sings]\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_scenario(str(file))
    assert "mine.yaml:4" in str(caught.value)
    file.write_text(
        'scenario:\n  title: Mine\n  parties: {a: {number: "+12025550100"}}\n  script: [wait 1]\n'
    )
    assert load_scenario(str(file)).steps == (Step("", "wait", "1"),)
    with pytest.raises(ConfigError):
        load_scenario("no-such-scenario")


def test_the_library_reads_and_shows_what_the_issue_asks_for() -> None:
    scenarios = {name: load_scenario(name) for name in names()}
    assert len(scenarios) >= 12
    shown = {fact for scenario in scenarios.values() for fact in scenario.facts}
    assert {"C11", "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9"} <= shown
    modes = {party.recording.mode.value for each in scenarios.values() for party in each.parties.values()}
    assert modes == {"never", "always", "always_with_pause", "on_demand"}
    assert {
        "blind-transfer",
        "conference",
        "voicemail",
        "pause-announcement",
        "failover",
        "no-provider",
    } <= set(scenarios)
    assert len({each.title for each in scenarios.values()}) == len(scenarios)


def test_every_scenario_says_how_many_recordings_there_must_be() -> None:
    for name in names():
        assert "recordings" in load_scenario(name).expect.model_fields_set, name
