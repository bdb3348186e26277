"""A capture written by people through a whole gateway, and a gateway's own capture replayed."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.app import load_config
from gateway.replay.errors import WorldInvalid
from gateway.replay.options import ReplayOptions
from gateway.replay.run import Replay
from gateway.smpp import pdu as p
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import encode
from gateway.smpp.receipt import write_receipt
from gateway.smpp.segment import segment_text
from gateway.testing.captures import START_NS, conversation, pcap_file
from gateway.testing.texting import running_gateway


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


SENDERS = (("14045550177", 1), ("PIZZA", 5), ("447700900123", 1))


def crowd(count: int) -> list[tuple[bool, bytes]]:
    """A burst from one person, a few texts from a name and from abroad, nobody of whom we know."""
    out: list[tuple[bool, bytes]] = []
    for sequence in range(1, count + 1):
        source, ton = SENDERS[max(0, sequence % 10 - 7)]
        submit = p.SubmitSm(
            source_addr=source, source_addr_ton=ton, destination_addr=f"1310555{sequence:04}",
            dest_addr_ton=1, registered_delivery=1, short_message=b"dinner?",
        )  # fmt: skip
        answer = p.SubmitSmResp(message_id=f"m{sequence}")
        out += [(True, encode(submit, sequence)), (False, encode(answer, sequence))]
    return out


async def test_a_world_of_the_captures_own_numbers_decides_the_same_at_any_speed(tmp_path: Any) -> None:
    """People, brand, campaign and carrier are made; throttling is a function of captured time."""
    capture = tmp_path / "crowd.pcap"
    capture.write_bytes(pcap_file(conversation(crowd(60), step_ns=20_000_000)))
    options = ReplayOptions(
        capture, "users", world="auto", speed=None, save_world=tmp_path / "world.yaml", grace_s=60
    )
    documents = []
    for speed in (None, None, 20.0):
        replay = Replay(replace(options, speed=speed), open_gateway=running_gateway)
        report = await asyncio.wait_for(replay.run(), 60)
        documents.append(replace(report, speed="").to_json())
        assert (replay.progress.people, replay.progress.stand_ins) == (3, 2)
    assert documents[0] == documents[1] == documents[2]
    assert report.summary.messages == 60
    assert report.summary.accepted > 15
    assert report.summary.refused["throttled_person"] > 10
    load_config(str(tmp_path / "world.yaml"), ("texting", "carriers"), [])


async def test_a_world_that_is_not_ours_to_make_is_refused(tmp_path: Any) -> None:
    capture = tmp_path / "crowd.pcap"
    capture.write_bytes(pcap_file(conversation(crowd(1))))
    options = ReplayOptions(capture, "users", world="auto", target="http://127.0.0.1:1")
    with pytest.raises(WorldInvalid, match="not ours"):
        await Replay(options, open_gateway=running_gateway).run()
    with pytest.raises(WorldInvalid):
        await Replay(replace(options, target=None)).run()
