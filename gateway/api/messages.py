"""Texts over HTTP: send one or many, list, show with verdicts and timeline."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from gateway.api.repeats import take_once
from gateway.directory.directory import Directory
from gateway.directory.model import ClientKind, Person
from gateway.messages.dispatch import Dispatch
from gateway.messages.documents import message_document, message_json, story_document
from gateway.messages.intake import Intake, OutboundText, Refusal, Taken
from gateway.messages.model import Direction, Message, State
from gateway.messages.store import Filter, MessageStore
from gateway.runtime.database import IntegrityError
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.endpoint import malformed
from gateway.runtime.http.errors import ApiError, retry_after
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Reply, Routes
from gateway.runtime.ids import decode_id

MAX_BULK = 1000
TURN = 100
"""Texts of bulk requests that are taken at a stretch: about 10 ms, in which nobody else is served."""
TEXTERS = ("admin", "partner", "person")
Number = Annotated[str, StringConstraints(max_length=64)]


class ClientIn(ApiModel):
    """The Webex App a text is sent from (webex.md A4, A14)."""

    kind: Literal["desktop", "mobile"]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){0,3}$")] | None = None


class MessageIn(ApiModel):
    """A text to send, from a person (`personId`) or from a person's number (`from`)."""

    person_id: Annotated[str, StringConstraints(max_length=128)] | None = None
    source: Number | None = Field(None, alias="from")
    to: Number
    text: Annotated[str, StringConstraints(max_length=20_000)] = ""
    files: tuple[Annotated[str, StringConstraints(max_length=2_000)], ...] = Field(
        (), max_length=10, description="URLs of attachments: MMS, which is refused (webex.md B1)."
    )
    client: ClientIn | None = None


class MessageOut(ApiModel):
    """A text as it stands."""

    id: str
    direction: Direction
    state: State
    source: str = Field(alias="from")
    to: str
    text: str
    segments: int
    encoding: str
    carrier: str
    release_at: str
    created: str
    updated: str
    organization_id: str | None = None
    person_id: str | None = None
    code: str | None = None
    blocked_by: str | None = None
    client: dict[str, Any] | None = None


class VerdictOut(ApiModel):
    """What one rule says of a text: `outcome` passed, refused, shadowed, notJudged or off."""

    code: str | None
    facts: list[str]
    mode: str
    outcome: str
    blocked_by: str
    description: str
    http_status: int | None = None


class MessageStory(MessageOut):
    """A text with what each rule said and what went over the wire."""

    verdicts: list[VerdictOut]
    timeline: list[dict[str, Any]]


class BulkItem(ApiModel):
    """What became of one text of a bulk request: `message` with 202, `errors` otherwise."""

    status: int
    message: MessageOut | None = None
    errors: list[dict[str, str]] | None = None
    blocked_by: str | None = None
    retry_after: int | None = None


class MessageQuery(ApiModel):
    """Which texts a listing shows; newest first."""

    person_id: str | None = None
    direction: Direction | None = None
    state: State | None = None
    carrier: str | None = None
    code: str | None = None
    number: str | None = Field(None, description="Sender or recipient, E.164.")
    contains: str | None = Field(None, max_length=200, description="Part of the text.")
    max: int | None = None
    cursor: str | None = None


_VALIDATE = TypeAdapter(MessageIn).validate_python
_VALIDATE_ALL = TypeAdapter(list[MessageIn]).validate_python


def message_routes(intake: Intake, dispatch: Dispatch, store: MessageStore, directory: Directory) -> Routes:
    """`/v1/messages`."""
    routes = Routes(
        "Messages", "Texts, both ways. Webex publishes no API for business texts: this one is ours."
    )
    _add_sending(routes, intake, store, directory)
    _add_reading(routes, dispatch, store)
    return routes


