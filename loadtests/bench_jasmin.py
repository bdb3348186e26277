"""Jasmin in the whole-gateway benchmark: the same texts, the same sink, HTTP → RabbitMQ → SMPP.

python -m loadtests.bench_jasmin [TEXTS]
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loadtests import bench_gateway as bench
from loadtests import jasmin

TEXTS = 3_000
"""Fewer than the others take: it is slower, and its rate is steady."""
SETTLE_S = 20.0
"""Jasmin tells no counts that fit: its queue is given the time it may need."""


def run(texts: int = TEXTS) -> dict[str, Any] | None:
    """Rate and latency, None where it is not installed."""
    if jasmin.missing():
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with bench.sink(folder, receipts=False) as (smsc_port, out):
            with jasmin.running(folder, smsc_port) as port:
                driver = drive(port, folder, texts)
                time.sleep(SETTLE_S)
        return judge(driver, json.loads(out.read_text())["arrived"])


def drive(port: int, folder: Path, texts: int) -> dict[str, Any]:
    """Send the texts as for the others."""
    out = folder / "driver.json"
    command = [
        sys.executable,
        "-m",
        "loadtests.http_driver",
        "jasmin",
        "--port",
        str(port),
        "--out",
        str(out),
    ]
    command += ["--total", str(texts), "--connections", str(bench.CONNECTIONS)]
    subprocess.run(command, cwd=bench.ROOT, check=True)
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def judge(driver: dict[str, Any], arrived: list[tuple[int, float]]) -> dict[str, Any]:
    """Rates, latencies, losses and doubles."""
    sent = driver["sent"]
    first_at: dict[int, float] = {}
    for number, at in arrived:
        first_at.setdefault(number, at)
    latencies = [at - sent[number] for number, at in first_at.items() if 0 <= number < len(sent)]
    if not latencies:
        return {"messages_per_second": 0, "p50_ms": None, "p99_ms": None, "lost": len(sent)}
    return {
        "messages_per_second": round(len(first_at) / (max(first_at.values()) - min(sent)), 1),
        "p50_ms": round(1000 * bench.percentile(latencies, 0.5), 2),
        "p99_ms": round(1000 * bench.percentile(latencies, 0.99), 2),
        "refused": sum(1 for status in driver["status"] if status != 200),
        "lost": len(sent) - len(first_at),
        "twice": len(arrived) - len(first_at),
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else TEXTS)))
