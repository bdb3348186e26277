"""Loss, jitter and report blocks (RFC 3550 A.1, A.3, A.8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.rtp import rtcp
from siprec.rtp.packet import RtpPacket
from siprec.rtp.stats import StreamStatistics


def receive(statistics: StreamStatistics, numbers: list[int], ssrc: int = 7, jitter: float = 0.0) -> None:
    for index, n in enumerate(numbers):
        late = jitter if index % 2 else 0.0
        statistics.received(RtpPacket(0, n & 0xFFFF, n * 160 & 0xFFFFFFFF, ssrc, bytes(160)), 0.02 * n + late)


def test_nothing_received_reports_nothing():
    statistics = StreamStatistics(8_000)
    assert (statistics.report_block(0.0), statistics.ssrc, statistics.expected) == (None, None, 0)


def test_a_perfect_stream():
    statistics = StreamStatistics(8_000)
    receive(statistics, list(range(100)))
    assert (statistics.packets, statistics.octets, statistics.lost) == (100, 16_000, 0)
    assert statistics.jitter_seconds == pytest.approx(0, abs=1e-9)


def test_the_fraction_is_of_the_last_interval():
    statistics = StreamStatistics(8_000)
    receive(statistics, [n for n in range(100) if n % 4 != 1])
    block = statistics.report_block(2.0)
    assert block is not None
    assert (block.ssrc, block.fraction_lost, block.packets_lost) == (7, 25 * 256 // 100, 25)
    receive(statistics, list(range(100, 200)))
    block = statistics.report_block(4.0)
    assert block is not None
    assert (block.fraction_lost, block.packets_lost) == (0, 25)


def test_duplicates_make_the_loss_negative():
    statistics = StreamStatistics(8_000)
    receive(statistics, [0, 1, 1, 2, 2, 2])
    block = statistics.report_block(1.0)
    assert block is not None
    assert (block.packets_lost, block.fraction_lost) == (-3, 0)


def test_the_sequence_is_extended_over_its_wrap():
    statistics = StreamStatistics(8_000)
    receive(statistics, list(range(65_500, 65_600)))
    block = statistics.report_block(1.0)
    assert block is not None
    assert block.highest_sequence == 0x20000 + 63
    assert statistics.lost == 0


def test_jitter_approaches_the_mean_deviation():
    statistics = StreamStatistics(8_000)
    receive(statistics, list(range(1_000)), jitter=0.004)
    assert statistics.jitter_seconds == pytest.approx(0.004, rel=0.01)


def test_a_pause_is_no_jitter():
    statistics = StreamStatistics(8_000)
    receive(statistics, list(range(10)))
    for n in range(10, 20):
        statistics.received(RtpPacket(0, n, n * 160, 7, b""), 60 + 0.02 * n)
    assert statistics.jitter_seconds == pytest.approx(0, abs=1e-9)


def test_a_new_source_begins_a_new_count():
    statistics = StreamStatistics(8_000)
    receive(statistics, [0, 5], ssrc=1)
    receive(statistics, [100, 101], ssrc=2)
    assert (statistics.ssrc, statistics.expected, statistics.lost, statistics.packets) == (2, 2, 0, 4)


def test_a_jump_of_the_sequence_loses_nothing():
    statistics = StreamStatistics(8_000)
    receive(statistics, [*range(10), *range(10_000, 10_010)])
    assert (statistics.expected, statistics.lost) == (20, 0)


def test_the_delay_since_the_last_sender_report():
    statistics = StreamStatistics(8_000)
    receive(statistics, [0])
    statistics.sender_report(rtcp.SenderReport(7, 0x1111_2222_3333_4444, 0, 1, 160), 10.0)
    statistics.sender_report(rtcp.SenderReport(8, 1 << 40, 0, 1, 160), 11.0)
    block = statistics.report_block(12.5)
    assert block is not None
    assert (block.last_sr, block.delay_since_last_sr) == (0x2222_3333, int(2.5 * 65_536))


@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.integers(1, 2), st.floats(0, 100)),
        max_size=60,
    )
)
def test_property_any_packets_give_a_block_that_can_be_sent(arrivals):
    statistics = StreamStatistics(8_000)
    now = 0.0
    for sequence, timestamp, ssrc, passed in arrivals:
        now += passed
        statistics.received(RtpPacket(0, sequence, timestamp, ssrc, b""), now)
        block = statistics.report_block(now)
        assert block is not None
        assert 0 <= block.fraction_lost <= 255
        sent = rtcp.ReceiverReport(1, (block,))
        (received,) = rtcp.parse_compound(rtcp.build_compound([sent]))
        assert received == sent
    assert statistics.packets == len(arrivals)
    assert statistics.jitter_seconds >= 0
