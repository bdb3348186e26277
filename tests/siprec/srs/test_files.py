"""Audio files: any order, holes, crashes, rates, formats, checksums."""

import hashlib
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from siprec.srs.errors import FileDamagedError
from siprec.srs.files import HEADER_BYTES, StereoMix, WavFile, repair_wav, resample, seal


def ramp(count: int, start: int = 1) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.int16)


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="int16", always_2d=True)[0]  # type: ignore[no-any-return]


def test_samples_stand_where_they_were_put(tmp_path: Path) -> None:
    file = WavFile(tmp_path / "a.wav", 8000)
    assert file.write(0, ramp(100)) == 100
    assert file.write(300, ramp(100)) == 400
    file.close()
    samples = read(file.path)[:, 0]
    assert len(samples) == 400
    assert (samples[:100] == ramp(100)).all()
    assert not samples[100:300].any()
    assert (samples[300:] == ramp(100)).all()


def test_overlaps_are_dropped_not_overwritten(tmp_path: Path) -> None:
    file = WavFile(tmp_path / "a.wav", 8000)
    file.write(0, ramp(100))
    file.write(50, ramp(100, start=1000))
    file.write(20, ramp(30, start=5000))
    file.close()
    samples = read(file.path)[:, 0]
    assert (samples[:100] == ramp(100)).all()
    assert (samples[100:150] == ramp(50, start=1050)).all()
    assert len(samples) == 150


def test_any_player_reads_it_while_it_grows(tmp_path: Path) -> None:
    file = WavFile(tmp_path / "a.wav", 16_000, 2)
    for second in range(3):
        file.write(second * 16_000, ramp(32_000))
        file.sync_header()
        with wave.open(str(file.path)) as reader:
            assert (reader.getnframes(), reader.getnchannels(), reader.getframerate()) == (
                (second + 1) * 16_000,
                2,
                16_000,
            )
    file.close()


def test_a_crash_between_headers_is_repaired(tmp_path: Path) -> None:
    file = WavFile(tmp_path / "a.wav", 8000)
    file.write(0, ramp(8000))
    file.sync_header()
    file.write(8000, ramp(4000))
    assert len(read(file.path)) == 8000
    assert repair_wav(file.path) == 12_000
    assert len(read(file.path)) == 12_000
    file.close()


@pytest.mark.parametrize("content", [b"", b"RIFF", b"x" * 100])
def test_what_is_no_wav_file_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(FileDamagedError):
        repair_wav(path)
    with pytest.raises(FileDamagedError):
        seal(path)


def test_an_empty_file_is_a_valid_one(tmp_path: Path) -> None:
    file = WavFile(tmp_path / "a.wav", 8000)
    file.close()
    assert file.path.stat().st_size == HEADER_BYTES
    assert len(read(file.path)) == 0


@pytest.mark.parametrize(("audio_format", "lossless"), [("wav", True), ("flac", True), ("opus", False)])
def test_sealing(tmp_path: Path, audio_format: str, lossless: bool) -> None:
    file = WavFile(tmp_path / "a.wav", 8000, 2)
    tone = (8000 * np.sin(np.arange(16_000) / 5)).astype(np.int16)
    file.write(0, np.repeat(tone, 2))
    file.close()
    before = read(file.path)
    sealed = seal(file.path, audio_format)  # type: ignore[arg-type]
    data = sealed.path.read_bytes()
    assert (sealed.size_bytes, sealed.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (sealed.rate_hz, sealed.channels, sealed.frames, sealed.duration_ms) == (8000, 2, 16_000, 2000)
    assert sealed.name == f"a.{audio_format}"
    assert [path.name for path in tmp_path.iterdir()] == [sealed.name]
    if lossless:
        assert (read(sealed.path) == before).all()


@pytest.mark.parametrize(
    ("start", "end"), [(8000, 16_000), (8000, 48_000), (16_000, 8000), (48_000, 16_000), (8000, 8000)]
)
def test_other_rates_keep_tone_and_length(start: int, end: int) -> None:
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(start) / start)).astype(np.int16)
    other = resample(tone, start, end)
    assert len(other) == end
    spectrum = np.abs(np.fft.rfft(other))
    assert int(np.argmax(spectrum)) == 440
    assert other.dtype == np.int16


def test_stereo_waits_for_the_slower_track() -> None:
    mix = StereoMix(8000)
    mix.add(0, 0, ramp(100))
    mix.add(1, 0, ramp(60, start=500))
    at, samples = mix.take(60)
    assert (at, len(samples)) == (0, 120)
    assert (samples[0::2] == ramp(60)).all()
    assert (samples[1::2] == ramp(60, start=500)).all()
    mix.add(1, 60, ramp(40, start=560))
    at, rest = mix.take(100)
    assert at == 60
    assert (rest[1::2] == ramp(40, start=560)).all()
    assert mix.waiting == 0


def test_too_late_for_stereo_is_left_out() -> None:
    mix = StereoMix(8000)
    mix.add(0, 0, ramp(100))
    mix.take(100)
    mix.add(1, 50, ramp(100))
    at, samples = mix.take(1000)
    assert at == 100
    assert (samples[1::2] == ramp(50, start=51)).all()


def test_loud_tracks_are_clipped_not_wrapped() -> None:
    mix = StereoMix(8000)
    loud = np.full(10, 30_000, np.int16)
    mix.add(0, 0, loud)
    mix.add(0, 0, loud)
    mix.add(None, 0, -loud)
    mix.add(1, 0, -loud)
    _, samples = mix.take(10)
    assert set(samples[0::2].tolist()) == {30_000}
    assert set(samples[1::2].tolist()) == {-32_768}


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 300), st.integers(1, 200)), max_size=30))
def test_stereo_equals_the_sum_of_its_tracks(pieces: list[tuple[int, int, int]]) -> None:
    mix, model = StereoMix(100), np.zeros((600, 2), np.int64)
    top = 0
    for channel, at, count in pieces:
        mix.add(channel, at, np.full(count, 7, np.int16))
        model[at : at + count, channel] += 7
        top = max(top, at + count)
    at, samples = mix.take(10_000)
    assert at == 0
    assert (samples.reshape(-1, 2) == model[:top]).all()
