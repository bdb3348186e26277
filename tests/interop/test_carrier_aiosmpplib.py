"""aiosmpplib as the ESME of our mock carrier; its correlator walks all messages at every step, ours none."""

import asyncio

import pytest
from aiosmpplib import ESME, PhoneNumber, SubmitSm
from aiosmpplib.correlator import SimpleCorrelator
from aiosmpplib.hook import AbstractHook
from aiosmpplib.state import NPI, TON

from gateway.testing.carriers import running_carrier

TEXTS = 1_000


class ConstantTimeCorrelator(SimpleCorrelator):
    async def _remove_expired(self):
        """Nothing expires within a test."""


class Counting(AbstractHook):
    def __init__(self):
        self.accepted, self.receipts, self.errors = set(), {}, []
        self.done = asyncio.Event()

    async def sending(self, smpp_message, pdu, client_id):
        pass

    async def received(self, smpp_message, pdu, client_id):
        name = type(smpp_message).__name__
        if name == "SubmitSmResp":
            assert smpp_message.command_status == 0
            self.accepted.add(smpp_message.log_id)
        elif name == "DeliverSm" and smpp_message.is_receipt():
            self.receipts[smpp_message.log_id] = smpp_message.parse_receipt()["stat"]
        if len(self.receipts) == TEXTS:
            self.done.set()

    async def send_error(self, smpp_message, error, client_id):
        self.errors.append(error)
        self.done.set()


# Its writer is left to the garbage collector, after the loop it belongs to.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_thousand_texts_with_receipts():
    hook = Counting()
    async with running_carrier("tmobile", receipt_latency={"seconds": 0.2}) as carrier:
        esme = ESME(
            "127.0.0.1",
            carrier.port,
            "guest",
            "guest",
            hook=hook,
            correlator=ConstantTimeCorrelator("test"),
            log_level="ERROR",
        )
        running = asyncio.create_task(esme.start())
        for number in range(TEXTS):
            await esme.broker.enqueue(
                SubmitSm(
                    short_message=f"text {number}",
                    source=PhoneNumber("12025550190", TON.INTERNATIONAL, NPI.ISDN),
                    destination=PhoneNumber(f"1310555{2000 + number}", TON.INTERNATIONAL, NPI.ISDN),
                    log_id=str(number),
                )
            )
        async with asyncio.timeout(60):
            await hook.done.wait()
        await esme.stop()
        await asyncio.wait({running}, timeout=5)
        running.cancel()
        assert carrier.state().waiting == 0
    assert hook.errors == []
    everyone = {str(number) for number in range(TEXTS)}
    assert hook.accepted == everyone
    assert set(hook.receipts) == everyone
    assert set(hook.receipts.values()) == {"DELIVRD"}
