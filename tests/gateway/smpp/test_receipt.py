from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.constants import MessageState
from gateway.smpp.receipt import (
    STAT_WORDS,
    IdNotation,
    NotAReceipt,
    Receipt,
    ReceiptNotation,
    canonical_id,
    error_codes,
    id_candidates,
    is_receipt,
    read_receipt,
    write_id,
    write_receipt,
)
from gateway.smpp.times import epoch_ns

SUBMITTED = epoch_ns(datetime(2026, 11, 21, 10, 30, 15, tzinfo=UTC))
DONE = epoch_ns(datetime(2026, 11, 21, 10, 31, 45, tzinfo=UTC))
MINUTE = 60_000_000_000
USUAL = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2611211030 done date:2611211031"
    + b" stat:DELIVRD err:000 text:Hello"
)
ID, STATE, ERROR, PAYLOAD = 0x001E, 0x0427, 0x0423, 0x0424


def read(text, **more):
    return read_receipt(text if isinstance(text, bytes) else text.encode("latin-1"), **more)


# --- reading


def test_the_receipt_of_appendix_b():
    assert read(USUAL) == Receipt(
        "0123456789",
        MessageState.DELIVERED,
        "000",
        1,
        1,
        SUBMITTED - SUBMITTED % MINUTE,
        DONE - DONE % MINUTE,
        b"Hello",
    )
    assert read(USUAL).warnings == ()


@pytest.mark.parametrize(("state", "word"), STAT_WORDS.items())
def test_every_stat(state, word):
    receipt = read(USUAL.replace(b"DELIVRD", word.encode()))
    assert receipt.state is state
    assert receipt.final == (state not in (MessageState.ENROUTE, MessageState.ACCEPTED))


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        (USUAL.replace(b"text:", b"Text:"), "text", b"Hello"),
        (USUAL.replace(b"2611211030", b"261121103015"), "submitted_ns", SUBMITTED),
        (USUAL.replace(b"2611211030", b"20261121103015"), "submitted_ns", SUBMITTED),
        (USUAL.replace(b"2611211030", b"202611211030"), "submitted_ns", SUBMITTED - SUBMITTED % MINUTE),
        (USUAL.replace(b"sub:001 dlvrd:001 ", b""), "submitted", None),
        (USUAL.replace(b"sub:001", b"sub:null"), "submitted", None),
        (USUAL.replace(b"sub:001", b"sub:1"), "submitted", 1),
        (USUAL.replace(b"err:000", b"err:0012"), "error", "0012"),
        (USUAL.replace(b"err:000", b"err:00A"), "error", "00A"),
        (USUAL.replace(b"err:000", b"err:null"), "error", None),
        (USUAL.replace(b" err:000", b""), "error", None),
        (USUAL.replace(b"DELIVRD", b"FAILED"), "state", MessageState.UNDELIVERABLE),
        (USUAL.replace(b"DELIVRD", b"Delivrd"), "state", MessageState.DELIVERED),
        (USUAL.replace(b" text:Hello", b""), "text", b""),
        (USUAL.replace(b"Hello", b"id:9 stat:REJECTD"), "message_id", "0123456789"),
        (USUAL.replace(b"Hello", b"id:9 stat:REJECTD"), "text", b"id:9 stat:REJECTD"),
        (USUAL.replace(b"Hello", b"two\nlines "), "text", b"two\nlines "),
        (USUAL.replace(b"submit date", b"submit_date").replace(b"done date", b"doneDate"), "submitted", 1),
        (USUAL.upper(), "done_ns", DONE - DONE % MINUTE),
        (USUAL.replace(b"id:", b"ID: "), "message_id", "0123456789"),
        (b"stat:DELIVRD id:77", "message_id", "77"),
        (
            b"id:1b4e28ba-2fa1-11d2-883f-0016d3cca427 stat:DELIVRD",
            "message_id",
            "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        ),
        (b"id:340282366920938463463374607431768211456 stat:DELIVRD", "message_id", str(2**128)),
    ],
)
def test_variants_of_the_text(text, field, value):
    receipt = read(text)
    assert getattr(receipt, field) == value
    assert receipt.warnings == ()


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (USUAL.replace(b"DELIVRD", b"PERHAPS"), "unknown_stat"),
        (USUAL.replace(b"2611211030", b"2613211030"), "date_unreadable"),
        (USUAL.replace(b"2611211030", b"26112110"), "date_unreadable"),
        (USUAL.replace(b"2611211030", b"yesterday"), "date_unreadable"),
        (USUAL.replace(b"sub:001", b"sub:one"), "count_unreadable"),
        (USUAL.replace(b"err:000", b"err:?!"), "error_unreadable"),
        (USUAL.replace(b"Hello", b"caf\xc3\xa9"), "text_not_ascii"),
    ],
)
def test_what_cannot_be_read_is_a_warning(text, warning):
    receipt = read(text)
    assert receipt.warnings == (warning,)
    assert receipt.message_id == "0123456789"


