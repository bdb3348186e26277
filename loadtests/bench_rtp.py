"""Cost of the recorder's receive path: µs per packet in process, and what loopback carries without loss.

    python loadtests/bench_rtp.py [SECONDS]

`run(seconds)` returns, per codec, the µs to parse, count, reorder and decode one 20 ms packet, and for the
sockets the highest rate of a ladder that one core kept up with, nothing lost by us or by the kernel. A
calibration loop is timed beside, for the machine is never equally fast.
"""

import asyncio
import json
import math
import multiprocessing
import socket
import statistics
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from siprec.rtp import codecs, srtp
from siprec.rtp.aio import MediaPort, PortPool
from siprec.rtp.packet import RtpPacket, build
from siprec.rtp.stream import ReceivedStream

CODECS = ("PCMU", "PCMA", "G722", "opus")
STREAMS = 200
RATES = (10_000, 20_000, 30_000, 40_000, 50_000, 75_000, 100_000)
BATCH = 2_000
MAX_LAG_MS = 150.0
"""A rate counts while the loop keeps up this well; buffers alone would hide seconds of backlog."""
KEY = bytes(range(30))


def calibration_us() -> float:
    """A fixed loop, for comparison between runs."""
    started = time.perf_counter()
    total = 0
    for number in range(100_000):
        total += number & 7
    return (time.perf_counter() - started) * 1e6


def tone(sample_rate_hz: int, milliseconds: int = 20) -> bytes:
    """440 Hz, 16-bit."""
    samples = sample_rate_hz * milliseconds // 1_000
    return array("h", (int(8_000 * math.sin(2_764.6 * n / sample_rate_hz)) for n in range(samples))).tobytes()


def packets(name: str, count: int) -> list[bytes]:
    """A stream of 20 ms packets."""
    encoder = codecs.encoder(name)
    pcm = tone(encoder.sample_rate_hz)
    step = encoder.clock_hz // 50
    return [build(RtpPacket(96, n & 0xFFFF, n * step, 7, encoder.encode(pcm))) for n in range(count)]


def _median_us(work: Callable[[], None], per_round: int, seconds: float) -> float:
    rounds: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(rounds) < 3:
        started = time.perf_counter()
        work()
        rounds.append((time.perf_counter() - started) * 1e6 / per_round)
    return round(statistics.median(rounds), 3)


def measure_place(seconds: float, data: list[bytes]) -> float:
    """µs to parse, count and place a packet."""

    def work() -> None:
        stream = ReceivedStream(8_000, window_s=0.0)
        receive = stream.receive_data
        for n, datagram in enumerate(data):
            receive(datagram, n * 0.02)

    return _median_us(work, len(data), seconds)


def measure_codec(name: str, seconds: float) -> dict[str, float]:
    """µs to decode a packet, and for the whole path."""
    data = packets(name, BATCH)
    payloads = [datagram[12:] for datagram in data]

    def decode_only() -> None:
        decode = codecs.decoder(name).decode
        for payload in payloads:
            decode(payload)

    def whole() -> None:
        decoder = codecs.decoder(name)
        stream = ReceivedStream(decoder.clock_hz, window_s=0.0)
        receive, decode = stream.receive_data, decoder.decode
        for n, datagram in enumerate(data):
            for placed in receive(datagram, n * 0.02):
                decode(placed.payload)

    return {
        "decode_us": _median_us(decode_only, BATCH, seconds / 2),
        "whole_us": _median_us(whole, BATCH, seconds / 2),
    }


def measure_srtp(seconds: float) -> float:
    """µs to unprotect a packet."""
    sender = srtp.SrtpSession("AES_CM_128_HMAC_SHA1_80", KEY, inbound=False)
    protected = [sender.protect(datagram) for datagram in packets("PCMU", BATCH)]

    def work() -> None:
        receiver = srtp.SrtpSession("AES_CM_128_HMAC_SHA1_80", KEY)
        for datagram in protected:
            receiver.unprotect(datagram)

    return _median_us(work, BATCH, seconds)


def _send(pipe: Connection) -> None:
    """The sending process: paced packets, round robin over the ports."""
    payload = codecs.encoder("PCMU").encode(tone(8_000))
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while (order := pipe.recv()) is not None:
        ports, rate, seconds = order
        pipe.send(_send_paced(sock, ports, rate, seconds, payload))


