"""The whole recorder over real sockets, driven by the simulated SRC: both dialects, every change, every
limit.
"""

import asyncio
import base64
import errno
import itertools
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from gateway.runtime.ids import encode_id
from siprec import sdp
from siprec.metadata import Dialect
from siprec.phones.audio import tone_of
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import SourcePlan
from siprec.phones.impairment import Weather
from siprec.phones.sending import Speech
from siprec.phones.src_aio import ForkFailedError, SimulatedSrc, SrcSettings
from siprec.rtp.packet import RtpPacket, build
from siprec.rtp.srtp import SrtpSession
from siprec.sip import Endpoint, EndpointConfig
from siprec.sip.aio import RandomIds, SipEdge
from siprec.sip.events import DialogEnded, ResponseReceived
from siprec.srs.events import RecordingFinished, RecordingPaused, RecordingResumed, RecordingStarted
from siprec.srs.session import RecordingSession
from siprec.srs.settings import RecorderSettings

CALL = RecordedCall(
    Party("sip:alice@acme.example", "Alice"),
    Party("tel:+13105550120", "Customer"),
    tenant=("acme", "sales", "alice@acme.example"),
)
DIALECTS = [Dialect.RFC7866, Dialect.BROADWORKS]


@pytest.fixture
async def src() -> AsyncIterator[SimulatedSrc]:
    async with await SimulatedSrc.open(SrcSettings(seed=3)) as client:
        yield client


def plan(srs: Any, dialect: Dialect = Dialect.RFC7866, transport: str = "udp", **changes: Any) -> SourcePlan:
    return SourcePlan((srs.uri(transport),), dialect, **changes)


def level(samples: np.ndarray, rate: int, tone_hz: int) -> float:
    moments = np.arange(len(samples)) / rate
    return float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * tone_hz * moments))))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.value)
async def test_a_call_is_recorded_sealed_and_filed(
    srs: Any, src: SimulatedSrc, dialect: Dialect, transport: str, tmp_path: Path
) -> None:
    fork = src.fork(plan(srs, dialect, transport), CALL, speech=Speech(seed=7))
    await fork.started()
    await asyncio.sleep(1.3)
    await fork.stop()
    row = await srs.sealed()
    document = row.document
    assert (row.state, row.dialect, row.outcome) == ("sealed", dialect.value, "bye received")
    assert document["warnings"] == []
    if dialect is Dialect.RFC7866:
        assert {party["names"][0] for party in document["parties"]} == {"Alice", "Customer"}
    assert len({party["aor"] for party in document["parties"]}) == 2
    assert [audio["name"] for audio in document["audio"]] == ["party-1.wav", "party-2.wav", "stereo.wav"]
    assert 1000 <= row.duration_ms <= 2500
    if dialect is Dialect.BROADWORKS:
        assert tuple(row.tenant) == ("acme", "sales", "alice@acme.example")
    for index, channel in enumerate(("party-1.wav", "party-2.wav")):
        samples, rate = soundfile.read(srs.audio(row, channel), dtype="int16")
        assert level(samples, rate, tone_of(7, index)) > 20 * level(samples, rate, tone_of(7, 1 - index))
    stereo, rate = soundfile.read(srs.audio(row, "stereo.wav"), dtype="int16")
    assert level(stereo[:, 0], rate, tone_of(7, 0)) > 20 * level(stereo[:, 0], rate, tone_of(7, 1))
    history = json.loads(srs.audio(row, "metadata.json").read_text())
    assert len(history) == document["metadataRevisions"] >= 1
    assert json.loads(srs.audio(row, "recording.json").read_text())["id"] == encode_id(row.id)
    assert not (tmp_path / "spool" / encode_id(row.id)).exists()
    assert srs.server.sessions == 0


