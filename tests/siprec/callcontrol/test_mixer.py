"""Who hears what, and what the recorder hears: checked by spectrum."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.callcontrol.mixer import FRAME, LONGEST_QUEUE, PRIMED, SILENCE, Mixer, mixed
from siprec.callcontrol.prompts import BEEP_HZ, HOLD_HZ, TONE_HZ, PromptSet, tone

VOICES = {"alice": 440, "bob": 590, "carol": 790}
PROMPTS = PromptSet.load()


def level(samples: np.ndarray, hz: int) -> float:
    moments = np.arange(len(samples)) / 8_000
    return float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * hz * moments))))


class Room:
    """A call in which everyone speaks a tone."""

    def __init__(self, *names: str) -> None:
        self.mixer = Mixer(PROMPTS["hold"])
        self.said = {name: np.tile(tone((VOICES[name],), 1.0, 4_000), 20) for name in names}
        self.at = 0
        for name in names:
            self.mixer.join(name)

    def pass_(self, frames: int = 50) -> tuple[dict[str, np.ndarray], dict[str, tuple[Any, Any]], list[str]]:
        """Let time pass: what was heard, what was forked, what was played to its end."""
        heard: dict[str, list[Any]] = {}
        forks: dict[str, list[Any]] = {}
        finished: list[str] = []
        for _ in range(frames):
            for name, samples in self.said.items():
                self.mixer.hear(name, samples[self.at : self.at + FRAME])
            self.at += FRAME
            tick = self.mixer.tick()
            finished += tick.finished
            for name, frame in tick.towards.items():
                heard.setdefault(name, []).append(frame)
                forks.setdefault(name, []).append(tick.fork(name))
        joined = {name: np.concatenate(frames) for name, frames in heard.items()}
        streams = {
            name: (np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))
            for name, pairs in forks.items()
        }
        return joined, streams, finished

    def settle(self) -> None:
        self.pass_(5)


def test_each_hears_the_others_and_not_itself() -> None:
    room = Room("alice", "bob", "carol")
    room.settle()
    heard, _, _ = room.pass_()
    for name, samples in heard.items():
        for other, hz in VOICES.items():
            assert (level(samples, hz) > 3_500) == (other != name)


def test_d9_the_fork_has_one_stream_per_direction() -> None:
    room = Room("alice", "bob")
    room.settle()
    _, forks, _ = room.pass_()
    own, others = forks["alice"]
    assert [level(own, VOICES[name]) > 3_500 for name in ("alice", "bob")] == [True, False]
    assert [level(others, VOICES[name]) > 3_500 for name in ("alice", "bob")] == [False, True]
    assert max(level(own, VOICES["bob"]), level(others, VOICES["alice"])) < 50


def test_in_a_conference_the_second_stream_is_everybody_else() -> None:
    room = Room("alice", "bob", "carol")
    room.settle()
    _, forks, _ = room.pass_()
    assert all(level(forks["alice"][1], VOICES[name]) > 3_500 for name in ("bob", "carol"))


def test_prompts_reach_every_party_and_never_the_fork() -> None:
    room = Room("alice", "bob")
    room.settle()
    room.mixer.play("tone", tone((TONE_HZ,), 1.0))
    heard, forks, finished = room.pass_()
    assert finished == ["tone"]
    for name in ("alice", "bob"):
        assert level(heard[name], TONE_HZ) > 5_000
        assert max(level(stream, TONE_HZ) for stream in forks[name]) < 50


def test_a_tone_is_in_both_streams_where_it_is_set_so() -> None:
    room = Room("alice", "bob")
    room.settle()
    room.mixer.play("tone", tone((TONE_HZ,), 1.0), forked=True)
    _, forks, _ = room.pass_()
    assert all(level(stream, TONE_HZ) > 5_000 for stream in forks["alice"])


def test_prompts_follow_one_another_and_the_same_one_waits_once() -> None:
    room = Room("alice", "bob")
    for _ in range(2):
        room.mixer.play("beep", PROMPTS["beep"])
        room.mixer.play("tone", PROMPTS["tone"])
    heard, _, finished = room.pass_()
    assert finished == ["beep", "tone"]
    beep = heard["alice"][: len(PROMPTS["beep"])]
    assert level(beep, BEEP_HZ) > 5_000
    assert level(beep, TONE_HZ) < 200


def test_hold_silences_both_ways_and_plays_music_to_who_is_left() -> None:
    room = Room("alice", "bob")
    room.settle()
    room.mixer.hold("alice", True)
    room.settle()
    heard, forks, _ = room.pass_()
    assert not heard["alice"].any()
    assert level(heard["bob"], HOLD_HZ[0]) > 500
    assert level(heard["bob"], VOICES["alice"]) < 50
    assert not forks["alice"][0].any()
    room.mixer.hold("alice", False)
    room.settle()
    heard, _, _ = room.pass_()
    assert level(heard["bob"], VOICES["alice"]) > 3_500
    assert level(heard["bob"], HOLD_HZ[0]) < 50


def test_in_a_conference_the_others_talk_on_during_a_hold() -> None:
    room = Room("alice", "bob", "carol")
    room.mixer.hold("alice", True)
    room.settle()
    heard, _, _ = room.pass_()
    assert level(heard["bob"], VOICES["carol"]) > 3_500
    assert level(heard["bob"], HOLD_HZ[0]) < 50


def test_d10_no_voice_passes_during_the_delay_but_prompts_do() -> None:
    room = Room("alice", "bob")
    room.mixer.delay(600)
    room.mixer.play("beep", PROMPTS["beep"])
    heard, _, _ = room.pass_(30)
    assert level(heard["bob"], VOICES["alice"]) < 50
    assert level(heard["bob"][: len(PROMPTS["beep"])], BEEP_HZ) > 5_000
    room.settle()
    heard, _, _ = room.pass_()
    assert level(heard["bob"], VOICES["alice"]) > 3_500


def test_d10_without_delay_voices_pass_at_once() -> None:
    room = Room("alice", "bob")
    heard, _, _ = room.pass_(PRIMED + 1)
    assert heard["bob"].any()


def test_who_left_is_not_heard() -> None:
    room = Room("alice", "bob", "carol")
    room.mixer.leave("carol")
    room.settle()
    heard, _, _ = room.pass_()
    assert "carol" not in heard
    assert level(heard["bob"], VOICES["carol"]) < 50
    assert room.mixer.parties == ("alice", "bob")


def test_a_burst_is_cut_and_a_hole_is_silent() -> None:
    mixer = Mixer()
    mixer.join("a")
    mixer.join("b")
    mixer.hear("a", np.full(FRAME * 40, 7, dtype=np.int16))
    frames = [mixer.tick().towards["b"] for _ in range(40)]
    assert sum(bool(frame.any()) for frame in frames) == LONGEST_QUEUE


@given(st.lists(st.integers(1, 500), max_size=30))
def test_frames_of_any_size_arrive_whole_and_in_order(sizes: list[int]) -> None:
    mixer = Mixer()
    mixer.join("a")
    mixer.join("b")
    total, out = 0, []
    for size in sizes:
        mixer.hear("a", np.arange(total, total + size, dtype=np.int16))
        total += size
        while len(mixer._voices["a"].frames) >= PRIMED:
            out.append(mixer.tick().towards["b"])
    joined = np.concatenate(out) if out else SILENCE[:0]
    assert np.array_equal(joined, np.arange(len(joined), dtype=np.int16))
    assert total - len(joined) < (PRIMED + 1) * FRAME


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=8))
def test_a_sum_is_clipped_never_wrapped(values: list[int]) -> None:
    total = mixed(np.full(FRAME, value, dtype=np.int16) for value in values)
    assert int(total[0]) == max(-32_768, min(32_767, sum(values)))


def test_a_single_voice_is_passed_on_untouched() -> None:
    frame = np.ones(FRAME, dtype=np.int16)
    assert mixed((SILENCE, frame, SILENCE)) is frame


# --- the audio set -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(PROMPTS))
def test_every_prompt_is_audible_and_not_clipped(name: str) -> None:
    samples = PROMPTS[name]
    assert samples.dtype == np.int16
    assert 500 < np.abs(samples.astype(int)).max() < 32_000
    assert 0.15 < len(samples) / 8_000 < 5


def test_a_folder_replaces_single_prompts(tmp_path: Any) -> None:
    import soundfile

    soundfile.write(tmp_path / "recording-paused.wav", np.full(16_000, 0.25), 16_000)
    ours = PromptSet.load(tmp_path)
    assert len(ours["recording-paused"]) == 8_000
    assert np.array_equal(ours["recording-resumed"], PROMPTS["recording-resumed"])
    assert len(ours) == len(PROMPTS)
