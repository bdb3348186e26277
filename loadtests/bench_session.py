"""submit_sm → submit_sm_resp between two processes over loopback: our ESME beside smpp34, aiosmpplib and node `smpp`.

    python -m loadtests.bench_session [SECONDS]

All talk to our SMSC in a process of its own. Contenders take turns, several rounds each, so that a slow
minute of the machine hits all alike; the ratios of a run decide. A peer that is not installed gives null.
"""

import argparse
import asyncio
import gc
import importlib.util
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from gateway.smpp.aio import ConnectionSettings, Outcome, SmppConnection, SmppHandler, connect, serve
from gateway.smpp.pdu import Bind, BindTransceiver, Pdu, SubmitSm, response_to
from gateway.smpp.session import SessionSettings
from loadtests.bench_codec import calibration_us

ROOT = Path(__file__).resolve().parent.parent
NODE_MODULES = ROOT / ".cache" / "node" / "node_modules"
ROUNDS = 5
TEXT = b"x" * 160


class Sink(SmppHandler):
    """Accepts every message."""

    def on_bind(self, connection: SmppConnection, pdu: Bind) -> Pdu:
        return response_to(pdu, system_id="sink")

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu:
        return response_to(pdu, message_id="0123456789")


async def be_server() -> None:
    """Serve until killed; the first line out is the port."""
    server = await serve("127.0.0.1", 0, handler_factory=lambda _: Sink())
    print(server.port, flush=True)
    gc.freeze()
    await asyncio.Event().wait()


async def be_ours(port: int, window: int, seconds: float) -> dict[str, float]:
    """Our ESME: as many requests outstanding as the window takes, no future and no task each."""
    bind = BindTransceiver(system_id="bench", password="bench", interface_version=0x34)
    settings = ConnectionSettings(session=SessionSettings(window=window))
    connection = await connect("127.0.0.1", port, bind=bind, settings=settings)
    loop = asyncio.get_running_loop()
    answered, done = 0, loop.create_future()
    gc.freeze()

    def submit() -> None:
        pdu = SubmitSm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="12025550100",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="13105550120",
            registered_delivery=1,
            short_message=TEXT,
        )
        connection.submit_nowait(pdu, on_response)

    def on_response(context: Any, outcome: Outcome) -> None:
        nonlocal answered
        answered += 1
        if not done.done():
            submit()

    started = time.perf_counter()
    loop.call_later(seconds, done.set_result, None)
    for _ in range(window):
        submit()
    await done
    spent = time.perf_counter() - started
    connection.abort()
    return {"messages": answered, "seconds": spent}


async def be_smpp34(port: int, window: int, seconds: float) -> dict[str, float]:
    """smpp34's client (Rust core): as many awaiting coroutines as the window is wide."""
    import smpp34

    client = smpp34.Client("127.0.0.1", port, "bench", "bench", bind_type="TRX", window_size=window)
    session = await client.connect()
    answered, until = 0, time.perf_counter() + seconds

    async def worker() -> None:
        nonlocal answered
        while time.perf_counter() < until:
            await session.submit_sm(
                "13105550120",
                TEXT,
                source_addr="12025550100",
                source_addr_ton=1,
                source_addr_npi=1,
                dest_addr_ton=1,
                dest_addr_npi=1,
                registered_delivery=1,
            )
            answered += 1

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(window)))
    spent = time.perf_counter() - started
    await client.stop()
    return {"messages": answered, "seconds": spent}