async def test_checksums_are_those_of_the_files(srs: Any, src: SimulatedSrc) -> None:
    import hashlib

    fork = src.fork(plan(srs), CALL)
    await fork.started()
    await asyncio.sleep(0.5)
    await fork.stop()
    row = await srs.sealed()
    for audio in row.document["audio"]:
        data = srs.audio(row, audio["name"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (audio["sha256"], audio["bytes"])
    assert row.size_bytes == sum(audio["bytes"] for audio in row.document["audio"])


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.value)
async def test_pause_and_resume(srs: Any, src: SimulatedSrc, dialect: Dialect) -> None:
    fork = src.fork(plan(srs, dialect), CALL)
    await fork.started()
    await asyncio.sleep(0.6)
    fork.pause()
    await srs.until(RecordingPaused)
    await asyncio.sleep(1.0)
    fork.resume()
    await srs.until(RecordingResumed)
    await asyncio.sleep(0.6)
    await fork.stop()
    row = await srs.sealed()
    assert len(row.document["pauses"]) == 1
    assert 900 <= row.document["pauses"][0]["lengthMs"] <= 1700
    assert 900 <= row.duration_ms <= 1900
    assert all(stream["lost"] == 0 for stream in row.document["streams"])


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.value)
async def test_a_transfer_stays_one_recording(srs: Any, src: SimulatedSrc, dialect: Dialect) -> None:
    """A broadworks transfer brings all-new ids: the dialog keeps the recording."""
    fork = src.fork(plan(srs, dialect), CALL)
    await fork.started()
    await asyncio.sleep(0.3)
    fork.transfer(Party("tel:+14155550120", "Second"))
    await fork.changed("transfer")
    await asyncio.sleep(0.3)
    await fork.stop()
    row = await srs.sealed()
    assert len(await srs.rows()) == 1
    assert any("+14155550120" in party["aor"] for party in row.document["parties"])
    assert row.document["metadataRevisions"] == 2


async def test_announcements_are_marked(srs: Any, src: SimulatedSrc) -> None:
    fork = src.fork(plan(srs, Dialect.BROADWORKS), CALL)
    await fork.started()
    await asyncio.sleep(0.3)
    fork.announce(src.announcement("start"))
    await fork.changed("announcement")
    await asyncio.sleep(0.3)
    await fork.stop()
    row = await srs.sealed()
    (mark,) = row.document["announcements"]
    assert mark["event"] == "start"
    assert 0 <= mark["atMs"] <= row.duration_ms + 100
    assert srs.metric("siprec_announcements_total", kind="announcement") == 1


async def test_srtp_over_tls(make_srs: Any, tmp_path: Path) -> None:
    from siprec.sip.tls import client_context

    srs = await make_srs(sip={"tls": {"port": 0}})
    trusted = client_context(tmp_path / "sip-certificate.pem")
    async with await SimulatedSrc.open(SrcSettings(client_tls=trusted)) as src:
        fork = src.fork(plan(srs, transport="tls", srtp=True), CALL, speech=Speech(seed=7))
        await fork.started()
        await asyncio.sleep(0.8)
        await fork.stop()
        row = await srs.sealed()
    samples, rate = soundfile.read(srs.audio(row, "party-1.wav"), dtype="int16")
    assert level(samples, rate, tone_of(7, 0)) > 1000
    assert all(stream["malformed"] == 0 for stream in row.document["streams"])


async def test_loss_is_counted_where_the_weather_took_packets(srs: Any, src: SimulatedSrc) -> None:
    weather = Weather(loss=0.1, reorder=0.05, duplicate=0.02)
    fork = src.fork(plan(srs), CALL, weather=weather)
    await fork.started()
    await asyncio.sleep(2.0)
    await fork.stop()
    row = await srs.sealed()
    for stream, sent in zip(row.document["streams"], fork.streams, strict=True):
        lost_inside = [number for number in sent.lost if number < sent.packets - 12]
        assert len(lost_inside) <= stream["lost"] + 3
        assert sum(gap["packets"] for gap in stream["gaps"]) == stream["lost"]


@pytest.mark.parametrize("audio_format", ["flac", "opus"])
async def test_other_formats_after_sealing(make_srs: Any, src: SimulatedSrc, audio_format: str) -> None:
    srs = await make_srs(profile={"audio_format": audio_format})
    fork = src.fork(plan(srs), CALL)
    await fork.started()
    await asyncio.sleep(0.6)
    await fork.stop()
    row = await srs.sealed()
    assert {audio["name"] for audio in row.document["audio"]} == {
        f"{stem}.{audio_format}" for stem in ("party-1", "party-2", "stereo")
    }
    info = soundfile.info(srs.audio(row, f"stereo.{audio_format}"))
    assert info.channels == 2
    assert abs(info.duration * 1000 - row.duration_ms) < 30


