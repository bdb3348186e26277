"""The voices of the audio set: told apart by ear, and no two parties of a call with the same one."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from gateway.runtime.config import find_config
from siprec.callcontrol.prompts import voice
from siprec.callcontrol.settings import VOICES, CallingSettings

FRAME = 400


def heard(name: str) -> tuple[float, Any]:
    """Median pitch in Hz of what is spoken, and the long-term spectrum in nepers, without its mean."""
    samples, rate_hz = soundfile.read(voice(name))
    assert (rate_hz, samples.ndim) == (8_000, 1)
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    energy = (frames**2).mean(axis=1)
    frames = frames[energy > energy.mean() / 2]
    pitches = []
    for frame in frames:
        similar = np.correlate(frame, frame, "full")[FRAME - 1 :]
        pitches.append(rate_hz / (20 + np.argmax(similar[20:133])))
    spectrum = np.log(np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1)).mean(axis=0) + 1e-9)
    return float(np.median(pitches)), spectrum - spectrum.mean()


def test_at_least_five_voices_that_differ_in_pitch_or_timbre() -> None:
    voices = {name: heard(name) for name in VOICES}
    assert len(voices) >= 5
    for one, other in combinations(voices, 2):
        semitones = 12 * abs(np.log2(voices[one][0] / voices[other][0]))
        timbre = float(np.abs(voices[one][1] - voices[other][1]).mean())
        assert semitones > 2 or timbre > 0.4, (one, other, semitones, timbre)


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_is_audible_long_enough_and_not_clipped(name: str) -> None:
    samples, rate_hz = soundfile.read(voice(name))
    assert 0.2 < np.abs(samples).max() < 0.95
    assert len(samples) / rate_hz > 5


def settings(**phones: dict[str, Any]) -> CallingSettings:
    return CallingSettings.model_validate({"phones": phones})


def test_nobody_who_does_not_choose_shares_a_voice_while_there_are_some() -> None:
    names = [f"phone-{number}" for number in range(len(VOICES))]
    chosen = settings(**{name: {} for name in names}, last={"says": VOICES[0]}).voices()
    assert len({chosen[name] for name in names[:-1]}) == len(VOICES) - 1
    assert VOICES[0] not in [chosen[name] for name in names[:-1]], "somebody has chosen it"


def test_the_telephones_of_one_person_have_one_voice() -> None:
    chosen = settings(desk={"person": "alice"}, cell={"person": "alice"}, bob={}).voices()
    assert chosen["desk"] == chosen["cell"] != chosen["bob"]
    assert settings(desk={"person": "a", "says": "tone"}, cell={"person": "a"}).voices()["cell"] == "tone"


def test_in_the_demo_world_no_two_people_share_a_voice() -> None:
    calling = yaml.safe_load(find_config("gateway.yaml").read_text())["calling"]
    known = CallingSettings.model_validate(calling)
    people = {entry.person or name: known.voices()[name] for name, entry in known.phones.items()}
    assert len(set(people.values())) == len(people) >= 5
