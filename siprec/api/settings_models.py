"""Bodies and answers of the settings' routes."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from gateway.directory.recording import PauseNotice, RecordingMode
from gateway.runtime.http.models import ApiModel
from siprec.providers.model import Account, AccountKind
from siprec.providers.model import Provider as ProviderData

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class ProductOut(ApiModel):
    """A product of a provider (C4–C7)."""

    name: str
    title: str
    paid: bool
    retention_days: int | None


class ProviderOut(ApiModel):
    """A provider as administrators choose it (C3–C8)."""

    name: str
    title: str
    default_product: str
    products: list[ProductOut]
    regions: list[str]
    account_opened_by: list[str]
    terms_required: bool
    users: Literal["automatic", "manual"]
    trial: bool
    customer_storage: bool

    @classmethod
    def of(cls, name: str, provider: ProviderData) -> "ProviderOut":
        """A provider as the API shows it."""
        products = [
            ProductOut(name=key, title=each.title, paid=each.paid, retention_days=each.retention_days)
            for key, each in provider.products.items()
        ]
        return cls(
            name=name,
            title=provider.title,
            default_product=provider.default_product,
            products=products,
            regions=list(provider.regions),
            account_opened_by=sorted(provider.account_opened_by),
            terms_required=provider.terms_required,
            users=provider.users,
            trial=provider.trial,
            customer_storage=provider.customer_storage,
        )


class AccountOut(ApiModel):
    """An organisation's account at a provider (C8, C14)."""

    organization_id: str
    provider: str
    opened: str
    opened_by: str
    kind: AccountKind
    region: str | None
    contract: bool
    administrators: list[str]
    storage: str | None

    @classmethod
    def of(cls, account: Account, opened: str) -> "AccountOut":
        """An account as the API shows it."""
        return cls(
            organization_id=account.organization_id,
            provider=account.provider,
            opened=opened,
            opened_by=account.opened_by,
            kind=account.kind,
            region=account.region,
            contract=account.contract,
            administrators=sorted(account.administrators),
            storage=account.storage,
        )


class OrganizationRecordingOut(ApiModel):
    """The recording service of an organisation (C1, C3, C10, C11, C15)."""

    organization_id: str
    enabled: bool
    provider: str
    terms_accepted: list[str]
    service_provider: str
    external_group: str


class OrganizationRecordingChange(ApiModel):
    """What is changed; absent fields stay. `provider: none` needs the confirmation (C11)."""

    enabled: bool | None = None
    provider: Name | None = None
    confirmation: str | None = Field(None, max_length=64)
    service_provider: Identifier | None = None
    external_group: Identifier | None = None


class TermsIn(ApiModel):
    """Accept a provider's terms of service, once per organisation (C10)."""

    provider: Name
    region: Name | None = None
    trial: bool = False


class TermsOut(ApiModel):
    """What accepting brought about, and what the provider is told (C10)."""

    provider: str
    account: AccountOut | None
    shared: dict[str, Any]


class AccountIn(ApiModel):
    """An account that the provider's support opens after an order (C8)."""

    provider: Name
    region: Name | None = None
    kind: AccountKind = AccountKind.PRODUCTION


class AccountChange(ApiModel):
    """What is changed; absent fields stay, `storage` null moves back to the provider's cloud."""

    contract: bool | None = None
    kind: AccountKind | None = None
    storage: Name | None = None
    administrators: tuple[Name, ...] | None = Field(None, max_length=100)


class LocationRecordingChange(ApiModel):
    """The location's provider: `inherit`, a provider's name, or `none` (C12)."""

    provider: Name


class LocationRecordingOut(ApiModel):
    """A location's choice, and the provider in force there (C12)."""

    location_id: str
    provider: str
    effective_provider: str


class PlatformInformation(ApiModel):
    """What the provider's portal asks for (C15)."""

    product: str
    external_type: Literal["BroadWorks"] = "BroadWorks"
    service_provider: str
    external_group: str
    external_identifier: str


class PersonRecordingOut(ApiModel):
    """A person's recording settings (D1–D6) and standing at the provider (C8, C15)."""

    person_id: str
    mode: RecordingMode
    record_voicemail: bool
    announce_start_stop: bool
    pause_notice: PauseNotice
    repeat_tone: bool
    repeat_tone_seconds: int
    provider: str
    product: str | None
    provisioned: bool
    platform_information: PlatformInformation | None


class PersonRecordingChange(ApiModel):
    """What is changed; absent fields stay. `mode: never` clears the settings (C13)."""

    mode: RecordingMode | None = None
    record_voicemail: bool | None = None
    announce_start_stop: bool | None = None
    pause_notice: PauseNotice | None = None
    repeat_tone: bool | None = None
    repeat_tone_seconds: int | None = Field(None, ge=1, le=86_400)
    external_identifier: Identifier | None = None


class SubscriptionIn(ApiModel):
    """The product a person holds: an upgrade, a downgrade (C9), or provisioning by hand or sync (C8)."""

    product: Name
    provider: Name | None = None


class SubscriptionOut(ApiModel):
    """A person at a provider (C8)."""

    person_id: str
    provider: str
    product: str
    since: str
    how: str
