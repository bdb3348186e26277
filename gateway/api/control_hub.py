"""What the directory's routes share: what a caller may find, how entities are shown, how they are changed."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

from gateway.api.directory_models import (
    OVERRIDE_WORDS,
    LocationOut,
    NumberOut,
    OrganizationOut,
    PersonOut,
    WarningOut,
)
from gateway.api.scope import may_see_organization, not_found, refusal
from gateway.directory.directory import Directory
from gateway.directory.errors import DirectoryError, NumberTakenError
from gateway.directory.model import (
    Entity,
    Location,
    Number,
    Organization,
    Person,
    texting_enabled,
)
from gateway.directory.store import DirectoryStore
from gateway.policy.administration import check_hipaa, check_override, tab_visible, texting_available
from gateway.policy.settings import BusinessTextingSettings
from gateway.registry.registry import Registry
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.routes import ApiRequest

Owned = Location | Number | Person
OwnedT = TypeVar("OwnedT", Location, Number, Person)


class ControlHub:
    """Finds entities within a caller's reach and changes them; what is out of reach does not exist."""

    def __init__(self, store: DirectoryStore, registry: Registry, settings: BusinessTextingSettings) -> None:
        self.store = store
        self.settings = settings
        self.directory = store.directory
        self.show = View(store.directory, registry, settings)

    def organization(self, request: ApiRequest, organization_id: str) -> Organization:
        """Return an organisation; raises `ApiError` 404."""
        found = self.directory.organization(organization_id)
        if found is None or not may_see_organization(request.principal, found.id):
            raise not_found("organization")
        return found

    def location(self, request: ApiRequest, location_id: str) -> Location:
        """Return a location; raises `ApiError` 404."""
        found = self.directory.location(location_id)
        if found is None or not may_see_organization(request.principal, found.organization_id):
            raise not_found("location")
        return found

    def person(self, request: ApiRequest) -> Person:
        """Return the person the path names; raises `ApiError` 404."""
        found = self.directory.person(request.params["id"])
        if found is None or not self.may_see(request.principal, found):
            raise not_found("person")
        return found

    def number(self, request: ApiRequest) -> Number:
        """Return the number the path names; raises `ApiError` 404."""
        found = self.directory.number(request.params["number"])
        if found is None or not self.may_see(request.principal, found):
            raise not_found("number")
        return found

    def may_see(self, principal: Principal, entity: Owned) -> bool:
        """Whether the caller may see an entity: its organisation, and for a person what is theirs."""
        if isinstance(entity, Location):
            own = self.directory.person(principal.person_id or "")
            person_id = own.id if own is not None else None
        elif isinstance(entity, Number):
            holder = self.directory.person_by_number(entity.e164)
            person_id = holder.id if holder is not None else None
        else:
            person_id = entity.id
        return principal.oversees(entity.organization_id, person_id)

    def within(
        self, request: ApiRequest, entities: Iterable[OwnedT], organization_id: str | None
    ) -> list[OwnedT]:
        """Return the entities the caller may see, of one organisation if asked."""
        return [
            entity
            for entity in entities
            if organization_id in (None, entity.organization_id) and self.may_see(request.principal, entity)
        ]

    def offer_override(self, person: Person) -> None:
        """Refuse a user's own setting where it is not offered (webex.md A11); raises `ApiError` 409."""
        owner = self.directory.organization(person.organization_id)
        where = self.directory.location(person.location_id)
        if owner is not None and where is not None and person.texting_override is not None:
            refused = check_override(owner, where, self.settings.revision)
            if refused is not None:
                raise refusal(refused)

    def refuse_hipaa(self, organization: Organization, changed: Person | None = None) -> None:
        """Refuse texting to a HIPAA customer where the setting says so (webex.md B7); raises `ApiError` 409.

        `changed` is one of its people as it will be.
        """
        people = [
            one
            for one in self.directory.people_of(organization.id)
            if changed is None or one.id != changed.id
        ]
        if changed is not None:
            people.append(changed)
        refused, _ = check_hipaa(
            organization, people, self.settings.revision, refuse=self.settings.refuse_hipaa
        )
        if refused is not None:
            raise refusal(refused)

    async def put(self, request: ApiRequest, *entities: Entity) -> None:
        """Make a change durable and visible; raises `ApiError` 400 or 409."""
        try:
            await self.store.put(*entities, actor=request.principal.token_name)
        except NumberTakenError as error:
            raise ApiError(409, error.code, str(error)) from None
        except DirectoryError as error:
            raise ApiError(400, error.code, str(error)) from None


class View:
    """Entities as the API shows them."""

    def __init__(self, directory: Directory, registry: Registry, settings: BusinessTextingSettings) -> None:
        self._directory = directory
        self._registry = registry
        self._settings = settings

    def organization(self, entity: Organization) -> OrganizationOut:
        """Return an organisation as the API shows it."""
        settings = self._settings
        people = self._directory.people_of(entity.id)
        _, warning = check_hipaa(entity, people, settings.revision, refuse=settings.refuse_hipaa)
        return OrganizationOut(
            **_fields_of(entity, OrganizationOut, "text_retention_days"),
            text_retention_days=entity.text_retention_days or self._settings.retention_days,
            business_texting_tab_visible=tab_visible(entity, self._settings.revision),
            warnings=[WarningOut(code=warning.code, description=warning.description)] if warning else [],
        )

    def location(self, entity: Location) -> LocationOut:
        """Return a location as the API shows it."""
        owner = self._directory.organizations[entity.organization_id]
        available = texting_available(owner, entity, self._settings.revision)
        return LocationOut(**_fields_of(entity, LocationOut), business_texting_available=available)

    def person(self, entity: Person) -> PersonOut:
        """Return a person as the API shows it."""
        owner = self._directory.organizations[entity.organization_id]
        where = self._directory.locations[entity.location_id]
        return PersonOut(
            **_fields_of(entity, PersonOut, "app_version", "texting_override"),
            app_version=".".join(map(str, entity.app_version)),
            texting_override=OVERRIDE_WORDS[entity.texting_override],
            texting_override_offered=check_override(owner, where, self._settings.revision) is None,
            texting_enabled=texting_enabled(owner, entity),
        )

    def number(self, entity: Number) -> NumberOut:
        """Return a number as the API shows it."""
        holder = self._directory.person_by_number(entity.e164)
        campaign = self._registry.campaign_of(entity.e164)
        return NumberOut(
            **_fields_of(entity, NumberOut),
            number=entity.e164,
            person_id=holder.id if holder else None,
            campaign_id=campaign.id if campaign else None,
        )


def _fields_of(entity: Entity, model: type[ApiModel], *but: str) -> dict[str, Any]:
    names = (item.name for item in fields(entity))
    return {name: getattr(entity, name) for name in names if name in model.model_fields and name not in but}
