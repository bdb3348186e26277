"""The 10DLC registry over HTTP: brands, campaigns, numbers and support cases (webex.md A7–A9, A13)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gateway.api.registration_desk import RegistrationDesk, with_faults
from gateway.api.registry_models import (
    BrandChange,
    BrandIn,
    BrandOut,
    CampaignChange,
    CampaignIn,
    CampaignOut,
    CaseForm,
    CaseIn,
    CaseOut,
    Numbers,
    Reason,
    RegistryQuery,
)
from gateway.api.scope import ADMINISTRATORS, given, page_by
from gateway.directory.directory import Directory
from gateway.registry.lifecycle import expire, resume, suspend
from gateway.registry.model import Brand, Campaign, CampaignStatus, SupportCase
from gateway.registry.store import Entry, RegistryStore
from gateway.registry.terms import Terms
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.ids import encode_id, new_id

_CORRECTABLE = (CampaignStatus.DRAFT, CampaignStatus.PREVET_FAILED)


def registry_routes(store: RegistryStore, directory: Directory, terms: Terms) -> Routes:
    """`/v1/brands`, `/v1/campaigns` and `/v1/supportCases`."""
    routes = Routes("Registration", "Brands and campaigns of 10DLC, and what each carrier makes of them.")
    desk = RegistrationDesk(store, directory, terms)
    _add_brands(routes, desk)
    _add_campaigns(routes, desk)
    _add_lifecycle(routes, desk)
    _add_cases(routes, desk)
    return routes


def _add_brands(routes: Routes, desk: RegistrationDesk) -> None:
    """`/v1/brands`."""

    @routes.get(
        "/v1/brands",
        query=RegistryQuery,
        returns=list[BrandOut],
        roles=ADMINISTRATORS,
        paged=True,
        errors=(400,),
    )
    async def brands(request: ApiRequest) -> Paged:
        """List brands."""
        wanted = request.query.organization_id
        found = (
            one
            for one in desk.registry.brands.values()
            if desk.may_see(request.principal, one) and wanted in (None, one.organization_id)
        )
        return page_by(request, found, _by_id, desk.show_brand)

    @routes.post(
        "/v1/brands",
        body=BrandIn,
        returns=BrandOut,
        status=201,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409, 422),
    )
    async def register(request: ApiRequest) -> BrandOut:
        """Register a brand."""
        body: BrandIn = request.body
        brand = desk.new_brand(desk.organization_id(request, body.organization_id), body)
        await desk.put(request, brand)
        return desk.show_brand(brand)

    @routes.get("/v1/brands/{id}", returns=BrandOut, roles=ADMINISTRATORS, errors=(404,))
    async def brand(request: ApiRequest) -> BrandOut:
        """Show one brand."""
        return desk.show_brand(desk.brand(request, request.params["id"]))

    @routes.patch(
        "/v1/brands/{id}",
        body=BrandChange,
        returns=BrandOut,
        roles=ADMINISTRATORS,
        errors=(400, 404, 422),
    )
    async def change(request: ApiRequest) -> BrandOut:
        """Change what the registry knows of a brand: its identity, its vetting score.

        Classes and caps at every carrier follow from it.
        """
        changes = given(request.body, "vetting_score")
        after: Brand = replace(desk.brand(request, request.params["id"]), **changes)
        with_faults(lambda: desk.registry.rulebook.check_brand(after))
        await desk.put(request, after)
        return desk.show_brand(after)


def _add_campaigns(routes: Routes, desk: RegistrationDesk) -> None:
    """`/v1/campaigns`."""

    @routes.get(
        "/v1/campaigns",
        query=RegistryQuery,
        returns=list[CampaignOut],
        roles=ADMINISTRATORS,
        paged=True,
        errors=(400,),
    )
    async def campaigns(request: ApiRequest) -> Paged:
        """List campaigns."""
        query: RegistryQuery = request.query
        found = (
            one
            for one in desk.registry.campaigns.values()
            if desk.may_see(request.principal, one)
            and query.brand_id in (None, one.brand_id)
            and query.status in (None, one.status)
            and query.organization_id in (None, desk.registry.brands[one.brand_id].organization_id)
        )
        return page_by(request, found, _by_id, desk.show_campaign)

    @routes.post(
        "/v1/campaigns",
        body=CampaignIn,
        returns=CampaignOut,
        status=201,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409, 422),
    )
    async def register(request: ApiRequest) -> CampaignOut:
        """Register a campaign under a brand; about four weeks of world time decide about it (A13)."""
        body: CampaignIn = request.body
        brand = desk.brand(request, body.brand_id)
        campaign = desk.new_campaign(brand, body, body.id)
        if not body.draft:
            campaign = desk.submitted(campaign, brand)
        await desk.put(request, campaign)
        return desk.show_campaign(campaign)

    @routes.get("/v1/campaigns/{id}", returns=CampaignOut, roles=ADMINISTRATORS, errors=(404,))
    async def campaign(request: ApiRequest) -> CampaignOut:
        """Show one campaign, with its class and caps at every carrier."""
        return desk.show_campaign(desk.campaign(request, request.params["id"]))

    @routes.patch(
        "/v1/campaigns/{id}",
        body=CampaignChange,
        returns=CampaignOut,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409),
    )
    async def correct(request: ApiRequest) -> CampaignOut:
        """Correct the form of a draft, or of a campaign that failed pre-vetting."""
        before = desk.campaign(request, request.params["id"])
        if before.status not in _CORRECTABLE:
            raise ApiError(
                409, "campaign_status_invalid", "only drafts and failed campaigns can be corrected"
            )
        after: Campaign = replace(before, **given(request.body))
        await desk.put(request, after)
        return desk.show_campaign(after)

    @routes.post(
        "/v1/campaigns/{id}/numbers",
        body=Numbers,
        returns=CampaignOut,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409),
    )
    async def assign(request: ApiRequest) -> CampaignOut:
        """Assign authorised numbers to a campaign; each belongs to one campaign only (A8, A9)."""
        target = desk.campaign(request, request.params["id"])
        brand = desk.registry.brands[target.brand_id]
        desk.check_authorized(request.body.numbers, brand.organization_id)
        await desk.put(request, assign=[(number, target.id) for number in request.body.numbers])
        return desk.show_campaign(target)

    @routes.delete("/v1/campaigns/{id}/numbers/{number}", roles=ADMINISTRATORS, errors=(404,))
    async def release(request: ApiRequest) -> None:
        """Take a number out of a campaign."""
        target = desk.campaign(request, request.params["id"])
        number = request.params["number"]
        if number not in desk.registry.numbers_of(target.id):
            raise ApiError(404, "not_found", "the campaign has no such number")
        await desk.store.release(number, actor=request.principal.token_name)


def _add_lifecycle(routes: Routes, desk: RegistrationDesk) -> None:
    """What happens to a campaign."""

    async def _step(request: ApiRequest, act: Callable[[Campaign], Campaign]) -> CampaignOut:
        before = desk.campaign(request, request.params["id"])
        after: Campaign = with_faults(lambda: act(before))
        await desk.put(request, after)
        return desk.show_campaign(after)

    options: dict[str, Any] = {"returns": CampaignOut, "roles": ADMINISTRATORS, "errors": (404, 409)}

    @routes.post("/v1/campaigns/{id}/submit", **{**options, "errors": (404, 409, 422)})
    async def hand_in(request: ApiRequest) -> CampaignOut:
        """Hand a draft or a corrected campaign in."""
        return await _step(request, lambda one: desk.submitted(one, desk.registry.brands[one.brand_id]))

    @routes.post("/v1/campaigns/{id}/suspend", body=Reason, **{**options, "errors": (400, 404, 409)})
    async def stop(request: ApiRequest) -> CampaignOut:
        """Suspend a confirmed campaign: its traffic stops until it is resumed."""
        return await _step(request, lambda one: suspend(one, request.body.reason, desk.store.now_ns()))

    @routes.post("/v1/campaigns/{id}/resume", **options)
    async def go_on(request: ApiRequest) -> CampaignOut:
        """Resume a suspended campaign."""
        return await _step(request, lambda one: resume(one, desk.store.now_ns()))

    @routes.post("/v1/campaigns/{id}/expire", **options)
    async def end(request: ApiRequest) -> CampaignOut:
        """Let a campaign expire; there is no way back."""
        return await _step(request, lambda one: expire(one, desk.store.now_ns()))


def _add_cases(routes: Routes, desk: RegistrationDesk) -> None:
    """`/v1/supportCases`."""

    @routes.get(
        "/v1/supportCases",
        query=RegistryQuery,
        returns=list[CaseOut],
        roles=ADMINISTRATORS,
        paged=True,
        errors=(400,),
    )
    async def cases(request: ApiRequest) -> Paged:
        """List support cases."""
        wanted = request.query.organization_id
        found = (
            one
            for one in desk.registry.cases.values()
            if desk.may_see(request.principal, one) and wanted in (None, one.organization_id)
        )
        return page_by(request, found, _by_id, desk.show_case)

    @routes.post(
        "/v1/supportCases",
        body=CaseIn,
        returns=CaseOut,
        status=201,
        roles=ADMINISTRATORS,
        errors=(400, 404),
    )
    async def open_case(request: ApiRequest) -> CaseOut:
        """Open a Calling Plan support case; the answer carries the 10DLC registration form (A13)."""
        organization_id = desk.organization_id(request, request.body.organization_id)
        case = SupportCase(encode_id(new_id()), organization_id, desk.store.now_ns())
        await desk.put(request, case)
        return desk.show_case(case)

    @routes.get("/v1/supportCases/{id}", returns=CaseOut, roles=ADMINISTRATORS, errors=(404,))
    async def case(request: ApiRequest) -> CaseOut:
        """Show one support case."""
        return desk.show_case(desk.case(request))

    @routes.post(
        "/v1/supportCases/{id}/form",
        body=CaseForm,
        returns=CaseOut,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409, 422),
    )
    async def return_form(request: ApiRequest) -> CaseOut:
        """Hand the completed form in: registration begins, and takes about four weeks (A13).

        Only authorised numbers can be registered (A9). A form that names a campaign adds numbers to it.
        """
        before, form = desk.case(request), request.body
        if before.campaign_id is not None:
            raise ApiError(409, "conflict", "the form of this case has come back already")
        desk.check_authorized(form.numbers, before.organization_id)
        entries, campaign_id = _registered(request, desk, before, form)
        after = replace(before, campaign_id=campaign_id, numbers=tuple(form.numbers))
        assign = [(number, campaign_id) for number in dict.fromkeys(form.numbers)]
        await desk.put(request, *entries, after, assign=assign)
        return desk.show_case(after)


def _registered(
    request: ApiRequest, desk: RegistrationDesk, case: SupportCase, form: CaseForm
) -> tuple[list[Brand | Campaign], str]:
    """What a form registers, and the campaign it is about."""
    if form.campaign_id is not None:
        known = desk.campaign(request, form.campaign_id)
        if desk.registry.brands[known.brand_id].organization_id != case.organization_id:
            raise ApiError(404, "not_found", "there is no such campaign")
        return [], known.id
    if form.campaign is None:
        raise ApiError(422, "registration_form_incomplete", "campaign: give campaignId or a campaign's form")
    entries: list[Brand | Campaign] = []
    if form.brand_id is not None:
        brand = desk.brand(request, form.brand_id)
        if brand.organization_id != case.organization_id:
            raise ApiError(404, "not_found", "there is no such brand")
    elif form.brand is not None:
        brand = desk.new_brand(case.organization_id, form.brand)
        entries.append(brand)
    else:
        raise ApiError(422, "registration_form_incomplete", "brand: give brandId or a brand's form")
    campaign = desk.submitted(desk.new_campaign(brand, form.campaign), brand)
    return [*entries, campaign], campaign.id


def _by_id(entry: Entry) -> str:
    return entry.id
