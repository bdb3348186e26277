"""Bodies and answers of the registry's routes."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from gateway.directory.places import CountryCode
from gateway.directory.settings import E164
from gateway.registry.model import ApprovalStatus, CampaignStatus, EntityType, IdentityStatus
from gateway.runtime.http.models import ApiModel

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Label = Annotated[str, StringConstraints(max_length=255)]
Prose = Annotated[str, StringConstraints(max_length=4096)]
Sample = Annotated[str, StringConstraints(max_length=1024)]


class BrandIn(ApiModel):
    """A brand's registration form."""

    id: Id | None = None
    organization_id: Id | None = Field(None, description="The caller's organisation unless given.")
    name: Label
    tax_id: Label = ""
    country: CountryCode = "US"
    entity_type: EntityType = EntityType.PRIVATE_PROFIT


class BrandChange(ApiModel):
    """What the registry learns of a brand; absent fields stay, `vettingScore` null: not vetted."""

    name: Label | None = None
    tax_id: Label | None = None
    identity: IdentityStatus | None = None
    vetting_score: int | None = Field(None, ge=0, le=100)
    russell_3000: bool | None = None


class CarrierView(ApiModel):
    """What the gateway believes of one carrier for a campaign; null: no such cap."""

    approval: ApprovalStatus | None = Field(description="null: it reviews no campaigns, or not yet this one.")
    reason: str
    at: str | None = Field(description="When it decided, or will.")
    campaign_class: str | None
    segments_per_minute: int | None
    counts_per_number: bool
    brand_segments_per_day: int | None


class BrandOut(ApiModel):
    """A brand."""

    id: str
    organization_id: str | None
    name: str
    tax_id: str
    country: str
    entity_type: EntityType
    identity: IdentityStatus
    vetting_score: int | None
    russell_3000: bool
    campaigns: list[str]


class CampaignForm(ApiModel):
    """A campaign's registration form."""

    use_case: Label = "UCAAS_LOW"
    sub_use_cases: tuple[Label, ...] = Field((), max_length=5)
    description: Prose = ""
    samples: tuple[Sample, ...] = Field((), max_length=5)
    embedded_links: bool = False


class CampaignIn(CampaignForm):
    """A campaign to register under a brand; it is handed in at once unless `draft`."""

    id: Id | None = None
    brand_id: Id
    draft: bool = False


class CampaignChange(ApiModel):
    """A corrected form; absent fields stay. Only a draft or one that failed pre-vetting is corrected."""

    use_case: Label | None = None
    sub_use_cases: tuple[Label, ...] | None = Field(None, max_length=5)
    description: Prose | None = None
    samples: tuple[Sample, ...] | None = Field(None, max_length=5)
    embedded_links: bool | None = None


class CampaignOut(ApiModel):
    """A campaign, where its life stands, and what each carrier makes of it."""

    id: str
    brand_id: str
    use_case: str
    sub_use_cases: list[str]
    description: str
    samples: list[str]
    embedded_links: bool
    status: CampaignStatus
    reason: str
    changed: str | None
    next_step: str | None = Field(description="World time of the next decision that is waited for.")
    numbers: list[str]
    carriers: dict[str, CarrierView]


class Reason(ApiModel):
    """Why."""

    reason: Label = ""


class Numbers(ApiModel):
    """Numbers to assign to a campaign: authorised ones of its brand's organisation (A9)."""

    numbers: tuple[E164, ...] = Field(min_length=1, max_length=1000)


class CaseIn(ApiModel):
    """A Calling Plan support case: it asks for campaign registration (A13)."""

    organization_id: Id | None = Field(None, description="The caller's organisation unless given.")


class CaseForm(ApiModel):
    """The completed 10DLC registration form (A13).

    A brand that is known by `brandId`, or a new one; a campaign that is known by `campaignId` and takes more
    numbers, or a new one.
    """

    brand_id: Id | None = None
    brand: BrandIn | None = None
    campaign_id: Id | None = None
    campaign: CampaignForm | None = None
    numbers: tuple[E164, ...] = Field((), max_length=1000)


class CaseOut(ApiModel):
    """A support case: `formSent` until the form comes back, then its campaign's state."""

    id: str
    organization_id: str
    status: str
    opened: str
    campaign_id: str | None
    numbers: list[str]
    form: dict[str, Any] | None = Field(description="The form to complete, while it is waited for.")


class RegistryQuery(ApiModel):
    """Which entries a listing shows."""

    organization_id: str | None = None
    brand_id: str | None = None
    status: CampaignStatus | None = None
    max: int | None = None
    cursor: str | None = None
