"""What the load generator itself can offer, and a run of the throttling core with its report.

    python -m loadtests.bench_load [SECONDS]

SMPP and HTTP against servers in another process that answer at once; one process, one core. A rate counts as offered if
its requests went out in time: the arrival error says how late one in a hundred was.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.load.profile import find_profile, read_profile
from gateway.load.report import Report
from gateway.load.run import Run
from gateway.runtime.interrupts import run as run_loop
from loadtests.bench_gateway import callback_counter, sink

SMPP_RATES = (20_000, 40_000)
HTTP_RATES = (3_000, 6_000)
RESERVATIONS = 100_000


@contextlib.contextmanager
def servers() -> Iterator[tuple[int, int]]:
    """Ports of an SMSC and an HTTP server that answer at once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sink(folder, receipts=False) as (smpp_port, _), callback_counter(folder) as (http_port, _):
            yield smpp_port, http_port


def offered(name: str, target: str, rate: float, seconds: float) -> dict[str, Any]:
    """What became of one rate."""
    profile = read_profile(find_profile(name)).with_options(target=target, rate=rate, duration_s=seconds)
    return figures(run_loop(Run(profile).run()), rate)


def figures(report: Report, rate: float) -> dict[str, Any]:
    """What the page shows of a run."""
    document = report.document()
    return {
        "asked_per_s": rate,
        "offered_per_s": document["offeredPerS"],
        "failed": document["failed"],
        "arrival_error_p50_ms": document["arrivalErrorMs"]["p50"],
        "arrival_error_p99_ms": document["arrivalErrorMs"]["p99"],
        "latency_p99_ms": document["latencyMs"]["p99"],
        "cpu_share": document["generatorCpuShare"],
        "generator_was_the_limit": document["generatorWasTheLimit"],
    }


def limiter(reservations: int) -> dict[str, Any]:
    """The profile `limiter`, with so many reservations."""
    profile = read_profile(find_profile("limiter")).with_options(requests=reservations)
    report = run_loop(Run(profile).run())
    return {
        "reservations": report.tally.offered,
        "elapsed_s": round(report.elapsed_s, 2),
        "every_limit_kept": report.ok,
        "keys": max((scope.keys for scope in report.conformance), default=0),
        "p99_us": report.tally.service.percentile(99),
    }


def run(seconds: float = 3.0, reservations: int = RESERVATIONS) -> dict[str, Any]:
    """Every rate for so many seconds."""
    found: dict[str, Any] = {}
    with servers() as (smpp_port, http_port):
        smpp, http = f"smpp://load:load@127.0.0.1:{smpp_port}", f"http://127.0.0.1:{http_port}"
        for rate in SMPP_RATES:
            found[f"smpp_{rate}"] = offered("generator-smpp", smpp, rate, seconds)
        for rate in HTTP_RATES:
            found[f"http_{rate}"] = offered("generator-http", http, rate, seconds)
    found["limiter"] = limiter(reservations)
    return found


if __name__ == "__main__":
    print(json.dumps(run(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)))
