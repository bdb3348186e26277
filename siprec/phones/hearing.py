"""Telling by ear: which tones and prompts are in a piece of audio. Pure, 16-bit samples at 8 kHz."""

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8_000
Samples = NDArray[np.int16]
"""Sound as phones and call control pass it on: 16 bit, 8 kHz."""
WINDOW = RATE_HZ // 5
AUDIBLE = 1_500
"""Level in a window from which a party's tone counts as heard."""
PRESENT = 0.6
"""Share of a prompt that must be there."""


def level(samples: Samples, hz: int) -> float:
    """Amplitude of a tone over the whole piece, in units of samples."""
    if not len(samples):
        return 0.0
    moments = np.arange(len(samples)) / RATE_HZ
    return float(2 * abs(np.mean(samples.astype(float) * np.exp(-2j * np.pi * hz * moments))))


def hears_tone(samples: Samples, hz: int) -> bool:
    """Whether a tone sounds for a fifth of a second anywhere."""
    windows = range(0, len(samples) - WINDOW + 1, WINDOW // 2)
    return any(level(samples[at : at + WINDOW], hz) > AUDIBLE for at in windows)


def find_prompt(samples: Samples, prompt: Samples) -> tuple[float, float]:
    """Where a prompt sounds, in seconds from the start, and how much of it is there: 1 is all, 0 none."""
    if len(samples) < len(prompt) or not len(prompt):
        return 0.0, 0.0
    size = 1 << (len(samples) + len(prompt)).bit_length()
    spectrum = np.fft.rfft(samples.astype(float), size) * np.conj(np.fft.rfft(prompt.astype(float), size))
    found = np.fft.irfft(spectrum, size)[: len(samples) - len(prompt) + 1]
    best = int(np.argmax(found))
    return best / RATE_HZ, float(found[best] / np.sum(prompt.astype(float) ** 2))


def hears_prompt(samples: Samples, prompt: Samples) -> bool:
    """Whether a prompt is there."""
    return find_prompt(samples, prompt)[1] > PRESENT
