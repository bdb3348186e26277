"""A receiver of callbacks for the benchmarks: answers 200 at once, counts, and writes the count on SIGTERM."""

import argparse
import asyncio
import json
import os
import signal
import time
from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"


class Counter:
    """What all connections share."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0


class Receiver(asyncio.Protocol):
    """HTTP/1.1 as far as a callback needs it: requests with or without a body, pipelined or not."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        answered = 0
        while (head := self.buffer.find(b"\r\n\r\n")) >= 0:
            at = self.buffer[:head].lower().find(b"content-length:")
            length = int(self.buffer[at + 15 : head].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < head + 4 + length:
                break
            self.buffer = self.buffer[head + 4 + length :]
            answered += 1
        if answered:
            self.counter.count += answered
            self.counter.last = time.monotonic()
            self.transport.write(ANSWER * answered)  # type: ignore[attr-defined]


async def main(port: int, out: Path) -> None:
    """Serve until SIGTERM."""
    counter = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Receiver(counter), "127.0.0.1", port)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()
    out.write_text(json.dumps({"count": counter.count, "last": counter.last}))


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--out", type=Path, default=Path(os.devnull))
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(arguments.port, arguments.out))
