"""`/v1/phones` and `/v1/calls`: the simulated telephones, what they show, and the calls between them."""

from collections.abc import Iterator

from gateway.directory.model import Person
from gateway.runtime.http.auth import Principal
from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.paging import Paged
from gateway.runtime.http.routes import ApiRequest, Routes
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import decode_id, encode_id
from siprec.api.call_models import (
    CallIn,
    CallOut,
    CallPartyOut,
    LogOut,
    PhoneCallOut,
    PhoneOut,
    RecordedOut,
    SoftkeyIn,
)
from siprec.api.scope import ADMINISTRATORS, not_found
from siprec.callcontrol import keys
from siprec.callcontrol.call import Call, Leg
from siprec.callcontrol.errors import NotOffered, UnknownCall, UnknownPhone
from siprec.callcontrol.telephony import Telephony, call_state, phone_state, user_part
from siprec.phones.phone import Phone
from siprec.phones.phone_call import CallFailedError, PhoneCall
from siprec.phones.softkeys import ICONS, RecordStatus

CALLERS = (*ADMINISTRATORS, "person")


def call_routes(telephony: Telephony) -> Routes:
    """The routes of telephones and calls."""
    routes = Routes("Calls", "Simulated telephones and the calls between them (webex.md D).")
    view = _View(telephony)
    _add_phones(routes, view, telephony)
    _add_calls(routes, view, telephony)
    return routes


class _View:
    """Telephones and calls as the API shows them, each to those who may see it."""

    def __init__(self, telephony: Telephony) -> None:
        self._telephony = telephony

    # ── telephones ────────────────────────────────────────────────────────────────────────────────

    def phones(self, principal: Principal) -> list[PhoneOut]:
        """Every telephone the caller may see: those played here, then those from elsewhere."""
        played = [self._phone(name, phone) for name, phone in self._telephony.phones.items()]
        found = [*played, *self._registered()]
        return [phone for phone in found if self._may(principal, phone.person_id)]

    def phone(self, principal: Principal, name: str) -> PhoneOut:
        """One of them; raises `ApiError` 404."""
        found = next((each for each in self.phones(principal) if each.id == name), None)
        if found is None:
            raise not_found("telephone")
        return found

    def _may(self, principal: Principal, person_id: str | None) -> bool:
        if principal.role == "person":
            return person_id is not None and person_id == principal.person_id
        person = self._telephony.directory.person(person_id or "")
        return person is None or principal.organization_id in (None, person.organization_id)

    def _phone(self, name: str, phone: Phone) -> PhoneOut:
        settings = phone.settings
        person = self._telephony.directory.person(settings.user)
        shown = [self._phone_call(call) for call in phone.calls]
        last = shown[-1] if shown else None
        return PhoneOut(
            id=name,
            kind=settings.kind,
            simulated=True,
            person_id=person.id if person else None,
            name=person.display_name if person else name,
            number=person.number if person else settings.user,
            registered=phone.registered,
            state=last.state if last else "idle",
            icon=last.icon if last else "none",
            softkeys=last.softkeys if last else [],
            recording_mode=settings.keys.value,
            calls=shown,
        )

    def _phone_call(self, call: PhoneCall) -> PhoneCallOut:
        known = self._telephony.call_of(call)
        return PhoneCallOut(
            call_id=encode_id(known.id) if known else None,
            other=call.other,
            outgoing=call.outgoing,
            state=phone_state(call),
            icon=call.display.icon.value,
            softkeys=list(keys.offered(call)),
        )

    def _registered(self) -> Iterator[PhoneOut]:
        """Phones of people that are not ours: their state is what the call control sees of it."""
        telephony = self._telephony
        own = {phone.uri for phone in telephony.phones.values()}
        for person in telephony.directory.people.values():
            contacts = [c for c in telephony.server.bindings(person.id) if c not in own]
            for number, _contact in enumerate(contacts, 1):
                yield self._stranger(person, f"{person.id}-{number}")

    def _stranger(self, person: Person, name: str) -> PhoneOut:
        telephony = self._telephony
        legs = [
            leg
            for call in telephony.server.control.calls
            for leg in call.up
            if leg.user is not None and leg.user.address == person.id
        ]
        state = "idle" if not legs else "held" if legs[-1].held else "talking"
        return PhoneOut(
            id=name,
            kind="registered",
            simulated=False,
            person_id=person.id,
            name=person.display_name,
            number=person.number,
            registered=True,
            state=state,
            icon=_icon(legs[-1]) if legs else "none",
            softkeys=[],
            recording_mode=telephony.subscribers[person.id].options.keys.value,
            calls=[],
        )

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────

    def calls(self, principal: Principal) -> list[CallOut]:
        """Every call the caller may see, running ones first."""
        return [self.call(call) for call in self._telephony.calls() if self.may_see(principal, call)]

    def may_see(self, principal: Principal, call: Call) -> bool:
        """A person sees calls the person is in, administrators those of their organisation."""
        people = self._telephony.people_of(call)
        if principal.role == "person":
            return principal.person_id in people
        return not people or any(self._may(principal, each) for each in people)

    def call(self, call: Call) -> CallOut:
        """A call as the API shows it."""
        first = call.log[0] if call.log else None
        ended = next((line for line in reversed(call.log) if line.what == "ended"), None)
        return CallOut(
            id=encode_id(call.id),
            state=call_state(call),
            from_=user_part(first.who) if first is not None else "",
            to=call.target,
            started_at=format_ns(call.began_ns),
            ended_at=format_ns(ended.at_ns) if ended is not None else None,
            parties=[self._party(leg) for leg in call.legs],
            recorded=[
                RecordedOut(
                    person_id=each.user.address,
                    state=each.control.state.value,
                    icon=ICONS[each.control.status].value,
                )
                for each in call.recorded
            ],
            log=[LogOut.of(line) for line in call.log],
        )

    def _party(self, leg: Leg) -> CallPartyOut:
        user = leg.user
        return CallPartyOut(
            person_id=user.address if user is not None else None,
            number=user.number if user is not None else user_part(leg.party.aor),
            name=(user.name if user is not None else leg.party.name) or "",
            talking=leg.up,
            held=leg.held,
            icon=_icon(leg) if leg.up and leg.record_aware else "none",
        )


