"""What a receipt costs while ten thousand, and while a million, texts wait for theirs: it should be the same."""

import json
import random
import statistics
import sys
import time
import tracemalloc
from typing import Any

from gateway.messages.correlation import Awaited, AwaitedReceipts
from gateway.smpp.receipt import canonical_id, id_candidates

HOUR_NS = 3_600_000_000_000
VALIDITY_NS = 72 * HOUR_NS
FEW, MANY = 10_000, 1_000_000
SAMPLE = 5_000


def filled(count: int) -> AwaitedReceipts:
    """That many segments waiting, expiring over a day."""
    awaited = AwaitedReceipts(VALIDITY_NS)
    for number in range(count):
        expires_ns = VALIDITY_NS + number * 24 * HOUR_NS // count
        smsc_id = canonical_id(f"{number:x}")
        awaited.expect(smsc_id, Awaited(number, 0, 1), "13105550120", expires_ns)
    return awaited


def cost_us(awaited: AwaitedReceipts, count: int, rng: random.Random) -> float:
    """Microseconds to match one waiting segment and to file another."""
    wanted = [f"{number:x}" for number in rng.sample(range(count), SAMPLE)]
    started = time.perf_counter()
    for smsc_id in wanted:
        found = awaited.match(id_candidates(smsc_id), "13105550120")
        assert found is not None
        awaited.expect(canonical_id(smsc_id), Awaited(*found[:3]), "13105550120", VALIDITY_NS)
    return (time.perf_counter() - started) * 1e6 / SAMPLE


def run(seconds: float = 5.0) -> dict[str, Any]:
    """Medians at both sizes, and what one waiting segment costs in memory."""
    rng = random.Random(7)
    tracemalloc.start()
    few = filled(FEW)
    bytes_each = tracemalloc.get_traced_memory()[0] / FEW
    tracemalloc.stop()
    many = filled(MANY)
    small: list[float] = []
    large: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or not small:
        small.append(cost_us(few, FEW, rng))
        large.append(cost_us(many, MANY, rng))
    small_us, large_us = statistics.median(small), statistics.median(large)
    return {
        "receipt_us_10k_waiting": round(small_us, 2),
        "receipt_us_1m_waiting": round(large_us, 2),
        "ratio": round(large_us / small_us, 2),
        "bytes_per_waiting": round(bytes_each),
    }


if __name__ == "__main__":
    print(json.dumps(run(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)))
