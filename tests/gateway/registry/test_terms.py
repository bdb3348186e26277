"""The shipped beliefs give the published classes and caps, row by row (10dlc.md)."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from gateway.registry import Brand, Campaign, CarrierTerms
from gateway.registry.model import EntityType, IdentityStatus
from gateway.smpp.segment import Concatenation

CARRIERS = Path(__file__).parents[3] / "config" / "carriers"
NAMES = ("tmobile", "att", "verizon", "uscellular", "bell", "rogers", "telus")


@pytest.fixture(scope="module")
def terms() -> dict[str, CarrierTerms]:
    documents = {name: yaml.safe_load((CARRIERS / f"{name}.yaml").read_text("utf-8")) for name in NAMES}
    return {name: CarrierTerms.model_validate(document["terms"]) for name, document in documents.items()}


def brand(score: int | None = None, **rest: object) -> Brand:
    return Brand("b", None, "B", vetting_score=score, **rest)  # type: ignore[arg-type]


def campaign(use_case: str = "CUSTOMER_CARE", **rest: object) -> Campaign:
    return Campaign("c", "b", use_case, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("score", "segments"),
    [
        (100, 200_000),
        (75, 200_000),
        (74, 40_000),
        (50, 40_000),
        (49, 10_000),
        (25, 10_000),
        (24, 2_000),
        (1, 2_000),
        (None, 2_000),
    ],
)
def test_tmobile_day_caps_by_score(terms: dict[str, CarrierTerms], score: int | None, segments: int) -> None:
    caps = terms["tmobile"].caps(brand(score), campaign())
    assert (caps.brand_day, caps.brand_day_zone) == (segments, "America/Los_Angeles")


def test_tmobile_special_rows(terms: dict[str, CarrierTerms]) -> None:
    tmobile = terms["tmobile"]
    assert tmobile.caps(brand(1, russell_3000=True), campaign()).brand_day == 200_000
    assert tmobile.caps(brand(100), campaign("LOW_VOLUME")).brand_day == 2_000
    assert tmobile.caps(brand(entity_type=EntityType.SOLE_PROPRIETOR), campaign()).brand_day == 1_000
    government = brand(entity_type=EntityType.GOVERNMENT)
    assert tmobile.caps(government, campaign()).brand_day is None
    unverified = brand(entity_type=EntityType.GOVERNMENT, identity=IdentityStatus.UNVERIFIED)
    assert tmobile.caps(unverified, campaign()).brand_day == 2_000


@pytest.mark.parametrize(
    ("score", "use_case", "name", "segments"),
    [
        (100, "CUSTOMER_CARE", "A", 4_500),
        (75, "MIXED", "B", 4_500),
        (80, "MARKETING", "B", 4_500),
        (74, "2FA", "C", 2_400),
        (50, "MARKETING", "D", 2_400),
        (49, "2FA", "E", 240),
        (10, "MIXED", "F", 240),
        (None, "2FA", "E", 240),
        (100, "UCAAS_LOW", "T", 75),
        (100, "LOW_VOLUME", "T", 75),
        (100, "POLITICAL", "K", 4_500),
        (100, "EMERGENCY", "X", 4_500),
        (100, "CHARITY", "P", 2_400),
        (100, "SOCIAL", "S", 9_000),
        (100, "PROXY", "G", 60),
        (100, "AGENTS_FRANCHISES", "N", 60),
    ],
)
def test_att_classes(
    terms: dict[str, CarrierTerms], score: int | None, use_case: str, name: str, segments: int
) -> None:
    caps = terms["att"].caps(brand(score), campaign(use_case))
    assert (caps.campaign_class, caps.campaign_minute) == (name, segments)
    assert caps.campaign_counts_per_number is (name in "GN")
    assert caps.brand_day is None


def test_att_sole_proprietor(terms: dict[str, CarrierTerms]) -> None:
    caps = terms["att"].caps(brand(entity_type=EntityType.SOLE_PROPRIETOR), campaign("SOLE_PROPRIETOR"))
    assert (caps.campaign_class, caps.campaign_minute) == ("W", 15)


def test_canada_asks_for_no_registration(terms: dict[str, CarrierTerms]) -> None:
    for name in ("bell", "rogers", "telus"):
        assert (terms[name].country, terms[name].registration, terms[name].review) == ("CA", False, None)
    assert terms["bell"].concatenation is Concatenation.PLAIN
    assert all(terms[name].registration for name in ("tmobile", "att", "verizon", "uscellular"))


def test_a_carrier_without_rows_has_no_caps() -> None:
    caps = CarrierTerms().caps(brand(), campaign())
    assert (caps.brand_day, caps.campaign_minute, caps.campaign_class) == (None,) * 3


def test_a_brand_that_no_tier_fits_may_send_nothing() -> None:
    terms = CarrierTerms.model_validate({"brand_day": {"tiers": [{"min_score": 50, "segments": 9}]}})
    assert terms.caps(brand(), campaign()).brand_day == 0


@pytest.mark.parametrize(
    "section",
    [
        {"colour": 1},
        {"review": {"days": [5, 3]}},
        {"review": {"days": [-1, 3]}},
        {"campaign_minute": [{"name": "A"}]},
        {"brand_day": {"tiers": [{"min_score": 101, "segments": 1}]}},
    ],
)
def test_faults(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CarrierTerms.model_validate(section)
