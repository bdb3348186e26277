"""Simulated calling as a part of a service: the call control, and the phones the service plays itself.

    telephony = Telephony(settings, directory, bus, clock.now_ns, recorders=lambda: [srs_uri])
    lifecycle.add("calling", telephony)
    call = await telephony.place("alice", "+13105550120", seconds=5)     # from one of its phones
    await telephony.press("alice", "PauseRec")
    telephony.phones, telephony.calls()

People and their recording settings are the directory's, as they stand when a call begins; who uses a phone of
their own registers at `telephony.uri` with a password of `passwords`.
"""

import asyncio
import errno
import secrets
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from typing import Any

from gateway.directory.directory import Directory
from gateway.directory.events import DirectoryEvent, LocationChanged, OrganizationChanged, PersonChanged
from gateway.runtime.bus import Bus
from gateway.runtime.lifecycle import BasePart
from siprec.callcontrol import keys
from siprec.callcontrol.call import Call, Happened
from siprec.callcontrol.errors import AddressTaken, NotOffered, UnknownCall, UnknownPhone
from siprec.callcontrol.events import CallChanged, PhoneChanged
from siprec.callcontrol.prompts import voice
from siprec.callcontrol.recording import RecordingOptions
from siprec.callcontrol.server import CallControlServer
from siprec.callcontrol.settings import CallingSettings, PhoneEntry
from siprec.callcontrol.subscribers import DirectorySubscribers
from siprec.phones.audio import TONES_HZ
from siprec.phones.document import RecordedCall
from siprec.phones.phone import Phone, PhoneSettings
from siprec.phones.phone_call import CallFailedError, CallState, PhoneCall
from siprec.phones.softkeys import RecordingKeys
from siprec.rtp.aio import Pacer

ARRIVES_WITHIN_S = 3.0
LONGEST_CALL_S = 3_600.0


def call_state(call: Call) -> str:
    """`ringing`, `connected` or `ended`."""
    return "ended" if call.ended else "connected" if call.connected else "ringing"


