"""From the three identifiers to a subscriber, and into quarantine where there is none (webex.md C15)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.directory import Directory
from gateway.directory.model import Organization
from gateway.directory.recording import OrganizationRecording
from siprec.providers.book import Book
from siprec.providers.model import Owner, Provider, Subscriber, TenantKey
from siprec.providers.tenants import Tenants


@pytest.fixture
def tenants(directory: Directory, book: Book, providers: dict[str, Provider]) -> Tenants:
    return Tenants(directory, book, providers)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (TenantKey("sp", "acme", "alice@acme"), Owner("acme", "alice", "dubber", "dubber_go")),
        (TenantKey("sp", "acme", "carol@acme"), Owner("acme", "carol", "dubber", "dubber_standard")),
        (TenantKey("sp", "acme", "dave@acme"), Owner("acme", "dave", "imagicle", "imagicle")),
        (TenantKey("sp", "acme", "ivan@acme"), Owner("acme", "ivan", reason="user_not_provisioned")),
        (TenantKey("sp", "acme", "quinn@acme"), Owner("acme", "quinn", reason="provider_none")),
        (TenantKey("sp", "acme", "nobody"), Owner("acme", reason="user_unknown")),
        (TenantKey("sp", "acme", ""), Owner("acme", reason="user_unknown")),
        (TenantKey("sp", "bolt", "alice@acme"), Owner("bolt", reason="user_unknown")),
        (TenantKey("xx", "acme", "alice@acme"), Owner(reason="tenant_unknown")),
        (TenantKey(), Owner(reason="tenant_missing")),
    ],
)
def test_a_key_names_its_owner(tenants: Tenants, key: TenantKey, expected: Owner) -> None:
    assert tenants.owner(key) == expected


def test_a_single_customers_strays_are_the_customers(providers: dict[str, Provider]) -> None:
    recording = OrganizationRecording(service_provider="sp", external_group="acme")
    only = Directory([Organization("acme", "Acme", recording=recording)])
    owner = Tenants(only, Book(), providers).owner(TenantKey("x", "y", "z"))
    assert owner == Owner("acme", reason="tenant_unknown")


def test_an_organisation_without_identifiers_owns_no_empty_key(providers: dict[str, Provider]) -> None:
    nameless = Directory([Organization("a", "A"), Organization("b", "B")])
    assert Tenants(nameless, Book(), providers).owner(TenantKey()).reason == "tenant_missing"


def test_a_change_of_the_directory_is_seen_once_told(
    tenants: Tenants, directory: Directory, book: Book
) -> None:
    key = TenantKey("sp", "acme", "allie")
    assert not tenants.owner(key).known
    alice = directory.people["alice"]
    directory.put(replace(alice, recording=replace(alice.recording, external_identifier="allie")))
    tenants.forget()
    assert tenants.owner(key).person_id == "alice"
    book.put(Subscriber("acme", "alice", "dubber", "dubber_ai", 5))
    assert tenants.owner(key).product == "dubber_ai"


@given(st.lists(st.text(max_size=20), min_size=3, max_size=3))
def test_whatever_a_peer_says_the_recording_has_a_place(words: list[str]) -> None:
    recording = OrganizationRecording(service_provider="sp", external_group="acme")
    world = Directory([Organization("acme", "Acme", recording=recording)])
    owner = Tenants(world, Book(), {}).owner(TenantKey(*words))
    assert owner.organization_id == "acme"
    assert owner.known or owner.reason
