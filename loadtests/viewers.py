"""What a viewer of the stream costs the gateway: `python -m loadtests.viewers [--frame-bytes 16384]`.

The event stream alone, fed as a gateway feeds it: every text is accepted, queued, submitted and delivered.
Process time is measured with no viewer, one, ten and fifty, and what each viewer got is counted. The last line
is one JSON object.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from gateway.messages.events import MessageAccepted, MessageDelivered, MessageQueued, MessageSubmitted
from gateway.messages.model import Direction, Message, State
from gateway.runtime.bus import Bus
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.stream import EventStream, Viewer
from gateway.runtime.http.stream_serving import sse_frame

KINDS = (
    (MessageAccepted, State.ACCEPTED),
    (MessageQueued, State.QUEUED),
    (MessageSubmitted, State.SUBMITTED),
    (MessageDelivered, State.DELIVERED),
)
VIEWERS = (0, 1, 10, 50)
TICK_S = 0.01
START_NS = 1_790_000_000_000_000_000


@dataclass
class Got:
    """What one viewer got."""

    frames: int = 0
    octets: int = 0
    events: int = 0
    largest: int = 0
    lost: int = 0


def text(number: int) -> Message:
    """A text of the demo's practice."""
    return Message(
        id=number,
        direction=Direction.OUTBOUND,
        state=State.ACCEPTED,
        source="+12025550100",
        destination=f"+1310555{number % 10_000:04d}",
        text=f"Acme Dental: your appointment number {number} is tomorrow at 10:30.",
        encoding="gsm7",
        segments=1,
        carrier="tmobile",
        created_ns=START_NS + number,
        release_ns=START_NS + number,
        expires_ns=START_NS + 86_400_000_000_000,
        updated_ns=START_NS + number,
        organization_id="acme-dental",
        person_id="alice",
    )


async def watch(viewer: Viewer, got: Got) -> None:
    """Take frames as the stream's route does, until the stream closes."""
    while (batch := await viewer.next_batch()) is not None:
        frame = sse_frame(batch)
        got.frames += 1
        got.octets += len(frame)
        got.largest = max(got.largest, len(frame))
        got.events += len(batch.entries)
        got.lost += sum(batch.lost.values())


async def run(viewers: int, texts: int, seconds: float, frame_bytes: int | None) -> dict[str, Any]:
    """One measurement."""
    bus = Bus()
    stream = EventStream(bus)
    principal = Principal("demo-admin", "admin", "acme-dental", None)
    got = [Got() for _ in range(viewers)]
    opened = [stream.open(principal, frame_bytes=frame_bytes) for _ in got]
    tasks = [asyncio.create_task(watch(viewer, each)) for viewer, each in zip(opened, got, strict=True)]
    began, busy = time.perf_counter(), time.process_time()
    number = 0
    while (elapsed := time.perf_counter() - began) < seconds:
        due = int(elapsed * texts)
        for number in range(number, due):  # noqa: B020 - goes on where it was
            message = text(number)
            for kind, state in KINDS:
                bus.publish(kind(message, state))
        number = due
        await asyncio.sleep(TICK_S)
    cpu_s = time.process_time() - busy
    totals = Counter[str]()
    for each in got:
        totals.update(vars(each))
    stream.close()
    await asyncio.gather(*tasks)
    share = max(viewers, 1) * seconds
    return {
        "viewers": viewers,
        "texts": number,
        "cpu_percent": round(100 * cpu_s / seconds, 2),
        "frames_per_second": round(totals["frames"] / share, 1),
        "kib_per_second": round(totals["octets"] / share / 1024, 1),
        "largest_frame_bytes": max((each.largest for each in got), default=0),
        "events_per_second": round(totals["events"] / share),
        "counted_only_per_second": round(totals["lost"] / share),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2000, help="texts a second, four events each")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--frame-bytes", type=int, help="as the page asks: 16384; else the stream's 64 KiB")
    options = parser.parse_args()
    rows = [
        asyncio.run(run(viewers, options.texts, options.seconds, options.frame_bytes)) for viewers in VIEWERS
    ]
    none = rows[0]["cpu_percent"]
    for row in rows:
        extra = row["cpu_percent"] - none
        row["cpu_percent_per_viewer"] = round(extra / row["viewers"], 2) if row["viewers"] else 0.0
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(json.dumps({"viewers": rows}))


if __name__ == "__main__":
    main()
