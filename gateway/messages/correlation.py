"""Which receipt belongs to which segment: pure, bounded, flat in cost.

Segments that await a receipt are kept per carrier in generations by expiry: a receipt's entry vanishes with
its match, giving up on the overdue costs nothing per text, and a million waiting texts cost the same per text
as a hundred. Notations of message ids differ between response and receipt: an id is filed under its canonical
form and sought under each candidate (`gateway.smpp.receipt`).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

GENERATIONS_PER_VALIDITY = 16
_PART_BITS = 8


class Awaited(NamedTuple):
    """The segment a receipt speaks of; `part` is 0-based, `total` the segments of its text."""

    message_id: int
    part: int
    total: int


def _pack(awaited: Awaited) -> int:
    # One integer instead of a tuple of three: a million waiting segments are the normal case.
    return (awaited.message_id << _PART_BITS | awaited.part) << _PART_BITS | awaited.total


def _unpack(packed: int) -> Awaited:
    total = packed & 0xFF
    packed >>= _PART_BITS
    return Awaited(packed >> _PART_BITS, packed & 0xFF, total)


class AwaitedReceipts:
    """Segments of one carrier whose receipts are still to come.

    `validity_ns` is the usual validity of a text; overdue segments are given up a sixteenth of it late at
    most.
    """

    def __init__(self, validity_ns: int) -> None:
        self._span_ns = max(1, validity_ns // GENERATIONS_PER_VALIDITY)
        self._generations: dict[int, dict[str, int]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def expect(self, smsc_id: str, awaited: Awaited, expires_ns: int) -> None:
        """File a segment under the (canonical) id the carrier gave it."""
        number = expires_ns // self._span_ns + 1
        generation = self._generations.get(number)
        if generation is None:
            generation = self._generations[number] = {}
        if smsc_id not in generation:
            self._waiting += 1
        generation[smsc_id] = _pack(awaited)

    def match(self, candidates: Iterable[str]) -> Awaited | None:
        """Take out the segment filed under one of `candidates`; None if none of them is awaited."""
        generations = list(self._generations.values())
        for smsc_id in candidates:
            for generation in generations:
                packed = generation.pop(smsc_id, None)
                if packed is not None:
                    self._waiting -= 1
                    return _unpack(packed)
        return None

    def next_deadline(self) -> int | None:
        """When `give_up` next has something to do, in world nanoseconds; None while nothing waits."""
        return min(self._generations) * self._span_ns if self._generations else None

    def give_up(self, now_ns: int) -> Iterator[Awaited]:
        """Take out every segment whose receipt is overdue."""
        for number in sorted(self._generations):
            if number * self._span_ns > now_ns:
                return
            generation = self._generations.pop(number)
            self._waiting -= len(generation)
            for packed in generation.values():
                yield _unpack(packed)
