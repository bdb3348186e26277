"""What one carrier owes, noted in the journal of its process; without a journal nothing is noted."""

from __future__ import annotations

from heapq import heappop, heappush

from gateway.carriers.journal import Journal, Stored
from gateway.carriers.mailbox import Delivery
from gateway.carriers.rows import change_of, row_of
from gateway.carriers.tables import DeleteInbound, DeleteText, InsertInbound
from gateway.carriers.texts import TakenText
from gateway.smpp.pdu import DeliverSm, encode


class Owed:
    """The rows of one carrier: a text's lives until its receipt is acknowledged and its answer written."""

    def __init__(self, carrier: str, journal: Journal | None) -> None:
        self.journal = journal
        self._carrier = carrier
        self._quiet: list[tuple[int, int]] = []  # a heap: ends and keys of texts that have no timer

    async def load(self) -> Stored | None:
        """Return what the process before this one left."""
        return None if self.journal is None else await self.journal.load(self._carrier)

    def count_bind(self, ordinal: int) -> None:
        """Note how many binds there were."""
        if self.journal is not None:
            self.journal.count_bind(self._carrier, ordinal)

    def use(self, kind: str, key: str, end_ns: int, segments: int) -> None:
        """Note what a key has used of a window."""
        if self.journal is not None:
            self.journal.use(self._carrier, kind, key, end_ns, segments)

    def take(self, text: TakenText) -> None:
        """Note a text that is about to be acknowledged."""
        if self.journal is not None:
            text.key = self.journal.new_id()
            self.journal.keep(row_of(self._carrier, text))

    def change(self, text: TakenText) -> None:
        """Note that it was replaced or cancelled, or what of it is done."""
        if self.journal is not None and text.key:
            self.journal.keep(change_of(text))

    def settle(self, text: TakenText) -> None:
        """A text has ended: its row goes once nothing is owed, and says till then what is done already."""
        if self.journal is None or not text.key:
            return
        if not text.receipts_due and not text.reply_due:
            self.journal.keep(DeleteText(text.key))
            text.key = 0
            return
        done = text.told, text.arrived
        text.told, text.arrived = not text.receipts_due, not text.reply_due
        if done != (text.told, text.arrived) and (text.told or text.changes_hands):
            self.change(text)

    def settle_later(self, text: TakenText, now_ns: int) -> None:
        """Nobody will hear of its end: it costs no timer, its row goes when later ones are taken."""
        if self.journal is None or not text.key:
            return
        heappush(self._quiet, (text.ends_ns, text.key))
        while self._quiet and self._quiet[0][0] <= now_ns:
            self.journal.keep(DeleteText(heappop(self._quiet)[1]))

    def inbound(self, account: str, pdu: DeliverSm) -> Delivery:
        """Note an inbound deliver_sm; return it ready to be queued."""
        key = 0
        if self.journal is not None:
            key = self.journal.new_id()
            self.journal.keep(InsertInbound(key, self._carrier, account, encode(pdu)))
        return Delivery(pdu, key=key)

    def on_over(self, delivery: Delivery) -> None:
        """The ESME has a deliver_sm, or will never have it."""
        text: TakenText | None = delivery.text
        if text is not None:
            text.receipts_due -= 1
            if not text.receipts_due:
                self.settle(text)
        elif delivery.key and self.journal is not None:
            self.journal.keep(DeleteInbound(delivery.key))
