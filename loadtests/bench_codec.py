"""What a submit_sm costs: text → PDU → octets → PDU → text, 160 characters, on one core.

    python loadtests/bench_codec.py [SECONDS]

Rounds of each step alternate, so that a slow minute of the machine hits all alike; medians over the rounds. A
calibration loop is timed beside: compare figures only within a run.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from gateway.smpp.pdu import SubmitSm, decode, encode
from gateway.smpp.text import decode_gsm7, encode_gsm7

TEXT = ("Your appointment is tomorrow at 9:30. Reply YES to confirm, or call us. " * 3)[:160]
ROUNDS = 5
BATCH = 500


def calibration_us() -> float:
    """A fixed loop of Python in microseconds: how fast the machine is at this moment."""
    started = time.perf_counter()
    total = 0
    for number in range(100_000):
        total += number
    return (time.perf_counter() - started) * 1e6


def construct(text: str = TEXT) -> SubmitSm:
    return SubmitSm(
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr="12025550100",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="13105550120",
        registered_delivery=1,
        short_message=encode_gsm7(text),
    )


def pair() -> str:
    """One whole pair, as a gateway and its carrier do it between them."""
    decoded: Any = decode(encode(construct(), 7))
    return decode_gsm7(decoded.short_message)


def steps() -> dict[str, Callable[[], object]]:
    made = construct()
    octets, septets = encode(made, 7), made.short_message
    return {
        "pair": pair,
        "construct": lambda: SubmitSm(
            source_addr="12025550100", destination_addr="13105550120", short_message=septets
        ),
        "encode": lambda: encode(made, 7),
        "decode": lambda: decode(octets),
        "text": lambda: decode_gsm7(encode_gsm7(TEXT)),
    }


def time_us(step: Callable[[], object], seconds: float) -> float:
    """Microseconds a call, over about this many seconds."""
    calls, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds or not calls:
        for _ in range(BATCH):
            step()
        calls += BATCH
    return spent / calls * 1e6


def run(seconds: float = 3.0) -> dict[str, Any]:
    """Medians in microseconds, and whole pairs a second."""
    assert pair() == TEXT
    each = seconds / (ROUNDS * len(steps()))
    taken: dict[str, list[float]] = {name: [] for name in steps()}
    calibrations = []
    for _ in range(ROUNDS):
        calibrations.append(calibration_us())
        for name, step in steps().items():
            taken[name].append(time_us(step, each))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return {
        "pairs_per_second": round(1e6 / medians["pair"]),
        "best_pairs_per_second": round(1e6 / min(taken["pair"])),
        **{f"{name}_us": round(value, 2) for name, value in medians.items()},
        "calibration_us": round(statistics.median(calibrations)),
    }


if __name__ == "__main__":
    print(json.dumps(run(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)))
