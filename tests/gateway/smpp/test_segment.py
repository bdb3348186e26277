import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.smpp.segment import (
    Concat,
    Concatenation,
    InformationElement,
    MalformedUdh,
    Part,
    Ports,
    Reassembled,
    Reassembler,
    TooManySegments,
    UserDataHeader,
    concat_element,
    count_segments,
    ports_element,
    read_part,
    segment_text,
    split_udh,
    user_data,
)
from gateway.smpp.text import Alphabet, CannotEncode, decode_text

gsm = st.text(alphabet="aé€[{ \n0Δ", max_size=900)
wide = st.text(alphabet="a日😀é👩🏽‍🦰", max_size=500)
texts = gsm | wide
MODES = list(Concatenation)
TIED = [Concatenation.UDH8, Concatenation.UDH16, Concatenation.SAR]
PAYLOAD_TAG = 0x0424


def parts_of(segments, source="1", destination="2", context=None):
    return [
        read_part(
            source,
            destination,
            s.short_message,
            esm_class=s.esm_class,
            data_coding=s.data_coding,
            tlvs=s.tlvs,
            context=context,
        )
        for s in segments
    ]


# --- segmentation


@pytest.mark.parametrize(
    ("text", "mode", "count"),
    [
        ("a" * 160, Concatenation.UDH8, 1),
        ("a" * 161, Concatenation.UDH8, 2),
        ("a" * 306, Concatenation.UDH8, 2),
        ("a" * 307, Concatenation.UDH8, 3),
        ("a" * 304, Concatenation.UDH16, 2),
        ("a" * 305, Concatenation.UDH16, 3),
        ("a" * 306, Concatenation.SAR, 2),
        ("a" * 320, Concatenation.PLAIN, 2),
        ("日" * 70, Concatenation.UDH8, 1),
        ("日" * 71, Concatenation.UDH8, 2),
        ("日" * 134, Concatenation.UDH8, 2),
        ("日" * 135, Concatenation.UDH8, 3),
        ("日" * 132, Concatenation.UDH16, 2),
        ("日" * 133, Concatenation.UDH16, 3),
        ("€" * 80, Concatenation.UDH8, 1),
        ("€" * 81, Concatenation.UDH8, 2),
        ("€" * 152, Concatenation.UDH8, 2),  # 76 pairs in 153 septets: the last septet stays empty
        ("€" * 153, Concatenation.UDH8, 3),
        ("😀" * 35, Concatenation.UDH8, 1),
        ("😀" * 66, Concatenation.UDH8, 2),  # 33 pairs in 67 units
        ("😀" * 67, Concatenation.UDH8, 3),
        ("", Concatenation.UDH8, 1),
    ],
)
def test_sizes_to_the_septet(text, mode, count):
    assert count_segments(text, mode) == count
    assert len(segment_text(text, 7, mode)) == count


@given(texts, st.sampled_from([m for m in MODES if m is not Concatenation.PAYLOAD]), st.booleans())
def test_the_count_is_the_number_of_segments(text, mode, packed):
    assert count_segments(text, mode) == len(segment_text(text, 1, mode, packed=packed))


@given(texts, st.sampled_from(MODES), st.integers(0, 0xFFFF), st.booleans())
def test_segments_read_back_as_the_text(text, mode, reference, packed):
    segments = segment_text(text, reference, mode, packed=packed)
    whole = Reassembled(tuple(parts_of(segments)))
    if packed and text.endswith("\r"):
        return
    assert whole.text(packed=packed) == text


@given(texts, st.sampled_from([*TIED, Concatenation.PLAIN]))
def test_no_pair_is_ever_cut(text, mode):
    for part in parts_of(segment_text(text, 0, mode)):
        decode_text(part.body, part.data_coding, strict=True)  # half a pair would raise


@given(texts, st.sampled_from(TIED))
def test_every_segment_fits_a_short_message(text, mode):
    for segment in segment_text(text, 0, mode, packed=True):
        limit = 140 - (6 if mode is Concatenation.SAR and segment.total > 1 else 0)
        assert len(segment.short_message) <= limit


@given(texts, st.sampled_from(TIED))
def test_no_segment_could_take_the_next_character(text, mode):
    limits = {Concatenation.UDH8: (153, 134), Concatenation.UDH16: (152, 132), Concatenation.SAR: (153, 134)}
    parts = parts_of(segment_text(text, 0, mode))
    for part, following in pairwise(parts):
        gsm7 = part.data_coding == 0
        step = 2 if gsm7 and following.body[0] == 0x1B else 1 if gsm7 else 2
        if not gsm7 and 0xD8 <= following.body[0] <= 0xDB:
            step = 4
        assert len(part.body) + step > limits[mode][0 if gsm7 else 1]


