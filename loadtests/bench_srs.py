"""The whole recorder under load, in its own process: calls a second, and dual-stream sessions held without loss.

    python -m loadtests.bench_srs [SECONDS]        # both ladders, a rung of so many seconds each
    python -m loadtests.bench_srs calls 300 10     # one rung
    python -m loadtests.bench_srs signalling 500 10
    python -m loadtests.bench_srs sessions 500 30
    python -m loadtests.bench_srs flat [SECONDS]   # what a packet costs at 50, 200 and 500 sessions

A call is INVITE with BroadWorks metadata and two streams, ACK, half a second, BYE: ports taken, row written,
sidecar sealed; `signalling` keeps neither row nor sidecar. A rate counts if no call failed and nothing was sent twice. A number of sessions counts if every
packet is in a recording, the kernel dropped none, and the loop was never more than 150 ms late. The recorder has
one core, the driver the other. Every wait has a bound: a recorder that falls silent ends the rung, and says where.
"""

import heapq
import json
import os
import random
import select
import socket
import statistics
import struct
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from uuid import UUID

from loadtests.recorder_process import Recorder, pin
from siprec import metadata, sdp
from siprec.metadata import Dialect
from siprec.multipart import Part, join
from siprec.phones.document import CallDocument, Party, RecordedCall
from siprec.rtp.aio import bind_pair
from siprec.sdp import Outgoing

RATES = (100, 300, 500, 1_000)
SESSIONS = (200, 500, 800, 1_000)
FLAT_SESSIONS = (50, 200, 500)
HOLD_S = 0.5
GRACE_S = 5.0
"""For the last calls of a rung to be answered."""
MAX_LAG_MS = 150.0
PACKET_S = 0.02
PAYLOAD = bytes(160)
ANSWER_S = 1.0
ATTEMPTS = 5
"""An INVITE that is to open a session is sent so often, and waited for so long each time."""
SEND_S = 5
"""A recorder that takes nothing from its sockets is waited for no longer."""


# ---------------------------------------------------------------------- what the driver says


def _body(rtp_port: int) -> tuple[str, bytes]:
    """Content type and body of an INVITE whose streams come from a port."""
    rng = random.Random(1)
    call = RecordedCall(
        Party("sip:alice@acme.example", "Alice"),
        Party("tel:+13105550120"),
        tenant=("acme", "sales", "alice@acme.example"),
    )
    paper = CallDocument(Dialect.BROADWORKS, call, lambda: UUID(int=rng.getrandbits(128), version=4), 0)
    streams = [Outgoing(rtp_port, "1"), Outgoing(rtp_port, "2")]
    offer = sdp.offer(streams, address="127.0.0.1", session_id=1)
    parts = [
        Part.of("application/rs-metadata+xml", metadata.write(paper.complete()), "recording-session"),
        Part.of("application/sdp", offer.encode()),
    ]
    return join(parts, "UniqueBroadWorksBoundary")


class Unanswered(Exception):
    """The recorder did not answer the INVITE of a session that was to be held."""

    def __init__(self, call: int) -> None:
        super().__init__(call)
        self.call = call

    def __str__(self) -> str:
        return f"session {self.call} was not answered, though asked {ATTEMPTS} times"


