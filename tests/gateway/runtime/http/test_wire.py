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
    person_id: str | None = None
    organization_id: str | None = None


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


def test_an_event_without_a_name_shows_its_class() -> None:
    assert event_name(Inner(1)) == "Inner"


def test_something_that_is_no_dataclass_has_no_data() -> None:
    assert event_payload(object()) == {}


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_iso_times_sort_like_the_moments(now_ns: int) -> None:
    assert format_ns(now_ns) <= format_ns(now_ns + 1_000_000)
    assert len(format_ns(now_ns)) == 24


ALICE = Principal("a", "person", "acme", "alice")
ADMIN = Principal("x", "admin", "acme")
ROOT = Principal("r", "admin")


@pytest.mark.parametrize(
    ("person", "organization", "principal", "seen"),
    [
        (None, None, ALICE, True),
        ("alice", None, ALICE, True),
        ("bob", None, ALICE, False),
        ("bob", None, ADMIN, True),
        ("alice", "other", ALICE, False),
        (None, "other", ADMIN, False),
        (None, "other", ROOT, True),
        (None, "acme", ADMIN, True),
    ],
)
def test_visibility_without_a_rule_of_the_event(
    person: str | None, organization: str | None, principal: Principal, seen: bool
) -> None:
    event = CarrierBound(1, "att", 0, Colour.RED, Inner(1), person_id=person, organization_id=organization)
    assert visible_to(event, principal) is seen


def test_an_event_may_decide_itself() -> None:
    assert visible_to(Rendered("alice"), ALICE)
    assert not visible_to(Rendered("bob"), ALICE)
