"""`make soak`: an hour of texts with receipts through a gateway and a sink, while memory and losses are watched.

Ends with 1 if a text is lost, or if resident memory grows by more than a fifth after the first tenth of the run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loadtests import bench_gateway as bench

SLICE = 5_000
MOST_GROWTH = 1.2


def main(duration_s: float) -> int:
    """Run, print a line a minute, judge."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with bench.sink(folder, receipts=True) as (smsc_port, _), bench.gateway(folder, smsc_port) as port:
            return watch(port, folder, duration_s)


def watch(port: int, folder: Path, duration_s: float) -> int:
    """Send slices until the time is over; memory is compared with what it was after a tenth of it."""
    started = time.monotonic()
    sent, settled_mib, said = 0, 0.0, started
    while (elapsed := time.monotonic() - started) < duration_s:
        command = [sys.executable, "-m", "loadtests.http_driver", "gateway", "--port", str(port)]
        command += ["--total", str(SLICE), "--out", str(folder / "slice.json")]
        subprocess.run(command, cwd=bench.ROOT, check=True)
        sent += SLICE
        mib = bench.resident_mib(port)
        if not settled_mib and elapsed > duration_s / 10:
            settled_mib = mib
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"{elapsed:6.0f} s  {sent:10,} texts  {mib:7.1f} MiB", flush=True)
    bench.settle(lambda: bench.metric(port, "gateway_messages_finished_total", state="delivered"), sent)
    delivered = int(bench.metric(port, "gateway_messages_finished_total", state="delivered"))
    mib = bench.resident_mib(port)
    result = {"sent": sent, "delivered": delivered, "resident_mib": mib, "settled_mib": settled_mib}
    result["ok"] = delivered == sent and (not settled_mib or mib <= settled_mib * MOST_GROWTH)
    print(json.dumps(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=3600.0, help="seconds")
    sys.exit(main(parser.parse_args().duration))
