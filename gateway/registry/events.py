"""What changed in the registry; published on the bus after the change is durable.

A stream or webhook is told ids and states, never a number or a Tax ID.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.registry.model import Brand, Campaign, SupportCase


@dataclass(frozen=True, slots=True)
class BrandChanged:
    """A brand was registered (`before` None) or changed."""

    name: ClassVar[str] = "brand.changed"
    before: Brand | None
    after: Brand

    @property
    def organization_id(self) -> str | None:
        """The organisation it stands for."""
        return self.after.organization_id

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        return {
            "id": self.after.id,
            "organizationId": self.organization_id,
            "identity": self.after.identity.value,
            "vettingScore": self.after.vetting_score,
        }


@dataclass(frozen=True, slots=True)
class CampaignChanged:
    """A campaign was registered (`before` None), moved on, or a carrier decided about it."""

    name: ClassVar[str] = "campaign.changed"
    before: Campaign | None
    after: Campaign
    organization_id: str | None = None

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        approvals = self.after.approvals.items()
        return {
            "id": self.after.id,
            "brandId": self.after.brand_id,
            "organizationId": self.organization_id,
            "status": self.after.status.value,
            "reason": self.after.status_reason,
            "approvals": {carrier: approval.status.value for carrier, approval in approvals},
        }


@dataclass(frozen=True, slots=True)
class NumberAssigned:
    """A number was assigned to a campaign; `campaign_id` None: released from one."""

    name: ClassVar[str] = "number.assigned"
    number: str
    campaign_id: str | None
    organization_id: str | None = None

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told: never the number."""
        return {"campaignId": self.campaign_id, "organizationId": self.organization_id}


@dataclass(frozen=True, slots=True)
class SupportCaseChanged:
    """A support case was opened (`before` None) or its form came back."""

    name: ClassVar[str] = "support_case.changed"
    before: SupportCase | None
    after: SupportCase

    @property
    def organization_id(self) -> str | None:
        """The organisation that opened it."""
        return self.after.organization_id

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        return {
            "id": self.after.id,
            "organizationId": self.organization_id,
            "campaignId": self.after.campaign_id,
        }


RegistryEvent = BrandChanged | CampaignChanged | NumberAssigned | SupportCaseChanged
