"""Replays held to their promises: a synthetic day at maximum, memory, and decisions at any speed.

    python -m loadtests.replay day                    # 86,400 messages at maximum, in seconds
    python -m loadtests.replay memory                 # peak memory of 10,000 messages and of many more
    python -m loadtests.replay decisions --minutes 5 --speed 1
    python -m loadtests.replay decisions --minutes 60 --speed 60

Captures are made on the fly from a seed and kept nowhere; the last line of output is one JSON object.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from gateway.replay.command import GC_THRESHOLDS
from gateway.replay.options import ReplayOptions
from gateway.replay.pcap import Endpoint, PcapWriter
from gateway.replay.report import Report
from gateway.replay.run import Replay
from gateway.runtime.config import find_config
from gateway.runtime.interrupts import run
from gateway.smpp import pdu as p
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import encode
from gateway.smpp.receipt import write_receipt
from gateway.smpp.segment import segment_text
from gateway.testing.texting import running_gateway

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
CLIENT, SERVER = Endpoint("10.0.0.1", 40_000), Endpoint("10.0.0.2", 2775)
TEXTS = ("Your appointment is at ten.", "Your parcel has been left at the door. Reply STOP to opt out.",
         "Dinner at eight? " * 12)  # fmt: skip


NARROW = """
include: {include}
profile:
  caps: {{throughput: 5, campaign_minute: {{classes: {{A: 150}}, default: 150}}}}
