"""The mock carriers over HTTP: what goes on, profile and faults switched live, inbound texts injected."""

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from gateway.carriers.errors import CarrierError, CarrierUnknown, SettingFixed
from gateway.carriers.faults import BEHAVIOURS, CATALOGUE, BehaviourName, FaultSpec
from gateway.carriers.profile import CarrierProfile, Transition
from gateway.carriers.service import CarriersService
from gateway.carriers.smsc import Carrier
from gateway.carriers.state import CarrierState
from gateway.carriers.switching import changed, switches
from gateway.runtime.http.endpoint import malformed
from gateway.runtime.http.errors import DATABASE_RETRY_S, ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.wire import format_ns

ADMIN = ("admin", "partner")
Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,20}$")]


class Step(ApiModel):
    """A behaviour that a carrier takes on later."""

    after_seconds: float = Field(ge=0, le=10 * 366 * 86_400, description="World seconds from now.")
    profile: BehaviourName
    faults: tuple[FaultSpec, ...] = ()


class CarrierChange(ApiModel):
    """A behaviour by name (`profile`), further faults, what it will be later, what it is, or all of them."""

    profile: str | None = None
    faults: tuple[FaultSpec, ...] | None = None
    schedule: tuple[Step, ...] | None = Field(
        None, max_length=1000, description="Replaces what was planned; empty: nothing."
    )

    settings: dict[str, Any] | None = Field(
        None,
        description="A part of the section `profile:` of the carrier's file, in its words: latencies, "
        "receipts, ids, caps, filters, blocked numbers and so on. Mappings merge into what is in force, "
        "everything else replaces it; null returns to the file. Holds for what is accepted from then on, "
        "until the process ends.",
    )

    def planned(self) -> tuple[Transition, ...] | None:
        """The schedule in the words of a carrier's profile."""
        if self.schedule is None:
            return None
        return tuple(
            Transition(at_seconds=step.after_seconds, behaviour=step.profile, faults=step.faults)
            for step in self.schedule
        )


class BehaviourOut(ApiModel):
    """A behaviour that a carrier can be switched to."""

    name: str
    description: str


class FaultOut(ApiModel):
    """A fault that a carrier can be given, and when it strikes."""

    kind: str
    stage: str
    description: str


class CatalogueOut(ApiModel):
    """Everything a mock carrier can be made to do."""

    profiles: list[BehaviourOut]
    faults: list[FaultOut]


