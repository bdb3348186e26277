"""Opt-outs and reports of spam over HTTP (10dlc.md, Opt-out keywords; webex.md B9)."""

import base64
import binascii
from typing import Annotated

from pydantic import StringConstraints

from gateway.api.scope import ADMINISTRATORS, may_see_organization, not_found, page_by
from gateway.policy.consent import Consent
from gateway.policy.numbers import NumberKind, normalise
from gateway.policy.optout import OptOut, OptOutScope
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.models import ApiModel
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id

Telephone = Annotated[str, StringConstraints(max_length=32)]


class OptOutIn(ApiModel):
    """A recipient who wants no more texts from a number; the configured scope says how far that reaches."""

    recipient: Telephone
    number: Telephone


class OptOutOut(ApiModel):
    """A standing opt-out."""

    id: str
    recipient: str
    scope: OptOutScope
    scope_key: str
    since: str
    origin: str


class OptOutQuery(ApiModel):
    """Which opt-outs a listing shows."""

    recipient: str | None = None
    max: int | None = None
    cursor: str | None = None


class SpamReportIn(ApiModel):
    """A sender somebody suspects of spam (B9)."""

    sender: Telephone
    reporter: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None


class SpamReportOut(ApiModel):
    """A report that was taken, and whether the sender is blocked now, by Cisco alone."""

    id: str
    sender: str
    created: str
    blocked: bool


class BlockedSenderOut(ApiModel):
    """A number on the gateway's own spam block."""

    sender: str
    since: str


def consent_routes(consent: Consent) -> Routes:
    """`/v1/optOuts` and `/v1/spamReports`."""
    routes = Routes("Consent", "Who wants no texts, and who is suspected of spam.")
    _add_opt_outs(routes, consent)
    _add_spam_reports(routes, consent)
    return routes


def _add_opt_outs(routes: Routes, consent: Consent) -> None:
    """`/v1/optOuts`."""

    @routes.get(
        "/v1/optOuts",
        query=OptOutQuery,
        returns=list[OptOutOut],
        roles=ADMINISTRATORS,
        paged=True,
        errors=(400,),
    )
    async def listing(request: ApiRequest) -> Paged:
        """List standing opt-outs."""
        wanted = request.query.recipient
        found = (
            entry
            for entry in consent.opt_outs
            if _may_see(request.principal, entry) and wanted in (None, entry.recipient)
        )
        return page_by(request, found, _opt_out_id, _show)

    @routes.post(
        "/v1/optOuts",
        body=OptOutIn,
        returns=OptOutOut,
        status=201,
        roles=ADMINISTRATORS,
        errors=(400, 404),
    )
    async def opt_out(request: ApiRequest) -> OptOutOut:
        """Opt a recipient out of texts from a number, as a STOP would."""
        number = _e164(request.body.number, "number")
        held = consent.directory.number(number)
        if held is None or not may_see_organization(request.principal, held.organization_id):
            raise not_found("number")
        return _show(await consent.opt_out(_e164(request.body.recipient, "recipient"), number))

    @routes.get("/v1/optOuts/{id}", returns=OptOutOut, roles=ADMINISTRATORS, errors=(404,))
    async def show(request: ApiRequest) -> OptOutOut:
        """Show one opt-out."""
        return _show(_find(request))

    @routes.delete("/v1/optOuts/{id}", roles=ADMINISTRATORS, errors=(404,))
    async def opt_in(request: ApiRequest) -> None:
        """End an opt-out, as a START would."""
        await consent.opt_in(_find(request))

    def _may_see(principal: Principal, entry: OptOut) -> bool:
        return may_see_organization(principal, consent.organization_of(entry))

    def _find(request: ApiRequest) -> OptOut:
        entry = consent.opt_outs.find(*_parts(request.params["id"]))
        if entry is None or not _may_see(request.principal, entry):
            raise not_found("opt-out")
        return entry


def _add_spam_reports(routes: Routes, consent: Consent) -> None:
    """`/v1/spamReports`."""

    @routes.get("/v1/spamReports", returns=list[BlockedSenderOut], roles=ADMINISTRATORS)
    async def blocked(request: ApiRequest) -> Paged:
        """List the senders that reports have blocked."""
        senders = [sender for sender in consent.spam_block if _concerns(request.principal, sender)]
        return Paged([_blocked(sender) for sender in senders])

    @routes.post("/v1/spamReports", body=SpamReportIn, returns=SpamReportOut, status=202, errors=(400,))
    async def report(request: ApiRequest) -> SpamReportOut:
        """Report a Webex Calling user as suspected of spam.

        Enough different reporters block the sender here, at Cisco; carriers are not told (B9).
        """
        sender = _e164(request.body.sender, "sender")
        reporter = request.body.reporter or request.principal.token_name
        taken = await consent.report(sender, reporter)
        return SpamReportOut(
            id=encode_id(taken.id),
            sender=sender,
            created=format_ns(taken.at_ns),
            blocked=consent.spam_block.is_blocked(sender),
        )

    @routes.delete("/v1/spamReports/{sender}", roles=ADMINISTRATORS, errors=(404,))
    async def lift(request: ApiRequest) -> None:
        """Forget the reports of a sender and let it text again."""
        sender = request.params["sender"]
        if not _concerns(request.principal, sender):
            raise not_found("blocked sender")
        if not await consent.lift(sender):
            raise not_found("blocked sender")

    def _concerns(principal: Principal, sender: str) -> bool:
        number = consent.directory.number(sender)
        return may_see_organization(principal, number.organization_id if number else None)

    def _blocked(sender: str) -> BlockedSenderOut:
        return BlockedSenderOut(
            sender=sender, since=format_ns(consent.spam_block.blocked_since_ns(sender) or 0)
        )


def _e164(text: str, field: str) -> str:
    found = normalise(text)
    if found.kind in (NumberKind.MALFORMED, NumberKind.INVALID):
        raise ApiError(400, "malformed_request", f"$.{field}: not a telephone number")
    return found.e164


def _opt_out_id(entry: OptOut) -> str:
    return base64.urlsafe_b64encode(f"{entry.recipient}\0{entry.scope_key}".encode()).decode().rstrip("=")


def _parts(opt_out_id: str) -> tuple[str, str]:
    try:
        raw = base64.urlsafe_b64decode(opt_out_id + "=" * (-len(opt_out_id) % 4)).decode()
    except (ValueError, binascii.Error):
        raw = ""
    recipient, _, key = raw.partition("\0")
    return recipient, key


def _show(entry: OptOut) -> OptOutOut:
    return OptOutOut(
        id=_opt_out_id(entry),
        recipient=entry.recipient,
        scope=entry.scope,
        scope_key=entry.scope_key,
        since=format_ns(entry.since_ns),
        origin=entry.origin,
    )
