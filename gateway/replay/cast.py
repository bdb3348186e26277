"""Who texts in a capture: the numbers that belong to its people, and who stands in for the impossible ones.

A person of Webex Calling has a number of the North American plan. Whatever else sent (short codes, names,
numbers of other countries) is played by a stand-in, so that every capture can be written by people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.replay.trace import PduCaptured, Side, TraceEvent
from gateway.smpp.pdu import DataSm, DeliverSm, SubmitMulti, SubmitSm
from gateway.smpp.receipt import is_receipt

MOST_PEOPLE: Final = 5_000
"""Further senders are played by those who are there, in turn."""
_PLAN: Final = re.compile(r"\+?(1[2-9]\d{2}[2-9]\d{6})")
_STAND_INS: Final = 12_025_550_000
_ROOM: Final = 10_000


class Cast:
    """Call it with a sender of the capture: the person's number, digits with `+` where there was one."""

    def __init__(self, senders: Iterable[str]) -> None:
        seen = dict.fromkeys(senders)
        known = {name: found[1] for name in seen if (found := _PLAN.fullmatch(name))}
        taken = set(known.values())
        free = (str(_STAND_INS + index) for index in range(_ROOM) if str(_STAND_INS + index) not in taken)
        self._played: dict[str, str] = dict(known)
        for name in seen:
            if name not in known and len(self._played) < MOST_PEOPLE:
                self._played[name] = next(free)
        self.numbers: list[str] = [f"+{number}" for number in dict.fromkeys(self._played.values())]
        """Everybody's number in E.164, in the order of their first text."""
        self.stand_ins: int = sum(name not in known for name in self._played)

    def __call__(self, number: str) -> str:
        """The number of who plays this sender."""
        played = self._played.get(number)
        if played is None:
            digits = int.from_bytes(number.encode()[-8:], "big")
            return self.numbers[digits % len(self.numbers)].removeprefix("+") if self.numbers else number
        return played


def senders_of(trace: Iterable[TraceEvent]) -> Iterable[str]:
    """Addresses that texts were sent from by the ESME, or sent to at it, in order, each once or oftener."""
    for event in trace:
        if not isinstance(event, PduCaptured):
            continue
        pdu = event.pdu
        if isinstance(pdu, SubmitSm | SubmitMulti | DataSm) and event.sender is Side.ESME:
            yield pdu.source_addr
        elif isinstance(pdu, DeliverSm) and not is_receipt(pdu.esm_class):
            yield pdu.destination_addr
