"""One trace per text, told from the events on the bus.

`text outbound` has the phases `waiting` (for its release or a bind), `submitting` (until every segment is
with the carrier) and `awaiting receipt`; a refused and an inbound text are one span each.
"""

from gateway.messages.events import (
    MessageAccepted,
    MessageDelivered,
    MessageEvent,
    MessageFailed,
    MessageQueued,
    MessageReceived,
    MessageRefused,
    MessageSubmitted,
)
from gateway.messages.model import Message, State
from gateway.runtime.bus import Bus
from gateway.runtime.ids import encode_id
from gateway.runtime.tracing import Traces

OUTBOUND, INBOUND = "text outbound", "text inbound"
PHASES: dict[type[MessageEvent], str] = {
    MessageQueued: "waiting",
    MessageSubmitted: "awaiting receipt",
}


def trace_messages(bus: Bus, traces: Traces) -> None:
    """Follow every text that is published on `bus` from now on."""

    def accepted(event: MessageAccepted) -> None:
        traces.begin(event.message.id, OUTBOUND, attributes_of(event.message), "submitting")

    def moved(event: MessageEvent) -> None:
        message = event.message
        traces.phase(message.id, PHASES[type(event)], OUTBOUND, attributes_of(message))

    def finished(event: MessageEvent) -> None:
        current = event.current
        failure = None if current.state is State.DELIVERED else current.code or current.state.value
        traces.end(current.id, _outcome(current), failure)

    def received(event: MessageReceived) -> None:
        current = event.current
        failure = None if current.state is State.RECEIVED else current.code or current.state.value
        traces.tell(INBOUND, attributes_of(current) | _outcome(current), failure)

    def refused(event: MessageRefused) -> None:
        attributes = {"message.code": event.code, "message.blocked_by": event.blocked_by}
        traces.tell(OUTBOUND, attributes | _of_organization(event.organization_id), event.code)

    bus.listen(MessageAccepted, accepted)
    bus.listen(MessageQueued, moved)
    bus.listen(MessageSubmitted, moved)
    bus.listen(MessageDelivered, finished)
    bus.listen(MessageFailed, finished)
    bus.listen(MessageReceived, received)
    bus.listen(MessageRefused, refused)


def attributes_of(message: Message) -> dict[str, str | int | bool]:
    """What a trace says of a text: nothing of what was said, by whom, or to whom."""
    return {
        "message.id": encode_id(message.id),
        "message.segments": message.segments,
        "message.encoding": message.encoding,
        "message.carrier": message.carrier,
        **_of_organization(message.organization_id),
    }


def _outcome(message: Message) -> dict[str, str | int | bool]:
    found: dict[str, str | int | bool] = {"message.state": message.state.value}
    if message.code:
        found["message.code"] = message.code
    if message.blocked_by:
        found["message.blocked_by"] = message.blocked_by
    return found


def _of_organization(organization_id: str | None) -> dict[str, str]:
    return {"organization.id": organization_id} if organization_id else {}
