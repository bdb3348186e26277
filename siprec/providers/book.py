"""The providers' books in memory: accounts of organisations and subscribers, as they stand now."""

from collections.abc import Iterable, Iterator, Mapping

from gateway.directory.directory import Directory
from gateway.directory.model import Organization, Person, recording_provider
from gateway.directory.recording import RecordingMode
from siprec.providers.model import Account, Provider, Subscriber

Entry = Account | Subscriber


class Book:
    """Accounts by organisation and provider, subscribers by person and provider."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.accounts: dict[tuple[str, str], Account] = {}
        self.subscribers: dict[tuple[str, str], Subscriber] = {}
        for entry in entries:
            self.put(entry)

    def put(self, entry: Entry) -> None:
        """Add or replace an entry."""
        if isinstance(entry, Account):
            self.accounts[entry.organization_id, entry.provider] = entry
        else:
            self.subscribers[entry.person_id, entry.provider] = entry

    def account(self, organization_id: str, provider: str) -> Account | None:
        """An organisation's account at a provider."""
        return self.accounts.get((organization_id, provider))

    def accounts_of(self, organization_id: str) -> dict[str, Account]:
        """An organisation's accounts by provider."""
        return {a.provider: a for a in self.accounts.values() if a.organization_id == organization_id}

    def administered_by(self, caller: str) -> list[Account]:
        """Every account that the caller of this name administers (C14)."""
        return [account for account in self.accounts.values() if caller in account.administrators]

    def subscriber(self, person_id: str, provider: str) -> Subscriber | None:
        """A person at a provider."""
        return self.subscribers.get((person_id, provider))


def seed(directory: Directory, providers: Mapping[str, Provider], now_ns: int = 0) -> Iterator[Entry]:
    """What the configured world implies: accepted terms have opened accounts, held products are subscribed.

    `now_ns` is the moment all this is taken to have begun.
    """
    for organization in directory.organizations.values():
        people = list(directory.people_of(organization.id))
        subscribers = [s for person in people if (s := _seeded(directory, person, providers, now_ns))]
        yield from _accounts(organization, subscribers, providers, now_ns)
        yield from subscribers


def _seeded(
    directory: Directory, person: Person, providers: Mapping[str, Provider], now_ns: int
) -> Subscriber | None:
    organization = directory.organizations[person.organization_id]
    name = recording_provider(organization, directory.locations[person.location_id])
    provider = providers.get(name)
    if provider is None or person.recording.mode is RecordingMode.NEVER:
        return None
    product = person.recording.product or (provider.default_product if provider.users == "automatic" else "")
    if product not in provider.products:
        return None
    how = "automatic" if provider.users == "automatic" else "manual"
    return Subscriber(organization.id, person.id, name, product, now_ns, how)


def _accounts(
    organization: Organization,
    subscribers: list[Subscriber],
    providers: Mapping[str, Provider],
    now_ns: int,
) -> Iterator[Account]:
    for name, provider in providers.items():
        held = {s.product for s in subscribers if s.provider == name}
        accepted = name in organization.recording.terms_accepted
        if not held and not accepted:
            continue
        contract = any(provider.products[product].paid for product in held)
        region = provider.regions[0] if provider.regions else None
        how = "terms" if accepted and "terms" in provider.account_opened_by else "support"
        yield Account(organization.id, name, now_ns, how, region=region, contract=contract)
