"""A capture everybody here can use: what an ESME and an SMSC said to each other, with every kind of end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.smpp import pdu as p
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import encode
from gateway.smpp.receipt import write_receipt
from gateway.smpp.segment import segment_text
from gateway.testing.captures import SECOND_NS, START_NS, conversation, pcap_file

OWN, FAR = "14045550177", "13105550"
OUTCOMES = (
    (0, MessageState.DELIVERED),
    (0x58, None),
    (0, MessageState.UNDELIVERABLE),
    (0x14, None),
    (0, MessageState.EXPIRED),
)


def talk(
    count: int, *, long: bool = False, inbound: bool = True, outcomes=OUTCOMES, mixed: bool = False
) -> list[tuple[bool, bytes]]:
    """A session's octets: `count` submits, each answered, and where accepted followed by its receipt.

    `mixed`: the first part of a long text goes before the text that was written before it.
    """
    script = [
        (True, encode(p.BindTransceiver(system_id="guest", password="guest", interface_version=0x34), 1)),
        (False, encode(p.BindTransceiverResp(system_id="carrier"), 1)),
    ]
    sequence, theirs = 1, 0
    ended = len(script)
    for index in range(count):
        begun, ended = ended, len(script)
        status, state = outcomes[index % len(outcomes)]
        text = f"text {index} " + ("which is long " * 20 if long and index % 2 else "")
        parts = segment_text(text, 7)
        for part in parts:
            sequence += 1
            address = {"source_addr": OWN, "source_addr_ton": 1, "source_addr_npi": 1, "dest_addr_ton": 1,
                       "dest_addr_npi": 1, "destination_addr": f"{FAR}{index % 10_000:04}"[:11]}  # fmt: skip
            submit = p.SubmitSm(
                **address,
                registered_delivery=1,
                esm_class=part.esm_class,
                data_coding=part.data_coding,
                short_message=part.short_message,
                tlvs=part.tlvs,
            )
            message_id = f"old{sequence:06}"
            early = mixed and len(parts) > 1 and part is parts[0]
            script.insert(begun if early else len(script), (True, encode(submit, sequence)))
            answer = p.SubmitSmResp(message_id="" if status else message_id, command_status=status)
            script.append((False, encode(answer, sequence)))
            if state is not None:
                theirs += 1
                written = write_receipt(
                    message_id, state, submitted_ns=START_NS, done_ns=START_NS + SECOND_NS
                )
                receipt = p.DeliverSm(
                    source_addr=submit.destination_addr, source_addr_ton=1, destination_addr=OWN,
                    dest_addr_ton=1, esm_class=written.esm_class, short_message=written.short_message,
                    tlvs=written.tlvs,
                )  # fmt: skip
                script.append((False, encode(receipt, theirs)))
                script.append((True, encode(p.DeliverSmResp(), theirs)))
        if inbound and index % 3 == 0:
            theirs += 1
            reply = p.DeliverSm(source_addr=submit.destination_addr, destination_addr=OWN,
                                short_message=f"reply {index}".encode())  # fmt: skip
            script.append((False, encode(reply, theirs)))
            script.append((True, encode(p.DeliverSmResp(), theirs)))
    return script


@pytest.fixture(scope="session")
def make_capture() -> Callable[..., Path]:
    """Write a capture of `count` texts; `step_s` lies between two packets."""

    def make(folder: Path, count: int = 20, *, step_s: float = 0.5, **options) -> Path:
        file = folder / "day.pcap"
        packets = conversation(talk(count, **options), step_ns=int(step_s * SECOND_NS))
        file.write_bytes(pcap_file(packets))
        return file

    return make
