"""Tones, files, and the weather."""

import random

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from siprec.phones.audio import TONES_HZ, encoded_silence, encoded_tone, encoded_wav, tone_of, tone_pcm
from siprec.phones.impairment import Impairment, Weather
from siprec.rtp import codecs


def peak(pcm: bytes, rate_hz: int) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate_hz / len(samples))


def test_no_tone_is_a_harmonic_of_another():
    for low in TONES_HZ:
        for high in TONES_HZ:
            if high > low:
                assert abs(high - round(high / low) * low) > 20


@given(st.integers(), st.integers(0, 5))
def test_property_parties_of_one_call_differ(seed, party):
    assert tone_of(seed, party) == tone_of(seed, party)
    assert tone_of(seed, party) != tone_of(seed, party + 1)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
def test_a_tone_is_heard_after_decoding(codec):
    audio = encoded_tone(codec, 790)
    decoder = codecs.decoder(codec)
    pcm = b"".join(decoder.decode(audio.payload(n)) for n in range(100))
    assert audio.ptime_s == pytest.approx(0.02)
    assert peak(pcm[len(pcm) // 2 :], decoder.sample_rate_hz) == pytest.approx(790, abs=2)
    assert audio.payload(50) == audio.payload(0)


def test_silence_is_silent():
    decoder = codecs.decoder("PCMU")
    pcm = np.frombuffer(decoder.decode(encoded_silence("PCMU").payload(3)), dtype="<i2")
    assert np.abs(pcm).max() <= 8


@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (16_000, 2), (44_100, 1)])
def test_a_file_is_sent_once_whatever_its_rate(tmp_path, rate_hz, channels):
    pcm = np.frombuffer(tone_pcm(440, rate_hz, 0.5), dtype="<i2")
    soundfile.write(tmp_path / "a.wav", np.column_stack([pcm] * channels), rate_hz)
    audio = encoded_wav("PCMA", tmp_path / "a.wav")
    assert len(audio.payloads) == 25
    assert audio.payload(25) is None
    decoded = b"".join(map(codecs.decoder("PCMA").decode, audio.payloads))
    assert peak(decoded, 8_000) == pytest.approx(440, abs=3)


def test_fair_weather_changes_nothing():
    weather = Impairment(Weather(), random.Random(1))
    assert [weather.offer(n, b"%d" % n) for n in range(3)] == [[b"0"], [b"1"], [b"2"]]


@given(st.integers(), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 0.5))
def test_property_what_is_not_lost_arrives_and_is_counted(seed, loss, reorder, duplicate):
    weather = Impairment(Weather(loss=loss, reorder=reorder, duplicate=duplicate), random.Random(seed))
    out = [d for n in range(200) for d in weather.offer(n, n.to_bytes(2), spare=n == 199)]
    out += weather.flush()
    arrived = {int.from_bytes(d) for d in out}
    assert arrived == set(range(200)) - set(weather.lost)
    assert {0, 199} <= arrived
    assert len(out) == len(arrived) + weather.duplicated
    assert all(abs(int.from_bytes(d) - place) <= 210 for place, d in enumerate(out))


def test_the_same_seed_gives_the_same_weather():
    runs = []
    for _ in range(2):
        weather = Impairment(Weather(loss=0.1, reorder=0.1), random.Random(5))
        runs.append([weather.offer(n, bytes([n])) for n in range(200)])
    assert runs[0] == runs[1]


def test_a_slow_clock():
    assert Weather(skew_ppm=40).interval_s(0.02) == pytest.approx(0.02 * 1.00004)
