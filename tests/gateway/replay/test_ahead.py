"""Reading ahead in another process changes nothing, and leaves nothing behind."""

import io
import os
import pickle
from pathlib import Path

import pytest

from gateway.replay import ahead
from gateway.replay.ahead import Order, ReadAhead, read_to
from gateway.replay.cast import Cast
from gateway.replay.numbers import Pseudonyms, same
from gateway.replay.options import ReplayOptions
from gateway.replay.run import Replay
from gateway.replay.story import RequestStep
from gateway.replay.trace import Side


@pytest.fixture
def capture(tmp_path: Path, make_capture) -> Path:
    return make_capture(tmp_path, 300, long=True)


async def test_the_report_is_the_same_to_the_octet(capture, monkeypatch):
    options = ReplayOptions(capture, "esme", speed=None, world="auto", pseudonyms=True)
    inline = await Replay(options).run()
    monkeypatch.setattr(ahead, "WORTH_BYTES", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    elsewhere = await Replay(options).run()
    assert elsewhere.to_json() == inline.to_json()
    assert elsewhere.pdus == inline.pdus > 1_000


def test_steps_come_in_order_and_the_process_ends(capture):
    reading = ReadAhead(Order(capture, Pseudonyms(3), same))
    steps = list(reading.steps())
    numbers = [step.number for step in steps if isinstance(step, RequestStep) and step.sender is Side.ESME]
    assert numbers == sorted(numbers)
    assert reading.tally.share == 1.0
    reading.close()
    reading.close()
    early = ReadAhead(Order(capture, same, same))
    next(early.steps())
    early.close()
    with pytest.raises((OSError, ValueError)):
        list(early.steps())


def test_what_no_sender_needs_stays_behind(capture):
    stream = io.BytesIO()
    read_to(Order(capture, Cast(["14045550177"]), same), stream)
    stream.seek(0)
    receipts, last = 0, None
    while True:
        batch, last = pickle.load(stream)
        if not batch:
            break
        for step in batch:
            if isinstance(step, RequestStep) and step.receipt is not None:
                receipts += 1
                assert not step.pdu.short_message
                assert step.receipt.text == b""
    assert receipts > 100
    assert last.pdus > 1_000
