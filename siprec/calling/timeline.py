"""When whose voice must be in a recording, as the call control's log tells, and when it is, by spectrum.

    wanted = spans(log, "alice", aliases)[0]           # alice's first recording, in recorded time
    wanted.seconds, wanted.voices["customer"]          # 4.2, [(0.0, 1.1), (2.0, 4.2)]
    misplaced(samples, 590, wanted.voices["customer"]) # seconds in which it is missing, or there uncalled for

Recorded time leaves pauses out. A call on hold is silent. The log names legs by address of record. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from siprec.callcontrol.call import Happened
from siprec.phones.hearing import RATE_HZ, Samples, level

WINDOW_S = 0.1
MARGIN_S = 0.3
"""Left out at every change: signalling, jitter buffers and codecs take their time."""
PRESENT, ABSENT = 1_200, 500
"""Levels of a tone from which it is there, and below which it is not."""

Span = tuple[float, float]


@dataclass(slots=True)
class Wanted:
    """One recording: how long it is, and when each voice is in it, in seconds of recorded time."""

    seconds: float = 0.0
    voices: dict[str, list[Span]] = field(default_factory=dict)


@dataclass(slots=True)
class _Reader:
    """Follows one call's log for one recorded user."""

    user: str
    names: Mapping[str, str]
    present: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    recording: bool = False
    paused: bool = False
    opens_ns: int = 0
    wanted: list[Wanted] = field(default_factory=list)
    since: dict[str, float] = field(default_factory=dict)
    last_ns: int = 0

    def read(self, line: Happened) -> None:
        self._pass_to(line.at_ns)
        name = self.names.get(line.who, line.who)
        match line.what:
            case "joined":
                self.present.add(name)
            case "left":
                self.present.discard(name)
                self.held.discard(name)
            case "held":
                self.held.add(name)
            case "unheld":
                self.held.discard(name)
            case "delayed":
                self.opens_ns = line.at_ns + int(line.detail) * 1_000_000
            case "recording" if line.who == self.user:
                self._recording(line.detail == "started")
            case "pressed" if line.who == self.user:
                self.paused = self.recording and line.detail == "pause"
        self._follow(line.at_ns)

    def _recording(self, started: bool) -> None:
        self.recording, self.paused = started, False
        if started:
            self.wanted.append(Wanted())
        else:
            self._close(self.present)

    def _pass_to(self, at_ns: int) -> None:
        if self.recording and not self.paused:
            if self.last_ns < self.opens_ns <= at_ns:
                self._go(self.opens_ns)
                self._follow(self.opens_ns)
            self._go(at_ns)
        self.last_ns = at_ns

    def _go(self, at_ns: int) -> None:
        self.wanted[-1].seconds += (at_ns - self.last_ns) / 1e9
        self.last_ns = at_ns

    def _follow(self, at_ns: int) -> None:
        """Begin and end the spans of voices."""
        if not self.recording:
            return
        heard = self.present if not self.held and at_ns >= self.opens_ns else set()
        for name in heard - self.since.keys():
            self.since[name] = self.wanted[-1].seconds
        self._close(self.since.keys() - heard)

    def _close(self, names: Iterable[str]) -> None:
        for name in list(names):
            begun = self.since.pop(name, None)
            if begun is not None:
                self.wanted[-1].voices.setdefault(name, []).append((begun, self.wanted[-1].seconds))


def spans(log: Sequence[Happened], user: str, names: Mapping[str, str]) -> list[Wanted]:
    """What one call's log says of the recordings of a user. names: parties by address of record."""
    reader = _Reader(user, names)
    for line in log:
        reader.read(line)
    return reader.wanted


def misplaced(samples: Samples, tone_hz: int, wanted: Sequence[Span]) -> tuple[float, float]:
    """Seconds in which a voice is missing, and in which it is heard though it must not be."""
    missing = surplus = 0.0
    size = round(WINDOW_S * RATE_HZ)
    for at in range(0, len(samples) - size + 1, size):
        begin, end = at / RATE_HZ, (at + size) / RATE_HZ
        inside = any(start + MARGIN_S <= begin and end <= stop - MARGIN_S for start, stop in wanted)
        outside = all(end <= start - MARGIN_S or stop + MARGIN_S <= begin for start, stop in wanted)
        loud = level(samples[at : at + size], tone_hz)
        if inside and loud < PRESENT:
            missing += WINDOW_S
        elif outside and loud > ABSENT:
            surplus += WINDOW_S
    return missing, surplus