def test_a_stat_nobody_knows_is_unknown():
    assert read(USUAL.replace(b"DELIVRD", b"PERHAPS")).state is MessageState.UNKNOWN


def test_receipt_only_in_message_payload():
    assert read(b"", tlvs=((PAYLOAD, USUAL),)) == read(USUAL)


def test_receipt_only_in_tlvs():
    receipt = read(b"", tlvs=((ID, b"77\0"), (STATE, b"\5"), (ERROR, b"\3\0\x22")))
    assert receipt == Receipt("77", MessageState.UNDELIVERABLE, "034", network_type=3)
    assert receipt.warnings == ()


@pytest.mark.parametrize(
    ("tlv", "field", "value", "warning"),
    [
        ((ID, b"55\0"), "message_id", "55", "id_disagrees"),
        ((STATE, b"\5"), "state", MessageState.UNDELIVERABLE, "state_disagrees"),
        ((ERROR, b"\3\1\0"), "error", "256", "error_disagrees"),
        ((STATE, b"\x63"), "state", MessageState.DELIVERED, "unknown_state"),
        ((STATE, b""), "state", MessageState.DELIVERED, "unknown_state"),
        ((ERROR, b"\1"), "error", "000", "tlv_unreadable"),
    ],
)
def test_tlvs_win_and_say_so(tlv, field, value, warning):
    receipt = read(USUAL, tlvs=(tlv,))
    assert getattr(receipt, field) == value
    assert receipt.warnings == (warning,)


@pytest.mark.parametrize("same", [b"123456789\0", b"75BCD15\0", b"75bcd15", b"000123456789\0"])
def test_one_id_in_two_notations_does_not_disagree(same):
    assert read(USUAL, tlvs=((ID, same),)).warnings == ()


def test_hexadecimal_error_agrees_with_its_number():
    receipt = read(USUAL.replace(b"err:000", b"err:00A"), tlvs=((ERROR, b"\3\0\x0a"),))
    assert (receipt.error, receipt.warnings) == ("00A", ())


@pytest.mark.parametrize("text", [b"", b"Hello there", b"id: stat:DELIVRD", b"text:id:5", b"\xff" * 40])
def test_no_receipt(text):
    with pytest.raises(NotAReceipt, match="not a receipt"):
        read(text)


@given(
    st.binary(max_size=300),
    st.lists(st.tuples(st.sampled_from([ID, STATE, ERROR, PAYLOAD]), st.binary(max_size=8))),
)
def test_any_octets_are_a_receipt_or_the_documented_error(text, tlvs):
    for candidate in (text, USUAL[:40] + text, b"id:1 " + text):
        try:
            receipt = read(candidate, tlvs=tuple(tlvs))
        except NotAReceipt:
            continue
        assert receipt.message_id


def test_which_messages_are_receipts():
    assert [is_receipt(esm) for esm in (0x00, 0x04, 0x20, 0x08, 0x44, 0x3C, 0x40)] == [
        False, True, True, False, True, False, False,
    ]  # fmt: skip


def test_error_codes():
    assert set(error_codes("010")) == {10, 16}
    assert error_codes("00A") == (10,)
    assert error_codes("xyz") == ()


# --- message ids


@pytest.mark.parametrize(
    ("kept", "receipt_id"),
    [
        ("123456789", "75bcd15"),  # hexadecimal of a decimal id
        ("75bcd15", "123456789"),  # decimal of a hexadecimal id
        ("75BCD15", "75bcd15"),
        ("123456789", "000123456789"),
        ("000123456789", "123456789"),
        ("0075BCD15", "123456789"),
        ("0x75bcd15", "123456789"),
        ("1B4E28BA-2FA1-11D2-883F-0016D3CCA427", "1b4e28ba-2fa1-11d2-883f-0016d3cca427"),
        ("1b4e28ba-2fa1-11d2-883f-0016d3cca427", "1b4e28ba2fa111d2883f0016d3cca427"),
        (str(2**80), f"{2**80:X}"),
        (f"{2**80:x}", str(2**80)),
        ("0", "000"),
        ("abc-XYZ", "ABC-xyz"),
    ],
)
def test_ids_match_whatever_their_notation(kept, receipt_id):
    assert canonical_id(kept) in id_candidates(receipt_id)


def test_ids_that_differ_do_not_match():
    assert canonical_id("123456789") not in id_candidates("123456788")
    assert id_candidates("no-number") == ("no-number",)
    assert len(id_candidates("123456789")) == 3


@given(st.integers(0, 2**160), st.sampled_from(get_args(IdNotation)), st.booleans())
def test_every_notation_of_a_number_is_found(number, kind, hexadecimal):
    kept = f"{number:x}" if hexadecimal else str(number)
    written = write_id(kept, ReceiptNotation(id=kind, id_digits=30))
    assert canonical_id(kept) in id_candidates(written)


