import json
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.http import Principal
from gateway.runtime.http.wire import event_document, event_name, event_payload, format_ns, visible_to
from gateway.runtime.ids import decode_id


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    bind_count: int


@dataclass(frozen=True, slots=True)
class CarrierBound:
    name: ClassVar[str] = "carrier.bound"
    id: int
    carrier_id: str
    bound_ns: int
    colour: Colour
    inner: Inner
    parts: tuple[Inner, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    name: ClassVar[str] = "message.accepted"
    owner: str

    def as_payload(self) -> dict[str, str]:
        return {"owner": self.owner}

    def visible_to(self, principal: Principal) -> bool:
        return principal.person_id == self.owner


EVENT = CarrierBound(7, "tmobile", 1_000_000_000_123_456_789, Colour.RED, Inner(2), (Inner(3),))


def test_fields_become_camel_case_with_opaque_ids_and_iso_times() -> None:
    payload = event_payload(EVENT)
    assert decode_id(payload["id"]) == 7
    assert payload["carrierId"] == "tmobile"
    assert payload["bound"] == "2001-09-09T01:46:40.123Z"
    assert payload["colour"] == "red"
    assert payload["inner"] == {"bindCount": 2}
    assert payload["parts"] == [{"bindCount": 3}]


def test_the_document_is_the_same_everywhere() -> None:
    document = json.loads(event_document(Rendered("alice"), "boot-1", 0))
    assert document == {
        "id": "boot-1",
        "event": "message.accepted",
        "created": "1970-01-01T00:00:00.000Z",
        "data": {"owner": "alice"},
    }


@dataclass(frozen=True, slots=True)
class Named:
    """A dataclass whose field happens to be called name."""

    name: str


def test_only_a_class_wide_name_is_public() -> None:
    assert event_name(EVENT) == "carrier.bound"
    assert event_name(Inner(1)) == ""
    assert event_name(Named("x")) == ""


def test_something_that_is_no_dataclass_has_no_data() -> None:
    assert event_payload(object()) == {}


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_iso_times_sort_like_the_moments(now_ns: int) -> None:
    assert format_ns(now_ns) <= format_ns(now_ns + 1_000_000)
    assert len(format_ns(now_ns)) == 24


@dataclass(frozen=True, slots=True)
class CampaignChanged:
    name: ClassVar[str] = "campaign.changed"
    person_id: str | None = None
    organization_id: str | None = None


ALICE = Principal("a", "person", "acme", "alice")
ADMIN = Principal("x", "admin", "acme")
ROOT = Principal("r", "admin")
PROVIDER = Principal("p", "provider")


@pytest.mark.parametrize(
    ("person", "organization", "seen_by"),
    [
        (None, None, {ADMIN, ROOT}),
        ("alice", None, {ALICE, ADMIN, ROOT}),
        ("alice", "acme", {ALICE, ADMIN, ROOT}),
        ("bob", "acme", {ADMIN, ROOT}),
        ("alice", "other", {ROOT}),
        (None, "acme", {ADMIN, ROOT}),
        (None, "other", {ROOT}),
    ],
)
def test_who_sees_an_event_without_a_rule_of_its_own(
    person: str | None, organization: str | None, seen_by: set[Principal]
) -> None:
    event = CampaignChanged(person, organization)
    assert {who for who in (ALICE, ADMIN, ROOT, PROVIDER) if visible_to(event, who)} == seen_by


def test_everybody_sees_the_state_of_carriers() -> None:
    assert all(visible_to(EVENT, who) for who in (ALICE, ADMIN, ROOT, PROVIDER))


def test_an_event_may_decide_itself() -> None:
    assert visible_to(Rendered("alice"), ALICE)
    assert not visible_to(Rendered("bob"), ALICE)
