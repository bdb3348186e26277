"""Look-ups agree with assignments, whatever the order of changes; the seeds hold together."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.registry import Brand, Campaign, CampaignStatus, CarrierTerms, Registry
from gateway.registry.errors import AssignmentError, RegistryError, UnknownEntryError
from gateway.registry.events import BrandChanged, CampaignChanged, NumberAssigned, SupportCaseChanged
from gateway.registry.model import IdentityStatus, SupportCase
from gateway.registry.rulebook import Rulebook
from gateway.registry.settings import RegistrySettings
from gateway.registry.terms import ReviewTerms
from gateway.runtime.config import load

CONFIG = Path(__file__).parents[3] / "config"
BRAND = Brand("b", "acme", "Acme")
CAMPAIGN = Campaign("c", "b", "UCAAS_LOW", status=CampaignStatus.CONFIRMED)
OTHER = replace(CAMPAIGN, id="d")
TN, SECOND, THIRD = "+12025550100", "+12025550101", "+12025550102"


def filled() -> Registry:
    registry = Registry(Rulebook.model_validate({"limits": {"numbers_per_campaign": 2}}))
    registry.put_brand(BRAND)
    registry.put_campaign(CAMPAIGN)
    registry.put_campaign(OTHER)
    registry.assign(TN, "c")
    return registry


def test_look_ups() -> None:
    registry = filled()
    campaign = registry.campaign_of(TN)
    assert campaign is CAMPAIGN
    assert registry.brand_of(CAMPAIGN) is BRAND
    assert registry.campaign_of(SECOND) is None
    assert registry.numbers_of("c") == (TN,)
    assert registry.numbers_of("x") == ()
    assert list(registry.brands_of("acme")) == [BRAND]
    assert list(registry.campaigns_of("b")) == [CAMPAIGN, OTHER]


def test_lots_are_places_within_an_organisation() -> None:
    registry = filled()
    assert registry.next_lot("acme") == "acme/3"
    assert registry.next_lot("globex") == "globex/1"
    registry.put_brand(replace(BRAND, id="e"))
    registry.put_campaign(replace(CAMPAIGN, id="f", brand_id="e"))
    assert registry.next_lot("acme") == "acme/4"


def test_changes_are_told() -> None:
    registry = Registry()
    assert registry.put_brand(BRAND) == BrandChanged(None, BRAND)
    assert registry.put_campaign(CAMPAIGN) == CampaignChanged(None, CAMPAIGN, "acme")
    suspended = replace(CAMPAIGN, status=CampaignStatus.SUSPENDED)
    assert registry.put_campaign(suspended) == CampaignChanged(CAMPAIGN, suspended, "acme")
    assert registry.assign(TN, "c") == NumberAssigned(TN, "c", "acme")
    assert registry.release(TN) == NumberAssigned(TN, None, "acme")
    assert registry.release(TN) is None
    case = SupportCase("s", "acme", 0)
    assert registry.put_case(case) == SupportCaseChanged(None, case)
    assert registry.cases["s"] is case


def test_a_changed_campaign_is_seen_by_its_numbers() -> None:
    registry = filled()
    suspended = replace(CAMPAIGN, status=CampaignStatus.SUSPENDED)
    registry.put_campaign(suspended)
    assert registry.campaign_of(TN) is suspended


def test_refusals() -> None:
    registry = filled()
    with pytest.raises(UnknownEntryError):
        registry.put_campaign(replace(CAMPAIGN, brand_id="x"))
    with pytest.raises(UnknownEntryError):
        registry.assign(TN, "x")
    with pytest.raises(AssignmentError, match="release it there first") as caught:
        registry.assign(TN, "d")
    assert caught.value.code == "number_in_other_campaign"
    registry.assign(TN, "c")
    registry.assign(SECOND, "c")
    with pytest.raises(AssignmentError, match="at most 2") as caught:
        registry.assign(THIRD, "c")
    assert caught.value.code == "campaign_full"
    registry.put_campaign(replace(OTHER, status=CampaignStatus.EXPIRED))
    with pytest.raises(AssignmentError, match="expired"):
        registry.assign(THIRD, "d")


def test_organisations_are_registered_while_a_campaign_is_active() -> None:
    registry = filled()
    assert registry.organization_registered("acme")
    registry.put_campaign(replace(CAMPAIGN, status=CampaignStatus.SUSPENDED))
    assert registry.organization_registered("acme")
    registry.put_brand(replace(BRAND, organization_id="other"))
    assert not registry.organization_registered("acme")
    assert registry.organization_registered("other")
    registry.put_campaign(replace(OTHER, status=CampaignStatus.EXPIRED))
    assert not registry.organization_registered("other")


def test_campaigns_carry_nothing_while_the_brand_is_not_verified() -> None:
    registry = filled()
    registry.put_brand(replace(BRAND, identity=IdentityStatus.UNVERIFIED))
    found = registry.campaign_of(TN)
    assert found is not None
    assert (found.status, found.active) == (CampaignStatus.CONFIRMED, False)
    assert [row.active for row in registry.view("bell", CarrierTerms())] == [False]
    registry.put_brand(replace(BRAND, identity=IdentityStatus.SELF_DECLARED))
    assert registry.campaign_of(TN) == CAMPAIGN


def test_a_carrier_is_told_what_it_approved() -> None:
    registry = filled()
    reviewing = CarrierTerms.model_validate(
        {"review": {}, "campaign_minute": [{"name": "E", "segments": 240}]}
    )
    told = list(registry.view("att", reviewing))
    assert [(row.number, row.campaign.id, row.campaign_class, row.active) for row in told] == [
        (TN, "c", "E", False)
    ]
    assert [row.active for row in registry.view("bell", CarrierTerms())] == [True]
    assert reviewing.review == ReviewTerms()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["assign", "release", "UNVERIFIED", "VERIFIED", *(status.value for status in CampaignStatus)]
            ),
            st.sampled_from([TN, SECOND, THIRD]),
            st.sampled_from("cd"),
        )
    )
)
def test_index_agrees_with_the_campaigns(steps: list[tuple[str, str, str]]) -> None:
    registry = filled()
    for deed, number, campaign_id in steps:
        try:
            if deed == "assign":
                registry.assign(number, campaign_id)
            elif deed == "release":
                registry.release(number)
            elif deed.isupper():
                registry.put_brand(replace(BRAND, identity=IdentityStatus(deed)))
            else:
                campaign = registry.campaigns[campaign_id]
                registry.put_campaign(replace(campaign, status=CampaignStatus(deed)))
        except RegistryError:
            pass
        for e164 in (TN, SECOND, THIRD):
            holders = [key for key in "cd" if e164 in registry.numbers_of(key)]
            found = registry.campaign_of(e164)
            assert holders == ([] if found is None else [found.id])
            assert found is None or found is registry.campaigns[found.id]
        verified = registry.brands["b"].identity is not IdentityStatus.UNVERIFIED
        statuses = [campaign.status for campaign in registry.campaigns.values()]
        active = verified and CampaignStatus.CONFIRMED in statuses
        assert any(campaign.active for campaign in registry.campaigns.values()) is active
        assert registry.organization_registered("acme") is active


def read(name: str) -> Registry:
    return load(CONFIG / name, {"registry": RegistrySettings}).section("registry", RegistrySettings).build()


def test_demo_registrations() -> None:
    registry = read("gateway.yaml")
    people = {
        "alice": TN,
        "bob": SECOND,
        "carol": "+14165550102",
        "dave": "+12025550103",
        "erin": "+12025550104",
    }
    found = {name: registry.campaign_of(number) for name, number in people.items()}
    assert found["bob"] is None
    for name in ("alice", "carol", "erin"):
        campaign = found[name]
        assert campaign is not None
        assert campaign.use_case == "UCAAS_LOW"
        assert campaign.active
        assert all(campaign.approved_by(carrier) for carrier in ("tmobile", "att", "verizon", "uscellular"))
    assert found["dave"] is not None
    assert found["dave"].status is CampaignStatus.SUSPENDED
    assert registry.organization_registered("acme-dental")


def test_demo_guest_is_class_a_without_number_limits() -> None:
    registry = read("gateway.yaml")
    att = CarrierTerms.model_validate(
        yaml.safe_load((CONFIG / "carriers" / "att.yaml").read_text("utf-8"))["terms"]
    )
    for last in range(190, 200):
        campaign = registry.campaign_of(f"+12025550{last}")
        assert campaign is not None
        brand = registry.brand_of(campaign)
        assert brand is not None
        caps = att.caps(brand, campaign)
        assert (brand.vetting_score, caps.campaign_class, campaign.number_limits) == (100, "A", False)


def test_bench_world_is_5000_numbers_in_103_campaigns() -> None:
    registry = read("bench.yaml")
    sizes = [len(registry.numbers_of(campaign_id)) for campaign_id in registry.campaigns]
    assert (len(sizes), sum(sizes), max(sizes)) == (103, 5000, 49)
    assert {brand.vetting_score for brand in registry.brands.values()} == {100}
    assert all(campaign.active for campaign in registry.campaigns.values())
    assert registry.campaign_of("+12025604999") is registry.campaigns["bench-102"]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"brands": {"b": {"name": "B", "colour": 1}}}, "Extra inputs"),
        (
            {"brands": {"b": {"name": "B", "campaigns": {"c": {"numbers": ["+12025550109..+12025550100"]}}}}},
            "range",
        ),
        ({"brands": {"b": {"name": "B", "campaigns": {"c": {"numbers": ["2025550109"]}}}}}, "pattern"),
        (
            {
                "brands": {
                    "a": {"name": "A", "campaigns": {"c": {}}},
                    "b": {"name": "B", "campaigns": {"c": {}}},
                }
            },
            "described twice",
        ),
        (
            {"brands": {"a": {"name": "A", "campaigns": {"c": {"numbers": [TN]}, "d": {"numbers": [TN]}}}}},
            "release it there first",
        ),
        ({"generated": [{"brand": "x", "count": 1, "numbers": 1, "first_number": TN}]}, "no brand 'x'"),
        ({"brands": {"b": {"name": "B", "country": "XX"}}}, "Input should be 'US' or 'CA'"),
        (
            {
                "use_cases": {"2FA": {}},
                "brands": {"b": {"name": "B", "campaigns": {"c": {"use_case": "3FA"}}}},
            },
            "the use case '3FA' is not known",
        ),
    ],
)
def test_faults(section: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RegistrySettings.model_validate(section)
