"""Order, place and gaps of received packets (RFC 3550 A.1), with virtual time."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siprec.rtp.packet import RtpPacket
from siprec.rtp.reorder import MAX_HELD, PlacedPacket, ReorderBuffer

STEP = 160
EVENTS = frozenset({101})


def packet(
    n: int, *, first: int = 0, clock: int = 0, ssrc: int = 1, step: int = STEP, pt: int = 0
) -> RtpPacket:
    sequence, timestamp = (first + n) & 0xFFFF, (clock + n * step) & 0xFFFFFFFF
    return RtpPacket(pt, sequence, timestamp, ssrc, n.to_bytes(4, "big"))


def play(arrivals: list[tuple[float, RtpPacket]], **how: object) -> tuple[ReorderBuffer, list[PlacedPacket]]:
    """Feed packets at their times, letting deadlines fire between them."""
    buffer = ReorderBuffer(8_000, event_payload_types=EVENTS, **how)  # type: ignore[arg-type]
    out: list[PlacedPacket] = []
    for now, arrived in arrivals:
        deadline = buffer.next_deadline()
        if deadline is not None and deadline <= now:
            out.extend(buffer.handle_timeout(deadline))
        out.extend(buffer.receive(arrived, now))
    out.extend(buffer.flush())
    return buffer, out


def on_time(numbers: list[int], **how: int) -> list[tuple[float, RtpPacket]]:
    return [(0.02 * n, packet(n, **how)) for n in numbers]


def numbers(placed: list[PlacedPacket]) -> list[int]:
    return [int.from_bytes(p.payload, "big") for p in placed]


def test_packets_in_order_follow_each_other():
    buffer, out = play(on_time(list(range(50))))
    assert numbers(out) == list(range(50))
    assert [p.position for p in out] == [n * STEP for n in range(50)]
    assert (buffer.lost, buffer.late, buffer.duplicates, buffer.restarts) == (0, 0, 0, 0)
    assert buffer.origin == pytest.approx(0.0)


def test_after_the_first_window_nothing_waits():
    buffer = ReorderBuffer(8_000)
    buffer.receive(packet(0), 0.0)
    assert buffer.next_deadline() == pytest.approx(0.2)
    assert [p.position for p in buffer.handle_timeout(0.2)] == [0]
    assert [p.position for p in buffer.receive(packet(1), 0.22)] == [STEP]
    assert buffer.next_deadline() is None


def test_reordered_packets_come_out_in_order():
    arrivals = on_time([0, 1, 2, 4, 5, 3, 6, 8, 7, 9])
    buffer, out = play(arrivals)
    assert numbers(out) == list(range(10))
    assert buffer.lost == 0
    assert all(p.lost_before == 0 for p in out)


def test_the_first_packet_may_come_second():
    _, out = play([(0.0, packet(1)), (0.01, packet(0)), (0.04, packet(2))])
    assert numbers(out) == [0, 1, 2]
    assert out[0].position == 0


def test_a_lost_packet_leaves_a_gap_where_it_was():
    buffer, out = play(on_time([n for n in range(30) if n not in (15, 16)]))
    after = next(p for p in out if p.lost_before)
    assert (after.position, after.lost_before, buffer.lost) == (17 * STEP, 2, 2)


def test_a_packet_waits_no_longer_than_the_window():
    buffer = ReorderBuffer(8_000, window_s=0.1)
    buffer.receive(packet(0), 0.0)
    buffer.handle_timeout(0.1)
    assert not buffer.receive(packet(2), 1.0)
    assert buffer.held == 1
    assert buffer.next_deadline() == pytest.approx(1.1)
    assert buffer.handle_timeout(1.09) == ()
    assert [p.lost_before for p in buffer.handle_timeout(1.1)] == [1]
    assert buffer.next_deadline() is None


def test_late_and_duplicate_packets_are_counted_apart():
    buffer = ReorderBuffer(8_000, window_s=0.1)
    for n in (0, 1, 3):
        buffer.receive(packet(n), 0.02 * n)
    buffer.handle_timeout(1.0)
    assert not buffer.receive(packet(2), 1.1)
    assert not buffer.receive(packet(1), 1.1)
    buffer.receive(packet(5), 1.1)
    buffer.receive(packet(5), 1.1)
    assert (buffer.late, buffer.duplicates) == (1, 2)


def test_sequence_and_timestamp_wrap():
    first, clock = 0xFFF0, 0xFFFFFFFF - 10 * STEP
    buffer, out = play(on_time(list(range(60)), first=first, clock=clock))
    assert [p.position for p in out] == [n * STEP for n in range(60)]
    assert [b.sequence - a.sequence for a, b in itertools.pairwise(out)] == [1] * 59
    assert (buffer.lost, buffer.restarts, out[-1].epoch) == (0, 0, 0)


def test_silence_suppression_keeps_the_clock():
    arrivals = on_time(list(range(10)))
    arrivals += [(10.0 + 0.02 * n, packet(n, clock=80_000 - 10 * STEP)) for n in range(10, 20)]
    _, out = play(arrivals)
    assert out[10].position == 80_000
    assert (out[10].lost_before, out[10].epoch) == (0, 0)


def test_a_stall_of_the_network_is_not_a_gap():
    arrivals = on_time(list(range(10))) + [(5.0, packet(n)) for n in range(10, 20)]
    _, out = play(arrivals)
    assert [p.position for p in out] == [n * STEP for n in range(20)]


@pytest.mark.parametrize("jump", [5_000_000, -50_000, 0x70000000])
def test_a_timestamp_jump_goes_on_by_the_time_that_passed(jump):
    arrivals = on_time(list(range(10)))
    arrivals += [(3.0 + 0.02 * n, packet(n, clock=jump)) for n in range(10, 20)]
    _, out = play(arrivals)
    gap = out[10].position - out[9].position
    assert gap == pytest.approx(3.02 * 8_000, abs=1)
    assert [p.epoch for p in out] == [0] * 10 + [1] * 10
    assert out[19].position - out[10].position == 9 * STEP


def test_another_ssrc_starts_anew_after_two_packets():
    arrivals = on_time(list(range(20)))
    arrivals += [(0.02 * (n + 20), packet(n, first=777, clock=123_456_789, ssrc=2)) for n in range(20)]
    buffer, out = play(arrivals)
    assert len(out) == 40
    assert [p.position for p in out] == [n * STEP for n in range(40)]
    assert (buffer.restarts, buffer.ssrc, out[20].epoch, out[19].epoch) == (1, 2, 1, 0)


def test_a_stray_packet_of_another_source_changes_nothing():
    arrivals = on_time(list(range(20)))
    arrivals.insert(12, (0.23, packet(5, ssrc=9)))
    buffer, out = play(arrivals)
    assert numbers(out) == list(range(20))
    assert buffer.restarts == 0


def test_a_sequence_that_jumps_far_starts_anew():
    arrivals = on_time(list(range(10)))
    arrivals += [(0.02 * n, packet(n, first=30_000)) for n in range(10, 20)]
    buffer, out = play(arrivals)
    assert numbers(out) == list(range(20))
    assert (buffer.restarts, buffer.lost) == (1, 0)
    assert [p.position for p in out] == [n * STEP for n in range(20)]


def test_telephone_events_stand_still_and_disturb_nothing():
    arrivals: list[tuple[float, RtpPacket]] = on_time(list(range(10)))
    for n in range(10, 200):  # a key pressed for almost four seconds
        arrivals.append((0.02 * n, packet(n, pt=101)._replace(timestamp=10 * STEP)))
    arrivals += on_time(list(range(200, 210)))
    _, out = play(arrivals)
    assert {p.position for p in out if p.payload_type == 101} == {10 * STEP}
    assert [p.position for p in out if p.payload_type == 0][-10:] == [n * STEP for n in range(200, 210)]
    assert out[-1].epoch == 0


def test_events_between_audio_stand_before_it():
    arrivals = on_time(list(range(10)))
    arrivals.append((0.2, packet(10, pt=101)._replace(timestamp=3 * STEP)))
    arrivals += [(0.02 * n, packet(n)._replace(timestamp=(n - 1) * STEP)) for n in range(11, 15)]
    _, out = play(arrivals)
    assert [p.position for p in out if p.payload_type == 101] == [3 * STEP]
    assert out[-1].position == 13 * STEP


def test_what_waits_is_bounded():
    buffer = ReorderBuffer(8_000, window_s=1e9)
    buffer.receive(packet(0), 0.0)
    buffer.flush()
    for n in range(2, 2 + 2_000):
        buffer.receive(packet(n), 0.0)
        assert buffer.held <= MAX_HELD + 1
    assert buffer.lost == 1


def test_an_empty_stream_flushes_to_nothing():
    buffer = ReorderBuffer(8_000)
    assert (list(buffer.flush()), buffer.ssrc, buffer.next_deadline()) == ([], None, None)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 0.2),
    st.floats(0, 0.09),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from([80, 160, 480]),
)
def test_property_loss_jitter_and_duplicates_never_misplace_a_packet(
    seed, loss, jitter_s, first, clock, step
):
    rng = random.Random(seed)
    interval = step / 8_000
    sent = [n for n in range(200) if n in (0, 199) or rng.random() >= loss]
    arrivals = []
    for n in sent:
        for _ in range(1 + (rng.random() < 0.05)):
            delay = 0.0 if n == 0 else rng.random() * jitter_s
            arrivals.append((n * interval + delay, packet(n, first=first, clock=clock, step=step)))
    arrivals.sort(key=lambda arrival: arrival[0])
    buffer, out = play(arrivals)
    assert numbers(out) == sent, "nothing that came within the window is lost, late or out of order"
    assert [p.position for p in out] == [n * step for n in sent]
    assert buffer.lost == 200 - len(sent)
    assert sum(p.lost_before for p in out) == buffer.lost
    assert buffer.duplicates == len(arrivals) - len(sent)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2, 3, 5, 100, 5_000, 40_000]),
            st.integers(0, 0xFFFFFFFF),
            st.sampled_from([1, 1, 1, 2]),
            st.sampled_from([0, 101]),
            st.floats(0, 5),
        ),
        max_size=60,
    )
)
def test_property_any_packets_keep_the_order_of_positions_and_sequences(arrivals):
    buffer = ReorderBuffer(8_000, event_payload_types=EVENTS)
    now, sequence = 0.0, 0
    out: list[PlacedPacket] = []
    for advance, timestamp, ssrc, pt, passed in arrivals:
        now += passed
        sequence = (sequence + advance) & 0xFFFF
        out.extend(buffer.handle_timeout(now))
        out.extend(buffer.receive(RtpPacket(pt, sequence, timestamp, ssrc, b""), now))
    out.extend(buffer.flush())
    audio = [p.position for p in out if p.payload_type == 0]
    assert audio == sorted(audio)
    assert [p.sequence for p in out] == sorted({p.sequence for p in out})
    assert [p.epoch for p in out] == sorted(p.epoch for p in out)
    assert all(p.position >= 0 for p in out)
    assert buffer.held == 0
