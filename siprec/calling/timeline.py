"""When whose voice must be in a recording, as the call control's logs tell, and when it is, by spectrum.

    wanted = spans({call.id: call.log}, "alice", aliases)[0]  # alice's first recording, in recorded time
    wanted.seconds, wanted.voices["customer"]          # 4.2, [(0.0, 1.1), (2.0, 4.2)]
    misplaced(samples, 590, wanted.voices["customer"]) # seconds in which it is missing, or there uncalled for

Recorded time leaves pauses out. A call on hold is silent. Logs name legs by address of record. A leg that
moves to another call (attended transfer, conference) takes its user's recording along. Pure.
"""

import heapq
from collections import defaultdict
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

    begun_ns: int = 0
    seconds: float = 0.0
    voices: dict[str, list[Span]] = field(default_factory=dict)


@dataclass(slots=True)
class _Room:
    """A call: who is in it, who of them holds it, and from when on voices pass (D10)."""

    present: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    opens_ns: int = 0

    def audible(self, at_ns: int) -> set[str]:
        """Whose voices there are."""
        return set() if self.held or at_ns < self.opens_ns else self.present


@dataclass(slots=True)
class _Take:
    """A recording under way, and the voices that are in it since when."""

    wanted: Wanted
    at_ns: int
    paused: bool = False
    since: dict[str, float] = field(default_factory=dict)

    def pass_to(self, room: _Room, at_ns: int) -> None:
        """Time goes on; the call may open its doors meanwhile."""
        if self.at_ns < room.opens_ns <= at_ns:
            self._go(room.opens_ns)
            self.follow(room)
        self._go(at_ns)

    def _go(self, at_ns: int) -> None:
        if not self.paused:
            self.wanted.seconds += (at_ns - self.at_ns) / 1e9
        self.at_ns = at_ns

    def follow(self, room: _Room) -> None:
        """Begin and end the spans of voices."""
        heard = room.audible(self.at_ns)
        for name in heard - self.since.keys():
            self.since[name] = self.wanted.seconds
        self.close(self.since.keys() - heard)

    def close(self, names: Iterable[str]) -> None:
        """End the spans of these voices."""
        for name in list(names):
            begun = self.since.pop(name)
            if begun == self.wanted.seconds:
                continue
            self.wanted.voices.setdefault(name, []).append((begun, self.wanted.seconds))


class _Reader:
    """Follows calls for one recorded user; each recording is found by the call its leg is in."""

    def __init__(self, user: str, names: Mapping[str, str]) -> None:
        self.wanted: list[Wanted] = []
        self._user = user
        self._names = names
        self._rooms: defaultdict[int, _Room] = defaultdict(_Room)
        self._takes: dict[int, _Take] = {}

    def read(self, call: int, line: Happened) -> None:
        """Take a line of a call's log; lines come in the order of their times."""
        for number, take in self._takes.items():
            take.pass_to(self._rooms[number], line.at_ns)
        self._change_room(self._rooms[call], self._names.get(line.who, line.who), line)
        if line.what == "moved" and self._names.get(line.who) == self._user and call in self._takes:
            self._takes[int(line.detail)] = self._takes.pop(call)
        elif line.who == self._user:
            self._change_take(call, line)
        for number, take in self._takes.items():
            take.follow(self._rooms[number])

    @staticmethod
    def _change_room(room: _Room, name: str, line: Happened) -> None:
        match line.what:
            case "joined":
                room.present.add(name)
            case "left" | "moved":
                room.present.discard(name)
                room.held.discard(name)
            case "held":
                room.held.add(name)
            case "unheld":
                room.held.discard(name)
            case "delayed":
                room.opens_ns = line.at_ns + int(line.detail) * 1_000_000

    def _change_take(self, call: int, line: Happened) -> None:
        take = self._takes.get(call)
        if line.what == "recording" and line.detail == "started":
            take = self._takes[call] = _Take(Wanted(line.at_ns), line.at_ns)
            self.wanted.append(take.wanted)
        elif take is not None and line.what == "recording":
            take.close(list(take.since))
            del self._takes[call]
        elif take is not None and line.what == "pressed":
            take.paused = line.detail == "pause"


def spans(logs: Mapping[int, Sequence[Happened]], user: str, names: Mapping[str, str]) -> list[Wanted]:
    """What the logs of calls, by number, say of the recordings of a user, in the order in which they began.

    names: parties by address of record.
    """
    reader = _Reader(user, names)
    lines = [[(number, line) for line in log] for number, log in logs.items()]
    for number, line in heapq.merge(*lines, key=lambda each: each[1].at_ns):
        reader.read(number, line)
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
