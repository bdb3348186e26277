"""Which receipt belongs to which segment: pure, bounded, flat in cost.

Segments that await a receipt are kept per carrier in generations by expiry: a receipt's entry vanishes with
its match, giving up on the overdue costs nothing per text, and a million waiting texts cost the same per text
as a hundred. Notations of message ids differ between response and receipt: an id is filed under its canonical
form and sought under each candidate (`gateway.smpp.receipt`). Only the canonical form is trusted by itself; a
candidate from another notation must also come from the number the segment went to, since 100 may be 0x64.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

GENERATIONS_PER_VALIDITY = 16
_PART_BITS = 8
_NUMBER_BITS = 32
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
_SIGNIFICANT_DIGITS = 10


class Awaited(NamedTuple):
    """The segment a receipt speaks of; `part` is 0-based, `total` the segments of its text."""

    message_id: int
    part: int
    total: int


def _fingerprint(number: str) -> int:
    """32 bits of a telephone number, the same with or without its country code's notation."""
    return hash(number[-_SIGNIFICANT_DIGITS:]) & _NUMBER_MASK


def _pack(awaited: Awaited, destination: str) -> int:
    # One integer instead of a tuple of four: a million waiting segments are the normal case.
    value = (awaited.message_id << _PART_BITS | awaited.part) << _PART_BITS | awaited.total
    return value << _NUMBER_BITS | _fingerprint(destination)


def _unpack(packed: int) -> Awaited:
    packed >>= _NUMBER_BITS
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

    def expect(self, smsc_id: str, awaited: Awaited, destination: str, expires_ns: int) -> None:
        """File a segment under the (canonical) id the carrier gave it."""
        number = expires_ns // self._span_ns + 1
        generation = self._generations.get(number)
        if generation is None:
            generation = self._generations[number] = {}
        if smsc_id not in generation:
            self._waiting += 1
        generation[smsc_id] = _pack(awaited, destination)

    def match(self, candidates: Sequence[str], destination: str) -> Awaited | None:
        """Take out the segment filed under one of `candidates` (the canonical id first), if there is one.

        `destination` is the number the receipt comes from: the one the segment went to.
        """
        generations = list(self._generations.values())
        for index, smsc_id in enumerate(candidates):
            for generation in generations:
                packed = generation.get(smsc_id)
                if packed is None:
                    continue
                if index and packed & _NUMBER_MASK != _fingerprint(destination):
                    continue
                del generation[smsc_id]
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
