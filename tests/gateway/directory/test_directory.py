"""The directory holds together, and every lookup finds what was put."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory import Directory, Location, Number, Organization, Person
from gateway.directory.errors import DirectoryError, ForeignEntityError, NumberTakenError, UnknownEntityError
from gateway.directory.events import NumberChanged, OrganizationChanged, PersonChanged
from gateway.directory.model import Entity, entity_key, recording_provider, texting_enabled
from gateway.directory.recording import OrganizationRecording

ACME = Organization("acme", "Acme")
WASHINGTON = Location("washington", "acme", "Washington")
NUMBER = Number("+12025550100", "acme", "washington")
SPARE = Number("+12025550101", "acme", "washington")
ALICE = Person("alice", "acme", "washington", "Alice", number=NUMBER.e164)


def world() -> Directory:
    return Directory([ACME, WASHINGTON, NUMBER, SPARE, ALICE])


def test_lookups_find_what_was_put() -> None:
    directory = world()
    assert directory.organization("acme") is ACME
    assert directory.location("washington") is WASHINGTON
    assert directory.number(NUMBER.e164) is NUMBER
    assert directory.person("alice") is ALICE
    assert directory.person_by_number(NUMBER.e164) is ALICE
    assert list(directory.locations_of("acme")) == [WASHINGTON]
    assert list(directory.people_of("acme")) == [ALICE]
    assert list(directory.numbers_at("washington")) == [NUMBER, SPARE]


def test_lookups_of_strangers_are_none() -> None:
    directory = world()
    assert directory.organization("x") is None
    assert directory.location("x") is None
    assert directory.number("+12025550199") is None
    assert directory.person("x") is None
    assert directory.person_by_number(SPARE.e164) is None


def test_a_new_primary_number_moves_the_index() -> None:
    directory = world()
    moved = dataclasses.replace(ALICE, number=SPARE.e164)
    assert directory.put(moved) == PersonChanged(ALICE, moved)
    assert directory.person_by_number(NUMBER.e164) is None
    assert directory.person_by_number(SPARE.e164) is moved


def test_private_numbers_are_found_while_somebody_has_them() -> None:
    directory, private = world(), "+12025550160"
    alice = dataclasses.replace(ALICE, personal_number=private)
    bob = Person("bob", "acme", "washington", "Bob", personal_number=private)
    directory.put(alice)
    assert directory.person_by_private_number(private) is alice
    directory.put(bob)
    directory.put(dataclasses.replace(alice, personal_number=None))
    assert directory.person_by_private_number(private) is bob
    directory.remove_person("bob")
    assert directory.person_by_private_number(private) is None


def test_taking_the_number_away() -> None:
    directory = world()
    directory.put(dataclasses.replace(ALICE, number=None))
    assert directory.person_by_number(NUMBER.e164) is None


def test_removed_people_leave_their_number_behind() -> None:
    directory = world()
    assert directory.remove_person("alice") == PersonChanged(ALICE, None)
    assert directory.person("alice") is None
    assert directory.person_by_number(NUMBER.e164) is None
    assert directory.number(NUMBER.e164) is NUMBER
    assert directory.remove_number(NUMBER.e164) == NumberChanged(NUMBER, None)


def test_changes_tell_before_and_after() -> None:
    directory = world()
    off = dataclasses.replace(ACME, texting_enabled=False)
    assert directory.put(off) == OrganizationChanged(ACME, off)
    other = Organization("other", "Other")
    assert directory.put(other) == OrganizationChanged(None, other)


@pytest.mark.parametrize(
    ("entity", "error", "text"),
    [
        (Location("x", "nobody", "X"), UnknownEntityError, "there is no organization 'nobody'"),
        (Number("+12025550102", "acme", "mars"), UnknownEntityError, "there is no location 'mars'"),
        (Person("x", "acme", "washington", "X", number="+12025550199"), UnknownEntityError, "no number"),
        (
            Person("x", "acme", "washington", "X", number=NUMBER.e164),
            NumberTakenError,
            "unassign it",
        ),
        (Person("x", "other", "washington", "X"), ForeignEntityError, "another organisation"),
        (Person("x", "other", "paris", "X", number=NUMBER.e164), ForeignEntityError, "may not use number"),
    ],
)
def test_what_does_not_hold_together_is_refused(
    entity: Entity, error: type[DirectoryError], text: str
) -> None:
    directory = world()
    directory.put(Organization("other", "Other"))
    directory.put(Location("paris", "other", "Paris"))
    with pytest.raises(error, match=text):
        directory.check(entity)
    before = dict(directory.people), dict(directory.numbers), dict(directory.locations)
    with pytest.raises(error):
        directory.put(entity)
    assert before == (dict(directory.people), dict(directory.numbers), dict(directory.locations))


def test_removals_of_what_is_missing_or_used_are_refused() -> None:
    directory = world()
    with pytest.raises(UnknownEntityError):
        directory.remove_person("x")
    with pytest.raises(UnknownEntityError):
        directory.remove_number("+12025550199")
    with pytest.raises(NumberTakenError):
        directory.remove_number(NUMBER.e164)


def test_views_are_read_only() -> None:
    with pytest.raises(TypeError):
        world().people["x"] = ALICE  # type: ignore[index]


@pytest.mark.parametrize(
    ("organization_on", "override", "enabled"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_the_override_wins(organization_on: bool, override: bool | None, enabled: bool) -> None:
    organization = dataclasses.replace(ACME, texting_enabled=organization_on)
    person = dataclasses.replace(ALICE, texting_override=override)
    assert texting_enabled(organization, person) is enabled


@pytest.mark.parametrize(
    ("enabled", "choice", "provider"),
    [
        (True, "inherit", "dubber"),
        (True, "imagicle", "imagicle"),
        (True, "none", "none"),
        (False, "imagicle", "none"),
    ],
)
def test_recording_provider_inherits(enabled: bool, choice: str, provider: str) -> None:
    organization = dataclasses.replace(ACME, recording=OrganizationRecording(enabled=enabled))
    location = dataclasses.replace(WASHINGTON, recording_provider=choice)
    assert recording_provider(organization, location) == provider


def test_names_and_keys() -> None:
    assert ALICE.display_name == "Alice"
    assert dataclasses.replace(ALICE, last_name="Archer").display_name == "Alice Archer"
    assert [entity_key(entity) for entity in (ACME, WASHINGTON, NUMBER, ALICE)] == [
        "acme",
        "washington",
        "+12025550100",
        "alice",
    ]


NUMBERS = [f"+1202555010{digit}" for digit in range(4)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.sampled_from(NUMBERS), st.booleans())))
def test_tn_index_always_agrees_with_the_people(steps: list[tuple[str, str | None, bool]]) -> None:
    directory = Directory([ACME, WASHINGTON, *(Number(e164, "acme", "washington") for e164 in NUMBERS)])
    for person_id, e164, remove in steps:
        try:
            if remove:
                directory.remove_person(person_id)
            else:
                directory.put(Person(person_id, "acme", "washington", "X", number=e164))
        except DirectoryError:
            pass
        holders = {person.number: person for person in directory.people.values() if person.number}
        assert {e164: directory.person_by_number(e164) for e164 in NUMBERS} == {
            e164: holders.get(e164) for e164 in NUMBERS
        }
