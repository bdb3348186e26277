from dataclasses import replace

import pytest

from gateway.carriers.feed import RegistryFeed, registrations_of
from gateway.carriers.service import CarriersService
from gateway.carriers.settings import CarriersSettings
from gateway.registry.model import Approval, ApprovalStatus, Brand, Campaign, CampaignStatus, EntityType
from gateway.registry.registry import Registry
from gateway.registry.terms import CarrierTerms, MinuteClass, ReviewTerms
from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock

ALICE, CAROL = "+12025550100", "+14165550102"
TERMS = {
    "att": CarrierTerms(
        campaign_minute=(MinuteClass(name="T", segments=75),), review=ReviewTerms(days=(1, 2))
    ),
    "bell": CarrierTerms(country="CA"),
}
APPROVED = {"att": Approval(ApprovalStatus.APPROVED)}


def profile(delay_seconds):
    rule = {"required": True, "delay_seconds": delay_seconds}
    return {"profile": {"accounts": [{"system_id": "g", "password": "g"}], "registration": rule}}


@pytest.fixture
def registry():
    made = Registry()
    made.put_brand(Brand("acme", "acme-dental", "Acme", tax_id="12-3", vetting_score=62))
    made.put_campaign(
        Campaign("office", "acme", "UCAAS_LOW", status=CampaignStatus.CONFIRMED, approvals=APPROVED)
    )
    for number in (ALICE, CAROL):
        made.assign(number, "office")
    return made


def test_one_row_per_campaign(registry):
    (row,) = registrations_of(registry.view("att", TERMS["att"]))
    assert row.numbers == (ALICE, CAROL)
    assert (row.brand, row.tax_id, row.campaign, row.use_case) == ("acme", "12-3", "office", "UCAAS_LOW")
    assert (row.campaign_class, row.score, row.entity, row.active) == ("T", 62, "PRIVATE_PROFIT", True)


def test_what_a_carrier_has_not_approved_is_not_active(registry):
    registry.put_campaign(replace(registry.campaigns["office"], approvals={}))
    (row,) = registrations_of(registry.view("att", TERMS["att"]))
    assert not row.active
    (row,) = registrations_of(registry.view("bell", TERMS["bell"]))
    assert row.active  # it reviews none


def test_the_russell_3000_are_the_top_tier(registry):
    brand = replace(registry.brands["acme"], russell_3000=True, entity_type=EntityType.PUBLIC_PROFIT)
    registry.put_brand(brand)
    (row,) = registrations_of(registry.view("att", TERMS["att"]))
    assert (row.score, row.entity) == (100, "PUBLIC_PROFIT")


@pytest.fixture
async def feeding(registry):
    clock, bus = WorldClock(1_790_000_000_000_000_000, frozen=True), Bus()
    networks = {"att": profile(60), "bell": profile(10)}
    carriers = CarriersService(CarriersSettings.model_validate({"networks": networks}), clock)
    feed = RegistryFeed(carriers, lambda name: registry.view(name, TERMS[name]), bus, clock)
    await feed.start()
    yield carriers, clock, bus
    await feed.stop()


def active(carriers, name, number=ALICE):
    row = carriers.carrier(name).enforcement.registration(number)
    return row is not None and row.active


async def test_every_carrier_starts_with_a_snapshot(feeding):
    carriers, _, _ = feeding
    assert active(carriers, "att")
    assert active(carriers, "bell")


async def test_each_carrier_learns_with_its_own_delay(feeding, registry):
    carriers, clock, bus = feeding
    suspended = replace(registry.campaigns["office"], status=CampaignStatus.SUSPENDED)
    bus.publish(registry.put_campaign(suspended))
    clock.advance(9.9)
    assert active(carriers, "bell")
    clock.advance(0.1)
    assert not active(carriers, "bell")
    assert active(carriers, "att")
    clock.advance(50)
    assert not active(carriers, "att")


async def test_changes_within_one_delay_are_taken_together(feeding, registry):
    carriers, clock, bus = feeding
    bus.publish(registry.release(ALICE))
    clock.advance(5)
    bus.publish(registry.release(CAROL))
    clock.advance(5)
    assert not active(carriers, "bell")
    assert not active(carriers, "bell", CAROL)
    bus.publish(registry.assign(ALICE, "office"))
    clock.advance(10)
    assert active(carriers, "bell")


async def test_brands_count_too(feeding, registry):
    carriers, clock, bus = feeding
    bus.publish(registry.put_brand(replace(registry.brands["acme"], vetting_score=80)))
    clock.advance(60)
    assert carriers.carrier("att").enforcement.registration(ALICE).score == 80


async def test_nothing_is_learnt_after_the_end(registry):
    clock, bus = WorldClock(frozen=True), Bus()
    carriers = CarriersService(CarriersSettings.model_validate({"networks": {"att": profile(1)}}), clock)
    feed = RegistryFeed(carriers, lambda name: registry.view(name, TERMS[name]), bus, clock)
    await feed.start()
    bus.publish(registry.release(ALICE))
    await feed.stop()
    bus.publish(registry.release(CAROL))
    clock.advance(10)
    assert active(carriers, "att")
