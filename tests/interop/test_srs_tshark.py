"""Wireshark's dissectors find nothing malformed in what the recorder sends: answers, requests, SDP, RTCP."""

import asyncio
import json
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from siprec import sdp
from siprec.sip import Response
from siprec.sip.parse import parse_datagram
from siprec.srs.call import RTCP_EVERY_TICKS
from siprec.testing import running_recorder, sip_request

pytestmark = pytest.mark.system("tshark")
ERROR = 0x600000
SIP_PORT, RTCP_PORT = 5060, 30_001

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio %d RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\na=label:1\r\n"
)


def write_pcap(path: Path, datagrams: Sequence[tuple[int, bytes]]) -> None:
    """UDP from and to a port over raw IPv4 (link type 101)."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101))
        for number, (port, data) in enumerate(datagrams):
            udp = struct.pack("!HHHH", port, port, 8 + len(data), 0) + data
            addresses = bytes([127, 0, 0, 1]) * 2
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0) + addresses
            packet = header + udp
            file.write(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)


def dissect(path: Path) -> list[dict[str, list[str]]]:
    fields = ("frame.protocols", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message")
    command = ["tshark", "-r", str(path), "-T", "json", "-d", f"udp.port=={RTCP_PORT},rtcp"]
    for name in fields:
        command += ["-e", name]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return [frame["_source"]["layers"] for frame in json.loads(out.stdout)]


class Peer:
    """A socket that keeps everything the recorder sends to it."""

    def __init__(self, srs: Any) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self._target = ("127.0.0.1", srs.server.listening[0].port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self._count = 0

    async def receive(self) -> bytes:
        async with asyncio.timeout(8):
            data = await asyncio.get_running_loop().sock_recv(self.socket, 65_536)
        self.sent.append((SIP_PORT, data))
        return data

    async def ask(self, method: str, *, wait: bool = True, **kwargs: Any) -> Response | None:
        self._count += 1
        via, contact = f"SIP/2.0/UDP 127.0.0.1:{self.port}", f"<sip:src@127.0.0.1:{self.port}>"
        values = {"via": via, "contact": contact, "branch": f"z9hG4bK{self._count}", **kwargs}
        self.socket.sendto(sip_request(method, "sip:srs@127.0.0.1", **values), self._target)
        if not wait:
            return None
        message = parse_datagram(await self.receive())
        assert isinstance(message, Response)
        return message


SIPREC = ["Require: siprec", "Allow: INVITE, ACK, BYE, UPDATE", "Supported: timer", "Session-Expires: 300"]


async def provoke(peer: Peer, rtcp: socket.socket) -> None:
    """Have the recorder say everything it can say."""
    for number, (extra, body, kind) in enumerate(
        [
            ([], SDP % 40_000, "application/sdp"),
            (["Require: unknown"], SDP % 40_000, "application/sdp"),
            (SIPREC, b"{}", "application/json"),
            (SIPREC, b"v=0\r\nnonsense", "application/sdp"),
            (SIPREC, (SDP % 40_000).replace(b"AVP 0 101", b"AVP 34"), "application/sdp"),
            (["Require: siprec", "Session-Expires: 20", "Supported: timer"], SDP % 40_000, "application/sdp"),
        ]
    ):
        await peer.ask("INVITE", call_id=f"refused-{number}", extra=extra, body=body, content_type=kind)
        await peer.ask("ACK", wait=False, branch=f"z9hG4bK{peer._count}", call_id=f"refused-{number}")
    await peer.ask("OPTIONS", call_id="options")
    await peer.ask("PUBLISH", call_id="unknown")
    media = SDP % (rtcp.getsockname()[1] - 1)
    answer = await peer.ask("INVITE", extra=SIPREC, body=media)
    assert answer is not None
    tag = answer.to.tag
    await peer.ask("ACK", wait=False, to_tag=tag)
    description = sdp.parse(answer.body)
    rtcp.sendto(bytes([0x80, 0]) + bytes(10) + bytes(160), ("127.0.0.1", description.media[0].port))
    await peer.ask("INFO", to_tag=tag, cseq=2, extra=[])
    await peer.ask("INVITE", to_tag=tag, cseq=3, body=media.replace(b"sendonly", b"inactive"), extra=SIPREC)
    await peer.ask("ACK", wait=False, to_tag=tag, cseq=3)
    await peer.receive()  # the UPDATE that asks for metadata


async def test_nothing_we_send_is_malformed(tmp_path: Path) -> None:
    async with running_recorder(tmp_path) as srs:
        peer = Peer(srs)
        with peer.socket, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp:
            rtcp.bind(("127.0.0.1", 0))
            rtcp.setblocking(False)
            await provoke(peer, rtcp)
            async with asyncio.timeout(RTCP_EVERY_TICKS + 5):
                report = await asyncio.get_running_loop().sock_recv(rtcp, 2_048)
            peer.sent.append((RTCP_PORT, report))
            await srs.server.drain(0.0)
            await peer.receive()  # the BYE
    write_pcap(tmp_path / "srs.pcap", peer.sent)
    frames = await asyncio.to_thread(dissect, tmp_path / "srs.pcap")
    assert len(frames) == len(peer.sent)
    for frame in frames:
        assert "_ws.malformed" not in frame, frame
        assert not [v for v in frame.get("_ws.expert.severity", []) if int(v) >= ERROR], frame
    protocols = [frame["frame.protocols"][0] for frame in frames]
    assert sum("sip" in each for each in protocols) == len(frames) - 1
    assert any("rtcp" in each for each in protocols)
    starts = {
        data.split(b" ")[0] if not data.startswith(b"SIP") else data.split(b" ")[1]
        for p, data in peer.sent
        if p == SIP_PORT
    }
    assert starts >= {b"200", b"403", b"405", b"415", b"420", b"422", b"488", b"UPDATE", b"BYE"}
