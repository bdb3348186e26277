"""Requests, answers and receipts find each other; numbers map; ids and references become this run's."""

import io

from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.numbers import OntoWorld, Pseudonyms, map_numbers
from gateway.replay.pcap_reader import PcapReader
from gateway.replay.rewrite import References, rewrite_receipt, with_message_id
from gateway.replay.story import AnswerStep, BindStep, Correlator, EndStep, RequestStep
from gateway.replay.texts import text_of, whole_texts
from gateway.replay.trace import PduCaptured, Position, Side
from gateway.smpp import pdu as p
from gateway.smpp.constants import MessageState
from gateway.smpp.pdu import encode
from gateway.smpp.receipt import ReceiptNotation, read_receipt, write_receipt
from gateway.smpp.segment import Concatenation, read_part, segment_text
from gateway.smpp.udh import split_udh
from gateway.testing.captures import conversation, pcap_file

HERE = Position("packet", 1, 0)
SUBMIT = p.SubmitSm(source_addr="12025550100", destination_addr="13105550120", registered_delivery=1)


def receipt_for(message_id, state=MessageState.DELIVERED, **notation):
    written = write_receipt(
        message_id,
        state,
        submitted_ns=10**18,
        done_ns=10**18,
        text=b"id:other stat:x",
        notation=ReceiptNotation(**notation),
    )
    return p.DeliverSm(
        source_addr="13105550120",
        destination_addr="12025550100",
        esm_class=written.esm_class,
        short_message=written.short_message,
        tlvs=written.tlvs,
    )


def steps_of(script, **options):
    trace = PcapReader(io.BytesIO(pcap_file(conversation(script, **options)))).read()
    return list(Correlator().steps(trace))


def test_requests_answers_and_receipts_belong_together():
    bind, submit, answer, receipt, ok, ending, end = steps_of(
        [
            (True, encode(p.BindTransceiver(system_id="a"), 1)),
            (True, encode(SUBMIT, 2)),
            (False, encode(p.SubmitSmResp(message_id="4f"), 2)),
            (False, encode(receipt_for("4f"), 1)),
            (True, encode(p.DeliverSmResp(), 1)),
            (True, encode(p.Unbind(), 3)),
        ]
    )
    assert isinstance(bind, BindStep)
    assert isinstance(submit, RequestStep)
    assert (submit.number, submit.sender) == (1, Side.ESME)
    assert answer == AnswerStep(answer.at_ns, 1, 0, "4f")
    assert (receipt.number, receipt.about, receipt.receipt.state) == (2, 1, MessageState.DELIVERED)
    assert ok == AnswerStep(ok.at_ns, 2, 0, "", Side.SMSC)
    assert isinstance(ending, EndStep)
    assert isinstance(end, EndStep)


def test_a_receipt_before_its_answer_waits():
    steps = steps_of(
        [
            (True, encode(SUBMIT, 2)),
            (False, encode(receipt_for("4F", id="same"), 1) + encode(p.SubmitSmResp(message_id="4f"), 2)),
        ]
    )
    kinds = [(type(step).__name__, getattr(step, "about", None)) for step in steps]
    assert kinds == [
        ("BindStep", None),
        ("RequestStep", 0),
        ("AnswerStep", None),
        ("RequestStep", 1),
        ("EndStep", None),
    ]


def test_hex_and_decimal_ids_and_equal_ids_to_other_handsets():
    other = p.SubmitSm(source_addr="12025550100", destination_addr="13105550121", registered_delivery=1)
    steps = steps_of(
        [
            (True, encode(SUBMIT, 2) + encode(other, 3)),
            (False, encode(p.SubmitSmResp(message_id="79"), 2) + encode(p.SubmitSmResp(message_id="79"), 3)),
            (False, encode(receipt_for("79"), 1)),
            (False, encode(receipt_for("4f"), 2)),
        ]
    )
    assert [step.about for step in steps if isinstance(step, RequestStep) and step.receipt] == [1, 1]


def test_a_receipt_of_something_else_comes_last_and_about_nothing():
    steps = steps_of([(False, encode(receipt_for("zz"), 1))])
    assert [step.about for step in steps if isinstance(step, RequestStep)] == [0]


# --- numbers ------------------------------------------------------------------------------------------------


@given(st.lists(st.from_regex(r"\+?1[2-9][0-9]{9}", fullmatch=True), max_size=30), st.integers(-5, 5))
def test_pseudonyms_are_one_to_one_and_keep_their_shape(numbers, seed):
    mapped = {number: Pseudonyms(seed)(number) for number in numbers}
    assert len(set(mapped.values())) == len(mapped)
    for number, pseudonym in mapped.items():
        assert len(pseudonym) == len(number)
        assert pseudonym[:-7] == number[:-7]


