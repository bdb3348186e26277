"""What the registry's routes share: what a caller may find, how entries are shown, how forms are taken."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from gateway.api.registry_models import (
    BrandIn,
    BrandOut,
    CampaignForm,
    CampaignOut,
    CarrierView,
    CaseOut,
)
from gateway.api.scope import may_see_organization, not_found, organization_of, refusal
from gateway.directory.directory import Directory
from gateway.policy.administration import NOT_AUTHORIZED
from gateway.registry.errors import FormError, RegistryError, TransitionError, UnknownEntryError
from gateway.registry.lifecycle import next_due_ns, submit
from gateway.registry.model import Brand, Campaign, CampaignStatus, SupportCase
from gateway.registry.store import Entry, RegistryStore
from gateway.registry.terms import Terms
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.routes import ApiRequest
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id, new_id

T = TypeVar("T")

_BRAND_UNVERIFIED = "the identity of its brand is not verified: it carries no traffic"


class RegistrationDesk:
    """Finds registrations within a caller's reach, takes forms, and makes changes durable."""

    def __init__(self, store: RegistryStore, directory: Directory, terms: Terms) -> None:
        self.store = store
        self.registry = store.registry
        self.directory = directory
        self.terms = terms

    # --- what a caller may find ---

    def may_see(self, principal: Principal, entry: Entry) -> bool:
        """Whether an entry is of an organisation the caller's token reaches."""
        if isinstance(entry, Campaign):
            brand = self.registry.brand_of(entry)
            return brand is not None and may_see_organization(principal, brand.organization_id)
        return may_see_organization(principal, entry.organization_id)

    def brand(self, request: ApiRequest, brand_id: str) -> Brand:
        """Return a brand; raises `ApiError` 404."""
        found = self.registry.brands.get(brand_id)
        if found is None or not self.may_see(request.principal, found):
            raise not_found("brand")
        return found

    def campaign(self, request: ApiRequest, campaign_id: str) -> Campaign:
        """Return a campaign; raises `ApiError` 404."""
        found = self.registry.campaigns.get(campaign_id)
        if found is None or not self.may_see(request.principal, found):
            raise not_found("campaign")
        return found

    def case(self, request: ApiRequest) -> SupportCase:
        """Return the support case the path names; raises `ApiError` 404."""
        found = self.registry.cases.get(request.params["id"])
        if found is None or not self.may_see(request.principal, found):
            raise not_found("support case")
        return found

    def organization_id(self, request: ApiRequest, wanted: str | None) -> str:
        """Return the organisation a request is for; raises `ApiError` 400 or 404."""
        return organization_of(request, self.directory, wanted)

    # --- forms ---

    def new_brand(self, organization_id: str, form: BrandIn) -> Brand:
        """Return a brand of a form; raises `ApiError` 409 or 422."""
        brand = Brand(
            id=self._fresh(form.id, self.registry.brands),
            organization_id=organization_id,
            **form.model_dump(by_alias=False, exclude={"id", "organization_id"}),
        )
        with_faults(lambda: self.registry.rulebook.check_brand(brand))
        return brand

    def new_campaign(self, brand: Brand, form: CampaignForm, wanted: str | None = None) -> Campaign:
        """Return a draft of a form; raises `ApiError` 409."""
        values = form.model_dump(by_alias=False, exclude={"id", "brand_id", "draft"})
        campaign_id = self._fresh(wanted, self.registry.campaigns)
        lot = "" if wanted is not None else self.registry.next_lot(brand.organization_id)
        return Campaign(id=campaign_id, brand_id=brand.id, changed_ns=self.store.now_ns(), lot=lot, **values)

    def submitted(self, campaign: Campaign, brand: Brand) -> Campaign:
        """Return a campaign handed in; raises `ApiError` 409 or 422."""
        others = sum(1 for other in self.registry.campaigns_of(brand.id) if other.id != campaign.id)
        rulebook = self.registry.rulebook
        with_faults(lambda: rulebook.check_campaign(campaign, brand, others))
        return with_faults(lambda: submit(campaign, rulebook, self.store.now_ns()))

    def check_authorized(self, numbers: Iterable[str], organization_id: str | None) -> None:
        """Refuse numbers that are not authorised ones of the organisation (A9); raises `ApiError` 409."""
        for e164 in numbers:
            number = self.directory.number(e164)
            if number is None or number.organization_id != organization_id or not number.authorized:
                raise refusal(NOT_AUTHORIZED)

    async def put(self, request: ApiRequest, *entries: Entry, assign: Sequence[tuple[str, str]] = ()) -> None:
        """Make a change durable and visible; raises `ApiError` 404 or 409."""
        try:
            await self.store.put(*entries, actor=request.principal.token_name, assign=assign)
        except UnknownEntryError as error:
            raise ApiError(404, error.code, str(error)) from None
        except RegistryError as error:
            raise ApiError(409, error.code, str(error)) from None

    def _fresh(self, wanted: str | None, taken: Any) -> str:
        if wanted is not None and wanted in taken:
            raise ApiError(409, "conflict", "the id exists already")
        return wanted or encode_id(new_id())

    # --- what is shown ---

    def show_brand(self, brand: Brand) -> BrandOut:
        """Return a brand as the API shows it."""
        values = {item.name: getattr(brand, item.name) for item in fields(brand)}
        return BrandOut(**values, campaigns=[one.id for one in self.registry.campaigns_of(brand.id)])

    def show_campaign(self, campaign: Campaign) -> CampaignOut:
        """Return a campaign as the API shows it."""
        due_ns = next_due_ns(campaign)
        return CampaignOut(
            id=campaign.id,
            brand_id=campaign.brand_id,
            use_case=campaign.use_case,
            sub_use_cases=list(campaign.sub_use_cases),
            description=campaign.description,
            samples=list(campaign.samples),
            embedded_links=campaign.embedded_links,
            status=campaign.status,
            reason=campaign.status_reason if campaign.brand_verified else _BRAND_UNVERIFIED,
            changed=format_ns(campaign.changed_ns) if campaign.changed_ns else None,
            next_step=None if due_ns is None else format_ns(due_ns),
            numbers=list(self.registry.numbers_of(campaign.id)),
            carriers={name: self._carrier(campaign, name) for name in self.terms},
        )

    def show_case(self, case: SupportCase) -> CaseOut:
        """Return a support case as the API shows it."""
        campaign = self.registry.campaigns.get(case.campaign_id or "")
        status = "formSent" if campaign is None else _case_status(campaign)
        return CaseOut(
            id=case.id,
            organization_id=case.organization_id,
            status=status,
            opened=format_ns(case.opened_ns),
            campaign_id=case.campaign_id,
            numbers=list(case.numbers),
            form=self._form() if campaign is None else None,
        )

    def _carrier(self, campaign: Campaign, name: str) -> CarrierView:
        terms, brand = self.terms[name], self.registry.brands[campaign.brand_id]
        approval = campaign.approval(name) if terms.review is not None else None
        caps = terms.caps(brand, campaign)
        return CarrierView(
            approval=approval.status if approval else None,
            reason=approval.reason if approval else "",
            at=format_ns(approval.at_ns) if approval and approval.at_ns else None,
            campaign_class=caps.campaign_class,
            segments_per_minute=caps.campaign_minute,
            counts_per_number=caps.campaign_counts_per_number,
            brand_segments_per_day=caps.brand_day,
        )

    def _form(self) -> dict[str, Any]:
        return {
            "brand": ["name", "taxId", "country", "entityType"],
            "campaign": ["useCase", "subUseCases", "description", "samples", "embeddedLinks"],
            "useCases": sorted(self.registry.rulebook.use_cases),
            "numbers": "authorised numbers of the organisation",
        }


def _case_status(campaign: Campaign) -> str:
    if campaign.status is CampaignStatus.CONFIRMED:
        return "inReview" if next_due_ns(replace(campaign, expires_ns=None)) is not None else "completed"
    if campaign.status is CampaignStatus.PREVET_FAILED:
        return "refused"
    if campaign.status in (CampaignStatus.SUBMITTED, CampaignStatus.UNCONFIRMED):
        return "inReview"
    return "completed"


def with_faults(act: Callable[[], T]) -> T:
    """Call `act`; what the registry refuses becomes an answer, every fault of a form listed."""
    try:
        return act()
    except FormError as error:
        raise ApiError(422, error.code, errors=[(fault, error.code) for fault in error.faults]) from None
    except TransitionError as error:
        raise ApiError(409, error.code, str(error)) from None
