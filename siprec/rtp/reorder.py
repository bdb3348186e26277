"""From packets in arrival order to audio in its order, placed by RTP timestamp.

    buffer = ReorderBuffer(clock_hz=8_000)
    for placed in buffer.receive(packet, now): ...     # in order; `position` counts from the stream's start
    buffer.next_deadline(), buffer.handle_timeout(now) # gives up on what is missing after the window
    buffer.flush()                                     # at the end

A packet waits only while one before it is missing, at most `window_s`; the first packets of a stream wait
that long too, so that the true first one is known. Positions run on over timestamp wrap. Where the sender
starts anew (another SSRC, another sequence, a timestamp that neither follows the last packet nor the clock)
the position goes on by the time that has passed and `epoch` counts up (RFC 3550 A.1, §8.2).
"""

from collections.abc import Sequence
from typing import NamedTuple

from siprec.rtp.packet import RtpPacket
from siprec.rtp.regular import RegularRun

DEFAULT_WINDOW_S = 0.2
MAX_HELD = 1_024
MAX_DROPOUT = 3_000
MAX_MISORDER = 1_000
CONTIGUOUS_S = 0.25
"""A step of the timestamp up to this long is always believed."""
MAX_DRIFT_S = 2.0
"""A longer step is believed where it agrees this well with the time that passed (silence suppression)."""


class PlacedPacket(NamedTuple):
    """A packet in its place. position: RTP clock units since the stream began. lost_before: packets given up
    immediately before this one: the gap ends at `position`. sequence: extended (RFC 3550 A.1).
    """

    position: int
    payload_type: int
    payload: bytes
    marker: bool
    lost_before: int
    epoch: int
    sequence: int


_new_tuple = tuple.__new__


class _Held(NamedTuple):
    packet: RtpPacket
    arrived: float


