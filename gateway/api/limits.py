"""What is used of each limit, when it has room again, and limits changed while running."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from gateway.api.scope import ADMINISTRATORS, may_see_organization, not_found
from gateway.directory.directory import Directory
from gateway.messages.gauges import used_ratio
from gateway.messages.limits import DEFAULT, LimitChange, StandingLimits
from gateway.registry.registry import Registry
from gateway.runtime.clock import WorldClock
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.wire import format_ns
from gateway.throttle.limiter import Limiter
from gateway.throttle.limits import RateLimit, ScopeLimit, WindowLimit
from gateway.throttle.scopes import Scope
from gateway.throttle.usage import Cursor, RateUsage, Usage, WindowUsage, listing, usage

SECOND_NS = 1_000_000_000
ScopeName = Literal["number", "person", "campaign", "brand_day", "carrier", "organization"]


class RateIn(ApiModel):
    """A smooth rate: `segments` per `per`, up to `burst` at once; what is absent stays."""

    segments: int | None = Field(None, gt=0, le=10**9)
    per: Literal["second", "minute", "hour", "day"] | None = None
    burst: int | None = Field(None, gt=0, le=10**9)
    overflow: Literal["reject", "queue"] | None = None
    max_wait_seconds: float | None = Field(None, ge=0)


class WindowIn(ApiModel):
    """A calendar window: at most `cap` segments until its reset (null: only counts); what is absent stays."""

    cap: int | None = Field(None, gt=0)
    period: Literal["minute", "hour", "day"] | None = None
    zone: Annotated[str, StringConstraints(max_length=64)] | None = None
    overflow: Literal["reject", "queue", "defer"] | None = None
    max_wait_seconds: float | None = Field(None, ge=0)
    windows_ahead: int | None = Field(None, ge=1, le=31)
    release_per_second: float | None = Field(None, ge=0)


class LimitIn(ApiModel):
    """A change: what is absent stays, null takes the limit away."""

    rate: RateIn | None = None
    window: WindowIn | None = None


class RateOut(ApiModel):
    """A rate: `segments` per `periodSeconds`, `burst` at once."""

    segments: int
    period_seconds: float
    burst: int
    overflow: str
    max_wait_seconds: float
    used: int | None = Field(None, description="Segments of the burst in use, more where texts wait.")
    next_at: str | None = Field(None, description="When one more segment could leave.")
    idle_at: str | None = Field(None, description="When the whole burst is free again.")


class WindowOut(ApiModel):
    """A calendar window: at most `cap` segments until its reset."""

    cap: int | None
    period: str
    zone: str
    overflow: str
    used: int | None = Field(None, description="Segments counted in the present window.")
    ahead: int | None = Field(None, description="Segments booked after its reset.")
    resets_at: str | None = Field(None, description="When it begins anew.")


class LimitOut(ApiModel):
    """A limit in force; `key` null: the default of its scope, which has no use of its own."""

    scope: ScopeName
    key: str | None
    overridden: bool
    used_ratio: float | None = Field(None, description="How full the tightest of the two is.")
    rate: RateOut | None
    window: WindowOut | None


class LimitQuery(ApiModel):
    """Which limits a listing shows: keys in use, scope by scope."""

    scope: ScopeName | None = None
    key: Annotated[str, StringConstraints(max_length=128)] | None = None
    max: int | None = None
    cursor: str | None = None


class LimitDesk:
    """Finds limits within a caller's reach and shows them."""

    def __init__(
        self,
        limiter: Limiter,
        standing: StandingLimits,
        clock: WorldClock,
        directory: Directory,
        registry: Registry,
    ) -> None:
        self.limiter = limiter
        self.standing = standing
        self.clock = clock
        self._directory = directory
        self._registry = registry

    def may_see(self, principal: Principal, scope: Scope, key: str) -> bool:
        """Whether a key is of the caller's organisation; carriers are everybody's."""
        if scope is Scope.CARRIER or principal.organization_id is None:
            return True
        return may_see_organization(principal, self._owner(scope, key))

    def _owner(self, scope: Scope, key: str) -> str | None:
        if scope is Scope.ORGANIZATION:
            return key
        if scope is Scope.PERSON:
            person = self._directory.person(key)
            return person.organization_id if person else None
        name = key.rpartition("@")[0] or key
        if scope is Scope.BRAND_DAY:
            brand = self._registry.brands.get(name)
            return brand.organization_id if brand else None
        campaign = self._registry.campaigns.get(name)
        if campaign is not None:
            brand = self._registry.brand_of(campaign)
            return brand.organization_id if brand else None
        number = self._directory.number(name)  # of scope number, or a class that is capped per number
        return number.organization_id if number else None

    def used(self, scope: Scope, key: str) -> Usage:
        """The use of one key."""
        return usage(self.limiter, scope, key, self.clock.now_ns())

    def page(self, request: ApiRequest, scopes: list[Scope]) -> Paged:
        """Keys in use, scope by scope, that the caller may see."""
        cursor = request.page.cursor
        first, shard, key = (
            (int(cursor[0] or 0), int(cursor[1] or 0), str(cursor[2])) if cursor else (0, 0, "")
        )
        at: Cursor | None = Cursor(shard, key)
        found: list[LimitOut] = []
        for index in range(first, len(scopes)):
            while at is not None and len(found) < request.page.max:
                wanted = request.page.max - len(found)
                usages, at = listing(self.limiter, scopes[index], self.clock.now_ns(), after=at, count=wanted)
                found += [
                    _shown(one) for one in usages if self.may_see(request.principal, one.scope, one.key)
                ]
            if at is not None:
                return Paged(found, (index, at.shard, at.key))
            at = Cursor()
        return Paged(found)


