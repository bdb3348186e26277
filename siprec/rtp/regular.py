"""The usual second of the usual stream, recognised at once: packets that differ in nothing but their turn.

    run = leading_run(datagrams)        # None, or how many of the first datagrams form one run

In a regular run every datagram has the same length, source and payload type, no marker and no option, the
sequence counts up by one and the timestamp by the payload's length: one byte is one unit of the RTP clock, as
in G.711 and G.722 (RFC 3551 §4.5). Fifty such packets are then checked and joined in the time three take one
by one; `ReceivedStream.receive_batch` falls back to single packets for everything else.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from siprec.rtp.packet import HEADER_BYTES

MIN_PACKETS = 6
"""Fewer are faster one by one."""
MAX_PACKETS = 1_024

_HEADER = Struct("!BBHII")
_FIELDS = np.dtype([("kind", ">u2"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4")])


class RegularRun(NamedTuple):
    """Packets in a row. sequence, timestamp: of the first. step: payload bytes and clock units of each."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    step: int
    packets: int
    payload: bytes


@lru_cache(maxsize=64)
def _turns(count: int) -> tuple[NDArray[np.uint16], NDArray[np.uint32]]:
    turns = np.arange(count)
    return turns.astype(np.uint16), turns.astype(np.uint32)


def leading_run(datagrams: Sequence[bytes]) -> RegularRun | None:
    """Return the regular run that the datagrams begin with; None where it has fewer than `MIN_PACKETS`."""
    first = datagrams[0]
    length = len(first)
    if length <= HEADER_BYTES or first[0] != 0x80 or first[1] > 0x7F:
        return None
    datagrams = _of_one_length(datagrams[:MAX_PACKETS], length)
    count = len(datagrams)
    if count < MIN_PACKETS:
        return None
    kind, payload_type, sequence, timestamp, ssrc = _HEADER.unpack_from(first)
    rows = np.frombuffer(b"".join(datagrams), np.uint8).reshape(count, length)
    step = length - HEADER_BYTES
    wanted = _headers(kind << 8 | payload_type, sequence, timestamp, ssrc, step, count)
    heads = rows[:, :HEADER_BYTES].tobytes()
    if heads != wanted:
        count = _agreeing(heads, wanted)
        if count < MIN_PACKETS:
            return None
    payload = rows[:count, HEADER_BYTES:].tobytes()
    return RegularRun(payload_type, sequence, timestamp, ssrc, step, count, payload)


def _of_one_length(datagrams: Sequence[bytes], length: int) -> Sequence[bytes]:
    if set(map(len, datagrams)) == {length}:
        return datagrams
    return datagrams[: next(n for n, data in enumerate(datagrams) if len(data) != length)]


def _headers(kind: int, sequence: int, timestamp: int, ssrc: int, step: int, count: int) -> bytes:
    """The headers such a run has, joined; sequence and timestamp wrap."""
    by_one, by_step = _turns(count)
    heads = np.empty(count, _FIELDS)
    heads["kind"] = kind
    heads["sequence"] = by_one + np.uint16(sequence)
    heads["timestamp"] = by_step * np.uint32(step) + np.uint32(timestamp)
    heads["ssrc"] = ssrc
    return heads.tobytes()


def _agreeing(heads: bytes, wanted: bytes) -> int:
    """How many headers are as wanted before the first that is not."""
    differ = np.frombuffer(heads, np.uint8) != np.frombuffer(wanted, np.uint8)
    return int(np.argmax(differ)) // HEADER_BYTES
