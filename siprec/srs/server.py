"""The Session Recording Server at its edge: SIP, RTP, files and rows joined.

    server = RecordingServer(settings, store=…, blobs=…, bus=…, metrics=…, now_ns=clock.now_ns)
    await server.start(); await server.drain(10); await server.stop()

It refuses new sessions with 503 and Retry-After while draining, full, or short of disk; each recording
session then is a `RecordedCall`.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.runtime.blobs import Blobs
from gateway.runtime.bus import Bus
from gateway.runtime.ids import new_id
from gateway.runtime.log import get_logger
from gateway.runtime.metrics import Metrics
from gateway.runtime.private import make_private_folder
from siprec.rtp.aio import PortPool
from siprec.sip import DigestAuthority, Endpoint
from siprec.sip.aio import Listening, RandomIds, SipEdge
from siprec.sip.auth import Verdict
from siprec.sip.dialog import Dialog
from siprec.sip.events import AckReceived, DialogEnded, Event, RequestReceived, SessionRefreshDue
from siprec.sip.server_transactions import ServerTransaction
from siprec.srs.call import RecordedCall, Surroundings
from siprec.srs.disk import SpoolDisk
from siprec.srs.errors import SessionStateError
from siprec.srs.intake import Intake, Refused, read_request
from siprec.srs.listening import advertised, endpoint_config, limits_passed, listen
from siprec.srs.meters import RecorderMeters
from siprec.srs.recording_log import RecordingLog, caller_of
from siprec.srs.sealing import Filing, Sealer, Unfiled
from siprec.srs.session import SessionState
from siprec.srs.settings import RecorderSettings
from siprec.srs.store import RecordingStore

TICK_S = 2.0
"""How often a call writes, reports and looks for silence: what waits costs memory, each time costs work."""
DISK_CHECK_S = 5.0

_log = get_logger("recorder")


@dataclass(frozen=True, slots=True)
class LiveRecording:
    """A recording in progress, for the API and the page."""

    recording_id: int
    provider: str
    dialect: str
    started_ns: int
    paused: bool
    streams: int


class RecordingServer:
    """A Session Recording Server. `filing` names the provider of a tenant, `providers` all there are."""

    def __init__(
        self,
        settings: RecorderSettings,
        *,
        store: RecordingStore,
        blobs: Blobs,
        bus: Bus,
        metrics: Metrics,
        now_ns: Callable[[], int],
        filing: Filing | None = None,
        providers: Collection[str] = ("unfiled",),
        make_id: Callable[[], int] = new_id,
    ) -> None:
        self.settings = settings
        self.listening: list[Listening] = []
        self.problems: list[str] = []
        """What the operator should know about limits of the system."""
        self._now_ns = now_ns
        self._filing = filing or Unfiled()
        self._meters = RecorderMeters(metrics, providers)
        self._make_id = make_id
        self._disk = SpoolDisk()
        self._sealer = Sealer(
            store, blobs, bus, self._meters, settings.profile.audio_format, now_ns, self._disk.settled
        )
        self._recordings = RecordingLog(store, bus, self._meters, self._sealer, now_ns)
        self._calls: dict[Dialog, RecordedCall] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._disk_full = False
        self._disk_timer: asyncio.TimerHandle | None = None
        self._spool = Path(settings.storage.spool)
        self._authority = self._make_authority()
        self.endpoint = Endpoint(endpoint_config(settings), RandomIds())
        self.endpoint.count_responses(self._meters.response)
        self._edge: SipEdge | None = None
        self._pool: PortPool | None = None
        self._around: Surroundings | None = None

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Seal what a crash left, bind every port, begin to answer.

        Raises `AddressUnusable` for a SIP address that is taken, `PortsUnavailableError` for RTP ports.
        """
        settings, loop = self.settings, asyncio.get_running_loop()
        await asyncio.to_thread(make_private_folder, self._spool)
        await self._sealer.recover(self._spool)
        media = settings.media
        host = media.host or settings.sip.host
        self._pool = PortPool.open(
            host,
            pairs=media.port_pairs,
            first_port=media.first_port,
            last_port=media.last_port,
            quarantine_s=media.quarantine_seconds,
        )
        self._edge = SipEdge(self.endpoint, self._on_event)
        self._around = Surroundings(
            settings=settings,
            endpoint=self.endpoint,
            pool=self._pool,
            loop=loop,
            media_host=advertised(settings.sip, host),
            spool=self._spool,
            disk=self._disk,
            now_ns=self._now_ns,
            new_id=self._make_id,
            provider_of=self._filing.provider_of,
            observe=self._recordings.observe,
            announced=self._meters.announced,
        )
        self.listening += await listen(self._edge, settings.sip, self._spool.parent)
        self._check_disk()
        self.problems += limits_passed(settings, self.listening)
        for problem in self.problems:
            _log.warning("limit", problem=problem)

    @property
    def addresses(self) -> list[str]:
        """Where it listens for SIP, readable: `udp 127.0.0.1:5060`."""
        return [f"{each.transport.value} {each.host}:{each.port}" for each in self.listening]

    def _make_authority(self) -> DigestAuthority | None:
        digest = self.settings.sip.digest
        if not digest.users:
            return None
        return DigestAuthority(digest.realm, digest.users, os.urandom(32), digest.nonce_lifetime_seconds)

    async def drain(self, deadline_s: float) -> None:
        """Take no new sessions; give the running ones until the deadline, then end and seal them."""
        self._draining = True
        try:
            async with asyncio.timeout(max(0.0, deadline_s)):
                await self._idle.wait()
        except TimeoutError:
            self._end_all("server is stopping")
        await self._sealer.wait()

    async def stop(self) -> None:
        """End what is left, seal it, close every socket."""
        self._draining = True
        self._end_all("server is stopping")
        await self._sealer.wait(hurry=True)
        if self._disk_timer is not None:
            self._disk_timer.cancel()
        if self._edge is not None:
            self._edge.flush()
            await self._edge.close()
        self._disk.close()
        if self._pool is not None:
            self._pool.close()

    def _end_all(self, reason: str) -> None:
        for call in list(self._calls.values()):
            call.hang_up(reason)
        if self._edge is not None:
            self._edge.flush()
        for dialog in list(self._calls):
            self._forget(dialog, reason)

    @property
    def live(self) -> list[LiveRecording]:
        """The recordings in progress."""
        return [
            LiveRecording(
                call.running.recording_id,
                call.running.provider,
                call.session.dialect.value,
                call.running.opened_ns,
                call.session.paused,
                len(call.session.streams),
            )
            for call in self._calls.values()
            if call.running is not None
        ]

    def weighed(self, size_bytes: Mapping[str, int]) -> None:
        """Be told the bytes of the recordings kept now, by provider, for the metrics."""
        self._meters.weighed(size_bytes)

    @property
    def sessions(self) -> int:
        """How many recording sessions there are, recording or not."""
        return len(self._calls)

    # ------------------------------------------------------------------ limits of the system

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._spool).free
        self._meters.disk_free_bytes.set(free)
        full = free < self.settings.storage.min_free_bytes
        if full != self._disk_full:
            text = "new sessions are refused: no room on disk" if full else "there is room on disk again"
            _log.warning(text, free_bytes=free)
        self._disk_full = full
        self._disk_timer = asyncio.get_running_loop().call_later(DISK_CHECK_S, self._check_disk)

    # ------------------------------------------------------------------ SIP

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._answer_whatever_happens(event.transaction, event.dialog)
        elif isinstance(event, AckReceived):
            call = self._calls.get(event.dialog)
            if call is not None and call.session.state is SessionState.ACTIVE:
                answer = read_request(event.request) if event.request.body else None
                description = answer.description if isinstance(answer, Intake) else None
                call.run(call.session.acknowledged(self._time(), description))
        elif isinstance(event, DialogEnded):
            self._forget(event.dialog, event.reason.value)
        elif isinstance(event, SessionRefreshDue):
            call = self._calls.get(event.dialog)
            if call is not None:
                call.refresh()

    def _time(self) -> float:
        return asyncio.get_running_loop().time()

    def _answer_whatever_happens(self, transaction: ServerTransaction, dialog: Dialog | None) -> None:
        """Answer a request; a fault of ours is 500, for silence would block the dialog's next offers too."""
        try:
            self._on_request(transaction, dialog)
        except Exception:
            if transaction.final_status is None:
                self._refuse(transaction, 500)
            raise

    def _on_request(self, transaction: ServerTransaction, dialog: Dialog | None) -> None:
        request = transaction.request
        if dialog is None and self._challenged(transaction):
            return
        if dialog is not None:
            self._on_request_inside(transaction, dialog)
        elif request.method == "INVITE":
            self._on_invite(transaction)
        elif self._draining:
            self._refuse(transaction, 503)
        else:
            self.endpoint.respond(transaction, 200 if request.method == "OPTIONS" else 405, now=self._time())

    def _challenged(self, transaction: ServerTransaction) -> bool:
        if self._authority is None:
            return False
        verdict, _ = self._authority.check(transaction.request, self._time())
        if verdict is Verdict.ACCEPTED:
            return False
        challenge = self._authority.challenge(self._time(), stale=verdict is Verdict.STALE)
        self.endpoint.respond(transaction, 401, headers=challenge, now=self._time())
        return True

    def _refuse(self, transaction: ServerTransaction, status: int, reason: str | None = None) -> None:
        headers = [("retry-after", str(self.settings.retry_after_seconds))] if status == 503 else []
        self.endpoint.respond(transaction, status, reason=reason, headers=headers, now=self._time())

    def _why_not(self) -> str | None:
        """Why no new session is taken, None where one is."""
        if self._draining:
            return "Service Unavailable (stopping)"
        if len(self._calls) >= self.settings.max_sessions:
            return "Service Unavailable (all recording sessions are in use)"
        if self._disk_full:
            return "Service Unavailable (no room for recordings)"
        return None

    def _on_invite(self, transaction: ServerTransaction) -> None:
        reason = self._why_not()
        if reason is not None:
            self._refuse(transaction, 503, reason)
            return
        intake = read_request(transaction.request)
        if isinstance(intake, Refused):
            self._refuse_by(transaction, intake)
            return
        if self._around is None:
            return
        call = RecordedCall(self._around, caller_of(transaction.request), transaction.request.call_id)
        call.run(call.session.invited(intake, self._now_ns()), transaction)
        if call.dialog is not None and call.session.state is SessionState.ACTIVE:
            self._calls[call.dialog] = call
            self._idle.clear()
            call.timer = asyncio.get_running_loop().call_later(TICK_S, self._tick, call)

    def _refuse_by(self, transaction: ServerTransaction, refused: Refused) -> None:
        self.endpoint.respond(
            transaction, refused.status, reason=refused.reason, headers=refused.headers, now=self._time()
        )

    def _on_request_inside(self, transaction: ServerTransaction, dialog: Dialog) -> None:
        call, request = self._calls.get(dialog), transaction.request
        if call is None:
            self._refuse(transaction, 481)
            return
        if request.method not in ("INVITE", "UPDATE", "INFO"):
            self.endpoint.respond(transaction, 200, now=self._time())
            return
        intake = read_request(request)
        try:
            if isinstance(intake, Refused) and request.method == "INFO":
                self.endpoint.respond(transaction, 200, now=self._time())
            elif isinstance(intake, Refused):
                self._refuse_by(transaction, intake)
            elif request.method == "INFO":
                call.run(call.session.informed(intake, self._now_ns()), transaction)
            else:
                wanted = request.method == "INVITE"
                commands = call.session.reoffered(intake, self._now_ns(), offer_wanted=wanted)
                call.run(commands, transaction)
        except SessionStateError as error:
            self._refuse(transaction, 500, f"Server Internal Error ({error})")

    def _forget(self, dialog: Dialog, reason: str) -> None:
        call = self._calls.pop(dialog, None)
        if call is None:
            return
        if call.timer is not None:
            call.timer.cancel()
        call.run(call.session.ended(call.end_reason or reason))
        if not self._calls:
            self._idle.set()

    def _tick(self, call: RecordedCall) -> None:
        call.timer = asyncio.get_running_loop().call_later(TICK_S, self._tick, call)
        call.tick()
        if self._edge is not None:
            self._edge.flush()
