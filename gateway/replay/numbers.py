"""Numbers of a capture mapped: to pseudonyms, or onto the numbers of a world.

Pseudonyms keep a number's length and its first digits, and no two numbers share one; the same seed gives the
same pseudonyms in every run. Short codes and alphanumeric senders name services, not people, and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from gateway.replay.trace import PduCaptured, Side, Trace
from gateway.smpp.fields import SmeAddress
from gateway.smpp.pdu import (
    AlertNotification,
    CancelSm,
    DataSm,
    DeliverSm,
    Pdu,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
)

_LEFT, _RIGHT = 1_000, 10_000
_DIGITS: Final = 7
_ROUNDS: Final = 6
MapNumber = Callable[[str], str]


class Pseudonyms:
    """Call it with a number: digits, with or without `+`."""

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big", signed=True)

    def __call__(self, number: str) -> str:
        """The pseudonym."""
        digits = number.removeprefix("+")
        if len(digits) <= _DIGITS or not (digits.isascii() and digits.isdigit()):
            return number
        kept, hidden = digits[:-_DIGITS], digits[-_DIGITS:]
        left, right = divmod(int(hidden), _RIGHT)
        for turn in range(_ROUNDS):  # an unbalanced Feistel network: a permutation of the seven digits
            left = (left + self._noise(kept, turn, right)) % _LEFT
            right = (right + self._noise(kept, -turn - 1, left)) % _RIGHT
        return number[: len(number) - _DIGITS] + f"{left:03}{right:04}"

    def _noise(self, kept: str, turn: int, half: int) -> int:
        text = f"{kept}/{turn}/{half}".encode()
        return int.from_bytes(blake2b(text, digest_size=8, key=self._key).digest(), "big")


class OntoWorld:
    """Maps each number to one of a world's, in the order in which they are first seen, round and round."""

    def __init__(self, numbers: Sequence[str], remembered: int = 1_000_000) -> None:
        self._numbers = [number.removeprefix("+") for number in numbers]
        self._remembered = remembered
        self._known: dict[str, str] = {}

    def __call__(self, number: str) -> str:
        """The world's number."""
        found = self._known.get(number)
        if found is None:
            found = self._numbers[len(self._known) % len(self._numbers)]
            if len(self._known) < self._remembered:
                self._known[number] = found
        return found


def same(number: str) -> str:
    """Every number stays."""
    return number


def map_numbers(trace: Trace, own: MapNumber = same, far: MapNumber = same) -> Trace:
    """The trace with its numbers mapped: `own` those that texts are sent from, `far` the handsets'."""
    return trace if own is same and far is same else _map_numbers(trace, own, far)


def _map_numbers(trace: Trace, own: MapNumber, far: MapNumber) -> Trace:
    for event in trace:
        if isinstance(event, PduCaptured) and isinstance(event.pdu, _ADDRESSED):
            yield PduCaptured(
                event.at_ns,
                event.conversation,
                event.sender,
                _mapped(event.pdu, event.sender, own, far),
                event.position,
            )
        else:
            yield event


_ADDRESSED: Final = (
    SubmitSm, SubmitMulti, DataSm, DeliverSm, QuerySm, CancelSm, ReplaceSm, AlertNotification,
)  # fmt: skip


def _mapped(pdu: Pdu, sender: Side, own: MapNumber, far: MapNumber) -> Pdu:
    source, destination = (own, far) if sender is Side.ESME else (far, own)
    anything: Any = pdu
    changes: dict[str, Any] = {"source_addr": source(anything.source_addr)}
    if isinstance(pdu, SubmitMulti):
        changes["dest_addresses"] = tuple(
            each._replace(address=destination(each.address)) if isinstance(each, SmeAddress) else each
            for each in pdu.dest_addresses
        )
    elif isinstance(pdu, AlertNotification):
        changes["esme_addr"] = destination(pdu.esme_addr)
    elif not isinstance(pdu, QuerySm | ReplaceSm):
        changes["destination_addr"] = destination(anything.destination_addr)
    return replace(anything, **changes)  # type: ignore[no-any-return]
