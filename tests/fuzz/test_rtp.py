"""Noise on media ports: documented errors, bounded memory, and the stream goes on."""

from hypothesis import given
from hypothesis import strategies as st

from siprec.rtp import rtcp
from siprec.rtp.errors import MalformedPacketError
from siprec.rtp.packet import RtpPacket, build, parse
from siprec.rtp.reorder import MAX_HELD
from siprec.rtp.stream import ReceivedStream

heads = st.sampled_from(
    [b"\x80\x00", b"\x80\x65", b"\x90\x00", b"\xaf\x80", b"\xb1\x08", b"\x81\xc8", b"\x80\xca", b""]
)
noise = st.builds(lambda head, rest: head + rest, heads, st.binary(max_size=80))


@given(noise)
def test_packets_of_noise(data):
    try:
        packet = parse(data)
    except MalformedPacketError:
        return
    assert parse(build(packet)) == packet


@given(noise)
def test_rtcp_of_noise(data):
    try:
        compound = rtcp.parse_compound(data)
    except MalformedPacketError:
        return
    again = rtcp.parse_compound(rtcp.build_compound(compound))
    assert [type(packet) for packet in again] == [type(packet) for packet in compound]


@given(st.lists(st.tuples(noise, st.floats(0, 1)), max_size=60))
def test_a_stream_in_noise_still_delivers_what_follows(arrivals):
    stream = ReceivedStream(8_000, event_payload_types=frozenset({101}))
    now = 0.0
    for data, passed in arrivals:
        now += passed
        stream.receive_data(data, now)
        stream.receive_rtcp(data, now)
        stream.handle_timeout(now)
        assert stream.buffer.held <= MAX_HELD + 1
        rtcp.build_compound(stream.receiver_report(1, "srs", now))
    stream.flush()
    good = [build(RtpPacket(0, n, n * 160, 0xABCDEF01, b"good")) for n in range(10)]
    out = [p for n, data in enumerate(good) for p in stream.receive_data(data, now + 10 + 0.02 * n)]
    out.extend(stream.flush())
    assert [p.payload for p in out if p.payload == b"good"] == [b"good"] * 10
