"""Control Hub over HTTP: organisations, locations, people and numbers (webex.md A1–A12, B6, B7)."""

from dataclasses import replace
from typing import Any

from gateway.api.control_hub import ControlHub
from gateway.api.directory_models import (
    OVERRIDES,
    LocationChange,
    LocationIn,
    LocationOut,
    NumberIn,
    NumberOut,
    NumberQuery,
    OrderIn,
    OrderOut,
    OrganizationChange,
    OrganizationOut,
    OrganizationQuery,
    PersonChange,
    PersonIn,
    PersonOut,
    PersonQuery,
)
from gateway.api.scope import (
    ADMINISTRATORS,
    given,
    may_see_organization,
    organization_of,
    page_by,
    refusal,
)
from gateway.directory.model import Location, Number, Person, entity_key
from gateway.directory.settings import parse_app_version
from gateway.directory.store import DirectoryStore
from gateway.policy.administration import NOT_AUTHORIZABLE, RETENTION_FIXED, authorizable, number_fault
from gateway.policy.settings import BusinessTextingSettings
from gateway.registry.registry import Registry
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id, new_id


def directory_routes(store: DirectoryStore, registry: Registry, settings: BusinessTextingSettings) -> Routes:
    """`/v1/organizations`, `/v1/locations`, `/v1/people`, `/v1/numbers` and `/v1/numberOrders`."""
    routes = Routes("Directory", "Who exists, as Control Hub shows and changes it.")
    hub = ControlHub(store, registry, settings)
    _add_organizations(routes, hub)
    _add_locations(routes, hub)
    _add_people(routes, hub)
    _add_numbers(routes, hub)
    return routes


def _add_organizations(routes: Routes, hub: ControlHub) -> None:
    """`/v1/organizations`."""

    @routes.get(
        "/v1/organizations", returns=list[OrganizationOut], query=OrganizationQuery, paged=True, errors=(400,)
    )
    async def organizations(request: ApiRequest) -> Paged:
        """List the organisations the caller's token reaches."""
        every = hub.directory.organizations.values()
        found = (one for one in every if may_see_organization(request.principal, one.id))
        return page_by(request, found, entity_key, hub.show.organization)

    @routes.get("/v1/organizations/{id}", returns=OrganizationOut, errors=(404,))
    async def organization(request: ApiRequest) -> OrganizationOut:
        """Show one organisation."""
        return hub.show.organization(hub.organization(request, request.params["id"]))

    @routes.patch(
        "/v1/organizations/{id}",
        body=OrganizationChange,
        returns=OrganizationOut,
        roles=ADMINISTRATORS,
        errors=(400, 403, 404, 409),
    )
    async def change_organization(request: ApiRequest) -> OrganizationOut:
        """Change an organisation: its switch, its identity, its add-on.

        The organisation-wide switch is A10. Switching texting on for a HIPAA customer warns, or is refused
        where the setting says so (B7). The retention is fixed unless a setting lets it be customised (B6).
        """
        before = hub.organization(request, request.params["id"])
        changes = given(request.body, "calling_plan_country", "text_retention_days")
        if "texting_addon" in changes and request.principal.role != "partner":
            raise ApiError(403, "not_allowed", "the add-on is bought through the partner")
        if "text_retention_days" in changes and not hub.settings.retention_customizable:
            raise refusal(RETENTION_FIXED)
        after = replace(before, **changes)
        hub.refuse_hipaa(after)
        await hub.put(request, after)
        return hub.show.organization(after)


def _add_locations(routes: Routes, hub: ControlHub) -> None:
    """`/v1/locations`."""

    @routes.get(
        "/v1/locations", query=OrganizationQuery, returns=list[LocationOut], paged=True, errors=(400,)
    )
    async def locations(request: ApiRequest) -> Paged:
        """List locations."""
        found = hub.within(request, hub.directory.locations.values(), request.query.organization_id)
        return page_by(request, found, entity_key, hub.show.location)

    @routes.post(
        "/v1/locations",
        body=LocationIn,
        returns=LocationOut,
        status=201,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409),
    )
    async def add_location(request: ApiRequest) -> LocationOut:
        """Add a location; it takes the organisation's recording provider (C12)."""
        body: LocationIn = request.body
        owner = organization_of(request, hub.directory, body.organization_id)
        values = body.model_dump(by_alias=False, exclude={"id", "organization_id"})
        added = Location(**values, id=_fresh(body.id, hub.directory.locations), organization_id=owner)
        await hub.put(request, added)
        return hub.show.location(added)

    @routes.get("/v1/locations/{id}", returns=LocationOut, errors=(404,))
    async def location(request: ApiRequest) -> LocationOut:
        """Show one location."""
        return hub.show.location(hub.location(request, request.params["id"]))

    @routes.patch(
        "/v1/locations/{id}",
        body=LocationChange,
        returns=LocationOut,
        roles=ADMINISTRATORS,
        errors=(400, 404),
    )
    async def change_location(request: ApiRequest) -> LocationOut:
        """Change a location: its country, its connection to the public network."""
        before = hub.location(request, request.params["id"])
        after = replace(before, **given(request.body))
        await hub.put(request, after)
        return hub.show.location(after)

    @routes.get(
        "/v1/locations/{id}/authorizableNumbers",
        returns=list[NumberOut],
        roles=ADMINISTRATORS,
        paged=True,
        errors=(400, 404),
    )
    async def authorizable_numbers(request: ApiRequest) -> Paged:
        """List the numbers of a Calling Plan location that can be authorised (A12)."""
        where = hub.location(request, request.params["id"])
        found = (number for number in hub.directory.numbers_at(where.id) if authorizable(number, where))
        return page_by(request, found, entity_key, hub.show.number)


