"""Which receipt belongs to which segment: pure, bounded, flat in cost.

Segments that await a receipt are kept per carrier in generations by expiry: a receipt's entry vanishes with
its match, and a million waiting texts cost the same per text as a hundred. Within a generation they stand in
the order they were filed, which is that of their expiry unless one was given another validity or put back:
the overdue are given up from its front, and at its end whatever is left.

Notations of message ids differ between response and receipt: an id is filed under its canonical form and
sought under each candidate (`gateway.smpp.receipt`). Only the canonical form is trusted by itself; a
candidate from another notation must also come from the number the segment went to, since 100 may be 0x64.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

GENERATIONS_PER_VALIDITY = 16
SLICES_PER_GENERATION = 256
_SLICE_BITS = 8
_SLICE_MASK = SLICES_PER_GENERATION - 1
_PART_BITS = 8
_NUMBER_BITS = 32
_REST_BITS = 2 * _PART_BITS + _NUMBER_BITS + _SLICE_BITS
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
_SIGNIFICANT_DIGITS = 10
_new = tuple.__new__  # without the frame of a named tuple's own: one is made for every receipt


class Awaited(NamedTuple):
    """The segment a receipt speaks of; `part` is 0-based, `total` the segments of its text."""

    message_id: int
    part: int
    total: int


class Matched(NamedTuple):
    """A segment that was taken out: as `Awaited`, and what puts it back as it was filed."""

    message_id: int
    part: int
    total: int
    smsc_id: str
    generation: int
    packed: int


def _fingerprint(number: str) -> int:
    """32 bits of a telephone number, the same with or without its country code's notation."""
    return hash(number[-_SIGNIFICANT_DIGITS:]) & _NUMBER_MASK


def _unpack(packed: int) -> Awaited:
    parts = packed >> _NUMBER_BITS + _SLICE_BITS
    return _new(Awaited, (packed >> _REST_BITS, parts >> _PART_BITS & 0xFF, parts & 0xFF))


class AwaitedReceipts:
    """Segments of one carrier whose receipts are still to come.

    `validity_ns` is the usual validity of a text; overdue segments are given up a slice late (a minute of
    three days), and a generation (a sixteenth) at most where validities differ.
    """

    def __init__(self, validity_ns: int) -> None:
        self._slice_ns = max(1, validity_ns // (GENERATIONS_PER_VALIDITY * SLICES_PER_GENERATION))
        self._span_ns = self._slice_ns * SLICES_PER_GENERATION
        self._generations: dict[int, dict[str, int]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def expect(self, smsc_id: str, awaited: Awaited, destination: str, expires_ns: int) -> None:
        """File a segment under the (canonical) id the carrier gave it."""
        number, part_ns = divmod(expires_ns, self._span_ns)
        generation = self._generations.get(number)
        if generation is None:
            generation = self._generations[number] = {}
        if smsc_id not in generation:
            self._waiting += 1
        # One integer instead of a tuple of five: a million waiting segments are the normal case.
        message_id, part, total = awaited
        phone = hash(destination[-_SIGNIFICANT_DIGITS:]) & _NUMBER_MASK  # its `_fingerprint`
        rest = (part << _PART_BITS | total) << _NUMBER_BITS | phone
        rest = rest << _SLICE_BITS | part_ns // self._slice_ns
        generation[smsc_id] = message_id << _REST_BITS | rest

    def match(self, candidates: Sequence[str], destination: str) -> Matched | None:
        """Take out the segment filed under one of `candidates` (the canonical id first), if there is one.

        `destination` is the number the receipt comes from: the one the segment went to.
        """
        for index, smsc_id in enumerate(candidates):
            for number, generation in reversed(self._generations.items()):  # most receipts come soon
                packed = generation.get(smsc_id)
                if packed is None:
                    continue
                if index and packed >> _SLICE_BITS & _NUMBER_MASK != _fingerprint(destination):
                    continue
                del generation[smsc_id]
                self._waiting -= 1
                part = packed >> _REST_BITS - _PART_BITS & 0xFF
                total = packed >> _NUMBER_BITS + _SLICE_BITS & 0xFF
                return _new(Matched, (packed >> _REST_BITS, part, total, smsc_id, number, packed))
        return None

    def put_back(self, matched: Matched) -> None:
        """The receipt of this segment could not be stored: await it again.

        A segment that was given the same id meanwhile stays in its place.
        """
        generation = self._generations.setdefault(matched.generation, {})
        if matched.smsc_id not in generation:
            generation[matched.smsc_id] = matched.packed
            self._waiting += 1

    def next_deadline(self) -> int | None:
        """When `give_up` next has something to do, in world nanoseconds; None while nothing waits."""
        for number in sorted(self._generations):
            for packed in self._generations[number].values():
                return self._due_ns(number, packed)
            del self._generations[number]
        return None

    def give_up(self, now_ns: int) -> Iterator[Awaited]:
        """Take out every segment whose receipt is overdue."""
        for number in sorted(self._generations):
            if number * self._span_ns > now_ns:
                return
            for packed in self._overdue(number, now_ns):
                yield _unpack(packed)

    def _overdue(self, number: int, now_ns: int) -> list[int]:
        generation = self._generations[number]
        if (number + 1) * self._span_ns <= now_ns:
            del self._generations[number]
            self._waiting -= len(generation)
            return list(generation.values())
        waiting = generation.items()
        due = list(takewhile(lambda entry: self._due_ns(number, entry[1]) <= now_ns, waiting))
        for smsc_id, _ in due:
            del generation[smsc_id]
        self._waiting -= len(due)
        return [packed for _, packed in due]

    def _due_ns(self, number: int, packed: int) -> int:
        return number * self._span_ns + ((packed & _SLICE_MASK) + 1) * self._slice_ns
