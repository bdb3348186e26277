"""Changes of recording settings, judged, made durable, and followed up at the provider (webex.md C, D)."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from gateway.directory.model import Location, Organization, Person, recording_provider
from gateway.directory.recording import NO_PROVIDER, RecordingMode, RecordingSettings
from gateway.directory.store import DirectoryStore
from gateway.runtime.http.auth import Principal
from siprec.api.scope import not_found, require
from siprec.api.settings_models import AccountIn, OrganizationRecordingChange, TermsIn
from siprec.providers import rules
from siprec.providers.desk import ProviderDesk
from siprec.providers.model import Account, AccountKind, Provider, Subscriber
from siprec.providers.provisioning import DUBBER, accept_terms, enable, open_account
from siprec.providers.rules import Case


class RecordingAdministration:
    """What administrators, partners and providers change. Methods raise `ApiError` with the rule's code.

    Args:
        store: The directory, where settings are values with inheritance.
        desk: The providers.
        tone_seconds: Shortest and longest interval of the repeat tone (D6).
        storages: Names of customers' own places for recordings (C6, C7).
    """

    def __init__(
        self,
        store: DirectoryStore,
        desk: ProviderDesk,
        tone_seconds: tuple[int, int],
        storages: Collection[str] = (),
    ) -> None:
        self.store = store
        self.directory = store.directory
        self.desk = desk
        self._tone_seconds = tone_seconds
        self._storages = storages

    def provider(self, name: str) -> Provider:
        """A provider by name; refused where there is none (C3)."""
        found = self.desk.providers.get(name)
        if found is None:
            require(rules.refuse("provider_unknown", name))
            raise AssertionError  # pragma: no cover - require has raised
        return found

    def case(self, person: Person) -> Case:
        """What a change of this person is judged by."""
        organization = self.directory.organizations[person.organization_id]
        location = self.directory.locations[person.location_id]
        accounts = self.desk.book.accounts_of(organization.id)
        return Case(organization, location, person, self.desk.providers, accounts)

    # ── organisation and location ─────────────────────────────────────────────────────────────────

    async def change_organization(
        self, principal: Principal, organization: Organization, change: OrganizationRecordingChange
    ) -> Organization:
        """Switch the service (C1), choose the provider (C3, C11), set the identifiers (C15)."""
        given = change.model_dump(by_alias=False, exclude_unset=True, exclude_none=True)
        confirmation = given.pop("confirmation", None)
        if "enabled" in given:
            require(rules.check_service_switch(principal.role))
        if "provider" in given:
            require(
                rules.check_provider_choice(
                    given["provider"], self.desk.providers, organization, confirmation
                )
            )
        after = replace(organization, recording=replace(organization.recording, **given))
        cleared = self._without_recording(after) if given.get("provider") == NO_PROVIDER else []
        await self.store.put(after, *cleared, actor=principal.token_name)
        return after

    def _without_recording(self, organization: Organization) -> list[Person]:
        return [
            replace(person, recording=switched_off(person.recording))
            for person in self.directory.people_of(organization.id)
            if person.recording.mode is not RecordingMode.NEVER
        ]

    async def change_location(self, principal: Principal, location: Location, choice: str) -> Location:
        """Override the organisation's provider, or follow it again (C12)."""
        organization = self.directory.organizations[location.organization_id]
        require(rules.check_location_choice(choice, self.desk.providers, organization))
        after = replace(location, recording_provider=choice)
        await self.store.put(after, actor=principal.token_name)
        return after

    # ── terms and accounts ────────────────────────────────────────────────────────────────────────

    async def accept(self, principal: Principal, organization: Organization, wish: TermsIn) -> Account | None:
        """Accept a provider's terms; that opens the account where the provider does so (C8, C10)."""
        provider = self.provider(wish.provider)
        require(rules.check_accepting(wish.provider, provider, organization, wish.region, trial=wish.trial))
        accepted = organization.recording.terms_accepted | {wish.provider}
        after = replace(organization, recording=replace(organization.recording, terms_accepted=accepted))
        entries = accept_terms(
            self.desk.book,
            organization,
            wish.provider,
            provider,
            region=wish.region,
            trial=wish.trial,
            now_ns=self.desk.now_ns(),
        )
        await self.store.put(after, actor=principal.token_name)
        await self.desk.put(entries, principal.token_name)
        return self.desk.book.account(organization.id, wish.provider)

    async def open_account(
        self, principal: Principal, organization: Organization, wish: AccountIn
    ) -> Account:
        """The provider's support opens an account after an order (C8)."""
        provider = self.provider(wish.provider)
        self._speak_for(principal, wish.provider)
        trial = wish.kind is AccountKind.TRIAL
        require(
            rules.check_opening_by_support(provider, self.desk.book.account(organization.id, wish.provider))
            or rules.check_account_wish(provider, wish.region, trial=trial)
        )
        now_ns = self.desk.now_ns()
        account = open_account(
            organization, wish.provider, provider, "support", region=wish.region, trial=trial, now_ns=now_ns
        )
        await self.desk.put([account], principal.token_name)
        return account

    async def change_account(self, principal: Principal, account: Account, given: dict[str, Any]) -> Account:
        """Change an account: contract and kind by partner or provider, the rest by its administrators.

        A trial becomes a production account by the provider's support (C8); storage is C6 and C7,
        administrators are C14.
        """
        provider = self.provider(account.provider)
        self._speak_for(principal, account.provider)
        if principal.role not in ("partner", "provider"):
            if given.keys() & {"contract", "kind"}:
                require(rules.refuse("not_account_administrator"))
            if "administrators" in given:
                require(
                    rules.check_product_changer(
                        principal.role, administers=self.administers(principal, account)
                    )
                )
        if "storage" in given:
            require(rules.check_storage(provider, given["storage"], self._storages))
        if "administrators" in given:
            given["administrators"] = frozenset(given["administrators"])
        after = replace(account, **given)
        await self.desk.put([after], principal.token_name)
        return after

    def account(self, organization: Organization, name: str) -> Account:
        """An organisation's account; raises `ApiError` 404."""
        found = self.desk.book.account(organization.id, name)
        if found is None:
            raise not_found("account")
        return found

    def administers(self, principal: Principal, account: Account) -> bool:
        """Whether the caller administers the account (C14)."""
        if principal.role == "dubber_admin":
            return account.provider == DUBBER
        return principal.token_name in account.administrators

    def _speak_for(self, principal: Principal, name: str) -> None:
        """A provider acts at its own accounts only."""
        if principal.role == "provider" and self.desk.caller(principal).provider != name:
            raise not_found("account")

    # ── people ────────────────────────────────────────────────────────────────────────────────────

    async def change_person(self, principal: Principal, person: Person, given: dict[str, Any]) -> Person:
        """Set a person's mode and options (D1–D6), or turn recording off, which clears them (C13)."""
        before, case = person.recording, self.case(person)
        wished = replace(before, **given)
        require(rules.check_options(wished, frozenset(given), self._tone_seconds))
        if wished.mode is RecordingMode.NEVER:
            wished = replace(
                switched_off(before),
                external_identifier=given.get("external_identifier", before.external_identifier),
            )
        else:
            require(rules.check_enabling(case))
            identifier = wished.external_identifier or person.email or person.id
            wished = replace(wished, external_identifier=identifier)
        enabling = before.mode is RecordingMode.NEVER is not wished.mode
        self._check_person(principal, case, wished, enabling=enabling)
        after = replace(person, recording=wished)
        await self.store.put(after, actor=principal.token_name)
        if enabling:
            await self._enable(principal, case, after)
        return after

    def _check_person(
        self, principal: Principal, case: Case, wished: RecordingSettings, *, enabling: bool
    ) -> None:
        others = list(self.directory.people_of(case.organization.id))
        if wished.external_identifier is not None:
            require(rules.check_external_identifier(wished.external_identifier, case.person, others))
        if enabling and principal.role == "partner" and case.provider == DUBBER:
            administered = self.desk.book.administered_by(principal.token_name)
            require(rules.check_partner(principal.token_name, case.organization.id, administered))

    async def _enable(self, principal: Principal, case: Case, person: Person) -> None:
        entries = enable(
            self.desk.book,
            case.organization,
            person,
            case.provider,
            self.desk.providers[case.provider],
            caller=principal.token_name,
            now_ns=self.desk.now_ns(),
        )
        await self.desk.put(entries, principal.token_name)

    async def subscribe(
        self, principal: Principal, person: Person, product: str, provider_name: str | None
    ) -> Subscriber:
        """Upgrade or downgrade (C9), or make the user at a provider that does not do so by itself (C8)."""
        organization = self.directory.organizations[person.organization_id]
        location = self.directory.locations[person.location_id]
        name = provider_name or recording_provider(organization, location)
        provider = self.provider(name)
        account = self.desk.book.account(organization.id, name)
        self._speak_for(principal, name)
        if account is None:
            require(rules.refuse("account_missing", provider.title))
        if provider.users == "automatic":
            if principal.role == "provider":
                require(rules.refuse("provisioning_automatic", provider.title))
            administers = account is not None and self.administers(principal, account)
            require(rules.check_product_changer(principal.role, administers=administers))
        require(rules.check_product(provider, product, account))
        how = "sync" if principal.role == "provider" else "manual"
        await self.desk.change_product(person, name, product, how=how, actor=principal.token_name)
        return self.desk.book.subscribers[person.id, name]


def switched_off(settings: RecordingSettings) -> RecordingSettings:
    """Cleared settings; who the user is at the provider stays, as do recordings made before (C13)."""
    return RecordingSettings(product=settings.product, external_identifier=settings.external_identifier)
