"""Decisions about a user's recording: every D id shown, and its opposite; then any order of events."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.directory.recording import PauseNotice, RecordingMode, RecordingSettings
from siprec.callcontrol.recording import (
    Command,
    PauseFork,
    Play,
    Prompt,
    RecordingControl,
    RecordingOptions,
    RecordingState,
    Report,
    ResumeFork,
    Show,
    StartDelays,
    StartFork,
    StopFork,
    Told,
)
from siprec.phones.softkeys import SOFTKEYS, RecordingKeys, RecordStatus

ON, OFF, PAUSED = RecordStatus.ON, RecordStatus.OFF, RecordStatus.PAUSED
T0_NS = 1_700_000_000_000_000_000


class Played:
    """A call as a script: every step returns the commands it brought."""

    def __init__(self, keys: str, *, voicemail: bool = False, **options: Any) -> None:
        self.control = RecordingControl(RecordingOptions(RecordingKeys(keys), **options), voicemail=voicemail)
        self.now = 0.0

    @property
    def now_ns(self) -> int:
        return T0_NS + round(self.now * 1e9)

    def connect(self) -> list[Command]:
        self.control.connected(self.now, self.now_ns)
        return self.control.take_commands()

    def forked(self) -> list[Command]:
        self.control.fork_started(self.now, self.now_ns)
        return self.control.take_commands()

    def press(self, preference: str) -> list[Command]:
        self.control.press(preference, self.now, self.now_ns)
        return self.control.take_commands()

    def heard(self, prompt: Prompt) -> list[Command]:
        self.control.played(prompt, self.now, self.now_ns)
        return self.control.take_commands()

    def end(self) -> list[Command]:
        self.control.ended(self.now, self.now_ns)
        return self.control.take_commands()

    def wait(self, seconds: float) -> list[tuple[float, Command]]:
        until, seen = self.now + seconds, []
        while (due := self.control.next_deadline()) is not None and due <= until:
            self.now = due
            self.control.handle_timeout(self.now, self.now_ns)
            seen += [(self.now, command) for command in self.control.take_commands()]
        self.now = until
        return seen


def recorded(keys: str, **options: Any) -> Played:
    """A call that is being recorded."""
    call = Played(keys, **options)
    call.connect()
    if keys == "on_demand":
        call.press("on")
    if call.control.state is RecordingState.ANNOUNCING:
        call.heard(Prompt.STARTED)
    call.forked()
    return call


# --- D1: mode ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", ["always", "always_with_pause", "on_demand_from_connect"])
def test_d1_these_modes_record_from_connect(keys: str) -> None:
    assert Played(keys).connect() == [StartFork()]


@pytest.mark.parametrize("keys", ["never", "on_demand"])
def test_d1_these_do_not(keys: str) -> None:
    assert Played(keys).connect() == []


def test_d1_on_demand_starts_and_ends_when_the_user_decides_and_may_start_again() -> None:
    call = Played("on_demand")
    call.connect()
    assert call.press("on") == [StartFork()]
    assert call.forked() == [Show(ON)]
    assert call.press("off") == [StopFork(), Show(OFF)]
    assert call.press("on") == [StartFork()]


def test_d1_never_cannot_be_started() -> None:
    call = Played("never")
    call.connect()
    assert call.press("on") == []
    assert call.end() == []


# --- D2: voicemail -----------------------------------------------------------------------------------


def test_d2_voicemail_is_recorded_where_set() -> None:
    assert Played("always", voicemail=True, record_voicemail=True).connect() == [StartFork()]


def test_d2_voicemail_is_not_recorded_by_default() -> None:
    call = Played("always", voicemail=True)
    assert call.connect() == []
    on_demand = Played("on_demand", voicemail=True)
    assert on_demand.press("on") == []


# --- D3, D4: announcements and their order -----------------------------------------------------------


def test_d3_d4_the_start_announcement_is_played_first_and_told_in_the_first_document() -> None:
    call = Played("always", announce_start_stop=True)
    assert call.connect() == [Play(Prompt.STARTED)]
    call.now = 2.5
    assert call.heard(Prompt.STARTED) == [StartFork(Told("start", "announcement", T0_NS))]
    assert call.forked() == [Show(ON)]


def test_d4_played_meanwhile_it_is_told_in_an_update_after_the_fork() -> None:
    call = Played("always", announce_start_stop=True, fork_first=True)
    assert call.connect() == [Play(Prompt.STARTED), StartFork()]
    assert call.forked() == [Report(Told("start", "announcement", T0_NS)), Show(ON)]


def test_d3_without_the_option_nothing_is_played_or_told() -> None:
    call = Played("always")
    assert call.connect() == [StartFork()]
    assert call.forked() == [Show(ON)]
    assert call.end() == [StopFork()]


def test_d3_the_stop_is_announced_and_told_before_the_session_ends() -> None:
    call = recorded("on_demand", announce_start_stop=True)
    call.now = 9.0
    told = Told("stop", "announcement", call.now_ns)
    assert call.press("off") == [Play(Prompt.STOPPED), StopFork(told), Show(OFF)]


def test_the_end_of_the_call_is_not_announced() -> None:
    assert recorded("always", announce_start_stop=True).end() == [StopFork()]


# --- D5: pause and resume ----------------------------------------------------------------------------


def test_d5_an_announcement_is_played_and_told() -> None:
    call = recorded("always_with_pause", pause_notice=PauseNotice.ANNOUNCEMENT)
    call.now = 3.0
    told = Told("pause", "announcement", call.now_ns)
    assert call.press("pause") == [Play(Prompt.PAUSED), PauseFork(told), Show(PAUSED)]
    call.now = 8.0
    told = Told("resume", "announcement", call.now_ns)
    assert call.press("on") == [Play(Prompt.RESUMED), ResumeFork(told), Show(ON)]


def test_d5_a_beep_is_played_and_told_only_by_setting() -> None:
    call = recorded("always_with_pause", pause_notice=PauseNotice.BEEP)
    assert call.press("pause") == [Play(Prompt.BEEP), PauseFork(), Show(PAUSED)]
    call = recorded("always_with_pause", pause_notice=PauseNotice.BEEP, beeps_reported=True)
    assert PauseFork(Told("pause", "beep", T0_NS)) in call.press("pause")


def test_d5_none_is_silent() -> None:
    call = recorded("always_with_pause")
    assert call.press("pause") == [PauseFork(), Show(PAUSED)]
    assert call.press("on") == [ResumeFork(), Show(ON)]


# --- D6: repeat tone ---------------------------------------------------------------------------------


def tones(seen: list[tuple[float, Command]]) -> list[float]:
    return [at for at, command in seen if isinstance(command, Play) and command.prompt is Prompt.TONE]


def test_d6_the_tone_repeats_every_twenty_seconds_by_default() -> None:
    options = RecordingOptions.of(RecordingSettings(RecordingMode.ALWAYS, repeat_tone=True))
    call = recorded("always", repeat_tone_s=options.repeat_tone_s)
    assert tones(call.wait(65)) == [20, 40, 60]


def test_d6_at_the_interval_that_is_set() -> None:
    assert tones(recorded("always", repeat_tone_s=90).wait(200)) == [90, 180]


def test_d6_no_tone_without_the_option() -> None:
    assert recorded("always").wait(200) == []


def test_d6_no_tone_while_paused_and_the_interval_starts_anew() -> None:
    call = recorded("always_with_pause", repeat_tone_s=20)
    call.wait(15)
    call.press("pause")
    assert call.wait(100) == []
    call.press("on")
    assert tones(call.wait(25)) == [135]


def test_d6_no_tone_after_the_stop() -> None:
    call = recorded("on_demand", repeat_tone_s=20)
    call.press("off")
    assert call.wait(100) == []


def test_a_late_clock_plays_one_tone_not_all_that_were_missed() -> None:
    call = recorded("always", repeat_tone_s=20)
    call.now = 65
    call.control.handle_timeout(call.now, call.now_ns)
    assert call.control.take_commands() == [Play(Prompt.TONE)]
    assert call.control.next_deadline() == 80


def test_tones_are_in_the_recording_only_by_setting_announcements_never() -> None:
    call = recorded("always_with_pause", repeat_tone_s=20, tones_recorded=True, pause_notice=PauseNotice.BEEP)
    assert call.wait(20) == [(20, Play(Prompt.TONE, forked=True))]
    assert call.press("pause")[0] == Play(Prompt.BEEP, forked=True)
    spoken = recorded("always_with_pause", tones_recorded=True, pause_notice=PauseNotice.ANNOUNCEMENT)
    assert spoken.press("pause")[0] == Play(Prompt.PAUSED, forked=False)


# --- D7, D8: what is shown, what may be pressed ------------------------------------------------------


def test_d7_the_icon_waits_for_the_recorder() -> None:
    call = Played("always")
    assert Show(ON) not in call.connect()
    assert call.forked() == [Show(ON)]


def test_d7_no_icon_where_no_recorder_takes_the_call() -> None:
    call = Played("always")
    call.connect()
    call.control.fork_failed(0.0)
    assert call.control.take_commands() == []
    assert call.control.status is OFF


def test_d7_the_icon_goes_when_the_recorder_does() -> None:
    call = recorded("always")
    call.control.fork_failed(5.0)
    assert call.control.take_commands() == [Show(OFF)]


@pytest.mark.parametrize("preference", ["pause", "off", "on"])
def test_d8_always_has_no_key(preference: str) -> None:
    assert recorded("always").press(preference) == []


def test_d8_always_with_pause_cannot_be_stopped() -> None:
    call = recorded("always_with_pause")
    assert call.press("off") == []
    assert call.control.state is RecordingState.RECORDING


def test_an_unknown_preference_is_no_key() -> None:
    assert not recorded("on_demand").control.press("nopreference", 1.0, T0_NS)


# --- BroadWorks' On Demand ---------------------------------------------------------------------------


def test_broadworks_keeps_the_recording_once_record_is_pressed() -> None:
    call = recorded("on_demand_from_connect", announce_start_stop=True)
    assert call.control.status is OFF
    call.now = 12.0
    told = Told("start", "announcement", call.now_ns)
    assert call.press("on") == [Play(Prompt.STARTED), Report(told), Show(ON)]
    assert call.end() == [StopFork(kept=True)]


def test_broadworks_keeps_nothing_otherwise() -> None:
    assert recorded("on_demand_from_connect").end() == [StopFork(kept=False)]


# --- D10 ---------------------------------------------------------------------------------------------


def test_d10_each_delays_a_little_and_both_together_more_than_their_sum() -> None:
    delays = StartDelays()
    ice, recording = delays.of(ice=True, recorded=False), delays.of(ice=False, recorded=True)
    assert 0 < ice < 250
    assert 0 < recording < 250
    assert delays.of(ice=True, recorded=True) > ice + recording


def test_d10_a_plain_call_is_not_delayed() -> None:
    assert StartDelays().of(ice=False, recorded=False) == 0


# --- any order of events -----------------------------------------------------------------------------

options = st.builds(
    RecordingOptions,
    keys=st.sampled_from(RecordingKeys),
    record_voicemail=st.booleans(),
    announce_start_stop=st.booleans(),
    pause_notice=st.sampled_from(PauseNotice),
    repeat_tone_s=st.one_of(st.none(), st.integers(10, 90)),
    fork_first=st.booleans(),
    tones_recorded=st.booleans(),
    beeps_reported=st.booleans(),
)
steps = st.lists(
    st.sampled_from(["connect", "on", "pause", "off", "heard", "forked", "failed", "wait", "end"]),
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(options, st.booleans(), steps)
def test_whatever_happens_the_commands_make_sense(
    chosen: RecordingOptions, voicemail: bool, script: list[str]
) -> None:
    control, now, forked, paused, shown = (
        RecordingControl(chosen, voicemail=voicemail),
        0.0,
        False,
        False,
        OFF,
    )
    ended = False
    for step in script:
        now += 7.0
        now_ns = T0_NS + round(now * 1e9)
        before = control.status
        match step:
            case "connect":
                control.connected(now, now_ns)
            case "on" | "pause" | "off":
                obeyed = control.press(step, now, now_ns)
                keys = SOFTKEYS.get((control.keys, before), ())
                assert obeyed == (step in {key.preference for key in keys} and not ended)
            case "heard":
                control.played(Prompt.STARTED, now, now_ns)
            case "forked":
                control.fork_started(now, now_ns)
            case "failed":
                control.fork_failed(now)
                forked = paused = False
            case "wait":
                control.handle_timeout(now, now_ns)
            case "end":
                control.ended(now, now_ns)
                ended = True
        for command in control.take_commands():
            match command:
                case StartFork():
                    assert not forked
                    assert not ended
                    forked, paused = True, False
                case PauseFork():
                    assert forked
                    assert not paused
                    paused = True
                case ResumeFork():
                    assert forked
                    assert paused
                    paused = False
                case StopFork(kept=kept):
                    assert forked
                    assert kept or chosen.keys is RecordingKeys.ON_DEMAND_FROM_CONNECT
                    forked = paused = False
                case Report():
                    assert forked
                case Play(prompt, in_recording):
                    assert not ended
                    assert not in_recording or (
                        chosen.tones_recorded and prompt in (Prompt.BEEP, Prompt.TONE)
                    )
                    assert prompt is not Prompt.TONE or (forked and not paused)
                case Show(status):
                    assert status is not shown
                    shown = status
        assert control.status is shown
        if shown is not OFF and not ended:
            assert forked
            assert paused == (shown is PAUSED)
    if chosen.keys is RecordingKeys.NEVER or (voicemail and not chosen.record_voicemail):
        assert not forked
