"""Brands, campaigns and number assignments as The Campaign Registry holds them (10dlc.md, Registry).

Frozen values; a change is a new value. Approval is per carrier: a campaign confirmed by the registry may
still wait at one carrier and be refused by another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class IdentityStatus(Enum):
    """What the registry knows of a brand's identity; UNVERIFIED cannot register a campaign, nor use one."""

    UNVERIFIED = "UNVERIFIED"
    VERIFIED = "VERIFIED"
    VETTED_VERIFIED = "VETTED_VERIFIED"
    SELF_DECLARED = "SELF_DECLARED"


class EntityType(Enum):
    """Legal form of a brand."""

    PRIVATE_PROFIT = "PRIVATE_PROFIT"
    PUBLIC_PROFIT = "PUBLIC_PROFIT"
    NON_PROFIT = "NON_PROFIT"
    GOVERNMENT = "GOVERNMENT"
    SOLE_PROPRIETOR = "SOLE_PROPRIETOR"


EVERYWHERE = "*"
"""In a campaign's approvals: every carrier that is not named."""


class CampaignStatus(Enum):
    """Life of a campaign; only CONFIRMED carries traffic."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    PREVET_FAILED = "prevet_failed"
    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    SUSPENDED = "suspended"
    EXPIRED = "expired"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


class ApprovalStatus(Enum):
    """One carrier's view of a campaign."""

    REVIEW = "review"
    APPROVED = "approved"
    REFUSED = "refused"

    __hash__ = object.__hash__  # members are singletons; Enum's own hash is a Python function


@dataclass(frozen=True, slots=True)
class Approval:
    """A carrier's decision, due (`REVIEW`) or made, at `at_ns`."""

    status: ApprovalStatus
    at_ns: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Brand:
    """A registered sender."""

    id: str
    organization_id: str | None
    """The organisation of the directory it stands for; None: a stranger's."""
    name: str
    tax_id: str = ""
    country: str = "US"
    entity_type: EntityType = EntityType.PRIVATE_PROFIT
    identity: IdentityStatus = IdentityStatus.VERIFIED
    vetting_score: int | None = None
    """0 to 100, or None: never vetted."""
    russell_3000: bool = False

    @property
    def verified(self) -> bool:
        """Whether its identity is known: only then it has campaigns that carry traffic."""
        return self.identity is not IdentityStatus.UNVERIFIED


# bound once: an enumeration's member costs ten times a name, and these are asked for every text
_CONFIRMED, _APPROVED = CampaignStatus.CONFIRMED, ApprovalStatus.APPROVED


@dataclass(frozen=True, slots=True)
class Campaign:
    """A declared purpose of traffic, with the approvals that let it pass."""

    id: str
    brand_id: str
    use_case: str
    sub_use_cases: tuple[str, ...] = ()
    description: str = ""
    samples: tuple[str, ...] = ()
    embedded_links: bool = False
    status: CampaignStatus = CampaignStatus.DRAFT
    status_reason: str = ""
    changed_ns: int = 0
    due_ns: int | None = None
    """World time of the registry's next step (pre-vet, then confirmation); None: no step waits."""
    expires_ns: int | None = None
    """World time at which it expires unless it is renewed; None: it renews itself."""
    number_limits: bool = True
    """False: limits per sending number do not apply to it."""
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    brand_verified: bool = True
    """Whether its brand's identity is known now; the registry sees to it."""
    lot: str = ""
    """What its reviews are drawn by, where its id is a random one; empty: its id."""
    submissions: int = 0
    """How often it has been handed in."""

    @property
    def active(self) -> bool:
        """Whether the registry lets its traffic pass."""
        return self.status is _CONFIRMED and self.brand_verified

    def approved_by(self, carrier: str) -> bool:
        """Whether `carrier` has approved it."""
        approval = self.approval(carrier)
        return approval is not None and approval.status is _APPROVED

    def approval(self, carrier: str) -> Approval | None:
        """Return what `carrier` says of it; None: the campaign has not reached that carrier."""
        return self.approvals.get(carrier) or self.approvals.get(EVERYWHERE)


@dataclass(frozen=True, slots=True)
class SupportCase:
    """A Calling Plan support case that registers a campaign or adds numbers to one (webex.md A13)."""

    id: str
    organization_id: str
    opened_ns: int
    campaign_id: str | None = None
    """The campaign its form registered or extended; None: the form is sent and not yet returned."""
    numbers: tuple[str, ...] = ()