def _add_people(routes: Routes, hub: ControlHub) -> None:
    """`/v1/people`."""

    @routes.get("/v1/people", query=PersonQuery, returns=list[PersonOut], paged=True, errors=(400,))
    async def people(request: ApiRequest) -> Paged:
        """List people; a person sees only that person."""
        found = hub.within(request, hub.directory.people.values(), request.query.organization_id)
        wanted = request.query.location_id
        there = (one for one in found if wanted in (None, one.location_id))
        return page_by(request, there, entity_key, hub.show.person)

    @routes.post(
        "/v1/people",
        body=PersonIn,
        returns=PersonOut,
        status=201,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409),
    )
    async def add_person(request: ApiRequest) -> PersonOut:
        """Add a person."""
        body: PersonIn = request.body
        owner = organization_of(request, hub.directory, body.organization_id)
        values = body.model_dump(by_alias=False, exclude={"id", "organization_id", "app_version"})
        added = Person(
            **values,
            id=_fresh(body.id, hub.directory.people),
            organization_id=owner,
            app_version=parse_app_version(body.app_version),
        )
        await hub.put(request, added)
        return hub.show.person(added)

    @routes.get("/v1/people/{id}", returns=PersonOut, errors=(404,))
    async def person(request: ApiRequest) -> PersonOut:
        """Show one person."""
        return hub.show.person(hub.person(request))

    @routes.patch(
        "/v1/people/{id}",
        body=PersonChange,
        returns=PersonOut,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409),
    )
    async def change_person(request: ApiRequest) -> PersonOut:
        """Change a person: their number, app, licence, or own texting setting.

        `textingOverride` wins over the organisation's switch and is offered only where Business Texting is
        available at the person's location (A11); never to the people of a HIPAA customer where texting is
        refused to those (B7).
        """
        before = hub.person(request)
        changes = given(request.body, "number", "personal_number")
        if "app_version" in changes:
            changes["app_version"] = parse_app_version(changes["app_version"])
        if "texting_override" in changes:
            changes["texting_override"] = OVERRIDES[changes["texting_override"]]
        after: Person = replace(before, **changes)
        if "texting_override" in changes:
            hub.offer_override(after)
            if after.texting_override:
                hub.refuse_hipaa(hub.directory.organizations[after.organization_id], after)
        await hub.put(request, after)
        return hub.show.person(after)

    @routes.delete("/v1/people/{id}", roles=ADMINISTRATORS, errors=(404,))
    async def remove_person(request: ApiRequest) -> None:
        """Remove a person; the number stays at the location."""
        await hub.store.remove_person(hub.person(request).id, request.principal.token_name)


def _add_numbers(routes: Routes, hub: ControlHub) -> None:
    """`/v1/numbers` and the orders that authorise them."""

    @routes.get("/v1/numbers", query=NumberQuery, returns=list[NumberOut], paged=True, errors=(400,))
    async def numbers(request: ApiRequest) -> Paged:
        """List numbers; a person sees only that person's."""
        query: NumberQuery = request.query
        found = hub.within(request, hub.directory.numbers.values(), query.organization_id)
        found = [one for one in found if query.location_id in (None, one.location_id)]
        found = [one for one in found if query.authorized in (None, one.authorized)]
        return page_by(request, found, entity_key, hub.show.number)

    @routes.post(
        "/v1/numbers",
        body=NumberIn,
        returns=NumberOut,
        status=201,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409),
    )
    async def add_number(request: ApiRequest) -> NumberOut:
        """Add a new or ported number to a location; it is not authorised yet (A9)."""
        body: NumberIn = request.body
        where = hub.location(request, body.location_id)
        if body.number in hub.directory.numbers:
            raise ApiError(409, "conflict", "the number exists already")
        fault = number_fault(body.number, where, calling_plan=body.calling_plan)
        if fault:
            raise ApiError(400, "malformed_request", f"$.number: {fault}")
        added = Number(body.number, where.organization_id, where.id, body.calling_plan)
        await hub.put(request, added)
        return hub.show.number(added)

    @routes.get("/v1/numbers/{number}", returns=NumberOut, errors=(404,))
    async def number(request: ApiRequest) -> NumberOut:
        """Show one number, written in E.164."""
        return hub.show.number(hub.number(request))

    @routes.post(
        "/v1/numberOrders",
        body=OrderIn,
        returns=OrderOut,
        status=201,
        roles=ADMINISTRATORS,
        errors=(400, 404, 409),
    )
    async def authorize(request: ApiRequest) -> OrderOut:
        """Authorise numbers of a location for Business Texting; the answer is the order summary (A12)."""
        body: OrderIn = request.body
        where = hub.location(request, body.location_id)
        ordered = [hub.directory.number(e164) for e164 in dict.fromkeys(body.numbers)]
        chosen = [found for found in ordered if found is not None and authorizable(found, where)]
        if len(chosen) != len(ordered):
            raise refusal(NOT_AUTHORIZABLE)
        await hub.put(request, *(replace(found, authorized=True) for found in chosen))
        return OrderOut(
            id=encode_id(new_id()),
            organization_id=where.organization_id,
            location_id=where.id,
            numbers=[found.e164 for found in chosen],
            created=format_ns(hub.store.now_ns()),
        )


def _fresh(wanted: str | None, taken: Any) -> str:
    if wanted is not None and wanted in taken:
        raise ApiError(409, "conflict", "the id exists already")
    return wanted or encode_id(new_id())