class InboundIn(ApiModel):
    """A text that a handset of the carrier writes; with `files` an MMS, whose text stays at the carrier.

    Numbers are digits, E.164 with `+` or a short code.
    """

    source: Number = Field(alias="from")
    to: Number
    text: Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")] = ""
    files: tuple[Annotated[str, StringConstraints(min_length=1, max_length=2_000)], ...] = Field(
        (), max_length=10, description="Names or URLs: a notification goes out for each (webex.md B1)."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text and not self.files:
            raise PydanticCustomError("nothing_to_say", "neither text nor files")
        return self


class InboundOut(ApiModel):
    """How many segments went out."""

    segments: int


def carrier_routes(service: CarriersService) -> Routes:
    """`/v1/carriers`."""
    routes = Routes("Carriers", "The mock carriers of this process.")

    @routes.get("/v1/carriers", returns=list[dict[str, Any]], paged=True)
    async def listing(request: ApiRequest) -> Paged:
        """List the carriers with their binds and counts."""
        del request
        return Paged([carrier_document(state) for state in service.states()])

    @routes.get("/v1/carrierFaults", returns=CatalogueOut)
    async def catalogue(request: ApiRequest) -> CatalogueOut:
        """List the behaviours and faults that carriers can be switched to."""
        del request
        profiles = [BehaviourOut(name=name, description=one.description) for name, one in BEHAVIOURS.items()]
        faults = [
            FaultOut(kind=kind, stage=stage.value, description=description)
            for kind, (stage, description) in CATALOGUE.items()
        ]
        return CatalogueOut(profiles=profiles, faults=faults)

    @routes.get("/v1/carriers/{name}", returns=dict[str, Any], errors=(404,))
    async def show(request: ApiRequest) -> dict[str, Any]:
        """Show one carrier, with what it enforces, and in `settings` everything that can be switched."""
        carrier = _carrier(request)
        return carrier_document(carrier.state()) | _truth(carrier.profile)

    @routes.patch(
        "/v1/carriers/{name}",
        body=CarrierChange,
        returns=dict[str, Any],
        roles=ADMIN,
        errors=(400, 404),
    )
    async def change(request: ApiRequest) -> dict[str, Any]:
        """Switch a carrier's behaviour and faults, at once or by a schedule, and its settings.

        Binds that are up feel it.
        """
        body: CarrierChange = request.body
        carrier = _carrier(request)
        profile = _switched(carrier, body) if "settings" in body.model_fields_set else None
        try:
            state = service.configure(carrier.name, body.profile, body.faults, body.planned(), profile)
            return carrier_document(state) | _truth(carrier.profile)
        except KeyError as error:
            raise ApiError(
                400, "malformed_request", f"$.profile: {error.args[0]!r} is no behaviour"
            ) from None

    @routes.post(
        "/v1/carriers/{name}/inbound",
        body=InboundIn,
        returns=InboundOut,
        status=202,
        roles=ADMIN,
        errors=(400, 404, 409, 503),
    )
    async def inject(request: ApiRequest) -> InboundOut:
        """Put an inbound text on the carrier, as if a handset had written it.

        With `files` it is an MMS: only its notifications travel, and `segments` counts those.
        """
        body: InboundIn = request.body
        name = _carrier(request).name
        if service.problems():
            raise ApiError(
                503,
                "database_unavailable",
                "the carriers' database takes nothing: the text was not put on the carrier, try again",
                retry_after_s=DATABASE_RETRY_S,
            )
        try:
            segments = service.inject(name, body.source, body.to, body.text, body.files)
        except CarrierError as error:
            raise ApiError(409, "inbound_not_possible", str(error)) from None
        try:
            await service.settled()
        except OSError:
            raise ApiError(
                503,
                "inbound_not_kept",
                "the carriers' database takes nothing: the text is on its way, and lost if they end first",
                retry_after_s=DATABASE_RETRY_S,
            ) from None
        return InboundOut(segments=segments)

    def _carrier(request: ApiRequest) -> Carrier:
        try:
            return service.carrier(request.params["name"])
        except CarrierUnknown as error:
            raise ApiError(404, "carrier_not_found", str(error)) from None

    return routes


def _switched(carrier: Carrier, body: CarrierChange) -> CarrierProfile:
    if body.settings is None:
        return carrier.configured
    try:
        return changed(carrier.profile, body.settings)
    except ValidationError as fault:
        raise malformed(fault, "$.settings") from None
    except SettingFixed as error:
        raise ApiError(400, "malformed_request", f"$.settings.{error.name}: {error.advice}") from None


def _truth(profile: CarrierProfile) -> dict[str, Any]:
    """What a carrier enforces, in short, and everything about it that can be switched."""
    return {
        "registrationRequired": profile.registration.required,
        "caps": profile.caps.model_dump(mode="json", exclude_defaults=True),
        "settings": switches(profile),
    }


def carrier_document(state: CarrierState) -> dict[str, Any]:
    """A carrier as the API shows it."""
    return {
        "name": state.name,
        "country": state.country,
        "host": state.host,
        "port": state.port,
        "profile": state.behaviour,
        "faults": _faults(state.faults),
        "schedule": [
            {"at": format_ns(due_ns), "profile": step.behaviour, "faults": _faults(step.faults)}
            for due_ns, step in state.planned
        ],
        "binds": [
            {
                "systemId": bind.system_id,
                "type": bind.bind_type,
                "boundSince": format_ns(bind.bound_ns),
                "windowUsed": bind.window_used,
                "submits": bind.submits,
            }
            for bind in state.binds
        ],
        "waiting": state.waiting,
        "delivered": state.delivered,
        "dropped": state.dropped,
        "decisions": state.decisions,
    }


def _faults(faults: tuple[FaultSpec, ...]) -> list[dict[str, Any]]:
    return [fault.model_dump(mode="json", exclude_defaults=True) for fault in faults]