async def test_media_timeout_ends_the_call(make_srs: Any, src: SimulatedSrc) -> None:
    srs = await make_srs(profile={"media_timeout_seconds": 1.0})
    fork = src.fork(plan(srs), CALL)
    await fork.started()
    for stream in fork.streams:
        stream.fall_silent()
    row = await srs.sealed()
    assert row.outcome == "media timeout"
    assert [warning["code"] for warning in row.document["warnings"]] == ["media_timeout"]
    await fork.ended()


# ---------------------------------------------------------------------- refusals and limits


class Phone:
    """A bare user agent for what the SRC never does."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.endpoint = Endpoint(EndpointConfig(), RandomIds())
        self.edge = SipEdge(self.endpoint, self.heard)
        self.changed = asyncio.Event()

    def heard(self, event: Any) -> None:
        self.events.append(event)
        self.changed.set()

    async def until(self, kind: type) -> None:
        async with asyncio.timeout(5):
            while not any(isinstance(event, kind) for event in self.events):
                self.changed.clear()
                await self.changed.wait()

    async def ask(self, method: str, uri: str, **kwargs: Any) -> Any:
        transaction = self.endpoint.request(method, uri, now=self.edge.now(), **kwargs)
        return await self.edge.final_response(transaction)


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    made = Phone()
    await made.edge.listen_udp("127.0.0.1", 0)
    yield made
    await made.edge.close()


SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
AUDIO = b"m=audio 40000 RTP/AVP 0\r\na=sendonly\r\na=label:1\r\n"


async def test_options_says_what_the_server_is(srs: Any, phone: Phone) -> None:
    response = await phone.ask("OPTIONS", srs.uri())
    assert response.status == 200
    assert "siprec" in response.headers.tokens("supported")
    assert "application/rs-metadata+xml" in response.headers.values("accept")


@pytest.mark.parametrize(("policy", "status"), [("refuse", 403), ("require", 421), ("record", 200)])
async def test_plain_invites_follow_the_profile(
    make_srs: Any, phone: Phone, policy: str, status: int
) -> None:
    srs = await make_srs(profile={"plain_invite": policy})
    response = await phone.ask("INVITE", srs.uri(), body=SDP + AUDIO, content_type="application/sdp")
    assert response.status == status
    if status == 421:
        assert response.headers.values("require") == ["siprec"]
    if status == 200:
        assert srs.server.sessions == 1


SIPREC = [("require", "siprec")]


@pytest.mark.parametrize(
    ("headers", "body", "content_type", "status"),
    [
        ([("require", "siprec, unheard-of")], SDP + AUDIO, "application/sdp", 420),
        (SIPREC, b"{}", "application/json", 415),
        (SIPREC, b"v=0\r\nnonsense", "application/sdp", 400),
        (SIPREC, b"no boundary here", "multipart/mixed;boundary=x", 400),
        (SIPREC, SDP + b"m=audio 40000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n", "application/sdp", 488),
        (SIPREC, SDP + b"m=video 40000 RTP/AVP 31\r\n", "application/sdp", 488),
    ],
)
async def test_what_cannot_be_recorded_is_refused(
    srs: Any, phone: Phone, headers: list[tuple[str, str]], body: bytes, content_type: str, status: int
) -> None:
    response = await phone.ask("INVITE", srs.uri(), headers=headers, body=body, content_type=content_type)
    assert response.status == status
    assert srs.server.sessions == 0
    if status == 488:
        assert "304" in response.headers.get("warning")
    if status == 415:
        assert "application/sdp" in response.headers.values("accept")


async def test_every_m_line_is_answered_in_order(srs: Any, phone: Phone) -> None:
    from siprec import sdp

    body = SDP + AUDIO + b"m=video 40002 RTP/AVP 31\r\na=label:v\r\n" + AUDIO.replace(b"label:1", b"label:2")
    response = await phone.ask("INVITE", srs.uri(), headers=SIPREC, body=body, content_type="application/sdp")
    answer = sdp.parse(response.body)
    assert [(m.kind, m.port > 0, m.label) for m in answer.media] == [
        ("audio", True, "1"),
        ("video", False, "v"),
        ("audio", True, "2"),
    ]
    assert answer.direction_of(0).value == "recvonly"
    assert "+sip.srs" in response.headers.get("contact")


async def test_a_full_server_says_503_and_when_to_come_back(
    make_srs: Any, src: SimulatedSrc, phone: Phone
) -> None:
    srs = await make_srs(max_sessions=1, retry_after_seconds=9)
    fork = src.fork(plan(srs), CALL)
    await fork.started()
    response = await phone.ask(
        "INVITE", srs.uri(), headers=SIPREC, body=SDP + AUDIO, content_type="application/sdp"
    )
    assert (response.status, response.headers.get("retry-after")) == (503, "9")
    await fork.stop()
    await srs.sealed()
    again = src.fork(plan(srs), CALL)
    await again.started()
    await again.stop()


async def test_no_free_port_is_503_and_costs_nothing(make_srs: Any, phone: Phone) -> None:
    srs = await make_srs(media={"port_pairs": 1, "quarantine_seconds": 60.0})
    two = SDP + AUDIO + AUDIO
    response = await phone.ask("INVITE", srs.uri(), headers=SIPREC, body=two, content_type="application/sdp")
    assert response.status == 503
    assert srs.server.sessions == 0
    one = await phone.ask(  # the port that was not enough is not worn by having been looked at
        "INVITE", srs.uri(), headers=SIPREC, body=SDP + AUDIO, content_type="application/sdp"
    )
    assert one.status == 200


async def test_no_room_on_disk_is_503(make_srs: Any, phone: Phone) -> None:
    srs = await make_srs(storage={"min_free_bytes": shutil.disk_usage("/").total * 10})
    response = await phone.ask(
        "INVITE", srs.uri(), headers=SIPREC, body=SDP + AUDIO, content_type="application/sdp"
    )
    assert response.status == 503
    assert "no room" in response.reason


async def test_digest(make_srs: Any) -> None:
    from siprec.sip import Credentials

    srs = await make_srs(sip={"digest": {"users": {"sbc": "secret"}}})
    async with await SimulatedSrc.open(SrcSettings()) as src:
        fork = src.fork(plan(srs, credentials=Credentials("sbc", "secret")), CALL)
        await fork.started()
        await fork.stop()
        bad = src.fork(plan(srs, credentials=Credentials("sbc", "wrong")), CALL)
        with pytest.raises(ForkFailedError) as caught:
            await bad.started()
        assert caught.value.status == 401


async def test_a_persistent_session_records_when_streams_come(srs: Any, phone: Phone) -> None:
    """INVITE without a call, streams later, gone again, back again: one dialog, two recordings."""
    headers = SIPREC
    transaction = phone.endpoint.request(
        "INVITE", srs.uri(), headers=headers, body=SDP, content_type="application/sdp", now=phone.edge.now()
    )
    await phone.edge.final_response(transaction)
    (dialog,) = phone.endpoint.dialogs
    assert srs.server.sessions == 1
    assert srs.events == []

    async def offer(body: bytes) -> Any:
        sent = phone.endpoint.send(
            dialog, "INVITE", body=body, content_type="application/sdp", now=phone.edge.now()
        )
        return await phone.edge.final_response(sent)

    await offer(SDP + AUDIO)
    await srs.until(RecordingStarted, 1)
    await offer(SDP + AUDIO.replace(b"40000", b"0"))
    await srs.until(RecordingFinished, 1)
    await offer(SDP + AUDIO)
    await srs.until(RecordingStarted, 2)
    phone.endpoint.bye(dialog, now=phone.edge.now())
    phone.edge.flush()
    await srs.until(RecordingFinished, 2)
    rows = await srs.rows()
    assert [row.outcome for row in rows] == ["bye received", "streams removed"]


async def test_a_stream_becomes_secure_and_plain_again(srs: Any, phone: Phone) -> None:
    """What is protected is kept only as long as it is negotiated, and nothing that is not."""
    key = bytes(range(30))
    inline = base64.b64encode(key).decode()
    secure = AUDIO.replace(b"RTP/AVP", b"RTP/SAVP") + (
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{inline}\r\n".encode()
    )
    transaction = phone.endpoint.request(
        "INVITE",
        srs.uri(),
        headers=SIPREC,
        body=SDP + AUDIO,
        content_type="application/sdp",
        now=phone.edge.now(),
    )
    first = await phone.edge.final_response(transaction)
    port = sdp.parse(first.body).media[0].port
    (dialog,) = phone.endpoint.dialogs
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sequence = itertools.count()
    session = SrtpSession("AES_CM_128_HMAC_SHA1_80", key, inbound=False)

    async def speak(protect: Callable[[bytes], bytes]) -> None:
        for number in itertools.islice(sequence, 40):
            packet = build(RtpPacket(0, number, 160 * number, 7, bytes(160)))
            sender.sendto(protect(packet), ("127.0.0.1", port))
        (call,) = srs.server._calls.values()
        async with asyncio.timeout(5):
            while call._ports[0].packets <= number:  # noqa: ASYNC110 - what the network still holds
                await asyncio.sleep(0.01)

    async def offer(media: bytes) -> None:
        sent = phone.endpoint.send(
            dialog, "INVITE", body=SDP + media, content_type="application/sdp", now=phone.edge.now()
        )
        answer = await phone.edge.final_response(sent)
        assert answer.status == 200
        assert sdp.parse(answer.body).media[0].port == port

    await speak(bytes)
    await offer(secure)
    await speak(session.protect)
    await offer(AUDIO)
    await speak(bytes)
    phone.endpoint.bye(dialog, now=phone.edge.now())
    phone.edge.flush()
    row = await srs.sealed()
    sender.close()
    (stream,) = row.document["streams"]
    assert (stream["packets"], stream["malformed"], stream["lost"]) == (120, 0, 0)


async def test_a_fault_of_ours_is_500_and_blocks_nothing(
    srs: Any, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An INVITE that nobody answers would keep every later offer of its dialog out."""
    transaction = phone.endpoint.request(
        "INVITE",
        srs.uri(),
        headers=SIPREC,
        body=SDP + AUDIO,
        content_type="application/sdp",
        now=phone.edge.now(),
    )
    await phone.edge.final_response(transaction)
    (dialog,) = phone.endpoint.dialogs
    heard: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: heard.append(context["exception"])
    )

    async def offer() -> int:
        sent = phone.endpoint.send(
            dialog, "INVITE", body=SDP + AUDIO, content_type="application/sdp", now=phone.edge.now()
        )
        return int((await phone.edge.final_response(sent)).status)

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(RecordingSession, "reoffered", broken)
        assert await offer() == 500
    assert [type(error) for error in heard] == [ZeroDivisionError]
    assert await offer() == 200


