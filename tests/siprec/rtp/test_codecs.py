"""Codecs: levels, spectra, and the errors of payloads without meaning."""

import contextlib
import math
import sys
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.rtp import codecs, g711
from siprec.rtp.codecs import TelephoneEvent
from siprec.rtp.errors import CodecError, CodecUnavailableError

ALL = ("PCMU", "PCMA", "G722", "opus")


def tone(rate_hz: int, frequency_hz: float, seconds: float = 0.5) -> bytes:
    count = int(rate_hz * seconds)
    return array(
        "h", (int(9_000 * math.sin(2 * math.pi * frequency_hz * n / rate_hz)) for n in range(count))
    ).tobytes()


def spectrum_peak(pcm: bytes, rate_hz: int) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(power) * rate_hz / len(samples))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("frequency_hz", [300, 440, 1_000, 3_000])
def test_a_tone_survives(name, frequency_hz):
    encoder, decoder = codecs.encoder(name), codecs.decoder(name)
    pcm = tone(encoder.sample_rate_hz, frequency_hz)
    frame = encoder.sample_rate_hz // 50 * 2
    out = b"".join(decoder.decode(encoder.encode(pcm[at : at + frame])) for at in range(0, len(pcm), frame))
    assert len(out) == len(pcm)
    assert decoder.sample_rate_hz == encoder.sample_rate_hz
    assert spectrum_peak(out[len(out) // 4 :], decoder.sample_rate_hz) == pytest.approx(frequency_hz, abs=5)
    level = np.abs(np.frombuffer(out, dtype="<i2")[len(out) // 8 :]).max()
    assert 7_000 < level < 11_500


@pytest.mark.parametrize(
    ("name", "clock", "rate", "payload"),
    [("PCMU", 8_000, 8_000, 160), ("PCMA", 8_000, 8_000, 160), ("G722", 8_000, 16_000, 160)],
)
def test_clocks_and_sizes(name, clock, rate, payload):
    encoder = codecs.encoder(name.lower())
    assert (encoder.clock_hz, encoder.sample_rate_hz) == (clock, rate)
    assert len(encoder.encode(bytes(rate // 50 * 2))) == payload


def test_names_and_what_is_missing(monkeypatch):
    assert codecs.available() == ALL
    with pytest.raises(CodecUnavailableError, match=r"G729.*pcmu"):
        codecs.decoder("G729")
    monkeypatch.setitem(sys.modules, "av", None)
    assert codecs.available() == ("PCMU", "PCMA", "G722")
    with pytest.raises(CodecUnavailableError, match="extra"):
        codecs.encoder("opus")


def test_comfort_noise_is_silence():
    assert codecs.decoder("CN").decode(b"\x40") == b""


@pytest.mark.parametrize("name", ALL)
def test_an_empty_payload_is_nothing(name):
    assert codecs.decoder(name).decode(b"") == b""


def test_payloads_without_meaning():
    with pytest.raises(CodecError, match="opus"):
        codecs.decoder("opus").decode(b"\xff" * 5)
    with pytest.raises(CodecError, match="20 ms"):
        codecs.encoder("opus").encode(bytes(10))
    with pytest.raises(CodecError, match="pairs"):
        codecs.encoder("G722").encode(bytes(6))


# --- G.711 --------------------------------------------------------------------------------------------

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32_768, 32_768, dtype="<i2")


@pytest.mark.parametrize(
    ("decode", "table"),
    [(g711.decode_ulaw, g711.table_decode_ulaw), (g711.decode_alaw, g711.table_decode_alaw)],
)
def test_the_table_and_the_library_agree(decode, table):
    assert decode(EVERY_CODE) == table(EVERY_CODE)


def test_known_levels():
    """ITU-T G.711 tables 1a and 2a: the extremes, the middle, and silence."""
    assert [int(g711.ULAW_LEVELS[c]) for c in (0x00, 0x80, 0xFF, 0x7F)] == [-32_124, 32_124, 0, 0]
    assert [int(g711.ALAW_LEVELS[c]) for c in (0x2A, 0xAA, 0xD5, 0x55)] == [-32_256, 32_256, 8, -8]


@pytest.mark.parametrize(
    ("encode", "levels"), [(g711.encode_ulaw, g711.ULAW_LEVELS), (g711.encode_alaw, g711.ALAW_LEVELS)]
)
def test_every_sample_gets_the_nearest_level(encode, levels):
    codes = np.frombuffer(encode(EVERY_SAMPLE.tobytes()), dtype=np.uint8)
    error = np.abs(levels[codes].astype(int) - EVERY_SAMPLE.astype(int))
    ordered = np.sort(levels.astype(int))
    at = np.clip(np.searchsorted(ordered, EVERY_SAMPLE), 1, len(ordered) - 1)
    nearest = np.minimum(np.abs(ordered[at] - EVERY_SAMPLE), np.abs(ordered[at - 1] - EVERY_SAMPLE))
    assert (error == nearest).all()


@given(st.binary(max_size=400))
def test_property_levels_survive_coding_again(payload):
    for name in ("PCMU", "PCMA"):
        pcm = codecs.decoder(name).decode(payload)
        assert codecs.decoder(name).decode(codecs.encoder(name).encode(pcm)) == pcm


@given(st.binary(max_size=400))
def test_property_any_g722_payload_decodes(payload):
    assert len(codecs.decoder("G722").decode(payload)) == 4 * len(payload)


@given(st.binary(max_size=100))
def test_property_any_opus_payload_decodes_or_is_refused(payload):
    with contextlib.suppress(CodecError):
        codecs.decoder("opus").decode(payload)


# --- telephone-event ----------------------------------------------------------------------------------


@given(
    st.builds(TelephoneEvent, st.integers(0, 255), st.booleans(), st.integers(0, 63), st.integers(0, 0xFFFF))
)
def test_property_events_round_trip(event):
    assert TelephoneEvent.parse(event.encode()) == event


def test_digits():
    assert [TelephoneEvent(n, True, 10, 800).digit for n in (0, 9, 10, 11, 15, 16)] == [
        "0",
        "9",
        "*",
        "#",
        "D",
        None,
    ]
    with pytest.raises(CodecError, match="too few"):
        TelephoneEvent.parse(b"\x01")
