"""Where audio belongs: placed by RTP timestamp, paused time cut out or silent, losses and announcements
marked.

All places are ticks of 1/48,000 s, which every codec's clock divides, on one of two lines: the *raw* line
runs with the call from its first audio on; the *file* line is the raw one with the cuts taken out. A track's
position in its own RTP stream is put on the raw line once, by when the stream began, and from then on runs by
timestamp alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from siprec.rtp.reorder import PlacedPacket

TICKS_HZ = 48_000
GRID = 6
"""Anchors lie on the 8 kHz grid, so that every rate finds its samples on whole ticks."""
MAX_GAPS = 10_000
MAX_MARKS = 1_000
REANCHOR_S = 1.0
"""After a pause a stream whose timestamps stood still is placed by arrival; this much jitter is believed."""
MAX_DRIFT = 1e-3
MAX_LEAP_S = 86_400.0


class Run(NamedTuple):
    """Payloads of one codec without a gap between them. at: ticks on the file line."""

    at: int
    payload_type: int
    payloads: list[bytes]


class Gap(NamedTuple):
    """Lost audio: `packets` never came, between these ticks of the file line."""

    start: int
    end: int
    packets: int


class Pause(NamedTuple):
    """A pause: where in the file it fell, and how long it lasted in ticks of the raw line."""

    at: int
    length: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment of the recording. at: ticks of the file line."""

    at: int
    what: object


def to_ticks(seconds: float) -> int:
    """Seconds as ticks, on the grid."""
    return round(seconds * TICKS_HZ / GRID) * GRID


@dataclass(slots=True)
class Timeline:
    """The line all tracks of a recording share.

    `origin` is the wire time of raw tick 0, known once the first audio came; `cut` the ticks taken out so
    far.
    """

    pause_mode: Literal["cut", "silence"] = "cut"
    origin: float | None = None
    end: int = 0
    cut: int = 0
    paused: bool = False
    pauses: list[Pause] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    _paused_at: int = 0
    _paused_when: float = 0.0
    _open: bool = False
    """A pause is over and its length waits for the first audio after it."""
    _cuts: list[tuple[int, int]] = field(default_factory=list)
    """Raw tick where each cut begins, and its length."""

    def begin(self, origin: float) -> None:
        """Set tick 0 where it is not set yet."""
        if self.origin is None:
            self.origin = origin

    def raw(self, when: float) -> int:
        """The raw tick of a wire time; never before 0."""
        return 0 if self.origin is None else max(0, to_ticks(when - self.origin))

    def pause(self, when: float) -> None:
        """Stop the line: at the end of what was heard, or at this wire time if nothing was."""
        if self.paused:
            return
        self._close_pause(self.raw(when))
        self.paused = True
        self._paused_when = when
        self._paused_at = self.end or self.raw(when)

    def resume(self, when: float) -> None:
        """Let the line run again; how much is cut is known with the next audio."""
        if not self.paused:
            return
        self.paused = False
        if self.origin is None:
            return
        self._open = True

    def heard(self, start: int) -> None:
        """Take the first raw tick of audio that is to be placed."""
        if self._open:
            self._close_pause(start)

    def _close_pause(self, start: int) -> None:
        if not self._open:
            return
        self._open = False
        length = max(0, start - self._paused_at)
        self.pauses.append(Pause(self._paused_at - self.cut, length))
        if self.pause_mode == "cut":
            self._cuts.append((self._paused_at, length))
            self.cut += length

    def in_file(self, raw: int) -> int:
        """The file tick of a raw one that lies after every cut so far."""
        return raw - self.cut

    def place(self, raw: int) -> int:
        """The file tick of any raw one: inside a cut it is where the cut was made."""
        cut = 0
        for begins, length in self._cuts:
            if raw <= begins:
                break
            cut += min(length, raw - begins)
        if (self.paused or self._open) and self.pause_mode == "cut" and raw > self._paused_at:
            return self._paused_at - cut
        return raw - cut

    def mark(self, when: float, what: object) -> None:
        """Mark something that happened at a wire time."""
        if len(self.marks) < MAX_MARKS:
            self.marks.append(Mark(self.place(self.raw(when)), what))

    def finish(self, when: float) -> None:
        """Close a pause that nothing followed."""
        if self.paused:
            self.resume(when)
        if self._open:
            self._open = False
            self.pauses.append(Pause(self._paused_at - self.cut, max(0, self.raw(when) - self._paused_at)))