class Caller:
    """One socket for all calls; requests are written as text, so that driving costs little."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, buffer, 4 << 20)
        self.socket.setblocking(False)
        self._me = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self._media = bind_pair("127.0.0.1", 0)
        """Takes the recorder's RTCP, so that it does not meet the recorder's own ports."""
        if self._media is None:
            self.socket.close()
            raise OSError("no two ports side by side are free")
        self._content_type, self._body = _body(self._media.port)

    def close(self) -> None:
        """Give the ports back."""
        self.socket.close()
        if self._media is not None:
            self._media.close()

    def __enter__(self) -> "Caller":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(
        self, method: str, call: int, branch: str, to: str = "<sip:srs@127.0.0.1>", cseq: int = 1
    ) -> None:
        """Send a request of a call."""
        invite = method == "INVITE"
        extra = (
            f"Contact: <sip:src@{self._me}>;src\r\nContent-Type: {self._content_type}\r\n" if invite else ""
        )
        body = self._body if invite else b""
        head = (
            f"{method} sip:srs@{self.target[0]}:{self.target[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self._me};branch=z9hG4bK{call}{branch};rport\r\nMax-Forwards: 20\r\n"
            f'From: "Alice"<sip:alice@127.0.0.1>;tag=f{call}\r\nTo: {to}\r\nCall-ID: {call}@bench\r\n'
            f"CSeq: {cseq} {method}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        )
        with suppress(OSError):  # lost, as a datagram may be: a call that fails for it is counted
            self.socket.sendto(head.encode() + body, self.target)

    def receive(self, wait_s: float) -> list[tuple[int, str, int, str, bytes]]:
        """Return what came: call, method, status, To, body; requests of the recorder are passed over."""
        if not select.select([self.socket], [], [], max(0.0, wait_s))[0]:
            return []
        found = []
        for _ in range(128):
            try:
                data = self.socket.recv(65_536)
            except OSError:  # nothing more; or word that nobody listens any more
                break
            head, _, body = data.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            fields = dict(line.split(": ", 1) for line in lines)
            if first.startswith("SIP/2.0 "):
                call = int(fields["Call-ID"].partition("@")[0])
                found.append((call, fields["CSeq"].split()[1], int(first[8:11]), fields["To"], body))
        return found


# ---------------------------------------------------------------------- calls a second


@dataclass
class _Calls:
    """The calls of one rung: open loop, so a slow recorder does not slow the callers."""

    caller: Caller
    rate: float
    total: int

    def run(self) -> dict[str, Any]:
        began, sent, done = time.perf_counter(), 0, 0
        waiting: dict[int, float] = {}
        talking: list[tuple[float, int, str]] = []
        leaving: set[int] = set()
        outcomes: Counter[str] = Counter()
        latencies: list[float] = []
        give_up = began + self.total / self.rate + HOLD_S + GRACE_S
        while done < self.total and time.perf_counter() < give_up:
            now = time.perf_counter()
            while sent < self.total and now >= began + sent / self.rate:
                waiting[sent] = began + sent / self.rate
                self.caller.send("INVITE", sent, "i")
                sent += 1
            while talking and talking[0][0] <= now:
                _, call, to = heapq.heappop(talking)
                leaving.add(call)
                self.caller.send("BYE", call, "b", to, 2)
            upcoming = [began + sent / self.rate] if sent < self.total else []
            upcoming += [talking[0][0]] if talking else []
            for call, method, status, to, _ in self.caller.receive(min(upcoming, default=now + 0.05) - now):
                if status == 100:
                    outcomes["trying"] += 1
                elif method == "INVITE":
                    self.caller.send("ACK", call, "i" if status >= 300 else "a", to)
                    asked = waiting.pop(call, None)
                    if asked is None:
                        outcomes["repeated"] += 1
                    elif status == 200:
                        latencies.append(time.perf_counter() - asked)
                        heapq.heappush(talking, (time.perf_counter() + HOLD_S, call, to))
                    else:
                        outcomes["failed"] += 1
                        done += 1
                elif method == "BYE" and call in leaving:
                    leaving.remove(call)
                    outcomes["ended" if status == 200 else "failed"] += 1
                    done += 1
        latencies.sort()
        return {
            "ended": outcomes["ended"],
            "failed": outcomes["failed"] + self.total - done,
            "unanswered": {"INVITE": len(waiting), "BYE": len(leaving)},
            "repeated": outcomes["repeated"],
            "p50_ms": round(statistics.median(latencies) * 1000, 1) if latencies else None,
            "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1000, 1) if latencies else None,
        }


def measure_signalling(rate: float, seconds: float) -> dict[str, Any]:
    """Play one rate without rows and files."""
    return measure_calls(rate, seconds, keeping=False)


def measure_calls(rate: float, seconds: float, *, keeping: bool = True) -> dict[str, Any]:
    """Play one rate; `ok` says that none failed and nothing was sent twice."""
    at_once = int(rate * (HOLD_S + 3.0)) + 20
    with Recorder(2 * at_once, at_once, keeping=keeping) as recorder:
        with Caller(recorder.address) as caller:
            result = _Calls(caller, rate, int(rate * seconds)).run()
        report = recorder.report()
    calls = max(result["ended"], 1)
    wanted = int(rate * seconds) if keeping else 0
    ok = not result["failed"] and not result["repeated"] and report["recordings"] == wanted
    return {"rate": rate, "ok": ok, **result, "cpu_ms_per_call": round(report["cpu_s"] * 1000 / calls, 2)}


# ---------------------------------------------------------------------- sessions held


def open_sessions(caller: Caller, count: int, answer_s: float = ANSWER_S) -> tuple[list[int], list[str]]:
    """Set up calls one by one; return RTP ports and the To of each call. Raises `Unanswered`."""
    ports: list[int] = []
    tags: list[str] = []
    for call in range(count):
        to, body = _open_session(caller, call, answer_s)
        ports += [media.port for media in sdp.parse(body).media]
        tags.append(to)
    return ports, tags


def _open_session(caller: Caller, call: int, answer_s: float) -> tuple[str, bytes]:
    for _ in range(ATTEMPTS):
        caller.send("INVITE", call, "i")
        until = time.perf_counter() + answer_s
        while (left_s := until - time.perf_counter()) > 0:
            for number, method, status, to, body in caller.receive(left_s):
                if (number, method, status) == (call, "INVITE", 200):
                    caller.send("ACK", call, "a", to)
                    return to, body
    raise Unanswered(call)


def _send_rtp(ports: list[int], seconds: float) -> tuple[int, int]:
    """Send 20 ms packets to every port, spread over the interval; return packets sent and times it was late."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_S, 0))
    sender.bind(("127.0.0.1", 0))
    tails = [(number + 1).to_bytes(4, "big") + PAYLOAD for number in range(len(ports))]
    targets = [("127.0.0.1", port) for port in ports]
    slot, late = PACKET_S / len(ports), 0
    began = time.perf_counter()
    rounds = int(seconds / PACKET_S)
    for number in range(rounds):
        head = b"\x80\x00" + (number & 0xFFFF).to_bytes(2, "big") + (number * 160).to_bytes(4, "big")
        base = began + number * PACKET_S
        for index, target in enumerate(targets):
            if index % 16 == 0:
                wait = base + index * slot - time.perf_counter()
                if wait > 0.0003:
                    time.sleep(wait)
                elif wait < -0.1:
                    late += 1
            sender.sendto(head + tails[index], target)
    sender.close()
    return rounds * len(ports), late