async def be_aiosmpplib(port: int, window: int, seconds: float) -> dict[str, float]:
    """aiosmpplib's client: it has no window, so as many texts are handed to it as answers are owed.

    With a correlator that does not walk over all messages at every step, which its own does.
    """
    import aiosmpplib
    from aiosmpplib.correlator import SimpleCorrelator
    from aiosmpplib.hook import AbstractHook
    from aiosmpplib.state import NPI, TON, PhoneNumber

    class Correlator(SimpleCorrelator):  # type: ignore[misc]
        async def _remove_expired(self) -> None:
            """Nothing expires in a benchmark."""

    class Hook(AbstractHook):  # type: ignore[misc]
        answered = 0

        async def sending(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
            """Not counted."""

        async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
            if isinstance(smpp_message, aiosmpplib.SubmitSmResp):
                self.answered += 1
                bound.set()
                await enqueue()

        async def send_error(self, smpp_message: Any, error: Exception, client_id: str) -> None:
            raise error

    hook, bound = Hook(), asyncio.Event()
    esme = aiosmpplib.ESME(
        "127.0.0.1", port, "bench", "bench", hook=hook, correlator=Correlator("bench"), log_level="ERROR"
    )
    source = PhoneNumber("12025550100", TON.INTERNATIONAL, NPI.ISDN)
    destination = PhoneNumber("13105550120", TON.INTERNATIONAL, NPI.ISDN)
    text, numbers = TEXT.decode(), itertools.count()

    async def enqueue() -> None:
        message = aiosmpplib.SubmitSm(
            short_message=text, source=source, destination=destination, log_id=str(next(numbers))
        )
        await esme.broker.enqueue(message)

    running = asyncio.create_task(esme.start())
    for _ in range(window):
        await enqueue()
    await bound.wait()
    before, started = hook.answered, time.perf_counter()
    await asyncio.sleep(seconds)
    figures = {"messages": hook.answered - before, "seconds": time.perf_counter() - started}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return figures


@contextmanager
def server() -> Iterator[int]:
    """Our SMSC in a process of its own; yields its port."""
    command = [sys.executable, "-m", "loadtests.bench_session", "--be", "server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def contender(name: str, port: int, window: int, seconds: float) -> float | None:
    """Messages a second of one client, None where it is not installed."""
    numbers = [str(port), str(window), str(seconds)]
    environment = dict(os.environ)
    if name == "node":
        if shutil.which("node") is None or not (NODE_MODULES / "smpp").exists():
            return None
        command = ["node", str(ROOT / "loadtests" / "session_client.js"), *numbers]
        environment["NODE_PATH"] = str(NODE_MODULES)
    elif name in PEERS and importlib.util.find_spec(name) is None:
        return None
    else:
        command = [sys.executable, "-m", "loadtests.bench_session", "--be", name, *numbers]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    return float(figures["messages"] / figures["seconds"])


PEERS = ("smpp34", "aiosmpplib")
RUNS = (("ours", 1), ("ours", 10), ("ours", 100), ("smpp34", 100), ("node", 100), ("aiosmpplib", 100))


def run(seconds: float = 15.0) -> dict[str, Any]:
    """Messages a second by window, medians over the rounds, and our ratio to the peers at window 100."""
    each = max(0.3, seconds / (ROUNDS * len(RUNS)))
    rates: dict[tuple[str, int], list[float]] = {key: [] for key in RUNS}
    calibrations = []
    with server() as port:
        for _ in range(ROUNDS):
            calibrations.append(calibration_us())
            for name, window in RUNS:
                rate = contender(name, port, window, each)
                if rate is not None:
                    rates[name, window].append(rate)
    medians = {key: statistics.median(values) if values else None for key, values in rates.items()}
    ours = medians["ours", 100]
    assert ours is not None
    ratios = {
        name: paired_ratio(rates["ours", 100], rates[name, 100]) for name in ("smpp34", "node", "aiosmpplib")
    }
    return {
        **{f"window_{window}": round(medians["ours", window] or 0) for window in (1, 10, 100)},
        "best_window_100": round(max(rates["ours", 100])),
        **{f"{name}_window_100": rate and round(rate) for name in ratios for rate in [medians[name, 100]]},
        **{f"ratio_{name}": ratio and round(ratio, 2) for name, ratio in ratios.items()},
        "calibration_us": round(statistics.median(calibrations)),
    }


def paired_ratio(ours: list[float], theirs: list[float]) -> float | None:
    """The median of the rounds' ratios: both sides of one had the same minute of the machine."""
    if not theirs:
        return None
    return statistics.median(mine / peer for mine, peer in zip(ours, theirs, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--be", choices=("server", "ours", "smpp34", "aiosmpplib"))
    parser.add_argument("numbers", nargs="*", type=float)
    given = parser.parse_args()
    if given.be == "server":
        uvloop.run(be_server())
    elif given.be:
        port, window, seconds = given.numbers
        client = {"ours": be_ours, "smpp34": be_smpp34, "aiosmpplib": be_aiosmpplib}[given.be]
        print(json.dumps(uvloop.run(client(int(port), int(window), seconds))))
    else:
        print(json.dumps(run(*given.numbers)))


if __name__ == "__main__":
    main()
