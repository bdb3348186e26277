"""What Webex's own compliance interfaces answer about business texts (webex.md B8)."""

from typing import Any

from gateway.api.scope import ADMINISTRATORS, refusal
from gateway.messages.documents import message_document
from gateway.messages.store import Filter, MessageStore
from gateway.policy.administration import NO_EDISCOVERY, NO_EVENTS_API
from gateway.policy.rules import EVENTS_API, FACTS_IN_FORCE, Revision
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes


class EventOut(ApiModel):
    """One event as Webex's Events API shows it; `data` is the text."""

    id: str
    resource: str
    type: str
    actor_id: str | None
    org_id: str | None
    created: str
    data: dict[str, Any]


def compliance_routes(store: MessageStore, revision: Revision) -> Routes:
    """`/v1/events` and `/v1/ediscovery`."""
    routes = Routes("Compliance", "Webex's Events API and eDiscovery, as far as business texts reach them.")
    unavailable = EVENTS_API in FACTS_IN_FORCE[revision]

    @routes.get("/v1/events", returns=list[EventOut], roles=ADMINISTRATORS, paged=True, errors=(400, 404))
    async def events(request: ApiRequest) -> Paged:
        """List texts as events, newest first; not available in the revisions T1 to T3 (B8)."""
        if unavailable:
            raise refusal(NO_EVENTS_API)
        cursor = request.page.cursor
        wanted = Filter(
            organization_id=request.principal.organization_id,
            before_id=cursor[0] if cursor and isinstance(cursor[0], int) else None,
        )
        found = await store.page(wanted, request.page.max + 1)
        shown = found[: request.page.max]
        more = (shown[-1].id,) if len(found) > len(shown) else None
        return Paged([_event(message_document(message)) for message in shown], more)

    @routes.get("/v1/ediscovery", roles=ADMINISTRATORS, errors=(404,))
    async def ediscovery(request: ApiRequest) -> None:
        """Say that eDiscovery is not available for business texts (B8)."""
        del request
        raise refusal(NO_EDISCOVERY)

    @routes.post("/v1/ediscovery/reports", roles=ADMINISTRATORS, errors=(404,))
    async def report(request: ApiRequest) -> None:
        """Say that eDiscovery is not available for business texts (B8)."""
        del request
        raise refusal(NO_EDISCOVERY)

    return routes


def _event(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": document["id"],
        "resource": "businessTexts",
        "type": "created",
        "actorId": document.get("personId"),
        "orgId": document.get("organizationId"),
        "created": document["created"],
        "data": document,
    }
