"""Who sends what: the seeded mix of a profile's senders, one draft for each arrival."""

import random
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from gateway.load.settings import Deed, SenderSettings

FIRST_NUMBER: Final = 12_025_600_000
ABROAD: Final = 447_700_900_000
"""Numbers of the United Kingdom that are reserved for fiction."""
EMOJI: Final = "😀 "
TOO_LONG: Final = 40
"""Segments of a text that is too long."""
PART: Final = 153
"""Septets of one segment of several (3GPP TS 23.040 §9.2.3.24.1)."""


class Draft(NamedTuple):
    """One text to be sent, or one hostile deed. Numbers are without their plus."""

    sender: SenderSettings
    number: int
    """Which of the sender's numbers it is from, from 0."""
    source: int
    destination: int
    text: str
    segments: int
    hostile: bool = False


class Mix:
    """Draws drafts; the same senders and seed give the same."""

    def __init__(self, senders: Sequence[SenderSettings], seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - traffic, not secrets
        self._sources = [
            _Source(sender, first) for sender, first in zip(senders, _firsts(senders), strict=True)
        ]
        self._weights = list(accumulate(sender.share for sender in senders))
        self._drawn = 0

    def draw(self) -> Draft:
        """Return the next draft."""
        rng = self._rng
        if len(self._sources) == 1:
            source = self._sources[0]
        else:
            source = rng.choices(self._sources, cum_weights=self._weights)[0]
        self._drawn += 1
        return source.draft(rng, self._drawn)


class _Source:
    """What never changes of a sender."""

    def __init__(self, sender: SenderSettings, first: int) -> None:
        self._sender = sender
        self._first = first
        self._first_destination = int(sender.first_destination[1:])
        self._numbers, self._destinations = sender.numbers, sender.destinations
        self._segments = sender.segments
        self._hostile = sender.hostile
        if sender.does is Deed.INTERNATIONAL:
            self._first_destination = ABROAD
        if sender.does is Deed.TOO_LONG:
            self._segments = (TOO_LONG,)
        self._texts = {count: self._text(count) for count in self._segments}
        self._counts = "{n}" in sender.text

    def _text(self, segments: int) -> str:
        text = (EMOJI if self._sender.does is Deed.EMOJI else "") + self._sender.text
        if segments == 1:
            return text
        longest = segments * PART - 10  # leaves room for what {n} becomes
        return (text + " " + "and so on " * (longest // 10 + 1))[:longest]

    def draft(self, rng: random.Random, drawn: int) -> Draft:
        """Return one draft, the `drawn`th of the mix."""
        chance = rng.random
        number = int(chance() * self._numbers)
        destination = int(chance() * self._destinations)
        choices = self._segments
        segments = choices[0] if len(choices) == 1 else choices[int(chance() * len(choices))]
        text = self._texts[segments]
        if self._counts:
            text = text.replace("{n}", str(drawn))
        found = (
            self._sender,
            number,
            self._first + number,
            self._first_destination + destination,
            text,
            segments,
            self._hostile,
        )
        return tuple.__new__(Draft, found)  # half the price of Draft(…), paid for every request


def _firsts(senders: Sequence[SenderSettings]) -> list[int]:
    """Return the first number of each sender."""
    firsts, after = [], FIRST_NUMBER
    for sender in senders:
        first = int(sender.first_number[1:]) if sender.first_number is not None else after
        firsts.append(first)
        after = first + sender.numbers
    return firsts
