"""The mix of a call, in frames of 20 ms: what each party hears, and what of it goes to the recorder.

    mixer.join("alice"); mixer.hear("alice", samples)        # as it arrives; waits in a short queue
    mixer.play("beep", samples, forked=False)                # to every party, one prompt after the other
    heard = mixer.tick()                                     # every 20 ms
    heard.towards["bob"]                                     # everyone but bob, and the prompts
    heard.fork("alice")                                      # (alice, everyone else): no prompt is in there

The bridge is narrow band (8 kHz), as calls to the public network are. Pure: no clock, no socket.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 8_000
FRAME_MS = 20
FRAME = SAMPLE_RATE_HZ * FRAME_MS // 1_000
"""Samples in a frame."""
PRIMED = 2
"""Frames that wait before a party is heard, so that jitter makes no holes."""
LONGEST_QUEUE = 10

Samples = NDArray[np.int16]
Party = Hashable

SILENCE: Samples = np.zeros(FRAME, dtype=np.int16)
SILENCE.setflags(write=False)


def mixed(frames: Iterable[Samples]) -> Samples:
    """The sum, clipped; a single voice is passed on as it is."""
    heard = [frame for frame in frames if frame is not SILENCE]
    if len(heard) < 2:
        return heard[0] if heard else SILENCE
    total = np.sum(heard, axis=0, dtype=np.int32)
    return np.clip(total, -32_768, 32_767).astype(np.int16)


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame of the call. spoken: what each party says; over: what of the prompts is recorded too."""

    towards: dict[Party, Samples]
    spoken: dict[Party, Samples]
    over: Samples = field(default_factory=lambda: SILENCE)
    finished: tuple[str, ...] = ()

    def fork(self, party: Party) -> tuple[Samples, Samples]:
        """The two streams of a recorded party (D9): its own voice, and everybody else's."""
        others = mixed(frame for other, frame in self.spoken.items() if other != party)
        own = self.spoken.get(party, SILENCE)
        return mixed((own, self.over)), mixed((others, self.over))


class _Voice:
    """A party's frames on their way into the mix."""

    __slots__ = ("frames", "held", "primed", "rest")

    def __init__(self) -> None:
        self.frames: deque[Samples] = deque()
        self.rest: Samples = SILENCE[:0]
        self.primed = False
        self.held = False

    def add(self, samples: Samples) -> None:
        if len(self.rest) or len(samples) != FRAME:
            samples = np.concatenate((self.rest, samples))
            whole = len(samples) // FRAME * FRAME
            self.rest = samples[whole:]
            self.frames.extend(samples[at : at + FRAME] for at in range(0, whole, FRAME))
        else:
            self.frames.append(samples)
        while len(self.frames) > LONGEST_QUEUE:
            self.frames.popleft()

    def next(self) -> Samples:
        if not self.primed and len(self.frames) < PRIMED:
            return SILENCE
        self.primed = bool(self.frames)
        return self.frames.popleft() if self.frames else SILENCE


@dataclass(slots=True)
class _Playing:
    name: str
    samples: Samples
    forked: bool
    position: int = 0

    def next(self) -> Samples:
        frame = self.samples[self.position : self.position + FRAME]
        self.position += FRAME
        return frame if len(frame) == FRAME else np.pad(frame, (0, FRAME - len(frame)))

    @property
    def over(self) -> bool:
        return self.position >= len(self.samples)


class Mixer:
    """Parties and prompts of one call. hold_music: what a party on hold hears, round and round."""

    def __init__(self, hold_music: Samples | None = None) -> None:
        self._voices: dict[Party, _Voice] = {}
        self._queue: deque[_Playing] = deque()
        self._music = SILENCE if hold_music is None else hold_music
        self._ticks = 0
        self._opens_at = 0

    @property
    def parties(self) -> tuple[Party, ...]:
        """Who is in the call."""
        return tuple(self._voices)

    def join(self, party: Party) -> None:
        """Let a party in; one that is in stays as it is."""
        self._voices.setdefault(party, _Voice())

    def leave(self, party: Party) -> None:
        """Let a party go."""
        self._voices.pop(party, None)

    def hold(self, party: Party, held: bool) -> None:
        """A party put the call on hold: it is not heard, and hears nothing; who is left alone hears music."""
        self._voices[party].held = held
        self._voices[party].frames.clear()

    def delay(self, milliseconds: int) -> None:
        """Let no voice pass for a while from now on (D10); prompts are heard."""
        self._opens_at = self._ticks + -(-milliseconds // FRAME_MS)

    def hear(self, party: Party, samples: Samples) -> None:
        """Take what a party says; a stranger's, and what comes before the call's audio passes, is dropped."""
        voice = self._voices.get(party)
        if voice is not None and not voice.held and self._ticks >= self._opens_at:
            voice.add(samples)

    def play(self, name: str, samples: Samples, *, forked: bool = False) -> None:
        """Play a prompt to every party after those that wait; one that waits already is not played twice."""
        if not any(waiting.name == name and waiting.position == 0 for waiting in self._queue):
            self._queue.append(_Playing(name, samples, forked))

    def tick(self) -> Heard:
        """The next 20 ms."""
        spoken = {party: voice.next() for party, voice in self._voices.items()}
        prompt, forked, finished = self._prompt()
        towards = {party: self._towards(party, spoken, prompt) for party in self._voices}
        self._ticks += 1
        return Heard(towards, spoken, prompt if forked else SILENCE, finished)

    def _prompt(self) -> tuple[Samples, bool, tuple[str, ...]]:
        if not self._queue:
            return SILENCE, False, ()
        playing = self._queue[0]
        frame = playing.next()
        if not playing.over:
            return frame, playing.forked, ()
        self._queue.popleft()
        return frame, playing.forked, (playing.name,)

    def _towards(self, party: Party, spoken: dict[Party, Samples], prompt: Samples) -> Samples:
        if self._voices[party].held:
            return SILENCE
        others = [other for other in spoken if other != party]
        voices = [spoken[other] for other in others]
        if others and all(self._voices[other].held for other in others):
            voices = [self._hold_frame()]
        return mixed((*voices, prompt))

    def _hold_frame(self) -> Samples:
        at = self._ticks * FRAME % len(self._music)
        frame = self._music[at : at + FRAME]
        return frame if len(frame) == FRAME else SILENCE
