"""Audio files: WAV written as the call runs and readable after a crash, sealed afterwards.

A `WavFile` takes samples at any place: what is left out stays silent (a hole in the file). Its header is
brought up to date with every `sync_header`, so that any player reads what was written until then.
"""

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from siprec.srs.disk import AtOnce, Disk, SpoolFile
from siprec.srs.errors import FileDamagedError

Samples = NDArray[np.int16]
AudioFormat = Literal["wav", "flac", "opus"]

HEADER_BYTES = 44
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_MAX_DATA_BYTES = 0xFFFF_FFFF - HEADER_BYTES
_SUFFIX = {"wav": ".wav", "flac": ".flac", "opus": ".opus"}
_SUBTYPE = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}
_CHUNK_FRAMES = 1 << 18

AT_ONCE = AtOnce()


class WavFile:
    """A 16-bit PCM WAV file that grows. What the disk refuses is in `error`."""

    __slots__ = ("_file", "_told", "channels", "frames", "path", "rate_hz")

    def __init__(self, path: Path, rate_hz: int, channels: int = 1, *, disk: Disk = AT_ONCE) -> None:
        self.path = path
        self.rate_hz = rate_hz
        self.channels = channels
        self.frames = 0
        self._told = -1
        self._file = SpoolFile(path, disk)
        self.sync_header()

    @property
    def error(self) -> OSError | None:
        """Why nothing is written any more; None while all is well."""
        return self._file.error

    def write(self, at: int, samples: Samples) -> int:
        """Write mono (or interleaved) samples at frame `at`; return the frame after them.

        What would fall before the end written so far is dropped: audio is only ever added.
        """
        frames = len(samples) // self.channels
        skip = max(0, self.frames - at)
        if skip < frames:
            offset = HEADER_BYTES + (at + skip) * 2 * self.channels
            self._file.write(samples[skip * self.channels :].tobytes(), offset)
            self.frames = at + frames
        return at + frames

    def sync_header(self) -> None:
        """Write the header for what is there now."""
        if self._told != self.frames:
            self._told = self.frames
            size = min(self.frames * 2 * self.channels, _MAX_DATA_BYTES)
            self._file.write(wav_header(self.rate_hz, self.channels, size), 0)

    def close(self) -> None:
        """Finish the header and close."""
        self.sync_header()
        self._file.close(HEADER_BYTES + self.frames * 2 * self.channels)


def wav_header(rate_hz: int, channels: int, data_bytes: int) -> bytes:
    """Return the 44 bytes before 16-bit PCM."""
    frame = 2 * channels
    return _HEADER.pack(
        b"RIFF",
        data_bytes + HEADER_BYTES - 8,
        b"WAVE",
        b"fmt ",
        16,
        1,
        channels,
        rate_hz,
        rate_hz * frame,
        frame,
        16,
        b"data",
        data_bytes,
    )


