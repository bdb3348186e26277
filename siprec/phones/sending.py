"""One stream on its way to a recording server: payloads on time, clock, weather, SRTP, sender reports."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from siprec.phones.audio import Audio, EncodedAudio, encoded_tone, encoded_wav, tone_of
from siprec.phones.forking import AnsweredStream
from siprec.phones.impairment import Impairment, Weather
from siprec.rtp import rtcp
from siprec.rtp.aio import MediaPort, PacedStream, Pacer
from siprec.rtp.packet import RtpPacket, build
from siprec.rtp.srtp import SrtpSession


class Voices(Protocol):
    """What the parties say, prepared (`Speech`) or live."""

    def encoded(self, codec: str, party: int, ptime_ms: int) -> Audio:
        """The payloads of a party."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What the parties say: a tone each by `seed`, or the files given, one per stream."""

    seed: int = 0
    files: tuple[Path, ...] = ()

    def encoded(self, codec: str, party: int, ptime_ms: int) -> EncodedAudio:
        """The payloads of a party."""
        if party < len(self.files):
            return encoded_wav(codec, self.files[party], ptime_ms)
        return encoded_tone(codec, tone_of(self.seed, party), ptime_ms)


class SentStream:
    """One stream on its way to the server: payloads, clock, weather, reports."""

    def __init__(self, label: str, port: MediaPort, key: bytes, weather: Weather, rng: random.Random) -> None:
        self.label = label
        self.port = port
        self.packets = 0
        """Packets the sender made, whether or not they arrived."""
        self.answer: AnsweredStream | None = None
        self.audio: Audio | None = None
        self._key = key
        self._weather = weather
        self._impairment = Impairment(weather, rng)
        self._ssrc = rng.getrandbits(32)
        self._sequence = rng.getrandbits(16)
        self._timestamp = rng.getrandbits(32)
        self._octets = 0
        self._srtp: SrtpSession | None = None
        self._paced: PacedStream | None = None
        self._silenced_at: float | None = None
        self._marker = True

    @property
    def ssrc(self) -> int:
        """Our source."""
        return self._ssrc

    @property
    def lost(self) -> list[int]:
        """Numbers of the packets that the weather took."""
        return self._impairment.lost

    def begin(self, answer: AnsweredStream, audio: Audio, pacer: Pacer, delay_s: float) -> None:
        """Send `audio` where the answer says."""
        self.answer, self.audio = answer, audio
        self._srtp = None
        if answer.crypto is not None:
            self._srtp = SrtpSession(answer.crypto.suite, self._key, inbound=False)
        self.port.open(
            _ignore, remote=answer.remote, remote_rtcp=answer.remote_rtcp, rtcp_mux=answer.rtcp_mux
        )
        self.go_on(pacer, delay_s)

    def go_on(self, pacer: Pacer, delay_s: float = 0.0) -> None:
        """Send from now on; what passed in silence is in the timestamp."""
        if self.audio is None or (self._paced is not None and self._paced.running):
            return
        if self._silenced_at is not None:
            passed = time.monotonic() - self._silenced_at
            self._timestamp += round(passed * self.audio.clock_hz)
            self._silenced_at = None
        self._marker = True
        self._paced = pacer.start(self._send_next, delay_s)

    def fall_silent(self) -> None:
        """Send nothing until `go_on`."""
        if self._paced is not None and self._paced.running:
            self._paced.stop()
            self._silenced_at = time.monotonic()
            self._put(self._impairment.flush())

    def _send_next(self) -> float | None:
        audio = self.audio
        if audio is None or (payload := audio.payload(self.packets)) is None:
            self._put(self._impairment.flush())
            return None
        packet = RtpPacket(
            self.answer.codec.payload_type if self.answer and self.answer.codec else 0,
            self._sequence & 0xFFFF,
            self._timestamp & 0xFFFFFFFF,
            self._ssrc,
            payload,
            self._marker,
        )
        data = build(packet)
        if self._srtp is not None:
            data = self._srtp.protect(data)
        self._put(self._impairment.offer(self.packets, data))
        self.packets += 1
        self._octets += len(payload)
        self._sequence += 1
        self._timestamp += audio.step
        self._marker = False
        return self._weather.interval_s(audio.ptime_s)

    def _put(self, datagrams: Sequence[bytes]) -> None:
        for datagram in datagrams:
            self.port.send_rtp(datagram)

    def report(self, cname: str, *, goodbye: bool = False) -> None:
        """Send our sender report, and BYE at the end (RFC 3550 §6)."""
        if self.answer is None:
            return
        ntp = rtcp.ntp_of(time.time_ns())
        packets: list[rtcp.RtcpPacket] = [
            rtcp.SenderReport(self._ssrc, ntp, self._timestamp & 0xFFFFFFFF, self.packets, self._octets),
            rtcp.SourceDescription.cname(self._ssrc, cname),
        ]
        if goodbye:
            packets.append(rtcp.Goodbye((self._ssrc,)))
        data = rtcp.build_compound(packets)
        self.port.send_rtcp(self._srtp.protect_rtcp(data) if self._srtp is not None else data)


def _ignore(_data: bytes, _now: float) -> None:
    """A recording client is sent nothing worth hearing."""
