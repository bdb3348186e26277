"""How many texts there are of each kind, from what is stored: for whoever missed events of the stream."""

import asyncio
from collections import Counter
from typing import Any

from pydantic import Field
from sqlalchemy import func, select

from gateway.api.messages import TEXTERS
from gateway.messages.events import MessageRefused
from gateway.messages.model import UNSENT, Direction, State
from gateway.messages.tables import messages
from gateway.runtime.bus import Bus
from gateway.runtime.database import Database
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.stream import EventStream
from gateway.runtime.ids import decode_id

_UNFINISHED = {*UNSENT, State.SUBMITTED}


class TotalsQuery(ApiModel):
    """From where to count."""

    after: str | None = Field(
        None, description="Only texts newer than the one with this id; without it, all."
    )


class TotalsOut(ApiModel):
    """Texts the caller may see, as they are stored now, and refusals since the gateway's start.

    `accepted`, `delivered` and `failed` are outbound texts, `received` inbound ones whatever became of them;
    `failures` has the failed by code. Refused texts are not stored: `refused` and `refusals` (by code) count
    those of this `run`, which is another one after a restart. Everything the stream told up to the event
    `eventId` is counted.
    """

    accepted: int
    delivered: int
    failed: int
    received: int
    failures: dict[str, int]
    refused: int
    refusals: dict[str, int]
    run: str
    event_id: str


class Refusals:
    """Texts refused since the start, by whose they were and by code: as many entries as people and codes."""

    def __init__(self, bus: Bus) -> None:
        self._counts: Counter[tuple[str | None, str | None, str]] = Counter()
        bus.listen(MessageRefused, self._take)

    def _take(self, event: MessageRefused) -> None:
        self._counts[event.organization_id, event.person_id, event.code] += 1

    def seen_by(self, principal: Principal) -> dict[str, int]:
        """The refusals `principal` may know of, by code."""
        found: Counter[str] = Counter()
        for (organization_id, person_id, code), count in self._counts.items():
            if principal.oversees(organization_id, person_id):
                found[code] += count
        return dict(found)


def total_routes(database: Database, bus: Bus, stream: EventStream) -> Routes:
    """`/v1/totals`."""
    routes = Routes("Messages")
    refusals = Refusals(bus)
    turn = asyncio.Lock()  # many viewers may have missed the same: they are answered one after the other

    @routes.get("/v1/totals", query=TotalsQuery, returns=TotalsOut, roles=TEXTERS, errors=(400,))
    async def totals(request: ApiRequest) -> TotalsOut:
        """Count texts: what the events of the stream add up to, for a viewer that missed some."""
        after = _decoded(request.query.after)
        async with turn:
            await database.flush()
            event_id, refused = stream.position, refusals.seen_by(request.principal)
            stored = await _stored(database, request.principal, after)
        return TotalsOut(
            **stored, refused=sum(refused.values()), refusals=refused, run=stream.run, event_id=event_id
        )

    return routes


def _decoded(after: str | None) -> int:
    try:
        return decode_id(after) if after else 0
    except ValueError:
        raise ApiError(400, "malformed_request", "query.after: the id of a text") from None


async def _stored(database: Database, principal: Principal, after: int) -> dict[str, Any]:
    table = messages.c
    kinds = (table.direction, table.state, table.code)
    query = select(*kinds, func.count().label("texts")).where(table.id > after).group_by(*kinds)
    if principal.organization_id is not None:
        query = query.where(table.organization_id == principal.organization_id)
    if principal.role == "person":
        query = query.where(table.person_id == principal.person_id)
    found: dict[str, Any] = {"accepted": 0, "delivered": 0, "failed": 0, "received": 0}
    failures: Counter[str] = Counter()
    rows: list[Any] = await database.fetch(query)
    for direction, state, code, texts in rows:
        if direction == Direction.INBOUND.value:
            found["received"] += texts
            continue
        found["accepted"] += texts
        if state == State.DELIVERED.value:
            found["delivered"] += texts
        elif State(state) not in _UNFINISHED:
            found["failed"] += texts
            if code:
                failures[code] += texts
    return {**found, "failures": dict(failures)}
