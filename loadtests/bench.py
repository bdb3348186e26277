"""`make bench`: our figures beside our peers', a table for people, one JSON object as the last line.

Figures are medians of several rounds with a calibration loop beside them: compare ratios within one run, machines are
noisy. A peer that is not installed is null. With `--write` the results are kept in docs/benchmarks.json and drawn in
docs/benchmarks.md.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from loadtests import bench_page, machine

Section = Callable[[int], dict[str, Any]]


def codec(rounds: int) -> dict[str, Any]:
    """Text → PDU → bytes → PDU → text, pairs a second."""
    from loadtests import bench_codec

    return bench_codec.run(1.0 * rounds)


def session(rounds: int) -> dict[str, Any]:
    """submit_sm → submit_sm_resp between two processes, by window, beside smpp34, aiosmpplib and node smpp."""
    from loadtests import bench_session

    return bench_session.run(5.0 * rounds)


def http(rounds: int) -> dict[str, Any]:
    """What our HTTP layer adds to bare aiohttp, microseconds a request."""
    from loadtests import bench_http

    return bench_http.run(1.0 * rounds)


def throttle(rounds: int) -> dict[str, Any]:
    """Four-scope reservations a second, beside throttled-py, limits and pyrate-limiter."""
    from loadtests import bench_throttle

    return bench_throttle.run(3.0 * rounds)


def gateway(rounds: int) -> dict[str, Any]:
    """HTTP → durable → SMPP beside Kannel and Jasmin: plain, with receipts, with webhooks, in bulk."""
    from loadtests import bench_correlation, bench_gateway, bench_jasmin

    cases = {**bench_gateway.run(rounds), "jasmin": bench_jasmin.run()}
    plain, peer = cases["gateway"] or {}, cases["kannel"]
    hooked, peer_dlr = cases["webhooks"] or {}, cases["kannel_dlr"]
    return {
        "messages_per_second": plain.get("messages_per_second"),
        "p99_ms": plain.get("p99_ms"),
        "ratio_kannel": ratio(plain, peer, "messages_per_second"),
        "p99_ratio_kannel": ratio(plain, peer, "p99_ms"),
        "ratio_jasmin": ratio(plain, cases["jasmin"], "messages_per_second"),
        "webhooks_ratio_kannel_dlr": ratio(hooked, peer_dlr, "finished_per_second"),
        "cases": cases,
        "receipts_waiting": bench_correlation.run(1.0 * rounds),
    }


def siprec(rounds: int) -> dict[str, Any]:
    """Microseconds an RTP packet costs; calls a second the recorder takes, and sessions it holds."""
    from loadtests import bench_rtp, bench_srs

    return bench_rtp.run(2.0 * rounds) | {"recorder": bench_srs.run(2.0 * rounds)}


def load(rounds: int) -> dict[str, Any]:
    """What `gateway load` offers from one core, and a run of `limiter:`."""
    from loadtests import bench_load

    return bench_load.run(min(1.0 * rounds, 5.0))


SECTIONS: Mapping[str, Section] = {
    "codec": codec,
    "session": session,
    "http": http,
    "gateway": gateway,
    "throttle": throttle,
    "load": load,
    "siprec": siprec,
}


def ratio(ours: Mapping[str, Any], theirs: Mapping[str, Any] | None, key: str) -> float | None:
    """Ours divided by theirs; None where one of them is missing."""
    if not theirs or not theirs.get(key) or ours.get(key) is None:
        return None
    return round(float(ours[key]) / float(theirs[key]), 3)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested figures as dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            found[prefix + name] = value
    return found


def show(results: Mapping[str, Any]) -> None:
    """The table for people."""
    table = Table(title="Benchmarks", box=SIMPLE_HEAD)
    for heading, justify in (("what", "left"), ("figure", "left"), ("value", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for name, values in results.items():
        for key, value in flat(values or {}).items():
            shown = "–" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)
            table.add_row(name, key, shown)
            name = ""
    Console(width=100).print(table)


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, by commas")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per figure (medians)")
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    parser.add_argument("--write", action="store_true", help="keep the results and draw docs/benchmarks.md")
    chosen = parser.parse_args()
    results: dict[str, Any] = {
        "when": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": machine.commit(),
        "machine": machine.machine(),
        "peers": machine.peers(),
        "rounds": chosen.rounds,
    }
    for name in chosen.only.split(","):
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        started = time.monotonic()
        results[name] = SECTIONS[name](chosen.rounds)
        print(f"  took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    if not chosen.json:
        show({name: results[name] for name in chosen.only.split(",")})
    if chosen.write:
        bench_page.write(results)
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
