"""The whole gateway beside Kannel: HTTP → durable → SMPP, each side in processes of its own, one run.

Every case sends the same texts over the same number of keep-alive connections to the same sink. Latency is end to end:
from writing the HTTP request to the submit_sm's arrival at the sink, both on CLOCK_MONOTONIC. Nothing lost, nothing twice
is checked on the texts' own numbers. Before the texts that count, one text of every number is sent, so that a run
measures a service at work and not its first seconds; ours and Kannel alike.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gateway.runtime.ports import free_ports
from loadtests import kannel
from loadtests.kannel import wait_for_port

ROOT = Path(__file__).resolve().parent.parent
TOTAL = 20_000
CONNECTIONS = 50
SENDERS = 5_000
"""Numbers that text: as many as config/bench.yaml has."""
WARM_UP_FROM = 90_000_000
"""Number of the warm-up's first text."""


@contextlib.contextmanager
def process(*arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A Python child, ended by SIGTERM."""
    child = subprocess.Popen([sys.executable, *arguments], cwd=ROOT)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()


@contextlib.contextmanager
def sink(folder: Path, *, receipts: bool) -> Iterator[tuple[int, Path]]:
    """A running sink: its port, and the file it writes when it ends."""
    [port], out = free_ports(1), folder / "sink.json"
    options = ["--receipts"] if receipts else []
    with process("-m", "loadtests.sink", "--port", str(port), "--out", str(out), *options):
        wait_for_port(port, 10)
        yield port, out


def metric(port: int, name: str, **labels: str) -> float:
    """Sum of a metric's samples with the given labels at /metrics of the gateway."""
    total = 0.0
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        for line in response.read().decode().splitlines():
            wanted = all(f'{key}="{value}"' in line for key, value in labels.items())
            if line.startswith((name + " ", name + "{")) and wanted:
                total += float(line.rpartition(" ")[2])
    return total


def wait_until_ready(port: int, timeout_s: float = 20) -> None:
    """Return when /readyz says 200."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2).close()
            return
        time.sleep(0.05)
    raise TimeoutError("the gateway did not become ready")


@contextlib.contextmanager
def gateway(folder: Path, smsc_port: int, *settings: str) -> Iterator[int]:
    """A running gateway with config/bench.yaml bound to the sink; yields its HTTP port."""
    [port] = free_ports(1)
    overrides = [
        f"http.port={port}",
        f"storage.folder={folder / 'data'}",
        f"esme.carriers.sink.port={smsc_port}",
        *settings,
    ]
    arguments = [part for override in overrides for part in ("--set", override)]
    with process("-m", "gateway.cli", "run", "-c", "config/bench.yaml", "--only", "texting", *arguments):
        wait_for_port(port, 20)
        wait_until_ready(port)
        yield port


def drive(
    target: str, port: int, folder: Path, *, bulk: int = 1, callback: int = 0, warm_up: bool = False
) -> dict[str, Any]:
    """Run the HTTP driver in its own process; `warm_up` sends one text per number, numbered beyond the others."""
    out = folder / "driver.json"
    total, first = (SENDERS, WARM_UP_FROM) if warm_up else (TOTAL, 0)
    command = [sys.executable, "-m", "loadtests.http_driver", target, "--port", str(port), "--out", str(out)]
    command += ["--total", str(total), "--first", str(first), "--connections", str(CONNECTIONS)]
    command += ["--bulk", str(bulk), "--senders", str(SENDERS), "--callback", str(callback)]
    subprocess.run(command, cwd=ROOT, check=True)
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def settle(reader: Any, expected: float, timeout_s: float = 120.0) -> None:
    """Wait until `reader()` has reached `expected` or stopped growing for five seconds."""
    last, since = -1.0, time.monotonic()
    deadline = since + timeout_s
    while time.monotonic() < deadline:
        value = reader()
        if value >= expected:
            return
        if value != last:
            last, since = value, time.monotonic()
        elif time.monotonic() - since > 5:
            return
        time.sleep(0.2)


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def judge(driver: dict[str, Any], arrived: list[tuple[int, float]], bulk: int) -> dict[str, Any]:
    """Rates, latencies, losses and doubles of one run."""
    sent, answered = driver["sent"], driver["answered"]
    refused = sum(1 for status in driver["status"] if status not in (200, 202))
    first_at: dict[int, float] = {}
    for number, at in arrived:
        first_at.setdefault(number, at)
    latencies = [at - sent[number // bulk] for number, at in first_at.items() if 0 <= number < TOTAL]
    begun = min(sent)
    return {
        "messages_per_second": round(len(first_at) / (max(first_at.values()) - begun), 1) if first_at else 0,
        "accepted_per_second": round(TOTAL / (max(answered) - begun), 1),
        "p50_ms": round(1000 * statistics.median(latencies), 2) if latencies else None,
        "p99_ms": round(1000 * percentile(latencies, 0.99), 2) if latencies else None,
        "refused": refused,
        "lost": TOTAL - len(first_at),
        "twice": len(arrived) - len(first_at),
    }


def run_gateway(*, receipts: bool = False, bulk: int = 1, webhook: bool = False) -> dict[str, Any]:
    """One case of ours."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sink(folder, receipts=receipts) as (smsc_port, out):
            extra = contextlib.ExitStack()
            with extra, gateway(folder, smsc_port) as port:
                callback = None
                if webhook:
                    callback = extra.enter_context(callback_counter(folder))
                    register_webhook(port, callback[0])
                done = ends(port, receipts=receipts, webhook=webhook)
                drive("gateway", port, folder, bulk=bulk, warm_up=True)
                settle(done, SENDERS)
                cpu_before = metric(port, "process_cpu_seconds_total")
                driver = drive("gateway", port, folder, bulk=bulk)
                settle(done, SENDERS + TOTAL)
                finished = time.monotonic()
                delivered = metric(port, "gateway_messages_finished_total", state="delivered") - SENDERS
                cpu = metric(port, "process_cpu_seconds_total") - cpu_before
                peak = resident_mib(port)
        result = judge(driver, arrivals(out), bulk)
        result["resident_mib"] = peak
        result["cpu_us_per_message"] = round(1e6 * cpu / TOTAL, 1)
        if receipts:
            result["receipts"] = delivered
            result["finished_per_second"] = round(delivered / (finished - min(driver["sent"])), 1)
        return result


def ends(port: int, *, receipts: bool, webhook: bool) -> Callable[[], float]:
    """How many texts have come to the end of a case, as the gateway counts them."""
    if webhook:
        return lambda: metric(port, "gateway_webhook_deliveries_total", outcome="delivered")
    if receipts:
        return lambda: metric(port, "gateway_messages_finished_total", state="delivered")
    return lambda: metric(port, "gateway_smpp_pdus_total", command="submit_sm_resp")


def arrivals(out: Path) -> list[tuple[int, float]]:
    """What came to the sink and when, without the warm-up."""
    arrived: list[tuple[int, float]] = json.loads(out.read_text())["arrived"]
    return [(number, at) for number, at in arrived if number < WARM_UP_FROM]


def resident_mib(port: int) -> float:
    """Resident memory of the gateway, from its own process metrics."""
    return round(metric(port, "process_resident_memory_bytes") / 2**20, 1)


@contextlib.contextmanager
def callback_counter(folder: Path) -> Iterator[tuple[int, Path]]:
    """An HTTP server of its own process that answers every callback 200 and counts them."""
    [port], out = free_ports(1), folder / "callbacks.json"
    with process("-m", "loadtests.callbacks", "--port", str(port), "--out", str(out)):
        wait_for_port(port, 10)
        yield port, out


def register_webhook(port: int, callback_port: int) -> None:
    """Ask the gateway to post every delivery to the counter."""
    body = {
        "name": "bench",
        "targetUrl": f"http://127.0.0.1:{callback_port}/dlr",
        "resource": "messages",
        "event": "delivered",
        "secret": "bench-secret-of-twenty",
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/webhooks",
        json.dumps(body).encode(),
        {"Authorization": "Bearer demo-admin", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()


def run_kannel(*, receipts: bool = False) -> dict[str, Any] | None:
    """The same case with Kannel's file store; None where it is not installed."""
    if kannel.binaries() is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sink(folder, receipts=receipts) as (smsc_port, out):
            with contextlib.ExitStack() as extra:
                callback = extra.enter_context(callback_counter(folder)) if receipts else None
                peer = extra.enter_context(kannel.running(folder, smsc_port))
                back = callback[0] if callback else 0
                drive("kannel", peer.http_port, folder, callback=back, warm_up=True)
                settle_by_count(out, callback)
                driver = drive("kannel", peer.http_port, folder, callback=back)
                settle_by_count(out, callback)
        result = judge(driver, arrivals(out), 1)
        if callback is not None:
            done = json.loads(callback[1].read_text())
            result["receipts"] = done["count"] - SENDERS
            took_s = done["last"] - min(driver["sent"])
            result["finished_per_second"] = round(result["receipts"] / took_s, 1)
        return result


def settle_by_count(out: Path, callback: tuple[int, Path] | None) -> None:
    """Kannel tells no counts that fit: give it the time its queue may need."""
    del out
    time.sleep(20 if callback else 8)


def run(rounds: int = 1) -> dict[str, Any]:
    """Every case, ours beside Kannel's, as medians over `rounds`."""
    cases: dict[str, list[dict[str, Any] | None]] = {}
    for _ in range(rounds):
        cases.setdefault("kannel", []).append(run_kannel())
        cases.setdefault("gateway", []).append(run_gateway())
        cases.setdefault("receipts", []).append(run_gateway(receipts=True))
        cases.setdefault("bulk", []).append(run_gateway(bulk=100))
        cases.setdefault("kannel_dlr", []).append(run_kannel(receipts=True))
        cases.setdefault("webhooks", []).append(run_gateway(receipts=True, webhook=True))
    return {name: median_of(results) for name, results in cases.items()}


def median_of(results: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Field by field, the median of several runs."""
    found = [result for result in results if result is not None]
    if not found:
        return None
    return {
        key: statistics.median([result[key] for result in found if result[key] is not None])
        for key in found[0]
        if any(result[key] is not None for result in found)
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="?", default="all")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    single: dict[str, Callable[[], Any]] = {
        "all": lambda: run(chosen.rounds),
        "kannel": run_kannel,
        "kannel_dlr": lambda: run_kannel(receipts=True),
        "gateway": run_gateway,
        "receipts": lambda: run_gateway(receipts=True),
        "webhooks": lambda: run_gateway(receipts=True, webhook=True),
        "bulk": lambda: run_gateway(bulk=100),
    }
    print(json.dumps(single[chosen.case]()))