async def test_a_disk_that_fails_ends_its_calls_and_keeps_what_arrived(
    srs: Any, src: SimulatedSrc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorder that goes on without writing would promise what it cannot keep."""
    monkeypatch.setattr("siprec.srs.server.TICK_S", 0.2)
    fork = src.fork(plan(srs), CALL, speech=Speech(seed=7))
    await fork.started()
    await asyncio.sleep(1.0)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        await srs.until(RecordingFinished)
    row = await srs.sealed()
    assert (row.state, row.outcome) == ("sealed", "disk failed")
    assert srs.metric("siprec_sessions_total", provider="unfiled", outcome="disk failed") == 1
    samples, rate = soundfile.read(srs.audio(row, "party-1.wav"))
    assert 0.2 < len(samples) / rate < 1.5


async def test_a_caller_whose_address_is_no_sip_uri_is_recorded(srs: Any, src: SimulatedSrc) -> None:
    for aor in ("tel:+13105550120", "alice@acme.example", "", "sip:alice@acme.example:99999"):
        fork = src.fork(plan(srs), replace(CALL, user=Party(aor, "Alice")))
        await fork.started()
        await fork.stop()
    assert len(await srs.rows()) == 4


async def test_an_invite_without_sdp_gets_an_empty_offer(srs: Any, phone: Phone) -> None:
    response = await phone.ask("INVITE", srs.uri(), headers=SIPREC)
    assert response.status == 200
    assert b"m=" not in response.body
    assert response.body.startswith(b"v=0")


async def test_info_is_answered_whatever_it_holds(srs: Any, phone: Phone) -> None:
    await phone.ask("INVITE", srs.uri(), headers=SIPREC, body=SDP + AUDIO, content_type="application/sdp")
    (dialog,) = phone.endpoint.dialogs
    for body, kind in (
        (b"", None),
        (b"Signal=1", "application/dtmf-relay"),
        (b"<x", "application/rs-metadata+xml"),
    ):
        sent = phone.endpoint.send(dialog, "INFO", body=body, content_type=kind, now=phone.edge.now())
        assert (await phone.edge.final_response(sent)).status == 200


async def test_draining_refuses_new_sessions_and_lets_running_ones_end(
    make_srs: Any, src: SimulatedSrc
) -> None:
    srs = await make_srs()
    fork = src.fork(plan(srs), CALL)
    await fork.started()
    await asyncio.sleep(0.3)
    draining = asyncio.create_task(srs.server.drain(5.0))
    await asyncio.sleep(0)
    refused = src.fork(plan(srs, invite_timeout_s=0.5), CALL)
    with pytest.raises(ForkFailedError) as caught:
        await refused.started()
    assert caught.value.status == 503
    await fork.stop()
    await draining
    assert (await srs.sealed()).outcome == "bye received"


async def test_stopping_ends_and_seals_what_runs(make_srs: Any, src: SimulatedSrc, phone: Phone) -> None:
    srs = await make_srs()
    await phone.ask("INVITE", srs.uri(), headers=SIPREC, body=SDP + AUDIO, content_type="application/sdp")
    await srs.server.drain(0.0)
    row = await srs.sealed()
    assert row.outcome == "server is stopping"
    await phone.until(DialogEnded)
    assert any(isinstance(event, ResponseReceived) for event in phone.events)


async def test_after_a_crash_what_arrived_is_sealed(make_srs: Any, tmp_path: Path) -> None:
    first = await make_srs()
    async with await SimulatedSrc.open(SrcSettings()) as src:
        fork = src.fork(plan(first), CALL, speech=Speech(seed=7))
        started = await first.until(RecordingStarted)
        await fork.started()
        await asyncio.sleep(2.3)
        # What a crash leaves: a row that says recording, a spool whose last header is a second old.
        await first.database.flush()
        shutil.copytree(tmp_path / "spool", tmp_path / "after" / "spool")
        shutil.copy(tmp_path / "recordings.db", tmp_path / "after" / "recordings.db")
        for suffix in ("-wal", "-shm"):
            shutil.copy(f"{tmp_path}/recordings.db{suffix}", f"{tmp_path}/after/recordings.db{suffix}")
        await fork.stop()
    second = await make_srs(tmp_path / "after")
    row = await second.store.get(started.recording_id)
    assert (row.state, row.outcome) == ("sealed", "interrupted")
    assert row.duration_ms >= 900
    samples, rate = soundfile.read(second.audio(row, "party-1.wav"), dtype="int16")
    assert level(samples, rate, tone_of(7, 0)) > 1000
    assert not any((tmp_path / "after" / "spool").iterdir())


async def test_metrics(srs: Any, src: SimulatedSrc) -> None:
    fork = src.fork(plan(srs), CALL)
    await fork.started()
    assert srs.metric("siprec_sessions_active", provider="unfiled") == 1
    assert [live.streams for live in srs.server.live] == [2]
    await asyncio.sleep(0.5)
    await fork.stop()
    await srs.sealed()
    assert srs.metric("siprec_sessions_active", provider="unfiled") == 0
    assert srs.metric("siprec_sessions_total", provider="unfiled", outcome="bye received") == 1
    assert srs.metric("siprec_sip_responses_total", method="INVITE", status="200") == 1
    assert srs.metric("siprec_sip_responses_total", method="BYE", status="200") == 1
    assert srs.metric("siprec_rtp_packets_total", outcome="received") >= 30
    assert srs.metric("siprec_recording_seconds_total", provider="unfiled") > 0.3
    assert srs.metric("siprec_recordings_stored_bytes", provider="unfiled") > 0
    assert srs.metric("siprec_disk_free_bytes") > 0


async def test_limits_of_the_system_are_said_at_start(make_srs: Any) -> None:
    srs = await make_srs(max_sessions=1_000_000)
    assert any("ulimit" in problem for problem in srs.server.problems)
    assert any("port pairs" in problem for problem in srs.server.problems)


def test_settings_know_their_defaults() -> None:
    assert RecorderSettings().profile.pause_mode == "cut"
    with pytest.raises(ValueError, match="extra"):
        RecorderSettings.model_validate({"unknown": 1})