class TrackTimeline:
    """One stream on a `Timeline`: packets in, runs of payloads with their place out.

    `clock_hz` is the RTP clock. `frame_units` None says that a payload byte is one clock unit (G.711, G.722),
    so that contiguous payloads may be decoded together; else it is a packet's length in clock units.
    """

    __slots__ = (
        "_anchor",
        "_expected",
        "_recheck",
        "clock_hz",
        "end",
        "frame_units",
        "gaps",
        "lost",
        "timeline",
    )

    def __init__(self, timeline: Timeline, clock_hz: int, frame_units: int | None = None) -> None:
        self.timeline = timeline
        self.clock_hz = clock_hz
        self.frame_units = frame_units
        self.gaps: list[Gap] = []
        self.lost = 0
        self.end = 0
        """Raw tick where the audio heard so far ends."""
        self._anchor: int | None = None
        self._expected: int | None = None
        self._recheck: float | None = None

    def begin(self, origin: float) -> None:
        """Put position 0 of the stream on the line: it would have arrived at this wire time."""
        if self._anchor is None:
            self.timeline.begin(origin)
            self._anchor = self.timeline.raw(origin)

    @property
    def begun(self) -> bool:
        """Whether the stream has its place."""
        return self._anchor is not None

    def interrupted(self) -> None:
        """The sender was told to stop: the next audio follows nothing."""
        self._expected = None

    def arrived_after_interruption(self, when: float) -> None:
        """The first packet after an interruption came at this wire time."""
        self._recheck = when

    def place(self, packets: Sequence[PlacedPacket], audio: frozenset[int]) -> list[Run]:
        """Place packets in order; only payload types of `audio` are."""
        runs: list[Run] = []
        ticks, frame_units = TICKS_HZ // self.clock_hz, self.frame_units
        expected, current = self._expected, None
        for packet in packets:
            position, payload_type, payload = packet.position, packet.payload_type, packet.payload
            if packet.lost_before:
                self._note_loss(packet, expected, ticks)
            if payload_type not in audio:
                continue
            joined = frame_units is None and position == expected
            if current is None or not joined or payload_type != current.payload_type:
                current = Run(self._start(position, ticks), payload_type, [])
                runs.append(current)
            current.payloads.append(payload)
            expected = position + (len(payload) if frame_units is None else frame_units)
        self._expected = expected
        return runs

    def _start(self, position: int, ticks: int) -> int:
        raw = (self._anchor or 0) + position * ticks
        if self._recheck is not None:
            raw = self._reanchored(raw, position * ticks)
        self.timeline.heard(raw)
        return self.timeline.in_file(raw)

    def _reanchored(self, raw: int, offset: int) -> int:
        """Believe the timestamps after an interruption if they kept running, else the moment of arrival."""
        by_wire = self.timeline.raw(self._recheck or 0.0)
        self._recheck = None
        if abs(raw - by_wire) > REANCHOR_S * TICKS_HZ + by_wire * MAX_DRIFT:
            self._anchor = by_wire - offset
            return by_wire
        return raw

    def _note_loss(self, packet: PlacedPacket, expected: int | None, ticks: int) -> None:
        self.lost += packet.lost_before
        if expected is None or len(self.gaps) >= MAX_GAPS or packet.position <= expected:
            return
        anchor = self._anchor or 0
        start = self.timeline.in_file(anchor + expected * ticks)
        self.gaps.append(
            Gap(start, self.timeline.in_file(anchor + packet.position * ticks), packet.lost_before)
        )

    def heard_until(self, file_tick: int) -> None:
        """Say how far the decoded audio reaches on the file line."""
        self.end = file_tick + self.timeline.cut
        self.timeline.end = max(self.timeline.end, self.end)
