"""What is noted of recordings as they begin, pause and end: row, metrics, event, and on to the sealer."""

import asyncio
from collections.abc import Callable

from gateway.runtime.bus import Bus
from gateway.runtime.errors import DatabaseError
from gateway.runtime.ids import encode_id
from gateway.runtime.log import get_logger
from siprec.sip import Request
from siprec.sip.uri import SipUri
from siprec.srs.call import RecordedCall, Running
from siprec.srs.events import RecordingPaused, RecordingResumed, RecordingStarted
from siprec.srs.meters import RecorderMeters
from siprec.srs.sealing import Finished, Sealer, tenant_names
from siprec.srs.sidecar import Caller, RecordingFacts
from siprec.srs.store import InsertRecording, RecordingStore, shortened

_log = get_logger("recorder")


class RecordingLog:
    """Notes what happens to the recordings of a server."""

    def __init__(
        self,
        store: RecordingStore,
        bus: Bus,
        meters: RecorderMeters,
        sealer: Sealer,
        now_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._bus = bus
        self._meters = meters
        self._sealer = sealer
        self._now_ns = now_ns

    def observe(self, call: RecordedCall, what: str) -> None:
        """Take what happened to a call's recording: started, paused, resumed or finished."""
        running = call.running
        if running is None:
            return
        number, provider, now_ns = running.recording_id, running.provider, self._now_ns()
        if what == "started":
            self._begin_row(call, running)
            self._meters.started(provider)
            self._bus.publish(
                RecordingStarted(number, provider, running.tenant, call.session.dialect.value, now_ns)
            )
        elif what == "paused":
            self._bus.publish(RecordingPaused(number, provider, now_ns))
        elif what == "resumed":
            self._bus.publish(RecordingResumed(number, provider, now_ns))
        else:
            self._finish(call, running, now_ns)

    def _begin_row(self, call: RecordedCall, running: Running) -> None:
        """Note a recording that begins; a database that is overloaded must not cost the call."""
        row = InsertRecording(
            running.recording_id,
            running.provider,
            *running.tenant,
            call.sip_call_id,
            call.session.dialect.value,
            running.opened_ns,
        )
        try:
            self._store.begin(row)
        except DatabaseError as error:
            _log.error("recording has no row", recording=encode_id(running.recording_id), error=str(error))

    def _finish(self, call: RecordedCall, running: Running, now_ns: int) -> None:
        recorder = running.recorder
        tracks = recorder.finish(asyncio.get_running_loop().time())
        self._meters.ended(running.counted_as, call.end_reason, tracks, recorder.duration_ms)
        started_ns = running.opened_ns
        if recorder.started is not None:
            started_ns += round((recorder.started - running.opened) * 1e9)
        facts = RecordingFacts(
            recording_id=encode_id(running.recording_id),
            provider=running.provider,
            tenant=tenant_names(running.tenant),
            dialect=call.session.dialect.value,
            sip_call_id=call.sip_call_id,
            caller=call.caller,
            started_ns=started_ns,
            ended_ns=now_ns,
            duration_ms=recorder.duration_ms,
            outcome=call.end_reason,
            timeline=recorder.timeline,
            tracks=tracks,
            metadata=call.session.ledger.current,
            warnings=tuple(call.session.warnings),
            revisions=tuple(call.session.ledger.revisions),
        )
        self._sealer.seal_soon(
            Finished(running.recording_id, running.directory, running.tenant, facts, bool(recorder.files))
        )


def caller_of(request: Request) -> Caller:
    """Return who called: display name and user part of the From."""
    sender = request.from_
    user = sender.uri.user if isinstance(sender.uri, SipUri) else sender.uri.rest
    return Caller(
        None if sender.display is None else shortened(sender.display),
        None if user is None else shortened(user),
    )
