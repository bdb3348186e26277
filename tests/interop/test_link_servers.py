"""Our links to carriers against servers that are not ours.

1,000 texts with receipts, none lost, none twice.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import smpp34

from gateway.esme.deliver import Acknowledge
from gateway.esme.pool import CarrierPool, SubmitOutcome, SubmitResult
from gateway.esme.settings import BackoffSettings, CarrierLinkSettings
from gateway.smpp.pdu import DataSm, DeliverSm, SubmitSm
from gateway.smpp.receipt import read_receipt

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".cache" / "node" / "node_modules"
TEXTS = 1_000


class Inbound:
    """Takes receipts; says durable a turn of the loop later."""

    def __init__(self) -> None:
        self.receipts: list[str] = []
        self.complete = asyncio.Event()

    def on_deliver(self, carrier: str, pdu: DeliverSm | DataSm, acknowledge: Acknowledge) -> None:
        assert isinstance(pdu, DeliverSm)
        receipt = read_receipt(pdu.short_message, tlvs=pdu.tlvs, esm_class=pdu.esm_class)
        self.receipts.append(receipt.message_id)
        if len(self.receipts) == TEXTS:
            self.complete.set()
        asyncio.get_running_loop().call_soon(acknowledge, 0)


async def thousand_texts(port: int, *, password: str, binds: int, window: int) -> None:
    """Send them through a pool, and find an id and a receipt for each."""
    inbound, results = Inbound(), {}
    settings = CarrierLinkSettings(
        port=port,
        system_id="gateway",
        password=password,  # type: ignore[arg-type]
        binds=binds,
        window=window,
        backoff=BackoffSettings(min_s=0.05, max_s=0.2),
    )
    pool = CarrierPool("stranger", settings, deliver=inbound)
    await pool.start()

    answered = asyncio.Event()

    def on_results(ended: list[tuple[int, SubmitResult]]) -> None:
        assert not results.keys() & dict(ended).keys()
        results.update(ended)
        if len(results) == TEXTS:
            answered.set()

    for number in range(TEXTS):
        pdu = SubmitSm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="12025550100",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=f"1310555{number:04}",
            registered_delivery=1,
            short_message=f"text {number}".encode(),
        )
        pool.submit(pdu, number % 200, on_results, number)
    async with asyncio.timeout(60):
        await answered.wait()
        await inbound.complete.wait()
    await pool.stop(wait_s=1.0)
    assert all(result.outcome is SubmitOutcome.ACCEPTED for result in results.values())
    ids = {result.message_id for result in results.values()}
    assert len(ids) == TEXTS
    assert sorted(inbound.receipts) == sorted(ids)


@asynccontextmanager
async def node_server(node: str) -> AsyncIterator[int]:
    """node's `smpp` as SMSC."""
    script = Path(__file__).parent / "node" / "smsc.js"
    process = await asyncio.create_subprocess_exec(
        node, str(script), str(MODULES), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


@pytest.mark.system("node")
@pytest.mark.parametrize(("binds", "window"), [(1, 10), (3, 100)])
async def test_node_smpp(tool, binds, window):
    if not (MODULES / "smpp").is_dir():
        assert not os.environ.get("CI"), "CI must have node's smpp package: `make node-peers` installs it"
        pytest.skip("needs node's smpp package: run `make node-peers`")
    async with node_server(tool("node")) as port:
        await thousand_texts(port, password="secret", binds=binds, window=window)


async def serve_smpp34(server: smpp34.Server) -> None:
    """Accept everything and deliver a receipt for each."""
    sessions: dict[str, smpp34.Esme] = {}
    count, tasks = 0, set()
    while True:
        event = await server.next()
        if isinstance(event, smpp34.Esme):
            sessions[event.session_id] = event
        elif isinstance(event, smpp34.SubmitSmEvent):
            count += 1
            event.accept(f"rust-{count}")
            receipt = (
                f"id:rust-{count} sub:001 dlvrd:001 submit date:2611210900 done date:2611210901 stat:DELIVRD"
            )
            deliver = sessions[event.session_id].deliver_sm(
                event.source_addr,
                receipt.encode(),
                source_addr=event.destination_addr,
                esm_class=4,
                tlvs=[smpp34.Tlv(0x001E, f"rust-{count}".encode() + b"\0"), smpp34.Tlv(0x0427, b"\2")],
            )
            task = asyncio.ensure_future(deliver)
            tasks.add(task)
            task.add_done_callback(tasks.discard)


@pytest.mark.parametrize(("binds", "window"), [(1, 10), (3, 50)])
async def test_smpp34(unused_tcp_port, binds, window):
    server = smpp34.Server("127.0.0.1", unused_tcp_port, system_id="rust")
    await server.start()
    serving = asyncio.ensure_future(serve_smpp34(server))
    try:
        await thousand_texts(unused_tcp_port, password="", binds=binds, window=window)
    finally:
        serving.cancel()
        await asyncio.wait((serving,))
        await server.stop()
