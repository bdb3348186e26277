"""What changed in the directory; published on the bus after the change is durable."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.directory.model import Location, Number, Organization, Person


@dataclass(frozen=True, slots=True)
class OrganizationChanged:
    """An organisation was added (`before` None), changed, or removed (`after` None)."""

    name: ClassVar[str] = "organization.changed"
    before: Organization | None
    after: Organization | None


@dataclass(frozen=True, slots=True)
class LocationChanged:
    """A location was added (`before` None), changed, or removed (`after` None)."""

    name: ClassVar[str] = "location.changed"
    before: Location | None
    after: Location | None


@dataclass(frozen=True, slots=True)
class NumberChanged:
    """A number was added (`before` None), changed, or removed (`after` None)."""

    name: ClassVar[str] = "number.changed"
    before: Number | None
    after: Number | None


@dataclass(frozen=True, slots=True)
class PersonChanged:
    """A person was added (`before` None), changed, or removed (`after` None)."""

    name: ClassVar[str] = "person.changed"
    before: Person | None
    after: Person | None


DirectoryEvent = OrganizationChanged | LocationChanged | NumberChanged | PersonChanged
