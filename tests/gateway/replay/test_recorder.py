"""Captures of a running gateway: files change at their size, the latest stay, texts can be masked."""

import json

import pytest

from gateway.messages.events import MessageRefused
from gateway.replay.formats import open_trace
from gateway.replay.pcap import Endpoint
from gateway.replay.recorder import CaptureFormat, Recorder, masked_frame
from gateway.replay.trace import PartUnreadable, PduCaptured
from gateway.smpp.constants import MessageState, Tag
from gateway.smpp.pdu import DataSm, DeliverSm, SubmitSm, decode, encode
from gateway.smpp.receipt import read_receipt, write_receipt
from gateway.smpp.session import Direction
from gateway.smpp.tlv import Tlv

SECRET = b"the safe is behind the mirror"
START_NS = 1_790_000_000 * 10**9
LIMIT = 4_000


class Taps:
    """A recorder and what it listens to."""

    def __init__(self, folder):
        self.tap = None
        self.recorder = Recorder(
            folder, lambda: START_NS, self._set, lambda carrier: Endpoint("127.0.0.1", 2775)
        )

    def _set(self, tap):
        self.tap = tap

    def submit(self, number):
        submit = SubmitSm(source_addr="1", destination_addr="2", short_message=b"text %03d" % number)
        self.tap("tmobile", "link", Direction.OUT, encode(submit, number), submit, 0.0)


@pytest.fixture
def taps(tmp_path):
    return Taps(tmp_path / "captures")


def numbers(files):
    """What the submits in these files say, each file read by itself."""
    found = []
    for file in files:
        with open_trace(file) as opened:
            events = list(opened.trace)
        assert not any(isinstance(event, PartUnreadable) for event in events)
        found += [int(event.pdu.short_message[5:]) for event in events if isinstance(event, PduCaptured)]
    return found


@pytest.mark.parametrize("form", CaptureFormat)
def test_files_change_at_the_size_they_have_on_disk(taps, form):
    capture = taps.recorder.start("c", format=form, rotate_bytes=LIMIT)
    for number in range(100):
        taps.submit(number)
    taps.recorder.stop("c")
    *full, _ = sizes = [file.stat().st_size for file in capture.files]
    assert len(sizes) > 2
    assert all(LIMIT <= size < LIMIT + 600 for size in full)
    assert numbers(capture.files) == list(range(100))


@pytest.mark.parametrize("form", CaptureFormat)
def test_of_many_files_the_latest_stay(taps, tmp_path, form):
    capture = taps.recorder.start("c", format=form, rotate_bytes=LIMIT, max_files=2)
    for number in range(200):
        taps.submit(number)
    taps.recorder.stop("c")
    assert sorted((tmp_path / "captures").iterdir()) == capture.files
    assert len(capture.files) == 2
    kept = numbers(capture.files)
    assert kept == list(range(kept[0], 200))
    assert kept[0] > 50
    assert capture.begun > 4


def test_verdicts_count_for_the_size_of_a_file(taps):
    capture = taps.recorder.start("c", format=CaptureFormat.JSONL, rotate_bytes=LIMIT)
    for _ in range(100):
        taps.recorder._judged(MessageRefused("throttled_person", "gateway", 429))
    taps.recorder.stop("c")
    assert len(capture.files) > 1
    lines = [json.loads(line) for file in capture.files for line in file.read_text().splitlines()]
    assert [line["code"] for line in lines] == ["throttled_person"] * 100


def receipt(**changes):
    written = write_receipt(
        "id1", MessageState.DELIVERED, submitted_ns=START_NS, done_ns=START_NS, text=SECRET
    )
    return written, {"source_addr": "2", "destination_addr": "1", "esm_class": written.esm_class, **changes}


def test_a_receipt_is_masked_where_it_quotes_its_text():
    written, fields = receipt()
    for pdu in (
        DeliverSm(**fields, short_message=written.short_message, tlvs=written.tlvs),
        DataSm(**fields, tlvs=(*written.tlvs, Tlv(int(Tag.MESSAGE_PAYLOAD), written.short_message))),
    ):
        assert SECRET[:20] in encode(pdu, 1)
        masked = masked_frame(encode(pdu, 1), pdu)
        assert SECRET[:5] not in masked
        assert len(masked) == len(encode(pdu, 1))
        found = decode(masked)
        octets = getattr(found, "short_message", b"") or found.tlvs[-1].value
        read = read_receipt(octets, esm_class=found.esm_class, tlvs=found.tlvs)
        assert (read.message_id, read.state) == ("id1", MessageState.DELIVERED)


def test_a_text_is_masked_wherever_it_stands():
    header = bytes((5, 0, 3, 1, 2, 1))
    for pdu in (
        SubmitSm(short_message=SECRET),
        SubmitSm(esm_class=0x40, short_message=header + SECRET),
        SubmitSm(tlvs=(Tlv(int(Tag.MESSAGE_PAYLOAD), SECRET),)),
    ):
        frame = encode(pdu, 7)
        assert masked_frame(frame, decode(frame)) == frame.replace(SECRET, b"*" * len(SECRET))
    assert masked_frame(b"\0\0\0\x14" + bytes(12) + SECRET, None) == b"\0\0\0\x10" + bytes(12)
