"""SDES-SRTP: a packet protected by one side is read by the other, and by nobody else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siprec import sdp
from siprec.rtp import rtcp, srtp
from siprec.rtp.errors import SrtpError
from siprec.rtp.packet import RtpPacket, build
from siprec.rtp.srtp import SrtpSession

KEY = bytes(range(30))
PACKET = build(RtpPacket(0, 1, 160, 7, b"speech" * 20))


def test_the_suites_are_those_of_the_sdp():
    assert srtp.SUITES == sdp.SDES_SUITES
    assert srtp.KEY_BYTES == sdp.SDES_KEY_BYTES


@pytest.mark.parametrize(("suite", "tag_bytes"), [(srtp.SUITES[0], 10), (srtp.SUITES[1], 4)])
def test_rtp_and_rtcp_round_trip(suite, tag_bytes):
    ours, theirs = SrtpSession(suite, KEY, inbound=False), SrtpSession(suite, KEY)
    protected = ours.protect(PACKET)
    assert len(protected) == len(PACKET) + tag_bytes
    assert b"speech" not in protected
    assert theirs.unprotect(protected) == PACKET
    report = rtcp.build_compound([rtcp.ReceiverReport(7)])
    assert theirs.unprotect_rtcp(ours.protect_rtcp(report)) == report


def test_forged_replayed_and_foreign_packets_are_refused():
    ours, theirs = SrtpSession(srtp.SUITES[0], KEY, inbound=False), SrtpSession(srtp.SUITES[0], KEY)
    protected = ours.protect(PACKET)
    with pytest.raises(SrtpError, match="authentication"):
        theirs.unprotect(protected[:-1] + bytes([protected[-1] ^ 1]))
    theirs.unprotect(protected)
    with pytest.raises(SrtpError, match="replay"):
        theirs.unprotect(protected)
    with pytest.raises(SrtpError):
        SrtpSession(srtp.SUITES[0], bytes(30)).unprotect(protected)
    with pytest.raises(SrtpError, match="too long"):
        theirs.unprotect(bytes(3_000))


@pytest.mark.parametrize(
    ("suite", "key"), [("AES_256", KEY), (srtp.SUITES[0], b"short"), (srtp.SUITES[0], KEY + b"x")]
)
def test_keys_and_suites_are_checked(suite, key):
    with pytest.raises(SrtpError, match="suite"):
        SrtpSession(suite, key)


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_property_noise_is_refused_as_documented(noise):
    session = SrtpSession(srtp.SUITES[0], KEY)
    for read in (session.unprotect, session.unprotect_rtcp):
        with pytest.raises(SrtpError):
            read(noise)
