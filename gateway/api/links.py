"""The gateway's own side of its carriers over HTTP: binds, windows, queues."""

from collections.abc import Mapping

from gateway.esme.pool import CarrierPool
from gateway.messages.dispatch import Dispatch
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes


class BindOut(ApiModel):
    """One bind: `trx`, `tx` or `rx`; connecting, bound, throttled, waiting, unbinding or stopped.

    `lastError` says why it is not bound, and which setting to look at; null while it is.
    """

    name: str
    kind: str
    state: str
    window_used: int
    last_error: str | None = None


class LinkOut(ApiModel):
    """What the gateway has to do with one carrier; counts are since the start."""

    carrier: str
    binds: list[BindOut]
    window: int
    queued: int
    oldest_seconds: float
    submits: int
    delivers: int


def link_routes(pools: Mapping[str, CarrierPool], dispatch: Dispatch) -> Routes:
    """`/v1/links`."""
    routes = Routes("Links", "The gateway's binds to its carriers, mock or real, and what waits for them.")

    @routes.get("/v1/links", returns=list[LinkOut], paged=True)
    async def listing(request: ApiRequest) -> Paged:
        """List every carrier with its binds, window, queue and counts of PDUs."""
        del request
        return Paged([link_document(pool, dispatch) for pool in pools.values()])

    return routes


def link_document(pool: CarrierPool, dispatch: Dispatch) -> LinkOut:
    """One carrier's links as they stand."""
    binds = [
        BindOut(
            name=link.name,
            kind=link.kind.value,
            state=state,
            window_used=link.window_used,
            last_error=link.outage.told if link.outage is not None else None,
        )
        for link, state in zip(pool.links, pool.states(), strict=True)
    ]
    return LinkOut(
        carrier=pool.carrier,
        binds=binds,
        window=pool.settings.window * sum(link.kind.sends for link in pool.links),
        queued=dispatch.waiting(pool.carrier),
        oldest_seconds=round(dispatch.oldest_s(pool.carrier), 3),
        submits=pool.submits,
        delivers=pool.delivers,
    )
