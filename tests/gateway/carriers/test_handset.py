import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.carriers.handset import Handsets, TextArrived, reply_to
from gateway.carriers.mms import m_notification_ind, push_segments, wap_push
from gateway.carriers.profile import HandsetSettings, TextSettings
from gateway.smpp.segment import Concatenation, Reassembler, read_part, segment_text

LONG = "Bring your card. " * 30


def deliver(handsets, segments, source="+12025550190", destination="+13105550120", now_ns=0):
    return [
        handsets.receive(
            source,
            destination,
            segment.short_message,
            esm_class=segment.esm_class,
            data_coding=segment.data_coding,
            tlvs=segment.tlvs,
            now_ns=now_ns,
        )
        for segment in segments
    ]


@pytest.mark.parametrize("form", list(Concatenation))
@pytest.mark.parametrize("text", ["hi", LONG, "日本 " * 60])
def test_long_texts_arrive_whole(form, text):
    handsets = Handsets(TextSettings())
    arrived = deliver(handsets, segment_text(text, 9, form))
    if form is Concatenation.PLAIN:
        assert "".join(one.text for one in arrived) == text
    else:
        assert [one.text for one in arrived if one] == [text]
        assert arrived[-1].segments == len(arrived)


def test_a_carrier_without_concatenation_shows_the_parts():
    handsets = Handsets(TextSettings(accepts=()))
    arrived = deliver(handsets, segment_text(LONG, 9))
    assert "".join(one.text for one in arrived) == LONG
    assert len(handsets.inbox("+13105550120")) == len(arrived) > 1


def test_a_malformed_header_is_shown_as_it_is():
    handsets = Handsets(TextSettings())
    arrived = handsets.receive("1", "2", b"\x05abc", esm_class=0x40, data_coding=0, tlvs=(), now_ns=5)
    assert arrived == TextArrived("2", "1", "éabc", 1, 5)


def test_default_alphabet_of_the_carrier():
    latin1 = Handsets(TextSettings(default_alphabet="latin1"))
    assert latin1.receive("1", "2", b"\xe9@", esm_class=0, data_coding=0, tlvs=(), now_ns=0).text == "é@"


def test_inboxes_are_bounded():
    handsets = Handsets(TextSettings(), most=3)
    for number in range(10):
        deliver(handsets, segment_text("hi"), destination=str(number))
    assert [bool(handsets.inbox(str(n))) for n in range(10)] == [False] * 7 + [True] * 3
    for _ in range(80):
        deliver(handsets, segment_text("hi"), destination="9")
    assert len(handsets.inbox("9")) == 50


def test_only_answering_handsets_answer():
    arrived = TextArrived("+1", "+2", "Hello?", 1, 0)
    answers = HandsetSettings(numbers=("+1",), state="answers", reply="You wrote {text}")
    assert reply_to(arrived, answers) == "You wrote Hello?"
    assert reply_to(arrived, HandsetSettings(numbers=("+1",))) is None


@given(st.binary(max_size=160), st.integers(0, 255), st.integers(0, 255))
def test_no_octets_break_a_handset(octets, esm_class, data_coding):
    handsets = Handsets(TextSettings())
    handsets.receive("1", "2", octets, esm_class=esm_class, data_coding=data_coding, tlvs=(), now_ns=0)


# --- MMS


@given(st.integers(0, 10**9), st.integers(0, 10**7), st.text("abc/.", max_size=300))
def test_an_mms_notification_is_recognised_whole(size, expiry, path):
    body = m_notification_ind("+13105550124", "T1", f"http://mms.invalid/{path}", size, expiry)
    push = wap_push(body, 7)
    reassembler = Reassembler()
    whole = None
    for octets in push_segments(push, 5):
        assert len(octets) <= 140
        part = read_part("1", "2", octets, esm_class=0x40, data_coding=0xF5)
        assert part.is_mms_notification
        whole = reassembler.add(part, 0) or whole
    assert whole is not None
    assert whole.body == push


def test_the_notification_octet_by_octet():
    body = m_notification_ind("+13105550124", "T1", "http://m/1", 300, 86_400)
    sender = b"+13105550124/TYPE=PLMN\0"
    assert body == (
        b"\x8c\x82\x98T1\0\x8d\x92\x89" + bytes([len(sender) + 1]) + b"\x80" + sender + b"\x8a\x80"
        b"\x8e\x02\x01\x2c\x88\x05\x81\x03\x01\x51\x80\x83http://m/1\0"
    )
    assert wap_push(body, 0x105)[:6] == b"\x05\x06\x03\xbe\xaf\x84"
