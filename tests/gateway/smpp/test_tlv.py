"""Optional parameters: raw octets, typed reading."""

import pytest

from gateway.smpp.constants import CommandStatus, Tag
from gateway.smpp.errors import FieldInvalid
from gateway.smpp.tlv import INTEGER_OCTETS, Tlv, TlvStreamError, find, read_tlvs, write_tlvs


@pytest.mark.parametrize("tag", sorted(INTEGER_OCTETS))
def test_integers_have_the_width_of_their_tag(tag: int) -> None:
    tlv = Tlv.integer(tag, 1)
    assert len(tlv.value) == INTEGER_OCTETS[tag]
    assert tlv.as_int == 1


@pytest.mark.parametrize(("value", "number"), [(b"", 0), (b"\x01", 1), (b"\x01\x02\x03", 0x010203)])
def test_an_integer_is_read_in_whatever_width_it_came(value: bytes, number: int) -> None:
    assert Tlv(Tag.USER_MESSAGE_REFERENCE, value).as_int == number


@pytest.mark.parametrize(
    ("value", "text"), [(b"4f\0", "4f"), (b"4f", "4f"), (b"", ""), (b"a\0b", "a"), (b"\xe9\0", "é")]
)
def test_a_cstring_is_read_with_or_without_its_nul(value: bytes, text: str) -> None:
    assert Tlv(Tag.RECEIPTED_MESSAGE_ID, value).as_cstring == text


def test_a_cstring_is_written_with_its_nul() -> None:
    assert Tlv.cstring(Tag.RECEIPTED_MESSAGE_ID, "é1") == Tlv(0x001E, b"\xe91\0")


@pytest.mark.parametrize("text", ["a\0b", "€"])
def test_what_is_no_cstring_is_refused(text: str) -> None:
    with pytest.raises(FieldInvalid):
        Tlv.cstring(Tag.RECEIPTED_MESSAGE_ID, text)


@pytest.mark.parametrize("value", [-1, 256])
def test_an_integer_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(FieldInvalid, match="does not fit 1 octets"):
        Tlv.integer(Tag.MESSAGE_STATE, value)


def test_unknown_and_repeated_tags_keep_their_order() -> None:
    tlvs = (Tlv(0x1403, b"\x00\xff"), Tlv(0x0001, b""), Tlv(0x1403, b"again"))
    assert read_tlvs(write_tlvs(tlvs), 0) == tlvs
    assert find(tlvs, 0x1403) == tlvs[0]
    assert find(tlvs, 2) is None


@pytest.mark.parametrize(
    ("octets", "status"),
    [(b"\0", CommandStatus.RINVOPTPARSTREAM), (b"\0\1\0\2x", CommandStatus.RINVPARLEN)],
)
def test_a_torn_stream_names_its_status(octets: bytes, status: int) -> None:
    with pytest.raises(TlvStreamError) as raised:
        read_tlvs(octets, 0)
    assert raised.value.command_status == status


def test_tags_have_names() -> None:
    assert Tlv(0x0424).name == "message_payload"
    assert Tlv(0x1403).name == "0x1403"
