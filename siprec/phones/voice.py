"""Two-way RTP of one call leg: samples at 8 kHz in and out, in the codec that was agreed.

    voice = Voice(pair, loop, ssrc=…, on_samples=…)
    voice.aim(codec, remote)                  # what offer and answer agreed
    voice.send(samples)                       # 20 ms, 160 samples
    voice.close()

`LiveAudio` is the third direction: samples fed to a recording client's stream as they come.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import numpy as np

from siprec.phones.audio import PTIME_MS
from siprec.phones.hearing import RATE_HZ, Samples
from siprec.rtp import codecs
from siprec.rtp.aio import Address, MediaPort, PortPair
from siprec.rtp.errors import CodecError, MalformedPacketError
from siprec.rtp.packet import RtpPacket, build, parse
from siprec.sdp import Codec

FRAME = RATE_HZ * PTIME_MS // 1_000
MAX_WAITING = 10


def encode(encoder: codecs.Encoder, samples: Samples) -> bytes:
    """A payload of 8 kHz samples; a wide-band codec gets them doubled."""
    if encoder.sample_rate_hz == 2 * RATE_HZ:
        between = (samples.astype(np.int32) + np.append(samples[1:], samples[-1:])) // 2
        samples = np.stack((samples, between.astype(np.int16)), axis=1).reshape(-1)
    return encoder.encode(samples.tobytes())


def decode(decoder: codecs.Decoder, payload: bytes) -> Samples:
    """The samples of a payload at 8 kHz; of a wide-band codec the mean of each pair."""
    samples: Samples = np.frombuffer(decoder.decode(payload), dtype=np.int16)
    if decoder.sample_rate_hz == 2 * RATE_HZ:
        samples = samples.reshape(-1, 2).mean(axis=1).astype(np.int16)
    return samples


class Voice:
    """One leg's media; on_samples None: count, do not listen.

    Packets that are late, malformed or of another codec are counted and dropped.
    """

    def __init__(
        self,
        pair: PortPair,
        loop: asyncio.AbstractEventLoop,
        *,
        ssrc: int,
        on_samples: Callable[[Samples], None] | None,
    ) -> None:
        self.port = MediaPort(pair, loop)
        self.on_samples = on_samples
        self.codec: Codec | None = None
        self.received = 0
        self.lost = 0
        self.dropped = 0
        self.sent = 0
        self._ssrc = ssrc
        self._sequence = ssrc & 0xFFFF
        self._timestamp = ssrc
        self._encoder: codecs.Encoder | None = None
        self._decoder: codecs.Decoder | None = None
        self._source: int | None = None
        self._expected = 0

    def aim(self, codec: Codec, remote: Address | None) -> None:
        """Send there, in this codec; may be called again after a new offer. remote None: send nothing."""
        if self.codec is None or codec.name != self.codec.name:
            self._encoder, self._decoder = codecs.encoder(codec.name), codecs.decoder(codec.name)
        self.codec = codec
        self.port.open(self._received, remote=remote)

    def send(self, samples: Samples) -> None:
        """Send one frame."""
        if self.codec is None or self._encoder is None:
            return
        self.send_payload(encode(self._encoder, samples))

    def send_payload(self, payload: bytes) -> None:
        """Send one frame that is encoded already."""
        if self.codec is None:
            return
        first = self.sent == 0
        packet = RtpPacket(
            self.codec.payload_type,
            self._sequence & 0xFFFF,
            self._timestamp & 0xFFFFFFFF,
            self._ssrc,
            payload,
            first,
        )
        self.port.send_rtp(build(packet))
        self._sequence += 1
        self._timestamp += FRAME
        self.sent += 1

    @property
    def stateless_codec(self) -> str | None:
        """The codec's name where equal samples give equal payloads (G.711), so that one may be shared."""
        name = self.codec.name.upper() if self.codec is not None else ""
        return name if name in ("PCMU", "PCMA") else None

    def _received(self, data: bytes, _now: float) -> None:
        try:
            packet = parse(data)
        except MalformedPacketError:
            self.dropped += 1
            return
        if self._decoder is None or self.codec is None or packet.payload_type != self.codec.payload_type:
            self.dropped += 1
            return
        if packet.ssrc == self._source:
            step = (packet.sequence - self._expected) & 0xFFFF
            if step >= 0x8000:
                self.dropped += 1
                return
            self.lost += step
        self._source, self._expected = packet.ssrc, (packet.sequence + 1) & 0xFFFF
        self.received += 1
        if self.on_samples is None:
            return
        try:
            self.on_samples(decode(self._decoder, packet.payload))
        except (CodecError, ValueError):
            self.dropped += 1

    def close(self) -> None:
        """Stop receiving; the pair goes back to its pool."""
        self.port.close()


class LiveAudio:
    """Frames on their way to a recording client, which takes one every 20 ms (`siprec.phones.audio.Audio`).

    Nothing there when one is due: a frame of silence. More than `MAX_WAITING`: the oldest goes.
    """

    def __init__(self, codec: str, ptime_ms: int = PTIME_MS) -> None:
        self._encoder = codecs.encoder(codec)
        self.name = codec.upper()
        self._frames: deque[bytes] = deque()
        self.clock_hz = self._encoder.clock_hz
        self.step = self.clock_hz * ptime_ms // 1_000
        self.starved = 0
        self._silence = encode(self._encoder, np.zeros(FRAME, dtype=np.int16))

    @property
    def ptime_s(self) -> float:
        """Seconds a payload."""
        return self.step / self.clock_hz

    def feed(self, samples: Samples) -> None:
        """Take 20 ms."""
        self._frames.append(encode(self._encoder, samples))
        if len(self._frames) > MAX_WAITING:
            self._frames.popleft()

    def clear(self) -> None:
        """Forget what waits: it was said before a pause."""
        self._frames.clear()

    def payload(self, number: int) -> bytes:
        """What is due."""
        if self._frames:
            return self._frames.popleft()
        self.starved += 1
        return self._silence


class LiveVoices:
    """The two voices of a forked call (`siprec.phones.sending.Voices`): fed by the mixer's tick."""

    def __init__(self) -> None:
        self._live: dict[int, LiveAudio] = {}

    def encoded(self, codec: str, party: int, ptime_ms: int) -> LiveAudio:
        """The stream of a party, from now on."""
        live = self._live.get(party)
        if live is None or live.name != codec.upper():
            live = self._live[party] = LiveAudio(codec, ptime_ms)
        live.clear()
        return live

    def feed(self, *voices: Samples) -> None:
        """Take 20 ms of every party."""
        for party, samples in enumerate(voices):
            live = self._live.get(party)
            if live is not None:
                live.feed(samples)

    @property
    def starved(self) -> int:
        """Frames that were not there in time."""
        return sum(live.starved for live in self._live.values())
