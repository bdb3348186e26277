"""Reception of one source as RFC 3550 counts it (A.1, A.3, A.8): loss, jitter, and the report block."""

from collections.abc import Sequence

import numpy as np

from siprec.rtp.packet import RtpPacket
from siprec.rtp.regular import MAX_PACKETS, RegularRun
from siprec.rtp.rtcp import ReportBlock, SenderReport, middle_of

MAX_DROPOUT = 3_000

_SHARE = 1 / 16
"""What a new deviation counts in the jitter (RFC 3550 §6.4.1)."""
_FADING = (1 - _SHARE) ** np.arange(MAX_PACKETS, -1, -1.0)
"""What a deviation still counts so many packets later, the latest last."""


class StreamStatistics:
    """What was received of one stream; a new SSRC begins a new count. `now` is wire time in seconds."""

    __slots__ = (
        "_arrived",
        "_base",
        "_clock_hz",
        "_expected_before",
        "_highest",
        "_jitter",
        "_last_sr",
        "_last_sr_at",
        "_prior_expected",
        "_prior_received",
        "_received",
        "_ssrc",
        "_timestamp",
        "octets",
        "packets",
    )

    def __init__(self, clock_hz: int) -> None:
        self.packets = 0
        """Packets of every source, duplicates included."""
        self.octets = 0
        """Payload bytes of every source."""
        self._clock_hz = clock_hz
        self._ssrc = -1
        self._jitter = 0.0
        self._last_sr = 0
        self._last_sr_at = 0.0
        self._begin(-1, 0, 0, 0.0)

    def _begin(self, ssrc: int, sequence: int, timestamp: int, now: float) -> None:
        self._ssrc = ssrc
        self._base = self._highest = sequence
        self._expected_before = 0
        self._received = 0
        self._prior_expected = self._prior_received = 0
        self._timestamp = timestamp
        self._arrived = now

    def received(self, packet: RtpPacket, now: float) -> None:
        """Count a packet."""
        _, sequence, timestamp, ssrc, payload, _, _, _ = packet
        if ssrc != self._ssrc:
            self._begin(ssrc, sequence + 0x10000, timestamp, now)
            self._jitter = 0.0
            self._last_sr = 0
        self.packets += 1
        self.octets += len(payload)
        self._received += 1
        delta = sequence - self._highest & 0xFFFF
        if delta < MAX_DROPOUT:
            self._highest += delta
        elif delta < 0x8000:
            self._restart(sequence)
        step = timestamp - self._timestamp
        if not -0x80000000 <= step < 0x80000000:
            step += 0x100000000 if step < 0 else -0x100000000
        deviation = (now - self._arrived) * self._clock_hz - step
        if deviation < 0:
            deviation = -deviation
        self._timestamp = timestamp
        self._arrived = now
        if deviation < self._clock_hz:  # a second or more is a pause or a new beginning, not jitter
            self._jitter += (deviation - self._jitter) * _SHARE

    def received_run(self, run: RegularRun, arrivals: Sequence[float]) -> bool:
        """Count a regular run as `received` counts packets; False where it does not go on from here."""
        clock_hz = self._clock_hz
        if (
            run.ssrc != self._ssrc
            or run.sequence != self._highest + 1 & 0xFFFF
            or run.timestamp - self._timestamp & 0xFFFFFFFF != run.step
        ):
            return False
        moments = np.array((self._arrived, *arrivals))
        deviations = np.abs((moments[1:] - moments[:-1]) * clock_hz - run.step)
        if deviations.max() >= clock_hz:
            return False
        self.packets += run.packets
        self.octets += len(run.payload)
        self._received += run.packets
        self._highest += run.packets
        self._timestamp = run.timestamp + (run.packets - 1) * run.step & 0xFFFFFFFF
        self._arrived = arrivals[-1]
        faded = self._jitter * _FADING[-1 - run.packets]
        self._jitter = float(faded + _SHARE * (_FADING[-run.packets :] @ deviations))
        return True

    def _restart(self, sequence: int) -> None:
        """The source jumped: count on from there, keeping what was expected so far."""
        self._expected_before += self._highest - self._base + 1
        self._base = self._highest = (self._highest | 0xFFFF) + 1 + sequence

    @property
    def ssrc(self) -> int | None:
        """The source counted now."""
        return self._ssrc if self._ssrc >= 0 else None

    @property
    def expected(self) -> int:
        """Packets the present source has sent, as its sequence numbers say."""
        return 0 if self._ssrc < 0 else self._expected_before + self._highest - self._base + 1

    @property
    def lost(self) -> int:
        """Expected less received; negative where duplicates outweigh losses (RFC 3550 A.3)."""
        return self.expected - self._received

    @property
    def jitter_seconds(self) -> float:
        """Interarrival jitter (RFC 3550 A.8)."""
        return self._jitter / self._clock_hz

    def sender_report(self, report: SenderReport, now: float) -> None:
        """Remember the source's SR for LSR and DLSR."""
        if report.ssrc == self._ssrc:
            self._last_sr = middle_of(report.ntp)
            self._last_sr_at = now

    def report_block(self, now: float) -> ReportBlock | None:
        """The block for our next RR, its fraction counted since the last call; None before any packet."""
        if self._ssrc < 0:
            return None
        expected = self.expected - self._prior_expected
        lost = expected - (self._received - self._prior_received)
        self._prior_expected, self._prior_received = self.expected, self._received
        fraction = min((lost << 8) // expected, 255) if expected > 0 and lost > 0 else 0
        delay = round((now - self._last_sr_at) * 65_536) if self._last_sr else 0
        highest = self._highest & 0xFFFFFFFF
        return ReportBlock(self._ssrc, fraction, self.lost, highest, int(self._jitter), self._last_sr, delay)
