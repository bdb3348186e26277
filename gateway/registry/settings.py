"""The `registry:` section: the registry's rules and who is registered when the world begins."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from gateway.registry.errors import RegistryError
from gateway.registry.model import (
    EVERYWHERE,
    Approval,
    ApprovalStatus,
    Brand,
    Campaign,
    CampaignStatus,
    EntityType,
    IdentityStatus,
)
from gateway.registry.registry import Registry
from gateway.registry.rulebook import Rulebook, Section
from gateway.runtime.crosschecks import ANY, CrossFault, refuse
from gateway.runtime.yamltree import KeyPath

NumberRange = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}(\.\.\+[1-9][0-9]{6,14})?$")]
"""A number, or the first and last of a range: `+12025550190..+12025550199`."""

MAX_RANGE = 1_000_000


class CampaignEntry(Section):
    """A campaign that exists from the beginning."""

    use_case: str = Field("UCAAS_LOW", description="Use case of the registry.")
    sub_use_cases: tuple[str, ...] = Field((), description="Sub use cases of LOW_VOLUME and MIXED.")
    description: str = Field("", description="What is sent, as handed in.")
    samples: tuple[str, ...] = Field((), description="Sample messages.")
    embedded_links: bool = Field(False, description="Texts hold links.")
    status: CampaignStatus = Field(CampaignStatus.CONFIRMED, description="Where its life stands.")
    status_reason: str = Field("", description="Why it is suspended or failed.")
    approved: bool = Field(True, description="Every carrier has approved it, unless it is named below.")
    refused_by: dict[str, str] = Field(default_factory=dict, description="Carriers that refuse it: reason.")
    number_limits: bool = Field(True, description="Limits per sending number apply.")
    numbers: tuple[NumberRange, ...] = Field((), description="Numbers assigned to it.")

    def build(self, campaign_id: str, brand_id: str) -> Campaign:
        """Return the campaign as the registry holds it."""
        approvals = {
            carrier: Approval(ApprovalStatus.REFUSED, 0, reason)
            for carrier, reason in self.refused_by.items()
        }
        if self.approved:
            approvals[EVERYWHERE] = Approval(ApprovalStatus.APPROVED)
        values = self.model_dump(exclude={"approved", "refused_by", "numbers"})
        return Campaign(id=campaign_id, brand_id=brand_id, approvals=approvals, **values)


class BrandEntry(Section):
    """A brand that exists from the beginning, with its campaigns."""

    organization: str | None = Field(None, description="Organisation it stands for; null: a stranger.")
    name: str = Field(description="Legal name.")
    tax_id: str = Field("", description="Tax ID; T-Mobile counts its days by it.")
    country: Literal["US", "CA"] = Field("US", description="US or CA.")
    entity_type: EntityType = Field(EntityType.PRIVATE_PROFIT, description="Legal form.")
    identity: IdentityStatus = Field(IdentityStatus.VERIFIED, description="What the registry has verified.")
    vetting_score: int | None = Field(None, ge=0, le=100, description="Vetting score; null: never vetted.")
    russell_3000: bool = Field(False, description="Listed in the Russell 3000.")
    campaigns: dict[str, CampaignEntry] = Field(default_factory=dict, description="Campaigns by id.")

    def build(self, brand_id: str) -> Brand:
        """Return the brand as the registry holds it."""
        values = self.model_dump(exclude={"organization", "campaigns"})
        return Brand(id=brand_id, organization_id=self.organization, **values)


class GeneratedCampaigns(Section):
    """Many alike campaigns of one brand, for load: consecutive numbers dealt to them evenly."""

    brand: str = Field(description="Id of a brand described under `brands`.")
    count: int = Field(ge=1, le=100_000, description="How many campaigns.")
    numbers: int = Field(ge=1, le=MAX_RANGE, description="How many numbers in all.")
    first_number: Annotated[str, StringConstraints(pattern=r"^\+1[2-9][0-9]{9}$")] = Field(
        description="The first number; the others follow it."
    )
    prefix: str = Field("campaign", description="What campaign ids begin with.")
    campaign: CampaignEntry = Field(default_factory=CampaignEntry, description="What they are all like.")

    def fill(self, registry: Registry) -> None:
        """Put the campaigns and their numbers into a registry."""
        first, each = int(self.first_number), -(-self.numbers // self.count)
        for index in range(self.count):
            campaign_id = f"{self.prefix}-{index:03d}"
            registry.put_campaign(self.campaign.build(campaign_id, self.brand))
            for offset in range(index * each, min((index + 1) * each, self.numbers)):
                registry.assign(f"+{first + offset}", campaign_id)


class RegistrySettings(Rulebook):
    """The registry's rules, and the brands and campaigns of the seed world; stored changes win over them."""

    brands: dict[str, BrandEntry] = Field(default_factory=dict, description="Brands by id.")
    generated: tuple[GeneratedCampaigns, ...] = Field((), description="Blocks of campaigns, for load.")

    @model_validator(mode="after")
    def _holds_together(self) -> "RegistrySettings":
        refuse(self, [*self._unknown_use_cases(), *self._fill(Registry(self))])
        return self

    def build(self) -> Registry:
        """Return a registry that holds the seed world."""
        registry = Registry(self)
        for _ in self._fill(registry):
            pass  # judged when these settings were made
        return registry

    def _unknown_use_cases(self) -> Iterator[CrossFault]:
        for at, campaign in self._campaigns() if self.use_cases else ():
            names: list[tuple[KeyPath, str]] = [(("use_case",), campaign.use_case)]
            names += [(("sub_use_cases", index), name) for index, name in enumerate(campaign.sub_use_cases)]
            for where, name in names:
                if name not in self.use_cases:
                    told = f"the use case '{name}' is not known"
                    yield CrossFault((*at, *where), told, (("use_cases", name),))

    def _campaigns(self) -> Iterator[tuple[KeyPath, CampaignEntry]]:
        for brand_id, brand in self.brands.items():
            for campaign_id, campaign in brand.campaigns.items():
                yield ("brands", brand_id, "campaigns", campaign_id), campaign
        for index, block in enumerate(self.generated):
            yield ("generated", index, "campaign"), block.campaign

    def _fill(self, registry: Registry) -> Iterator[CrossFault]:
        """Put the seed world into a registry; yield what does not fit in, and leave it out."""
        for brand_id, entry in self.brands.items():
            registry.put_brand(entry.build(brand_id))
            for campaign_id, campaign in entry.campaigns.items():
                at: KeyPath = ("brands", brand_id, "campaigns", campaign_id)
                if campaign_id in registry.campaigns:
                    told = f"campaign '{campaign_id}' is described twice, under two brands"
                    yield CrossFault(at, told)
                    continue
                registry.put_campaign(campaign.build(campaign_id, brand_id))
                yield from _assign(registry, campaign, campaign_id, at)
        for index, block in enumerate(self.generated):
            if block.brand not in self.brands:
                told = f"there is no brand '{block.brand}'"
                yield CrossFault(("generated", index, "brand"), told, (("brands", block.brand),))
                continue
            try:
                block.fill(registry)
            except RegistryError as error:
                at = ("generated", index)
                rests = ((*at, ANY), (*at, "campaign", "status"), *_capacity(block.brand))
                yield CrossFault(at, str(error), rests)


def _capacity(brand: str | int) -> tuple[KeyPath, ...]:
    """What says how many numbers a campaign of a brand may have."""
    return (("brands", brand, "entity_type"), ("limits", ANY))


def _assign(
    registry: Registry, campaign: CampaignEntry, campaign_id: str, at: KeyPath
) -> Iterator[CrossFault]:
    """Assign a campaign's numbers; yield one fault for each entry that cannot be."""
    for index, entry in enumerate(campaign.numbers):
        try:
            for number in spread(entry):
                registry.assign(number, campaign_id)
        except RegistryError as error:
            full = error.code == "campaign_full"
            rests = _capacity(at[1]) if full else ((*at, "status"),)
            yield CrossFault((*at, "numbers", index), str(error), rests)
            if full:
                return


def spread(entry: str) -> Iterator[str]:
    """Yield the numbers of an entry, one or a range. Raises `RegistryError`."""
    first, _, last = entry.partition("..")
    size = int(last or first) - int(first) + 1
    if not 1 <= size <= MAX_RANGE:
        raise RegistryError(f"'{entry}' is no range of numbers")
    return (f"+{int(first) + offset}" for offset in range(size))
