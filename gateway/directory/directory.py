"""The directory in memory: every lookup one dictionary access, every change checked and told as an event."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from gateway.directory.errors import DirectoryError, ForeignEntityError, NumberTakenError, UnknownEntityError
from gateway.directory.events import (
    DirectoryEvent,
    LocationChanged,
    NumberChanged,
    OrganizationChanged,
    PersonChanged,
)
from gateway.directory.model import Entity, Location, Number, Organization, Person


class Directory:
    """Organisations, locations, people and numbers by id, number and TN.

    `check` judges a change without making it, so that a caller can make it durable first; `put` makes it.
    """

    def __init__(self, entities: Iterable[Entity] = ()) -> None:
        """Take `entities` in an order where what is referred to comes first.

        Raises:
            DirectoryError: an entity refers to something missing or foreign.
        """
        self._organizations: dict[str, Organization] = {}
        self._locations: dict[str, Location] = {}
        self._numbers: dict[str, Number] = {}
        self._people: dict[str, Person] = {}
        self._person_by_number: dict[str, Person] = {}
        self._person_by_private_number: dict[str, Person] = {}
        self.changes = 0
        """How often it has changed: what was concluded from it holds as long as this is the same."""
        self.organizations: Mapping[str, Organization] = MappingProxyType(self._organizations)
        self.locations: Mapping[str, Location] = MappingProxyType(self._locations)
        self.numbers: Mapping[str, Number] = MappingProxyType(self._numbers)
        self.people: Mapping[str, Person] = MappingProxyType(self._people)
        for entity in entities:
            self.put(entity)

    def organization(self, organization_id: str) -> Organization | None:
        """Return the organisation of that id, if any."""
        return self._organizations.get(organization_id)

    def location(self, location_id: str) -> Location | None:
        """Return the location of that id, if any."""
        return self._locations.get(location_id)

    def number(self, e164: str) -> Number | None:
        """Return the number, if it is one of ours."""
        return self._numbers.get(e164)

    def person(self, person_id: str) -> Person | None:
        """Return the person of that id, if any."""
        return self._people.get(person_id)

    def person_by_number(self, e164: str) -> Person | None:
        """Return the person whose primary TN is `e164`, if any."""
        return self._person_by_number.get(e164)

    def person_by_private_number(self, e164: str) -> Person | None:
        """Return somebody whose private number is `e164`, if any; several may share one."""
        return self._person_by_private_number.get(e164)

    def locations_of(self, organization_id: str) -> Iterator[Location]:
        """Iterate over an organisation's locations, in the order they were added."""
        return (item for item in self._locations.values() if item.organization_id == organization_id)

    def people_of(self, organization_id: str) -> Iterator[Person]:
        """Iterate over an organisation's people, in the order they were added."""
        return (item for item in self._people.values() if item.organization_id == organization_id)

    def numbers_at(self, location_id: str) -> Iterator[Number]:
        """Iterate over the numbers of a location, in the order they were added."""
        return (item for item in self._numbers.values() if item.location_id == location_id)

    def check(self, entity: Entity) -> None:
        """Judge whether `put(entity)` would hold the directory together.

        Raises:
            UnknownEntityError: it refers to something that does not exist.
            ForeignEntityError: it refers to something of another organisation.
            NumberTakenError: its primary TN is somebody else's.
        """
        for _, error in self.faults(entity):
            raise error

    def faults(self, entity: Entity) -> Iterator[tuple[str, DirectoryError]]:
        """Yield everything `check` would raise, each with the field of the entity that it is about."""
        if isinstance(entity, Organization):
            return
        if entity.organization_id not in self._organizations:
            yield "organization_id", UnknownEntityError("organization", entity.organization_id)
        if isinstance(entity, Location):
            return
        location = self._locations.get(entity.location_id)
        if location is None:
            yield "location_id", UnknownEntityError("location", entity.location_id)
        elif location.organization_id != entity.organization_id:
            yield "location_id", ForeignEntityError(_subject(entity), "location", location.id)
        if isinstance(entity, Person) and entity.number is not None:
            error = self._number_fault(entity, entity.number)
            if error is not None:
                yield "number", error

    def put(self, entity: Entity) -> DirectoryEvent:
        """Add or replace `entity` and return the change as an event.

        Raises:
            DirectoryError: as `check`.
        """
        self.check(entity)
        return self.hold(entity)

    def hold(self, entity: Entity) -> DirectoryEvent:
        """As `put`, for who has judged the entity already."""
        self.changes += 1
        match entity:
            case Organization():
                organization = self._organizations.get(entity.id)
                self._organizations[entity.id] = entity
                return OrganizationChanged(organization, entity)
            case Location():
                location = self._locations.get(entity.id)
                self._locations[entity.id] = entity
                return LocationChanged(location, entity)
            case Number():
                number = self._numbers.get(entity.e164)
                self._numbers[entity.e164] = entity
                return NumberChanged(number, entity)
            case Person():
                return self._put_person(entity)

    def remove_person(self, person_id: str) -> PersonChanged:
        """Remove a person; their number stays at the location.

        Raises:
            UnknownEntityError: nobody has that id.
        """
        person = self._people.pop(person_id, None)
        if person is None:
            raise UnknownEntityError("person", person_id)
        self.changes += 1
        self._forget_numbers(person)
        return PersonChanged(person, None)

    def remove_number(self, e164: str) -> NumberChanged:
        """Remove a number that is nobody's primary TN.

        Raises:
            UnknownEntityError: it is not ours.
            NumberTakenError: somebody has it as primary TN.
        """
        if e164 not in self._numbers:
            raise UnknownEntityError("number", e164)
        holder = self._person_by_number.get(e164)
        if holder is not None:
            raise NumberTakenError(e164, holder.id)
        self.changes += 1
        return NumberChanged(self._numbers.pop(e164), None)

    def _number_fault(self, person: Person, e164: str) -> DirectoryError | None:
        number = self._numbers.get(e164)
        if number is None:
            return UnknownEntityError("number", e164)
        if number.organization_id != person.organization_id:
            return ForeignEntityError(person.id, "number", e164)
        holder = self._person_by_number.get(e164)
        if holder is not None and holder.id != person.id:
            return NumberTakenError(person.id, holder.id)
        return None

    def _put_person(self, person: Person) -> PersonChanged:
        before = self._people.get(person.id)
        if before is not None:
            self._forget_numbers(before)
        self._people[person.id] = person
        if person.number is not None:
            self._person_by_number[person.number] = person
        if person.personal_number is not None:
            self._person_by_private_number[person.personal_number] = person
        return PersonChanged(before, person)

    def _forget_numbers(self, person: Person) -> None:
        if person.number is not None:
            del self._person_by_number[person.number]
        private = person.personal_number
        if private is not None and self._person_by_private_number.get(private) is person:
            del self._person_by_private_number[private]


def _subject(entity: Number | Person) -> str:
    return entity.e164 if isinstance(entity, Number) else entity.id


__all__ = ["Directory", "DirectoryError"]
