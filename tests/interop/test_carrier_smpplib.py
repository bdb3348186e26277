"""smpplib (blocking) as the ESME of our mock carrier."""

import asyncio

import smpplib.client
import smpplib.consts

from gateway.smpp.receipt import read_receipt
from gateway.testing.carriers import running_carrier

TEXTS = 1_000
WINDOW = 50


def send_all(port):
    """Run in a thread: smpplib reads and writes one socket by turns."""
    accepted, receipts = [], {}
    client = smpplib.client.Client("127.0.0.1", port, allow_unknown_opt_params=True, timeout=20)
    client.set_message_sent_handler(lambda pdu: accepted.append(pdu.message_id.decode()))

    def on_message(pdu):
        receipt = read_receipt(pdu.short_message, esm_class=pdu.esm_class)
        assert receipt.message_id == pdu.receipted_message_id.decode().rstrip("\0")
        receipts[receipt.message_id] = receipt.state.name

    client.set_message_received_handler(on_message)
    client.connect()
    client.bind_transceiver(system_id="guest", password="guest")
    for number in range(TEXTS):
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_INTL,
            source_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            source_addr="12025550190",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            destination_addr=f"1310555{2000 + number}",
            short_message=f"text {number}".encode(),
            registered_delivery=True,
        )
        while number - len(accepted) >= WINDOW:
            client.read_once()
    while len(receipts) < TEXTS:
        client.read_once()
    client.unbind()
    client.disconnect()
    return accepted, receipts


async def test_a_thousand_texts_with_receipts():
    async with running_carrier("tmobile", receipt_latency={"seconds": 0.2}) as carrier:
        async with asyncio.timeout(60):
            accepted, receipts = await asyncio.to_thread(send_all, carrier.port)
    assert len(set(accepted)) == TEXTS
    assert receipts == dict.fromkeys(accepted, "DELIVERED")
