"""The simulated Session Recording Client on real sockets: forks calls, sends their audio, keeps count.

    async with await SimulatedSrc.open(SrcSettings(host="127.0.0.1")) as src:
        fork = src.fork(plan, call, audio=Speech(seed=7), weather=Weather(loss=0.02))
        await fork.started()                       # ForkStarted; ForkFailedError where no server takes it
        fork.pause(); fork.resume(); fork.hold(True); fork.transfer(party); fork.announce(said)
        await fork.stop()
        fork.streams[0].lost                       # numbers of the packets the weather took

One SIP endpoint per dialect, one pacer and one port pool for all calls.
"""

import asyncio
import contextlib
import itertools
import os
import random
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from uuid import UUID

from siprec.metadata import Announcement, Dialect
from siprec.phones.audio import encoded_silence
from siprec.phones.document import Party, RecordedCall
from siprec.phones.document import announcement as announced_at
from siprec.phones.forking import (
    AnsweredStream,
    ChangeRefused,
    ForkChanged,
    ForkEnded,
    ForkFailed,
    ForkStarted,
    LocalStream,
    SourceEvent,
    SourcePlan,
    endpoint_config,
)
from siprec.phones.impairment import Weather
from siprec.phones.sending import SentStream, Speech, Voices
from siprec.phones.src import SourceSession, SourceState
from siprec.rtp.aio import MediaPort, Pacer, PortPool
from siprec.rtp.srtp import KEY_BYTES
from siprec.sip import Endpoint
from siprec.sip.aio import RandomIds, SipEdge
from siprec.sip.events import Event, RequestReceived

REPORT_INTERVAL_S = 5.0


class ForkFailedError(Exception):
    """No server of the list takes the call; `status` is the last one's answer, 0 for silence."""

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        answer = f"{self.status} {self.reason}".rstrip() if self.status else self.reason or "none"
        return f"no recording server takes the call (last answer: {answer})"


@dataclass(frozen=True, slots=True)
class SrcSettings:
    """host: address of signalling and media. sip_port: 0 for any. pairs: RTP port pairs, two per call."""

    host: str = "127.0.0.1"
    sip_port: int = 0
    pairs: int = 64
    first_port: int = 0
    seed: int | None = None
    client_tls: ssl.SSLContext | None = field(default=None, repr=False)
    now_ns: Callable[[], int] = time.time_ns
    """World time, which metadata tells."""


