"""Noise and near misses raise SdpError or nothing."""

from hypothesis import given
from hypothesis import strategies as st

from siprec import sdp

GOOD = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/SAVP 0 9 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendonly\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
    + b"A" * 40
    + b"\r\na=rtcp:4001 IN IP4 192.0.2.1\r\na=label:1\r\n"
)


def use(body: bytes) -> None:
    """Everything a recorder does with an offer."""
    try:
        offer = sdp.parse(body)
    except sdp.SdpError:
        return
    streams = sdp.negotiate(offer)
    locals_ = [sdp.Local("192.0.2.2", 4_000, key=bytes(30)) if s.accepted else None for s in streams]
    answer = sdp.answer(offer, streams, locals_, session_id=1, address="192.0.2.2")
    assert len(sdp.parse(answer.encode()).media) == len(offer.media)
    assert sdp.parse(offer.encode()) == offer
    sdp.with_next_version(offer, answer)
    sdp.reoffer_faults(offer, answer)
    for index in range(len(offer.media)):
        offer.rtcp_address_of(index), offer.is_paused(index)


@given(st.binary(max_size=400))
def test_noise(body):
    use(body)
    use(b"v=0\r\nm=audio 1 RTP/AVP 0\r\n" + body)


@given(st.data())
def test_near_misses(data):
    body = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                body[at] = data.draw(st.integers(0, 255))
            case 1:
                del body[at : at + data.draw(st.integers(1, 9))]
            case _:
                body[at:at] = data.draw(st.binary(max_size=9))
        body = body or bytearray(b"v")
    use(bytes(body))


@given(st.lists(st.sampled_from(GOOD.splitlines(keepends=True)), max_size=30))
def test_lines_in_any_order(lines):
    use(b"".join(lines))
