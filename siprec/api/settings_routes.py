"""Recording settings over HTTP as Control Hub offers them, every change judged by the providers' rules."""

from typing import Any

from gateway.directory.model import Location, Organization, Person, recording_provider
from gateway.directory.recording import RecordingMode
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.wire import format_ns
from siprec.api.administration import RecordingAdministration
from siprec.api.scope import ADMINISTRATORS, find_location, find_organization, find_person
from siprec.api.settings_models import (
    AccountChange,
    AccountIn,
    AccountOut,
    LocationRecordingChange,
    LocationRecordingOut,
    OrganizationRecordingChange,
    OrganizationRecordingOut,
    PersonRecordingChange,
    PersonRecordingOut,
    PlatformInformation,
    ProviderOut,
    SubscriptionIn,
    SubscriptionOut,
    TermsIn,
    TermsOut,
)
from siprec.providers.model import Account
from siprec.providers.provisioning import shared_with_provider
from siprec.providers.rules import RULES

ACCOUNT_KEEPERS = (*ADMINISTRATORS, "provider", "dubber_admin")
READERS = (*ADMINISTRATORS, "person", "dubber_admin")


def settings_routes(hub: RecordingAdministration) -> Routes:
    """`/v1/providers`, `/v1/recordingRules`, and `…/recording` of organisations, locations and people."""
    routes = Routes("Recording settings", "Who is recorded, how, and by which provider (webex.md C, D).")
    _add_providers(routes, hub)
    _add_organizations(routes, hub)
    _add_accounts(routes, hub)
    _add_locations(routes, hub)
    _add_people(routes, hub)
    return routes


def _organization(hub: RecordingAdministration, request: ApiRequest) -> Organization:
    return find_organization(hub.directory, request.principal, request.params["id"])


def _location(hub: RecordingAdministration, request: ApiRequest) -> Location:
    return find_location(hub.directory, request.principal, request.params["id"])


def _person(hub: RecordingAdministration, request: ApiRequest) -> Person:
    return find_person(hub.directory, request.principal, request.params["id"])


def _given(body: Any) -> dict[str, Any]:
    """What the caller set, but for nulls where null says nothing."""
    values: dict[str, Any] = body.model_dump(by_alias=False, exclude_unset=True)
    return {name: value for name, value in values.items() if value is not None or name == "storage"}


def _add_providers(routes: Routes, hub: RecordingAdministration) -> None:
    @routes.get("/v1/providers", returns=list[ProviderOut], paged=True)
    async def providers(request: ApiRequest) -> Paged:
        """List the recording providers an organisation can choose from (C3)."""
        del request
        return Paged([ProviderOut.of(name, each) for name, each in hub.desk.providers.items()])

    @routes.get("/v1/providers/{name}", returns=ProviderOut, errors=(422,))
    async def provider(request: ApiRequest) -> ProviderOut:
        """Show a provider."""
        name = request.params["name"]
        return ProviderOut.of(name, hub.provider(name))

    @routes.get("/v1/recordingRules", returns=list[dict[str, Any]], paged=True)
    async def recording_rules(request: ApiRequest) -> Paged:
        """List every rule of call recording: its code, the facts it stands on, and how it refuses."""
        del request
        table = [
            {
                "code": rule.code,
                "facts": list(rule.facts),
                "httpStatus": rule.http_status,
                "description": rule.description,
            }
            for rule in RULES.values()
        ]
        return Paged(table)


def _add_organizations(routes: Routes, hub: RecordingAdministration) -> None:
    def show(organization: Organization) -> OrganizationRecordingOut:
        settings = organization.recording
        return OrganizationRecordingOut(
            organization_id=organization.id,
            enabled=settings.enabled,
            provider=settings.provider,
            terms_accepted=sorted(settings.terms_accepted),
            service_provider=settings.service_provider,
            external_group=settings.external_group,
        )

    @routes.get(
        "/v1/organizations/{id}/recording",
        returns=OrganizationRecordingOut,
        roles=ADMINISTRATORS,
        errors=(403, 404),
    )
    async def organization_recording(request: ApiRequest) -> OrganizationRecordingOut:
        """Show an organisation's recording service."""
        return show(_organization(hub, request))

    @routes.patch(
        "/v1/organizations/{id}/recording",
        body=OrganizationRecordingChange,
        returns=OrganizationRecordingOut,
        roles=ADMINISTRATORS,
        errors=(400, 403, 404, 409, 422),
    )
    async def change_organization_recording(request: ApiRequest) -> OrganizationRecordingOut:
        """Switch the service (C1, partner only), choose its provider (C3), or none (C11).

        `{"provider": "none", "confirmation": "I understand"}` removes recording for every user.
        """
        before = _organization(hub, request)
        return show(await hub.change_organization(request.principal, before, request.body))

    @routes.post(
        "/v1/organizations/{id}/recording/terms",
        body=TermsIn,
        returns=TermsOut,
        status=201,
        roles=ADMINISTRATORS,
        errors=(400, 403, 404, 409, 422),
    )
    async def accept_terms(request: ApiRequest) -> TermsOut:
        """Accept a provider's terms of service, once per organisation (C10).

        Dubber's and Imagicle's account is made by it (C8). The answer tells what the provider is told.
        """
        organization = _organization(hub, request)
        account = await hub.accept(request.principal, organization, request.body)
        return TermsOut(
            provider=request.body.provider,
            account=_account(account) if account else None,
            shared=shared_with_provider(hub.directory, organization),
        )


def _account(account: Account) -> AccountOut:
    return AccountOut.of(account, format_ns(account.opened_ns))


