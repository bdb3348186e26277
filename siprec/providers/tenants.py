"""Whose a recording is: from the three values of the platform information to a subscriber (webex.md C15).

An unknown tenant is never an error: the recording goes to quarantine with the reason, under the organisation
it most likely belongs to, and can be assigned.
"""

from collections.abc import Mapping

from gateway.directory.directory import Directory
from gateway.directory.model import Organization, Person, recording_provider
from gateway.directory.recording import NO_PROVIDER
from siprec.providers.book import Book
from siprec.providers.model import Owner, Provider, TenantKey

Group = tuple[str, str]


class Tenants:
    """Finds the owner of a tenant key; `forget` after every change of the directory."""

    def __init__(self, directory: Directory, book: Book, providers: Mapping[str, Provider]) -> None:
        self._directory = directory
        self._book = book
        self._providers = providers
        self._groups: dict[Group, Organization] | None = None
        self._people: dict[tuple[str, str], Person] = {}

    def forget(self) -> None:
        """The directory has changed."""
        self._groups = None

    def owner(self, key: TenantKey) -> Owner:
        """The subscriber the key names, or why there is none."""
        groups = self._index()
        organization = groups.get((key.service_provider, key.external_group))
        if organization is None:
            reason = "tenant_missing" if not any(key) else "tenant_unknown"
            return Owner(self._only_organization(), reason=reason)
        person = self._people.get((organization.id, key.external_identifier))
        if person is None:
            return Owner(organization.id, reason="user_unknown")
        return self.owner_of(person)

    def owner_of(self, person: Person) -> Owner:
        """Where a recording of this person is filed: provider in force, product subscribed to."""
        organization = self._directory.organizations[person.organization_id]
        name = recording_provider(organization, self._directory.locations[person.location_id])
        provider = self._providers.get(name)
        if provider is None:
            reason = "provider_none" if name == NO_PROVIDER else "provider_unknown"
            return Owner(organization.id, person.id, reason=reason)
        subscriber = self._book.subscriber(person.id, name)
        if subscriber is not None:
            return Owner(organization.id, person.id, name, subscriber.product)
        if provider.users == "automatic":
            return Owner(organization.id, person.id, name, provider.default_product)
        return Owner(organization.id, person.id, reason="user_not_provisioned")

    def _index(self) -> dict[Group, Organization]:
        if self._groups is None:
            self._groups = {}
            for organization in self._directory.organizations.values():
                settings = organization.recording
                if settings.service_provider or settings.external_group:
                    self._groups[settings.service_provider, settings.external_group] = organization
            self._people = {
                (person.organization_id, person.recording.external_identifier): person
                for person in self._directory.people.values()
                if person.recording.external_identifier
            }
        return self._groups

    def _only_organization(self) -> str | None:
        organizations = self._directory.organizations
        return next(iter(organizations)) if len(organizations) == 1 else None
