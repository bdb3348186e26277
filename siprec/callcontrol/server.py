"""The call control on real sockets: phones register and call, recorded calls are forked live.

    async with await CallControlServer.open(CallingSettings(port=0), subscribers) as calling:
        calling.uri                                # where phones register
        calling.control.calls, calling.control.finished
        calling.messages                           # what voice mailboxes took

`subscribers` maps addresses to `Subscriber`, and is asked at each call: a changed setting counts from the
next call on.
"""

import asyncio
import os
import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from siprec.callcontrol.b2bua import CallControl, endpoint_config
from siprec.callcontrol.call import Call, Fork, Media, RecordedUser
from siprec.callcontrol.forks import Forks
from siprec.callcontrol.media import CallMedia, MediaPlane
from siprec.callcontrol.mixer import Samples
from siprec.callcontrol.prompts import PromptSet
from siprec.callcontrol.recording import StartDelays, Told
from siprec.callcontrol.registrar import Registrar
from siprec.callcontrol.settings import CallingSettings
from siprec.callcontrol.subscribers import Subscriber
from siprec.callcontrol.switch import CallControlSettings
from siprec.metadata import Dialect
from siprec.phones.document import Party, RecordedCall
from siprec.phones.forking import SourcePlan
from siprec.phones.src_aio import SimulatedSrc, SrcSettings
from siprec.rtp.aio import PortPool
from siprec.sip import DigestAuthority, Endpoint
from siprec.sip.aio import RandomIds, SipEdge
from siprec.sip.events import Event

REALM = "calling"
QUARANTINE_S = 1.0
MESSAGES_KEPT = 100
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class VoiceMessage:
    """A message in a voice mailbox. samples: 16 bit at 8 kHz."""

    mailbox: str
    caller: Party
    at_ns: int
    samples: Samples


class _World:
    """Sound, forks and time for the control (`siprec.callcontrol.call.World`)."""

    def __init__(self, plane: MediaPlane, forks: Forks, now_ns: Callable[[], int]) -> None:
        self._plane = plane
        self._forks = forks
        self._now_ns = now_ns

    def media(self, call: Call, on_played: Callable[[str], None]) -> Media:
        return CallMedia(self._plane, on_played)

    def take_over(self, leg: int, source: Media, target: Media) -> None:
        assert isinstance(source, CallMedia)  # noqa: S101 - made above
        assert isinstance(target, CallMedia)  # noqa: S101 - made above
        target.take_over(leg, source)

    def fork(self, user: RecordedUser, call: RecordedCall, told: Told | None) -> Fork:
        return self._forks.start(user, call, told)

    def now(self) -> float:
        return self._plane.loop.time()

    def now_ns(self) -> int:
        return self._now_ns()