def repair_wav(path: Path) -> int:
    """Make the header of a file left by a crash agree with its size; return its frames.

    Raises `FileDamagedError` where it is no WAV file of ours.
    """
    try:
        with path.open("r+b") as file:
            head = file.read(HEADER_BYTES)
            if len(head) < HEADER_BYTES or head[:4] != b"RIFF" or head[36:40] != b"data":
                raise FileDamagedError(str(path), "is no WAV file of a recorder")
            channels, rate_hz = struct.unpack_from("<HI", head, 22)
            frames = (path.stat().st_size - HEADER_BYTES) // (2 * channels)
            file.seek(0)
            file.write(wav_header(rate_hz, channels, frames * 2 * channels))
            return int(frames)
    except OSError as error:
        raise FileDamagedError(str(path), str(error)) from None


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Bring samples to another rate; 8, 16 and 48 kHz divide each other, so neighbours are interpolated or
    averaged.
    """
    if from_hz == to_hz or not len(samples):
        return samples
    if to_hz % from_hz == 0:
        factor = to_hz // from_hz
        positions = np.arange(len(samples) * factor) / factor
        between: Samples = np.interp(positions, np.arange(len(samples)), samples).astype(np.int16)
        return between
    factor = from_hz // to_hz
    whole = len(samples) // factor * factor
    averaged: Samples = samples[:whole].reshape(-1, factor).mean(axis=1).astype(np.int16)
    return averaged


class StereoMix:
    """Joins tracks into two channels as they come: frames are ready once no track can add to them.

    Usually each channel has one track and nothing is ever added up; where tracks overlap, sums grow wider
    than samples until they are taken.
    """

    __slots__ = ("_base", "_ends", "_sums", "_top", "rate_hz")

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._base = 0
        self._top = 0
        self._ends = [0, 0]
        """Frames from `_base` on that hold something, by channel."""
        self._sums: NDArray[np.int16] | NDArray[np.int32] = np.zeros((rate_hz * 2, 2), np.int16)

    def add(self, channel: int | None, at: int, samples: Samples) -> None:
        """Add a track's samples at frame `at` to channel 0 (left) or 1 (right), to both for None."""
        skip = max(0, self._base - at)
        start, end = at + skip - self._base, at + len(samples) - self._base
        if end <= start:
            return
        self._reserve(end)
        for each in (0, 1) if channel is None else (channel,):
            self._add(each, start, samples[skip:])
        self._top = max(self._top, end)

    def _add(self, channel: int, start: int, samples: Samples) -> None:
        shared = min(max(0, self._ends[channel] - start), len(samples))
        end = start + len(samples)
        if shared:
            if self._sums.dtype != np.int32:
                self._sums = self._sums.astype(np.int32)
            self._sums[start : start + shared, channel] += samples[:shared]
        self._sums[start + shared : end, channel] = samples[shared:]
        self._ends[channel] = max(self._ends[channel], end)

    def _reserve(self, frames: int) -> None:
        if frames > len(self._sums):
            grown = np.zeros((max(frames, 2 * len(self._sums)), 2), self._sums.dtype)
            grown[: len(self._sums)] = self._sums
            self._sums = grown

    @property
    def base(self) -> int:
        """The first frame that is not taken yet."""
        return self._base

    def skip_to(self, at: int) -> None:
        """Leave out frames that nothing was said in, so that an hour of silence costs no memory."""
        if not self._top:
            self._base = max(self._base, at)

    @property
    def waiting(self) -> int:
        """Frames that are not taken yet."""
        return self._top

    def take(self, until: int) -> tuple[int, Samples]:
        """Take the frames before frame `until`: where they begin, and interleaved samples, clipped."""
        count = min(max(0, until - self._base), self._top)
        at = self._base
        ready: NDArray[Any] = self._sums[:count]
        if ready.dtype != np.int16:
            ready = np.clip(ready, -32_768, 32_767)
        taken: Samples = ready.astype(np.int16).reshape(-1)
        rest = self._top - count
        self._sums[:rest] = self._sums[count : self._top]
        self._sums[rest : self._top] = 0
        self._ends = [max(0, end - count) for end in self._ends]
        self._base += count
        self._top = rest
        return at, taken


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A finished file: bytes on disk, checksum, and what is in it."""

    name: str
    path: Path
    size_bytes: int
    sha256: str
    rate_hz: int
    channels: int
    frames: int

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds."""
        return round(self.frames * 1000 / self.rate_hz)


def seal(path: Path, audio_format: AudioFormat = "wav") -> SealedFile:
    """Bring a closed WAV file into its final format, durable and checksummed.

    Raises `FileDamagedError` where it cannot be read or converted; the WAV file then stays.
    """
    try:
        with soundfile.SoundFile(path) as source:
            rate_hz, channels, frames = source.samplerate, source.channels, source.frames
        sealed = path if audio_format == "wav" else _convert(path, audio_format)
        size, digest = _digest(sealed)
    except (OSError, soundfile.SoundFileError) as error:
        raise FileDamagedError(str(path), str(error)) from None
    if sealed != path:
        path.unlink()
    return SealedFile(sealed.name, sealed, size, digest, rate_hz, channels, frames)


def _convert(path: Path, audio_format: str) -> Path:
    target = path.with_suffix(_SUFFIX[audio_format])
    container, subtype = _SUBTYPE[audio_format]
    with soundfile.SoundFile(path) as source:
        options = {"samplerate": source.samplerate, "channels": source.channels}
        with soundfile.SoundFile(target, "w", format=container, subtype=subtype, **options) as out:
            while len(block := source.read(_CHUNK_FRAMES, dtype="int16")):
                out.write(block)
    return target


def _digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        return file.tell(), digest
