"""A leg's RTP, packet by packet, and live audio on its way to a recorder."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from siprec.phones.hearing import level
from siprec.phones.voice import FRAME, MAX_WAITING, LiveAudio, LiveVoices, Voice, decode, encode
from siprec.rtp import codecs
from siprec.rtp.aio import PortPair, bind_pair
from siprec.rtp.packet import RtpPacket, build, parse
from siprec.sdp import WELL_KNOWN_CODECS

PCMU = WELL_KNOWN_CODECS["PCMU"]


def tone(hz: int, frames: int) -> np.ndarray:
    moments = np.arange(frames * FRAME) / 8_000
    return (8_000 * np.sin(2 * np.pi * hz * moments)).astype(np.int16)


@pytest.fixture
def pairs() -> Iterator[tuple[PortPair, PortPair]]:
    made = bind_pair("127.0.0.1", 0), bind_pair("127.0.0.1", 0)
    assert made[0] is not None
    assert made[1] is not None
    yield made[0], made[1]
    for pair in made:
        pair.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
async def test_a_tone_arrives_in_every_codec(pairs: tuple[PortPair, PortPair], codec: str) -> None:
    loop, heard, done = asyncio.get_running_loop(), [], asyncio.Event()

    def hear(samples: np.ndarray) -> None:
        heard.append(samples)
        if len(heard) == 50:
            done.set()

    one = Voice(pairs[0], loop, ssrc=1, on_samples=None)
    two = Voice(pairs[1], loop, ssrc=2, on_samples=hear)
    one.aim(WELL_KNOWN_CODECS[codec], ("127.0.0.1", pairs[1].port))
    two.aim(WELL_KNOWN_CODECS[codec], ("127.0.0.1", pairs[0].port))
    samples = tone(440, 50)
    for at in range(0, len(samples), FRAME):
        one.send(samples[at : at + FRAME])
    async with asyncio.timeout(5):
        await done.wait()
    assert level(np.concatenate(heard)[FRAME * 5 :], 440) == pytest.approx(8_000, rel=0.1)
    assert (one.sent, two.received, two.lost, two.dropped) == (50, 50, 0, 0)
    one.close()
    two.close()


async def test_late_foreign_and_malformed_packets_are_dropped_and_loss_is_counted(
    pairs: tuple[PortPair, PortPair],
) -> None:
    heard: list[np.ndarray] = []
    voice = Voice(pairs[0], asyncio.get_running_loop(), ssrc=1, on_samples=heard.append)
    voice.aim(PCMU, None)
    payload = bytes(FRAME)
    for sequence in (65_534, 65_535, 0, 4, 2):  # wraps; 1 to 3 lost; 2 comes too late
        voice._received(build(RtpPacket(0, sequence, 0, 7, payload)), 0.0)
    voice._received(build(RtpPacket(8, 5, 0, 7, payload)), 0.0)
    voice._received(b"short", 0.0)
    assert (voice.received, voice.lost, voice.dropped) == (4, 3, 3)
    voice._received(build(RtpPacket(0, 9_000, 0, 8, payload)), 0.0)  # another source begins anew
    assert (voice.received, voice.lost, len(heard)) == (5, 3, 5)
    voice.close()


async def test_nothing_is_sent_before_offer_and_answer(pairs: tuple[PortPair, PortPair]) -> None:
    voice = Voice(pairs[0], asyncio.get_running_loop(), ssrc=1, on_samples=None)
    voice.send(np.zeros(FRAME, dtype=np.int16))
    assert voice.sent == 0
    assert voice.stateless_codec is None


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
def test_samples_survive_a_codec(codec: str) -> None:
    encoder, decoder, samples = codecs.encoder(codec), codecs.decoder(codec), tone(590, 20)
    back = [
        decode(decoder, encode(encoder, samples[at : at + FRAME])) for at in range(0, len(samples), FRAME)
    ]
    assert {len(frame) for frame in back} == {FRAME}
    assert level(np.concatenate(back)[FRAME * 5 :], 590) == pytest.approx(8_000, rel=0.1)


def test_live_audio_is_silent_when_starved_and_drops_the_oldest_when_fed_too_much() -> None:
    live = LiveAudio("PCMU")
    assert (live.step, live.clock_hz, live.ptime_s) == (160, 8_000, 0.02)
    decoder = codecs.decoder("PCMU")
    assert not decode(decoder, live.payload(0)).any()
    assert live.starved == 1
    for value in range(MAX_WAITING + 5):
        live.feed(np.full(FRAME, 1_000 * (value + 1), dtype=np.int16))
    assert decode(decoder, live.payload(1))[0] == pytest.approx(6_000, rel=0.05)
    live.clear()
    assert not decode(decoder, live.payload(2)).any()


def test_live_voices_feed_the_streams_that_were_asked_for() -> None:
    voices = LiveVoices()
    first = voices.encoded("PCMU", 0, 20)
    voices.feed(np.full(FRAME, 500, dtype=np.int16), np.full(FRAME, 900, dtype=np.int16))
    assert first.payload(0) != first.payload(1)
    assert voices.encoded("PCMU", 0, 20) is first
    assert voices.encoded("G722", 0, 20) is not first
    assert voices.starved == 0
    assert first.starved == 1


async def test_packets_of_a_leg_follow_one_another_over_the_wrap(pairs: tuple[PortPair, PortPair]) -> None:
    loop = asyncio.get_running_loop()
    voice = Voice(pairs[0], loop, ssrc=0xFFFF_FFFF, on_samples=None)
    voice.aim(PCMU, ("127.0.0.1", pairs[1].port))
    for _ in range(3):
        voice.send_payload(bytes(FRAME))
    packets = [parse(await loop.sock_recv(pairs[1].rtp, 2_048)) for _ in range(3)]
    assert [packet.sequence for packet in packets] == [65_535, 0, 1]
    assert [packet.timestamp for packet in packets] == [0xFFFF_FFFF, FRAME - 1, 2 * FRAME - 1]
    assert [packet.marker for packet in packets] == [True, False, False]
    voice.close()
