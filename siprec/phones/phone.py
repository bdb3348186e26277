"""A telephone: a SIP user agent that registers, calls, answers, and shows what is recorded (D7, D8).

    async with await Phone.open(PhoneSettings("alice", calling.uri, password="…")) as phone:
        await phone.register()
        call = phone.call("+13105550120")
        await call.connected()
        call.display.icon, call.display.softkeys
        await call.press(Softkey.PAUSE)
        await call.hold(); await call.unhold()
        await call.transfer("carol")                       # blind
        await call.transfer_to(consultation)               # attended
        await call.join(consultation)                      # three-way conference
        await call.hang_up()

An MPP phone and the Webex App as a soft phone differ by `kind`; both are record-aware (RFC 7866 §6). An
outside party is neither registered nor record-aware: `PhoneSettings("+13105550120", calling.uri,
kind="outside")`.
In real Webex the cloud records, steered by the phone: here too, a softkey is a re-INVITE with `a=recordpref`.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Literal

from siprec import sdp
from siprec.phones.audio import Audio, encoded_tone, encoded_wav
from siprec.phones.hearing import Samples
from siprec.phones.phone_call import CallFailedError, CallState, PhoneCall, read_description
from siprec.phones.softkeys import RecordingKeys
from siprec.phones.voice import Voice
from siprec.rtp.aio import Pacer, PortPool
from siprec.sip import Credentials, Dialog, Endpoint, EndpointConfig, Response, SipError
from siprec.sip.aio import RandomIds, SipEdge
from siprec.sip.client_transactions import ClientTransaction
from siprec.sip.errors import NoResponseError
from siprec.sip.events import CancelReceived, DialogEnded, Event, RequestReceived, ResponseReceived
from siprec.sip.server_transactions import ServerTransaction
from siprec.sip.uri import SipUri, parse_uri

PRODUCTS = {
    "mpp": "sms-siprec-gateway MPP phone (simulated)",
    "app": "sms-siprec-gateway Webex App (simulated)",
    "outside": "sms-siprec-gateway outside party (simulated)",
}
REGISTER_S = 600
PAIRS = 3


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """user: id or number. server: SIP URI of the call control. answer_after_s: None rings until told.

    tone_hz: what the party says, unless `voice` names a file, said once or round and round (`voice_repeats`).
    listen: keep what is heard.
    """

    user: str
    server: str
    password: str | None = field(default=None, repr=False)
    kind: Literal["mpp", "app", "outside"] = "mpp"
    keys: RecordingKeys = RecordingKeys.NEVER
    host: str = "127.0.0.1"
    port: int = 0
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    tone_hz: int = 440
    voice: Path | None = None
    voice_repeats: bool = False
    answer_after_s: float | None = 0.0
    listen: bool = True
    lines: int = PAIRS
    """Calls it can be in at once."""


class Phone:
    """One telephone with its own SIP port; made by `open`. pacer: shared by many phones of one process."""

    def __init__(self, settings: PhoneSettings, pool: PortPool, pacer: Pacer | None) -> None:
        self.settings = settings
        self.loop = asyncio.get_running_loop()
        self.pacer = pacer or Pacer(self.loop)
        self.calls: list[PhoneCall] = []
        self.on_change: Callable[[PhoneCall], None] = lambda _call: None
        """Told each time what this phone shows of a call has changed."""
        self.registered = False
        self.port = 0
        server = parse_uri(settings.server)
        if not isinstance(server, SipUri):
            raise ValueError(f"{settings.server} is no SIP URI")
        self.domain = f"{server.host}:{server.port or 5060}"
        aware = settings.kind != "outside"
        self.endpoint = Endpoint(
            EndpointConfig(
                product=PRODUCTS[settings.kind],
                contact_user=settings.user,
                supported=("replaces", "record-aware") if aware else ("replaces",),
                accept=(sdp.CONTENT_TYPE, "message/sipfrag"),
                session_timer=None,
            ),
            RandomIds(),
        )
        self._edge = SipEdge(self.endpoint, self._on_event)
        self._own_pacer = pacer is None
        self._pool = pool
        self._incoming: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._dialogs: dict[Dialog, PhoneCall] = {}
        self._ssrc = random.Random(int.from_bytes(os.urandom(8)))  # noqa: S311 - SSRCs
        self._registration: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._register_id = f"register-{os.urandom(8).hex()}"
        self._register_cseq = 0

    @classmethod
    async def open(cls, settings: PhoneSettings, *, pacer: Pacer | None = None) -> "Phone":
        """Bind ports. Raises PortsUnavailableError, or OSError for a taken SIP port."""
        phone = cls(settings, PortPool.open(settings.host, pairs=settings.lines, quarantine_s=0.5), pacer)
        try:
            listening = await phone._edge.listen_udp(settings.host, settings.port, buffer_bytes=65_536)
        except BaseException:
            phone._pool.close()
            raise
        phone.port = listening.port
        return phone

    async def __aenter__(self) -> "Phone":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def uri(self) -> str:
        """Where this phone is reached."""
        return f"sip:{self.settings.user}@{self.settings.host}:{self.port}"

    @property
    def address(self) -> str:
        """Its user's address at the call control."""
        return f"sip:{self.settings.user}@{self.domain}"

    # --- registration --------------------------------------------------------------------------------

    async def register(self, seconds: int = REGISTER_S) -> None:
        """Tell the call control where we are, and again before that expires. Raises CallFailedError."""
        self._register_cseq += 2
        transaction = self.endpoint.request(
            "REGISTER",
            f"sip:{self.domain}",
            to=f"<{self.address}>",
            from_=f"<{self.address}>",
            call_id=self._register_id,
            cseq=self._register_cseq,
            headers=[("contact", f"<{self.uri}>;expires={seconds}")],
            credentials=self._credentials,
            now=self.now(),
        )
        response = await self.final(transaction)
        if response.status >= 300:
            raise CallFailedError("registration", response.status)
        self.registered = seconds > 0
        if self._registration is not None:
            self._registration.cancel()
            self._registration = None
        if seconds:
            self._registration = self.loop.call_later(seconds / 2, self._register_again)

    def _register_again(self) -> None:
        task = self.loop.create_task(self.register())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def unregister(self) -> None:
        """Take the registration back."""
        await self.register(0)

    @property
    def _credentials(self) -> Credentials | None:
        settings = self.settings
        return Credentials(settings.user, settings.password) if settings.password is not None else None

    # --- calls ---------------------------------------------------------------------------------------

    def call(self, target: str) -> PhoneCall:
        """Call a user or a number."""
        call = PhoneCall(self, target, outgoing=True)
        self.calls.append(call)
        try:
            call.transaction = self.endpoint.request(
                "INVITE",
                f"sip:{target}@{self.domain}",
                from_=f"<{self.address}>",
                body=call.describe(),
                content_type=sdp.CONTENT_TYPE,
                credentials=self._credentials,
                now=self.now(),
            )
        except SipError:
            call.over(503)
        self.flush()
        self.on_change(call)
        return call

    def set_keys(self, keys: RecordingKeys) -> None:
        """Show the recording keys of another mode from now on."""
        self.settings = replace(self.settings, keys=keys)

    async def incoming(self) -> PhoneCall:
        """Wait for a call; it rings unless `answer_after_s` has it answered."""
        return await self._incoming.get()

    def adopt(self, call: PhoneCall) -> None:
        """Find a call by its dialog from now on."""
        if call.dialog is not None:
            self._dialogs[call.dialog] = call

    def forget(self, call: PhoneCall) -> None:
        """Let go of a call's ports."""
        if call in self.calls:
            self.calls.remove(call)
            call.voice.close()
            self._pool.release(call.voice.port.pair, self.now())
        if call.dialog is not None:
            self._dialogs.pop(call.dialog, None)

    def take_voice(self, on_samples: Callable[[Samples], None] | None) -> Voice:
        """Ports for a call. Raises PortsUnavailableError."""
        pair = self._pool.acquire(self.now())
        return Voice(pair, self.loop, ssrc=self._ssrc.getrandbits(32), on_samples=on_samples)

    def speech(self, codec: str) -> Audio:
        """What this phone's person says."""
        if self.settings.voice is not None:
            return encoded_wav(codec, self.settings.voice, repeats=self.settings.voice_repeats)
        return encoded_tone(codec, self.settings.tone_hz)

    def now(self) -> float:
        """Wire time."""
        return self.loop.time()

    def flush(self) -> None:
        """Send what waits."""
        self._edge.flush()

    async def final(self, transaction: ClientTransaction) -> Response:
        """The final response. Raises CallFailedError where none comes."""
        try:
            return await self._edge.final_response(transaction)
        except NoResponseError:
            raise CallFailedError(transaction.request.method, 0) from None

    # --- events --------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        match event:
            case RequestReceived(transaction=transaction, dialog=dialog):
                self._requested(transaction, self._dialogs.get(dialog) if dialog is not None else None)
            case ResponseReceived(transaction, response, dialog):
                self._responded(transaction, response, dialog)
            case CancelReceived(transaction):
                for call in [each for each in self.calls if each.transaction is transaction]:
                    call.over(487)
            case DialogEnded(dialog):
                ended = self._dialogs.pop(dialog, None)
                if ended is not None:
                    ended.over()
            case _ if (failed := getattr(event, "transaction", None)) is not None:
                for call in [each for each in self.calls if each.transaction is failed]:
                    call.over(0)

    def _requested(self, transaction: ServerTransaction, call: PhoneCall | None) -> None:
        request, now = transaction.request, self.now()
        if request.method == "INVITE" and call is None:
            self._rung(transaction)
        elif request.method in ("INVITE", "UPDATE") and call is not None:
            body = call.take_offer(request)
            self.endpoint.respond(
                transaction,
                488 if body is None else 200,
                body=body or b"",
                content_type=sdp.CONTENT_TYPE if body else None,
                now=now,
            )
        else:
            if request.method == "NOTIFY" and call is not None:
                call.take_notify(request)
            status = 200 if request.method in ("OPTIONS", "NOTIFY", "INFO") else 405
            self.endpoint.respond(transaction, status, now=now)

    def _rung(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if self._pool.available(self.now()) < 1:
            self.endpoint.respond(transaction, 486, now=self.now())
            return
        uri = request.from_.uri
        other = uri.user if isinstance(uri, SipUri) and uri.user else "anonymous"
        call = PhoneCall(self, other, outgoing=False)
        call.transaction = transaction
        call.offer = read_description(request)
        self.calls.append(call)
        self.endpoint.respond(transaction, 180, now=self.now())
        self._incoming.put_nowait(call)
        self.on_change(call)
        after_s = self.settings.answer_after_s
        if after_s is not None:
            self.loop.call_later(after_s, call.answer)

    def _responded(self, transaction: ClientTransaction, response: Response, dialog: Dialog | None) -> None:
        call = next((each for each in self.calls if each.transaction is transaction), None)
        if call is None or call.state is not CallState.CALLING:
            return
        if response.status >= 300:
            call.over(response.status)
        elif response.status >= 200 and dialog is not None:
            call.dialog = dialog
            self.adopt(call)
            if call.take_answer(response):
                call.talk()
            else:
                self.endpoint.bye(dialog, now=self.now())
                call.over(488)

    async def close(self) -> None:
        """Hang up, and let go of the sockets."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.gather(*(call.hang_up() for call in list(self.calls)))
        for call in list(self.calls):
            call.over()
        if self._registration is not None:
            self._registration.cancel()
        for task in list(self._tasks):
            task.cancel()
        if self._own_pacer:
            self.pacer.close()
        await self._edge.close()
        self._pool.close()
