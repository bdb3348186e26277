"""A closed-loop HTTP/1.1 driver for the benchmarks: keep-alive connections, one request outstanding on each.

It runs in a process of its own and prints one JSON object: per request the moment it was sent and answered
(CLOCK_MONOTONIC seconds, comparable between processes of one machine) and the status.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.load.http1 import HttpConnection, request_octets

Request = Callable[[int], bytes]


class Run:
    """What all connections share: the numbers still to send and the log of what happened."""

    def __init__(self, total: int, request: Request) -> None:
        self.numbers: Iterator[int] = iter(range(total))
        self.request = request
        self.sent = [0.0] * total
        self.answered = [0.0] * total
        self.status = [0] * total
        self.left = total
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def finish_one(self) -> None:
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)


class Connection:
    """One keep-alive connection of the product's load generator: sends the next number once the last is answered."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.number = -1
        self.wire = HttpConnection(self.answered, self.lost)

    def protocol(self) -> HttpConnection:
        """What the event loop connects."""
        return self.wire

    def send_next(self) -> None:
        self.number = next(self.run.numbers, -1)
        if self.number < 0:
            self.wire.abort()
            return
        request = self.run.request(self.number)
        self.run.sent[self.number] = time.monotonic()
        self.wire.request(request)

    def answered(self, wire: HttpConnection, status: int, body: bytes) -> None:
        self.run.answered[self.number] = time.monotonic()
        self.run.status[self.number] = status
        self.run.finish_one()
        self.send_next()

    def lost(self, wire: HttpConnection) -> None:
        if self.number >= 0 and not self.run.done.done():
            self.run.done.set_exception(ConnectionError(f"the server closed request {self.number}"))


async def drive(host: str, port: int, total: int, connections: int, request: Request) -> Run:
    """Send `total` requests over `connections`; returns when the last one is answered."""
    loop = asyncio.get_running_loop()
    run = Run(total, request)
    made = [Connection(run) for _ in range(connections)]
    await asyncio.gather(*(loop.create_connection(one.protocol, host, port) for one in made))
    for one in made:
        one.send_next()
    await run.done
    return run


def post(path: str, token: str, body: bytes, host: str = "127.0.0.1") -> bytes:
    """A POST of JSON with a bearer token, as bytes."""
    headers = (("Authorization", f"Bearer {token}"), ("Content-Type", "application/json"))
    return request_octets("POST", path, host, body, headers)


def get(path: str, host: str = "127.0.0.1") -> bytes:
    """A GET, as bytes."""
    return request_octets("GET", path, host)


def source(number: int, senders: int) -> str:
    """The sending number of message `number`: every sender in turn (the generated world of bench.yaml)."""
    return f"+{12_025_600_000 + number % senders}"


def gateway_request(args: argparse.Namespace) -> Request:
    """One text per request, or `--bulk` texts per request."""

    def one(number: int) -> dict[str, str]:
        return {
            "from": source(number, args.senders),
            "to": f"+1310{2_000_000 + number % 500_000:07d}",
            "text": f"n{number:08d} your appointment is tomorrow at ten, reply C to confirm",
        }

    def single(number: int) -> bytes:
        return post("/v1/messages", args.token, json.dumps(one(args.first + number)).encode())

    def bulk(number: int) -> bytes:
        first = args.first + number * args.bulk
        body = json.dumps([one(first + index) for index in range(args.bulk)])
        return post("/v1/messages/bulk", args.token, body.encode())

    return bulk if args.bulk > 1 else single


def kannel_request(args: argparse.Namespace) -> Request:
    """Kannel's sendsms; with `--callback` it asks for receipts to be posted there."""
    extra = ""
    if args.callback:
        extra = f"&dlr-mask=3&dlr-url=http%3A%2F%2F127.0.0.1%3A{args.callback}%2Fdlr%3Fs%3D%25d"

    def single(number: int) -> bytes:
        number += args.first
        sender = source(number, args.senders)[1:]
        return get(
            f"/cgi-bin/sendsms?username=bench&password=bench&from=%2B{sender}"
            f"&to=%2B1310{2_000_000 + number % 500_000:07d}"
            f"&text=n{number:08d}+your+appointment+is+tomorrow+at+ten,+reply+C+to+confirm{extra}"
        )

    return single


def jasmin_request(args: argparse.Namespace) -> Request:
    """Jasmin's /send."""

    def single(number: int) -> bytes:
        number += args.first
        sender = source(number, args.senders)[1:]
        return get(
            f"/send?username=bench&password=bench&from={sender}&to=1310{2_000_000 + number % 500_000:07d}"
            f"&content=n{number:08d}+your+appointment+is+tomorrow+at+ten,+reply+C+to+confirm"
        )

    return single


async def main(args: argparse.Namespace) -> None:
    """Drive and write what happened as JSON."""
    builders = {"gateway": gateway_request, "kannel": kannel_request, "jasmin": jasmin_request}
    build = builders[args.target](args)
    requests = args.total // max(1, args.bulk)
    run = await drive("127.0.0.1", args.port, requests, args.connections, build)
    result = {"sent": run.sent, "answered": run.answered, "status": run.status}
    Path(args.out).write_text(json.dumps(result))


def parse(argv: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=["gateway", "kannel", "jasmin"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--total", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first text")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--bulk", type=int, default=1)
    parser.add_argument("--senders", type=int, default=5_000)
    parser.add_argument("--token", default="demo-admin")
    parser.add_argument("--callback", type=int, default=0)
    parser.add_argument("--out", required=True)
    return parser.parse_args(argv)


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(parse(sys.argv[1:])))
