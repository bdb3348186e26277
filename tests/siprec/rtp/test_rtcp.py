"""RTCP compound packets (RFC 3550 §6)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.rtp import rtcp
from siprec.rtp.errors import MalformedPacketError
from siprec.rtp.rtcp import (
    Goodbye,
    OtherRtcp,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    build_compound,
    parse_compound,
)

u32 = st.integers(0, 0xFFFFFFFF)
blocks = st.lists(
    st.builds(ReportBlock, u32, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), u32, u32, u32, u32),
    max_size=31,
).map(tuple)
texts = st.text(max_size=20)
packets = st.one_of(
    st.builds(SenderReport, u32, st.integers(0, 2**64 - 1), u32, u32, u32, blocks),
    st.builds(ReceiverReport, u32, blocks),
    st.builds(
        SourceDescription,
        st.lists(
            st.tuples(u32, st.lists(st.tuples(st.integers(1, 8), texts), max_size=4).map(tuple)), max_size=4
        ).map(tuple),
    ),
    st.builds(Goodbye, st.lists(u32, max_size=5).map(tuple), st.none()),
    st.builds(
        OtherRtcp,
        st.integers(204, 207),
        st.integers(0, 31),
        st.binary(max_size=40).map(lambda b: b[: len(b) // 4 * 4]),
    ),
)


@given(st.lists(packets, min_size=1, max_size=4))
def test_property_compound_packets_round_trip(compound):
    raw = build_compound(compound)
    assert len(raw) % 4 == 0
    assert parse_compound(raw) == tuple(compound)


@given(st.lists(packets, min_size=1, max_size=3), st.data())
def test_property_truncated_compounds_are_malformed_or_shorter(compound, data):
    raw = build_compound(compound)
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with contextlib.suppress(MalformedPacketError):
        assert len(parse_compound(cut)) < len(compound)


def test_a_goodbye_gives_its_reason():
    raw = build_compound([Goodbye((7,), "over")])
    assert parse_compound(raw) == (Goodbye((7,), "over"),)


def test_padding_is_taken_off():
    padded = bytes.fromhex("a0c90003 00000007 00000000 00000008")
    assert parse_compound(padded) == (ReceiverReport(7),)
    with pytest.raises(MalformedPacketError, match="padding"):
        parse_compound(bytes.fromhex("a0c90001 000000ff"))


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "80",
        "40c90001 00000007",
        "81c90001 00000007",
        "80c80001 00000007",
        "80c90009 00000007",
        "81ca0000",
        "81cb0000",
    ],
)
def test_malformed(raw):
    with pytest.raises(MalformedPacketError):
        parse_compound(bytes.fromhex(raw))


def test_sdes_items_and_reasons_must_fit():
    with pytest.raises(MalformedPacketError, match="SDES item"):
        parse_compound(bytes.fromhex("81ca0002 00000007 01ff6162"))
    with pytest.raises(MalformedPacketError, match="reason"):
        parse_compound(bytes.fromhex("81cb0002 00000007 ff616263"))


def test_too_many_items_cannot_be_built():
    with pytest.raises(ValueError, match="31"):
        build_compound([Goodbye((1,) * 32)])


def test_loss_beyond_24_bits_is_clamped():
    for lost, kept in ((1 << 30, 0x7FFFFF), (-(1 << 30), -0x800000)):
        (report,) = parse_compound(build_compound([ReceiverReport(1, (ReportBlock(2, packets_lost=lost),))]))
        assert isinstance(report, ReceiverReport)
        assert report.blocks[0].packets_lost == kept


def test_ntp_time():
    assert rtcp.ntp_of(0) == rtcp.NTP_EPOCH_OFFSET_S << 32
    assert rtcp.ntp_of(500_000_000) & 0xFFFFFFFF == 1 << 31
    assert rtcp.middle_of(0x1111_2222_3333_4444) == 0x2222_3333
