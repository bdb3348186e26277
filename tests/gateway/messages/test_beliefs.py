"""What the gateway believes of a sender at a carrier, as limits: registry, terms and settings together."""

from typing import Any

import pytest

from gateway.messages.beliefs import Beliefs
from gateway.registry import Brand, Campaign, CampaignStatus, CarrierTerms, Registry
from gateway.throttle.limits import UNLIMITED, ScopeLimit
from gateway.throttle.scopes import Scope
from gateway.throttle.settings import LimitsSettings

TN = "+12025550100"
TERMS: dict[str, Any] = {
    "east": {"brand_day": {"time_zone": "America/Toronto", "tiers": [{"min_score": 50, "segments": 900}]}},
    "west": {"campaign_minute": [{"name": "G", "segments": 60, "per_number": True}]},
    "south": {"brand_day": {"tiers": [{"segments": None}]}},
}


@pytest.fixture
def beliefs() -> Beliefs:
    registry = Registry()
    registry.put_brand(Brand("b", "acme", "Acme", vetting_score=60))
    registry.put_campaign(Campaign("c", "b", "PROXY", status=CampaignStatus.CONFIRMED, number_limits=False))
    registry.assign(TN, "c")
    terms = {name: CarrierTerms.model_validate(section) for name, section in TERMS.items()}
    return Beliefs(registry, terms, LimitsSettings())


def limit(beliefs: Beliefs, scope: Scope, key: str) -> ScopeLimit:
    found = beliefs.derive(scope, key)
    assert found is not None
    return found


def test_a_brands_day_is_the_carriers(beliefs: Beliefs) -> None:
    window = limit(beliefs, Scope.BRAND_DAY, "b@east").window
    assert window is not None
    assert (window.cap, str(window.calendar.zone)) == (900, "America/Toronto")
    assert limit(beliefs, Scope.BRAND_DAY, "b@south") == UNLIMITED
    assert beliefs.derive(Scope.BRAND_DAY, "b@west") is None


def test_a_class_per_number_counts_each_number(beliefs: Beliefs) -> None:
    rate = limit(beliefs, Scope.CAMPAIGN, f"{TN}@west").rate
    assert rate is not None
    assert (rate.segments + rate.burst, rate.period_ns) == (60, 60_000_000_000)
    assert beliefs.derive(Scope.CAMPAIGN, "c@east") is None


def test_a_campaign_may_be_without_limits_per_number(beliefs: Beliefs) -> None:
    assert beliefs.derive(Scope.NUMBER, TN) == UNLIMITED
    assert beliefs.derive(Scope.NUMBER, "+12025550199") is None
