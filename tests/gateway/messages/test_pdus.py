"""PDUs as the API shows them: names of the specification, text, octets that decode to the same PDU."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.documents import story_document
from gateway.messages.intents import InsertSetback
from gateway.messages.model import Direction, Message, Segment, State
from gateway.messages.pdus import pdu_document, tag_label, text_of
from gateway.registry.terms import CarrierTerms
from gateway.smpp.constants import Tag
from gateway.smpp.pdu import EnquireLink, SubmitSm, SubmitSmResp, decode
from gateway.smpp.tlv import Tlv

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS


def message(text: str, segments: int = 1) -> Message:
    return Message(
        id=7,
        direction=Direction.OUTBOUND,
        state=State.DELIVERED,
        source="+12025550100",
        destination="+13105550120",
        text=text,
        encoding="gsm7",
        segments=segments,
        carrier="tmobile",
        created_ns=START_NS,
        release_ns=START_NS,
        expires_ns=START_NS + 86_400 * SECOND_NS,
        updated_ns=START_NS + 3 * SECOND_NS,
        reference=9,
    )


def segment(part: int) -> Segment:
    return Segment(
        message_id=7,
        part=part,
        carrier="tmobile",
        smsc_id=f"id-{part}",
        sequence_number=40 + part,
        status=0,
        submitted_ns=START_NS + SECOND_NS,
        answered_ns=START_NS + 2 * SECOND_NS,
        receipt_state="DELIVRD",
        receipt_error="000",
        receipt_ns=START_NS + 3 * SECOND_NS,
        receipt_text=b"id:id-0 stat:DELIVRD err:000 text:<b>",
    )


def test_a_pdu_is_shown_by_the_names_of_the_specification() -> None:
    pdu = SubmitSm(
        source_addr="1202",
        short_message=b"\x05\x00\x03\x09\x02\x01hi",
        esm_class=0x40,
        tlvs=(Tlv(Tag.SAR_MSG_REF_NUM, b"\x00\x09"), Tlv(0x1400, b"")),
        sequence_number=3,
    )
    document = pdu_document(pdu)
    assert document["command"] == "submit_sm"
    assert document["status"] == "ESME_ROK"
    assert document["fields"]["source_addr"] == "1202"
    assert document["fields"]["short_message"] == "0500030902016869"
    assert document["tlvs"] == {"sar_msg_ref_num": "0x0009", "0x1400": ""}
    assert document["text"] == "hi"
    assert decode(bytes.fromhex(document["octets"])) == pdu


@given(st.binary(max_size=254), st.integers(0, 255), st.integers(0, 255))
def test_whatever_a_message_holds_its_octets_are_the_frame(octets: bytes, esm: int, coding: int) -> None:
    pdu = SubmitSm(short_message=octets, esm_class=esm, data_coding=coding)
    document = pdu_document(pdu)
    assert decode(bytes.fromhex(document["octets"])) == pdu
    assert document.get("text") == text_of(pdu)


def test_a_payload_is_read_where_short_message_is_empty() -> None:
    assert text_of(SubmitSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"long"),))) == "long"
    assert "text" not in pdu_document(EnquireLink())


def test_a_field_that_does_not_fit_leaves_the_octets_out() -> None:
    assert "octets" not in pdu_document(SubmitSmResp(message_id="x" * 90))


@pytest.mark.parametrize(("tag", "label"), [(Tag.MESSAGE_STATE, "message_state"), (0x1501, "0x1501")])
def test_tags_have_names(tag: int, label: str) -> None:
    assert tag_label(tag) == label


def test_a_story_holds_every_pdu_of_every_part_as_it_went_out() -> None:
    text = "0123456789" * 20
    story = story_document(message(text, 2), [segment(0), segment(1)], CarrierTerms())
    submits = [one for one in story["timeline"] if one["event"] == "submit_sm"]
    assert "".join(one["pdu"]["text"] for one in submits) == text
    assert [decode(bytes.fromhex(one["pdu"]["octets"])).sequence_number for one in submits] == [40, 41]
    answers = [one for one in story["timeline"] if one["event"] == "submit_sm_resp"]
    assert [one["pdu"]["fields"]["message_id"] for one in answers] == ["id-0", "id-1"]
    receipts = [one for one in story["timeline"] if one["event"] == "deliver_sm"]
    assert receipts[0]["text"].endswith("text:<b>")


def test_without_terms_the_story_has_no_pdus_and_changed_terms_break_nothing() -> None:
    plain = story_document(message("hi"), [segment(0)])
    assert all("pdu" not in moment for moment in plain["timeline"])
    changed = story_document(message("hi"), [segment(0), segment(1)], CarrierTerms())
    assert [("pdu" in one) for one in changed["timeline"] if one["event"] == "submit_sm"] == [True, False]


def test_a_story_tells_of_sendings_that_settled_nothing() -> None:
    refused = InsertSetback(
        1, 0, "tmobile", "tmobile-1", "submit_sm_resp", 12, 0x58, segment(0).submitted_ns + 1
    )
    lost = refused._replace(trouble="connection_lost", sequence_number=0, status=0)
    story = story_document(message("hi"), [segment(0)], CarrierTerms(), [refused, lost])
    moments = [
        (one["event"], one.get("sequenceNumber"), one.get("status"), one.get("settled"))
        for one in story["timeline"]
        if one["event"] not in ("accepted", "deliver_sm", "delivered")
    ]
    assert moments == [
        ("submit_sm", 12, None, None),
        ("submit_sm_resp", 12, "ESME_RTHROTTLED", False),
        ("connection_lost", None, None, False),
        ("submit_sm_resp", segment(0).sequence_number, "ESME_ROK", None),
    ]
    assert story["timeline"][1]["pdu"]["sequenceNumber"] == 12


def test_a_sending_of_an_earlier_run_gives_no_number_to_a_later_one() -> None:
    earlier = InsertSetback(1, 0, "tmobile", "tmobile-1", "no_response", 158, 0, segment(0).submitted_ns - 1)
    story = story_document(message("hi"), [segment(0)], CarrierTerms(), [earlier])
    [submit] = [one for one in story["timeline"] if one["event"] == "submit_sm"]
    assert submit["sequenceNumber"] == submit["pdu"]["sequenceNumber"] == segment(0).sequence_number
