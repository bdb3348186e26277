"""Framing: any cut of the stream, limits before buffering, linear cost."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.errors import FatalError
from gateway.smpp.framing import Framer


def frame(body: bytes, sequence: int = 7) -> bytes:
    return struct.pack(">IIII", 16 + len(body), 0x15, 0, sequence) + body


@given(st.lists(st.binary(max_size=60), max_size=8), st.lists(st.integers(0, 500), max_size=12))
def test_frames_come_out_whole_however_the_stream_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    frames = [frame(body, number) for number, body in enumerate(bodies)]
    stream = b"".join(frames)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    framer = Framer()
    found = [each for start, end in pairwise(edges) for each in framer.feed(stream[start:end])]
    assert found == frames
    assert framer.fault is None
    assert framer.buffered_octets == 0


@pytest.mark.parametrize("length", [*range(16), 65_537, 0xFFFF_FFFF])
def test_an_impossible_length_is_refused_at_its_fourth_octet(length: int) -> None:
    framer = Framer()
    assert framer.feed(frame(b"") + struct.pack(">I", length)[:3]) == [frame(b"")]
    assert framer.fault is None
    assert framer.feed(struct.pack(">I", length)[3:]) == []
    assert isinstance(framer.fault, FatalError)
    assert framer.fault.command_length == length
    assert framer.fault.sequence_number == 0
    assert framer.buffered_octets == 0
    assert framer.feed(frame(b"")) == []


def test_frames_before_the_fault_are_kept_and_its_sequence_number_is_read() -> None:
    framer = Framer(limit_octets=32)
    huge = struct.pack(">IIII", 33, 4, 0, 0x1234)
    assert framer.feed(frame(b"") + frame(bytes(16)) + huge) == [frame(b""), frame(bytes(16))]
    assert framer.fault is not None
    assert framer.fault.sequence_number == 0x1234
    assert "33" in str(framer.fault)


def test_a_frame_of_exactly_the_limit_is_taken() -> None:
    framer = Framer(limit_octets=32)
    assert framer.feed(frame(bytes(16))) == [frame(bytes(16))]


class CountingBytes(bytes):
    """Octets that count how many of them are copied by slicing."""

    copied = 0

    def __getitem__(self, key):  # type: ignore[no-untyped-def]
        result = bytes.__getitem__(self, key)
        if isinstance(key, slice):
            CountingBytes.copied += len(result)
        return result


def test_many_frames_in_one_segment_are_copied_once() -> None:
    CountingBytes.copied = 0
    stream = CountingBytes(frame(bytes(84)) * 2_000)
    assert len(Framer().feed(stream)) == 2_000
    assert CountingBytes.copied <= 1.05 * len(stream)


def test_one_frame_in_single_octets_waits_without_slicing() -> None:
    framer = Framer()
    stream = frame(bytes(65_000))
    for octet in stream[:-1]:
        assert framer.feed(bytes((octet,))) == []
    assert framer.feed(stream[-1:]) == [stream]
