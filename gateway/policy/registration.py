"""10DLC registration of the sender (webex.md A7–A9): one pure check per rule.

The gateway always enforces these; a carrier enforces its own view of the registry besides.
"""

from functools import lru_cache

from gateway.policy import rules
from gateway.policy.snapshot import Snapshot, Text
from gateway.policy.verdict import Verdict
from gateway.registry.model import ApprovalStatus, Campaign

_NOT_AUTHORIZED = Verdict(rules.NUMBER_NOT_AUTHORIZED)
_NOT_IN_CAMPAIGN = Verdict(rules.NUMBER_NOT_IN_CAMPAIGN)
_NEVER_REGISTERED = Verdict(rules.CAMPAIGN_NOT_ACTIVE, "the organisation has no active campaign")

_UNVERIFIED = Verdict(rules.CAMPAIGN_NOT_ACTIVE, "the identity of its brand is not verified")


def number_authorized(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A9: the number is authorised; that there is one at all is A3's question."""
    number = snapshot.number
    return None if number is None or number.authorized else _NOT_AUTHORIZED


def number_in_campaign(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A8: the number is assigned to a campaign."""
    return _NOT_IN_CAMPAIGN if snapshot.campaign is None else None


def campaign_active(_text: Text, snapshot: Snapshot, _now_ns: int) -> Verdict | None:
    """A7: the campaign is confirmed, and approved by the destination's carrier where that asks for it."""
    campaign = snapshot.campaign
    if campaign is None:
        return None if snapshot.organization_registered else _NEVER_REGISTERED
    if not campaign.active:
        return _inactive(campaign.status.value) if campaign.brand_verified else _UNVERIFIED
    carrier = snapshot.carrier
    if carrier is None or campaign.approved_by(carrier):
        return None
    return _unapproved(campaign, carrier)


@lru_cache(maxsize=32)
def _inactive(status: str) -> Verdict:
    return Verdict(rules.CAMPAIGN_NOT_ACTIVE, f"it is {status.replace('_', ' ')}")


def _unapproved(campaign: Campaign, carrier: str) -> Verdict:
    approval = campaign.approval(carrier)
    return _not_approved(carrier, approval.status if approval else ApprovalStatus.REVIEW)


@lru_cache(maxsize=256)
def _not_approved(carrier: str, status: ApprovalStatus) -> Verdict:
    if status is ApprovalStatus.REFUSED:
        return Verdict(rules.CAMPAIGN_NOT_ACTIVE, f"{carrier} has refused it")
    return Verdict(rules.CAMPAIGN_NOT_ACTIVE, f"{carrier} has not approved it yet")
