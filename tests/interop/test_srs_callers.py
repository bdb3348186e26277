"""Other people's user agents call the recorder: aiosipua and baresip get correct answers and are recorded."""

import asyncio
from pathlib import Path

import aiosipua
import numpy as np
import pytest
import soundfile

from siprec.srs.events import RecordingPaused, RecordingResumed, RecordingStarted
from siprec.testing import RunningRecorder, running_recorder

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\na=label:1\r\n"
)


def address(srs: RunningRecorder) -> tuple[str, int]:
    listening = srs.server.listening[0]
    return listening.host, listening.port


class Caller:
    """aiosipua as user agent client."""

    def __init__(self) -> None:
        self.transport = aiosipua.UdpSipTransport(local_addr=("127.0.0.1", 0))
        self.uac = aiosipua.SipUAC(self.transport)
        self.uas = aiosipua.SipUAS(self.transport, uac=self.uac)

    async def __aenter__(self) -> "Caller":
        await self.uas.start()
        sockname = self.transport._udp_transport.get_extra_info("sockname")
        self.transport.local_addr = sockname[:2]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.uac.close()
        await self.uas.stop()

    def call(self, srs: RunningRecorder, headers: dict[str, str]) -> aiosipua.OutgoingCall:
        host, port = address(srs)
        return self.uac.send_invite(
            f"sip:caller@127.0.0.1:{self.transport.local_addr[1]}",
            f"sip:srs@{host}:{port}",
            (host, port),
            aiosipua.parse_sdp(SDP),
            extra_headers=headers,
        )


async def test_aiosipua_calls_holds_resumes_and_hangs_up(tmp_path: Path) -> None:
    async with running_recorder(tmp_path) as srs, Caller() as caller:
        call = caller.call(srs, {"Require": "siprec"})
        await call.wait_answered(5.0)
        assert call.sdp_answer is not None
        assert call.sdp_answer.audio.port > 0
        assert call.sdp_answer.audio.direction == "recvonly"
        await srs.until(RecordingStarted)
        for direction, kind in (("inactive", RecordingPaused), ("sendonly", RecordingResumed)):
            offer = aiosipua.parse_sdp(SDP.replace("sendonly", direction))
            caller.uac.send_reinvite(call.dialog, offer, address(srs))
            await srs.until(kind)
        call.hangup(caller.uac)
        row = await srs.sealed()
        assert row.outcome == "bye received"
        assert len(await srs.rows()) == 1


async def test_aiosipua_without_siprec_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with running_recorder(tmp_path) as srs, Caller() as caller:
        with pytest.raises(RuntimeError, match=r"403 Forbidden \(this is a recording server"):
            await caller.call(srs, {}).wait_answered(5.0)
        assert await srs.rows() == []


def write_tone(path: Path) -> None:
    moments = np.arange(8000 * 10) / 8000
    soundfile.write(path, (8000 * np.sin(2 * np.pi * 440 * moments)).astype(np.int16), 8000)


CONFIG = """poll_method epoll
sip_listen 127.0.0.1:0
audio_player aufile,{root}/heard.wav
audio_alert aufile,{root}/alert.wav
audio_source aufile,{root}/tone.wav
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module stdio.so
module_tmp account.so
module_app menu.so
"""


@pytest.mark.slow
@pytest.mark.system("baresip")
@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_baresip_is_recorded(codec: str, tmp_path: Path) -> None:
    phone = tmp_path / "phone"
    phone.mkdir()
    write_tone(phone / "tone.wav")
    (phone / "config").write_text(CONFIG.format(root=phone))
    (phone / "accounts").write_text(f"<sip:alice@127.0.0.1>;regint=0;audio_codecs={codec}/8000/1\n")
    async with running_recorder(tmp_path, profile={"plain_invite": "record"}) as srs:
        host, port = address(srs)
        process = await asyncio.create_subprocess_exec(
            *("baresip", "-4", "-f", str(phone), "-e", f"/dial sip:srs@{host}:{port}", "-t", "4"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await asyncio.wait_for(process.wait(), 20) == 0
        row = await srs.sealed()
        samples, rate = soundfile.read(srs.audio(row, "party-1.wav"), dtype="int16")
    assert (row.outcome, rate) == ("bye received", 8000)
    assert row.document is not None
    assert row.document["streams"][0]["codec"] == codec
    assert row.document["streams"][0]["lost"] == 0
    assert row.duration_ms is not None
    assert row.duration_ms > 1500
    spectrum = np.abs(np.fft.rfft(samples[8000:16_000] if len(samples) > 16_000 else samples))
    loudest = np.argmax(spectrum) * rate / (2 * (len(spectrum) - 1))
    assert abs(loudest - 440) < 3
