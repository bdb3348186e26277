"""Webhooks over HTTP: register, list, change, end; see what was delivered or died, and deliver again."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from gateway.messages.webhooks import Finished, TooManyWebhooks, Webhook, Webhooks
from gateway.messages.webhooks.client import address_allowed
from gateway.messages.webhooks.queue import Delivery
from gateway.messages.webhooks.selection import ALL, FilterInvalid, parse_filter, words_of
from gateway.messages.webhooks.wire import TargetInvalid, parse_target
from gateway.runtime.clock import WorldClock
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import decode_id, encode_id, new_id

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Resource = Literal["all", "messages", "carriers", "limits", "campaigns", "recordings", "clock"]
Word = Annotated[str, StringConstraints(pattern="^[a-z]{1,32}$")]
Status = Literal["active", "inactive"]

_EXAMPLE = {
    "name": "Delivered texts",
    "targetUrl": "http://127.0.0.1:9000/events",
    "resource": "messages",
    "event": "delivered",
    "filter": "direction=outbound",
    "secret": "correct horse battery staple",
}


class WebhookIn(ApiModel):
    """A webhook to register."""

    name: Name
    target_url: Url = Field(description="Where events are posted; inside `webhooks.allowed_networks`.")
    resource: Resource = "all"
    event: Word = Field(ALL, description="The word after the dot of an event's name: `delivered`; or `all`.")
    filter: Annotated[str, StringConstraints(max_length=1000)] | None = Field(
        None, description="`key=value` pairs joined by `&` that the event's data have to meet."
    )
    secret: Secret | None = Field(None, description="Key of the two signatures; never shown again.")


class WebhookChange(ApiModel):
    """What of a webhook to change."""

    name: Name | None = None
    target_url: Url | None = None
    secret: Secret | None = None
    status: Status | None = None


class WebhookOut(ApiModel):
    """A webhook as it stands; `waiting` and `deadLetters` count its deliveries."""

    id: str
    name: str
    target_url: str
    resource: Resource
    event: str
    filter: str | None = None
    has_secret: bool
    status: Status
    organization_id: str | None = None
    person_id: str | None = None
    created: str
    waiting: int
    dead_letters: int


class DeliveryOut(ApiModel):
    """A delivery that ended: at its receiver, or as a dead letter."""

    id: str
    event: str
    state: Literal["delivered", "dead"]
    attempts: int
    status: int | None = Field(None, description="What the receiver answered last, where it is known.")
    error: str | None = None
    created: str
    finished: str


class DeliveryQuery(ApiModel):
    """Which deliveries to show."""

    state: Literal["delivered", "dead"] = Field(
        "dead", description="Dead letters (kept), or what was delivered lately (in memory)."
    )
    max: int | None = None
    cursor: str | None = None


class RedeliveryOut(ApiModel):
    """How many dead letters go out again."""

    redelivered: int


def webhook_routes(webhooks: Webhooks, clock: WorldClock) -> Routes:
    """`/v1/webhooks`."""
    routes = Routes(
        "Webhooks", "Events posted to your own server: at least once, signed, in order for each text."
    )

    @routes.post(
        "/v1/webhooks",
        body=WebhookIn,
        returns=WebhookOut,
        status=201,
        errors=(400, 409),
        examples={"body": _EXAMPLE},
    )
    async def create(request: ApiRequest) -> dict[str, Any]:
        """Register a webhook.

        Events are posted as the JSON document of the stream. `X-Spark-Signature` is HMAC-SHA1 and
        `X-Signature-256` HMAC-SHA256 of the raw body with `secret`, in hexadecimal. Answer 2xx; anything else
        is repeated with growing delays, and 410 switches the webhook off.
        """
        body: WebhookIn = request.body
        _check_target(webhooks, body.target_url)
        _check_event(body.resource, body.event)
        _check_filter(body.filter)
        webhook = Webhook(
            new_id(),
            body.name,
            body.target_url,
            body.resource,
            body.event,
            body.filter or None,
            body.secret,
            "active",
            request.principal,
            clock.now_ns(),
        )
        try:
            await webhooks.create(webhook)
        except TooManyWebhooks:
            raise ApiError(
                409, "too_many_webhooks", f"there are {webhooks.settings.max_webhooks}; delete one first"
            ) from None
        return await _shown(webhooks, webhook)

    @routes.get("/v1/webhooks", returns=list[WebhookOut], paged=True, errors=(400,))
    async def listing(request: ApiRequest) -> Paged:
        """List the webhooks you may see, oldest first."""
        after = _after(request)
        found = [one for one in webhooks.all() if one.id > after and _may_see(request.principal, one)]
        shown = found[: request.page.max]
        more = (shown[-1].id,) if len(found) > len(shown) else None
        return Paged([await _shown(webhooks, one) for one in shown], more)

    @routes.get("/v1/webhooks/{id}", returns=WebhookOut, errors=(404,))
    async def show(request: ApiRequest) -> dict[str, Any]:
        """Show one webhook."""
        return await _shown(webhooks, _webhook(webhooks, request))

    @routes.patch("/v1/webhooks/{id}", body=WebhookChange, returns=WebhookOut, errors=(400, 404))
    async def change(request: ApiRequest) -> dict[str, Any]:
        """Change a webhook; switched off, it keeps what waits and takes no new events."""
        webhook = _webhook(webhooks, request)
        body: WebhookChange = request.body
        if body.target_url is not None:
            _check_target(webhooks, body.target_url)
        changed = await webhooks.change(
            webhook,
            name=body.name or webhook.name,
            target_url=body.target_url or webhook.target_url,
            secret=body.secret or webhook.secret,
            status=body.status or webhook.status,
        )
        return await _shown(webhooks, changed)

    @routes.delete("/v1/webhooks/{id}", status=204, errors=(404,))
    async def delete(request: ApiRequest) -> None:
        """End a webhook and everything that waits for it."""
        await webhooks.delete(_webhook(webhooks, request).id)

    _add_deliveries(routes, webhooks)
    return routes


def _add_deliveries(routes: Routes, webhooks: Webhooks) -> None:
    @routes.get(
        "/v1/webhooks/{id}/deliveries",
        query=DeliveryQuery,
        returns=list[DeliveryOut],
        paged=True,
        errors=(400, 404),
    )
    async def deliveries(request: ApiRequest) -> Paged:
        """List dead letters (oldest first), or what was delivered lately (newest first)."""
        webhook = _webhook(webhooks, request)
        if request.query.state == "delivered":
            done = [one for one in webhooks.recent(webhook.id) if one.state == "delivered"]
            return Paged([_finished(one) for one in done[: request.page.max]])
        found = await webhooks.store.dead(webhook.id, _after(request), request.page.max + 1)
        shown = found[: request.page.max]
        more = (shown[-1][0].id,) if len(found) > len(shown) else None
        return Paged([_document(delivery, "dead", None, dead_ns) for delivery, dead_ns in shown], more)

    @routes.post(
        "/v1/webhooks/{id}/deliveries/{deliveryId}/redeliver",
        returns=RedeliveryOut,
        status=202,
        errors=(404, 503),
    )
    async def redeliver(request: ApiRequest) -> RedeliveryOut:
        """Deliver one dead letter again."""
        webhook = _webhook(webhooks, request)
        letter = await webhooks.store.dead_letter(
            webhook.id, _id(request, "deliveryId", "delivery_not_found")
        )
        if letter is None:
            raise ApiError(404, "delivery_not_found", "there is no such dead letter")
        if not await webhooks.redeliver(webhook.id, letter):
            raise ApiError(503, "queue_full", "too many deliveries wait for this webhook", retry_after_s=5)
        return RedeliveryOut(redelivered=1)

    @routes.post("/v1/webhooks/{id}/redeliver", returns=RedeliveryOut, status=202, errors=(404,))
    async def redeliver_all(request: ApiRequest) -> RedeliveryOut:
        """Deliver up to 1,000 dead letters again, oldest first."""
        webhook = _webhook(webhooks, request)
        count = 0
        for letter, _ in await webhooks.store.dead(webhook.id, 0, 1000):
            if not await webhooks.redeliver(webhook.id, letter):
                break
            count += 1
        return RedeliveryOut(redelivered=count)


def _webhook(webhooks: Webhooks, request: ApiRequest) -> Webhook:
    webhook = webhooks.get(_id(request, "id", "webhook_not_found"))
    if webhook is None or not _may_see(request.principal, webhook):
        raise ApiError(404, "webhook_not_found", "there is no such webhook")
    return webhook


def _may_see(principal: Principal, webhook: Webhook) -> bool:
    owner = webhook.owner
    return principal == owner or principal.oversees(owner.organization_id, owner.person_id)


def _check_target(webhooks: Webhooks, url: str) -> None:
    try:
        target = parse_target(url)
    except TargetInvalid as fault:
        raise ApiError(400, "target_invalid", f"$.targetUrl: {fault}") from None
    is_address = target.host.replace(".", "").isdigit() or ":" in target.host
    if is_address and not address_allowed(target.host, webhooks.settings.allowed_networks):
        raise ApiError(
            400, "target_not_allowed", "$.targetUrl: outside the networks of webhooks.allowed_networks"
        )


def _check_event(resource: str, event: str) -> None:
    known = words_of(resource)
    if event not in known:
        told = f"$.event: nothing of the name is ever told; {resource} knows {', '.join(known)}"
        raise ApiError(400, "malformed_request", told)


def _check_filter(text: str | None) -> None:
    try:
        parse_filter(text)
    except FilterInvalid as fault:
        raise ApiError(400, "filter_invalid", f"$.filter: {fault}") from None


def _id(request: ApiRequest, name: str, code: str) -> int:
    try:
        return decode_id(request.params[name])
    except ValueError:
        raise ApiError(404, code, "there is nothing of this id") from None


def _after(request: ApiRequest) -> int:
    cursor = request.page.cursor
    return cursor[0] if cursor and isinstance(cursor[0], int) else 0


async def _shown(webhooks: Webhooks, webhook: Webhook) -> dict[str, Any]:
    shown = WebhookOut(
        id=encode_id(webhook.id),
        name=webhook.name,
        target_url=webhook.target_url,
        resource=webhook.resource,
        event=webhook.event,
        filter=webhook.filter,
        has_secret=webhook.secret is not None,
        status=webhook.status,
        organization_id=webhook.owner.organization_id,
        person_id=webhook.owner.person_id,
        created=format_ns(webhook.created_ns),
        waiting=webhooks.waiting(webhook.id),
        dead_letters=await webhooks.store.count_dead(webhook.id),
    )
    return shown.model_dump(exclude_none=True)


def _finished(done: Finished) -> dict[str, Any]:
    return _document(done.delivery, done.state, done.status, done.finished_ns)


def _document(delivery: Delivery, state: str, status: int | None, finished_ns: int) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": encode_id(delivery.id),
        "event": delivery.event,
        "state": state,
        "attempts": delivery.attempts,
        "created": format_ns(delivery.created_ns),
        "finished": format_ns(finished_ns),
    }
    optional = {"status": status, "error": delivery.error or None}
    document.update({name: value for name, value in optional.items() if value is not None})
    return document
