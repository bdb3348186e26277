"""What fell due while nobody sent leaves one text after another after a restart, not all at once.

A text keeps its release time unless its limits have no room there any more, because texts that fell due
before it still have to go: then it moves on, and behind it the others, in their order. So every window's
limit holds on the wire too (architecture section 7), and of a pair no text overtakes another. A text whose
validity ended meanwhile gives its room back.
"""

from dataclasses import replace
from typing import NamedTuple

from gateway.messages.admission import Throttle
from gateway.messages.intents import MoveMessage
from gateway.messages.model import Message
from gateway.messages.senders import Registrations
from gateway.runtime.database import Database
from gateway.throttle.limiter import Granted
from gateway.throttle.store import LocalStore

BATCH = 2_000
"""Texts whose new release becomes durable in one transaction."""


class Owed(NamedTuple):
    """An unsent text after a restart, and what it holds in the limiter."""

    message: Message
    reservation: Granted | None


def overdue(unsent: list[Message], now_ns: int) -> bool:
    """Whether a text should have left already: then the backlog is released anew."""
    return any(message.release_ns <= now_ns for message in unsent)


class Backlog:
    """Releases unsent texts anew."""

    def __init__(
        self, database: Database, reservations: LocalStore, throttle: Throttle, registrations: Registrations
    ) -> None:
        self._database = database
        self._reservations = reservations
        self._throttle = throttle
        self._registrations = registrations

    async def release(self, unsent: list[Message], now_ns: int) -> list[Owed]:
        """Return the texts that were `unsent` in `restore`, in order; their releases are durable."""
        owed: list[Owed] = []
        writes: list[NamedTuple] = []
        for message in sorted(unsent, key=lambda message: (message.release_ns, message.id)):
            one, stored = self._release(message, now_ns)
            owed.append(one)
            writes += stored
            if len(writes) >= BATCH:
                await self._database.write(*writes)
                writes.clear()
        if writes:
            await self._database.write(*writes)
        return owed

    def _release(self, message: Message, now_ns: int) -> tuple[Owed, list[NamedTuple]]:
        if message.expires_ns <= now_ns:
            return Owed(message, None), [self._reservations.give_up(message.id)]
        granted, writes = self._reservations.readmit(
            message.id,
            now_ns,
            lambda: reservation_of(message, self._throttle, self._registrations, now_ns),
        )
        delay_ns = granted.release_ns - message.release_ns
        moved = replace(message, release_ns=granted.release_ns, expires_ns=message.expires_ns + delay_ns)
        if delay_ns:
            writes.append(MoveMessage(moved.release_ns, moved.expires_ns, now_ns, moved.id))
        return Owed(moved, granted), writes


def reservation_of(
    message: Message, throttle: Throttle, registrations: Registrations, now_ns: int
) -> Granted:
    """What a text reserves, worked out anew."""
    campaign = registrations.campaign_of(message.source)
    keys = throttle.keys(
        message.source, message.person_id, message.organization_id, campaign, message.carrier
    )
    plan = throttle.limiter.plan(keys, now_ns)
    text = message.release_ns, message.segments, plan, message.destination, message.id, message.created_ns
    return Granted(*text, plan.windows)
