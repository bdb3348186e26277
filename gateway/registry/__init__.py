"""Registration of senders for 10DLC: brands, campaigns, numbers, and what the gateway believes of carriers.

`model` holds values, `registry` the index, `rulebook` what forms must contain, `lifecycle` a campaign's life,
`terms` the gateway's belief of each carrier; `store` keeps changes, `reviews` lets world time decide.
"""

from gateway.registry.model import Approval, ApprovalStatus, Brand, Campaign, CampaignStatus
from gateway.registry.registry import Registered, Registry
from gateway.registry.terms import Caps, CarrierTerms, Terms

__all__ = [
    "Approval",
    "ApprovalStatus",
    "Brand",
    "Campaign",
    "CampaignStatus",
    "Caps",
    "CarrierTerms",
    "Registered",
    "Registry",
    "Terms",
]
