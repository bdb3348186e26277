"""One call at a telephone: what its person sees, hears and does, and the SIP and SDP behind it."""

import asyncio
import contextlib
import random
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from siprec import sdp
from siprec.phones.audio import Audio, encoded_silence
from siprec.phones.hearing import RATE_HZ, Samples
from siprec.phones.softkeys import Display, Icon, RecordStatus, Softkey, display
from siprec.rtp.aio import PacedStream
from siprec.sip import Dialog, Request, Response
from siprec.sip.client_transactions import ClientTransaction
from siprec.sip.errors import UsageError
from siprec.sip.server_transactions import ServerTransaction

if TYPE_CHECKING:
    from siprec.phones.phone import Phone

MAX_HEARD_S = 600
ATTEMPTS = 20
RETRY_S = 0.1
TRANSFER_TIMEOUT_S = 40.0


class CallFailedError(Exception):
    """A call was not answered, or a request in it was refused; `status` is the answer, 0 for silence."""

    def __init__(self, what: str, status: int) -> None:
        super().__init__(what, status)
        self.what = what
        self.status = status

    def __str__(self) -> str:
        return f"{self.what} failed ({self.status or 'no answer'})"


class CallState(Enum):
    """The life of a call as its phone sees it."""

    CALLING = "calling"
    RINGING = "ringing"
    TALKING = "talking"
    ENDED = "ended"


