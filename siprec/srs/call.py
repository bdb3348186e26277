"""One SIP dialog with the recorder: its session's commands carried out on ports, recorder and endpoint."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.runtime.ids import encode_id
from siprec import metadata, sdp
from siprec.metadata import Announcement
from siprec.metadata.times import to_ns
from siprec.multipart import Part
from siprec.multipart import join as join_parts
from siprec.rtp import rtcp
from siprec.rtp.aio import MAX_DATAGRAM_BYTES, MediaPort, PortPool
from siprec.rtp.errors import PortsUnavailableError
from siprec.rtp.packet import is_rtcp
from siprec.rtp.srtp import SrtpSession
from siprec.sdp import SDES_KEY_BYTES, Local, Stream
from siprec.sip import Dialog, Endpoint
from siprec.sip.server_transactions import ServerTransaction
from siprec.srs.commands import (
    Answer,
    CloseStream,
    Command,
    FinishRecording,
    HangUp,
    MarkAnnouncement,
    OpenStream,
    PauseRecording,
    RequestSnapshot,
    ResumeRecording,
    StartRecording,
    TakePorts,
    UpdateMetadata,
    UpdateStream,
)
from siprec.srs.disk import Disk
from siprec.srs.recorder import Recorder
from siprec.srs.session import RecordingSession
from siprec.srs.settings import RecorderSettings
from siprec.srs.sidecar import Caller
from siprec.srs.store import Tenant, shortened
from siprec.srs.track import Track

RTCP_EVERY_TICKS = 2
MAX_DRAINED = 2_048
Observer = Callable[["RecordedCall", str], None]


@dataclass(slots=True)
class Running:
    """A recording in progress. Times: `started_ns` world, `opened` wire."""

    recording_id: int
    directory: Path
    recorder: Recorder
    opened_ns: int
    opened: float
    provider: str
    tenant: Tenant
    counted_as: str
    """The provider it was counted under when it began."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every call of a server shares. `observe` is told of started, paused, resumed and finished."""

    settings: RecorderSettings
    endpoint: Endpoint
    pool: PortPool
    loop: Any
    media_host: str
    spool: Path
    disk: Disk
    now_ns: Callable[[], int]
    new_id: Callable[[], int]
    provider_of: Callable[[Tenant], str]
    observe: Observer
    announced: Callable[[str], None]