def _icon(leg: Leg) -> str:
    return ICONS[leg.shown or RecordStatus.OFF].value


def _add_phones(routes: Routes, view: _View, telephony: Telephony) -> None:
    @routes.get("/v1/phones", returns=list[PhoneOut], roles=CALLERS, paged=True)
    async def phones(request: ApiRequest) -> Paged:
        """List the telephones: state, recording icon, softkeys.

        Those this service plays, and those that registered from elsewhere.
        """
        return Paged(view.phones(request.principal))

    @routes.get("/v1/phones/{id}", returns=PhoneOut, roles=CALLERS, errors=(404,))
    async def phone(request: ApiRequest) -> PhoneOut:
        """Show a telephone."""
        return view.phone(request.principal, request.params["id"])

    @routes.post(
        "/v1/phones/{id}/softkeys",
        body=SoftkeyIn,
        returns=PhoneOut,
        roles=CALLERS,
        errors=(400, 403, 404, 409, 502),
    )
    async def press(request: ApiRequest) -> PhoneOut:
        """Press a softkey of a telephone this service plays: one of those it shows now.

        `Answer`, `Decline`, `Hold`, `Resume`, `Transfer` (with `to`), `EndCall`; by mode and state of the
        recording `Record`, `PauseRec`, `ResumeRec`, `StopRec` (D8).
        """
        name, body = request.params["id"], request.body
        if not view.phone(request.principal, name).simulated:
            raise ApiError(409, "phone_not_simulated", "it is not played here: press its keys there")
        call = None if body.call_id is None else _number(body.call_id)
        try:
            await telephony.press(name, body.key, target=body.to, call=call)
        except UnknownPhone:
            raise not_found("telephone") from None
        except NotOffered as error:
            raise ApiError(409, "key_not_shown", str(error)) from None
        except CallFailedError as error:
            raise ApiError(502, "call_failed", str(error)) from None
        return view.phone(request.principal, name)


def _add_calls(routes: Routes, view: _View, telephony: Telephony) -> None:
    def find(request: ApiRequest) -> Call:
        try:
            call = telephony.call(_number(request.params["id"]))
        except UnknownCall:
            raise not_found("call") from None
        if not view.may_see(request.principal, call):
            raise not_found("call")
        return call

    @routes.get("/v1/calls", returns=list[CallOut], roles=CALLERS, paged=True)
    async def calls(request: ApiRequest) -> Paged:
        """List simulated calls: running ones, then the last 200 that are over, newest first."""
        return Paged(view.calls(request.principal))

    @routes.post(
        "/v1/calls",
        body=CallIn,
        returns=CallOut,
        status=201,
        roles=CALLERS,
        errors=(400, 403, 404, 502),
    )
    async def place(request: ApiRequest) -> CallOut:
        """Call somebody from a telephone this service plays; the other side answers by itself if it is ours.

        The answer comes as soon as it rings: `GET /v1/calls/{id}` and the stream (`call.changed`) follow it.
        """
        body: CallIn = request.body
        phone = telephony.phone_of(body.from_)
        visible = {each.id for each in view.phones(request.principal) if each.simulated}
        name = next((each for each, one in telephony.phones.items() if one is phone), "")
        if phone is None or name not in visible:
            raise not_found("telephone")
        try:
            return view.call(await telephony.place(phone, body.to, body.seconds))
        except CallFailedError as error:
            raise ApiError(502, "call_failed", str(error)) from None

    @routes.get("/v1/calls/{id}", returns=CallOut, roles=CALLERS, errors=(404,))
    async def call(request: ApiRequest) -> CallOut:
        """Show a call, with its log."""
        return view.call(find(request))

    @routes.delete("/v1/calls/{id}", status=204, roles=CALLERS, errors=(404,))
    async def hang_up(request: ApiRequest) -> None:
        """End a call."""
        telephony.hang_up(find(request))


def _number(text: str) -> int:
    try:
        return decode_id(text)
    except ValueError:
        raise not_found("call") from None
