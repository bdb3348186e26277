"""RTP packets (RFC 3550 §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.rtp.errors import MalformedPacketError, RtpError
from siprec.rtp.packet import Extension, RtpPacket, build, is_rtcp, parse

PLAIN = bytes.fromhex("8000 0001 000000a0 deadbeef") + b"payload"


def test_a_plain_packet():
    assert parse(PLAIN) == RtpPacket(0, 1, 160, 0xDEADBEEF, b"payload")
    assert build(parse(PLAIN)) == PLAIN


def test_marker_and_payload_type_share_a_byte():
    packet = parse(PLAIN[:1] + b"\xe5" + PLAIN[2:])
    assert (packet.marker, packet.payload_type) == (True, 101)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "too few"),
        (PLAIN[:11], "too few"),
        (b"\x40" + PLAIN[1:], "version 1"),
        (b"\x8f" + PLAIN[1:12], "contributing sources"),
        (b"\x90" + PLAIN[1:12], "header extension"),
        (b"\x90" + PLAIN[1:12] + b"\0\0\0\x09", "longer than the packet"),
        (b"\xa0" + PLAIN[1:12], "padding"),
        (b"\xa0" + PLAIN[1:12] + b"\0", "padding"),
        (b"\xa0" + PLAIN[1:12] + b"\x02", "padding"),
    ],
)
def test_malformed_packets_say_why(data, reason):
    with pytest.raises(MalformedPacketError, match=reason) as caught:
        parse(data)
    assert isinstance(caught.value, RtpError)


def test_a_packet_of_padding_only():
    assert parse(b"\xa0" + PLAIN[1:12] + b"\0\0\x03").payload == b""


def test_what_cannot_be_built():
    with pytest.raises(ValueError, match="padding"):
        build(parse(PLAIN), padding_bytes=256)
    with pytest.raises(ValueError, match="contributing"):
        build(parse(PLAIN)._replace(csrc=(1,) * 16))


def test_rtcp_is_told_apart_on_a_shared_port():
    assert is_rtcp(bytes.fromhex("81c90001"))
    assert not is_rtcp(PLAIN)
    assert not is_rtcp(b"\x80")


packets = st.builds(
    RtpPacket,
    st.integers(0, 127),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=200),
    st.booleans(),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    st.none()
    | st.builds(
        Extension, st.integers(0, 0xFFFF), st.binary(max_size=40).map(lambda b: b[: len(b) // 4 * 4])
    ),
)


@given(packets, st.integers(0, 255))
def test_property_packets_round_trip_whatever_is_optional(packet, padding):
    assert parse(build(packet, padding)) == packet


@given(packets, st.data())
def test_property_a_truncated_packet_is_shorter_or_malformed(packet, data):
    raw = build(packet, 3)
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    try:
        parsed = parse(cut)
    except MalformedPacketError:
        return
    assert len(parsed.payload) < len(raw)
