"""The facts about a text's user, gathered in one step from the directory, the registry and the opt-outs."""

from collections.abc import Callable
from typing import Protocol

from gateway.directory.directory import Directory
from gateway.directory.model import Person
from gateway.messages.model import Message
from gateway.policy.abuse import SpamBlock
from gateway.policy.optout import OptOutList
from gateway.policy.snapshot import PolicyTerms, Snapshot
from gateway.registry.model import Brand, Campaign

#: Snapshots kept at hand: one per (sender, carrier) that texts.
MAX_KNOWN = 32_768


class Registrations(Protocol):
    """What intake asks the registry."""

    changes: int
    """How often it has changed."""

    def campaign_of(self, number: str) -> Campaign | None:
        """The campaign a number is assigned to."""

    def brand_of(self, campaign: Campaign) -> Brand | None:
        """The brand of a campaign."""

    def organization_registered(self, organization_id: str) -> bool:
        """Whether the organisation has an active campaign."""


class Senders:
    """Gives the snapshot a text is judged by; it is built once per sender and carrier, until a fact changes.

    `enforcing` names a carrier where the gateway believes that it enforces registration for that carrier's
    recipients, and gives None elsewhere.
    """

    def __init__(
        self,
        directory: Directory,
        registrations: Registrations,
        opt_outs: OptOutList,
        spam_block: SpamBlock,
        terms: PolicyTerms,
        enforcing: Callable[[str], str | None],
    ) -> None:
        self.directory = directory
        self.registrations = registrations
        self.opt_outs = opt_outs
        self.spam_block = spam_block
        self.terms = terms
        self._enforcing = enforcing
        self._known: dict[tuple[str, str], Snapshot] = {}
        self._known_at = -1

    def snapshot(self, person: Person | None, source: str, destination: str, carrier: str) -> Snapshot:
        """The facts for a text of `person` from `source` to `destination`, which is a number of `carrier`."""
        if person is None:
            return self._nobodys(source)
        changes = self.directory.changes + self.registrations.changes + self.spam_block.changes
        if changes != self._known_at or len(self._known) >= MAX_KNOWN:
            self._known.clear()
            self._known_at = changes
        found = self._known.get((source, carrier))
        if found is None or found.person is not person:
            found = self._known[source, carrier] = self._snapshot(person, source, carrier)
        if self._opted_out(source, destination, found.campaign):
            return found._replace(opted_out=True)
        return found

    def _snapshot(self, person: Person, source: str, carrier: str) -> Snapshot:
        """The facts but for the recipient's."""
        directory = self.directory
        return Snapshot(
            person,
            directory.organization(person.organization_id),
            directory.location(person.location_id),
            directory.number(person.number) if person.number is not None else None,
            self.registrations.campaign_of(source),
            self.registrations.organization_registered(person.organization_id),
            self._enforcing(carrier),
            spam_reported=self.spam_block.is_blocked(source),
            terms=self.terms,
        )

    def _nobodys(self, number: str) -> Snapshot:
        """The facts for a text of a number that is no person's: whose it is all the same."""
        directory, held = self.directory, self.directory.number(number)
        if held is None:
            return Snapshot(None, terms=self.terms)
        organization, location = held.organization_id, held.location_id
        return Snapshot(
            None,
            directory.organization(organization),
            directory.location(location),
            held,
            terms=self.terms,
        )

    def _opted_out(self, source: str, recipient: str, campaign: Campaign | None) -> bool:
        if not len(self.opt_outs):
            return False
        keys = (source,) if campaign is None else (source, campaign.id, campaign.brand_id)
        return self.opt_outs.contains_any(recipient, keys)

    def opted_out_meanwhile(self, message: Message) -> bool:
        """Whether the recipient has opted out since the text was taken: its answer to a STOP came later."""
        if not len(self.opt_outs):
            return False
        campaign = self.registrations.campaign_of(message.source)
        keys = (message.source,) if campaign is None else (message.source, campaign.id, campaign.brand_id)
        return self.opt_outs.after(message.created_ns, message.destination, keys)
