"""What is played into calls: announcements from the audio set, and tones computed here.

    prompts = PromptSet.load()
    prompts["recording-started"]            # 16-bit samples at 8 kHz; KeyError for a name there is not

A folder of one's own takes the place of single files: `PromptSet.load(Path("our-prompts"))`.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from siprec.callcontrol.mixer import SAMPLE_RATE_HZ
from siprec.phones import prompts as _audio_set

Samples = NDArray[np.int16]

SPOKEN = (
    "recording-started",
    "recording-stopped",
    "recording-paused",
    "recording-resumed",
    "voicemail-greeting",
)
BEEP_HZ, BEEP_S = 1_000, 0.2
TONE_HZ, TONE_S = 1_400, 0.25
"""The recorder warning tone of telephone practice is 1,400 Hz."""
HOLD_HZ = (262, 330, 392)
LEVEL = 6_000
_FOLDER = Path(str(_audio_set.__path__[0]))


class PromptSet(Mapping[str, Samples]):
    """Samples by name."""

    def __init__(self, prompts: Mapping[str, Samples]) -> None:
        self._prompts = dict(prompts)

    def __getitem__(self, name: str) -> Samples:
        return self._prompts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._prompts)

    def __len__(self) -> int:
        return len(self._prompts)

    @classmethod
    def load(cls, folder: Path | None = None) -> "PromptSet":
        """The audio set; files of `folder` (any format and rate) replace those of the same name.

        Raises soundfile.LibsndfileError for a file that is no audio.
        """
        own = {} if folder is None else {path.stem: path for path in sorted(folder.iterdir())}
        spoken = {name: _read(own.get(name, _FOLDER / f"{name}.flac")) for name in SPOKEN}
        return cls({**spoken, **_computed()})


def voice(name: str) -> Path:
    """The file of one of the set's voices: `voice-1` and so on."""
    return _FOLDER / f"{name}.flac"


@lru_cache(maxsize=64)
def _read(path: Path) -> Samples:
    samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    mono = samples.mean(axis=1)
    if rate_hz != SAMPLE_RATE_HZ:
        count = round(len(mono) * SAMPLE_RATE_HZ / rate_hz)
        mono = np.interp(np.arange(count) * rate_hz / SAMPLE_RATE_HZ, np.arange(len(mono)), mono)
    samples16: Samples = (np.clip(mono, -1, 1) * 32_767).astype(np.int16)
    return samples16


@lru_cache(maxsize=1)
def _computed() -> dict[str, Samples]:
    return {
        "beep": tone((BEEP_HZ,), BEEP_S),
        "tone": tone((TONE_HZ,), TONE_S),
        "hold": tone(HOLD_HZ, 1.0, LEVEL // 6),
    }


def tone(frequencies_hz: tuple[int, ...], seconds: float, level: int = LEVEL) -> Samples:
    """Sines together, each of `level`."""
    moments = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    waves: NDArray[np.float64] = sum(
        (np.sin(2 * np.pi * hz * moments) for hz in frequencies_hz), np.zeros(len(moments))
    )
    return (level * waves).astype(np.int16)