class ReorderBuffer:
    """One received stream. event_payload_types: telephone-event, whose timestamps stand still (RFC 4733)."""

    __slots__ = (
        "_arrived",
        "_candidate",
        "_clock_hz",
        "_contiguous",
        "_deadline",
        "_epoch",
        "_events",
        "_expected",
        "_given_up",
        "_held",
        "_lost",
        "_position",
        "_ssrc",
        "_started",
        "_step",
        "_timestamp",
        "_window",
        "duplicates",
        "late",
        "lost",
        "origin",
        "restarts",
    )

    def __init__(
        self,
        clock_hz: int,
        window_s: float = DEFAULT_WINDOW_S,
        event_payload_types: frozenset[int] = frozenset(),
    ) -> None:
        self.lost = 0
        self.late = 0
        self.duplicates = 0
        self.restarts = 0
        self.origin: float | None = None
        """Wire time at which position 0 would have come without jitter, as the first packets tell."""
        self._clock_hz = clock_hz
        self._contiguous = int(clock_hz * CONTIGUOUS_S)
        self._window = window_s
        self._events = event_payload_types
        self._held: dict[int, _Held] = {}
        self._given_up: dict[int, None] = {}
        self._candidate: _Held | None = None
        self._deadline: float | None = None
        self._started = False
        self._ssrc = -1
        self._expected = 0
        self._timestamp = 0
        self._position = 0
        self._step = clock_hz // 50
        self._arrived = 0.0
        self._epoch = 0
        self._lost = 0

    @property
    def ssrc(self) -> int | None:
        """The source being received."""
        return self._ssrc if self._ssrc >= 0 else None

    @property
    def held(self) -> int:
        """Packets waiting."""
        return len(self._held)

    def receive(self, packet: RtpPacket, now: float) -> Sequence[PlacedPacket]:
        """Take a packet; returns those whose turn has come."""
        payload_type, low, timestamp, ssrc, payload, marker, _, _ = packet
        sequence = self._expected
        step = timestamp - self._timestamp
        if (
            low == sequence & 0xFFFF
            and 0 < step <= self._contiguous
            and not self._held
            and ssrc == self._ssrc
            and payload_type not in self._events
        ):  # nearly every packet there is: the next one, a little later
            self._expected = sequence + 1
            self._timestamp = timestamp
            self._step = step
            self._arrived = now
            self._position = position = self._position + step
            fields = (position, payload_type, payload, marker, 0, self._epoch, sequence)
            return (_new_tuple(PlacedPacket, fields),)
        return self._receive_unusual(packet, now)

    def is_next(self, datagram: bytes) -> bool:
        """Whether this has the sequence number awaited, and nothing waits: a cheap first look."""
        awaited = (self._expected & 0xFFFF).to_bytes(2, "big")
        return not self._held and self._started and datagram[2:4] == awaited

    def follows(self, run: RegularRun) -> bool:
        """Whether a regular run goes on exactly where the stream is."""
        return (
            run.ssrc == self._ssrc
            and self.is_next(b"\x80\x00" + run.sequence.to_bytes(2, "big"))
            and run.timestamp - self._timestamp & 0xFFFFFFFF == run.step <= self._contiguous
            and run.payload_type not in self._events
        )

    def receive_run(self, run: RegularRun, now: float) -> PlacedPacket:
        """Take a run that `follows`, its last packet come at `now`; returns it as one joined packet."""
        position, sequence = self._position + run.step, self._expected
        self._expected += run.packets
        self._timestamp = run.timestamp + (run.packets - 1) * run.step & 0xFFFFFFFF
        self._position += run.packets * run.step
        self._step = run.step
        self._arrived = now
        return PlacedPacket(position, run.payload_type, run.payload, False, 0, self._epoch, sequence)

    def next_deadline(self) -> float | None:
        """When the oldest waiting packet stops waiting; None if none waits."""
        return self._deadline

    def handle_timeout(self, now: float) -> Sequence[PlacedPacket]:
        """Give up on what is missing before packets that have waited long enough."""
        if self._deadline is None or now < self._deadline:
            return ()
        return self._release(now)

    def flush(self) -> Sequence[PlacedPacket]:
        """Release everything: the stream has ended."""
        return self._release(float("inf"))

    # --- the unusual cases ---------------------------------------------------------------------------

    def _receive_unusual(self, packet: RtpPacket, now: float) -> Sequence[PlacedPacket]:
        if self._ssrc < 0:
            self._ssrc = packet.ssrc
            self._expected = packet.sequence + 0x10000
        if packet.ssrc != self._ssrc:
            return self._restart_when_sure(packet, now)
        delta = packet.sequence - self._expected & 0xFFFF
        if delta >= 0x8000:
            delta -= 0x10000
        if not -MAX_MISORDER <= delta <= MAX_DROPOUT:
            return self._restart_when_sure(packet, now)
        sequence = self._expected + delta
        if delta < 0 and self._started:
            self._count_old(sequence)
            return self._release(now)
        if sequence in self._held:
            self.duplicates += 1
        else:
            self._held[sequence] = _Held(packet, now)
            if self._deadline is None:
                self._deadline = now + self._window
        return self._release(now)

    def _count_old(self, sequence: int) -> None:
        if sequence in self._given_up:
            del self._given_up[sequence]
            self.late += 1
        else:
            self.duplicates += 1

    def _restart_when_sure(self, packet: RtpPacket, now: float) -> Sequence[PlacedPacket]:
        """Two packets in a row of a new source or sequence prove it; a single stray changes nothing."""
        first = self._candidate
        if (
            first is None
            or first.packet.ssrc != packet.ssrc
            or packet.sequence != first.packet.sequence + 1 & 0xFFFF
        ):
            self._candidate = _Held(packet, now)
            return ()
        placed = list(self.flush())
        self._candidate = None
        self._given_up.clear()
        self.restarts += 1
        self._epoch += 1
        self._ssrc = packet.ssrc
        self._expected = (self._expected | 0xFFFF) + 1 + first.packet.sequence
        self._started = True
        self._rebase(first.packet.timestamp, first.arrived)
        placed.append(self._placed(first.packet, self._position))
        placed.append(self._place(packet, now))
        return placed

    def _release(self, now: float) -> Sequence[PlacedPacket]:
        held = self._held
        if not held:
            self._deadline = None
            return ()
        if not self._started:
            if now < (self._deadline or 0.0) and len(held) <= MAX_HELD:
                return ()
            self._begin()
        placed: list[PlacedPacket] = []
        while held:
            waiting = held.get(self._expected)
            if waiting is None:
                sequence = min(held)
                if held[sequence].arrived + self._window > now and len(held) <= MAX_HELD:
                    break
                self._give_up(sequence)
                waiting = held[sequence]
            del held[self._expected]
            placed.append(self._place(waiting.packet, waiting.arrived))
        self._deadline = min(h.arrived for h in held.values()) + self._window if held else None
        return placed

    def _begin(self) -> None:
        """Choose the true first packet, and the moment at which position 0 stands."""
        self._started = True
        self._expected = min(self._held)
        first = self._held[self._expected].packet
        self._timestamp = first.timestamp
        self._arrived = self._held[self._expected].arrived
        self._position = 0
        self.origin = min(
            h.arrived - _signed(h.packet.timestamp - first.timestamp) / self._clock_hz
            for h in self._held.values()
        )

    def _give_up(self, sequence: int) -> None:
        for missing in range(self._expected, sequence):
            self._given_up[missing] = None
        while len(self._given_up) > MAX_MISORDER:
            del self._given_up[next(iter(self._given_up))]
        self._lost = sequence - self._expected
        self.lost += self._lost
        self._expected = sequence

    # --- placing -------------------------------------------------------------------------------------

    def _place(self, packet: RtpPacket, now: float) -> PlacedPacket:
        step = packet.timestamp - self._timestamp & 0xFFFFFFFF
        if step > self._contiguous:
            if packet.payload_type in self._events:
                return self._placed(packet, max(self._position + _signed(step), 0))
            self._leap(_signed(step), packet.timestamp, now)
        elif packet.payload_type in self._events:
            return self._placed(packet, self._position + step)
        else:
            if step:
                self._step = step // (self._lost + 1) or step
            self._position += step
            self._timestamp = packet.timestamp
            self._arrived = now
        return self._placed(packet, self._position)

    def _placed(self, packet: RtpPacket, position: int) -> PlacedPacket:
        sequence = self._expected
        self._expected = sequence + 1
        lost, self._lost = self._lost, 0
        return PlacedPacket(
            position, packet.payload_type, packet.payload, packet.marker, lost, self._epoch, sequence
        )

    def _leap(self, step: int, timestamp: int, now: float) -> None:
        """A step too long to follow the last packet: silence, if the clock agrees, else a new beginning."""
        passed = (now - self._arrived) * self._clock_hz
        contiguous = 0 < step <= self._contiguous * (self._lost + 1)
        if contiguous or (step > 0 and abs(step - passed) <= MAX_DRIFT_S * self._clock_hz):
            self._position += step
            self._timestamp = timestamp
            self._arrived = now
            return
        self._epoch += 1
        self._rebase(timestamp, now)

    def _rebase(self, timestamp: int, now: float) -> None:
        if self.origin is None:
            self.origin = now
        else:
            passed = round((now - self._arrived) * self._clock_hz)
            self._position += max(passed, self._step)
        self._timestamp = timestamp
        self._arrived = now


def _signed(step: int) -> int:
    """The difference of two 32-bit timestamps, nearest way round."""
    step &= 0xFFFFFFFF
    return step - 0x100000000 if step >= 0x80000000 else step
