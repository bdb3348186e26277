"""Session descriptions: RFC 8866 reading and writing, RFC 3264 answers, RFC 7866 §7.1 for a recorder."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec import sdp
from siprec.sdp import Codec, Crypto, Direction, Line, Local, Outgoing, Refusal, SdpError

KEY = bytes(range(30))

DUAL = b"""v=0\r
o=SRC 7 3 IN IP4 192.0.2.9\r
s=-\r
c=IN IP4 192.0.2.9\r
t=0 0\r
m=audio 58014 RTP/AVP 111 0 8 9 13 101\r
a=rtpmap:111 opus/48000/2\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-15\r
a=ptime:20\r
a=sendonly\r
a=label:1\r
m=audio 58016 RTP/AVP 9 101\r
a=rtpmap:9 G722/8000\r
a=rtpmap:101 telephone-event/8000\r
a=sendonly\r
a=label:2\r
m=video 58018 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
a=label:3\r
"""


def replaced(old: bytes, new: bytes) -> sdp.SessionDescription:
    assert old in DUAL
    return sdp.parse(DUAL.replace(old, new))


# --- reading and writing ------------------------------------------------------------------------------


def test_a_description_is_written_as_it_was_read():
    assert sdp.parse(DUAL).encode() == DUAL


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n", b" \r\n"])
def test_line_ends_of_every_kind_are_read(line_end):
    assert sdp.parse(DUAL.replace(b"\r\n", line_end)).encode() == DUAL


def test_unknown_lines_and_attributes_are_kept_in_their_order():
    body = DUAL.replace(b"a=label:1\r\n", b"y=odd\r\na=x-vendor:1 2 3\r\na=label:1\r\nk=clear:x\r\n")
    description = sdp.parse(body)
    assert description.encode() == body
    assert description.media[0].label == "1"


def test_trailing_nuls_and_blank_lines_are_ignored():
    assert sdp.parse(DUAL + b"\r\n\0\0").encode() == DUAL


def test_a_port_count_is_kept():
    body = DUAL.replace(b"audio 58014 RTP", b"audio 58014/2 RTP")
    assert sdp.parse(body).media[0].port_count == 2
    assert sdp.parse(body).encode() == body


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", 1),
        (b"hello", 1),
        (b"o=x\r\n", 1),
        (b"v=0\r\nnonsense\r\n", 2),
        (b"v=0\r\nm=audio\r\n", 2),
        (b"v=0\r\nm=audio 70000 RTP/AVP 0\r\n", 2),
        (b"v=0\r\nm=audio -1 RTP/AVP 0\r\n", 2),
        (b"v=0\r\nm=audio x RTP/AVP 0\r\n", 2),
        (b"v=0\r\n" + b"m=audio 9 RTP/AVP 0\r\n" * (sdp.MAX_MEDIA + 1), sdp.MAX_MEDIA + 2),
        (b"v=0\r\n" + b"a=x\r\n" * sdp.MAX_SDP_LINES, sdp.MAX_SDP_LINES),
        (b"v" * (sdp.MAX_SDP_BYTES + 1), 0),
    ],
)
def test_a_body_without_form_is_refused_with_its_line(body, line):
    with pytest.raises(SdpError) as caught:
        sdp.parse(body)
    assert caught.value.line == line
    assert str(caught.value).startswith("SDP")


def test_origin_and_what_is_not_one():
    assert sdp.parse(DUAL).origin == sdp.Origin("SRC", "7", "3", "192.0.2.9")
    assert sdp.parse(b"v=0\r\no=broken\r\n").origin is None


def test_static_payload_types_have_a_meaning_without_rtpmap():
    codecs = sdp.parse(b"v=0\r\nm=audio 9 RTP/AVP 0 8 9 13 19 77 xyz 200\r\n").media[0].codecs()
    assert [(c.payload_type, c.name) for c in codecs] == [
        (0, "PCMU"),
        (8, "PCMA"),
        (9, "G722"),
        (13, "CN"),
        (19, "CN"),
    ]


def test_g722_runs_on_a_clock_of_8000_whatever_is_announced():
    media = sdp.parse(b"v=0\r\nm=audio 9 RTP/AVP 9\r\na=rtpmap:9 G722/16000\r\n").media[0]
    assert media.codecs() == (Codec(9, "G722", 8_000),)


@pytest.mark.parametrize(
    ("rtpmap", "chosen"),
    [
        ("96 PCMU/8000", "PCMU"),
        ("96 PCMU/16000", None),
        ("96 PCMA/8000/2", None),
        ("96 opus/48000/2", "opus"),
        ("96 opus/48000", "opus"),
        ("96 opus/24000/2", None),
        ("96 G722/16000", "G722"),
    ],
)
def test_a_codec_at_another_clock_or_in_stereo_is_not_the_codec(rtpmap, chosen):
    offer = sdp.parse(f"v=0\r\nc=IN IP4 192.0.2.2\r\nm=audio 9 RTP/AVP 96\r\na=rtpmap:{rtpmap}\r\n")
    (stream,) = sdp.negotiate(offer, codecs=("PCMU", "PCMA", "G722", "opus"))
    assert (stream.codec.name if stream.codec else None) == chosen


@pytest.mark.parametrize("rtpmap", ["96 /8000", "96 x/0", "96 x/", "96 x/8000/z", "96 x/99999999"])
def test_a_senseless_rtpmap_has_no_meaning(rtpmap):
    media = sdp.parse(f"v=0\r\nm=audio 9 RTP/AVP 96\r\na=rtpmap:{rtpmap}\r\n").media[0]
    assert media.codecs() == ()


@pytest.mark.parametrize(
    ("value", "expected"), [("20", 20), ("20.0", 20), ("0", None), ("x", None), ("9999", None)]
)
def test_ptime(value, expected):
    assert replaced(b"ptime:20", b"ptime:" + value.encode()).media[0].ptime_ms == expected


def test_direction_of_a_medium_the_session_or_nobody():
    assert sdp.parse(DUAL).direction_of(0) is Direction.SENDONLY
    assert sdp.parse(DUAL).direction_of(2) is Direction.SENDRECV
    assert replaced(b"t=0 0\r\n", b"t=0 0\r\na=inactive\r\n").direction_of(2) is Direction.INACTIVE


def test_the_rtcp_address_is_the_next_port_or_what_is_said():
    description = sdp.parse(DUAL)
    assert description.rtcp_address_of(0) == ("192.0.2.9", 58_015)
    said = replaced(b"a=label:1", b"a=rtcp:5000 IN IP4 192.0.2.77\r\na=label:1")
    assert said.rtcp_address_of(0) == ("192.0.2.77", 5_000)
    assert replaced(b"a=label:1", b"a=rtcp-mux\r\na=label:1").rtcp_address_of(0) == ("192.0.2.9", 58_014)
    assert replaced(b"58014", b"65535").rtcp_address_of(0) is None


@pytest.mark.parametrize(
    ("old", "new", "paused"),
    [
        (b"v=0", b"v=0", False),
        (b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0", True),
        (b"a=sendonly\r\na=label:1", b"a=inactive\r\na=label:1", True),
        (b"a=sendonly\r\na=label:1", b"a=recvonly\r\na=label:1", True),
        (b"a=sendonly\r\na=label:1", b"a=sendrecv\r\na=label:1", False),
        (b"a=sendonly\r\na=label:1", b"a=label:1", False),
    ],
)
def test_what_a_pause_looks_like(old, new, paused):
    assert replaced(old, new).is_paused(0) is paused


def test_record_awareness_attributes():
    media = replaced(b"a=label:1", b"a=record:on\r\na=recordpref:off\r\na=label:1").media[0]
    assert (media.record, media.record_preference) == ("on", "off")
    assert sdp.parse(DUAL).media[0].record is None


def test_labels_leave_out_refused_media():
    assert replaced(b"58016", b"0").labels == ("1", "3")


# --- crypto -------------------------------------------------------------------------------------------


def test_a_crypto_line_round_trips():
    crypto = Crypto(1, "AES_CM_128_HMAC_SHA1_80", KEY, "2^31")
    assert Crypto.parse(crypto.encode()) == crypto
    assert crypto.is_usable


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "1 AES",
        "x AES_CM_128_HMAC_SHA1_80 inline:AAAA",
        "1 AES_CM_128_HMAC_SHA1_80 uri:x",
        "1 S inline:*",
    ],
)
def test_a_malformed_crypto_line_is_none(value):
    assert Crypto.parse(value) is None


@pytest.mark.parametrize(
    ("suffix", "usable"),
    [("", True), ("|2^20", True), ("|2^20|1:4", False), (" UNENCRYPTED_SRTP", False), (" WSH=64", True)],
)
def test_which_crypto_lines_we_can_speak(suffix, usable):
    plain = Crypto(1, "AES_CM_128_HMAC_SHA1_32", KEY).encode()
    crypto = Crypto.parse(plain + suffix)
    assert crypto is not None
    assert crypto.is_usable is usable


# --- answering ----------------------------------------------------------------------------------------


def answered(offer: sdp.SessionDescription, **how: object) -> sdp.SessionDescription:
    streams = sdp.negotiate(offer, **how)  # type: ignore[arg-type]
    locals_ = [Local("192.0.2.1", 40_000 + 2 * s.index, key=KEY) if s.accepted else None for s in streams]
    return sdp.answer(offer, streams, locals_, session_id=9)


def test_every_line_is_answered_in_order_with_its_label():
    answer = answered(sdp.parse(DUAL))
    assert [(m.kind, m.port, m.label) for m in answer.media] == [
        ("audio", 40_000, "1"),
        ("audio", 40_002, "2"),
        ("video", 0, "3"),
    ]
    assert [answer.direction_of(i) for i in range(2)] == [Direction.RECVONLY] * 2
    assert sdp.parse(answer.encode()) == answer


def test_one_codec_is_chosen_with_its_companions():
    answer = answered(sdp.parse(DUAL))
    assert [c.name for c in answer.media[0].codecs()] == ["PCMU", "CN", "telephone-event"]
    assert [c.name for c in answer.media[1].codecs()] == ["G722", "telephone-event"]


def test_our_preference_may_decide():
    streams = sdp.negotiate(sdp.parse(DUAL), codecs=("G722", "PCMA"), prefer="ours")
    assert [s.codec and s.codec.name for s in streams] == ["G722", "G722", None]
    streams = sdp.negotiate(sdp.parse(DUAL), codecs=("opus", "PCMA"))
    assert streams[0].codec == Codec(111, "opus", 48_000, 2)
    assert streams[0].telephone_event is None, "its clock is another"


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        (b"audio 58014", b"audio 0", Refusal.OFFERED_REFUSED),
        (b"RTP/AVP 111 0 8 9 13 101", b"RTP/AVP 111 13 101", Refusal.NO_CODEC),
        (b"audio 58014 RTP/AVP", b"audio 58014 TCP/MSRP", Refusal.PROTOCOL),
        (b"audio 58014 RTP/AVP", b"audio 58014 RTP/SAVP", Refusal.NO_KEY),
        (b"audio 58014", b"image 58014", Refusal.NOT_AUDIO),
    ],
)
def test_what_is_refused_and_why(old, new, refusal):
    offer = replaced(old, new)
    stream = sdp.negotiate(offer)[0]
    assert stream.refusal is refusal
    answer = answered(offer)
    assert answer.media[0].port == 0
    assert answer.media[0].protocol == offer.media[0].protocol
    assert len(answer.media) == 3


def test_streams_beyond_the_limit_are_refused():
    assert sdp.negotiate(sdp.parse(DUAL), max_streams=1)[1].refusal is Refusal.TOO_MANY


def test_a_stream_we_take_no_port_for_is_refused():
    offer = sdp.parse(DUAL)
    answer = sdp.answer(offer, sdp.negotiate(offer), [None, None, None], session_id=1, address="192.0.2.1")
    assert [m.port for m in answer.media] == [0, 0, 0]
    assert answer.origin is not None
    assert answer.origin.address == "192.0.2.1"


def test_a_secure_stream_gets_our_key_under_the_offered_tag():
    theirs = Crypto(4, "AES_CM_128_HMAC_SHA1_32", bytes(30)).encode().encode()
    offer = replaced(b"audio 58014 RTP/AVP", b"audio 58014 RTP/SAVP")
    offer = sdp.parse(offer.encode().replace(b"a=label:1", b"a=crypto:" + theirs + b"\r\na=label:1"))
    answer = answered(offer)
    assert answer.media[0].protocol == "RTP/SAVP"
    assert answer.media[0].cryptos == (Crypto(4, "AES_CM_128_HMAC_SHA1_32", KEY),)
    assert sdp.negotiate(offer, srtp=False)[0].refusal is Refusal.SECURE_UNAVAILABLE
    with pytest.raises(ValueError, match="key"):
        sdp.answer(offer, sdp.negotiate(offer), [Local("192.0.2.1", 4), None, None], session_id=1)


def test_keys_do_not_show_in_a_repr():
    assert "key" not in repr(Local("192.0.2.1", 4, key=KEY))


def test_pause_is_answered_inactive_and_resume_active_again():
    offers = [
        sdp.parse(DUAL),
        replaced(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0"),
        replaced(b"a=sendonly", b"a=inactive"),
        sdp.parse(DUAL),
    ]
    answers = [answered(offer) for offer in offers]
    assert [a.direction_of(0) for a in answers] == [
        Direction.RECVONLY,
        Direction.INACTIVE,
        Direction.INACTIVE,
        Direction.RECVONLY,
    ]
    assert {a.media[0].port for a in answers} == {40_000}


def test_a_paused_offer_names_no_remote():
    stream = sdp.negotiate(replaced(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0"))[0]
    assert (stream.remote, stream.remote_rtcp, stream.paused) == (None, None, True)
    assert sdp.negotiate(sdp.parse(DUAL))[0].remote == ("192.0.2.9", 58_014)


def test_a_phone_answers_sendrecv_and_may_say_that_it_is_recorded():
    offer = sdp.offer([Outgoing(port=6_000, direction=Direction.SENDRECV)], address="192.0.2.9", session_id=1)
    streams = sdp.negotiate(offer)
    local = [Local("192.0.2.1", 5_000)]
    answer = sdp.answer(offer, streams, local, session_id=2, sends=True, record="on")
    assert answer.direction_of(0) is Direction.SENDRECV
    assert answer.media[0].record == "on"


def test_the_version_grows_only_when_something_changes():
    first = answered(sdp.parse(DUAL))
    assert sdp.with_next_version(None, first) == first
    assert sdp.with_next_version(first, answered(sdp.parse(DUAL))) == first
    paused = sdp.with_next_version(first, answered(replaced(b"a=sendonly", b"a=inactive")))
    assert paused.origin is not None
    assert paused.origin.version == "2"
    resumed = sdp.with_next_version(paused, answered(sdp.parse(DUAL)))
    assert resumed.origin is not None
    assert resumed.origin.version == "3"


def test_addresses_of_its_own_and_the_other_family():
    offer = sdp.parse(DUAL)
    streams = sdp.negotiate(offer)
    answer = sdp.answer(
        offer, streams, [Local("2001:db8::1", 4_000), Local("192.0.2.2", 5_000), None], session_id=1
    )
    assert answer.address_of(0) == "2001:db8::1"
    assert answer.address_of(1) == "192.0.2.2"
    assert b"c=IN IP6 2001:db8::1\r\n" in answer.encode()


def test_reoffers_that_break_the_rules_are_named():
    before = sdp.parse(DUAL)
    shorter = sdp.parse(DUAL[: DUAL.index(b"m=video")])
    assert sdp.reoffer_faults(before, shorter) == ("3 m-lines became 2",)
    assert sdp.reoffer_faults(before, replaced(b"m=video", b"m=audio")) == (
        "m-line 3 changed from video to audio",
    )
    assert sdp.reoffer_faults(before, before) == ()


def test_counts_must_agree():
    offer = sdp.parse(DUAL)
    with pytest.raises(ValueError, match="one stream"):
        sdp.answer(offer, sdp.negotiate(offer), [None], session_id=1)


# --- offering -----------------------------------------------------------------------------------------


def test_an_offer_of_a_recording_client():
    streams = [Outgoing(port=4_000 + 2 * n, label=str(n + 1)) for n in range(2)]
    offer = sdp.parse(sdp.offer(streams, address="192.0.2.9", session_id=5).encode())
    assert offer.labels == ("1", "2")
    assert all(offer.direction_of(i) is Direction.SENDONLY and not offer.is_paused(i) for i in range(2))
    assert offer.rtcp_address_of(1) == ("192.0.2.9", 4_003)


def test_the_pause_of_broadworks_is_the_zero_address():
    streams = [Outgoing(port=4_000, label="1", address="192.0.2.9")]
    offer = sdp.offer(streams, address="192.0.2.9", session_id=5, zero_address=True)
    assert offer.address_of(0) == "0.0.0.0"
    assert offer.is_paused(0)
    assert offer.direction_of(0) is Direction.SENDONLY


def test_an_rtcp_port_elsewhere_and_mux_are_said():
    plain, odd, mux = (
        sdp.offer([stream], address="192.0.2.9", session_id=5)
        for stream in (
            Outgoing(port=4_000, rtcp_port=4_001),
            Outgoing(port=4_000, rtcp_port=4_777),
            Outgoing(port=4_000, rtcp_mux=True),
        )
    )
    assert plain.media[0].attribute("rtcp") is None
    assert odd.rtcp_address_of(0) == ("192.0.2.9", 4_777)
    assert mux.media[0].rtcp_mux


def test_codecs_by_name():
    assert [c.payload_type for c in sdp.codecs_named("pcmu", "OPUS")] == [0, 111]
    with pytest.raises(KeyError):
        sdp.codecs_named("G729")


# --- properties ---------------------------------------------------------------------------------------

values = st.text(string.ascii_letters + string.digits + ":;/=., -_", min_size=0, max_size=30).map(str.strip)
lines = st.builds(Line, st.sampled_from("abcikouz"), values)
media = st.builds(
    sdp.Media,
    st.sampled_from(["audio", "video", "image"]),
    st.integers(0, 65_535),
    st.sampled_from(["RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"]),
    st.lists(st.integers(0, 127).map(str), max_size=5).map(tuple),
    st.lists(lines, max_size=6).map(tuple),
    st.integers(1, 3),
)
descriptions = st.builds(
    lambda rest, ms: sdp.SessionDescription((Line("v", "0"), *rest), tuple(ms)),
    st.lists(lines, max_size=6),
    st.lists(media, max_size=4),
)


@given(descriptions)
def test_property_what_is_written_is_read_again(description):
    assert sdp.parse(description.encode()) == description


outgoing = st.builds(
    Outgoing,
    port=st.integers(1, 32_767).map(lambda n: 2 * n),
    label=st.none() | st.text(string.ascii_letters + string.digits, min_size=1, max_size=8),
    codecs=st.lists(st.sampled_from(sorted(sdp.WELL_KNOWN_CODECS)), min_size=1, unique=True).map(
        lambda names: sdp.codecs_named(*names)
    ),
    direction=st.sampled_from(Direction),
    rtcp_mux=st.booleans(),
    crypto=st.none()
    | st.builds(
        Crypto,
        st.integers(1, 9),
        st.sampled_from(sdp.SDES_SUITES),
        st.binary(min_size=30, max_size=30),
        st.none(),
        st.none(),
        st.just(()),
    ),
    protocol=st.sampled_from(["RTP/AVP", "RTP/SAVP", "TCP/MSRP"]),
)


@given(st.lists(outgoing, max_size=5), st.booleans())
def test_property_any_offer_is_answered_line_by_line(streams, zero_address):
    offer = sdp.parse(
        sdp.offer(streams, address="192.0.2.9", session_id=1, zero_address=zero_address).encode()
    )
    answer = sdp.parse(answered(offer).encode())
    assert len(answer.media) == len(offer.media)
    for index, (asked, given_back) in enumerate(zip(offer.media, answer.media, strict=True)):
        assert (given_back.kind, given_back.protocol, given_back.label) == (
            asked.kind,
            asked.protocol,
            asked.label,
        )
        if not given_back.is_refused:
            assert not answer.direction_of(index).sends
            assert answer.direction_of(index).receives is not offer.is_paused(index)
            assert set(given_back.formats) <= set(asked.formats)
            assert bool(given_back.cryptos) is asked.is_secure
