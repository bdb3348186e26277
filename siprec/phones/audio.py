"""What the simulated parties say: a tone each, told apart by its spectrum, or a WAV file.

    frequency_hz = tone_of(seed=7, party=0)               # distinct per party, the same for the same seed
    speech = encoded_tone("G722", frequency_hz)           # payloads of 20 ms, to be sent round and round
    speech = encoded_wav("PCMU", Path("hello.wav"))       # the whole file, once

Payloads are encoded once and sent many times: a load of hundreds of calls costs no encoding.
"""

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from siprec.rtp import codecs

TONES_HZ = (440, 510, 590, 680, 790, 910, 1_050, 1_210, 1_400, 1_620, 1_870, 2_160, 2_490)
"""Whole cycles a second, so that a second repeats without a click; none is another's harmonic."""

AMPLITUDE = 8_000
LOOP_S = 1
PTIME_MS = 20


class Audio(Protocol):
    """Payloads in order, prepared or live."""

    @property
    def step(self) -> int:
        """RTP clock units a payload."""

    @property
    def clock_hz(self) -> int:
        """Rate of the RTP timestamp."""

    @property
    def ptime_s(self) -> float:
        """Seconds a payload."""

    def payload(self, number: int) -> bytes | None:
        """The payload with this number, None past the end."""


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """Payloads in order. repeats: begin again at the end. step: RTP clock units a payload."""

    codec: str
    payloads: tuple[bytes, ...]
    step: int
    clock_hz: int
    repeats: bool

    @property
    def ptime_s(self) -> float:
        """Seconds a payload."""
        return self.step / self.clock_hz

    def payload(self, number: int) -> bytes | None:
        """The payload with this number, None past the end."""
        if self.repeats:
            return self.payloads[number % len(self.payloads)]
        return self.payloads[number] if number < len(self.payloads) else None


def tone_of(seed: int, party: int) -> int:
    """The tone of a party, in Hz: parties of one call differ, and so do most seeds."""
    order = random.Random(seed).sample(TONES_HZ, len(TONES_HZ))  # noqa: S311 - reproducible
    return order[party % len(order)]


def tone_pcm(frequency_hz: int, sample_rate_hz: int, seconds: float = LOOP_S) -> bytes:
    """16-bit little-endian mono."""
    moments = np.arange(round(sample_rate_hz * seconds)) / sample_rate_hz
    wave: NDArray[np.float64] = AMPLITUDE * np.sin(2 * np.pi * frequency_hz * moments)
    return wave.astype("<i2").tobytes()


@lru_cache(maxsize=64)
def encoded_tone(codec: str, frequency_hz: int, ptime_ms: int = PTIME_MS) -> EncodedAudio:
    """A second of tone, repeating; a codec with a state is given a second to settle first."""
    encoder = codecs.encoder(codec)
    pcm = tone_pcm(frequency_hz, encoder.sample_rate_hz)
    _encode(encoder, pcm, ptime_ms)
    return _audio(codec, encoder, _encode(encoder, pcm, ptime_ms), ptime_ms, repeats=True)


@lru_cache(maxsize=16)
def encoded_silence(codec: str, ptime_ms: int = PTIME_MS) -> EncodedAudio:
    """Digital silence, repeating."""
    encoder = codecs.encoder(codec)
    pcm = bytes(2 * encoder.sample_rate_hz)
    return _audio(codec, encoder, _encode(encoder, pcm, ptime_ms), ptime_ms, repeats=True)


def encoded_wav(codec: str, path: Path, ptime_ms: int = PTIME_MS, *, repeats: bool = False) -> EncodedAudio:
    """An audio file (WAV, FLAC, Ogg), mixed to mono and brought to the codec's rate; sent once, or round and
    round.

    Raises soundfile.LibsndfileError for a file that is none.
    """
    samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    encoder = codecs.encoder(codec)
    mono = _resampled(samples.mean(axis=1), rate_hz, encoder.sample_rate_hz)
    pcm = (np.clip(mono, -1, 1) * 32_767).astype("<i2").tobytes()
    return _audio(codec, encoder, _encode(encoder, pcm, ptime_ms), ptime_ms, repeats=repeats)


def _resampled(samples: NDArray[np.float64], rate_hz: int, wanted_hz: int) -> NDArray[np.float64]:
    if rate_hz == wanted_hz or not len(samples):
        return samples
    count = round(len(samples) * wanted_hz / rate_hz)
    return np.interp(np.arange(count) * rate_hz / wanted_hz, np.arange(len(samples)), samples)


def _encode(encoder: codecs.Encoder, pcm: bytes, ptime_ms: int) -> tuple[bytes, ...]:
    size = 2 * encoder.sample_rate_hz * ptime_ms // 1_000
    padded = pcm + bytes(-len(pcm) % size)
    return tuple(encoder.encode(padded[at : at + size]) for at in range(0, len(padded), size))


def _audio(
    codec: str, encoder: codecs.Encoder, payloads: tuple[bytes, ...], ptime_ms: int, *, repeats: bool
) -> EncodedAudio:
    return EncodedAudio(codec, payloads, encoder.clock_hz * ptime_ms // 1_000, encoder.clock_hz, repeats)
