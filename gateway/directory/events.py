"""What changed in the directory; published on the bus after the change is durable.

A stream or webhook is told ids and the names of changed fields, never a name or a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from gateway.directory.model import Entity, Location, Number, Organization, Person


def changed_fields(before: Entity | None, after: Entity | None) -> list[str]:
    """Return the names of fields that differ; empty where the entity was added or removed."""
    if before is None or after is None:
        return []
    return [item.name for item in fields(after) if getattr(before, item.name) != getattr(after, item.name)]


def _payload(before: Entity | None, after: Entity | None, **ids: str | None) -> Mapping[str, Any]:
    return {**ids, "changed": changed_fields(before, after), "removed": after is None}


@dataclass(frozen=True, slots=True)
class OrganizationChanged:
    """An organisation was added (`before` None), changed, or removed (`after` None)."""

    name: ClassVar[str] = "organization.changed"
    before: Organization | None
    after: Organization | None

    @property
    def organization_id(self) -> str | None:
        """The organisation itself."""
        entity = self.after or self.before
        return entity.id if entity else None

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        return _payload(self.before, self.after, organizationId=self.organization_id)


@dataclass(frozen=True, slots=True)
class LocationChanged:
    """A location was added (`before` None), changed, or removed (`after` None)."""

    name: ClassVar[str] = "location.changed"
    before: Location | None
    after: Location | None

    @property
    def organization_id(self) -> str | None:
        """The organisation it belongs to."""
        entity = self.after or self.before
        return entity.organization_id if entity else None

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        entity = self.after or self.before
        location_id = entity.id if entity else None
        return _payload(self.before, self.after, organizationId=self.organization_id, locationId=location_id)


@dataclass(frozen=True, slots=True)
class NumberChanged:
    """A number was added (`before` None), changed, or removed (`after` None)."""

    name: ClassVar[str] = "number.changed"
    before: Number | None
    after: Number | None

    @property
    def organization_id(self) -> str | None:
        """The organisation it belongs to."""
        entity = self.after or self.before
        return entity.organization_id if entity else None

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        entity = self.after or self.before
        location_id = entity.location_id if entity else None
        return _payload(self.before, self.after, organizationId=self.organization_id, locationId=location_id)


@dataclass(frozen=True, slots=True)
class PersonChanged:
    """A person was added (`before` None), changed, or removed (`after` None)."""

    name: ClassVar[str] = "person.changed"
    before: Person | None
    after: Person | None

    @property
    def organization_id(self) -> str | None:
        """The organisation they belong to."""
        entity = self.after or self.before
        return entity.organization_id if entity else None

    @property
    def person_id(self) -> str | None:
        """The person."""
        entity = self.after or self.before
        return entity.id if entity else None

    def as_payload(self) -> Mapping[str, Any]:
        """Return what streams and webhooks are told."""
        return _payload(self.before, self.after, organizationId=self.organization_id, personId=self.person_id)


DirectoryEvent = OrganizationChanged | LocationChanged | NumberChanged | PersonChanged