def _add_sending(routes: Routes, intake: Intake, store: MessageStore, directory: Directory) -> None:
    """One text, and many."""
    turn = asyncio.Lock()

    @routes.post(
        "/v1/messages",
        body=MessageIn,
        returns=MessageOut,
        status=202,
        roles=TEXTERS,
        errors=(400, 403, 409, 422, 429, 503),
        idempotent=True,
        express=True,
    )
    async def send(request: ApiRequest) -> Any:
        """Send a text.

        202 says that it is stored and will go out; what a rule refuses is answered with its code and who
        refuses (`blockedBy`). Repeated with the same header `Idempotency-Key`, a request sends nothing more
        and is answered with the text that the first one made, as it is by now; a refused one is tried anew.
        """
        text = outbound(request.body, request.principal, directory)
        key = request.idempotency_key
        if key is None:
            outcome = await intake.accept(text)
        else:
            outcome = await _once(request, text, key)
        if isinstance(outcome, Refusal):
            return refused(outcome, request)
        return Reply(message_json(outcome).encode(), status=202)

    async def _once(request: ApiRequest, text: OutboundText, key: str) -> Message | Refusal:
        caller = request.principal.token_name
        digest = hashlib.sha256(request.body.model_dump_json().encode()).hexdigest()
        if (earlier := await _earlier(caller, key, digest)) is not None:
            return earlier
        try:
            return await intake.accept(text, (caller, key, digest))
        except IntegrityError:
            if (earlier := await _earlier(caller, key, digest)) is not None:
                return earlier
            raise

    async def _earlier(caller: str, key: str, digest: str) -> Message | None:
        known = await store.known_key(caller, key)
        if known is None:
            return None
        if known.digest != digest:
            raise ApiError(409, "idempotency_key_reused", "this Idempotency-Key was used for another request")
        return await store.get(known.message_id)

    @routes.post(
        "/v1/messages/bulk",
        body=Annotated[list[Any], Field(min_length=1, max_length=MAX_BULK)],
        returns=list[BulkItem],
        status=200,
        roles=TEXTERS,
        errors=(400, 409),
        bulk=True,
        idempotent=True,
        express=True,
    )
    async def send_many(request: ApiRequest) -> Reply:
        """Send up to 1,000 texts, each written as for `POST /v1/messages`.

        Each has its own result, in order: a malformed or refused one does not keep the others back. Repeated
        with the same header `Idempotency-Key`, what was taken is not sent again and stands in the answer as
        it is by now; what was refused is tried anew.
        """
        outcomes: Sequence[Message | Taken | Refusal]
        take = partial(_take_in_turns, request.principal)
        key = request.idempotency_key
        if key is None:
            outcomes = await take(request.body)
            await intake.settle([each for each in outcomes if isinstance(each, Taken)])
        else:
            outcomes = await take_once(store, intake, request.principal.token_name, key, request.body, take)
        items_json = ",".join([_bulk_item(outcome) for outcome in outcomes])
        return Reply(f"[{items_json}]".encode())

    async def _take_in_turns(principal: Principal, items: Sequence[Any]) -> list[Taken | Refusal]:
        outcomes: list[Taken | Refusal] = []
        for first in range(0, len(items), TURN):
            async with turn:  # its release wakes the next in the loop's next round: all others come between
                outcomes += _take_all(intake, items[first : first + TURN], principal, directory)
            if first + TURN < len(items):
                await asyncio.sleep(0)
        return outcomes


def _add_reading(routes: Routes, dispatch: Dispatch, store: MessageStore) -> None:
    """Lists, one text's story, and taking one back."""

    @routes.get(
        "/v1/messages",
        query=MessageQuery,
        returns=list[MessageOut],
        roles=TEXTERS,
        paged=True,
        errors=(400,),
    )
    async def listing(request: ApiRequest) -> Paged:
        """List texts, newest first; a person sees only that person's."""
        query: MessageQuery = request.query
        cursor = request.page.cursor
        wanted = Filter(
            organization_id=request.principal.organization_id,
            person_id=_confined(request.principal, query.person_id),
            direction=query.direction,
            state=query.state,
            carrier=query.carrier,
            code=query.code,
            number=query.number,
            text_contains=query.contains,
            before_id=cursor[0] if cursor and isinstance(cursor[0], int) else None,
        )
        found = await store.page(wanted, request.page.max + 1)
        shown = found[: request.page.max]
        more = (shown[-1].id,) if len(found) > len(shown) else None
        return Paged([message_document(message) for message in shown], more)

    @routes.get("/v1/messages/{id}", returns=MessageStory, roles=TEXTERS, errors=(404,))
    async def show(request: ApiRequest) -> Reply:
        """Show one text with its verdicts and its timeline of PDUs.

        A submit_sm that settled nothing stands there too, with `settled` false: refused for the moment
        (`submit_sm_resp`), unanswered (`no_response`), or cut off with its bind (`connection_lost`).
        """
        message = await _visible(request)
        segments = await store.segments_of(message.id)
        terms = dispatch.terms_of(message.carrier) if message.direction is Direction.OUTBOUND else None
        return Reply(story_document(message, segments, terms, await store.setbacks_of(message.id)))

    @routes.delete("/v1/messages/{id}", roles=TEXTERS, errors=(404, 409))
    async def cancel(request: ApiRequest) -> None:
        """Take a text back that still waits for its release; what it took of the limits is given back."""
        message = await _visible(request)
        if not await dispatch.cancel(message.id):
            raise ApiError(409, "message_not_waiting", "the text is not waiting for its release any more")

    async def _visible(request: ApiRequest) -> Message:
        try:
            message = await store.get(decode_id(request.params["id"]))
        except ValueError:
            message = None
        if message is None or not may_see(request.principal, message):
            raise ApiError(404, "message_not_found", "there is no such message")
        return message


