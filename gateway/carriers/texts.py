"""Texts a carrier has taken: how each ends, and the bounded log that query, cancel and replace look into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from gateway.carriers.behaviour import Plan
from gateway.runtime.clock import TimerHandle
from gateway.smpp.constants import MessageState

if TYPE_CHECKING:
    from gateway.carriers.receipts import ReceiptWriter

_REPLACEABLE_LOOKED_AT = 1_000


@dataclass(slots=True, eq=False)
class TakenText:
    """One text a carrier has acknowledged. Times are world nanoseconds; addresses as on the wire."""

    message_id: str
    account: str
    bind: Any
    """The `CarrierBind` it came by."""
    pdu: Any
    """submit_sm, submit_multi or data_sm; its addresses and octets are the text's."""
    destination: str
    destination_ton: int
    destination_npi: int
    short_message: bytes
    registered_delivery: int
    plan: Plan
    submitted_ns: int
    ends_ns: int
    """When it reaches its final state, as far as is known now."""
    final_state: MessageState
    error: int
    receipts: ReceiptWriter
    """Writes its receipts the way they were written when it was accepted."""
    halfway_ns: int = 0
    """When an intermediate notification goes out; 0: never."""
    key: int = 0
    """Of its row in the journal; 0: it has none."""
    over: bool = False
    """It has ended, and what follows from that has happened or is under way."""
    told: bool = False
    """The ESME has its receipt."""
    arrived: bool = False
    """Whoever it was for has it, and an answer is on its way as a text of its own."""
    receipts_due: int = 0
    """Receipts that wait for the ESME's answer."""
    reply_due: bool = False
    """The handset is still writing its answer."""
    changes_hands: bool = False
    """It goes on to an ESME or a handset with a will of its own."""
    timer: TimerHandle | None = None
    intermediate_timer: TimerHandle | None = None

    def state(self, now_ns: int) -> MessageState:
        """Return the state query_sm tells."""
        return self.final_state if now_ns >= self.ends_ns else MessageState.ENROUTE

    def stop(self) -> None:
        """Cancel what is still to happen."""
        for timer in (self.timer, self.intermediate_timer):
            if timer is not None:
                timer.cancel()
        self.timer = self.intermediate_timer = None


class TextLog:
    """The latest texts by message id; the oldest are forgotten first, whatever their state."""

    __slots__ = ("_most", "_texts")

    def __init__(self, most: int) -> None:
        self._most = most
        self._texts: dict[str, TakenText] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Iterator[TakenText]:
        return iter(self._texts.values())

    def keep(self, most: int) -> None:
        """Remember so many from now on."""
        self._most = most

    def add(self, text: TakenText) -> None:
        """Keep a text."""
        texts = self._texts
        texts[text.message_id] = text
        while len(texts) > self._most:
            del texts[next(iter(texts))]

    def forget(self, text: TakenText) -> None:
        """A text was not acknowledged after all."""
        if self._texts.get(text.message_id) is text:
            del self._texts[text.message_id]

    def get(self, account: str, message_id: str, source: str) -> TakenText | None:
        """Return an account's text; its source must match (SMPP 3.4 §4.8.1)."""
        text = self._texts.get(message_id)
        if text is None or text.account != account or text.pdu.source_addr != source:
            return None
        return text

    def pending(
        self, account: str, source: str, destination: str, service_type: str, now_ns: int
    ) -> Iterator[TakenText]:
        """Yield an account's undelivered texts between two addresses, the newest first, of the latest
        thousand."""
        for text in islice(reversed(self._texts.values()), _REPLACEABLE_LOOKED_AT):
            same = (text.account, text.pdu.source_addr, text.destination) == (account, source, destination)
            if same and now_ns < text.ends_ns and (not service_type or text.pdu.service_type == service_type):
                yield text