def test_pseudonyms_spare_services_and_differ_by_seed():
    assert [Pseudonyms(1)(name) for name in ("ACME", "72345", "")] == ["ACME", "72345", ""]
    assert len({Pseudonyms(seed)("12025550100") for seed in range(20)}) > 15


def test_numbers_onto_a_world():
    world = OntoWorld(["+12025550100", "+12025550101"])
    assert [world(number) for number in ("1", "2", "1", "3")] == [
        "12025550100",
        "12025550101",
        "12025550100",
        "12025550100",
    ]


def test_mapping_follows_direction():
    receipt = receipt_for("1")
    events = [PduCaptured(0, 1, Side.ESME, SUBMIT, HERE), PduCaptured(0, 1, Side.SMSC, receipt, HERE)]
    own, far = OntoWorld(["+19990000001"]), OntoWorld(["+18880000001"])
    submit, deliver = [event.pdu for event in map_numbers(iter(events), own, far)]
    assert (submit.source_addr, submit.destination_addr) == ("19990000001", "18880000001")
    assert (deliver.source_addr, deliver.destination_addr) == ("18880000001", "19990000001")
    assert deliver.short_message == receipt.short_message


# --- rewriting ----------------------------------------------------------------------------------------------


@given(
    st.sampled_from(["text", "text_and_tlvs", "tlvs", "payload"]),
    st.sampled_from([10, 12, 14]),
    st.text("0123456789abcdef-", min_size=1, max_size=36),
)
def test_a_receipt_gets_this_runs_id_and_dates(where, digits, message_id):
    recorded = receipt_for("old", where=where, date_digits=digits)
    at = 1_790_000_040 * 10**9
    pdu = rewrite_receipt(recorded, message_id, at, at + 60 * 10**9)
    read = read_receipt(pdu.short_message, tlvs=pdu.tlvs)
    assert (read.message_id, read.state) == (message_id, MessageState.DELIVERED)
    if where != "tlvs":
        assert (read.submitted_ns, read.done_ns) == (at, at + 60 * 10**9)
        assert read.text == b"id:other stat:x"


def test_queries_ask_about_this_runs_id():
    assert with_message_id(p.QuerySm(message_id="old"), "new").message_id == "new"
    assert with_message_id(SUBMIT, "new") is SUBMIT


def parts_of(text, form, reference=7):
    return [
        p.SubmitSm(source_addr="1", destination_addr="2", esm_class=one.esm_class,
                   data_coding=one.data_coding, short_message=one.short_message, tlvs=one.tlvs)
        for one in segment_text(text, reference, form)
    ]  # fmt: skip


@given(st.sampled_from([Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR]), st.integers(0, 255))
def test_references_are_one_a_message_and_change_nothing_else(form, reference):
    references = References(500)
    text = "long enough for three segments " * 12
    twice = parts_of(text, form, reference) * 2
    read = []
    for pdu in twice:
        new = references.rewrite(pdu, 1)
        read.append(read_part("1", "2", new.short_message, esm_class=new.esm_class, tlvs=new.tlvs))
        assert len(encode(new)) == len(encode(pdu))
    first, second = read[: len(read) // 2], read[len(read) // 2 :]
    assert len({part.reference for part in first}) == 1
    assert {part.reference for part in first} != {part.reference for part in second}
    assert [part.number for part in first] == [1, 2, 3]
    assert b"".join(part.body for part in first) == b"".join(part.body for part in second)


def test_other_headers_stay():
    pdu = p.SubmitSm(esm_class=0x40, short_message=b"\x06\x05\x04\x0b\x84\x23\xf0data")
    assert References().rewrite(pdu, 1) == pdu
    both = b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x07\x02\x01data"
    header, body = split_udh(
        References(9).rewrite(p.SubmitSm(esm_class=0x40, short_message=both), 1).short_message
    )
    assert (header.ports, header.concat.reference, body) == ((2948, 9200), 9, b"data")
    torn = p.SubmitSm(esm_class=0x40, short_message=b"\xffxx")
    assert References().rewrite(torn, 1) is torn


# --- whole texts --------------------------------------------------------------------------------------------


def test_parts_become_the_text_somebody_wrote():
    text = "What a long story! " * 20
    script = []
    for sequence, part in enumerate(parts_of(text, Concatenation.UDH8), 1):
        script.append((True, encode(part, sequence)))
        script.append((False, encode(p.SubmitSmResp(message_id=f"m{sequence}"), sequence)))
    script.append((True, encode(SUBMIT, 9)))
    steps = list(whole_texts(iter(steps_of(script))))
    requests = [step for step in steps if isinstance(step, RequestStep)]
    assert [step.number for step in requests] == [1, 4]
    assert text_of(requests[0].pdu) == text
    assert [step.number for step in steps if isinstance(step, AnswerStep)] == [1]
    assert steps.index(requests[0]) < next(i for i, s in enumerate(steps) if isinstance(s, AnswerStep))
