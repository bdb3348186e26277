"""Decision table of icon and softkeys: D7, D8, each with its opposite."""

from itertools import product

import pytest

from gateway.directory.recording import RecordingMode
from siprec.phones.softkeys import Display, Icon, RecordingKeys, RecordStatus, Softkey, display

ON, OFF, PAUSED = RecordStatus.ON, RecordStatus.OFF, RecordStatus.PAUSED
TABLE = [
    ("never", OFF, ()),
    ("never", ON, ()),
    ("never", PAUSED, ()),
    ("always", OFF, ()),
    ("always", ON, ()),
    ("always", PAUSED, ()),
    ("always_with_pause", OFF, ()),
    ("always_with_pause", ON, ("PauseRec",)),
    ("always_with_pause", PAUSED, ("ResumeRec",)),
    ("on_demand", OFF, ("Record",)),
    ("on_demand", ON, ("PauseRec", "StopRec")),
    ("on_demand", PAUSED, ("StopRec", "ResumeRec")),
    ("on_demand_from_connect", OFF, ("Record",)),
    ("on_demand_from_connect", ON, ("PauseRec", "StopRec")),
    ("on_demand_from_connect", PAUSED, ("StopRec", "ResumeRec")),
]


@pytest.mark.parametrize(("keys", "status", "labels"), TABLE)
def test_d8_softkeys_follow_mode_and_state(keys: str, status: RecordStatus, labels: tuple[str, ...]) -> None:
    shown = display(RecordingKeys(keys), status, in_call=True)
    assert tuple(key.value for key in shown.softkeys) == labels


def test_the_table_is_complete() -> None:
    assert {(keys, status) for keys, status, _ in TABLE} == {
        (keys.value, status) for keys, status in product(RecordingKeys, RecordStatus)
    }


@pytest.mark.parametrize("keys", list(RecordingKeys))
def test_d7_the_icon_is_shown_while_a_call_is_recorded_and_only_then(keys: RecordingKeys) -> None:
    icons = [display(keys, status, in_call=True).icon for status in (OFF, ON, PAUSED)]
    assert icons == [Icon.NONE, Icon.RECORDING, Icon.PAUSED]


@pytest.mark.parametrize(("keys", "status"), list(product(RecordingKeys, RecordStatus)))
def test_outside_a_call_nothing_is_shown(keys: RecordingKeys, status: RecordStatus) -> None:
    assert display(keys, status, in_call=False) == Display(Icon.NONE, ())


def test_pause_and_resume_never_show_together() -> None:
    for keys, status in product(RecordingKeys, RecordStatus):
        softkeys = display(keys, status, in_call=True).softkeys
        assert not {Softkey.PAUSE, Softkey.RESUME} <= set(softkeys)


def test_every_key_asks_for_something_a_session_can_prefer() -> None:
    assert {key.value: key.preference for key in Softkey} == {
        "Record": "on",
        "PauseRec": "pause",
        "ResumeRec": "on",
        "StopRec": "off",
    }


@pytest.mark.parametrize("mode", list(RecordingMode))
def test_d1_every_mode_has_its_keys(mode: RecordingMode) -> None:
    assert RecordingKeys.of(mode).value == mode.value


def test_broadworks_on_demand_records_from_connect_only_where_set() -> None:
    assert (
        RecordingKeys.of(RecordingMode.ON_DEMAND, from_connect=True) is RecordingKeys.ON_DEMAND_FROM_CONNECT
    )
    assert RecordingKeys.of(RecordingMode.ALWAYS, from_connect=True) is RecordingKeys.ALWAYS
