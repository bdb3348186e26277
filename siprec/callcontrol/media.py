"""Sound of a call at the edge: RTP of every leg, the mixer's beat, the tap of each recorded user.

media = CallMedia(plane, on_played)
address, port = media.open(leg)                # for our SDP
media.aim(leg, codec, remote)                  # from then on the leg is in the mix
media.play("beep"); media.tap(leg, voices)
media.take_over(leg, other_media)              # transfer, conference
media.close(leg); media.end()
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from siprec.callcontrol.mixer import FRAME_MS, SILENCE, Heard, Mixer, Samples
from siprec.phones.voice import LiveVoices, Voice
from siprec.rtp import codecs
from siprec.rtp.aio import Address, PacedStream, Pacer, PortPool
from siprec.sdp import Codec

LegId = int


@dataclass(slots=True)
class MediaPlane:
    """What all calls share: ports, the pacer's clock, prompts, chance for SSRCs."""

    pool: PortPool
    pacer: Pacer
    loop: asyncio.AbstractEventLoop
    prompts: Mapping[str, Samples]
    rng: random.Random

    def voice(self, on_samples: Callable[[Samples], None]) -> Voice:
        """Take a port pair. Raises PortsUnavailableError."""
        pair = self.pool.acquire(self.loop.time())
        return Voice(pair, self.loop, ssrc=self.rng.getrandbits(32), on_samples=on_samples)

    def give_back(self, voice: Voice) -> None:
        """Let the pair rest."""
        voice.close()
        self.pool.release(voice.port.pair, self.loop.time())


class CallMedia:
    """The sound of one call. on_played is told each prompt that is over, by name."""

    def __init__(self, plane: MediaPlane, on_played: Callable[[str], None]) -> None:
        self.mixer = Mixer(plane.prompts["hold"])
        self.message: list[Samples] | None = None
        self._plane = plane
        self._on_played = on_played
        self._voices: dict[LegId, Voice] = {}
        self._taps: dict[LegId, LiveVoices] = {}
        self._recorded_leg: LegId | None = None
        self._beat: PacedStream | None = None

    @property
    def voices(self) -> tuple[Voice, ...]:
        """The media of each leg."""
        return tuple(self._voices.values())

    def open(self, leg: LegId) -> Address:
        """Our end of a leg. Raises PortsUnavailableError."""
        voice = self._plane.voice(lambda samples: self.mixer.hear(leg, samples))
        self._voices[leg] = voice
        return voice.port.address, voice.port.port

    def aim(self, leg: LegId, codec: Codec, remote: Address | None) -> None:
        """The leg's media goes there; it is heard from now on."""
        self._voices[leg].aim(codec, remote)
        self.mixer.join(leg)
        if self._beat is None:
            self._beat = self._plane.pacer.start(self._tick)

    def play(self, name: str, *, forked: bool = False) -> None:
        """Play a prompt to every party."""
        self.mixer.play(name, self._plane.prompts[name], forked=forked)

    def hold(self, leg: LegId, held: bool) -> None:
        """A party put the call on hold, or took it back."""
        if leg in self.mixer.parties:
            self.mixer.hold(leg, held)

    def delay(self, milliseconds: int) -> None:
        """Let no voice pass for a while (D10)."""
        self.mixer.delay(milliseconds)

    def tap(self, leg: LegId, voices: LiveVoices) -> None:
        """Feed a fork with this leg's voice and everybody else's."""
        self._taps[leg] = voices

    def untap(self, leg: LegId, voices: LiveVoices) -> None:
        """Feed it no more; another fork of the leg goes on."""
        if self._taps.get(leg) is voices:
            del self._taps[leg]

    def record_message(self, leg: LegId) -> None:
        """Keep what the leg says from now on: a message to a voice mailbox."""
        self.message, self._recorded_leg = [], leg

    def take_over(self, leg: LegId, other: "CallMedia") -> None:
        """Take a leg (and the tap of its recording) out of another call into this one."""
        voice = other._voices.pop(leg)
        other.mixer.leave(leg)
        voice.on_samples = lambda samples: self.mixer.hear(leg, samples)
        self._voices[leg] = voice
        self.mixer.join(leg)
        if leg in other._taps:
            self._taps[leg] = other._taps.pop(leg)

    def close(self, leg: LegId) -> None:
        """A leg is over."""
        self.mixer.leave(leg)
        voice = self._voices.pop(leg, None)
        if voice is not None:
            self._plane.give_back(voice)

    def end(self) -> None:
        """The call is over."""
        if self._beat is not None:
            self._beat.stop()
        for leg in list(self._voices):
            self.close(leg)
        self._taps.clear()

    def _tick(self) -> float:
        heard = self.mixer.tick()
        self._send(heard)
        for leg, voices in self._taps.items():
            voices.feed(*heard.fork(leg))
        if self.message is not None and self._recorded_leg is not None:
            self.message.append(heard.spoken.get(self._recorded_leg, SILENCE))
        for name in heard.finished:
            self._on_played(name)
        return FRAME_MS / 1_000

    def _send(self, heard: Heard) -> None:
        """Send every party its mix; what two hear alike is encoded once."""
        shared: dict[tuple[int, str], bytes] = {}
        for leg, voice in self._voices.items():
            frame = heard.towards.get(leg)
            if frame is None:
                continue
            name = voice.stateless_codec
            if name is None:
                voice.send(frame)
                continue
            key = (id(frame), name)
            if key not in shared:
                shared[key] = _STATELESS[name].encode(frame.tobytes())
            voice.send_payload(shared[key])


_STATELESS = {name: codecs.encoder(name) for name in ("PCMU", "PCMA")}
