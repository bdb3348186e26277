"""What the registry asks of brands and campaigns: data of `config/registry.yaml`, judged here (10dlc.md)."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.registry.errors import FormError
from gateway.registry.model import Brand, Campaign, EntityType


def _ordered(span: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= span[0] <= span[1]:
        raise ValueError("give the shorter time first, in days")
    return span


Days = Annotated[tuple[float, float], AfterValidator(_ordered)]
"""From and to, days of world time."""


class Section(BaseModel):
    """A frozen part of the configuration that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class UseCase(Section):
    """What a use case asks of its campaigns."""

    special: bool = Field(False, description="Outside the standard set; carriers look closer.")
    samples: int = Field(1, ge=0, description="Sample messages it needs at least.")
    sub_use_cases: tuple[int, int] = Field((0, 0), description="Fewest and most sub use cases.")
    entity_types: tuple[EntityType, ...] = Field((), description="Legal forms it is for; empty: all.")


class RegistrationLimits(Section):
    """How much one brand may register."""

    campaigns_per_brand: int = Field(100, ge=1, description="Campaigns of one brand.")
    numbers_per_campaign: int = Field(49, ge=1, description="Numbers of one campaign, without a number pool.")
    sole_proprietor_campaigns: int = Field(1, ge=1, description="Campaigns of a sole proprietor.")
    sole_proprietor_numbers: int = Field(1, ge=1, description="Numbers of a sole proprietor's campaign.")


class RegistryReview(Section):
    """How long the registry itself takes, and how often it refuses what is formally right."""

    prevet_days: Days = Field((3, 5), description="Pre-vetting, from and to, days.")
    confirmation_days: Days = Field((7, 9), description="Confirmation after it, days.")
    refusal_rate: float = Field(0.0, ge=0, le=1, description="Share that pre-vetting refuses at random.")
    reasons: tuple[str, ...] = Field(
        ("the call to action does not show how recipients opt in",), description="Reasons it gives."
    )
    minimum_description: int = Field(20, ge=0, description="Shortest description that passes, characters.")


class Rulebook(Section):
    """The registry's own rules."""

    seed: int = Field(
        1,
        description="Of every random decision in a review, with the campaign's id, or its place among its "
        "organisation's where the id is a random one.",
    )
    use_cases: dict[str, UseCase] = Field(default_factory=dict, description="Use cases by name.")
    limits: RegistrationLimits = Field(default_factory=RegistrationLimits, description="Sizes.")
    review: RegistryReview = Field(default_factory=RegistryReview, description="Times and refusals.")

    def check_brand(self, brand: Brand) -> None:
        """Judge a brand's form.

        Raises:
            FormError: it lacks something.
        """
        _refuse(_brand_faults(brand))

    def check_campaign(self, campaign: Campaign, brand: Brand, others: int) -> None:
        """Judge a campaign's form; `others` is how many campaigns the brand has besides.

        Raises:
            FormError: it lacks something.
        """
        _refuse([*self._campaign_faults(campaign, brand), *self._brand_limits(brand, others)])

    def numbers_allowed(self, brand: Brand) -> int:
        """Return how many numbers one campaign of `brand` may have."""
        if brand.entity_type is EntityType.SOLE_PROPRIETOR:
            return self.limits.sole_proprietor_numbers
        return self.limits.numbers_per_campaign

    def _brand_limits(self, brand: Brand, others: int) -> Iterator[str]:
        sole = brand.entity_type is EntityType.SOLE_PROPRIETOR
        most = self.limits.sole_proprietor_campaigns if sole else self.limits.campaigns_per_brand
        if others >= most:
            yield f"brandId: the brand has {others} campaigns, at most {most} are allowed"
        if not brand.verified:
            yield "brandId: the brand's identity is not verified"

    def _campaign_faults(self, campaign: Campaign, brand: Brand) -> Iterator[str]:
        use_case = self.use_cases.get(campaign.use_case)
        if use_case is None:
            yield f"useCase: '{campaign.use_case}' is not known"
            return
        fewest, most = use_case.sub_use_cases
        if not fewest <= len(campaign.sub_use_cases) <= most:
            yield f"subUseCases: {campaign.use_case} takes {fewest} to {most}"
        if len(set(campaign.sub_use_cases)) < len(campaign.sub_use_cases):
            yield "subUseCases: one is given twice"
        for name in campaign.sub_use_cases:
            if name not in self.use_cases or self.use_cases[name].special:
                yield f"subUseCases: '{name}' is not a standard use case"
        if len(campaign.samples) < use_case.samples:
            yield f"samples: {campaign.use_case} needs at least {use_case.samples}"
        if use_case.entity_types and brand.entity_type not in use_case.entity_types:
            yield f"useCase: {campaign.use_case} is not for {brand.entity_type.value}"


def _brand_faults(brand: Brand) -> Iterator[str]:
    if not brand.name.strip():
        yield "name: the legal name is missing"
    if not brand.tax_id.strip() and brand.entity_type is not EntityType.SOLE_PROPRIETOR:
        yield "taxId: every brand but a sole proprietor has one"
    if brand.country not in ("US", "CA"):
        yield f"country: '{brand.country}' is neither US nor CA"
    if brand.vetting_score is not None and not 0 <= brand.vetting_score <= 100:
        yield "vettingScore: from 0 to 100"


def _refuse(faults: Iterator[str] | list[str]) -> None:
    found = tuple(faults)
    if found:
        raise FormError(found)
