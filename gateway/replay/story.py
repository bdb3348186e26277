"""What belongs together in a trace: requests, their answers, and the receipts of what they submitted.

`Correlator` turns events into steps. Every request gets a number, from 1 in captured order: the number of a
message in reports and golden files. A receipt captured before the answer that gave its message an id waits
for that answer, so that no step ever refers to a later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gateway.replay.remembered import Awaited, Remembered
from gateway.replay.trace import (
    ConversationClosed,
    ConversationOpened,
    PartUnreadable,
    PduCaptured,
    Side,
    TraceEvent,
)
from gateway.smpp.constants import RegisteredDelivery
from gateway.smpp.frozen import frozen
from gateway.smpp.pdu import (
    Bind,
    CancelSm,
    DataSm,
    DeliverSm,
    Pdu,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
    Unbind,
)
from gateway.smpp.receipt import NotAReceipt, Receipt, canonical_id, id_candidates, is_receipt, read_receipt

_ORPHANS: Final = 10_000
_SAME_ID: Final = 4
_RECEIPT_BITS: Final = int(RegisteredDelivery.RECEIPT | RegisteredDelivery.RECEIPT_ON_FAILURE)


@frozen
class RequestStep:
    """A message operation. `receipt` is set where it is a receipt, `about` the number of what it is about:

    the submit of a receipt, or of a query_sm, cancel_sm or replace_sm; 0 where that is not in the capture.
    """

    at_ns: int
    number: int
    conversation: int
    sender: Side
    pdu: Pdu
    receipt: Receipt | None = None
    about: int = 0


@frozen
class AnswerStep:
    """The answer that request `number` got."""

    at_ns: int
    number: int
    status: int
    message_id: str
    receiver: Side = Side.ESME
    """Who had asked."""


@frozen
class BindStep:
    """A conversation binds as `pdu` says; None where the capture begins after its bind."""

    at_ns: int
    conversation: int
    pdu: Bind | None


@frozen
class EndStep:
    """A conversation has ended, by unbind or otherwise."""

    at_ns: int
    conversation: int


Step = RequestStep | AnswerStep | BindStep | EndStep


class Correlator:
    """Pure; memory is bounded: answers and receipts of what lies far back are not found any more."""

    def __init__(self) -> None:
        self.requests = 0
        self.unreadable = 0
        self.complaints: list[PartUnreadable] = []
        """The first hundred parts that could not be read."""
        self.pdus = 0
        self._open: Remembered[tuple[int, Side, int], tuple[int, str, bool]] = Remembered()
        self._ids: Awaited[str, tuple[tuple[str, int], ...]] = Awaited()
        self._orphans: Remembered[str, RequestStep] = Remembered(_ORPHANS)
        self._bound: set[int] = set()

    def steps(self, trace: Iterable[TraceEvent]) -> Iterator[Step]:
        """The steps of a whole trace."""
        for event in trace:
            yield from self.feed(event)
        yield from self._orphans.values()
        self._orphans.clear()

    def feed(self, event: TraceEvent) -> list[Step]:
        """The steps one event makes."""
        if isinstance(event, PduCaptured):
            self.pdus += 1
            return self._pdu(event)
        if isinstance(event, PartUnreadable):
            self.unreadable += 1
            if len(self.complaints) < 100:
                self.complaints.append(event)
        elif isinstance(event, ConversationClosed):
            self._bound.discard(event.conversation)
            return [EndStep(event.at_ns, event.conversation)]
        else:
            assert isinstance(event, ConversationOpened)  # noqa: S101 - the last kind there is
        return []

    def _pdu(self, event: PduCaptured) -> list[Step]:
        pdu = event.pdu
        if pdu.is_response:
            return self._answer(event)
        if isinstance(pdu, _MESSAGES):
            if event.conversation in self._bound:
                return self._request(event)
            self._bound.add(event.conversation)
            return [BindStep(event.at_ns, event.conversation, None), *self._request(event)]
        if isinstance(pdu, Bind):
            self._bound.add(event.conversation)
            return [BindStep(event.at_ns, event.conversation, pdu)]
        if isinstance(pdu, Unbind):
            self._bound.discard(event.conversation)
            return [EndStep(event.at_ns, event.conversation)]
        return []

    def _request(self, event: PduCaptured) -> list[Step]:
        pdu = event.pdu
        self.requests += 1
        number = self.requests
        destination = pdu.destination_addr if isinstance(pdu, SubmitSm | DataSm) else ""
        wants = wants_receipt(pdu)
        self._open[event.conversation, event.sender, pdu.sequence_number] = number, destination, wants
        receipt = read_receipt_of(pdu) if event.sender is Side.SMSC else None
        if receipt is not None:
            about = self._find(receipt.message_id, getattr(pdu, "source_addr", ""), settles=receipt.final)
            step = RequestStep(event.at_ns, number, event.conversation, event.sender, pdu, receipt, about)
            if about:
                return [step]
            self._orphans[canonical_id(receipt.message_id)] = step
            return []
        about = 0
        if isinstance(pdu, QuerySm | CancelSm | ReplaceSm) and pdu.message_id:
            about = self._find(pdu.message_id, "")
        return [RequestStep(event.at_ns, number, event.conversation, event.sender, pdu, None, about)]

    def _answer(self, event: PduCaptured) -> list[Step]:
        key = event.conversation, event.sender.other, event.pdu.sequence_number
        found = self._open.pop(key, None)
        if found is None:
            return []
        number, destination, wants = found
        message_id = str(getattr(event.pdu, "message_id", ""))
        receiver = event.sender.other
        answer = AnswerStep(event.at_ns, number, event.pdu.command_status, message_id, receiver)
        if event.sender is not Side.SMSC or not message_id or event.pdu.command_status:
            return [answer]
        canonical = canonical_id(message_id)
        others = (
            self._ids.get(canonical) or ()
        )  # carriers begin their ids anew, and some give them per handset
        others = tuple(other for other in others[-_SAME_ID:] if other[0] != destination)
        self._ids.add(canonical, (*others, (destination, number)), settled=not wants)
        return [answer, *self._adopt(message_id, number, event.at_ns)] if self._orphans else [answer]

    def _adopt(self, message_id: str, number: int, at_ns: int) -> Iterator[Step]:
        for candidate in id_candidates(message_id):
            step = self._orphans.pop(candidate, None)
            if step is not None:
                yield RequestStep(
                    max(step.at_ns, at_ns),
                    step.number,
                    step.conversation,
                    step.sender,
                    step.pdu,
                    step.receipt,
                    number,
                )

    def _find(self, message_id: str, destination: str, *, settles: bool = False) -> int:
        """The submit that got this id, best the one to `destination`; 0 where there is none."""
        likeliest = 0
        for candidate in _notations(message_id):
            for to, number in self._ids.get(candidate) or ():
                if to == destination:
                    if settles:
                        self._ids.settle(candidate)
                    return number
                likeliest = likeliest or number
        return likeliest


def _notations(message_id: str) -> Iterator[str]:
    """As it is first, which nearly always does; then as others may have written it."""
    canonical = canonical_id(message_id)
    yield canonical
    yield from (one for one in id_candidates(message_id) if one != canonical)


def wants_receipt(pdu: Pdu) -> bool:
    """Whether a receipt of it has been asked for."""
    return bool(getattr(pdu, "registered_delivery", 0) & _RECEIPT_BITS)


_MESSAGES: Final = (SubmitSm, SubmitMulti, DataSm, DeliverSm, QuerySm, CancelSm, ReplaceSm)


def read_receipt_of(pdu: Pdu) -> Receipt | None:
    """The receipt a deliver_sm or data_sm is, or None."""
    if not isinstance(pdu, DeliverSm | DataSm) or not is_receipt(pdu.esm_class):
        return None
    octets = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    try:
        return read_receipt(octets, esm_class=pdu.esm_class, tlvs=pdu.tlvs)
    except NotAReceipt:
        return None