"""
"""A carrier whose windows a few texts a second overflow: both ends of its minutes, and its throughput."""


def write_capture(stream: BinaryIO, messages: int, *, every_ns: int, senders: int, seed: int = 7) -> int:
    """A pcap of one ESME's session: submits, answers, receipts, replies; returns how many submits it holds."""
    chance = random.Random(seed)
    flow = PcapWriter(stream).flow(CLIENT, SERVER, START_NS)
    flow.write(encode(p.BindTransceiver(system_id="guest", password="guest"), 1), START_NS, from_client=True)
    flow.write(encode(p.BindTransceiverResp(system_id="carrier"), 1), START_NS, from_client=False)
    at_ns, sequence, theirs = START_NS, 1, 0
    for number in range(messages):
        at_ns += int(chance.expovariate(1) * every_ns)
        submit = p.SubmitSm(
            source_addr=f"1202555{number % senders:04}", source_addr_ton=1, source_addr_npi=1,
            destination_addr=f"1310555{chance.randrange(10_000):04}", dest_addr_ton=1, dest_addr_npi=1,
            registered_delivery=1,
        )  # fmt: skip
        parts = segment_text(TEXTS[0 if chance.random() < 0.7 else chance.randrange(3)], number & 0xFF)
        for part in parts:
            sequence += 1
            message_id = f"{sequence:010}"
            sent = replace(submit, short_message=part.short_message, esm_class=part.esm_class)
            flow.write(encode(sent, sequence), at_ns, from_client=True)
            flow.write(encode(p.SubmitSmResp(message_id=message_id), sequence), at_ns + 20_000_000,
                       from_client=False)  # fmt: skip
            written = write_receipt(
                message_id, MessageState.DELIVERED, submitted_ns=at_ns, done_ns=at_ns + SECOND_NS // 2
            )
            theirs += 1
            receipt = p.DeliverSm(
                source_addr=submit.destination_addr, destination_addr=submit.source_addr,
                esm_class=written.esm_class, short_message=written.short_message, tlvs=written.tlvs,
            )  # fmt: skip
            flow.write(encode(receipt, theirs), at_ns + SECOND_NS // 2, from_client=False)
            flow.write(encode(p.DeliverSmResp(), theirs), at_ns + SECOND_NS // 2 + 1_000, from_client=True)
    flow.close(at_ns + SECOND_NS)
    return sequence - 1


def make_capture(messages: int, *, every_ns: int, senders: int) -> Path:
    """A capture in a temporary file of its own."""
    descriptor, name = tempfile.mkstemp(suffix=".pcap")
    with os.fdopen(descriptor, "wb", 1 << 20) as stream:
        write_capture(stream, messages, every_ns=every_ns, senders=senders)
    return Path(name)


def run_replay(file: Path, **changes: Any) -> tuple[Report, float]:
    """Replay a capture as its ESME against a mock carrier in this process; the report and real seconds."""
    options = replace(ReplayOptions(file, "esme", speed=None, world="auto", carrier="verizon"), **changes)
    begun = time.perf_counter()
    report = run(Replay(options, open_gateway=running_gateway).run())
    return report, time.perf_counter() - begun


def peak_mib() -> float:
    """The most memory this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def day(arguments: argparse.Namespace) -> dict[str, Any]:
    """A day of a text a second, as fast as possible."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    file = make_capture(arguments.messages, every_ns=SECOND_NS, senders=200)
    try:
        report, took_s = run_replay(file)
        size = file.stat().st_size
    finally:
        file.unlink()
    return {
        "messages": arguments.messages, "submits": report.summary.messages, "pdus": report.pdus,
        "captureMib": round(size / 1048576, 1), "seconds": round(took_s, 2),
        "submitsPerSecond": round(report.summary.messages / took_s), "peakMib": round(peak_mib()),
        "ok": report.passed, "different": report.summary.different,
    }  # fmt: skip


def decisions(arguments: argparse.Namespace) -> dict[str, Any]:
    """One capture at a speed and at maximum, against a carrier with narrow limits: message by message."""
    messages = int(arguments.minutes * 60 * arguments.rate)
    file = make_capture(messages, every_ns=int(SECOND_NS / arguments.rate), senders=arguments.senders)
    golden, narrow = file.with_suffix(".golden"), file.with_suffix(".yaml")
    narrow.write_text(NARROW.format(include=find_config("carriers/att.yaml")), encoding="utf-8")
    options: dict[str, Any] = {"role": arguments.role, "carrier": str(narrow), "expect": golden}
    try:
        fast, _ = run_replay(file, **options, update=True)
        paced, took_s = run_replay(file, **options, speed=arguments.speed)
    finally:
        file.unlink()
        golden.unlink(missing_ok=True)
        narrow.unlink()
    documents = [{**one.to_dict(), "speed": "", "against": ""} for one in (fast, paced)]
    for each in documents:  # one run judges, the other writes what it is judged by
        for name in ("ok", "different", "differences", "differencesByKind"):
            each.pop(name)
    return {
        "minutes": arguments.minutes, "speed": arguments.speed, "role": arguments.role,
        "messages": paced.summary.messages, "accepted": paced.summary.accepted,
        "refused": dict(paced.summary.refused), "receipts": dict(paced.summary.receipts),
        "goldenDifferent": paced.summary.different, "seconds": round(took_s, 1),
        "sameReport": documents[0] == documents[1],
        "ok": paced.passed and documents[0] == documents[1],
    }  # fmt: skip


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of a replay of few messages and of many, each in a process of its own."""
    peaks = []
    for messages in (10_000, arguments.messages):
        command = [sys.executable, "-m", "loadtests.replay", "day", "--messages", str(messages)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(json.loads(done.stdout.splitlines()[-1]))
    few, many = (peak["peakMib"] for peak in peaks)
    return {"messages": arguments.messages, "peakMibOf10000": few, "peakMib": many, "ok": many <= few * 1.1}


def main() -> None:
    """Run one of the checks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    checks = parser.add_subparsers(required=True)
    one = checks.add_parser("day")
    one.add_argument("--messages", type=int, default=86_400)
    one.set_defaults(check=day)
    one = checks.add_parser("memory")
    one.add_argument("--messages", type=int, default=200_000)
    one.set_defaults(check=memory)
    one = checks.add_parser("decisions")
    one.add_argument("--minutes", type=float, default=5)
    one.add_argument("--speed", type=float, default=1)
    one.add_argument("--rate", type=float, default=4, help="texts a second")
    one.add_argument("--senders", type=int, default=4)
    one.add_argument("--role", choices=("esme", "users"), default="esme")
    one.set_defaults(check=decisions)
    arguments = parser.parse_args()
    result = arguments.check(arguments)
    print(json.dumps(result))
    sys.exit(0 if result["ok"] else 1)


if __name__ == "__main__":
    main()