@pytest.mark.parametrize("mode", TIED)
def test_a_part_knows_its_form(mode):
    assert {part.form for part in parts_of(segment_text("x" * 200, 1, mode))} == {mode}
    assert parts_of(segment_text("x", 1, mode))[0].form is None


def test_what_each_mode_puts_on_the_wire():
    text = "x" * 200
    udh8, udh16, sar, payload, plain = (segment_text(text, 0x1234, mode)[-1] for mode in MODES)
    assert (udh8.short_message[:6].hex(), udh8.esm_class) == ("050003340202", 0x40)
    assert (udh16.short_message[:7].hex(), udh16.esm_class) == ("06080412340202", 0x40)
    assert (sar.esm_class, sar.tlvs) == (0, ((0x020C, b"\x12\x34"), (0x020E, b"\x02"), (0x020F, b"\x02")))
    assert (payload.short_message, payload.tlvs) == (b"", ((PAYLOAD_TAG, b"x" * 200),))
    assert (plain.short_message, plain.esm_class, plain.tlvs) == (b"x" * 40, 0, ())


def test_payload_counts_what_the_network_carries():
    assert count_segments("x" * 200, Concatenation.PAYLOAD) == 2
    assert len(segment_text("x" * 200, 0, Concatenation.PAYLOAD)) == 1
    assert segment_text("x" * 160, 0, Concatenation.PAYLOAD)[0].short_message == b"x" * 160


def test_message_class():
    assert segment_text("hi", message_class=0)[0].data_coding == 0xF0
    assert segment_text("日", message_class=0)[0].data_coding == 0x18


def test_latin1_segments():
    allowed = (Alphabet.LATIN1, Alphabet.UCS2)
    assert count_segments("ç" * 140, allowed=allowed) == 1
    assert [len(s.short_message) for s in segment_text("ç" * 141, allowed=allowed)] == [140, 13]


def test_255_segments_and_no_more():
    assert len(segment_text("a" * 153 * 255)) == 255
    with pytest.raises(TooManySegments, match="256 segments") as caught:
        segment_text("a" * (153 * 255 + 1))
    assert caught.value.count == 256
    assert len(segment_text("a" * 160 * 300, 0, Concatenation.PLAIN)) == 300


def test_a_text_nobody_can_write():
    with pytest.raises(CannotEncode):
        count_segments("a" * 40 + "\ud800")


# --- user data header

elements = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=12)), max_size=8).map(
    lambda found: tuple(InformationElement(*one) for one in found)
)


@given(elements, st.binary())
def test_udh_round_trip(found, body):
    header = UserDataHeader(found)
    assert split_udh(header.build() + body) == (header, body)


@given(st.binary(max_size=64))
def test_any_octets_are_a_header_or_malformed(octets):
    try:
        header, body = split_udh(octets)
    except MalformedUdh:
        return
    assert len(octets) == octets[0] + 1 + len(body)
    assert header.concat is None or 1 <= header.concat.number <= header.concat.total


@pytest.mark.parametrize("octets", ["", "05", "0500030102", "0100", "03000501", "0200ff"])
def test_torn_headers(octets):
    with pytest.raises(MalformedUdh):
        split_udh(bytes.fromhex(octets))


def test_concatenation_that_contradicts_itself_is_ignored():
    for number, total in ((0, 2), (3, 2), (1, 0)):
        assert UserDataHeader((concat_element(Concat(9, total, number)),)).concat is None


@given(st.integers(0, 0xFFFF), st.integers(1, 255), st.data())
def test_concat_elements(reference, total, data):
    concat = Concat(reference, total, data.draw(st.integers(1, total)))
    assert UserDataHeader((concat_element(concat, wide=True),)).concat == concat
    narrow = UserDataHeader((InformationElement(0x24, b"\1"), concat_element(concat)))
    assert narrow.concat == concat._replace(reference=reference & 0xFF)


def test_a_header_too_long_is_refused():
    with pytest.raises(MalformedUdh):
        UserDataHeader(tuple(InformationElement(1, bytes(100)) for _ in range(3))).build()


# --- reading a part