class Fork:
    """One forked call. Every verb of `SourceSession`, without the clock."""

    def __init__(
        self, src: "SimulatedSrc", session: SourceSession, streams: Sequence[SentStream], speech: Voices
    ) -> None:
        self.session = session
        self.streams = tuple(streams)
        self.events: list[SourceEvent] = []
        self._src = src
        self._speech = speech
        self._started: asyncio.Future[ForkStarted] = src.loop.create_future()
        self._ended: asyncio.Future[None] = src.loop.create_future()
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._report_timer: asyncio.TimerHandle | None = None

    # --- verbs ---------------------------------------------------------------------------------------

    async def started(self) -> ForkStarted:
        """Wait until a server records. Raises ForkFailedError."""
        return await asyncio.shield(self._started)

    async def ended(self) -> None:
        """Wait until the recording session is over."""
        await asyncio.shield(self._ended)

    async def changed(self, change: str) -> ForkChanged | ChangeRefused:
        """Wait for the answer to a change: pause, resume, hold, unhold, transfer, announcement."""
        seen = 0
        while True:
            for event in self.events[seen:]:
                if isinstance(event, ForkChanged | ChangeRefused) and event.change == change:
                    self.events.remove(event)
                    return event
            seen = len(self.events)
            self._changed.clear()
            await self._changed.wait()

    def pause(self, announcement: Announcement | None = None) -> None:
        """See SourceSession."""
        self.session.pause(self._src.now(), announcement)
        self._src.drive(self)

    def resume(self, announcement: Announcement | None = None) -> None:
        """See SourceSession."""
        self.session.resume(self._src.now(), announcement)
        self._src.drive(self)

    def hold(self, held: bool) -> None:
        """The parties fall silent, or speak again."""
        self.session.hold(held, self._src.now())
        for party, stream in enumerate(self.streams):
            if stream.audio is not None and stream.answer is not None and stream.answer.codec is not None:
                ptime_ms = self.session.plan.ptime_ms
                name = stream.answer.codec.name
                silence = encoded_silence(name, ptime_ms)
                stream.audio = silence if held else self._speech.encoded(name, party, ptime_ms)
        self._src.drive(self)

    def transfer(self, other: Party) -> None:
        """See SourceSession."""
        self.session.transfer(other, self._src.now(), self._src.now_ns())
        self._src.drive(self)

    def conference(self, joined: tuple[Party, ...]) -> None:
        """See SourceSession."""
        self.session.conference(joined, self._src.now(), self._src.now_ns())
        self._src.drive(self)

    def announce(self, announcement: Announcement) -> None:
        """See SourceSession."""
        self.session.announce(announcement, self._src.now())
        self._src.drive(self)

    async def stop(self, announcement: Announcement | None = None) -> None:
        """End the recording session and wait for it."""
        if self.session.state is not SourceState.ENDED:
            self.session.stop(self._src.now(), announcement)
            self._src.drive(self)
        await self.ended()

    # --- what the source does ------------------------------------------------------------------------

    def take(self, event: SourceEvent) -> None:
        """Take an event of the session: start, stop and wake."""
        self.events.append(event)
        match event:
            case ForkStarted(streams=streams, paused=paused):
                self._begin(streams, paused)
                if not self._started.done():
                    self._started.set_result(event)
            case ForkChanged(paused=paused, streams=streams):
                self._follow(paused, streams)
            case ForkFailed(status, reason):
                if not self._started.done():
                    self._started.set_exception(ForkFailedError(status, reason))
                    self._started.exception()
                self._over()
            case ForkEnded():
                if not self._started.done():
                    self._started.set_exception(ForkFailedError(487, "the call was over before any answered"))
                    self._started.exception()
                self._over()
        self._changed.set()

    def _begin(self, streams: Sequence[AnsweredStream], paused: bool) -> None:
        ptime_ms = self.session.plan.ptime_ms
        for party, (stream, answer) in enumerate(zip(self.streams, streams, strict=True)):
            if answer.codec is None or answer.remote is None:
                continue
            audio = self._speech.encoded(answer.codec.name, party, ptime_ms)
            stream.begin(answer, audio, self._src.pacer, self._src.stagger(party))
            if paused or not answer.active:
                stream.fall_silent()
        self._report()

    def _follow(self, paused: bool, streams: Sequence[AnsweredStream] | None) -> None:
        for index, stream in enumerate(self.streams):
            if stream.answer is None:
                continue
            answer = streams[index] if streams is not None else stream.answer
            if answer.remote is not None and answer.remote != stream.answer.remote:
                stream.answer = answer
                stream.port.expect(answer.remote, answer.remote_rtcp, answer.rtcp_mux)
            if paused or answer.codec is None or not answer.active:
                stream.fall_silent()
            else:
                stream.go_on(self._src.pacer)

    def _report(self) -> None:
        for stream in self.streams:
            stream.report(self._src.cname)
        self._report_timer = self._src.loop.call_later(REPORT_INTERVAL_S, self._report)

    def arm(self, due: float | None) -> None:
        """Call `handle_timeout` of the session when it is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._src.loop.call_at(due, self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        self.session.handle_timeout(self._src.now())
        self._src.drive(self)

    def _over(self) -> None:
        if self._report_timer is not None:
            self._report_timer.cancel()
        for stream in self.streams:
            stream.fall_silent()
            stream.report(self._src.cname, goodbye=True)
        if not self._ended.done():
            self._ended.set_result(None)
        self._src.forget(self)


class SimulatedSrc:
    """Forks many calls from one address."""

    def __init__(self, settings: SrcSettings, pool: PortPool) -> None:
        self.settings = settings
        self.now_ns = settings.now_ns
        self.loop = asyncio.get_running_loop()
        self.pacer = Pacer(self.loop)
        self.cname = f"src@{settings.host}"
        self.forks: set[Fork] = set()
        self._pool = pool
        self._seed = settings.seed if settings.seed is not None else int.from_bytes(os.urandom(8))
        self._random = random.Random(self._seed)  # noqa: S311 - reproducible calls; keys are not drawn from it
        self._edges: dict[Dialect, SipEdge] = {}
        self._owners: dict[object, SourceSession] = {}
        self._by_session: dict[SourceSession, Fork] = {}
        self._pairs = itertools.count()

    @classmethod
    async def open(cls, settings: SrcSettings | None = None) -> "SimulatedSrc":
        """Bind ports and sockets. Raises PortsUnavailableError, or OSError for a taken SIP port."""
        settings = settings or SrcSettings()
        pool = PortPool.open(
            settings.host, pairs=settings.pairs, first_port=settings.first_port, quarantine_s=1.0
        )
        src = cls(settings, pool)
        try:
            for offset, dialect in enumerate(Dialect):
                await src._listen(dialect, settings.sip_port and settings.sip_port + offset)
        except BaseException:
            await src.close()
            raise
        return src

    async def _listen(self, dialect: Dialect, port: int) -> None:
        endpoint = Endpoint(endpoint_config(dialect), RandomIds())
        edge = SipEdge(
            endpoint, lambda event: self._on_event(endpoint, event), client_tls=self.settings.client_tls
        )
        self._edges[dialect] = edge
        await edge.listen_udp(self.settings.host, port)
        await edge.listen_tcp(self.settings.host, port)

    async def __aenter__(self) -> "SimulatedSrc":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def now(self) -> float:
        """Wire time."""
        return self.loop.time()

    def stagger(self, party: int) -> float:
        """Seconds by which a stream starts late, so that not all are due at once."""
        return (next(self._pairs) * 7 + party) % 20 / 1_000

    def announcement(self, event: str, kind: str = "announcement") -> Announcement:
        """An announcement played now."""
        return announced_at(event, self.now_ns(), kind)

    def fork(
        self,
        plan: SourcePlan,
        call: RecordedCall,
        *,
        speech: Voices | None = None,
        weather: Weather | None = None,
        announcement: Announcement | None = None,
    ) -> Fork:
        """Fork a call. Raises PortsUnavailableError where no ports are left."""
        rng = random.Random(self._random.getrandbits(64))  # noqa: S311 - reproducible
        streams, local = self._streams(call, weather or Weather(), rng)
        edge = self._edges[plan.dialect]
        session = SourceSession(plan, call, edge.endpoint, self._owners, local, _uuid_source(rng), rng)
        fork = Fork(self, session, streams, speech or Speech(rng.getrandbits(16)))
        self.forks.add(fork)
        self._by_session[session] = fork
        session.start(self.now(), self.now_ns(), announcement)
        self.drive(fork)
        return fork

    def _streams(
        self, call: RecordedCall, weather: Weather, rng: random.Random
    ) -> tuple[list[SentStream], list[LocalStream]]:
        streams: list[SentStream] = []
        local: list[LocalStream] = []
        with contextlib.ExitStack() as undo:
            for label in call.labels:
                pair = self._pool.acquire(self.now())
                undo.callback(self._pool.give_back, pair)
                key = os.urandom(KEY_BYTES)
                port = MediaPort(pair, self.loop)
                streams.append(SentStream(label, port, key, weather, random.Random(rng.getrandbits(64))))  # noqa: S311
                local.append(LocalStream(pair.address, pair.port, pair.port + 1, key))
            undo.pop_all()
        return streams, local

    def _on_event(self, endpoint: Endpoint, event: Event) -> None:
        key = getattr(event, "transaction", None)
        session = self._owners.get(key) if key is not None else None
        if session is None:
            session = self._owners.get(getattr(event, "dialog", None))
        if session is None:
            self._answer_stranger(endpoint, event)
            return
        session.handle(event, self.now())
        fork = self._by_session.get(session)
        if fork is not None:
            self.drive(fork)

    def _answer_stranger(self, endpoint: Endpoint, event: Event) -> None:
        """OPTIONS is answered; nobody may call a recording client."""
        if isinstance(event, RequestReceived):
            status = 200 if event.request.method == "OPTIONS" else 481 if event.dialog else 403
            endpoint.respond(event.transaction, status, now=self.now())

    def drive(self, fork: Fork) -> None:
        """Hand out what the session reports, send what it wants sent, arm its timer."""
        for event in fork.session.take_events():
            fork.take(event)
        fork.arm(None if fork.session.state is SourceState.ENDED else fork.session.next_deadline())
        self._edges[fork.session.plan.dialect].flush()

    def forget(self, fork: Fork) -> None:
        """Give a fork's ports back."""
        if fork in self.forks:
            self.forks.discard(fork)
            self._by_session.pop(fork.session, None)
            for stream in fork.streams:
                stream.port.close()
                self._pool.release(stream.port.pair, self.now())

    async def close(self) -> None:
        """Say BYE to every server and close everything."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*(fork.stop() for fork in list(self.forks)))
        self.pacer.close()
        for edge in self._edges.values():
            await edge.close()
        self._pool.close()


def _uuid_source(rng: random.Random) -> Callable[[], UUID]:
    return lambda: UUID(int=rng.getrandbits(128), version=4)
