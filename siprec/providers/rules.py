"""Every refusal about call recording: one pure check each, judged in the order an administrator meets them.

The table `RULES` is what the reference documentation and the API's refusals are made of. A check returns None
where a change is allowed. Facts are those of `webex.md`.
"""

from collections.abc import Collection
from dataclasses import dataclass

from gateway.directory.model import Licence, Location, Organization, Person, recording_provider
from gateway.directory.recording import INHERIT, NO_PROVIDER, RecordingMode, RecordingSettings
from siprec.providers.model import Account, Provider

I_UNDERSTAND = "I understand"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as documentation shows it; `http_status` is how the API refuses what breaks it."""

    code: str
    facts: tuple[str, ...]
    http_status: int
    description: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that breaks a rule; `detail` adds what this case is about."""

    rule: Rule
    detail: str = ""

    @property
    def code(self) -> str:
        """The rule's stable code."""
        return self.rule.code

    def __str__(self) -> str:
        return f"{self.rule.description} ({self.detail})" if self.detail else self.rule.description


RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        Rule(
            "recording_not_enabled",
            ("C1",),
            409,
            "call recording is not enabled for the organisation: its partner enables it",
        ),
        Rule("partner_required", ("C1",), 403, "only the partner switches the recording service on and off"),
        Rule(
            "licence_missing", ("C2",), 409, "recording needs a Webex Calling Professional or Basic licence"
        ),
        Rule("provider_unknown", ("C3",), 422, "there is no such recording provider"),
        Rule(
            "recording_private",
            ("C4",),
            403,
            "only the user can see and manage the recordings of this product",
        ),
        Rule("recording_not_yours", ("C4", "C5"), 403, "your role does not allow this with the recording"),
        Rule("contract_missing", ("C5",), 409, "the product needs a contract with the provider"),
        Rule("product_not_offered", ("C3", "C5"), 422, "the provider does not offer this product"),
        Rule("region_not_offered", ("C6", "C7"), 422, "the provider does not offer this region"),
        Rule(
            "storage_not_offered",
            ("C6", "C7"),
            409,
            "the provider keeps recordings in its own cloud and cannot move them to the customer's",
        ),
        Rule("storage_unknown", ("C6", "C7"), 422, "there is no such storage of a customer's own"),
        Rule("account_missing", ("C8",), 409, "the organisation has no account at the provider"),
        Rule(
            "account_not_by_support",
            ("C8",),
            409,
            "the provider's support does not open accounts: accept its terms of service",
        ),
        Rule("account_exists", ("C8",), 409, "the organisation has an account at the provider already"),
        Rule("trial_not_offered", ("C8",), 409, "the provider offers no trial account"),
        Rule("provisioning_automatic", ("C8",), 409, "the provider makes its users by itself"),
        Rule(
            "not_account_administrator",
            ("C9", "C14"),
            403,
            "ask the partner, or an administrator of the provider's account",
        ),
        Rule("terms_not_accepted", ("C10",), 409, "accept the provider's terms of service first"),
        Rule("terms_already_accepted", ("C10",), 409, "the terms are accepted once per organisation"),
        Rule(
            "confirmation_required",
            ("C11",),
            409,
            f"no provider removes recording for every user: confirm with '{I_UNDERSTAND}'",
        ),
        Rule("recording_no_provider", ("C11", "C12"), 409, "no recording provider is chosen here"),
        Rule(
            "recording_off",
            ("C13", "D1"),
            409,
            "options can be set only while recording is on: choose a mode first",
        ),
        Rule(
            "partner_in_another_account",
            ("C14",),
            409,
            "a partner administrator cannot be in several customers' accounts",
        ),
        Rule(
            "external_identifier_taken",
            ("C15",),
            409,
            "the external identifier already belongs to another user of the group",
        ),
        Rule("repeat_tone_out_of_range", ("D6",), 422, "the repeat tone's interval is out of range"),
    )
}


def refuse(code: str, detail: str = "") -> Refusal:
    """A refusal by a rule of the table."""
    return Refusal(RULES[code], detail)


def check_service_switch(role: str) -> Refusal | None:
    """Who may enable or disable the service (C1)."""
    return None if role == "partner" else refuse("partner_required")


def check_provider_choice(
    choice: str,
    providers: dict[str, Provider],
    organization: Organization,
    confirmation: str | None = None,
) -> Refusal | None:
    """Whether an organisation may choose `choice`, a provider or `none` (C3, C10, C11)."""
    if choice == NO_PROVIDER:
        return None if confirmation == I_UNDERSTAND else refuse("confirmation_required")
    return _check_offered(choice, providers, organization)


def check_location_choice(
    choice: str, providers: dict[str, Provider], organization: Organization
) -> Refusal | None:
    """Whether a location may choose `choice`: inherit, a provider, or none (C12)."""
    if choice in (INHERIT, NO_PROVIDER):
        return None
    return _check_offered(choice, providers, organization)


def _check_offered(choice: str, providers: dict[str, Provider], organization: Organization) -> Refusal | None:
    provider = providers.get(choice)
    if provider is None:
        return refuse("provider_unknown", choice)
    return check_terms(choice, provider, organization)


