"""The outline of a recording for a player: loudest sample per stretch of time and channel."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

BLOCK_FRAMES = 1 << 18


@dataclass(frozen=True, slots=True)
class Outline:
    """`channels[c][i]`: the largest magnitude of channel c in stretch i, 0 to 1."""

    sample_rate_hz: int
    frames: int
    channels: tuple[tuple[float, ...], ...]

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds."""
        return round(self.frames * 1000 / self.sample_rate_hz)


def outline(source: Path | BinaryIO, points: int) -> Outline:
    """Read an audio file and outline it in at most `points` stretches.

    Raises:
        soundfile.SoundFileError: it is no audio.
    """
    with soundfile.SoundFile(source) as file:
        frames, rate_hz = file.frames, file.samplerate
        points = max(1, min(points, frames))
        edges = np.linspace(0, frames, points + 1).astype(np.int64)
        peaks = np.zeros((points, file.channels), np.int32)
        position = 0
        for block in file.blocks(BLOCK_FRAMES, dtype="int16", always_2d=True):
            _take(peaks, edges, position, np.abs(block.astype(np.int32)))
            position += len(block)
    scaled = np.round(peaks / 32768, 4).T
    return Outline(rate_hz, frames, tuple(tuple(map(float, channel)) for channel in scaled))


def _take(peaks: np.ndarray, edges: np.ndarray, position: int, block: np.ndarray) -> None:
    """Lay a block that begins at `position` into the stretches it touches."""
    if not len(block):
        return
    first = int(np.searchsorted(edges, position, side="right")) - 1
    last = int(np.searchsorted(edges, position + len(block), side="left"))
    starts = np.maximum(edges[first:last] - position, 0)
    found = np.maximum.reduceat(block, starts, axis=0)
    np.maximum(peaks[first:last], found, out=peaks[first:last])
