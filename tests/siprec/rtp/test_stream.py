"""Datagrams to placed packets, and the report about them."""

from siprec.rtp import rtcp
from siprec.rtp.packet import RtpPacket, build
from siprec.rtp.stream import ReceivedStream


def datagram(n: int) -> bytes:
    return build(RtpPacket(0, n, n * 160, 7, bytes(160)))


def test_datagrams_are_placed_and_counted():
    stream = ReceivedStream(8_000)
    placed = [p for n in (0, 2, 1, 3) for p in stream.receive_data(datagram(n), 0.02 * n)]
    assert placed == []
    deadline = stream.next_deadline()
    assert deadline is not None
    assert [p.position for p in stream.handle_timeout(deadline)] == [0, 160, 320, 480]
    assert list(stream.flush()) == []
    assert stream.statistics.packets == 4


def test_malformed_datagrams_are_counted():
    stream = ReceivedStream(8_000)
    assert stream.receive_data(b"nonsense", 0.0) == ()
    stream.receive_rtcp(b"\x80", 0.0)
    assert stream.malformed == 2


def test_the_receiver_report_before_and_after_packets():
    stream = ReceivedStream(8_000)
    assert stream.receiver_report(9, "srs@host", 0.0) == (
        rtcp.ReceiverReport(9),
        rtcp.SourceDescription.cname(9, "srs@host"),
    )
    stream.receive_data(datagram(0), 0.0)
    stream.receive_data(datagram(2), 0.04)
    stream.receive_rtcp(rtcp.build_compound([rtcp.SenderReport(7, 1 << 40, 0, 3, 480)]), 0.1)
    report = stream.receiver_report(9, "srs@host", 1.1)[0]
    assert isinstance(report, rtcp.ReceiverReport)
    (block,) = report.blocks
    assert (block.ssrc, block.packets_lost, block.delay_since_last_sr) == (7, 1, 65_536)


def test_goodbye_of_the_source_only():
    stream = ReceivedStream(8_000)
    stream.receive_data(datagram(0), 0.0)
    stream.receive_rtcp(rtcp.build_compound([rtcp.ReceiverReport(8), rtcp.Goodbye((8,))]), 0.0)
    assert not stream.goodbye
    stream.receive_rtcp(rtcp.build_compound([rtcp.ReceiverReport(7), rtcp.Goodbye((7,))]), 0.0)
    assert stream.goodbye
