"""Scenarios played whole: the short ones of the library, one that must fail, one against a stranger."""

from typing import Any

import pytest

from siprec.calling.own_recorder import OwnRecorder
from siprec.calling.playing import play
from siprec.phones.scenario import Scenario, load_scenario, names

SHORT = (
    "always",
    "blind-transfer",
    "downgrade",
    "expiry",
    "failover",
    "no-provider",
    "on-demand-from-connect",
    "pause-announcement",
)
LIBRARY = [name if name in SHORT else pytest.param(name, marks=pytest.mark.slow) for name in names()]


def failures(report: Any) -> list[str]:
    return [f"{check.what}: {check.found}" for check in report.checks if not check.ok]


@pytest.mark.parametrize("name", LIBRARY)
async def test_the_library_goes_as_it_says(name: str) -> None:
    report = await play(load_scenario(name))
    assert failures(report) == []
    assert len(report.checks) >= 3
    assert report.unchecked == []
    assert report.ok


async def test_a_wrong_expectation_is_found() -> None:
    scenario = load_scenario("always").model_dump(mode="json")
    scenario["expect"]["recordings"] = [
        {
            "of": "alice",
            "own": ["customer"],
            "lacks": ["alice"],
            "announcements": ["start announcement"],
            "pauses": 1,
        }
    ]
    scenario["expect"]["icons"] = {"alice": ["none"]}
    scenario["expect"]["unheard"] = {"alice": ["customer"]}
    report = await play(Scenario.model_validate(scenario))
    assert not report.ok
    assert len(failures(report)) == 6
    assert report.as_dict()["ok"] is False


async def test_a_step_that_cannot_be_done_is_reported_and_ends_the_script() -> None:
    scenario = Scenario.model_validate(
        {
            "title": "Impossible",
            "parties": {"alice": {"number": "+12025550100"}, "bob": {"number": "+12025550101"}},
            "script": ["alice presses Record", "alice calls bob"],
        }
    )
    report = await play(scenario)
    assert failures(report) == ["alice presses Record: alice is in no call"]
    assert report.log == []


async def test_a_key_the_phone_does_not_show_is_reported() -> None:
    scenario = Scenario.model_validate(
        {
            "title": "No key",
            "parties": {
                "alice": {"number": "+12025550100", "recording": {"mode": "never"}},
                "bob": {"number": "+12025550101"},
            },
            "script": ["alice calls bob", "alice presses Record"],
        }
    )
    report = await play(scenario)
    assert failures(report) == ["alice presses Record: the phone shows no such key"]


async def test_against_a_strangers_recorder_what_is_recorded_is_left_open() -> None:
    async with await OwnRecorder.open() as stranger:
        report = await play(load_scenario("always"), recorders=(stranger.uri,))
        assert failures(report) == []
        assert len(report.unchecked) == 1
        assert len(await stranger.recordings(1)) == 1


async def test_no_recorder_at_all_is_a_failed_check() -> None:
    report = await play(load_scenario("always"), recorders=("sip:srs@127.0.0.1:9",))
    [told] = [failure for failure in failures(report) if failure.startswith("1 recording session: 0")]
    assert "no recording server takes the call" in told, "and says why"
