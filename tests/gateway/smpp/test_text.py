from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.errors import SmppError
from gateway.smpp.text import (
    Alphabet,
    CannotDecode,
    CannotEncode,
    TextError,
    data_coding_for,
    decode_gsm7,
    decode_text,
    encode_cheapest,
    encode_gsm7,
    encode_text,
    pack,
    read_data_coding,
    try_gsm7,
    unpack,
)

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"
gsm_texts = st.text(alphabet=BASIC + EXTENSION)
any_texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)))
septets = st.binary().map(lambda octets: bytes(octet & 0x7F for octet in octets))


# --- GSM 03.38 unpacked


def test_the_alphabet_has_127_characters_and_ten_more_behind_the_escape():
    assert len(set(BASIC)) == 127
    assert len({encode_gsm7(character) for character in BASIC}) == 127
    assert all(encode_gsm7(c)[0] == 0x1B and len(encode_gsm7(c)) == 2 for c in EXTENSION)


@pytest.mark.parametrize(
    ("character", "octets"),
    [("@", b"\0"), ("Δ", b"\x10"), ("à", b"\x7f"), ("¿", b"\x60"), ("€", b"\x1b\x65"), ("{", b"\x1b\x28")],
)
def test_single_characters(character, octets):
    assert encode_gsm7(character) == octets
    assert decode_gsm7(octets, strict=True) == character


@given(gsm_texts)
def test_gsm7_round_trip(text):
    assert decode_gsm7(encode_gsm7(text)) == text
    assert decode_gsm7(encode_gsm7(text), strict=True) == text


@given(any_texts)
def test_gsm7_is_refused_exactly_for_foreign_characters(text):
    fits = set(text) <= set(BASIC + EXTENSION)
    assert (try_gsm7(text) is not None) == fits
    if not fits:
        with pytest.raises(CannotEncode) as caught:
            encode_gsm7(text)
        assert text[caught.value.position] not in BASIC + EXTENSION
        assert "gsm7" in str(caught.value)


def test_characters_that_look_like_gsm_are_not():
    assert try_gsm7("ç") is None  # only the capital is in the table
    assert try_gsm7("`") is None
    assert try_gsm7("\x1b") is None
    assert try_gsm7("ÿ") is None  # the sentinel of the fast path
    assert try_gsm7("\ud800") is None


@given(st.binary())
def test_lenient_decoding_never_fails(octets):
    assert isinstance(decode_gsm7(octets), str)


@given(st.binary())
def test_strict_decoding_fails_with_its_error_or_round_trips(octets):
    try:
        text = decode_gsm7(octets, strict=True)
    except CannotDecode as error:
        position = error.position
    else:
        assert encode_gsm7(text) == octets
        return
    assert 0 <= position < len(octets)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"a\x1b", "a "),  # nothing follows the escape
        (b"\x1b\x1b\x65", " €"),
        (b"\x1ba", "a"),  # not in the extension table: the default one's character
        (b"a\x80b", "a\ufffdb"),
        (b"a\xffb", "a\ufffdb"),
        (b"\x1b\x80", "\ufffd"),
    ],
)
def test_odd_septets(octets, text):
    assert decode_gsm7(octets) == text
    with pytest.raises(CannotDecode):
        decode_gsm7(octets, strict=True)


# --- packing


def test_packing_matches_the_examples_of_the_specification():
    assert pack(encode_gsm7("hellohello")).hex() == "e8329bfd4697d9ec37"
    assert pack(b"1234567").hex() == "31d98c56b3dd1a"


@given(septets, st.integers(0, 6))
def test_packing_round_trip(data, fill_bits):
    unpacked = unpack(pack(data, fill_bits=fill_bits), fill_bits=fill_bits)
    if data.endswith(b"\r") and (fill_bits + 7 * len(data)) % 8 == 0:
        assert unpacked == data + b"\r"  # 23.038 §6.1.2.3.1: carried out twice
    else:
        assert unpacked == data


@given(septets, st.integers(0, 6))
def test_packed_size(data, fill_bits):
    size = len(pack(data, fill_bits=fill_bits))
    assert size - (fill_bits + 7 * len(data) + 7) // 8 in (0, 1)


def test_seven_spare_bits_do_not_become_an_at_sign():
    assert unpack(pack(b"1234567")) == b"1234567"
    assert pack(b"1234567")[-1] >> 1 == 0x0D


@given(st.binary(max_size=300), st.integers(0, 6))
def test_unpacking_anything_gives_septets(octets, fill_bits):
    assert all(septet < 0x80 for septet in unpack(octets, fill_bits=fill_bits))


# --- data_coding


@given(st.integers(0, 255))
def test_every_data_coding_is_read(value):
    coding = read_data_coding(value)
    assert coding.value == value
    assert coding.message_class in (None, 0, 1, 2, 3)


