"""Bodies and answers of the directory's routes."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.directory.model import ClientKind, CustomerKind, Licence
from gateway.directory.places import CountryCode, TimeZoneName
from gateway.directory.settings import E164, AppVersionText
from gateway.runtime.http.models import ApiModel

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Label = Annotated[str, StringConstraints(max_length=128)]
Name = Annotated[str, StringConstraints(max_length=128, pattern=r"\S")]
"""What something is called: not nothing."""
Override = Literal["organizationDefault", "on", "off"]
"""A user's own texting setting (webex.md A11)."""

OVERRIDES: dict[Override, bool | None] = {"organizationDefault": None, "on": True, "off": False}
OVERRIDE_WORDS: dict[bool | None, Override] = {value: word for word, value in OVERRIDES.items()}


class WarningOut(ApiModel):
    """Something an administrator is told, which stops nothing."""

    code: str
    description: str


class OrganizationOut(ApiModel):
    """An organisation and what Business Texting is to it."""

    id: str
    name: str
    kind: CustomerKind
    calling_plan_country: str | None
    texting_addon: bool
    texting_enabled: bool
    hipaa: bool
    business_identity: str
    text_retention_days: int
    business_texting_tab_visible: bool
    warnings: list[WarningOut]


class OrganizationChange(ApiModel):
    """What an administrator changes; absent fields stay. The add-on is bought through the partner (A6)."""

    name: Name | None = None
    kind: CustomerKind | None = None
    calling_plan_country: CountryCode | None = None
    texting_addon: bool | None = None
    texting_enabled: bool | None = None
    hipaa: bool | None = None
    business_identity: Label | None = None
    text_retention_days: int | None = Field(None, ge=1, le=36_500)


class LocationIn(ApiModel):
    """A new location."""

    id: Id | None = None
    organization_id: Id | None = Field(None, description="The caller's organisation unless given.")
    name: Name
    country: CountryCode = "US"
    time_zone: TimeZoneName = "America/New_York"
    cisco_pstn: bool = True


class LocationChange(ApiModel):
    """What an administrator changes; absent fields stay."""

    name: Name | None = None
    country: CountryCode | None = None
    time_zone: TimeZoneName | None = None
    cisco_pstn: bool | None = None


class LocationOut(ApiModel):
    """A location, and whether Business Texting can be used there (A3, A5, A6)."""

    id: str
    organization_id: str
    name: str
    country: str
    time_zone: str
    cisco_pstn: bool
    business_texting_available: bool


class PersonIn(ApiModel):
    """A new person."""

    id: Id | None = None
    organization_id: Id | None = Field(None, description="The caller's organisation unless given.")
    location_id: Id
    first_name: Name
    last_name: Label = ""
    email: Label = ""
    licence: Licence = Licence.PROFESSIONAL
    number: E164 | None = None
    personal_number: E164 | None = None
    app_version: AppVersionText = "45.1"
    client: ClientKind = ClientKind.DESKTOP


class PersonChange(ApiModel):
    """What an administrator changes; absent fields stay, `number` null takes the number away."""

    location_id: Id | None = None
    first_name: Name | None = None
    last_name: Label | None = None
    email: Label | None = None
    licence: Licence | None = None
    number: E164 | None = None
    personal_number: E164 | None = None
    app_version: AppVersionText | None = None
    client: ClientKind | None = None
    texting_override: Override | None = None


class PersonOut(ApiModel):
    """A person as administrators see them."""

    id: str
    organization_id: str
    location_id: str
    first_name: str
    last_name: str
    email: str
    licence: Licence
    number: str | None
    app_version: str
    client: ClientKind
    texting_override: Override
    texting_override_offered: bool
    texting_enabled: bool


class NumberIn(ApiModel):
    """A new or ported number; it is authorised by an order (A12) before it can text."""

    number: E164
    location_id: Id
    calling_plan: bool = True


class NumberOut(ApiModel):
    """A number, whose it is, and where its registration stands."""

    number: str
    organization_id: str
    location_id: str
    calling_plan: bool
    authorized: bool
    person_id: str | None
    campaign_id: str | None


class OrderIn(ApiModel):
    """Numbers of one Calling Plan location to authorise for Business Texting (A12)."""

    location_id: Id
    numbers: tuple[E164, ...] = Field(min_length=1, max_length=1000)


class OrderOut(ApiModel):
    """The order summary (A12)."""

    id: str
    organization_id: str
    location_id: str
    numbers: list[str]
    created: str


class OrganizationQuery(ApiModel):
    """Which entries a listing shows."""

    organization_id: str | None = None
    max: int | None = None
    cursor: str | None = None


class PersonQuery(OrganizationQuery):
    """Which people a listing shows."""

    location_id: str | None = None


class NumberQuery(PersonQuery):
    """Which numbers a listing shows."""

    authorized: bool | None = None