def test_mms_notification_by_header_and_by_tlv():
    header = UserDataHeader((ports_element(Ports(2948, 9200)),)).build()
    by_header = read_part("1", "2", header + b"\0\6", esm_class=0x40, data_coding=0xF5)
    assert by_header.is_mms_notification
    assert by_header.ports == Ports(2948, 9200)
    assert by_header.body == b"\0\6"
    tlvs = ((0x020B, (2948).to_bytes(2, "big")),)
    assert read_part("1", "2", b"\0\6", data_coding=4, tlvs=tlvs).is_mms_notification


def test_what_is_no_mms_notification():
    header = UserDataHeader((ports_element(Ports(2948, 9200)),)).build()
    assert not read_part("1", "2", header + b"hi", esm_class=0x40, data_coding=0).is_mms_notification
    other = UserDataHeader((ports_element(Ports(5505, 0)),)).build()
    assert not read_part("1", "2", other + b"hi", esm_class=0x40, data_coding=4).is_mms_notification
    assert not read_part("1", "2", b"hi", data_coding=4).is_mms_notification


def test_eight_bit_ports():
    assert UserDataHeader((InformationElement(0x04, b"\x0b\x0c"),)).ports == Ports(11, 12)


def test_message_payload_is_read_where_the_message_is_empty():
    assert user_data(b"", ((PAYLOAD_TAG, b"long"),)) == b"long"
    assert user_data(b"short", ((PAYLOAD_TAG, b"long"),)) == b"short"
    assert read_part("1", "2", b"", tlvs=((PAYLOAD_TAG, b"long"),)).body == b"long"


@pytest.mark.parametrize(
    "tlvs",
    [
        ((0x020C, b"\0\1"), (0x020E, b"\2")),
        ((0x020C, b"\1"), (0x020E, b"\2"), (0x020F, b"\1")),
        ((0x020C, b"\0\1"), (0x020E, b"\2"), (0x020F, b"\3")),
        ((0x020C, b"\0\1"), (0x020E, b""), (0x020F, b"")),
    ],
)
def test_broken_sar_stands_alone(tlvs):
    assert read_part("1", "2", b"x", tlvs=tlvs).total == 1


@given(
    st.binary(max_size=40),
    st.integers(0, 255),
    st.integers(0, 255),
    st.lists(st.tuples(st.integers(0x0209, 0x0210), st.binary(max_size=3))),
)
def test_any_message_is_a_part_or_malformed(octets, esm_class, coding, tlvs):
    try:
        part = read_part("1", "2", octets, esm_class=esm_class, data_coding=coding, tlvs=tuple(tlvs))
    except MalformedUdh:
        return
    assert 1 <= part.number <= part.total
    assert isinstance(part.is_mms_notification, bool)


# --- reassembly

LONG = st.integers(2, 5).flatmap(lambda n: st.text(alphabet="abc", min_size=153 * n - 100, max_size=153 * n))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(LONG, st.sampled_from(TIED)), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_any_order_duplicates_and_senders_with_one_reference(messages, rng: random.Random):
    arriving = []
    for index, (text, mode) in enumerate(messages):
        parts = parts_of(segment_text(text, 5, mode), source=f"+1{index}", context=index)
        arriving += parts + rng.choices(parts, k=len(parts))
    rng.shuffle(arriving)
    reassembler = Reassembler()
    found = [whole for part in arriving if (whole := reassembler.add(part, 0)) is not None]
    assert {whole.parts[0].context: whole.text() for whole in found} == {
        index: text for index, (text, _) in enumerate(messages)
    }
    assert len(found) == len(messages)
    assert all(whole.complete for whole in found)
    assert (len(reassembler), reassembler.size_bytes, reassembler.evicted) == (0, 0, 0)


def part(number, total=3, source="1", body=b"x", reference=1):
    return Part(source, "2", body, 0, reference, total, number)


def test_a_text_alone_passes_at_once():
    alone = part(1, total=1)
    assert Reassembler().add(alone, 0) == Reassembled((alone,))


def test_unfinished_messages_expire_as_far_as_they_came():
    reassembler = Reassembler(expiry_ns=10)
    reassembler.add(part(3), 100)
    reassembler.add(part(1), 105)
    reassembler.add(part(1, source="9"), 107)
    assert reassembler.next_deadline() == 110
    assert reassembler.expire(109) == []
    (given_up,) = reassembler.expire(110)
    assert [p.number for p in given_up.parts] == [1, 3]
    assert not given_up.complete
    assert reassembler.next_deadline() == 117
    assert len(reassembler.expire(200)) == 1
    assert reassembler.next_deadline() is None
    assert reassembler.size_bytes == 0


