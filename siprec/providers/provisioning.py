"""What opens accounts and makes subscribers (webex.md C8, C9, C14): each returns the entries to put."""

from dataclasses import replace

from gateway.directory.directory import Directory
from gateway.directory.model import Organization, Person
from siprec.providers.book import Book, Entry
from siprec.providers.model import Account, AccountKind, Provider, Subscriber

DUBBER = "dubber"
"""The one provider whose account the enabling administrator joins (C14)."""


def accept_terms(
    book: Book,
    organization: Organization,
    name: str,
    provider: Provider,
    *,
    region: str | None,
    trial: bool,
    now_ns: int,
) -> list[Entry]:
    """Accepting the terms opens the account where the provider does so (C8)."""
    if "terms" not in provider.account_opened_by or book.account(organization.id, name) is not None:
        return []
    return [open_account(organization, name, provider, "terms", region=region, trial=trial, now_ns=now_ns)]


def open_account(
    organization: Organization,
    name: str,
    provider: Provider,
    opened_by: str,
    *,
    region: str | None = None,
    trial: bool = False,
    now_ns: int,
) -> Account:
    """A new account; without a wish it is in the provider's first region. Support opens what was ordered."""
    kind = AccountKind.TRIAL if trial else AccountKind.PRODUCTION
    where = region or (provider.regions[0] if provider.regions else None)
    ordered = opened_by == "support" and not trial
    return Account(organization.id, name, now_ns, opened_by, kind, where, contract=ordered)


def enable(
    book: Book,
    organization: Organization,
    person: Person,
    name: str,
    provider: Provider,
    *,
    caller: str,
    now_ns: int,
) -> list[Entry]:
    """Enabling a user: opens Dubber's account, joins the administrator to it, subscribes the user.

    Elsewhere users are made by hand or by the provider's sync tool, so nothing follows (C8, C14).
    """
    entries: list[Entry] = []
    account = book.account(organization.id, name)
    if account is None and "first_enable" in provider.account_opened_by:
        account = open_account(organization, name, provider, "first_enable", now_ns=now_ns)
        entries.append(account)
    if account is not None and name == DUBBER and caller not in account.administrators:
        entries = [replace(account, administrators=account.administrators | {caller})]
    if provider.users == "automatic" and book.subscriber(person.id, name) is None:
        entries.append(Subscriber(organization.id, person.id, name, provider.default_product, now_ns))
    return entries


def subscribe(
    person: Person, name: str, product: str, *, how: str, now_ns: int, held: Subscriber | None
) -> list[Subscriber]:
    """Give the person a product; nothing where they hold it already (C8, C9)."""
    if held is not None and held.product == product:
        return []
    return [Subscriber(person.organization_id, person.id, name, product, now_ns, how)]


def shared_with_provider(directory: Directory, organization: Organization) -> dict[str, object]:
    """What the provider is told once its terms are accepted, and nothing else (C10)."""
    people = []
    for person in directory.people_of(organization.id):
        location = directory.locations[person.location_id]
        people.append(
            {
                "firstName": person.first_name,
                "lastName": person.last_name,
                "email": person.email,
                "timeZone": location.time_zone,
            }
        )
    return {"customerName": organization.name, "users": people}
