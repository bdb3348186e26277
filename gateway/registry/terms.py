"""What the gateway believes of each carrier: section `terms:` of `config/carriers/<name>.yaml`.

A belief: the carrier's own truth is the section `profile:` beside it, and the two may disagree. Classes and
caps are rows matched from the top; the first that fits a brand and campaign holds (10dlc.md).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import Field

from gateway.directory.places import TimeZoneName
from gateway.registry.model import Brand, Campaign, EntityType
from gateway.registry.rulebook import Days, Section
from gateway.smpp.receipt import IdNotation
from gateway.smpp.segment import Concatenation


class Condition(Section):
    """When a row holds: every condition given must be met; a row without any always holds."""

    min_score: int | None = Field(
        None, ge=0, le=100, description="Vetting score at least; unvetted: not met."
    )
    russell_3000: bool | None = Field(None, description="Listed in the Russell 3000, or not.")
    entity_types: tuple[EntityType, ...] = Field((), description="Legal forms.")
    verified: bool | None = Field(None, description="Identity verified, or not.")
    use_cases: tuple[str, ...] = Field((), description="Use cases of the campaign.")
    not_use_cases: tuple[str, ...] = Field((), description="Use cases it does not hold for.")

    def met(self, brand: Brand, campaign: Campaign) -> bool:
        """Return whether the row holds for this brand and campaign."""
        return all(self._answers(brand, campaign))

    def _answers(self, brand: Brand, campaign: Campaign) -> Iterator[bool]:
        if self.min_score is not None:
            yield brand.vetting_score is not None and brand.vetting_score >= self.min_score
        if self.russell_3000 is not None:
            yield brand.russell_3000 is self.russell_3000
        if self.entity_types:
            yield brand.entity_type in self.entity_types
        if self.verified is not None:
            yield brand.verified is self.verified
        if self.use_cases:
            yield campaign.use_case in self.use_cases
        yield campaign.use_case not in self.not_use_cases


class DayTier(Condition):
    """A row of the cap per brand and day."""

    segments: int | None = Field(description="Segments per day; null: uncapped.")


class MinuteClass(Condition):
    """A row of the cap per campaign and minute."""

    name: str = Field(description="The class's letter.")
    segments: int = Field(ge=1, description="Segments per minute.")
    per_number: bool = Field(False, description="The cap counts each number for itself.")


class BrandDayTerms(Section):
    """The cap per brand and calendar day."""

    time_zone: TimeZoneName = Field(
        "America/Los_Angeles", description="Whose midnight resets it, by its IANA name."
    )
    tiers: tuple[DayTier, ...] = Field(description="Rows, the first that fits holds.")


class ReviewTerms(Section):
    """How the carrier reviews a campaign that the registry has confirmed."""

    days: Days = Field((7, 10), description="From and to, days of world time.")
    minimum_samples: int = Field(1, ge=0, description="Sample messages it wants at least.")
    embedded_links: bool = Field(True, description="It takes campaigns whose texts hold links.")
    refused_use_cases: tuple[str, ...] = Field((), description="Use cases it does not take.")
    refusal_rate: float = Field(0.0, ge=0, le=1, description="Share it refuses at random.")
    reasons: tuple[str, ...] = Field(
        ("not in line with the code of conduct",), description="Reasons it gives."
    )


class CarrierTerms(Section):
    """One carrier as the gateway sees it."""

    country: str = Field("US", description="Country of its recipients, ISO 3166 two letters.")
    registration: bool = Field(True, description="It refuses texts of senders that are not registered.")
    concatenation: Concatenation = Field(Concatenation.UDH8, description="How long texts are tied together.")
    packed: bool = Field(False, description="Septets packed eight into seven octets.")
    receipt_id: IdNotation = Field("same", description="How receipts write the id of the response.")
    segments_per_second: float | None = Field(None, gt=0, description="What the gateway sends it in all.")
    brand_day: BrandDayTerms | None = Field(None, description="Cap per brand and day; null: none.")
    campaign_minute: tuple[MinuteClass, ...] = Field((), description="Caps per campaign and minute.")
    review: ReviewTerms | None = Field(None, description="Its review of campaigns; null: it reviews none.")

    def minute_class(self, brand: Brand, campaign: Campaign) -> MinuteClass | None:
        """Return the class of a campaign; None: the carrier has no classes, or none fits."""
        return next((row for row in self.campaign_minute if row.met(brand, campaign)), None)

    def caps(self, brand: Brand, campaign: Campaign) -> "Caps":
        """Return all caps the gateway believes to hold for a campaign here."""
        row = self.minute_class(brand, campaign)
        return Caps(
            brand_day=self._brand_day(brand, campaign),
            brand_day_zone=self.brand_day.time_zone if self.brand_day else "UTC",
            campaign_class=row.name if row else None,
            campaign_minute=row.segments if row else None,
            campaign_counts_per_number=row.per_number if row else False,
        )

    def _brand_day(self, brand: Brand, campaign: Campaign) -> int | None:
        if self.brand_day is None:
            return None
        return next((row.segments for row in self.brand_day.tiers if row.met(brand, campaign)), 0)


class Caps(NamedTuple):
    """Segments a campaign may send to one carrier; None: no such cap."""

    brand_day: int | None
    """0: no tier fits, nothing may go."""
    brand_day_zone: str
    campaign_class: str | None
    campaign_minute: int | None
    campaign_counts_per_number: bool


Terms = Mapping[str, CarrierTerms]
"""Terms by carrier name."""
