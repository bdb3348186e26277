"""What an administrator may do, by revision."""

import dataclasses
from types import SimpleNamespace

import pytest

from gateway.policy import Revision
from gateway.policy.administration import (
    HIPAA,
    authorizable,
    check_hipaa,
    check_override,
    number_fault,
    tab_visible,
    texting_available,
)

T4 = Revision.T4


@pytest.mark.parametrize(("revision", "visible"), [("T1", True), ("T2", True), ("T3", False), ("T4", False)])
def test_the_tab_needs_the_add_on_once_there_is_one(
    world: SimpleNamespace, revision: str, visible: bool
) -> None:
    organization = world.snapshot().organization
    without = dataclasses.replace(organization, texting_addon=False)
    assert tab_visible(organization, Revision(revision))
    assert tab_visible(without, Revision(revision)) is visible


@pytest.mark.parametrize(
    ("changes", "revision", "available"),
    [
        ({}, "T4", True),
        ({"country": "CA"}, "T4", True),
        ({"country": "MX"}, "T4", False),
        ({"cisco_pstn": False}, "T4", False),
        ({"cisco_pstn": False}, "T2", True),
    ],
)
def test_override_is_offered_where_texting_is_available(
    world: SimpleNamespace, changes: dict[str, object], revision: str, available: bool
) -> None:
    snapshot = world.snapshot()
    location = dataclasses.replace(snapshot.location, **changes)
    assert texting_available(snapshot.organization, location, Revision(revision)) is available
    refused = check_override(snapshot.organization, location, Revision(revision))
    assert (refused is None) is available
    assert refused is None or refused.facts == ("A11",)


@pytest.mark.parametrize(
    ("number", "location", "can"),
    [
        ({"authorized": False}, {}, True),
        ({"authorized": True}, {}, False),
        ({"authorized": False, "calling_plan": False}, {}, False),
        ({"authorized": False, "location_id": "elsewhere"}, {}, False),
        ({"authorized": False}, {"country": "GB"}, False),
        ({"authorized": False}, {"cisco_pstn": False}, False),
        ({"authorized": False, "e164": "+18005550107"}, {}, False),
        ({"authorized": False, "e164": "+18765550107"}, {}, False),
        ({"authorized": False, "e164": "+442071838750"}, {}, False),
        ({"authorized": False, "e164": "+17875550107"}, {}, True),
    ],
)
def test_what_can_be_authorised(
    world: SimpleNamespace, number: dict[str, object], location: dict[str, object], can: bool
) -> None:
    snapshot = world.snapshot()
    assert (
        authorizable(
            dataclasses.replace(snapshot.number, **number), dataclasses.replace(snapshot.location, **location)
        )
        is can
    )


@pytest.mark.parametrize(
    ("e164", "country", "calling_plan", "fits"),
    [
        ("+12025550107", "US", True, True),
        ("+14165550107", "US", True, True),
        ("+17875550107", "US", True, True),
        ("+18005550107", "US", True, True),
        ("+19005550107", "US", True, False),
        ("+12029765555", "US", True, False),
        ("+18765550107", "US", True, False),
        ("+442071838750", "US", True, False),
        ("+442071838750", "GB", True, True),
        ("+12025550107", "GB", True, False),
        ("+442071838750", "US", False, True),
        ("+10005550107", "US", False, False),
        ("+4412", "GB", True, False),
    ],
)
def test_what_number_a_location_can_have(
    world: SimpleNamespace, e164: str, country: str, calling_plan: bool, fits: bool
) -> None:
    where = dataclasses.replace(world.snapshot().location, country=country)
    assert (number_fault(e164, where, calling_plan=calling_plan) == "") is fits


def test_hipaa_warns_or_refuses_while_texting_is_on(world: SimpleNamespace) -> None:
    organization, alice = world.snapshot().organization, world.snapshot().person
    bound = dataclasses.replace(organization, hipaa=True)
    off = dataclasses.replace(bound, texting_enabled=False)
    assert check_hipaa(organization, [alice], T4, refuse=True) == (None, None)
    assert check_hipaa(bound, [alice], T4, refuse=False) == (None, HIPAA)
    assert check_hipaa(bound, [alice], T4, refuse=True) == (HIPAA, None)
    assert check_hipaa(off, [alice], T4, refuse=True) == (None, None)


def test_hipaa_sees_the_users_own_settings(world: SimpleNamespace) -> None:
    off = dataclasses.replace(world.snapshot().organization, hipaa=True, texting_enabled=False)
    alice = world.snapshot().person
    people = [alice, dataclasses.replace(alice, id="bob", texting_override=True)]
    assert check_hipaa(off, people, T4, refuse=True) == (HIPAA, None)
    assert check_hipaa(off, people, T4, refuse=False) == (None, HIPAA)
    people[1] = dataclasses.replace(alice, id="bob", texting_override=False)
    assert check_hipaa(off, people, T4, refuse=True) == (None, None)


def test_the_first_revision_says_nothing_of_hipaa(world: SimpleNamespace) -> None:
    bound = dataclasses.replace(world.snapshot().organization, hipaa=True)
    assert check_hipaa(bound, [], Revision.T1, refuse=True) == (None, None)
    assert check_hipaa(bound, [], Revision.T2, refuse=True) == (HIPAA, None)