class Telephony(BasePart):
    """A call control and its phones.

    recorders: gives the SIP URIs to fork to where the settings name none. first_number: gives that of the
    first call.
    """

    def __init__(
        self,
        settings: CallingSettings,
        directory: Directory,
        bus: Bus,
        now_ns: Callable[[], int],
        recorders: Callable[[], Sequence[str]],
        first_number: Callable[[], int] = lambda: 1,
    ) -> None:
        self.settings = settings
        self.phones: dict[str, Phone] = {}
        self.on_discarded: Callable[[RecordedCall, str], None] | None = None
        """Told the call and the Call-ID of a recording nobody asked to keep (BroadWorks' On Demand)."""
        self.ready = False
        self.directory = directory
        self._bus = bus
        self._now_ns = now_ns
        self._recorders = recorders
        self._first_number = first_number
        self._server: CallControlServer | None = None
        self._pacer: Pacer | None = None
        self._base = RecordingOptions(
            RecordingKeys.ON_DEMAND_FROM_CONNECT
            if settings.on_demand == "from_connect"
            else RecordingKeys.ON_DEMAND,
            fork_first=settings.fork_first,
            tones_recorded=settings.tones_recorded,
            beeps_reported=settings.beeps_reported,
        )
        self.subscribers = DirectorySubscribers(
            directory, self._base, settings.mailboxes, settings.media_optimized
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._unlisten = [
            bus.listen(kind, self._settings_changed)
            for kind in (PersonChanged, LocationChanged, OrganizationChanged)
        ]

    # ── life ──────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Bind, register the phones. Raises `AddressTaken`, or PortsUnavailableError for RTP ports."""
        users = [entry.person or name for name, entry in self.settings.phones.items() if not entry.number]
        passwords = {user: secrets.token_hex(16) for user in users} | self.settings.passwords
        settings = self.settings.model_copy(
            update={
                "passwords": passwords,
                "recorders": self.settings.recorders or tuple(self._recorders()),
            }
        )
        try:
            self._server = await CallControlServer.open(
                settings,
                self.subscribers,
                now_ns=self._now_ns,
                numbers=self.subscribers.numbers,
                first_number=self._first_number(),
            )
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "the port is taken" if taken else (error.strerror or str(error))
            raise AddressTaken(settings.host, settings.port, reason) from error
        self._server.control.on_happened = self._happened
        self._server.forks.on_discarded = self._discarded
        self._pacer = Pacer(asyncio.get_running_loop())
        voices = settings.voices()
        for number, (name, entry) in enumerate(self.settings.phones.items()):
            await self._open_phone(name, entry, number, voices[name], passwords)
        self.ready = True

    async def _open_phone(
        self, name: str, entry: PhoneEntry, number: int, says: str, passwords: dict[str, str]
    ) -> None:
        user = entry.number or entry.person or name
        known = self.subscribers.get(user)
        phone = await Phone.open(
            PhoneSettings(
                user,
                self.server.uri,
                passwords.get(user),
                entry.kind,
                known.options.keys if known is not None else RecordingKeys.NEVER,
                host=self.settings.host,
                tone_hz=TONES_HZ[number % len(TONES_HZ)],
                voice=None if says == "tone" else voice(says),
                voice_repeats=True,
                answer_after_s=entry.answer_after_seconds,
                listen=False,
            ),
            pacer=self._pacer,
        )
        phone.on_change = lambda call: self._phone_changed(name, call)
        self.phones[name] = phone
        if entry.number is not None:
            self.server.route(entry.number, phone.uri)
        elif known is not None:
            await phone.register()

    async def drain(self, deadline_s: float) -> None:
        """End every call, so that recordings are whole."""
        self.ready = False
        if self._server is not None:
            for call in list(self._server.control.calls):
                self._server.hang_up(call)
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self._server.idle()

    async def stop(self) -> None:
        """Let go of everything."""
        self.ready = False
        for unlisten in self._unlisten:
            unlisten()
        for task in list(self._tasks):
            task.cancel()
        for phone in self.phones.values():
            await phone.close()
        self.phones.clear()
        if self._pacer is not None:
            self._pacer.close()
        if self._server is not None:
            await self._server.close()
            self._server = None

    @property
    def server(self) -> CallControlServer:
        """The call control; only while the part runs."""
        assert self._server is not None  # noqa: S101 - started by the lifecycle
        return self._server

    @property
    def uri(self) -> str:
        """Where phones register."""
        return self.server.uri

    @property
    def address(self) -> str:
        """Where it listens for SIP, readable."""
        return f"udp and tcp {self.settings.host}:{self.server.port}"

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────

    def calls(self) -> Iterator[Call]:
        """Running calls, then finished ones, newest first."""
        control = self.server.control
        yield from reversed(control.calls)
        yield from reversed(control.finished)

    def call(self, number: int) -> Call:
        """A call by its number. Raises `UnknownCall`."""
        for call in self.calls():
            if call.id == number:
                return call
        raise UnknownCall(str(number))

    def phone(self, name: str) -> Phone:
        """A phone by its name. Raises `UnknownPhone`."""
        if name not in self.phones:
            raise UnknownPhone(name)
        return self.phones[name]

    def phone_of(self, user: str) -> Phone | None:
        """A phone the service plays for a person or an outside number, by name, id or number."""
        person = self.directory.person_by_number(user)
        names = {user, person.id if person is not None else user}
        for name, phone in self.phones.items():
            if name in names or phone.settings.user in names:
                return phone
        return None

    async def place(self, phone: Phone, target: str, seconds: float | None = None) -> Call:
        """Call somebody, and hang up after so many seconds of talk; returns as soon as the call is known.

        Raises CallFailedError where it never reaches the call control.
        """
        call = phone.call(target)
        if call.transaction is None:
            raise CallFailedError("call", 503)
        sip_call_id = call.transaction.request.call_id
        if seconds is not None:
            self._spawn(self._hang_up_after(call, seconds))
        deadline = asyncio.get_running_loop().time() + ARRIVES_WITHIN_S
        while asyncio.get_running_loop().time() < deadline:
            found = next((each for each in self.calls() if each.sip_call_id == sip_call_id), None)
            if found is not None:
                return found
            if call.state is CallState.ENDED:
                break
            await asyncio.sleep(0.01)
        raise CallFailedError("call", 0)

    async def _hang_up_after(self, call: PhoneCall, seconds: float) -> None:
        with suppress(CallFailedError):
            await call.connected()
            await asyncio.sleep(min(seconds, LONGEST_CALL_S))
            await call.hang_up()

    async def press(self, name: str, key: str, *, target: str | None = None, call: int | None = None) -> None:
        """Press a softkey of a phone: in its last call that offers it, or in the one with that number.

        Raises `UnknownPhone`, `NotOffered`, or CallFailedError where the call control refuses.
        """
        phone = self.phone(name)
        for each in reversed(phone.calls):
            known = self.call_of(each)
            if call is not None and (known is None or known.id != call):
                continue
            if key in keys.offered(each) and await keys.press(each, key, target):
                return
        raise NotOffered(name, key)

    def call_of(self, call: PhoneCall) -> Call | None:
        """The call control's view of a phone's call."""
        transaction = call.transaction
        sip_call_id = call.dialog.call_id if call.dialog is not None else None
        if sip_call_id is None and transaction is not None:
            sip_call_id = transaction.request.call_id
        for each in self.server.control.calls:
            for leg in each.legs:
                dialogs = {leg.dialog.call_id} if leg.dialog is not None else set()
                if leg.invite_out is not None:
                    dialogs.add(leg.invite_out.request.call_id)
                if leg.invite_in is not None:
                    dialogs.add(leg.invite_in.request.call_id)
                if sip_call_id in dialogs:
                    return each
        return None

    def hang_up(self, call: Call) -> None:
        """End a call from the call control's side."""
        self.server.hang_up(call)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────

    def people_of(self, call: Call) -> tuple[str, ...]:
        """Ids of the users a call is between, or was."""
        found = dict.fromkeys(leg.user.address for leg in call.legs if leg.user is not None)
        for line in call.log:
            if line.what in ("calling", "joined"):
                user = user_part(line.who)
                person = self.directory.person(user) or self.directory.person_by_number(user)
                if person is not None:
                    found[person.id] = None
        if call.mailbox is not None:
            found[call.mailbox.address] = None
        return tuple(found)

    def _happened(self, call: Call, happened: Happened) -> None:
        people = self.people_of(call)
        organizations = frozenset(
            person.organization_id for each in people if (person := self.directory.person(each)) is not None
        )
        self._bus.publish(
            CallChanged(call.id, call_state(call), happened.what, people, organizations, happened.at_ns)
        )

    def _phone_changed(self, name: str, call: PhoneCall) -> None:
        phone = self.phones.get(name)
        person = self.directory.person(phone.settings.user) if phone is not None else None
        self._bus.publish(
            PhoneChanged(
                name,
                person.id if person is not None else None,
                person.organization_id if person is not None else None,
                phone_state(call),
                call.display.icon.value,
                keys.offered(call),
            )
        )

    def _discarded(self, call: RecordedCall, sip_call_id: str) -> None:
        if self.on_discarded is not None:
            self.on_discarded(call, sip_call_id)

    def _settings_changed(self, _event: DirectoryEvent) -> None:
        """Phones show the keys of their user's mode as it is now, from the next call on."""
        for phone in self.phones.values():
            known = self.subscribers.get(phone.settings.user)
            if known is not None:
                phone.set_keys(known.options.keys)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def phone_state(call: PhoneCall) -> str:
    """`calling`, `ringing`, `talking`, `held` or `ended`."""
    return "held" if call.held and call.state is CallState.TALKING else call.state.value


def user_part(aor: str) -> str:
    """The user of `sip:user@domain`."""
    return aor.partition(":")[2].partition("@")[0]
