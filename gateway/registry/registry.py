"""The registry in memory: look-ups of the hot path are one dictionary access, changes are told as events."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from gateway.registry.errors import AssignmentError, UnknownEntryError
from gateway.registry.events import BrandChanged, CampaignChanged, NumberAssigned, SupportCaseChanged
from gateway.registry.model import Brand, Campaign, CampaignStatus, SupportCase
from gateway.registry.rulebook import Rulebook
from gateway.registry.terms import CarrierTerms


class Registered(NamedTuple):
    """What one carrier is told about a number."""

    number: str
    brand: Brand
    campaign: Campaign
    campaign_class: str | None
    active: bool
    """Confirmed by the registry, and approved by this carrier where it reviews."""


class Registry:
    """Brands, campaigns, number assignments and support cases."""

    def __init__(self, rulebook: Rulebook | None = None) -> None:
        self.rulebook = rulebook or Rulebook()
        self._brands: dict[str, Brand] = {}
        self._campaigns: dict[str, Campaign] = {}
        self._campaign_by_number: dict[str, Campaign] = {}
        self._numbers: dict[str, dict[str, None]] = {}
        self._cases: dict[str, SupportCase] = {}
        self._active: Counter[str | None] = Counter()
        self.changes = 0
        """How often what senders may do has changed: conclusions hold as long as this is the same."""
        self.brands: Mapping[str, Brand] = MappingProxyType(self._brands)
        self.campaigns: Mapping[str, Campaign] = MappingProxyType(self._campaigns)
        self.cases: Mapping[str, SupportCase] = MappingProxyType(self._cases)

    def campaign_of(self, number: str) -> Campaign | None:
        """Return the campaign a number is assigned to, if any."""
        return self._campaign_by_number.get(number)

    def brand_of(self, campaign: Campaign) -> Brand | None:
        """Return the brand of a campaign."""
        return self._brands.get(campaign.brand_id)

    def organization_registered(self, organization_id: str) -> bool:
        """Return whether the organisation has an active campaign (webex.md A7)."""
        return self._active[organization_id] > 0

    def numbers_of(self, campaign_id: str) -> tuple[str, ...]:
        """Return the numbers of a campaign, in the order they were assigned."""
        return tuple(self._numbers.get(campaign_id, ()))

    def brands_of(self, organization_id: str) -> Iterator[Brand]:
        """Iterate over an organisation's brands."""
        return (brand for brand in self._brands.values() if brand.organization_id == organization_id)

    def campaigns_of(self, brand_id: str) -> Iterator[Campaign]:
        """Iterate over a brand's campaigns."""
        return (campaign for campaign in self._campaigns.values() if campaign.brand_id == brand_id)

    def next_lot(self, organization_id: str | None) -> str:
        """Return what a further campaign of an organisation, whose id is random, is drawn by: its place."""
        owned = [brand.id for brand in self._brands.values() if brand.organization_id == organization_id]
        place = sum(campaign.brand_id in owned for campaign in self._campaigns.values()) + 1
        return f"{organization_id or ''}/{place}"

    def put_brand(self, brand: Brand) -> BrandChanged:
        """Add or replace a brand; its campaigns carry traffic while its identity is verified."""
        self.changes += 1
        before = self._brands.get(brand.id)
        if before is None:
            self._brands[brand.id] = brand
            return BrandChanged(None, brand)
        campaigns = tuple(self.campaigns_of(brand.id))
        self._active[before.organization_id] -= sum(campaign.active for campaign in campaigns)
        self._brands[brand.id] = brand
        for campaign in campaigns:
            self._active[brand.organization_id] += self._hold(campaign, brand).active
        return BrandChanged(before, brand)

    def put_campaign(self, campaign: Campaign) -> CampaignChanged:
        """Add or replace a campaign; its numbers stay assigned.

        Raises:
            UnknownEntryError: its brand does not exist.
        """
        brand = self._brands.get(campaign.brand_id)
        if brand is None:
            raise UnknownEntryError("brand", campaign.brand_id)
        self.changes += 1
        before = self._campaigns.get(campaign.id)
        held = self._hold(campaign, brand)
        was_active = before is not None and before.active
        self._active[brand.organization_id] += held.active - was_active
        return CampaignChanged(before, held, brand.organization_id)

    def put_case(self, case: SupportCase) -> SupportCaseChanged:
        """Add or replace a support case."""
        before = self._cases.get(case.id)
        self._cases[case.id] = case
        return SupportCaseChanged(before, case)

    def check_numbers(self, numbers: Collection[str], campaign: Campaign, brand: Brand) -> None:
        """Judge whether a campaign may take numbers that are all authorised (webex.md A9; 10dlc.md).

        Raises:
            AssignmentError: a number is another campaign's, the campaign is full, or it has expired.
        """
        if campaign.status is CampaignStatus.EXPIRED:
            raise AssignmentError("campaign_expired", "an expired campaign takes no numbers")
        for number in numbers:
            holder = self._campaign_by_number.get(number)
            if holder is not None and holder.id != campaign.id:
                raise AssignmentError(
                    "number_in_other_campaign",
                    f"a number belongs to campaign '{holder.id}': release it there first",
                )
        most = self.rulebook.numbers_allowed(brand)
        if len({*self._numbers.get(campaign.id, ()), *numbers}) > most:
            raise AssignmentError(
                "campaign_full", f"a campaign takes at most {most} numbers without a number pool"
            )

    def assign(self, number: str, campaign_id: str) -> NumberAssigned:
        """Assign a number to a campaign.

        Raises:
            UnknownEntryError: there is no such campaign.
            AssignmentError: as `check_numbers`.
        """
        campaign = self._campaigns.get(campaign_id)
        if campaign is None:
            raise UnknownEntryError("campaign", campaign_id)
        self.check_numbers((number,), campaign, self._brands[campaign.brand_id])
        self.changes += 1
        self._numbers[campaign_id][number] = None
        self._campaign_by_number[number] = campaign
        return NumberAssigned(number, campaign_id, self._brands[campaign.brand_id].organization_id)

    def release(self, number: str) -> NumberAssigned | None:
        """Take a number out of its campaign; None: it was in none."""
        campaign = self._campaign_by_number.pop(number, None)
        if campaign is None:
            return None
        self.changes += 1
        del self._numbers[campaign.id][number]
        return NumberAssigned(number, None, self._brands[campaign.brand_id].organization_id)

    def view(self, carrier: str, terms: CarrierTerms) -> Iterator[Registered]:
        """Iterate over what a carrier is told: each assigned number with its brand, campaign and class."""
        facts: dict[str, Callable[[str], Registered]] = {}
        for number, campaign in self._campaign_by_number.items():
            make = facts.get(campaign.id)
            if make is None:
                make = facts[campaign.id] = self._registered(campaign, carrier, terms)
            yield make(number)

    def _hold(self, campaign: Campaign, brand: Brand) -> Campaign:
        if campaign.brand_verified is not brand.verified:
            campaign = replace(campaign, brand_verified=brand.verified)
        self._campaigns[campaign.id] = campaign
        for number in self._numbers.setdefault(campaign.id, {}):
            self._campaign_by_number[number] = campaign
        return campaign

    def _registered(
        self, campaign: Campaign, carrier: str, terms: CarrierTerms
    ) -> Callable[[str], Registered]:
        brand = self._brands[campaign.brand_id]
        row = terms.minute_class(brand, campaign)
        active = campaign.active and (terms.review is None or campaign.approved_by(carrier))
        return lambda number: Registered(number, brand, campaign, row.name if row else None, active)
