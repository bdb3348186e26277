"""One recording in progress: streams placed, decoded and written every other second."""

from pathlib import Path

from siprec.metadata import Announcement
from siprec.sdp import Stream
from siprec.srs.disk import Disk
from siprec.srs.files import AT_ONCE, Samples, StereoMix, WavFile, resample
from siprec.srs.settings import RecordingProfile
from siprec.srs.timeline import TICKS_HZ, Timeline
from siprec.srs.track import Track, TrackSummary

STEREO_PATIENCE_S = 2.0
"""How far a track may lag behind another before the stereo file goes on without it."""
STEREO_AHEAD_S = 10
"""Silence longer than this is left out of memory."""
MAX_WRITE_S = 86_400
HEADER_TICKS = 2
"""Headers are brought up to date this often, in ticks: what a player sees of a recording that crashed."""


class Recorder:
    """The tracks of a recording and their files, in `directory` (made when the first audio comes)."""

    def __init__(
        self, directory: Path, profile: RecordingProfile, window_s: float = 0.2, disk: Disk = AT_ONCE
    ) -> None:
        self.directory = directory
        self._disk = disk
        self._ticks = 0
        self.timeline = Timeline(profile.pause_mode)
        self.tracks: dict[int, Track] = {}
        self.started: float | None = None
        """Wire time of the first audio."""
        self._profile = profile
        self._window_s = window_s
        self._closed: list[Track] = []
        self._stereo: StereoMix | None = None
        self._stereo_file: WavFile | None = None

    @property
    def files(self) -> tuple[WavFile, ...]:
        """Every file there is, parties first."""
        tracks = [track.file for track in (*self._closed, *self.tracks.values()) if track.file is not None]
        return (*tracks, self._stereo_file) if self._stereo_file is not None else tuple(tracks)

    @property
    def error(self) -> OSError | None:
        """Why a file is not written any more; None while all is well."""
        return next((file.error for file in self.files if file.error is not None), None)

    @property
    def duration_ms(self) -> int:
        """Length of what is in the files."""
        return round((self.timeline.end - self.timeline.cut) * 1000 / TICKS_HZ) if self.timeline.end else 0

    @property
    def last_packet(self) -> float | None:
        """Wire time of the latest packet of any stream."""
        return max((t.last_packet for t in self.tracks.values() if t.last_packet is not None), default=None)

    def open_track(self, stream: Stream) -> Track:
        """Begin a track."""
        track = self.tracks[stream.index] = Track(stream, self.timeline, self._window_s)
        if self.timeline.paused or track.held:
            track.stop_keeping()
        return track

    def update_track(self, stream: Stream, now: float) -> None:
        """Take a change of codec, key or hold."""
        track = self.tracks[stream.index]
        self._write(track, now, last=True)
        track.follow(stream)
        if track.held:
            track.stop_keeping()
        elif not self.timeline.paused:
            track.keep()

    def close_track(self, index: int, now: float) -> None:
        """End a track; its file stays, closed: streams may come and go all day."""
        track = self.tracks.pop(index)
        self._closed.append(track)
        self._write(track, now, last=True)
        if track.file is not None:
            track.file.close()

    def pause(self, now: float) -> None:
        """Keep nothing that arrives from now on."""
        for track in self.tracks.values():
            track.stop_keeping()
        self.tick(now)
        self.timeline.pause(now)

    def resume(self, now: float) -> None:
        """Keep what arrives again, on streams that are not held."""
        self.timeline.resume(now)
        for track in self.tracks.values():
            track.keep()

    def mark(self, announcement: Announcement, now: float) -> None:
        """Mark an announcement at a wire time."""
        self.timeline.mark(now, announcement)

    def tick(self, now: float) -> None:
        """Write what has come; every other second is enough."""
        self._begin()
        for track in self.tracks.values():
            self._write(track, now)
        self._write_stereo(last=False)
        if self._ticks % HEADER_TICKS == 0:
            for file in self.files:
                file.sync_header()
        self._ticks += 1

    def finish(self, now: float) -> tuple[TrackSummary, ...]:
        """Write everything that is left, close the files, and tell what was received."""
        for track in self.tracks.values():
            track.stop_keeping()
        self._begin()
        for track in self.tracks.values():
            self._write(track, now, last=True)
        self._write_stereo(last=True)
        self.timeline.finish(now)
        for file in self.files:
            file.close()
        return tuple(track.summary() for track in (*self._closed, *self.tracks.values()))

    def _begin(self) -> None:
        """Set the beginning of the line to the earliest stream there is."""
        origins = [track.origin for track in self.tracks.values() if track.origin is not None]
        if origins and self.timeline.origin is None:
            self.timeline.begin(min(origins))
            self.started = self.timeline.origin

    def _write(self, track: Track, now: float, *, last: bool = False) -> None:
        if last:
            self._begin()
        for run in track.take_runs(now, last=last):
            rate_hz, samples = track.decode(run)
            if len(samples) and run.at < MAX_WRITE_S * TICKS_HZ:
                self._write_samples(track, run.at, rate_hz, samples)

    def _write_samples(self, track: Track, at: int, rate_hz: int, samples: Samples) -> None:
        if track.file is None:
            track.file = self._open_file(f"party-{self._number(track)}.wav", rate_hz, 1)
        file = track.file
        samples = resample(samples, rate_hz, file.rate_hz)
        end = file.write(at * file.rate_hz // TICKS_HZ, samples)
        track.timeline.heard_until(end * TICKS_HZ // file.rate_hz)
        if self._profile.stereo:
            stereo = self._stereo_mix(file.rate_hz)
            place = at * stereo.rate_hz // TICKS_HZ
            if place - stereo.base > STEREO_AHEAD_S * stereo.rate_hz:
                self._take_stereo(place)
                stereo.skip_to(place - round(STEREO_PATIENCE_S * stereo.rate_hz))
            stereo.add(self._channel(track), place, resample(samples, file.rate_hz, stereo.rate_hz))

    def _stereo_mix(self, rate_hz: int) -> StereoMix:
        if self._stereo is None:
            self._stereo = StereoMix(rate_hz)
            self._stereo_file = self._open_file("stereo.wav", rate_hz, 2)
        return self._stereo

    def _channel(self, track: Track) -> int | None:
        """Even streams left, odd ones right; a lone stream is on both."""
        if len(self.tracks) + len(self._closed) == 1:
            return None
        return track.index % 2

    def _number(self, track: Track) -> int:
        """The number in a party's file name: its m-line, counted on where an m-line was used before."""
        used = sum(1 for closed in self._closed if closed.index == track.index and closed is not track)
        return track.index + 1 + 100 * used

    def _open_file(self, name: str, rate_hz: int, channels: int) -> WavFile:
        return WavFile(self.directory / name, rate_hz, channels, disk=self._disk)

    def _write_stereo(self, *, last: bool) -> None:
        if self._stereo is None:
            return
        ends = [track.timeline.end for track in self.tracks.values() if track.timeline.begun]
        until = self.timeline.end
        if not last:
            patience = round(STEREO_PATIENCE_S * TICKS_HZ)
            until = max(min(ends, default=until), until - patience)
        self._take_stereo((until - self.timeline.cut) * self._stereo.rate_hz // TICKS_HZ)

    def _take_stereo(self, until: int) -> None:
        mix, file = self._stereo, self._stereo_file
        if mix is None or file is None:
            return
        at, samples = mix.take(until)
        if len(samples):
            file.write(at, samples)
