"""One received stream from datagrams to placed packets: the hot path of a recorder.

stream = ReceivedStream(clock_hz=8_000, event_payload_types=frozenset({101}))
for placed in stream.receive_data(datagram, now): ...
for placed in stream.receive_batch(datagrams, arrivals): ...      # the same, cheaper, once a second
stream.receive_rtcp(datagram, now)
rtcp.build_compound(stream.receiver_report(our_ssrc, "srs@host", now))
"""

from collections.abc import Sequence

from siprec.rtp import rtcp
from siprec.rtp.errors import MalformedPacketError
from siprec.rtp.packet import parse
from siprec.rtp.regular import MIN_PACKETS, leading_run
from siprec.rtp.reorder import DEFAULT_WINDOW_S, PlacedPacket, ReorderBuffer
from siprec.rtp.stats import StreamStatistics


class ReceivedStream:
    """Parser, statistics and reorder buffer of one m-line; malformed datagrams are counted, never raised.

    `joinable` says that payloads of contiguous packets may be joined, a byte being a unit of the clock.
    """

    __slots__ = ("buffer", "goodbye", "joinable", "malformed", "statistics")

    def __init__(
        self,
        clock_hz: int,
        window_s: float = DEFAULT_WINDOW_S,
        event_payload_types: frozenset[int] = frozenset(),
        *,
        joinable: bool = False,
    ) -> None:
        self.joinable = joinable
        self.buffer = ReorderBuffer(clock_hz, window_s, event_payload_types)
        self.statistics = StreamStatistics(clock_hz)
        self.malformed = 0
        self.goodbye = False
        """The source being received said BYE."""

    def receive_data(self, datagram: bytes, now: float) -> Sequence[PlacedPacket]:
        """Take an RTP datagram; returns the packets whose turn has come."""
        try:
            packet = parse(datagram)
        except MalformedPacketError:
            self.malformed += 1
            return ()
        self.statistics.received(packet, now)
        return self.buffer.receive(packet, now)

    def receive_batch(self, datagrams: Sequence[bytes], arrivals: Sequence[float]) -> Sequence[PlacedPacket]:
        """Take RTP datagrams, each with its moment of arrival; regular runs come out as one joined packet."""
        placed: list[PlacedPacket] = []
        at, end = 0, len(datagrams)
        while at < end:
            taken = self._receive_run(datagrams[at:], arrivals[at:], placed) if self.joinable else 0
            if not taken:
                placed += self.receive_data(datagrams[at], arrivals[at])
                taken = 1
            at += taken
        return placed

    def _receive_run(
        self, datagrams: Sequence[bytes], arrivals: Sequence[float], placed: list[PlacedPacket]
    ) -> int:
        """Take the regular run the datagrams begin with; returns its length, 0 for none."""
        if len(datagrams) < MIN_PACKETS or not self.buffer.is_next(datagrams[0]):
            return 0
        run = leading_run(datagrams)
        if run is None or not self.buffer.follows(run):
            return 0
        if not self.statistics.received_run(run, arrivals[: run.packets]):
            return 0
        placed.append(self.buffer.receive_run(run, arrivals[run.packets - 1]))
        return run.packets

    def receive_rtcp(self, datagram: bytes, now: float) -> None:
        """Take an RTCP datagram."""
        try:
            packets = rtcp.parse_compound(datagram)
        except MalformedPacketError:
            self.malformed += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                self.statistics.sender_report(packet, now)
            elif isinstance(packet, rtcp.Goodbye) and self.statistics.ssrc in packet.sources:
                self.goodbye = True

    def receiver_report(self, ssrc: int, cname: str, now: float) -> tuple[rtcp.RtcpPacket, ...]:
        """Our compound packet: RR (empty before any packet came) and SDES with the CNAME."""
        block = self.statistics.report_block(now)
        report = rtcp.ReceiverReport(ssrc, (block,) if block is not None else ())
        return (report, rtcp.SourceDescription.cname(ssrc, cname))

    def next_deadline(self) -> float | None:
        """See `ReorderBuffer.next_deadline`."""
        return self.buffer.next_deadline()

    def handle_timeout(self, now: float) -> Sequence[PlacedPacket]:
        """See `ReorderBuffer.handle_timeout`."""
        return self.buffer.handle_timeout(now)

    def flush(self) -> Sequence[PlacedPacket]:
        """The stream has ended: everything that still waits."""
        return self.buffer.flush()