class PhoneCall:
    """One call at a phone."""

    def __init__(self, phone: "Phone", other: str, *, outgoing: bool) -> None:
        self.phone = phone
        self.keys = phone.settings.keys
        self.other = other
        self.outgoing = outgoing
        self.state = CallState.CALLING if outgoing else CallState.RINGING
        self.status = RecordStatus.OFF
        self.shown: list[Display] = []
        """Every display since the call began, as it changed."""
        self.held = False
        self.transferred: int | None = None
        """How a transfer of ours went, as the last NOTIFY said."""
        self.dialog: Dialog | None = None
        self.transaction: ServerTransaction | ClientTransaction | None = None
        self.voice = phone.take_voice(self._hear if phone.settings.listen else None)
        self._heard: list[Samples] = []
        self._sdp: sdp.SessionDescription | None = None
        self._sdp_id = random.getrandbits(31)
        self.offer: sdp.SessionDescription | None = None
        self._audio: Audio | None = None
        self._speaking: PacedStream | None = None
        self._frames = 0
        self._connected: asyncio.Future[None] = phone.loop.create_future()
        self._ended: asyncio.Future[None] = phone.loop.create_future()
        self._notified = asyncio.Event()
        self._displayed = asyncio.Event()

    # --- what a person sees and hears ----------------------------------------------------------------

    @property
    def display(self) -> Display:
        """Icon and softkeys now."""
        talking = self.state is CallState.TALKING
        return display(self.keys, self.status, in_call=talking)

    @property
    def heard(self) -> Samples:
        """Everything heard since the call was connected, at 8 kHz."""
        return np.concatenate(self._heard) if self._heard else np.zeros(0, dtype=np.int16)

    @property
    def heard_s(self) -> float:
        """Seconds heard so far: where `heard` goes on."""
        return sum(map(len, self._heard)) / RATE_HZ

    async def connected(self) -> "PhoneCall":
        """Wait until both sides talk. Raises CallFailedError."""
        await asyncio.shield(self._connected)
        return self

    async def shows(self, icon: Icon) -> None:
        """Wait until the display shows an icon."""
        while self.display.icon is not icon:
            self._displayed.clear()
            await self._displayed.wait()

    async def ended(self) -> None:
        """Wait until the call is over."""
        await asyncio.shield(self._ended)

    # --- what a person does --------------------------------------------------------------------------

    def answer(self) -> None:
        """Take an incoming call."""
        transaction = self.transaction
        if not isinstance(transaction, ServerTransaction) or self.state is not CallState.RINGING:
            return
        answer = self._answer_to(self.offer)
        if answer is None:
            self.phone.endpoint.respond(transaction, 488, now=self.phone.now())
            self.over(488)
        else:
            self.dialog = self.phone.endpoint.respond(
                transaction, 200, body=answer, content_type=sdp.CONTENT_TYPE, now=self.phone.now()
            )
            self.phone.adopt(self)
            self.talk()
        self.phone.flush()

    def reject(self, status: int = 486) -> None:
        """Refuse an incoming call."""
        if isinstance(self.transaction, ServerTransaction) and self.state is CallState.RINGING:
            self.phone.endpoint.respond(self.transaction, status, now=self.phone.now())
            self.over(status)
            self.phone.flush()

    async def press(self, key: Softkey) -> bool:
        """Press a softkey; False where the display does not show it."""
        if key not in self.display.softkeys:
            return False
        await self._reinvite(key.preference)
        return True

    async def hold(self) -> None:
        """Put the call on hold."""
        self.held = True
        await self._reinvite()
        self.phone.on_change(self)

    async def unhold(self) -> None:
        """Take it back."""
        self.held = False
        await self._reinvite()
        self.phone.on_change(self)

    async def transfer(self, target: str) -> int:
        """Send the other party to a number; how it went. The call is over where it went well."""
        return await self._refer(f"<sip:{target}@{self.phone.domain}>")

    async def transfer_to(self, other: "PhoneCall") -> int:
        """Connect the other parties of two calls, and leave."""
        return await self._refer(self._replacing(other, other.other))

    async def join(self, other: "PhoneCall") -> int:
        """Bring the other party of another call into this one."""
        return await self._refer(self._replacing(other, "conference"))

    async def hang_up(self) -> None:
        """End the call, or give it up."""
        endpoint, now = self.phone.endpoint, self.phone.now()
        if self.state is CallState.RINGING:
            self.reject()
        elif self.state is CallState.CALLING and isinstance(self.transaction, ClientTransaction):
            with contextlib.suppress(UsageError):
                endpoint.cancel(self.transaction, now=now)
        elif self.dialog is not None:
            endpoint.bye(self.dialog, now=now)
        self.phone.flush()
        await self.ended()

    def say(self, audio: Audio) -> None:
        """Say something else from now on."""
        self._audio, self._frames = audio, 0

    def _replacing(self, other: "PhoneCall", user: str) -> str:
        if other.dialog is None:
            raise CallFailedError("transfer", 481)
        dialog = other.dialog
        replaces = f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"
        return f"<sip:{user}@{self.phone.domain}?Replaces={quote(replaces, safe='')}>"

    async def _refer(self, target: str) -> int:
        if self.dialog is None or self.state is not CallState.TALKING:
            raise CallFailedError("transfer", 481)
        self.transferred = None
        transaction = self.phone.endpoint.send(
            self.dialog, "REFER", headers=[("refer-to", target)], now=self.phone.now()
        )
        response = await self.phone.final(transaction)
        if response.status >= 300:
            raise CallFailedError("transfer", response.status)
        async with asyncio.timeout(TRANSFER_TIMEOUT_S):
            while self.transferred is None or self.transferred < 200:
                if self._ended.done():
                    raise CallFailedError("transfer", 481)
                self._notified.clear()
                await self._notified.wait()
        return self.transferred

    async def _reinvite(self, preference: str | None = None) -> None:
        """Send our description; again a little later where the two sides did so at once (§14.1)."""
        for _ in range(ATTEMPTS):
            if self.dialog is None or self.state is not CallState.TALKING:
                raise CallFailedError("re-INVITE", 481)
            try:
                transaction = self.phone.endpoint.send(
                    self.dialog,
                    "INVITE",
                    body=self.describe(preference),
                    content_type=sdp.CONTENT_TYPE,
                    now=self.phone.now(),
                )
            except UsageError:
                await asyncio.sleep(RETRY_S)
                continue
            response = await self.phone.final(transaction)
            if response.status < 300:
                self.take_answer(response)
                return
            if response.status not in (491, 500):
                raise CallFailedError("re-INVITE", response.status)
            await asyncio.sleep(RETRY_S)
        raise CallFailedError("re-INVITE", 491)

    # --- what the phone does -------------------------------------------------------------------------

    def describe(self, preference: str | None = None) -> bytes:
        """Our offer."""
        outgoing = sdp.Outgoing(
            port=self.voice.port.port,
            codecs=sdp.codecs_named(*self.phone.settings.codecs, "telephone-event"),
            direction=sdp.Direction.SENDONLY if self.held else sdp.Direction.SENDRECV,
            record_preference=preference,
        )
        fresh = sdp.offer(
            [outgoing], address=self.voice.port.address, session_id=self._sdp_id, username="phone"
        )
        self._sdp = sdp.with_next_version(self._sdp, fresh)
        return self._sdp.encode()

    def take_offer(self, request: Request) -> bytes | None:
        """Answer an offer, first or later; None where there is nothing in common."""
        offer = read_description(request) or self.offer
        answer = self._answer_to(offer)
        if answer is not None:
            self.offer = offer
        return answer

    def _answer_to(self, offer: sdp.SessionDescription | None) -> bytes | None:
        if offer is None:
            return None
        streams = sdp.negotiate(offer, codecs=self.phone.settings.codecs, srtp=False)
        chosen = next((stream for stream in streams if stream.accepted), None)
        if chosen is None or chosen.codec is None:
            return None
        local = sdp.Local(self.voice.port.address, self.voice.port.port)
        ends = [local if stream is chosen else None for stream in streams]
        fresh = sdp.answer(
            offer, streams, ends, session_id=self._sdp_id, username="phone", sends=not self.held
        )
        self._sdp = sdp.with_next_version(self._sdp, fresh)
        self._aim(chosen, offer)
        return self._sdp.encode()

    def take_answer(self, response: Response) -> bool:
        """Take the answer to our offer; False where there is no sound in it."""
        answer = read_description(response)
        if answer is None:
            return False
        streams = sdp.negotiate(answer, codecs=self.phone.settings.codecs, srtp=False)
        chosen = next((stream for stream in streams if stream.accepted), None)
        if chosen is None or chosen.codec is None:
            return False
        self._aim(chosen, answer)
        return True

    def _aim(self, stream: sdp.Stream, theirs: sdp.SessionDescription) -> None:
        assert stream.codec is not None  # noqa: S101 - chosen for its codec
        if self.voice.codec is None or self.voice.codec.name != stream.codec.name:
            self._audio = self.phone.speech(stream.codec.name)
        self.voice.aim(stream.codec, stream.remote)
        record = theirs.media[stream.index].record
        if record in {status.value for status in RecordStatus}:
            self.status = RecordStatus(record)
        self._note()

    def _note(self) -> None:
        if not self.shown or self.shown[-1] != self.display:
            self.shown.append(self.display)
            self._displayed.set()
            self.phone.on_change(self)

    def talk(self) -> None:
        """Both sides are there."""
        self.state = CallState.TALKING
        self._note()
        self.phone.on_change(self)
        if not self._connected.done():
            self._connected.set_result(None)
        if self._speaking is None:
            self._speaking = self.phone.pacer.start(self._speak)

    def _speak(self) -> float | None:
        if self._audio is None:
            return None
        payload = self._audio.payload(self._frames)
        if payload is None:
            self._audio = encoded_silence(self.voice.codec.name if self.voice.codec else "PCMU")
            payload = self._audio.payload(0)
        if payload is not None and not self.held:
            self.voice.send_payload(payload)
        self._frames += 1
        return self._audio.ptime_s

    def _hear(self, samples: Samples) -> None:
        if len(self._heard) < MAX_HEARD_S * 50:
            self._heard.append(samples)

    def take_notify(self, request: Request) -> None:
        """How our transfer goes (RFC 3515 §2.4.5)."""
        fields = request.body.split(b" ", 2)
        if len(fields) > 1 and fields[1].isdigit():
            self.transferred = int(fields[1])
            self._notified.set()

    def over(self, status: int = 0) -> None:
        """The call is over."""
        if self.state is CallState.ENDED:
            return
        self.state = CallState.ENDED
        self.status = RecordStatus.OFF
        self._note()
        if self._speaking is not None:
            self._speaking.stop()
        self.phone.forget(self)
        self.phone.on_change(self)
        if not self._connected.done():
            self._connected.set_exception(CallFailedError("call", status))
            self._connected.exception()
        if not self._ended.done():
            self._ended.set_result(None)
        self._notified.set()


def read_description(message: Request | Response) -> sdp.SessionDescription | None:
    """The SDP a message carries, None where it carries none that can be read."""
    content_type = message.headers.get("content-type") or ""
    if content_type.partition(";")[0].strip().lower() != sdp.CONTENT_TYPE:
        return None
    try:
        return sdp.parse(message.body)
    except sdp.SdpError:
        return None
