"""One stream of a recording: datagrams noted as they come, then parsed, ordered, placed and decoded together.

The receive path of a packet is `Track.receive`: noted with its moment, nothing more. Everything else happens
when the recorder writes, two seconds' packets at once, or before anything that changes what becomes of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from siprec.rtp import codecs
from siprec.rtp.codecs import Decoder
from siprec.rtp.errors import CodecError, SrtpError
from siprec.rtp.reorder import PlacedPacket
from siprec.rtp.srtp import SrtpSession
from siprec.rtp.stream import ReceivedStream
from siprec.sdp import Stream
from siprec.srs.files import Samples, WavFile
from siprec.srs.timeline import Gap, Run, Timeline, TrackTimeline

Protect = Callable[[bytes], bytes]
FRAME_UNITS = {"opus": 960}
MAX_NOTED = 4_096
"""Datagrams of a stream that may wait to be studied."""


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