def outbound(body: MessageIn, principal: Principal, directory: Directory) -> OutboundText:
    """What a request asks of intake; raises `ApiError` 400 or 403 where the caller may not ask it."""
    person = _sender(body, principal, directory)
    if person is not None and principal.organization_id not in (None, person.organization_id):
        raise ApiError(403, "not_allowed", "the sender belongs to another organisation")
    if principal.role == "person" and (person is None or person.id != principal.person_id):
        raise ApiError(403, "business_identity_only", "a person texts from that person's work number only")
    if person is None:
        _check_nobodys(body.source or "", principal, directory)
    source = body.source
    if source is None and person is not None:
        source = person.number
    client, kind, version = body.client, None, None
    if client is not None:
        kind = ClientKind(client.kind)
        version = tuple(map(int, client.version.split("."))) if client.version else None
    return OutboundText(body.to, body.text, person, source, bool(body.files), kind, version)


def _check_nobodys(number: str, principal: Principal, directory: Directory) -> None:
    """A number that is no person's work number: is it the caller's, and is it somebody's personal one?"""
    held = directory.number(number)
    if held is not None and principal.organization_id not in (None, held.organization_id):
        raise ApiError(403, "not_allowed", "the sender belongs to another organisation")
    person = directory.person_by_private_number(number)
    if person is not None and principal.organization_id in (None, person.organization_id):
        raise ApiError(403, "business_identity_only", "texts leave from the work number only")


def _sender(body: MessageIn, principal: Principal, directory: Directory) -> Person | None:
    if body.person_id is not None:
        person = directory.person(body.person_id)
        if person is None:
            raise ApiError(400, "malformed_request", "$.personId: there is no such person")
        if body.source is not None and body.source != person.number:
            raise ApiError(400, "malformed_request", "$.from: not this person's number; give one of the two")
        return person
    if body.source is not None:
        return directory.person_by_number(body.source)
    if principal.person_id is not None:
        return directory.person(principal.person_id)
    raise ApiError(400, "malformed_request", "$: give personId or from")


def refused(refusal: Refusal, request: ApiRequest) -> Reply:
    """A rule's refusal as an answer: the usual error document, and who refuses."""
    document = {
        "message": refusal.description,
        "errors": _errors(refusal),
        "trackingId": request.tracking_id,
        "blockedBy": refusal.blocked_by,
    }
    headers = {} if refusal.retry_after_s is None else {"Retry-After": retry_after(refusal.retry_after_s)}
    return Reply(document, status=refusal.http_status, headers=headers)


def may_see(principal: Principal, message: Message) -> bool:
    """Whether the caller may see this text: an administrator of its organisation, or its person."""
    return principal.oversees(message.organization_id, message.person_id)


def _errors(refusal: Refusal) -> list[dict[str, str]]:
    return [{"description": refusal.description, "code": refusal.code}]


def _take_all(
    intake: Intake, items: Sequence[Any], principal: Principal, directory: Directory
) -> list[Taken | Refusal]:
    """What intake makes of each item, in order; what is no text or may not be asked is refused here."""
    asked: list[OutboundText | Refusal]
    try:
        asked = [outbound(body, principal, directory) for body in _VALIDATE_ALL(items)]
    except (ValidationError, ApiError):  # one of them: each for itself
        asked = [_asked(item, principal, directory) for item in items]
    taken = iter(intake.take_all([one for one in asked if not isinstance(one, Refusal)]))
    return [one if isinstance(one, Refusal) else next(taken) for one in asked]


def _asked(item: Any, principal: Principal, directory: Directory) -> OutboundText | Refusal:
    try:
        return outbound(_VALIDATE(item), principal, directory)
    except ValidationError as error:
        fault = malformed(error, "$")
        return Refusal(fault.code, fault.description, fault.status, "gateway")
    except ApiError as error:
        return Refusal(error.code, error.description, error.status, "gateway")


def _bulk_item(outcome: Message | Taken | Refusal) -> str:
    if isinstance(outcome, Taken):
        return f'{{"status":202,"message":{message_json(outcome.message)}}}'
    if isinstance(outcome, Message):
        return f'{{"status":202,"message":{message_json(outcome)}}}'
    item: dict[str, Any] = {
        "status": outcome.http_status,
        "errors": _errors(outcome),
        "blockedBy": outcome.blocked_by,
    }
    if outcome.retry_after_s is not None:
        item["retryAfter"] = int(retry_after(outcome.retry_after_s))
    return json.dumps(item)


def _confined(principal: Principal, asked_person: str | None) -> str | None:
    """The person whose texts a listing shows; raises `ApiError` 403 where a person asks for another's."""
    if principal.role != "person":
        return asked_person
    if asked_person not in (None, principal.person_id):
        raise ApiError(403, "not_allowed", "a person sees only that person's messages")
    return principal.person_id
