"""Tones and prompts are found where they are, and only there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siprec.phones.hearing import find_prompt, hears_prompt, hears_tone, level


def tone(hz: int, seconds: float = 1.0, amplitude: int = 8_000) -> np.ndarray:
    moments = np.arange(round(8_000 * seconds)) / 8_000
    return (amplitude * np.sin(2 * np.pi * hz * moments)).astype(np.int16)


PROMPT = (np.random.default_rng(7).normal(0, 3_000, 8_000)).astype(np.int16)


def test_the_level_of_a_tone_is_its_amplitude() -> None:
    assert level(tone(440), 440) == pytest.approx(8_000, rel=0.01)
    assert level(tone(440), 590) < 50
    assert level(tone(440)[:0], 440) == 0


def test_a_short_tone_is_heard_in_a_long_silence() -> None:
    silence = np.zeros(16_000, dtype=np.int16)
    assert hears_tone(np.concatenate((silence, tone(590, 0.4), silence)), 590)
    assert not hears_tone(np.concatenate((silence, tone(590, 0.4), silence)), 440)
    assert not hears_tone(silence, 590)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 24_000), st.sampled_from([440, 590, 1_210]))
def test_a_prompt_is_found_where_it_is_under_a_tone(start: int, hz: int) -> None:
    heard = tone(hz, 5.0).astype(np.int32)
    heard[start : start + len(PROMPT)] += PROMPT
    found, share = find_prompt(np.clip(heard, -32_768, 32_767).astype(np.int16), PROMPT)
    assert found == pytest.approx(start / 8_000, abs=0.001)
    assert share == pytest.approx(1.0, abs=0.2)


def test_what_is_not_there_is_not_found() -> None:
    assert not hears_prompt(tone(440, 5.0), PROMPT)
    assert not hears_prompt(PROMPT[:4_000], PROMPT)
    assert hears_prompt(PROMPT, PROMPT)
    assert find_prompt(PROMPT, PROMPT[:0]) == (0.0, 0.0)