def test_a_late_duplicate_starts_nothing_until_it_is_forgotten():
    reassembler = Reassembler(duplicate_ns=10)
    for number in (1, 2, 3):
        reassembler.add(part(number), 0)
    assert reassembler.add(part(2), 9) is None
    assert len(reassembler) == 0
    reassembler.add(part(2), 10)
    assert len(reassembler) == 1


def test_a_part_that_was_taken_back_is_no_duplicate():
    reassembler = Reassembler()
    first, again = part(1, total=2), part(1, total=2)
    reassembler.add(first, 0)
    reassembler.take_back(again)  # equal, but not the one that is kept
    assert reassembler.find(again, 1) is first
    reassembler.take_back(first)
    assert (len(reassembler), reassembler.size_bytes, reassembler.next_deadline()) == (0, 0, None)
    assert reassembler.add(part(2, total=2), 2) is None
    assert reassembler.add(again, 3) is not None


def test_a_message_that_was_reopened_is_whole_once_what_it_lacks_comes_again():
    reassembler = Reassembler()
    parts = [part(number, body=bytes([number])) for number in (1, 2, 3)]
    whole = [reassembler.add(each, 0) for each in parts][-1]
    assert whole is not None
    assert reassembler.find(part(3, body=b"\3"), 1) is parts[2]
    assert reassembler.reopen(whole, parts[:1], 1) is None
    assert reassembler.find(part(1, body=b"\1"), 1) is parts[0]
    assert reassembler.find(part(3, body=b"\3"), 1) is None
    assert reassembler.add(parts[2], 2) is None
    again = reassembler.add(parts[1], 3)
    assert again == whole
    reassembler.reopen(again, [], 4)
    assert (len(reassembler), reassembler.size_bytes, reassembler.next_deadline()) == (0, 0, None)


def test_a_message_that_was_reopened_while_its_rest_came_again_is_whole_at_once():
    reassembler = Reassembler(duplicate_ns=10)
    whole = [reassembler.add(part(number, total=2), 0) for number in (1, 2)][-1]
    assert whole is not None
    assert reassembler.add(part(2, total=2), 11) is None  # it has forgotten that it was finished
    assert reassembler.reopen(whole, whole.parts[:1], 12) == whole
    assert len(reassembler) == 0


def test_a_reference_used_again_for_another_text_is_a_new_message():
    reassembler = Reassembler()
    reassembler.add(part(1, total=2, body=b"old"), 0)
    reassembler.add(part(1, total=2, body=b"new"), 1)
    assert reassembler.evicted == 1
    whole = reassembler.add(part(2, total=2, body=b"er"), 2)
    assert whole is not None
    assert whole.body == b"newer"
    for number, body in ((2, b"two"), (1, b"one")):
        again = reassembler.add(part(number, total=2, body=body), 3)
    assert again is not None
    assert again.body == b"onetwo"


def test_memory_is_bounded_by_messages():
    reassembler = Reassembler(max_messages=10)
    for sender in range(100):
        reassembler.add(part(1, source=str(sender)), 0)
    assert len(reassembler) == 10
    assert reassembler.evicted == 90
    assert reassembler.add(part(2, source="99"), 0) is None


@given(st.lists(st.tuples(st.integers(1, 255), st.integers(0, 30), st.binary(max_size=200)), max_size=200))
def test_memory_is_bounded_by_octets(arriving):
    reassembler = Reassembler(max_bytes=4_000)
    for number, sender, body in arriving:
        reassembler.add(part(number, total=255, source=str(sender), body=body), 0)
        assert reassembler.size_bytes <= 4_000


def test_parts_in_two_alphabets_are_read_each_in_its_own():
    first, second = part(1, total=2, body=b"hi "), Part("1", "2", "日".encode("utf-16-be"), 8, 1, 2, 2)
    assert Reassembled((first, second)).text() == "hi 日"


def test_a_pair_that_its_sender_cut_is_whole_again():
    octets = "😀".encode("utf-16-be")
    halves = tuple(Part("1", "2", octets[i : i + 2], 8, 1, 2, 1 + i // 2) for i in (0, 2))
    assert Reassembled(halves).text() == "😀"
