"""The send window: requests of ours that wait for a response, found by sequence number, oldest first.

Responses may come in any order, late, twice or for nothing at all. All requests wait equally long, so the
order of sending is the order of deadlines.
"""

from collections import OrderedDict
from collections.abc import Container, Sequence
from typing import Any, Final, NamedTuple

from gateway.smpp.constants import SEQUENCE_MAX, SEQUENCE_MIN, CommandId
from gateway.smpp.errors import WindowFull
from gateway.smpp.pdu import Pdu

_NACK: Final = int(CommandId.GENERIC_NACK)


class Sent(NamedTuple):
    """A request of ours without its response yet; `sent_at` is wire time."""

    response_id: int
    request: Pdu
    context: Any
    sent_at: float

    def answered_by(self, command_id: int) -> bool:
        """Whether a PDU with this command is an answer to it."""
        return command_id in (self.response_id, _NACK)


_new_sent = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class SequenceNumbers:
    """Numbers 1…0x7FFFFFFF, round and round, leaving out those still in use (SMPP 3.4 §5.1.4)."""

    __slots__ = ("_next",)

    def __init__(self, first: int = SEQUENCE_MIN) -> None:
        self._next = first

    def take(self, in_use: Container[int]) -> int:
        """The next free number."""
        number = self._next
        while number in in_use:
            number = number + 1 if number < SEQUENCE_MAX else SEQUENCE_MIN
        self._next = number + 1 if number < SEQUENCE_MAX else SEQUENCE_MIN
        return number

    def take_all(self, count: int, in_use: "SendWindow") -> Sequence[int]:
        """The next `count` free numbers."""
        numbers = range(self._next, self._next + count)
        if numbers.stop > SEQUENCE_MAX or not in_use.is_free_of(numbers):
            return [self.take(in_use) for _ in numbers]
        self._next = numbers.stop
        return numbers


class SendWindow:
    """At most `size` outstanding requests; the last `late_memory` that timed out are remembered."""

    __slots__ = ("_late", "_late_memory", "_sent", "size")

    def __init__(self, size: int, late_memory: int) -> None:
        self.size = size
        self._late_memory = late_memory
        self._sent: dict[int, Sent] = {}
        self._late: OrderedDict[int, Sent] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sent)

    def __contains__(self, sequence: object) -> bool:
        return sequence in self._sent

    @property
    def room(self) -> int:
        """Requests that still fit."""
        return max(0, self.size - len(self._sent))

    def is_free_of(self, sequences: Sequence[int]) -> bool:
        """Whether none of these numbers is outstanding."""
        return self._sent.keys().isdisjoint(sequences)

    def check(self) -> None:
        """Raise `WindowFull` if nothing fits."""
        if len(self._sent) >= self.size:
            raise WindowFull(self.size)

    def add(self, sequence: int, request: Pdu, context: Any, now: float) -> None:
        """Remember a request that has just been sent."""
        self._sent[sequence] = _new_sent(Sent, (request.response_id, request, context, now))

    def add_all(self, sequences: Sequence[int], requests: Sequence[tuple[Pdu, Any]], now: float) -> None:
        """As `add` for each request with its context, under the number at its place."""
        sent = self._sent
        for sequence, (request, context) in zip(sequences, requests, strict=True):
            sent[sequence] = _new_sent(Sent, (request.response_id, request, context, now))

    def settle(self, sequence: int, command_id: int) -> Sent | None:
        """Take out the request this response answers; None if there is none of that kind."""
        sent = self._sent.get(sequence)
        if sent is None or command_id not in (sent.response_id, _NACK):
            return None
        del self._sent[sequence]
        return sent

    def settle_late(self, sequence: int, command_id: int) -> Sent | None:
        """Take out the timed-out request this response answers; None if there is none of that kind."""
        sent = self._late.get(sequence)
        if sent is None or not sent.answered_by(command_id):
            return None
        return self._late.pop(sequence)

    def expire(self, now: float, response_s: float) -> list[tuple[int, Sent]]:
        """Take out the requests that have waited `response_s`, oldest first, and remember them as late.

        A request is due at `sent_at + response_s`, in just that arithmetic: a timer set for it finds it due.
        """
        expired = []
        for sequence, sent in self._sent.items():
            if sent.sent_at + response_s > now:
                break
            expired.append((sequence, sent))
        for sequence, sent in expired:
            del self._sent[sequence]
            self._late[sequence] = sent
        while len(self._late) > self._late_memory:
            self._late.popitem(last=False)
        return expired

    def oldest_sent_at(self) -> float | None:
        """Wire time of the oldest outstanding request."""
        for sent in self._sent.values():
            return sent.sent_at
        return None

    def abandon(self) -> list[tuple[int, Sent]]:
        """Take out everything, oldest first."""
        abandoned = list(self._sent.items())
        self._sent.clear()
        return abandoned
