"""A capture written by people through a whole gateway, and a gateway's own capture replayed."""

import asyncio
from typing import Any

from gateway.replay.run import Replay, ReplayOptions
from gateway.smpp import pdu as p
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import encode
from gateway.smpp.receipt import write_receipt
from gateway.smpp.segment import segment_text
from gateway.testing.captures import START_NS, conversation, pcap_file


def script(texts: dict[str, tuple[str, MessageState]]) -> list[tuple[bool, bytes]]:
    """Submits to handsets with their receipts, from a number the world will replace."""
    out, sequence = [], 0
    for destination, (text, state) in texts.items():
        for part in segment_text(text, 9):
            sequence += 1
            submit = p.SubmitSm(
                source_addr="14045550177", source_addr_ton=1, destination_addr=destination, dest_addr_ton=1,
                registered_delivery=1, esm_class=part.esm_class, data_coding=part.data_coding,
                short_message=part.short_message,
            )  # fmt: skip
            written = write_receipt(f"m{sequence}", state, submitted_ns=START_NS, done_ns=START_NS)
            receipt = p.DeliverSm(
                source_addr=destination, destination_addr="14045550177", esm_class=written.esm_class,
                short_message=written.short_message, tlvs=written.tlvs,
            )  # fmt: skip
            out += [
                (True, encode(submit, sequence)),
                (False, encode(p.SubmitSmResp(message_id=f"m{sequence}"), sequence)),
                (False, encode(receipt, sequence)),
            ]
    return out


async def test_people_write_what_was_captured(world: Any, tmp_path: Any) -> None:
    texts = {
        "13105550125": ("hello", MessageState.DELIVERED),
        "13105550126": ("long story " * 30, MessageState.DELIVERED),
        "13105550127": ("no emoji please \U0001f600", MessageState.DELIVERED),
    }
    capture = tmp_path / "users.pcap"
    capture.write_bytes(pcap_file(conversation(script(texts))))
    (tmp_path / "world.yaml").write_text("directory: {organizations: {a: {numbers: {'+12025550100': {}}}}}")
    options = ReplayOptions(
        capture,
        "users",
        target=world.service.http.url,
        world=str(tmp_path / "world.yaml"),
        speed=None,
        grace_s=25,
    )
    report = await asyncio.wait_for(Replay(options).run(), 60)
    assert report.summary.messages == 3
    assert report.summary.refused == {"emoji_not_supported": 1}
    assert report.summary.accepted == 2
