"""The waveform: every stretch has its loudest sample, whatever the numbers are."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siprec.api import peaks
from siprec.api.peaks import outline


def write(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples, 8000, subtype="PCM_16")
    return path


def test_loud_and_quiet_stretches_are_told_apart(tmp_path: Path) -> None:
    left = np.r_[np.zeros(400, np.int16), np.full(400, -16384, np.int16)]
    right = np.r_[np.full(400, 8192, np.int16), np.zeros(400, np.int16)]
    made = outline(write(tmp_path / "a.wav", np.c_[left, right]), 4)
    assert made.channels == ((0.0, 0.0, 0.5, 0.5), (0.25, 0.25, 0.0, 0.0))
    assert (made.sample_rate_hz, made.frames, made.duration_ms) == (8000, 800, 100)


def test_more_points_than_samples_are_not_made_up(tmp_path: Path) -> None:
    made = outline(write(tmp_path / "a.wav", np.array([[1], [-32768], [3]], np.int16)), 100)
    assert made.channels == ((0.0, 1.0, 0.0001),)


def test_an_empty_file_has_a_flat_outline(tmp_path: Path) -> None:
    made = outline(write(tmp_path / "a.wav", np.zeros((0, 1), np.int16)), 10)
    assert made.channels == ((0.0,),)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=300), st.integers(1, 50), st.integers(1, 64))
def test_the_outline_is_the_loudest_of_each_stretch_however_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: list[int], points: int, block: int
) -> None:
    monkeypatch.setattr(peaks, "BLOCK_FRAMES", block)
    path = write(tmp_path / "a.wav", np.array(samples, np.int16)[:, None])
    (channel,) = outline(path, points).channels
    count = min(points, len(samples))
    edges = np.linspace(0, len(samples), count + 1).astype(int)
    loudness = np.abs(np.array(samples, np.int32))
    expected = [round(loudness[a:b].max() / 32768, 4) for a, b in itertools.pairwise(edges)]
    assert list(channel) == expected
