"""The wire format against codecs that are not ours.

Smpp34 (Rust) and smpplib read what we write, and we theirs.
"""

from typing import Any

import pytest
import smpp34
import smpplib.smpp
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.pdu import DeliverSm, Pdu, SubmitSm, decode, encode
from gateway.smpp.tlv import Tlv

FIELDS = [spec.name for spec in SubmitSm.grammar]
ASCII = st.characters(min_codepoint=33, max_codepoint=126)
OCTET = st.integers(0, 255)


def messages(cls: type[Pdu]) -> st.SearchStrategy[Any]:
    """A submit_sm or deliver_sm of printable ASCII strings and any octets: what every library can say."""
    made: dict[str, st.SearchStrategy[Any]] = {}
    for spec in cls.grammar:
        if spec.name == "short_message":
            made[spec.name] = st.binary(max_size=254)
        elif isinstance(spec.default, str):
            made[spec.name] = st.text(ASCII, max_size=spec.octets - 1)
        else:
            made[spec.name] = OCTET
    made["schedule_delivery_time"] = made["validity_period"] = st.sampled_from(["", "261121090000000+"])
    made["sequence_number"] = st.integers(1, 0x7FFF_FFFF)
    return st.builds(cls, **made)


TLVS = st.lists(
    st.builds(Tlv, st.sampled_from([0x0204, 0x020C, 0x0424, 0x1403, 0x3FFF]), st.binary(max_size=20))
)


@given(messages(SubmitSm) | messages(DeliverSm), TLVS)
def test_smpp34_reads_every_field(pdu: Any, tlvs: list[Tlv]) -> None:
    theirs = smpp34.decode(
        encode(type(pdu)(**fields_of(pdu), tlvs=tuple(tlvs), sequence_number=pdu.sequence_number))
    )
    assert type(theirs).__name__ == type(pdu).__name__
    assert fields_of(theirs) == fields_of(pdu)
    assert theirs.sequence_number == pdu.sequence_number
    assert [(tlv.tag, bytes(tlv.value)) for tlv in theirs.tlvs] == tlvs


@given(messages(SubmitSm), TLVS)
def test_we_read_every_field_of_smpp34(pdu: Any, tlvs: list[Tlv]) -> None:
    given_fields = fields_of(pdu)
    theirs = smpp34.SubmitSm(
        given_fields.pop("source_addr"),
        given_fields.pop("destination_addr"),
        given_fields.pop("short_message"),
        **given_fields,
        tlvs=[smpp34.Tlv(tlv.tag, tlv.value) for tlv in tlvs],
        sequence_number=pdu.sequence_number,
    )
    ours = decode(bytes(theirs.encode()))
    assert fields_of(ours) == fields_of(pdu)
    assert list(ours.tlvs) == tlvs


def fields_of(pdu: Any) -> dict[str, Any]:
    found = {name: getattr(pdu, name) for name in FIELDS}
    return {name: bytes(value) if name == "short_message" else value for name, value in found.items()}


@given(messages(DeliverSm))
def test_smpplib_reads_every_field(pdu: Any) -> None:
    theirs = smpplib.smpp.parse_pdu(encode(pdu), client=Sequenced(), allow_unknown_opt_params=True)
    assert theirs.command == "deliver_sm"
    for name in FIELDS:
        found = getattr(theirs, name)
        wanted = getattr(pdu, name)
        assert (found or b"") == (wanted.encode() if isinstance(wanted, str) else wanted or b""), name


@pytest.mark.parametrize("command", ["bind_transceiver", "submit_sm", "query_sm", "enquire_link", "unbind"])
def test_we_read_what_smpplib_writes(command: str) -> None:
    fields = {
        "bind_transceiver": {"system_id": "guest", "password": "guest", "interface_version": 0x34},
        "submit_sm": {
            "source_addr": "12025550100",
            "destination_addr": "13105550120",
            "short_message": b"hi",
        },
        "query_sm": {"message_id": "4f", "source_addr": "12025550100"},
    }.get(command, {})
    theirs = smpplib.smpp.make_pdu(command, client=Sequenced(), **fields)
    ours: Any = decode(theirs.generate())
    assert ours.command_id.name.lower() == command
    assert ours.sequence_number == 7
    for name, value in fields.items():
        assert getattr(ours, name) == value


class Sequenced:
    """smpplib asks its client for the sequence number."""

    sequence = 7

    def next_sequence(self) -> int:
        return self.sequence
