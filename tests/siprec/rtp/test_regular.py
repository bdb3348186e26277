"""Batches of datagrams come to the same end as datagrams one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.rtp.packet import RtpPacket, build
from siprec.rtp.regular import MAX_PACKETS, MIN_PACKETS, leading_run
from siprec.rtp.reorder import PlacedPacket
from siprec.rtp.stream import ReceivedStream

STEP = 160


def packet(turn: int, *, start: int = 65_530, timestamp: int = 2**32 - 500, **changes: object) -> bytes:
    """The nth packet of a stream whose counters are about to wrap; its payload tells its turn."""
    fields = {
        "payload_type": 0,
        "sequence": start + turn & 0xFFFF,
        "timestamp": timestamp + turn * STEP & 0xFFFFFFFF,
        "ssrc": 7,
        "payload": bytes([turn & 0xFF]) * STEP,
    }
    return build(RtpPacket(**{**fields, **changes}))  # type: ignore[arg-type]


def test_a_second_of_audio_is_one_run_over_wrapping_counters():
    run = leading_run([packet(turn) for turn in range(50)])
    assert run is not None
    assert (run.packets, run.sequence, run.timestamp, run.ssrc, run.step) == (
        50,
        65_530,
        2**32 - 500,
        7,
        STEP,
    )
    assert run.payload == b"".join(bytes([turn]) * STEP for turn in range(50))


@pytest.mark.parametrize(
    "odd",
    [
        packet(20, payload_type=8),
        packet(20, ssrc=8),
        packet(21),
        packet(20, timestamp=5),
        packet(20, payload=bytes(80)),
        packet(20, marker=True),
        packet(20, csrc=(1,), payload=bytes(156)),
        b"",
    ],
)
def test_a_run_ends_before_what_does_not_fit(odd: bytes):
    datagrams = [packet(turn) for turn in range(20)] + [odd] + [packet(turn) for turn in range(21, 50)]
    run = leading_run(datagrams)
    assert run is not None
    assert run.packets == 20


@pytest.mark.parametrize(
    "first", [b"", b"\x80", packet(0, marker=True), packet(0, payload=b""), b"\x90" + packet(0)[1:]]
)
def test_no_run_begins_with_the_unusual(first: bytes):
    assert leading_run([first, *(packet(turn) for turn in range(1, 20))]) is None


def test_few_packets_are_no_run_and_many_are_several():
    assert leading_run([packet(turn) for turn in range(MIN_PACKETS - 1)]) is None
    run = leading_run([packet(turn) for turn in range(MAX_PACKETS + 100)])
    assert run is not None
    assert run.packets == MAX_PACKETS


def one_by_one(placed: list[PlacedPacket]) -> list[tuple[int, int, bytes, int, int]]:
    """Placed packets with joined payloads taken apart again."""
    found = []
    for each in placed:
        lost = each.lost_before
        for turn, at in enumerate(range(0, len(each.payload), STEP)):
            found.append(
                (
                    each.position + turn * STEP,
                    each.sequence + turn,
                    each.payload[at : at + STEP],
                    lost,
                    each.epoch,
                )
            )
            lost = 0
    return found


Fate = st.sampled_from(["kept"] * 12 + ["lost", "twice", "late", "malformed", "other source", "marker"])


@given(
    fates=st.lists(Fate, min_size=1, max_size=200),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    jitter=st.lists(st.floats(0, 0.03), min_size=1, max_size=7),
    pause_at=st.integers(0, 300),
)
def test_a_batch_is_what_its_datagrams_are(
    fates: list[str], cuts: list[int], jitter: list[float], pause_at: int
):
    arrivals: list[tuple[float, bytes]] = []
    for turn, fate in enumerate(fates):
        when = turn * 0.02 + jitter[turn % len(jitter)] + (3.0 if turn >= pause_at else 0.0)
        if fate != "lost":
            data = packet(turn, marker=fate == "marker", ssrc=9 if fate == "other source" else 7)
            late = 0.07 if fate == "late" else 0.0
            arrivals.append((when + late, b"junk" if fate == "malformed" else data))
        if fate == "twice":
            arrivals.append((when + 0.001, packet(turn)))
    arrivals.sort(key=lambda each: each[0])
    single, batch = ReceivedStream(8_000), ReceivedStream(8_000, joinable=True)
    singly: list[PlacedPacket] = []
    joined: list[PlacedPacket] = []
    at = turn = 0
    while at < len(arrivals):
        piece = arrivals[at : at + cuts[turn % len(cuts)]]
        at, turn = at + len(piece), turn + 1
        for when, data in piece:
            singly += single.receive_data(data, when)
        joined += batch.receive_batch([data for _, data in piece], [when for when, _ in piece])
        now = piece[-1][0]
        singly += single.handle_timeout(now)
        joined += batch.handle_timeout(now)
    singly += single.flush()
    joined += batch.flush()
    assert one_by_one(joined) == one_by_one(singly)
    assert (batch.malformed, batch.buffer.lost, batch.buffer.late, batch.buffer.duplicates) == (
        single.malformed,
        single.buffer.lost,
        single.buffer.late,
        single.buffer.duplicates,
    )
    block, other = batch.statistics.report_block(9.0), single.statistics.report_block(9.0)
    if block is None or other is None:
        assert block is other
    else:
        assert block._replace(jitter=0) == other._replace(jitter=0)
        assert batch.statistics.jitter_seconds == pytest.approx(single.statistics.jitter_seconds)
        assert batch.statistics.octets == single.statistics.octets


def test_payloads_of_other_clocks_stay_apart():
    stream = ReceivedStream(48_000)
    for turn in range(20):
        stream.receive_data(packet(turn, timestamp=0, payload_type=111), turn * 0.02)
    placed = stream.receive_batch([packet(turn, timestamp=0) for turn in range(20, 70)], [1.0] * 50)
    assert len(placed) == 50
