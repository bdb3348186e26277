"""Texts that a carrier's handsets write: mobile originated, on their way to the account they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.carriers.accounts import Accounts
from gateway.carriers.enforcement import Enforcement
from gateway.carriers.errors import NobodyToDeliverTo
from gateway.carriers.inbound import InboundWriter
from gateway.carriers.owed import Owed
from gateway.carriers.profile import TextSettings
from gateway.policy.optout import KeywordAction, KeywordTable
from gateway.runtime.clock import WorldClock
from gateway.smpp.pdu import DeliverSm

_KEYWORDS: Final = KeywordTable()


class Originator:
    """Lets the handsets of one carrier write."""

    def __init__(
        self,
        carrier: str,
        settings: TextSettings,
        clock: WorldClock,
        accounts: Accounts,
        enforcement: Enforcement,
        owed: Owed,
    ) -> None:
        self._carrier, self._clock, self._owed = carrier, clock, owed
        self._accounts, self._enforcement = accounts, enforcement
        self._writer = InboundWriter(settings)

    def adopt(self, settings: TextSettings) -> None:
        """Write by other settings from now on."""
        self._writer.adopt(settings)

    def originate(
        self,
        source: str,
        destination: str,
        text: str,
        files: Sequence[str] = (),
        account: str | None = None,
    ) -> int:
        """Queue a text, or the notifications of an MMS, for whom it belongs to (`Accounts.recipient_of`).

        Returns the segments. The word that opts out is the carrier's to know as well. Raises
        `NobodyToDeliverTo` and `InboundInvalid`.
        """
        recipient = self._accounts.recipient_of(destination, account)
        if recipient is None:
            raise NobodyToDeliverTo(self._carrier)
        if files:
            pdus = self._notifications(source, destination, files)
        else:
            pdus = self._writer.text(source, destination, text)
            keyword = _KEYWORDS.classify(text)
            if keyword is not None and keyword.action is KeywordAction.OUT:
                self._enforcement.record_opt_out(destination, self._clock.now_ns())
        mailbox = self._accounts.mailboxes[recipient]
        for pdu in pdus:
            mailbox.put(self._owed.inbound(recipient, pdu))
        return len(pdus)

    def _notifications(self, source: str, destination: str, files: Sequence[str]) -> list[DeliverSm]:
        pdus: list[DeliverSm] = []
        for number, file in enumerate(files, 1):
            pdus += self._writer.mms(source, destination, file, number)
        return pdus