def check_terms(name: str, provider: Provider, organization: Organization) -> Refusal | None:
    """Whether the provider's terms stand where recording needs them (C8, C10)."""
    if provider.terms_required and name not in organization.recording.terms_accepted:
        return refuse("terms_not_accepted", provider.title)
    return None


def check_accepting(
    name: str, provider: Provider, organization: Organization, region: str | None, *, trial: bool
) -> Refusal | None:
    """Whether the terms of a provider can be accepted now (C6, C7, C8, C10)."""
    if name in organization.recording.terms_accepted:
        return refuse("terms_already_accepted", provider.title)
    return check_account_wish(provider, region, trial=trial)


def check_account_wish(provider: Provider, region: str | None, *, trial: bool) -> Refusal | None:
    """Whether the provider has such accounts: region (C6, C7) and trial (C8)."""
    if region is not None and region not in provider.regions:
        return refuse("region_not_offered", f"{region}; offered: {', '.join(provider.regions) or 'none'}")
    if trial and not provider.trial:
        return refuse("trial_not_offered", provider.title)
    return None


def check_opening_by_support(provider: Provider, account: Account | None) -> Refusal | None:
    """Whether the provider's support opens an account (C8)."""
    if account is not None:
        return refuse("account_exists", provider.title)
    return None if "support" in provider.account_opened_by else refuse("account_not_by_support")


def check_storage(provider: Provider, storage: str | None, places: Collection[str]) -> Refusal | None:
    """Whether recordings may be kept at `storage`, one of the customers' own `places` (C6, C7)."""
    if storage is None:
        return None
    if not provider.customer_storage:
        return refuse("storage_not_offered", provider.title)
    return None if storage in places else refuse("storage_unknown", storage)


@dataclass(frozen=True, slots=True)
class Case:
    """What a change of a person's recording is judged by, as things stand before it."""

    organization: Organization
    location: Location
    person: Person
    providers: dict[str, Provider]
    accounts: dict[str, Account]
    """The organisation's accounts by provider."""

    @property
    def provider(self) -> str:
        """The provider in force: the location's, or the organisation's (C11, C12)."""
        return recording_provider(self.organization, self.location)


def check_enabling(case: Case) -> Refusal | None:
    """Whether recording can be on for the person at all (C1, C2, C3, C8, C10–C12)."""
    if not case.organization.recording.enabled:
        return refuse("recording_not_enabled")
    if case.provider == NO_PROVIDER:
        return refuse("recording_no_provider")
    if case.person.licence is Licence.NONE:
        return refuse("licence_missing")
    provider = case.providers.get(case.provider)
    if provider is None:
        return refuse("provider_unknown", case.provider)
    return check_terms(case.provider, provider, case.organization) or check_account(case, provider)


def check_account(case: Case, provider: Provider) -> Refusal | None:
    """Whether an account stands, or enabling opens one (C8)."""
    if case.provider in case.accounts or "first_enable" in provider.account_opened_by:
        return None
    by_support = "terms" not in provider.account_opened_by
    advice = "order it; the provider's support opens it" if by_support else "accept its terms of service"
    return refuse("account_missing", f"{provider.title}: {advice}")


def check_options(
    settings: RecordingSettings, changed: frozenset[str], tone_seconds: tuple[int, int]
) -> Refusal | None:
    """Whether the options fit the mode (C13, D1, D6); `changed` names what the caller sets."""
    low, high = tone_seconds
    if not low <= settings.repeat_tone_seconds <= high:
        return refuse("repeat_tone_out_of_range", f"{low} to {high} seconds")
    options = changed - {"mode", "product", "external_identifier"}
    if settings.mode is RecordingMode.NEVER and options:
        return refuse("recording_off", ", ".join(sorted(options)))
    return None


def check_partner(caller: str, organization_id: str, accounts: list[Account]) -> Refusal | None:
    """Whether a partner administrator may join the organisation's account (C14).

    accounts: every account that `caller` administers.
    """
    others = [a for a in accounts if caller in a.administrators and a.organization_id != organization_id]
    return refuse("partner_in_another_account", others[0].organization_id) if others else None


def check_product(provider: Provider, product: str, account: Account | None) -> Refusal | None:
    """Whether a person may hold `product` (C3, C5)."""
    wanted = provider.products.get(product)
    if wanted is None:
        return refuse("product_not_offered", f"offered: {', '.join(provider.products)}")
    covered = account is not None and (account.contract or account.kind.value == "trial")
    if wanted.paid and not covered:
        return refuse("contract_missing", wanted.title)
    return None


def check_product_changer(role: str, *, administers: bool) -> Refusal | None:
    """Who may upgrade and downgrade: the partner, or an administrator of the account (C9)."""
    return None if role == "partner" or administers else refuse("not_account_administrator")


def check_external_identifier(identifier: str, person: Person, others: list[Person]) -> Refusal | None:
    """Whether the identifier is free within the organisation (C15)."""
    for other in others:
        if other.id != person.id and other.recording.external_identifier == identifier:
            return refuse("external_identifier_taken", identifier)
    return None
