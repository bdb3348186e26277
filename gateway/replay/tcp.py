"""One direction of a TCP conversation put in order again (RFC 9293 §3.4), as a tap saw it.

Retransmitted and overlapping octets are dropped, segments out of order wait for the gap before them to fill,
and a gap that never fills is given up: what was lost is said, and reading goes on behind it.
"""

from __future__ import annotations

from typing import Final

from gateway.smpp.frozen import frozen

MAX_WAITING_BYTES: Final = 1 << 20
MAX_WAITING_SEGMENTS: Final = 512
_WRAP: Final = 1 << 32
_HALF: Final = 1 << 31


@frozen
class Stretch:
    """Octets in order; `lost` of them are missing just before."""

    data: bytes
    lost: int = 0


class TcpDirection:
    """Puts one direction in order. `begun` says that its SYN was seen, so that nothing is missing before."""

    __slots__ = ("_next", "_waiting", "_waiting_bytes", "begun")

    def __init__(self) -> None:
        self.begun = False
        self._next: int | None = None
        self._waiting: dict[int, bytes] = {}
        self._waiting_bytes = 0

    def begin(self, sequence: int) -> bool:
        """Take a SYN; False if it is the first one repeated."""
        begin = (sequence + 1) % _WRAP
        if self.begun and self._next is not None and (self._next - begin) % _WRAP < _HALF:
            return False
        self.begun, self._next = True, begin
        self._waiting.clear()
        self._waiting_bytes = 0
        return True

    @property
    def waits(self) -> bool:
        """Whether segments wait behind a gap."""
        return bool(self._waiting)

    def add(self, sequence: int, data: bytes) -> list[Stretch]:
        """The stretches that a segment completes."""
        if not data:
            return []
        if self._next is None:
            self._next = sequence
        ahead = (sequence - self._next) % _WRAP
        if ahead >= _HALF:  # begins in what we have already
            data = data[_WRAP - ahead :]
            if not data:
                return []
            ahead = 0
        if ahead:
            self._keep((self._next + ahead) % _WRAP, data)
            full = self._waiting_bytes > MAX_WAITING_BYTES or len(self._waiting) > MAX_WAITING_SEGMENTS
            return self.give_up() if full else []
        self._next = (self._next + len(data)) % _WRAP
        if not self._waiting:
            return [Stretch(data)]
        return [Stretch(data + b"".join(self._take_ready()))]

    def skip(self, size: int) -> None:
        """Octets that were on the wire but not captured: the stream goes on behind them."""
        if self._next is not None:
            self._next = (self._next + size) % _WRAP

    def give_up(self) -> list[Stretch]:
        """Stop waiting for the first gap; the stretch behind it, with how much is lost."""
        if not self._waiting or self._next is None:
            return []
        before = self._next
        lost = min((sequence - before) % _WRAP for sequence in self._waiting)
        self._next = (before + lost) % _WRAP
        return [Stretch(b"".join(self._take_ready()), lost)]

    def _keep(self, sequence: int, data: bytes) -> None:
        kept = self._waiting.get(sequence, b"")
        if len(data) > len(kept):
            self._waiting[sequence] = data
            self._waiting_bytes += len(data) - len(kept)

    def _take_ready(self) -> list[bytes]:
        """What follows without a gap, in order, overlaps dropped."""
        ready: list[bytes] = []
        while self._waiting:
            assert self._next is not None  # noqa: S101 - segments only wait behind a known place
            here = self._next
            ahead, sequence = min(((key - here + _HALF) % _WRAP, key) for key in self._waiting)
            if ahead > _HALF:
                break
            data = self._waiting.pop(sequence)
            self._waiting_bytes -= len(data)
            fresh = data[_HALF - ahead :]
            ready.append(fresh)
            self._next = (here + len(fresh)) % _WRAP
        return ready
