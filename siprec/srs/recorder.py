"""One recording in progress: streams placed, decoded and written every other second.

The receive path of a packet is `Track.receive`: noted with its moment, nothing more. Everything else happens
in `tick`, two seconds' packets at once, or before anything that changes what becomes of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siprec.metadata import Announcement
from siprec.rtp import codecs
from siprec.rtp.codecs import Decoder
from siprec.rtp.errors import CodecError, SrtpError
from siprec.rtp.reorder import PlacedPacket
from siprec.rtp.srtp import SrtpSession
from siprec.rtp.stream import ReceivedStream
from siprec.sdp import Stream
from siprec.srs.disk import Disk
from siprec.srs.files import AT_ONCE, Samples, StereoMix, WavFile, resample
from siprec.srs.settings import RecordingProfile
from siprec.srs.timeline import TICKS_HZ, Gap, Run, Timeline, TrackTimeline

Protect = Callable[[bytes], bytes]
STEREO_PATIENCE_S = 2.0
"""How far a track may lag behind another before the stereo file goes on without it."""
STEREO_AHEAD_S = 10
"""Silence longer than this is left out of memory."""
FRAME_UNITS = {"opus": 960}
MAX_WRITE_S = 86_400
MAX_NOTED = 4_096
"""Datagrams of a stream that may wait for the next tick."""
HEADER_TICKS = 2
"""Headers are brought up to date this often, in ticks: what a player sees of a recording that crashed."""


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """What was received of one stream."""

    index: int
    label: str | None
    codec: str
    packets: int
    lost: int
    late: int
    duplicates: int
    malformed: int
    undecodable: int
    jitter_ms: float
    gaps: tuple[Gap, ...]
    file: str | None


class Track:
    """One stream of a recording."""

    def __init__(self, stream: Stream, timeline: Timeline, window_s: float) -> None:
        self.index = stream.index
        self.label = stream.label
        self.held = stream.paused
        self.codec = ""
        self.file: WavFile | None = None
        self.unauthentic = 0
        self.undecodable = 0
        self.last_packet: float | None = None
        self._window_s = window_s
        self._shared = timeline
        self._noted: list[bytes] = []
        self._arrivals: list[float] = []
        self._pending: list[PlacedPacket] = []
        self._unprotect: Protect | None = None
        self._unprotect_rtcp: Protect | None = None
        self._crypto: object = None
        self._keeping = True
        self._interrupted = False
        self._earlier = [0, 0, 0, 0, 0]
        self._gaps: list[Gap] = []
        self.received: ReceivedStream
        self.timeline: TrackTimeline
        self._decoders: dict[int, Decoder] = {}
        self._audio: frozenset[int] = frozenset()
        self._clock_hz = 0
        self.follow(stream)

    def follow(self, stream: Stream) -> None:
        """Take codec and key from what was negotiated; another RTP clock begins another stream."""
        codec = stream.codec
        if codec is None:
            return
        self.label = stream.label
        self.held = stream.paused
        if stream.crypto is None:
            self._unprotect = self._unprotect_rtcp = None
        elif stream.crypto != self._crypto:
            session = SrtpSession(stream.crypto.suite, stream.crypto.key)
            self._unprotect, self._unprotect_rtcp = session.unprotect, session.unprotect_rtcp
        self._crypto = stream.crypto
        if codec.clock_hz != self._clock_hz:
            self._begin_stream(stream)
        if codec.name.lower() != self.codec.lower():
            self.codec = codec.name
            self._decoders = {codec.payload_type: codecs.decoder(codec.name)}
        elif codec.payload_type not in self._decoders:
            self._decoders[codec.payload_type] = codecs.decoder(codec.name)
        self._audio = frozenset(self._decoders)
        self.timeline.frame_units = FRAME_UNITS.get(codec.name.lower())
        self.received.joinable = self.timeline.frame_units is None

    def _begin_stream(self, stream: Stream) -> None:
        codec, event = stream.codec, stream.telephone_event
        if codec is None:
            return
        if self._clock_hz:
            self._keep_counts()
        self._clock_hz = codec.clock_hz
        events = frozenset() if event is None else frozenset({event.payload_type})
        self.received = ReceivedStream(codec.clock_hz, self._window_s, events)
        self.timeline = TrackTimeline(self._shared, codec.clock_hz)

    def _keep_counts(self) -> None:
        buffer = self.received.buffer
        counts = (
            self.received.statistics.packets,
            buffer.lost,
            buffer.late,
            buffer.duplicates,
            self.received.malformed,
        )
        self._earlier = [old + new for old, new in zip(self._earlier, counts, strict=True)]
        self._gaps += self.timeline.gaps

    # ------------------------------------------------------------------ packets

    def receive(self, datagram: bytes, now: float) -> None:
        """Take an RTP datagram."""
        self._noted.append(datagram)
        self._arrivals.append(now)
        if len(self._arrivals) >= MAX_NOTED:
            self._study()

    def _study(self) -> None:
        """Parse, count and put in order what was noted."""
        if not self._noted:
            return
        noted, arrivals = self._noted, self._arrivals
        self._noted, self._arrivals = [], []
        if self._unprotect is not None:
            noted, arrivals = self._authentic(self._unprotect, noted, arrivals)
            if not noted:
                return
        placed = self.received.receive_batch(noted, arrivals)
        self.last_packet = arrivals[-1]
        if self._keeping:
            if self._interrupted:
                self._interrupted = False
                self.timeline.arrived_after_interruption(arrivals[0])
            self._pending += placed

    def _authentic(
        self, unprotect: Protect, noted: list[bytes], arrivals: list[float]
    ) -> tuple[list[bytes], list[float]]:
        """The datagrams whose signature is right, unprotected, and when they came."""
        found: list[bytes] = []
        moments: list[float] = []
        for datagram, when in zip(noted, arrivals, strict=True):
            try:
                found.append(unprotect(datagram))
            except SrtpError:
                self.unauthentic += 1
            else:
                moments.append(when)
        return found, moments

    def receive_rtcp(self, datagram: bytes, now: float) -> None:
        """Take an RTCP datagram."""
        self._study()
        if self._unprotect_rtcp is not None:
            try:
                datagram = self._unprotect_rtcp(datagram)
            except SrtpError:
                self.unauthentic += 1
                return
        self.received.receive_rtcp(datagram, now)

    def stop_keeping(self) -> None:
        """Throw away what arrives from now on; it is still followed, so that nothing counts as lost."""
        self._study()
        if self._keeping:
            self._pending += self.received.flush()
        self._keeping = False

    def keep(self) -> None:
        """Keep what arrives again, unless this stream is held by itself."""
        self._study()
        if not self._keeping and not self.held:
            self._keeping = True
            self._interrupted = True
            self.timeline.interrupted()

    def take_runs(self, now: float, *, last: bool = False) -> list[Run]:
        """Place what has come since the last call."""
        self._study()
        waiting = self.received.flush() if last else self.received.handle_timeout(now)
        if self._keeping:
            self._pending += waiting
        if not self._pending:
            return []
        if not self.timeline.begun:
            origin = self.received.buffer.origin
            self.timeline.begin(now if origin is None else origin)
        pending, self._pending = self._pending, []
        return self.timeline.place(pending, self._audio)

    def decode(self, run: Run) -> tuple[int, Samples]:
        """Decode a run: rate in Hz and samples; a payload without meaning is silence."""
        decoder = self._decoders[run.payload_type]
        try:
            pcm = decoder.decode(b"".join(run.payloads))
        except CodecError:
            self.undecodable += len(run.payloads)
            return decoder.sample_rate_hz, np.zeros(0, np.int16)
        return decoder.sample_rate_hz, np.frombuffer(pcm, np.int16)

    @property
    def origin(self) -> float | None:
        """Wire time at which the stream began."""
        return self.received.buffer.origin

    def summary(self) -> TrackSummary:
        """Return the counts so far."""
        self._study()
        self._keep_counts()
        packets, lost, late, duplicates, malformed = self._earlier
        return TrackSummary(
            self.index,
            self.label,
            self.codec,
            packets,
            lost,
            late,
            duplicates,
            malformed + self.unauthentic,
            self.undecodable,
            round(self.received.statistics.jitter_seconds * 1000, 3),
            tuple(self._gaps),
            None if self.file is None else self.file.path.name,
        )


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
        """End a track; its file stays."""
        track = self.tracks.pop(index)
        self._closed.append(track)
        self._write(track, now, last=True)

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