def _add_accounts(routes: Routes, hub: RecordingAdministration) -> None:
    @routes.get(
        "/v1/organizations/{id}/recording/accounts",
        returns=list[AccountOut],
        roles=ACCOUNT_KEEPERS,
        paged=True,
        errors=(403, 404),
    )
    async def accounts(request: ApiRequest) -> Paged:
        """List an organisation's accounts; a provider sees its own."""
        organization = _organization(hub, request)
        found = hub.desk.book.accounts_of(organization.id).values()
        own = hub.desk.caller(request.principal).provider
        anyone = request.principal.role != "provider"
        return Paged([_account(each) for each in found if anyone or each.provider == own])

    @routes.post(
        "/v1/organizations/{id}/recording/accounts",
        body=AccountIn,
        returns=AccountOut,
        status=201,
        roles=("partner", "provider"),
        errors=(400, 403, 404, 409, 422),
    )
    async def open_account(request: ApiRequest) -> AccountOut:
        """Open an account after an order, as the provider's support does (C8)."""
        return _account(await hub.open_account(request.principal, _organization(hub, request), request.body))

    @routes.patch(
        "/v1/organizations/{id}/recording/accounts/{provider}",
        body=AccountChange,
        returns=AccountOut,
        roles=ACCOUNT_KEEPERS,
        errors=(400, 403, 404, 409),
    )
    async def change_account(request: ApiRequest) -> AccountOut:
        """Change an account: contract, trial to production (C8), storage (C6, C7), administrators (C14)."""
        account = hub.account(_organization(hub, request), request.params["provider"])
        return _account(await hub.change_account(request.principal, account, _given(request.body)))


def _add_locations(routes: Routes, hub: RecordingAdministration) -> None:
    def show(location: Location) -> LocationRecordingOut:
        organization = hub.directory.organizations[location.organization_id]
        return LocationRecordingOut(
            location_id=location.id,
            provider=location.recording_provider,
            effective_provider=recording_provider(organization, location),
        )

    @routes.get(
        "/v1/locations/{id}/recording",
        returns=LocationRecordingOut,
        roles=ADMINISTRATORS,
        errors=(403, 404),
    )
    async def location_recording(request: ApiRequest) -> LocationRecordingOut:
        """Show a location's provider."""
        return show(_location(hub, request))

    @routes.patch(
        "/v1/locations/{id}/recording",
        body=LocationRecordingChange,
        returns=LocationRecordingOut,
        roles=ADMINISTRATORS,
        errors=(400, 403, 404, 409, 422),
    )
    async def change_location_recording(request: ApiRequest) -> LocationRecordingOut:
        """Override the organisation's provider at a location, or follow it again (C12)."""
        before = _location(hub, request)
        return show(await hub.change_location(request.principal, before, request.body.provider))


def _add_people(routes: Routes, hub: RecordingAdministration) -> None:
    @routes.get("/v1/people/{id}/recording", returns=PersonRecordingOut, roles=READERS, errors=(403, 404))
    async def person_recording(request: ApiRequest) -> PersonRecordingOut:
        """Show a person's recording settings and platform information (C15, D1–D6)."""
        return show_person(hub, _person(hub, request))

    @routes.patch(
        "/v1/people/{id}/recording",
        body=PersonRecordingChange,
        returns=PersonRecordingOut,
        roles=ADMINISTRATORS,
        errors=(400, 403, 404, 409, 422),
    )
    async def change_person_recording(request: ApiRequest) -> PersonRecordingOut:
        """Set a person's recording mode and options (D1–D6); `never` clears them (C13).

        The first enabled user opens Dubber's account, and who enables becomes its administrator (C8, C14).
        """
        before = _person(hub, request)
        return show_person(hub, await hub.change_person(request.principal, before, _given(request.body)))

    @routes.put(
        "/v1/people/{id}/recording/subscription",
        body=SubscriptionIn,
        returns=SubscriptionOut,
        roles=ACCOUNT_KEEPERS,
        errors=(400, 403, 404, 409, 422),
    )
    async def subscribe(request: ApiRequest) -> SubscriptionOut:
        """Give a person a product: upgrade or downgrade (C9), or provision by hand or sync (C8).

        An upgrade to a paid product stops automatic deletion; a downgrade starts the 30 days.
        """
        body: SubscriptionIn = request.body
        person = _person(hub, request)
        held = await hub.subscribe(request.principal, person, body.product, body.provider)
        return SubscriptionOut(
            person_id=held.person_id,
            provider=held.provider,
            product=held.product,
            since=format_ns(held.since_ns),
            how=held.how,
        )


def show_person(hub: RecordingAdministration, person: Person) -> PersonRecordingOut:
    """A person's settings as the API shows them."""
    case, settings = hub.case(person), person.recording
    provider = case.providers.get(case.provider)
    held = hub.desk.book.subscriber(person.id, case.provider)
    product = held.product if held else None
    on = settings.mode is not RecordingMode.NEVER and provider is not None
    title = provider.products[product].title if provider and product else ""
    organization = case.organization.recording
    information = PlatformInformation(
        product=title,
        service_provider=organization.service_provider,
        external_group=organization.external_group,
        external_identifier=settings.external_identifier or "",
    )
    return PersonRecordingOut(
        person_id=person.id,
        mode=settings.mode,
        record_voicemail=settings.record_voicemail,
        announce_start_stop=settings.announce_start_stop,
        pause_notice=settings.pause_notice,
        repeat_tone=settings.repeat_tone,
        repeat_tone_seconds=settings.repeat_tone_seconds,
        provider=case.provider,
        product=product,
        provisioned=held is not None,
        platform_information=information if on else None,
    )
