"""The ESMEs of one carrier: the mailbox of each account, and whose an inbound text is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from gateway.carriers.mailbox import Delivery, Mailbox
from gateway.carriers.numbers import NumberTable
from gateway.carriers.profile import Account
from gateway.runtime.clock import WorldClock

_MOST_WRITERS: Final = 100_000


class Accounts:
    """The mailboxes, and who owns a number, wrote from it last, or takes what is nobody's."""

    def __init__(
        self,
        accounts: Sequence[Account],
        queue_limit: int,
        clock: WorldClock,
        on_over: Callable[[Delivery], None] | None,
    ) -> None:
        self.mailboxes = {
            account.system_id: Mailbox(queue_limit, clock.begin, clock.end, on_over) for account in accounts
        }
        """By system_id."""
        self._owners = NumberTable((account.numbers, account.system_id) for account in accounts)
        self._default = next((account.system_id for account in accounts if account.default), None)
        self._writers: dict[str, str] = {}

    def owner_of(self, number: str) -> str | None:
        """Return the account one of whose own numbers `number` is."""
        owner: str | None = self._owners.get(number)
        return owner

    def remember_writer(self, number: str, account: str) -> None:
        """An account has written from `number` to a handset here."""
        self._writers[number] = account
        if len(self._writers) > _MOST_WRITERS:
            del self._writers[next(iter(self._writers))]

    def recipient_of(self, number: str, otherwise: str | None = None) -> str | None:
        """Return who gets a text to `number`: its owner, who last wrote from it, `otherwise`, or whoever
        takes what belongs to nobody."""
        return self.owner_of(number) or self._writers.get(number) or otherwise or self._taker()

    def _taker(self) -> str | None:
        """Who gets inbound texts that belong to nobody: the default account, or the only one that listens."""
        listening = [name for name, mailbox in self.mailboxes.items() if mailbox.receivers]
        if self._default in listening or len(listening) != 1:
            return self._default
        return listening[0]

    def keep(self, queue_limit: int) -> None:
        """Let each mailbox hold at most so many from now on."""
        for mailbox in self.mailboxes.values():
            mailbox.keep(queue_limit)

    def close(self) -> None:
        """Stop retrying."""
        for mailbox in self.mailboxes.values():
            mailbox.close()
