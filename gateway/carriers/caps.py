"""What a carrier enforces: who has to be registered, and its own windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from gateway.carriers.numbers import Numbers
from gateway.carriers.values import Frozen, Seconds
from gateway.throttle.zones import Zone

Segments = Annotated[int, Field(ge=0)]
"""A number of segments."""


class Registration(Frozen):
    """What this carrier holds of the registry about some numbers."""

    numbers: Numbers
    """The sending numbers it is about."""
    brand: str
    """The brand they text for."""
    tax_id: str = ""
    """Whom the carrier counts for the day's cap, over all vendors; empty: the brand."""
    campaign: str
    """The campaign they are assigned to."""
    use_case: str = "MIXED"
    """Use case of the campaign."""
    campaign_class: str = "E"
    """AT&T's class letter."""
    score: Annotated[int, Field(ge=0, le=100)] | None = None
    """Vetting score of the brand."""
    entity: str = "PRIVATE_PROFIT"
    """Legal form of the brand."""
    active: bool = True
    """False: suspended, expired, or not approved by this carrier."""
    number_limits: bool = True
    """False: `caps.number` and the filters that count do not apply."""


class RegistrationRule(Frozen):
    """Whether texts need a registered sender."""

    required: bool = False
    """Texts of senders that are not registered are refused."""
    registrations: tuple[Registration, ...] = ()
    """Known from the start; a running gateway replaces them with what its registry holds."""
    delay_seconds: Seconds = 30.0
    """World seconds until a change of the registry is known here."""


class ScoreTier(Frozen):
    """A cap from a vetting score upwards."""

    score: Annotated[int, Field(ge=0, le=100)]
    """Least vetting score of the tier."""
    segments: Annotated[int, Field(ge=0)]
    """Segments a day."""


class BrandDayCap(Frozen):
    """Segments per brand and calendar day."""

    zone: Zone = "America/Los_Angeles"
    """Time zone whose midnight ends the day."""
    tiers: tuple[ScoreTier, ...] = ()
    """Highest score first."""
    unvetted: Annotated[int, Field(ge=0)] | None = None
    """Segments a day of a brand that was never vetted; null: uncapped."""
    use_cases: Mapping[str, Segments] = Field(default_factory=dict)
    """Caps of use cases that go before the score's."""
    entities: Mapping[str, Segments | None] = Field(default_factory=dict)
    """Caps of legal forms that go before all others; null: uncapped."""
    other_vendors: Mapping[str, Segments] = Field(default_factory=dict)
    """Segments per day that brands (by Tax ID or id) send through others and that count here too; brands of
    one Tax ID share their day, and so what each of them sends through others."""


class CampaignMinuteCap(Frozen):
    """Segments per campaign (or number) and calendar minute, by class."""

    classes: Mapping[str, Segments] = Field(default_factory=dict)
    """Segments a minute by class letter."""
    per_number: tuple[str, ...] = ()
    """Classes whose cap counts each number for itself."""
    default: Annotated[int, Field(ge=0)] | None = None
    """Segments a minute of every other class; null: uncapped."""


class NumberCap(Frozen):
    """Limits per sending number."""

    per_minute: Annotated[int, Field(ge=0)] | None = None
    """Segments a calendar minute; null: no limit."""
    per_day: Annotated[int, Field(ge=0)] | None = None
    """Segments a calendar day; null: no limit."""
    zone: Zone = "UTC"
    """Time zone whose midnight ends the day."""


class Caps(Frozen):
    """This carrier's own windows; null: none."""

    brand_day: BrandDayCap | None = None
    """Per brand and day (T-Mobile)."""
    campaign_minute: CampaignMinuteCap | None = None
    """Per campaign and minute (AT&T)."""
    number: NumberCap | None = None
    """Per sending number."""
    segments_per_text: Annotated[int, Field(ge=1)] | None = None
    """Longest text; beyond it `too_long`."""
    throughput: Annotated[float, Field(gt=0)] | None = None
    """Segments per second and account, of wire time; beyond it each is refused with `throughput`."""