def limit_routes(
    limiter: Limiter, standing: StandingLimits, clock: WorldClock, directory: Directory, registry: Registry
) -> Routes:
    """`/v1/limits`."""
    routes = Routes("Limits", "What may be sent at what pace, how much is used, when there is room again.")
    desk = LimitDesk(limiter, standing, clock, directory, registry)
    _add_showing(routes, desk)
    _add_changing(routes, desk)
    return routes


def _add_showing(routes: Routes, desk: LimitDesk) -> None:
    """What holds, and how much of it is used."""

    @routes.get(
        "/v1/limits",
        query=LimitQuery,
        returns=list[LimitOut],
        roles=ADMINISTRATORS,
        paged=True,
        errors=(400, 404),
    )
    async def limits(request: ApiRequest) -> Paged:
        """List the keys in use with what is used of them and when they reset.

        With `scope` and `key` the one limit, in use or not.
        """
        query: LimitQuery = request.query
        scopes = list(Scope) if query.scope is None else [Scope(query.scope)]
        if query.key is not None:
            if query.scope is None:
                raise ApiError(400, "malformed_request", "query.key: give its scope too")
            if not desk.may_see(request.principal, scopes[0], query.key):
                raise not_found("limit")
            return Paged([_shown(desk.used(scopes[0], query.key))])
        return desk.page(request, scopes)

    @routes.get("/v1/limits/{scope}", returns=LimitOut, roles=ADMINISTRATORS, errors=(404,))
    async def default(request: ApiRequest) -> LimitOut:
        """Show the default of a scope."""
        return _default(desk, _scope(request))

    @routes.get("/v1/limits/{scope}/{key}", returns=LimitOut, roles=ADMINISTRATORS, errors=(404,))
    async def one(request: ApiRequest) -> LimitOut:
        """Show the limit of one key and its use, whether it has any or not."""
        return _shown(desk.used(*_key(request, desk)))


