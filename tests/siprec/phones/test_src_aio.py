"""The recording client on real sockets: what it sends is what is heard, also in bad weather."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from siprec import metadata, multipart, sdp
from siprec.metadata import Dialect
from siprec.phones.audio import tone_of, tone_pcm
from siprec.phones.document import RecordedCall
from siprec.phones.forking import ForkChanged, SourcePlan
from siprec.phones.impairment import Weather
from siprec.phones.sending import Speech
from siprec.phones.src_aio import ForkFailedError, SimulatedSrc, SrcSettings
from siprec.rtp import codecs, rtcp
from siprec.rtp.aio import MediaPort, PortPool
from siprec.rtp.reorder import PlacedPacket
from siprec.rtp.srtp import SrtpSession
from siprec.rtp.stream import ReceivedStream
from siprec.sip import Endpoint, EndpointConfig
from siprec.sip.aio import RandomIds, SipEdge
from siprec.sip.events import Event, RequestReceived

from .conftest import CALL, CAROL

HOST = "127.0.0.1"


@dataclass
class Ear:
    """One m-line at the server."""

    port: MediaPort
    stream: ReceivedStream
    decoder: codecs.Decoder
    srtp: SrtpSession | None = None
    placed: list[PlacedPacket] = field(default_factory=list)
    reports: list[rtcp.RtcpPacket] = field(default_factory=list)

    def take(self, data: bytes, now: float) -> None:
        if self.srtp is not None:
            data = self.srtp.unprotect(data)
        self.placed += self.stream.receive_data(data, now)

    def take_rtcp(self, data: bytes, now: float) -> None:
        if self.srtp is not None:
            data = self.srtp.unprotect_rtcp(data)
        self.reports += rtcp.parse_compound(data)

    def pcm(self) -> tuple[bytes, int]:
        """What was heard, placed by timestamp."""
        self.placed += self.stream.flush()
        rate = self.decoder.sample_rate_hz
        scale = rate // self.decoder.clock_hz
        pieces = [(p.position * scale * 2, self.decoder.decode(p.payload)) for p in self.placed]
        out = bytearray(max(at + len(pcm) for at, pcm in pieces))
        for at, pcm in pieces:
            out[at : at + len(pcm)] = pcm
        return bytes(out), rate

    def tone(self) -> float:
        pcm, rate = self.pcm()
        samples = np.frombuffer(pcm, dtype="<i2").astype(float)
        return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


class Listener:
    """A recording server that keeps everything in memory."""

    def __init__(self, codec: str) -> None:
        self.codec = codec
        self.ears: dict[str, Ear] = {}
        self.pool = PortPool.open(HOST, pairs=4)
        self.documents: list[metadata.Metadata] = []
        self.uri = ""
        self.refuse = 0
        self._loop = asyncio.get_running_loop()
        config = EndpointConfig(
            accept=("multipart/mixed", sdp.CONTENT_TYPE, *metadata.CONTENT_TYPES),
            supported=("siprec", "timer"),
        )
        self.endpoint = Endpoint(config, RandomIds())
        self.edge = SipEdge(self.endpoint, self.on_event)

    async def open(self, transport: str) -> None:
        listening = await (
            self.edge.listen_udp(HOST, 0) if transport == "udp" else self.edge.listen_tcp(HOST, 0)
        )
        self.uri = f"sip:srs@{HOST}:{listening.port};transport={transport}"

    async def close(self) -> None:
        for ear in self.ears.values():
            ear.port.close()
        await self.edge.close()
        self.pool.close()

    def on_event(self, event: Event) -> None:
        if not isinstance(event, RequestReceived):
            return
        now, request = self._loop.time(), event.request
        if self.refuse:
            self.endpoint.respond(event.transaction, self.refuse, now=now)
            return
        offer = None
        content_type = request.headers.get("content-type")
        for part in multipart.split(content_type, request.body) if content_type else ():
            if part.content_type == sdp.CONTENT_TYPE:
                offer = sdp.parse(part.body)
            elif part.content_type in metadata.CONTENT_TYPES:
                self.documents.append(metadata.read(part.body))
        body = self.answer(offer).encode() if offer is not None else b""
        self.endpoint.respond(
            event.transaction, 200, body=body, content_type=sdp.CONTENT_TYPE if body else None, now=now
        )

    def answer(self, offer: sdp.SessionDescription) -> sdp.SessionDescription:
        streams = sdp.negotiate(offer, codecs=(self.codec,))
        ends = []
        for stream in streams:
            assert stream.codec is not None
            assert stream.label is not None
            if stream.label not in self.ears:
                port = MediaPort(self.pool.acquire(0.0), self._loop)
                decoder = codecs.decoder(stream.codec.name)
                key = SrtpSession(stream.crypto.suite, stream.crypto.key) if stream.crypto else None
                ear = Ear(port, ReceivedStream(stream.codec.clock_hz), decoder, key)
                port.open(ear.take, ear.take_rtcp)
                self.ears[stream.label] = ear
            ends.append(sdp.Local(HOST, self.ears[stream.label].port.port, key=os.urandom(30)))
        return sdp.answer(offer, streams, ends, session_id=1)


@pytest.fixture
async def src() -> AsyncIterator[SimulatedSrc]:
    async with await SimulatedSrc.open(SrcSettings(pairs=4, seed=1)) as src:
        yield src


@pytest.fixture
async def listener(request: pytest.FixtureRequest) -> AsyncIterator[Listener]:
    codec, transport = getattr(request, "param", ("PCMU", "udp"))
    listener = Listener(codec)
    await listener.open(transport)
    yield listener
    await listener.close()


async def until(condition: object, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - packets come by themselves
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "listener", [("PCMU", "udp"), ("PCMA", "tcp"), ("G722", "udp"), ("opus", "udp")], indirect=True
)
@pytest.mark.parametrize("dialect", Dialect)
async def test_each_party_has_its_own_tone_on_its_own_stream(src, listener, dialect):
    plan = SourcePlan((listener.uri,), dialect, codecs=(listener.codec,))
    fork = src.fork(plan, CALL, speech=Speech(seed=3))
    await fork.started()
    await until(lambda: all(s.packets >= 40 for s in fork.streams))
    await fork.stop()
    for party, stream in enumerate(fork.streams):
        ear, count = listener.ears[stream.label], stream.packets
        await until(lambda ear=ear, count=count: ear.stream.statistics.packets == count)
        assert ear.tone() == pytest.approx(tone_of(3, party), abs=3)
        assert ear.stream.buffer.lost == 0
    assert listener.documents[0].dialect is dialect
    assert src.forks == set()


async def test_srtp_is_protected_and_heard(src, listener):
    fork = src.fork(SourcePlan((listener.uri,), srtp=True), CALL, speech=Speech(seed=3))
    await fork.started()
    await until(lambda: all(s.packets >= 30 for s in fork.streams))
    await fork.stop()
    assert listener.ears["2"].srtp is not None
    assert listener.ears["2"].tone() == pytest.approx(tone_of(3, 1), abs=4)


async def test_bad_weather_is_where_it_was_said_to_be(src, listener):
    fork = src.fork(
        SourcePlan((listener.uri,)), CALL, weather=Weather(loss=0.1, reorder=0.1, duplicate=0.05, skew_ppm=40)
    )
    await fork.started()
    await until(lambda: all(s.packets >= 60 for s in fork.streams))
    await fork.stop()
    for stream in fork.streams:
        ear = listener.ears[stream.label]
        ear.pcm()
        heard = {p.position // 160 for p in ear.placed}
        assert heard == set(range(max(heard) + 1)) - set(stream.lost)
        assert stream.lost


async def test_pause_is_silence_and_resume_goes_on_by_the_clock(src, listener):
    fork = src.fork(SourcePlan((listener.uri,)), CALL)
    await fork.started()
    await until(lambda: all(s.packets >= 15 for s in fork.streams))
    fork.pause(src.announcement("pause"))
    changed = await fork.changed("pause")
    assert isinstance(changed, ForkChanged)
    assert changed.paused
    await fork.changed("announcement")
    before = [s.packets for s in fork.streams]
    await asyncio.sleep(0.3)
    assert [s.packets for s in fork.streams] == before
    fork.resume()
    await fork.changed("resume")
    await until(lambda: all(s.packets >= n + 10 for s, n in zip(fork.streams, before, strict=True)))
    await fork.stop()
    ear = listener.ears["1"]
    ear.pcm()
    steps = [b.position - a.position for a, b in zip(ear.placed, ear.placed[1:], strict=False)]
    assert max(steps) > 0.3 * 8_000
    assert ear.stream.buffer.lost == 0
    assert [a.event for d in listener.documents for a in d.announcements] == ["pause"]


async def test_hold_is_silence_in_the_audio_and_a_transfer_is_told(src, listener):
    fork = src.fork(SourcePlan((listener.uri,)), CALL)
    await fork.started()
    fork.hold(True)
    await fork.changed("hold")
    held_from = fork.streams[0].packets
    await until(lambda: fork.streams[0].packets >= held_from + 10)
    fork.hold(False)
    await fork.changed("unhold")
    fork.transfer(CAROL)
    await fork.changed("transfer")
    fork.announce(src.announcement("start"))
    await fork.changed("announcement")
    await fork.stop()
    ear = listener.ears["1"]
    pcm, _ = ear.pcm()
    during = np.frombuffer(pcm, dtype="<i2")[(held_from + 3) * 160 : (held_from + 8) * 160]
    assert np.abs(during).max() <= 8
    assert [p.aor for p in listener.documents[-2].participants] == [CAROL.aor]


async def test_failover_on_real_sockets(src, listener):
    full = Listener("PCMU")
    await full.open("udp")
    full.refuse = 503
    fork = src.fork(SourcePlan((full.uri, listener.uri)), CALL)
    assert (await fork.started()).server == listener.uri
    await fork.stop()
    await full.close()


async def test_no_server_is_an_error(src, listener):
    listener.refuse = 403
    fork = src.fork(SourcePlan((listener.uri,)), CALL)
    with pytest.raises(ForkFailedError, match="403"):
        await fork.started()
    assert src.forks == set()


async def test_a_file_is_sent_and_ends(src, listener, tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.frombuffer(tone_pcm(910, 8_000, 0.4), dtype="<i2"), 8_000)
    call = RecordedCall(CALL.user, CALL.other, mixed=True)
    fork = src.fork(SourcePlan((listener.uri,)), call, speech=Speech(files=(tmp_path / "a.wav",)))
    await fork.started()
    await until(lambda: fork.streams[0].packets == 20)
    await asyncio.sleep(0.1)
    await fork.stop()
    assert fork.streams[0].packets == 20
    assert listener.ears["1"].tone() == pytest.approx(910, abs=4)


async def test_reports_tell_the_count_and_goodbye(src, listener):
    fork = src.fork(SourcePlan((listener.uri,)), CALL)
    await fork.started()
    await until(lambda: all(s.packets >= 5 for s in fork.streams))
    await fork.stop()
    ear = listener.ears["1"]
    await until(lambda: any(isinstance(r, rtcp.Goodbye) for r in ear.reports))
    reports = [r for r in ear.reports if isinstance(r, rtcp.SenderReport)]
    assert reports[-1].ssrc == fork.streams[0].ssrc
    assert reports[-1].packet_count == fork.streams[0].packets


async def test_the_same_seed_makes_the_same_call(listener):
    made = []
    for _ in range(2):
        async with await SimulatedSrc.open(SrcSettings(pairs=2, seed=9)) as src:
            fork = src.fork(SourcePlan((listener.uri,)), CALL)
            await fork.started()
            await fork.stop()
            made.append((fork.streams[0].ssrc, listener.documents[-1].participants))
    assert made[0] == made[1]
