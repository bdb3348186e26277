"""Calling joined to a recording service: its call control forks to the service's own recorder."""

from collections.abc import Iterator

from gateway.runtime.http.health import Health
from gateway.runtime.http.routes import Routes
from gateway.runtime.lifecycle import Lifecycle
from siprec.api.calls import call_routes
from siprec.callcontrol.settings import CallingSettings
from siprec.callcontrol.telephony import Telephony
from siprec.calling.run_routes import run_routes
from siprec.calling.runs import ScenarioRuns
from siprec.phones.document import RecordedCall
from siprec.service import Foundation, Recording


def add_calling(
    lifecycle: Lifecycle,
    health: Health,
    world: Foundation,
    recording: Recording,
    settings: CallingSettings,
) -> tuple[Telephony | None, list[Routes]]:
    """Add the call control as a part, unless the settings leave it out; return it and its routes."""
    if not settings.enabled:
        return None, []
    telephony = Telephony(
        settings,
        world.directory.directory,
        world.bus,
        world.clock.now_ns,
        recorders=lambda: list(recorder_uris(recording)),
        first_number=world.ids.new_id,
    )

    def discard(_call: RecordedCall, sip_call_id: str) -> None:
        recording.discard(sip_call_id)

    telephony.on_discarded = discard
    health.add_part("calling", lambda: telephony.ready)
    lifecycle.add("calling", telephony)
    runs = ScenarioRuns(world.bus, world.clock.now_ns, world.ids.new_id, settings.host)
    lifecycle.add("scenarios", runs)
    return telephony, [call_routes(telephony), run_routes(runs)]


def recorder_uris(recording: Recording) -> Iterator[str]:
    """Where the recorder of this process takes calls, without TLS."""
    for each in recording.server.listening:
        if each.transport.value != "tls":
            suffix = "" if each.transport.value == "udp" else f";transport={each.transport.value}"
            yield f"sip:srs@{each.host}:{each.port}{suffix}"