class RecordedCall:
    """A dialog, its recording session, and the recording in progress."""

    def __init__(self, around: Surroundings, caller: Caller, sip_call_id: str) -> None:
        self._around = around
        number = around.new_id()
        self.session = RecordingSession(around.settings.profile, number)
        self.caller = caller
        self.sip_call_id = shortened(sip_call_id)
        self.dialog: Dialog | None = None
        self.running: Running | None = None
        self.end_reason = ""
        self.timer: Any = None
        self._ports: dict[int, MediaPort] = {}
        self._locals: dict[int, Local] = {}
        self._streams: dict[int, Stream] = {}
        self._protect: dict[int, SrtpSession] = {}
        self._taken: dict[int, tuple[MediaPort, Local]] = {}
        self._ssrc = number & 0xFFFFFFFF
        self._ticks = 0
        self._silence_told = False
        self._opened_at = around.loop.time()

    # ------------------------------------------------------------------ commands

    def run(self, commands: Iterable[Command], transaction: ServerTransaction | None = None) -> None:
        """Carry commands out in order; `transaction` is what an `Answer` answers."""
        for command in commands:
            match command:
                case TakePorts():
                    self.run(self._take_ports(command), transaction)
                case Answer():
                    self._answer(command, transaction)
                case OpenStream() | UpdateStream() | CloseStream():
                    self._change_stream(command)
                case RequestSnapshot():
                    self._request_snapshot(command)
                case HangUp():
                    self.hang_up(command.reason)
                case _:
                    self._change_recording(command)

    def _take_ports(self, command: TakePorts) -> list[Command]:
        around = self._around
        now = around.loop.time()
        try:
            for stream in command.streams:
                port = MediaPort(around.pool.acquire(now), around.loop)
                key = os.urandom(SDES_KEY_BYTES)  # a later offer may make a plain stream secure
                rtcp_port = None if stream.rtcp_mux else port.port + 1
                self._taken[stream.index] = (port, Local(around.media_host, port.port, rtcp_port, key))
        except PortsUnavailableError:
            self._give_back()
            return self.session.ports_refused(around.settings.retry_after_seconds)
        return self.session.ports_taken({i: local for i, (_, local) in self._taken.items()}, around.now_ns())

    def _give_back(self) -> None:
        """Return ports that were taken and are not open."""
        for port, _ in self._taken.values():
            self._around.pool.give_back(port.pair)
        self._taken.clear()

    def _answer(self, answer: Answer, transaction: ServerTransaction | None) -> None:
        if transaction is None:
            return
        dialog = self._around.endpoint.respond(
            transaction,
            answer.status,
            reason=answer.reason,
            headers=answer.headers,
            body=answer.body,
            content_type=answer.content_type,
            now=self._around.loop.time(),
        )
        if answer.status < 300 and self.dialog is None:
            self.dialog = dialog

    def hang_up(self, reason: str) -> None:
        """End the dialog with a BYE that says why (RFC 3326); `ended` follows from the endpoint."""
        self.end_reason = reason
        if self.dialog is not None:
            text = f'SIP;cause=200;text="{reason}"'
            self._around.endpoint.bye(self.dialog, headers=[("reason", text)], now=self._around.loop.time())

    def _request_snapshot(self, command: RequestSnapshot) -> None:
        """Ask by UPDATE, or by a re-INVITE that offers the session as it is (RFC 7866 §8.1)."""
        dialog, endpoint, now = self.dialog, self._around.endpoint, self._around.loop.time()
        if dialog is None or dialog.ended:
            return
        headers = [("content-disposition", metadata.DISPOSITION)]
        if "UPDATE" in dialog.peer_allows:
            kind, body = command.content_type, command.body
            endpoint.send(dialog, "UPDATE", headers=headers, body=body, content_type=kind, now=now)
        elif dialog.invite_in is None and dialog.invite_out is None:
            parts = [Part.of(command.content_type, command.body, metadata.DISPOSITION)]
            self.refresh(parts)

    def refresh(self, parts: Iterable[Part] = ()) -> None:
        """Send a re-INVITE with the session as it is (RFC 4028 §7.4), `parts` beside the SDP."""
        dialog, description = self.dialog, self.session.answer_sdp
        if dialog is None or dialog.ended or description is None or dialog.invite_out or dialog.invite_in:
            return
        kind, body = sdp.CONTENT_TYPE, description.encode()
        more = list(parts)
        if more:
            kind, body = join_parts([Part.of(kind, body), *more], "recorder-session")
        self._around.endpoint.send(
            dialog, "INVITE", body=body, content_type=kind, now=self._around.loop.time()
        )

    # ------------------------------------------------------------------ streams

    def _change_stream(self, command: OpenStream | UpdateStream | CloseStream) -> None:
        if isinstance(command, CloseStream):
            self._close_stream(command.index)
        elif isinstance(command, OpenStream):
            self._open_stream(command.stream)
        else:
            self._update_stream(command.stream)

    def _open_stream(self, stream: Stream) -> None:
        if self.running is None:
            return
        port, local = self._taken.pop(stream.index)
        track = self.running.recorder.open_track(stream)
        port.open(track.receive, track.receive_rtcp, stream.remote, stream.remote_rtcp, stream.rtcp_mux)
        self._ports[stream.index] = port
        self._streams[stream.index] = stream
        self._locals[stream.index] = local
        self._secure(stream)

    def _secure(self, stream: Stream) -> None:
        """Protect what we send on a stream as it was negotiated, or not at all."""
        key = self._locals[stream.index].key
        if stream.crypto is None or key is None:
            self._protect.pop(stream.index, None)
        else:
            self._protect[stream.index] = SrtpSession(stream.crypto.suite, key, inbound=False)

    def _update_stream(self, stream: Stream) -> None:
        before = self._streams[stream.index]
        self._streams[stream.index] = stream
        if stream.crypto != before.crypto:
            self._secure(stream)
        if self.running is not None:
            self.running.recorder.update_track(stream, self._around.loop.time())
        if (stream.remote, stream.remote_rtcp, stream.rtcp_mux) != (
            before.remote,
            before.remote_rtcp,
            before.rtcp_mux,
        ):
            self._ports[stream.index].expect(stream.remote, stream.remote_rtcp, stream.rtcp_mux)

    def _close_stream(self, index: int) -> None:
        now = self._around.loop.time()
        port = self._ports.pop(index)
        port.close()
        if self.running is not None:
            _drain(port, self.running.recorder.tracks[index], now)
        self._around.pool.release(port.pair, now)
        self._streams.pop(index, None)
        self._locals.pop(index, None)
        self._protect.pop(index, None)
        if self.running is not None:
            self.running.recorder.close_track(index, now)

    # ------------------------------------------------------------------ the recording

    def _change_recording(self, command: Command) -> None:
        running, now = self.running, self._around.loop.time()
        match command:
            case StartRecording():
                self._start()
            case PauseRecording() if running is not None:
                running.recorder.pause(now)
                self._around.observe(self, "paused")
            case ResumeRecording() if running is not None:
                running.recorder.resume(now)
                self._around.observe(self, "resumed")
            case MarkAnnouncement() if running is not None:
                running.recorder.mark(command.announcement, self._moment(command.announcement, now))
                self._around.announced(command.announcement.kind)
            case UpdateMetadata() if running is not None:
                self._refile(running)
            case FinishRecording() if running is not None:
                self.end_reason = self.end_reason or command.reason
                self._around.observe(self, "finished")
                self.running = None
                self._silence_told = False
                self.end_reason = ""

    def _start(self) -> None:
        around = self._around
        recording_id = around.new_id()
        directory = around.spool / encode_id(recording_id)
        settings = around.settings
        recorder = Recorder(directory, settings.profile, settings.media.reorder_window_seconds, around.disk)
        tenant = self.tenant
        provider = around.provider_of(tenant)
        self._opened_at = around.loop.time()
        self.running = Running(
            recording_id,
            directory,
            recorder,
            around.now_ns(),
            self._opened_at,
            provider,
            tenant,
            provider,
        )
        around.observe(self, "started")

    def _moment(self, said: Announcement, now: float) -> float:
        """The wire time of an announcement: when it says it was played, else now."""
        at_ns = None if said.at is None else to_ns(said.at)
        if at_ns is None:
            return now
        return now - max(0, self._around.now_ns() - at_ns) / 1e9

    def _refile(self, running: Running) -> None:
        running.tenant = self.tenant
        running.provider = self._around.provider_of(running.tenant)

    @property
    def tenant(self) -> Tenant:
        """Whose call it is, as the latest metadata says."""
        current = self.session.ledger.current
        if current is None or not current.calls:
            return Tenant()
        return Tenant(*(shortened(text) for text in current.calls[0].tenant_key))

    # ------------------------------------------------------------------ time

    def tick(self) -> None:
        """Write, report and look for silence."""
        now = self._around.loop.time()
        self._ticks += 1
        if self.running is not None:
            self.running.recorder.tick(now)
            self._look_for_silence(self.running.recorder, now)
        if self.running is not None and self.running.recorder.error is not None and not self.end_reason:
            self.hang_up("disk failed")
        if self._ticks % RTCP_EVERY_TICKS == 0:
            self._report(now)
        due = self.session.next_deadline()
        if due is not None and due <= now:
            self.run(self.session.handle_timeout(now))

    def _look_for_silence(self, recorder: Recorder, now: float) -> None:
        if self.session.paused or not self._ports:
            self._opened_at = now
            return
        silent = now - max(self._opened_at, recorder.last_packet or 0.0)
        if silent < self._around.settings.profile.media_timeout_seconds:
            self._silence_told = False
        elif not self._silence_told:
            self._silence_told = True
            self.run(self.session.media_silent(silent))

    def _report(self, now: float) -> None:
        """Send receiver reports (RFC 3550 §6.4.2)."""
        if self.running is None:
            return
        for index, port in self._ports.items():
            track = self.running.recorder.tracks[index]
            report = track.received.receiver_report(self._ssrc, f"srs@{self._around.media_host}", now)
            data = rtcp.build_compound(report)
            protect = self._protect.get(index)
            port.send_rtcp(data if protect is None else protect.protect_rtcp(data))


def _drain(port: MediaPort, track: Track, now: float) -> None:
    """Take what still waits in the socket: a BYE may overtake the last packets when there is much to do."""
    for _ in range(MAX_DRAINED):
        try:
            datagram = port.pair.rtp.recv(MAX_DATAGRAM_BYTES)
        except OSError:
            return
        if not is_rtcp(datagram):
            track.receive(datagram, now)
