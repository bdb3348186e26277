"""What changed in the registry; published on the bus after the change is durable."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.registry.model import Brand, Campaign, SupportCase


@dataclass(frozen=True, slots=True)
class BrandChanged:
    """A brand was registered (`before` None) or changed."""

    name: ClassVar[str] = "brand.changed"
    before: Brand | None
    after: Brand


@dataclass(frozen=True, slots=True)
class CampaignChanged:
    """A campaign was registered (`before` None), moved on, or a carrier decided about it."""

    name: ClassVar[str] = "campaign.changed"
    before: Campaign | None
    after: Campaign


@dataclass(frozen=True, slots=True)
class NumberAssigned:
    """A number was assigned to a campaign; `campaign_id` None: released from one."""

    name: ClassVar[str] = "number.assigned"
    number: str
    campaign_id: str | None


@dataclass(frozen=True, slots=True)
class SupportCaseChanged:
    """A support case was opened (`before` None) or its form came back."""

    name: ClassVar[str] = "support_case.changed"
    before: SupportCase | None
    after: SupportCase


RegistryEvent = BrandChanged | CampaignChanged | NumberAssigned | SupportCaseChanged
