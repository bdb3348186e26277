"""smpp34 (Rust) as the ESME of our mock carrier, every kind of bind."""

import asyncio

import pytest
import smpp34

from gateway.smpp.receipt import read_receipt
from gateway.testing.carriers import running_carrier

TEXTS = 1_000


async def client(carrier, bind_type):
    made = smpp34.Client(
        host="127.0.0.1",
        port=carrier.port,
        system_id="guest",
        password="guest",
        bind_type=bind_type,
        window_size=50,
    )
    return await made.connect(), made


async def submit_all(smsc):
    limit = asyncio.Semaphore(50)

    async def submit(number):
        async with limit:
            response = await smsc.submit_sm(
                f"1310555{2000 + number}",
                f"text {number}".encode(),
                source_addr="12025550190",
                source_addr_ton=1,
                source_addr_npi=1,
                dest_addr_ton=1,
                dest_addr_npi=1,
                registered_delivery=1,
            )
            assert response.is_success
            return response.message_id

    return await asyncio.gather(*(submit(number) for number in range(TEXTS)))


async def receipts(smsc):
    found = {}
    async with asyncio.timeout(60):
        while len(found) < TEXTS:
            event = await smsc.next()
            assert isinstance(event, smpp34.DeliverSmEvent)
            receipt = read_receipt(event.short_message, esm_class=event.esm_class)
            assert receipt.message_id not in found
            found[receipt.message_id] = receipt.state.name
    return found


@pytest.mark.parametrize("carrier_name", ["tmobile", "att", "verizon"])
async def test_a_thousand_texts_with_receipts(carrier_name):
    async with running_carrier(carrier_name, receipt_latency={"seconds": 0.2}) as carrier:
        smsc, owner = await client(carrier, "TRX")
        ids, found = await asyncio.gather(submit_all(smsc), receipts(smsc))
        await smsc.unbind()
        await owner.stop()
    assert len(set(ids)) == TEXTS
    assert found == dict.fromkeys(ids, "DELIVERED")


async def test_transmitter_and_receiver():
    async with running_carrier("tmobile", receipt_latency={"seconds": 0.2}) as carrier:
        sender, first = await client(carrier, "TX")
        receiver, second = await client(carrier, "RX")
        ids, found = await asyncio.gather(submit_all(sender), receipts(receiver))
        for smsc, owner in ((sender, first), (receiver, second)):
            await smsc.unbind()
            await owner.stop()
    assert found == dict.fromkeys(ids, "DELIVERED")