def _add_changing(routes: Routes, desk: LimitDesk) -> None:
    """Limits set by hand: in force at once, and after a restart."""
    options: dict[str, Any] = {"roles": ADMINISTRATORS, "errors": (400, 404)}

    @routes.patch("/v1/limits/{scope}", body=LimitIn, returns=LimitOut, **options)
    async def change_default(request: ApiRequest) -> LimitOut:
        """Change the default of a scope; texts already admitted keep their release."""
        scope = _scope(request)
        await _put(desk, scope, DEFAULT, request.body)
        return _default(desk, scope)

    @routes.patch("/v1/limits/{scope}/{key}", body=LimitIn, returns=LimitOut, **options)
    async def change(request: ApiRequest) -> LimitOut:
        """Change the limit of one key: it beats the carriers' terms and the scope's default."""
        scope, key = _key(request, desk)
        await _put(desk, scope, key, request.body)
        return _shown(desk.used(scope, key))

    @routes.delete("/v1/limits/{scope}", roles=ADMINISTRATORS, errors=(404,))
    async def reset_default(request: ApiRequest) -> None:
        """Return to the configured default of a scope."""
        if not await desk.standing.reset(_scope(request), DEFAULT):
            raise not_found("limit set by hand")

    @routes.delete("/v1/limits/{scope}/{key}", roles=ADMINISTRATORS, errors=(404,))
    async def reset(request: ApiRequest) -> None:
        """Take a limit set by hand away."""
        if not await desk.standing.reset(*_key(request, desk)):
            raise not_found("limit set by hand")


def _scope(request: ApiRequest) -> Scope:
    try:
        return Scope(request.params["scope"])
    except ValueError:
        raise not_found("scope") from None


def _key(request: ApiRequest, desk: LimitDesk) -> tuple[Scope, str]:
    scope, key = _scope(request), request.params["key"]
    if len(key) > 128 or not desk.may_see(request.principal, scope, key):
        raise not_found("limit")
    return scope, key


def _change(body: LimitIn) -> LimitChange:
    parts = {name: getattr(body, name) for name in body.model_fields_set}
    if not parts:
        raise ApiError(400, "malformed_request", "$: give rate, window or both")
    return LimitChange(**{name: None if part is None else _fields(part) for name, part in parts.items()})


def _fields(part: RateIn | WindowIn) -> dict[str, Any]:
    given = part.model_dump(by_alias=False, exclude_unset=True)
    return {name.replace("_seconds", "_s").replace("_second", "_s"): value for name, value in given.items()}


async def _put(desk: LimitDesk, scope: Scope, key: str, body: LimitIn) -> None:
    try:
        await desk.standing.change(scope, key, _change(body))
    except ValidationError as error:
        faults = [
            (f"$.{'.'.join(map(str, fault['loc']))}: {fault['msg']}", "malformed_request")
            for fault in error.errors()
        ]
        raise ApiError(400, "malformed_request", errors=faults) from None
    except ValueError as error:
        raise ApiError(400, "malformed_request", f"$: {error}") from None


def _default(desk: LimitDesk, scope: Scope) -> LimitOut:
    limit = desk.limiter.defaults[scope]
    return LimitOut(
        scope=scope.value,
        key=None,
        overridden=desk.standing.is_set(scope, DEFAULT),
        rate=None if limit.rate is None else _rate(limit.rate),
        window=None if limit.window is None else _window(limit.window),
    )


def _shown(found: Usage) -> LimitOut:
    limit: ScopeLimit = found.limit
    return LimitOut(
        scope=found.scope.value,
        key=found.key,
        overridden=found.overridden,
        used_ratio=round(used_ratio(found), 6),
        rate=None if limit.rate is None else _rate(limit.rate, found.rate),
        window=None if limit.window is None else _window(limit.window, found.window),
    )


def _rate(limit: RateLimit, used: RateUsage | None = None) -> RateOut:
    return RateOut(
        segments=limit.segments,
        period_seconds=limit.period_ns / SECOND_NS,
        burst=limit.burst,
        overflow=limit.overflow.value,
        max_wait_seconds=limit.max_wait_ns / SECOND_NS,
        used=None if used is None else used.used,
        next_at=None if used is None else format_ns(used.next_ns),
        idle_at=None if used is None else format_ns(used.idle_ns),
    )


def _window(limit: WindowLimit, used: WindowUsage | None = None) -> WindowOut:
    return WindowOut(
        cap=limit.cap,
        period=limit.calendar.period.value,
        zone=str(limit.calendar.zone),
        overflow=limit.overflow.value,
        used=None if used is None else used.used,
        ahead=None if used is None else used.ahead,
        resets_at=None if used is None else format_ns(used.resets_ns),
    )