def _send_paced(sock: socket.socket, ports: list[int], rate: int, seconds: float, payload: bytes) -> int:
    turns: Iterator[int] = iter(range(int(seconds * rate / len(ports))))
    sent = 0
    started = time.perf_counter()
    for turn in turns:
        for index, port in enumerate(ports):
            if index % 10 == 0:
                wait = started + sent / rate - time.perf_counter()
                if wait > 0.0005:
                    time.sleep(wait)
            sock.sendto(build(RtpPacket(0, turn & 0xFFFF, turn * 160, index, payload)), ("127.0.0.1", port))
            sent += 1
    return sent


async def _receive(pool: PortPool, pipe: Connection, rate: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    ports, streams, received = [], [], [0]
    for _ in range(STREAMS):
        port, stream = MediaPort(pool.acquire(loop.time()), loop), ReceivedStream(8_000)
        decode = codecs.decoder("PCMU").decode

        def take(data: bytes, now: float, stream: ReceivedStream = stream, decode: object = decode) -> None:
            received[0] += 1
            for placed in stream.receive_data(data, now):
                decode(placed.payload)  # type: ignore[operator]

        port.open(take)
        ports.append(port)
        streams.append(stream)
    cpu, lag, worst = time.process_time(), loop.time(), 0.0
    pipe.send(([port.port for port in ports], rate, seconds))
    while not pipe.poll():
        await asyncio.sleep(0.02)
        worst, lag = max(worst, loop.time() - lag - 0.02), loop.time()
    sent, finished = pipe.recv(), loop.time()
    last, seen = finished, received[0]
    while received[0] < sent and loop.time() - last < 0.3:  # what the kernel still holds is late, not lost
        if received[0] != seen:
            last, seen = loop.time(), received[0]
        await asyncio.sleep(0.005)
    cpu = time.process_time() - cpu
    for port in ports:
        port.close()
        pool.release(port.pair, 0.0)
    return {
        "rate": rate,
        "sent": sent,
        "lost": sent - received[0],
        "cpu_us_per_packet": round(cpu * 1e6 / max(received[0], 1), 2),
        "lag_ms": round(worst * 1e3, 1),
        "behind_ms": round((last - finished) * 1e3, 1),
    }


def measure_sockets(seconds: float, uvloop_wanted: bool = True) -> dict[str, object]:
    """Climb the ladder of rates until something is lost."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    sender = context.Process(target=_send, args=(theirs,), daemon=True)
    sender.start()
    pool = PortPool.open("127.0.0.1", pairs=STREAMS, quarantine_s=0.0)
    drops = pool.kernel_drops()
    steps, best = [], 0
    with asyncio.Runner(loop_factory=_loop_factory(uvloop_wanted)) as runner:
        for rate in RATES:
            step = runner.run(_receive(pool, ours, rate, seconds / len(RATES)))
            dropped, drops = pool.kernel_drops() - drops, pool.kernel_drops()
            steps.append({**step, "kernel_drops": dropped})
            late = max(step["lag_ms"], step["behind_ms"]) > MAX_LAG_MS
            if step["lost"] or dropped or late:
                break
            best = rate
    ours.send(None)
    sender.join(5)
    pool.close()
    return {"packets_per_second_without_loss": best, "steps": steps}


def _loop_factory(uvloop_wanted: bool) -> Callable[[], asyncio.AbstractEventLoop]:
    if uvloop_wanted:
        import uvloop

        factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
        return factory
    return asyncio.new_event_loop


def run(seconds: float = 6.0) -> dict[str, object]:
    """Everything, in about `seconds`."""
    share = seconds / 12
    return {
        "calibration_us": round(calibration_us()),
        "place_us": measure_place(share, packets("PCMU", BATCH)),
        "codecs": {name: measure_codec(name, share) for name in CODECS if name in codecs.available()},
        "srtp_unprotect_us": measure_srtp(share),
        "uvloop": measure_sockets(3 * share, True),
        "asyncio": measure_sockets(3 * share, False),
    }


if __name__ == "__main__":
    print(json.dumps(run(float(sys.argv[1]) if len(sys.argv) > 1 else 6.0), indent=2))
