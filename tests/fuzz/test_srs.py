"""Fuzzing the whole recorder: mutated dialogs are answered, disturb nobody, and leave nothing behind."""

import asyncio
import random
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from siprec import metadata, sdp
from siprec.metadata import Announcement, Dialect
from siprec.multipart import Part, join
from siprec.phones.document import CallDocument, Party, RecordedCall
from siprec.sdp import Outgoing
from siprec.srs.events import RecordingStarted
from siprec.testing import RunningRecorder, mutated, running_recorder, sip_request

SOURCE = ("127.0.0.1", 40_000)
CALL = RecordedCall(
    Party("sip:alice@acme.example", "Alice"), Party("tel:+13105550120"), tenant=("acme", "sales", "alice")
)


def bodies(dialect: Dialect) -> list[tuple[str, bytes]]:
    """What a recording client offers in one call, as content type and body."""
    rng = random.Random(1)
    paper = CallDocument(dialect, CALL, lambda: UUID(int=rng.getrandbits(128), version=4), 0)

    def offer(*streams: Outgoing, zero: bool = False) -> Part:
        said = sdp.offer(streams, address="127.0.0.1", session_id=1, zero_address=zero)
        return Part.of("application/sdp", said.encode())

    def told(document: metadata.Metadata) -> Part:
        return Part.of("application/rs-metadata+xml", metadata.write(document), "recording-session")

    secure = sdp.Crypto(1, sdp.SDES_SUITES[0], bytes(30))
    two = (Outgoing(40_010, "1"), Outgoing(40_012, "2"))
    said = Announcement("start", at="2026-01-01T00:00:00.000Z", call="pstn")
    return [
        join([told(paper.complete()), offer(*two)], "UniqueBroadWorksBoundary"),
        join([offer(*two), told(paper.announced(said))], "next"),
        ("application/sdp", offer(*two, zero=True).body),
        ("application/sdp", offer(two[0]).body),
        join([offer(*two, Outgoing(40_014, "3", protocol="RTP/SAVP", crypto=secure))], "third"),
        (
            "application/rs-metadata+xml",
            metadata.write(paper.transferred(Party("sip:carol@acme.example"), 5)),
        ),
    ]


SEEDS = {dialect: bodies(dialect) for dialect in Dialect}


class Line:
    """Datagrams to the recorder without a network, and what it sends back."""

    def __init__(self, srs: RunningRecorder) -> None:
        server: Any = srs.server
        self.edge = server._edge
        self.sent: list[bytes] = []
        for udp in self.edge._udp.values():
            udp.send = lambda data, _host, _port: self.sent.append(data)

    def ask(self, request: bytes) -> list[bytes]:
        self.sent.clear()
        self.edge._datagram_received(request, SOURCE)
        self.edge.flush()
        return list(self.sent)


def request(method: str, call: int, number: int, tag: str | None, content_type: str, body: bytes) -> bytes:
    return sip_request(
        method,
        "sip:srs@127.0.0.1",
        branch=f"z9hG4bK{call}x{number}",
        call_id=f"fuzz-{call}",
        cseq=number,
        to_tag=tag,
        via="SIP/2.0/UDP 127.0.0.1:40000",
        contact="<sip:src@127.0.0.1:40000>;+sip.src",
        extra=["Allow: INVITE, ACK, BYE, UPDATE, INFO"],
        content_type=content_type,
        body=body,
    )


def play(line: Line, call: int, rng: random.Random, failures: list[dict[str, Any]]) -> None:
    """One call whose bodies, and sometimes heads, are damaged; every request that has a head is answered."""
    seeds = SEEDS[rng.choice(list(Dialect))]
    tag: str | None = None
    for number in range(1, rng.randint(2, 8)):
        content_type, body = seeds[0] if number == 1 else rng.choice(seeds)
        if number > 1 or rng.random() < 0.7:
            body = mutated(body, rng, rng.randint(1, 5))
        method = "INVITE" if tag is None else rng.choice(["INVITE", "UPDATE", "INFO", "INVITE"])
        data = request(method, call, number, tag, content_type, body)
        damaged = rng.random() < 0.3
        if damaged:
            head, gap, rest = data.partition(b"\r\n\r\n")
            data = mutated(head, rng, 1) + gap + rest
        answers = [sent for sent in line.ask(data) if sent.startswith(b"SIP/2.0 ")]
        finals = [sent for sent in answers if not sent.startswith(b"SIP/2.0 1")]
        assert failures == []
        if not damaged:
            assert len(finals) == 1, (method, data, answers)
        accepted = next((sent for sent in finals if sent.startswith(b"SIP/2.0 2")), None)
        if accepted is not None:
            found = re.search(rb"\r\nTo:[^\r]*;tag=([^;\r]+)", accepted)
            assert found is not None
            tag = found[1].decode() if tag is None and not damaged else tag
        if method == "INVITE":
            line.ask(request("ACK", call, number, tag, "application/sdp", b""))


@pytest.mark.parametrize("block", range(4))
async def test_damaged_dialogs_are_answered_and_leave_nothing_behind(block: int, tmp_path: Path) -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    media = {"port_pairs": 64, "quarantine_seconds": 0.0}
    async with running_recorder(tmp_path, media=media, max_sessions=20) as srs:
        line, server = Line(srs), srs.server
        for call in range(150):
            play(line, call, random.Random(block * 10_000 + call), failures)
            if server.sessions >= 16:
                server._end_all("enough")
        server._end_all("enough")
        pool: Any = server._pool
        assert (server.sessions, pool.lent, server.live) == (0, 0, [])
        await server._sealer.wait()
        rows = await srs.rows()
        assert len(rows) == srs.count(RecordingStarted) > 50
        assert {row.state for row in rows} == {"sealed"}
        content_type, body = SEEDS[Dialect.RFC7866][0]
        assert line.ask(request("INVITE", 9_999, 1, None, content_type, body))[0].startswith(b"SIP/2.0 200 ")
    assert failures == []
