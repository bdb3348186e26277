"""Wireshark's dissectors find nothing malformed in what the client sends: SIP, SDP, XML, RTP, RTCP."""

import json
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from siprec.metadata import Dialect
from siprec.phones.audio import encoded_tone
from siprec.phones.document import announcement
from siprec.rtp import rtcp
from siprec.rtp.packet import Extension, RtpPacket, build

from .conftest import CAROL

pytestmark = pytest.mark.system("tshark")

Datagram = tuple[tuple[str, int], tuple[str, int], bytes]


def write_pcap(path: Path, datagrams: Sequence[Datagram]) -> None:
    """UDP over raw IPv4 (link type 101)."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101))
        for number, (source, target, data) in enumerate(datagrams):
            udp = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data
            addresses = b"".join(bytes(map(int, host.split("."))) for host, _ in (source, target))
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0) + addresses
            packet = header + udp
            file.write(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)


def dissect(path: Path, *fields: str) -> list[dict[str, list[str]]]:
    command = [
        "tshark",
        "-r",
        str(path),
        "-T",
        "json",
        "-d",
        "udp.port==30000,rtp",
        "-d",
        "udp.port==30001,rtcp",
    ]
    for name in ("frame.protocols", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message", *fields):
        command += ["-e", name]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return [frame["_source"]["layers"] for frame in json.loads(out.stdout)]


def assert_clean(frames: list[dict[str, list[str]]]) -> None:
    for frame in frames:
        assert "_ws.malformed" not in frame, frame
        severe = [int(value) for value in frame.get("_ws.expert.severity", []) if int(value) >= 0x600000]
        assert not severe, frame


@pytest.mark.parametrize("dialect", Dialect)
def test_a_whole_dialog(stage, tmp_path, dialect):
    s = stage(dialect)
    s.session.start(0.0, 0, announcement("start", 0))
    s.run()
    s.session.pause(s.network.now, announcement("pause", 1))
    s.session.resume(s.network.now, announcement("resume", 2))
    s.session.transfer(CAROL, s.network.now, 3)
    s.session.stop(s.network.now, announcement("stop", 4))
    s.run(3)
    datagrams = [(sender, receiver, data) for _, sender, receiver, data in s.network.wire]
    write_pcap(tmp_path / "sip.pcap", datagrams)
    frames = dissect(tmp_path / "sip.pcap", "sip.Method", "sdp.media_attr", "xml.tag")
    assert_clean(frames)
    assert len(frames) == len(datagrams)
    assert all("sip" in frame["frame.protocols"][0] for frame in frames)
    invite = frames[0]
    assert "label:1" in " ".join(invite["sdp.media_attr"])
    assert any("recording" in tag for tag in invite["xml.tag"])


def test_media_and_reports(tmp_path):
    audio = encoded_tone("PCMU", 440)
    media = [
        build(
            RtpPacket(
                0,
                n,
                n * 160,
                7,
                audio.payloads[n],
                n == 0,
                (9,) * (n % 3),
                Extension(1, b"abcd") if n % 2 else None,
            )
        )
        for n in range(20)
    ]
    block = rtcp.ReportBlock(7, 3, -2, 65_540, 12, 5, 9)
    compounds = [
        rtcp.build_compound(
            [
                rtcp.SenderReport(7, rtcp.ntp_of(10**18), 160, 20, 3_200, (block,)),
                rtcp.SourceDescription.cname(7, "src@x"),
            ]
        ),
        rtcp.build_compound([rtcp.ReceiverReport(8, (block,)), rtcp.SourceDescription.cname(8, "srs@host")]),
        rtcp.build_compound(
            [rtcp.ReceiverReport(7), rtcp.SourceDescription.cname(7, "abc"), rtcp.Goodbye((7,), "over")]
        ),
    ]
    ours, theirs = "192.0.2.1", "192.0.2.2"
    datagrams = [((ours, 30_000), (theirs, 30_000), data) for data in media]
    datagrams += [((ours, 30_001), (theirs, 30_001), data) for data in compounds]
    write_pcap(tmp_path / "rtp.pcap", datagrams)
    frames = dissect(tmp_path / "rtp.pcap", "rtp.seq", "rtcp.pt", "rtcp.ssrc.cum_nr")
    assert_clean(frames)
    assert [int(frame["rtp.seq"][0]) for frame in frames[:20]] == list(range(20))
    assert [[int(pt) for pt in frame["rtcp.pt"]] for frame in frames[20:]] == [
        [200, 202],
        [201, 202],
        [201, 202, 203],
    ]
