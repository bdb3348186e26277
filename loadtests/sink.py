"""The carrier of the benchmarks: accepts every submit_sm at once and notes when it came.

A process of its own. Numbers each text by the `n00000123` it begins with; with `--receipts` every text is followed by
a DELIVRD receipt on the same bind. On SIGTERM it writes `{"arrived": [[number, monotonic seconds], …]}`.
"""

import argparse
import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from gateway.smpp.aio import ConnectionSettings, SmppConnection, SmppHandler, serve
from gateway.smpp.pdu import Bind, DeliverSm, Pdu, SubmitSm, response_to
from gateway.smpp.session import SessionSettings

WINDOW = 2_000


class Sink(SmppHandler):
    """Accepts everything; one for all connections."""

    def __init__(self, receipts: bool) -> None:
        self.receipts = receipts
        self.arrived: list[tuple[int, float]] = []
        self.last_id = 0
        self.due: list[tuple[SmppConnection, DeliverSm]] = []

    def on_bind(self, connection: SmppConnection, pdu: Bind) -> Pdu:
        return response_to(pdu, system_id="sink")

    def on_request(self, connection: SmppConnection, pdu: Pdu) -> Pdu:
        if not isinstance(pdu, SubmitSm):
            return response_to(pdu)
        text = pdu.short_message
        self.arrived.append((int(text[1:9]) if text[:1] == b"n" else -1, time.monotonic()))
        self.last_id += 1
        if self.receipts and pdu.registered_delivery & 3:
            if not self.due:
                asyncio.get_running_loop().call_later(0.005, self.deliver)
            self.due.append((connection, self.receipt(pdu)))
        return response_to(pdu, message_id=str(self.last_id))

    def receipt(self, pdu: SubmitSm) -> DeliverSm:
        text = (
            f"id:{self.last_id} sub:001 dlvrd:001 submit date:2611210900 done date:2611210901 "
            f"stat:DELIVRD err:000 text:{pdu.short_message[:20].decode('latin-1')}"
        )
        return DeliverSm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=pdu.destination_addr,
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=pdu.source_addr,
            esm_class=4,
            short_message=text.encode("latin-1"),
        )

    def deliver(self) -> None:
        """Send what is due, as far as the windows let it; the rest a little later."""
        due, self.due = self.due, []
        for connection, pdu in due:
            if connection.window_free:
                connection.submit_nowait(pdu, ignore)
            else:
                self.due.append((connection, pdu))
        if self.due:
            asyncio.get_running_loop().call_later(0.002, self.deliver)


def ignore(context: Any, outcome: Any) -> None:
    """Nobody cares how the gateway answers a receipt here."""


async def main(args: argparse.Namespace) -> None:
    """Serve until SIGTERM, then write what arrived."""
    sink = Sink(args.receipts)
    settings = ConnectionSettings(session=SessionSettings(window=WINDOW, receive_window=WINDOW))
    server = await serve("127.0.0.1", args.port, handler_factory=lambda connection: sink, settings=settings)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    Path(args.out).write_text(json.dumps({"arrived": sink.arrived}))
    await server.close()


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--receipts", action="store_true")
    parser.add_argument("--out", default=os.devnull, help="where to write what arrived")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(parser.parse_args()))
