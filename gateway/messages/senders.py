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

_new = tuple.__new__  # without the frame of a named tuple's own: one is made for every text


class Registrations(Protocol):
    """What intake asks the registry."""

    def campaign_of(self, number: str) -> Campaign | None:
        """The campaign a number is assigned to."""

    def brand_of(self, campaign: Campaign) -> Brand | None:
        """The brand of a campaign."""

    def organization_registered(self, organization_id: str) -> bool:
        """Whether the organisation has an active campaign."""


class Senders:
    """Builds the snapshot a text is judged by: a handful of dictionary look-ups.

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

    def snapshot(self, person: Person | None, source: str, destination: str, carrier: str) -> Snapshot:
        """The facts for a text of `person` from `source` to `destination`, which is a number of `carrier`."""
        directory = self.directory
        if person is None:
            return self._nobodys(source)
        campaign = self.registrations.campaign_of(source)
        facts = (
            person,
            directory.organization(person.organization_id),
            directory.location(person.location_id),
            directory.number(person.number) if person.number is not None else None,
            campaign,
            self.registrations.organization_registered(person.organization_id),
            self._enforcing(carrier),
            self._opted_out(source, destination, campaign),
            self.spam_block.is_blocked(source),
            self.terms,
        )
        return _new(Snapshot, facts)

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