def measure_sessions(count: int, seconds: float) -> dict[str, Any]:
    """Hold sessions with media; `ok` says that every packet was recorded and the loop kept up."""
    with Recorder(2 * count + 4, count) as recorder, Caller(recorder.address) as caller:
        ports, tags = open_sessions(caller, count)
        recorder.mark("media begins")
        sent, late = _send_rtp(ports, seconds)
        recorder.mark("media ends")
        time.sleep(0.3)
        for call, to in enumerate(tags):
            caller.send("BYE", call, "b", to, 2)
            if call % 20 == 0:
                time.sleep(0.05)
        until = time.perf_counter() + 1.0
        while (left_s := until - time.perf_counter()) > 0:
            caller.receive(left_s)
        report = recorder.report()
    whole = report["packets"] == sent and not report["lost"] and not report["kernel_drops"]
    return {
        "sessions": count,
        "ok": whole and max(report["lag_ms"].values()) <= MAX_LAG_MS,
        "sent": sent,
        "recorded": report["packets"],
        "kernel_drops": report["kernel_drops"],
        "lag_ms": report["lag_ms"],
        "driver_late": late,
        "cpu_us_per_packet": round(report["media_cpu_s"] * 1e6 / max(report["packets"], 1), 1),
        "core_percent": round(report["media_cpu_s"] * 100 / seconds),
        "written_mb": round(report["written_bytes"] / 1e6),
    }


def measure_flat(seconds: float = 4.0) -> dict[str, Any]:
    """What a packet costs with few sessions and with many; `ratio` is the dearest beside the cheapest.

    The cost is the recorder's whole CPU time while media flows, decoding and writing included, by packet. With
    few sessions each packet bears more of what an idle recorder costs, so a ratio above one with the dearest
    rung first is no growth: `growth` is the last rung beside the first.
    """
    rungs = [measure_sessions(count, seconds) for count in FLAT_SESSIONS]
    costs = {rung["sessions"]: rung["cpu_us_per_packet"] for rung in rungs}
    cheapest = max(min(costs.values()), 0.1)
    return {
        "ok": all(rung["ok"] for rung in rungs),
        "cpu_us_per_packet": costs,
        "ratio": round(max(costs.values()) / cheapest, 2),
        "growth": round(rungs[-1]["cpu_us_per_packet"] / max(rungs[0]["cpu_us_per_packet"], 0.1), 2),
        "rungs": rungs,
    }


def run(seconds: float = 3.0) -> dict[str, Any]:
    """Climb both ladders until a rung fails; return the last that held, and its figures."""
    pin(1)
    best: dict[str, Any] = {"calls": None, "sessions": None}
    for rate in RATES:
        rung = measure_calls(rate, seconds)
        if not rung["ok"]:
            break
        best["calls"] = rung
    for count in SESSIONS:
        rung = measure_sessions(count, seconds)
        if not rung["ok"]:
            break
        best["sessions"] = rung
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return best


def main(arguments: list[str]) -> int:
    """Play one rung, the flat case, or both ladders."""
    if arguments[:1] == ["flat"]:
        pin(1)
        print(json.dumps(measure_flat(*map(float, arguments[1:2]))))
    elif len(arguments) == 3:
        pin(1)
        measure = {
            "calls": measure_calls,
            "signalling": measure_signalling,
            "sessions": measure_sessions,
        }[arguments[0]]
        print(json.dumps(measure(int(arguments[1]), float(arguments[2]))))
    else:
        print(json.dumps(run(float(arguments[0]) if arguments else 3.0)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
