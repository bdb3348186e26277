"""One trace per recording session, told from the events on the bus.

`recording` has the phases `recording` and `paused`, one after the other, until the recording is sealed.
"""

from gateway.runtime.bus import Bus
from gateway.runtime.ids import encode_id
from gateway.runtime.tracing import Traces
from siprec.providers.events import (
    RecordingEvent,
    RecordingFinished,
    RecordingPaused,
    RecordingResumed,
    RecordingStarted,
)
from siprec.providers.model import Filing

NAME = "recording"
#: Outcomes of a session that went as it should.
EXPECTED = ("bye received", "bye sent", "streams removed")


def trace_recordings(bus: Bus, traces: Traces) -> None:
    """Follow every recording that is published on `bus` from now on."""

    def started(event: RecordingStarted) -> None:
        traces.begin(event.filing.recording_id, NAME, attributes_of(event.filing), "recording")

    def changed(event: RecordingEvent) -> None:
        phase = "paused" if isinstance(event, RecordingPaused) else "recording"
        traces.phase(event.filing.recording_id, phase, NAME, attributes_of(event.filing))

    def finished(event: RecordingFinished) -> None:
        outcome = event.reason or "ended"
        failure = None if outcome in EXPECTED or not event.reason else outcome
        told = {**attributes_of(event.filing), "recording.outcome": outcome}
        traces.end(event.filing.recording_id, told, failure)

    bus.listen(RecordingStarted, started)
    bus.listen(RecordingPaused, changed)
    bus.listen(RecordingResumed, changed)
    bus.listen(RecordingFinished, finished)


def attributes_of(filing: Filing) -> dict[str, str | int | bool]:
    """What a trace says of a recording: whose provider keeps it, nothing of who speaks."""
    owner = filing.owner
    return {
        "recording.id": encode_id(filing.recording_id),
        "recording.provider": owner.provider or "quarantine",
        "recording.product": owner.product or "",
        "recording.quarantined": filing.quarantined,
        **({"organization.id": owner.organization_id} if owner.organization_id else {}),
    }