@pytest.mark.parametrize(
    ("value", "alphabet", "message_class"),
    [
        (0x00, Alphabet.GSM7, None),
        (0x01, Alphabet.IA5, None),
        (0x03, Alphabet.LATIN1, None),
        (0x04, Alphabet.BINARY, None),
        (0x08, Alphabet.UCS2, None),
        (0x10, Alphabet.GSM7, 0),
        (0x18, Alphabet.UCS2, 0),
        (0x44, Alphabet.BINARY, None),
        (0xC8, Alphabet.GSM7, None),
        (0xE8, Alphabet.UCS2, None),
        (0xF0, Alphabet.GSM7, 0),
        (0xF3, Alphabet.GSM7, 3),
        (0xF5, Alphabet.BINARY, 1),
        (0xF7, Alphabet.BINARY, 3),
    ],
)
def test_data_codings_of_the_specifications(value, alphabet, message_class):
    coding = read_data_coding(value)
    assert (coding.alphabet, coding.message_class, coding.known) == (alphabet, message_class, True)


@pytest.mark.parametrize("value", [0x0B, 0x0F, 0x1C, 0x80, 0xBF])
def test_reserved_data_codings_are_the_default_alphabet(value):
    coding = read_data_coding(value)
    assert (coding.alphabet, coding.known) == (Alphabet.GSM7, False)


def test_compressed_group():
    assert read_data_coding(0x20).compressed
    assert not read_data_coding(0x10).compressed


@given(st.sampled_from(list(Alphabet)), st.sampled_from([None, 0, 1, 2, 3]))
def test_data_coding_is_read_back(alphabet, message_class):
    try:
        value = data_coding_for(alphabet, message_class)
    except ValueError:
        assert alphabet not in (Alphabet.GSM7, Alphabet.BINARY, Alphabet.UCS2)
        return
    coding = read_data_coding(value)
    assert (coding.alphabet, coding.message_class) == (alphabet, message_class)


def test_a_class_that_does_not_exist():
    with pytest.raises(ValueError, match="class 4"):
        data_coding_for(Alphabet.GSM7, 4)


# --- any alphabet


@given(any_texts, st.sampled_from([a for a in Alphabet if a is not Alphabet.BINARY]), st.booleans())
def test_round_trip_in_every_alphabet_or_a_documented_error(text, alphabet, packed):
    coding = data_coding_for(alphabet)
    try:
        octets = encode_text(text, alphabet, packed=packed)
    except CannotEncode:
        assert alphabet is not Alphabet.UCS2
        return
    if alphabet in (Alphabet.JIS, Alphabet.ISO_2022_JP, Alphabet.EXTENDED_KANJI):
        assert isinstance(decode_text(octets, coding), str)  # several characters share a code there
    elif not (packed and text.endswith("\r")):
        assert decode_text(octets, coding, packed=packed, strict=True) == text


@given(st.binary(), st.integers(0, 255), st.booleans())
def test_any_octets_under_any_data_coding(octets, coding, packed):
    assert isinstance(decode_text(octets, coding, packed=packed), str)
    with suppress(CannotDecode):
        decode_text(octets, coding, packed=packed, strict=True)


def test_errors_belong_to_the_package():
    assert issubclass(CannotDecode, TextError)
    assert issubclass(TextError, SmppError)
    assert "octet 3" in str(CannotDecode(Alphabet.UCS2, 3))


def test_odd_ucs2_shows_its_broken_end():
    assert decode_text(b"\0a\0", 8) == "a\ufffd"
    with pytest.raises(CannotDecode):
        decode_text(b"\0a\0", 8, strict=True)


def test_surrogates():
    assert encode_text("😀", Alphabet.UCS2).hex() == "d83dde00"
    assert decode_text(bytes.fromhex("d83d"), 8) == "\ufffd"
    with pytest.raises(CannotEncode):
        encode_text("\ud83d", Alphabet.UCS2)


def test_the_default_alphabet_is_a_setting():
    assert decode_text(b"@", 0) == "¡"
    assert decode_text(b"@", 0, default=Alphabet.LATIN1) == "@"


def test_binary_data_is_no_text_when_strict():
    assert decode_text(b"\xff\0", 4) == "ÿ\0"
    with pytest.raises(CannotDecode):
        decode_text(b"\xff\0", 0xF5, strict=True)


@pytest.mark.parametrize(
    ("text", "alphabet"),
    [
        ("hello", Alphabet.GSM7),
        ("", Alphabet.GSM7),
        ("100 €", Alphabet.GSM7),
        ("ça", Alphabet.UCS2),
        ("日", Alphabet.UCS2),
    ],
)
def test_cheapest_by_default(text, alphabet):
    chosen, octets = encode_cheapest(text)
    assert chosen is alphabet
    assert octets == encode_text(text, alphabet)


@given(any_texts)
def test_nothing_is_cheaper_than_the_cheapest(text):
    allowed = (Alphabet.GSM7, Alphabet.LATIN1, Alphabet.UCS2)
    bits = {Alphabet.GSM7: 7}
    chosen, octets = encode_cheapest(text, allowed)
    for other in allowed:
        try:
            cost = len(encode_text(text, other)) * bits.get(other, 8)
        except CannotEncode:
            continue
        assert len(octets) * bits.get(chosen, 8) <= cost


def test_latin1_beats_many_escapes():
    assert encode_cheapest("[[]]", (Alphabet.GSM7, Alphabet.LATIN1))[0] is Alphabet.LATIN1


def test_no_alphabet_is_an_error():
    with pytest.raises(CannotEncode) as caught:
        encode_cheapest("a\ud800")
    assert caught.value.position == 1