@given(st.uuids(), st.sampled_from(get_args(IdNotation)))
def test_uuids_are_found(uuid, kind):
    assert canonical_id(str(uuid)) in id_candidates(write_id(str(uuid), ReceiptNotation(id=kind)))


@given(st.text(max_size=70))
def test_any_id_has_candidates_beginning_with_its_canonical_form(message_id):
    assert id_candidates(message_id)[0] == canonical_id(message_id)


# --- writing

notations = st.builds(
    ReceiptNotation,
    where=st.sampled_from(["text", "text_and_tlvs", "tlvs", "payload"]),
    text_key=st.sampled_from(["text", "Text", "absent"]),
    text=st.sampled_from(["original", "empty", "non_ascii"]),
    date_digits=st.sampled_from([10, 12, 14]),
    counts=st.sampled_from(["numbers", "null", "absent"]),
    error=st.sampled_from(["decimal3", "decimal4", "hex", "absent"]),
    stat=st.sampled_from([{}, {"UNDELIVERABLE": "FAILED"}]),
    id=st.sampled_from(get_args(IdNotation)),
)


@given(
    notations,
    st.integers(0, 2**70).map(str),
    st.sampled_from(MessageState),
    st.integers(0, 999),
    st.binary(max_size=30),
    st.booleans(),
)
def test_whatever_is_written_is_read(notation, message_id, state, error, text, intermediate):
    written = write_receipt(
        message_id,
        state,
        error=error,
        submitted_ns=SUBMITTED,
        done_ns=DONE,
        text=text,
        intermediate=intermediate,
        notation=notation,
    )
    assert is_receipt(written.esm_class)
    receipt = read_receipt(written.short_message, esm_class=written.esm_class, tlvs=written.tlvs)
    assert canonical_id(message_id) in id_candidates(receipt.message_id)
    assert (receipt.state, receipt.intermediate) == (state, intermediate)
    assert not set(receipt.warnings) - {"text_not_ascii"}
    if receipt.error is not None:
        assert error in error_codes(receipt.error)
    if notation.where == "tlvs":
        assert (written.short_message, receipt.submitted_ns) == (b"", None)
        return
    assert DONE - receipt.done_ns == (0 if notation.date_digits > 10 else 45_000_000_000)
    assert (receipt.submitted == 1) == (notation.counts == "numbers")
    if notation.text == "original" and notation.text_key != "absent":
        assert receipt.text == text[:20]


def test_the_usual_writing():
    written = write_receipt(
        "0123456789", MessageState.DELIVERED, submitted_ns=SUBMITTED, done_ns=DONE, text=b"Hello"
    )
    assert written.short_message == USUAL
    assert written.esm_class == 0x04
    assert written.tlvs == ((ID, b"0123456789\0"), (STATE, b"\2"))


def test_a_failure_carries_its_code():
    written = write_receipt(
        "1", MessageState.UNDELIVERABLE, error=64, submitted_ns=SUBMITTED, done_ns=DONE, intermediate=True
    )
    assert b"dlvrd:000" in written.short_message
    assert b"stat:UNDELIV err:064" in written.short_message
    assert written.esm_class == 0x20
    assert written.tlvs[-1] == (ERROR, b"\3\0\x40")


def test_one_id_of_each_notation():
    def writes(message_id, kind):
        return write_id(message_id, ReceiptNotation(id=kind, id_digits=12))

    assert writes("255", "hex_of_decimal") == "ff"
    assert writes("FF", "decimal_of_hex") == "255"
    assert writes("255", "zero_padded") == "000000000255"
    assert writes("ff", "upper") == "FF"
    assert writes("FF", "lower") == "ff"
    assert writes("x-1", "hex_of_decimal") == "x-1"


@given(
    st.from_regex(rb"[!-~\xa1-\xff]{1,12}", fullmatch=True),
    st.from_regex(rb"[0-9]{3}", fullmatch=True),
    st.sampled_from(
        [b"2611211030", b"261121103015", b"20261121103015", b"202611211030", b"9999999999", b"1"]
    ),
    st.sampled_from([b"DELIVRD", b"UNDELIV", b"FAILED", b"ENROUTE", b"STRANGE", b"X"]),
    st.sampled_from([b"000", b"00A", b"null", b"NULL", b"0" * 11, b"a_b"]),
    st.sampled_from([b"", b" text:", b" Text:Hello", b" text:caf\xe9", b" text:a\nid:2"]),
    st.sampled_from([0x04, 0x20, 0x24]),
)
def test_the_usual_text_reads_alike_on_the_short_way_and_the_long(
    message_id, count, date, stat, error, text, esm_class
):
    octets = b"id:%b sub:%b dlvrd:%b submit date:%b done date:%b stat:%b err:%b%b" % (
        *(message_id, count, count, date, date, stat, error, text),
    )
    short = read(octets, esm_class=esm_class)
    long = read(octets, esm_class=esm_class, tlvs=[(0x1501, b"x")])  # any TLV leads the long way
    assert short == long
    assert short.warnings == long.warnings