class CallControlServer:
    """One call control with its sockets; made by `open`."""

    def __init__(
        self,
        settings: CallingSettings,
        subscribers: Mapping[str, Subscriber],
        src: SimulatedSrc,
        pool: PortPool,
        now_ns: Callable[[], int],
        prompts: Mapping[str, Samples],
        numbers: Mapping[str, str] | None,
        first_number: int,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.messages: list[VoiceMessage] = []
        self.forks = Forks(src, self._plan(), self._fork_started, self._fork_failed)
        self.pool = pool
        self._src = src
        self._now_ns = now_ns
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._endpoint = Endpoint(endpoint_config(), RandomIds())
        self._edge = SipEdge(self._endpoint, self._on_event)
        rng = random.Random(int.from_bytes(os.urandom(8)))  # noqa: S311 - SSRCs
        plane = MediaPlane(pool, src.pacer, loop, prompts, rng)
        if numbers is None:
            numbers = {each.number: address for address, each in subscribers.items() if each.number}
        authority = DigestAuthority(REALM, settings.passwords, secrets.token_bytes(32))
        self._registrar = Registrar(subscribers, authority, numbers)
        self.control = CallControl(
            CallControlSettings(
                settings.domain,
                settings.routes,
                settings.codecs,
                settings.ring_seconds,
                StartDelays(**settings.delays.model_dump()),
            ),
            self._endpoint,
            self._registrar,
            subscribers.get,
            _World(plane, self.forks, now_ns),
            first_number,
        )
        self.control.on_message = self._keep
        self.port = 0

    @classmethod
    async def open(
        cls,
        settings: CallingSettings,
        subscribers: Mapping[str, Subscriber],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        prompts: Path | None = None,
        numbers: Mapping[str, str] | None = None,
        first_number: int = 1,
    ) -> "CallControlServer":
        """Bind everything. Raises OSError for a taken SIP port, PortsUnavailableError for RTP.

        numbers: ids of subscribers by telephone number, unless those of now will do. first_number: of calls.
        """
        audio = await asyncio.to_thread(PromptSet.load, prompts)
        src = await SimulatedSrc.open(
            SrcSettings(host=settings.host, pairs=settings.port_pairs, now_ns=now_ns)
        )
        try:
            pool = PortPool.open(settings.host, pairs=settings.port_pairs, quarantine_s=QUARANTINE_S)
        except BaseException:
            await src.close()
            raise
        server = cls(settings, subscribers, src, pool, now_ns, audio, numbers, first_number)
        try:
            server.port = await server._listen()
        except BaseException:
            await server.close()
            raise
        return server

    async def _listen(self) -> int:
        """Bind one port for TCP and UDP; where any will do, another one if UDP's is taken."""
        host, port = self.settings.host, self.settings.port
        for attempt in range(ATTEMPTS):
            listening = await self._edge.listen_tcp(host, port)
            try:
                await self._edge.listen_udp(host, listening.port)
            except OSError:
                if port or attempt == ATTEMPTS - 1:
                    raise
            else:
                break
        return listening.port

    async def __aenter__(self) -> "CallControlServer":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def uri(self) -> str:
        """Where phones register."""
        return f"sip:{self.settings.host}:{self.port}"

    def route(self, number: str, uri: str) -> None:
        """Say where an outside number is reached."""
        self.control.settings = CallControlSettings(
            self.control.settings.domain,
            {**self.control.settings.routes, number: uri},
            self.control.settings.codecs,
            self.control.settings.ring_s,
            self.control.settings.delays,
        )

    def bindings(self, address: str) -> list[str]:
        """Contacts of the phones registered at an address."""
        return [each.contact for each in self._registrar.bindings(address, self._loop.time())]

    def hang_up(self, call: Call) -> None:
        """End a call from our side."""
        if not call.ended:
            self.control.hang_up(call, self._loop.time())
            self._after()

    async def idle(self) -> None:
        """Wait until no call and no recording session is under way."""
        await self._quiet.wait()
        await self.forks.idle()

    async def close(self) -> None:
        """End every call and recording, then let go of the sockets."""
        for call in list(self.control.calls):
            self.control.hang_up(call, self._loop.time())
        self._after()
        await self.forks.idle()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._edge.close()
        await self._src.close()
        self.pool.close()

    def _plan(self) -> SourcePlan:
        settings = self.settings
        return SourcePlan(
            settings.recorders,
            Dialect(settings.dialect),
            settings.fork_codecs,
            invite_timeout_s=settings.recorder_timeout_seconds,
        )

    def _on_event(self, event: Event) -> None:
        self.control.handle(event, self._loop.time())
        self._arm()

    def _fork_started(self, user: RecordedUser) -> None:
        self.control.fork_started(user, self._loop.time())
        self._after()

    def _fork_failed(self, user: RecordedUser) -> None:
        self.control.fork_failed(user, self._loop.time())
        self._after()

    def _after(self) -> None:
        """Send what the control wants sent, outside the edge's own turn."""
        self._edge.flush()
        self._arm()

    def _arm(self) -> None:
        due = self.control.next_deadline()
        if self.control.calls:
            self._quiet.clear()
        else:
            self._quiet.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._loop.call_at(due, self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        self.control.handle_timeout(self._loop.time())
        self._after()

    def _keep(self, call: Call, mailbox: Subscriber, caller: Party) -> None:
        media = call.media
        if isinstance(media, CallMedia) and media.message:
            samples = np.concatenate(media.message)
            message = VoiceMessage(mailbox.address, caller, self._now_ns(), samples)
            self.messages = [*self.messages[1 - MESSAGES_KEPT :], message]
