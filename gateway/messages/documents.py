"""How a text looks outside: one document for the API, the stream and webhooks."""

import json
from typing import Any

from gateway.messages.model import Message, Segment
from gateway.messages.verdicts import verdicts_of
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id
from gateway.smpp.constants import status_name


def message_document(message: Message) -> dict[str, Any]:
    """A text as JSON-able data: ids opaque, times ISO-8601 UTC, absent things left out."""
    document: dict[str, Any] = {
        "id": encode_id(message.id),
        "direction": message.direction.value,
        "state": message.state.value,
        "from": message.source,
        "to": message.destination,
        "text": message.text,
        "segments": message.segments,
        "encoding": message.encoding,
        "carrier": message.carrier,
        "releaseAt": format_ns(message.release_ns),
        "created": format_ns(message.created_ns),
        "updated": format_ns(message.updated_ns),
    }
    optional = {
        "organizationId": message.organization_id,
        "personId": message.person_id,
        "code": message.code,
        "blockedBy": message.blocked_by,
    }
    document.update({name: value for name, value in optional.items() if value is not None})
    if message.client is not None:
        document["client"] = json.loads(message.client)
    return document


def story_document(message: Message, segments: list[Segment]) -> dict[str, Any]:
    """A text with what the rules said and what went over the wire."""
    document = message_document(message)
    document["verdicts"] = verdicts_of(message, segments)
    document["timeline"] = timeline(message, segments)
    return document


def timeline(message: Message, segments: list[Segment]) -> list[dict[str, Any]]:
    """What happened to a text, in order of time: acceptance, each PDU with its carrier's answer, receipts."""
    moments: list[tuple[int, int, dict[str, Any]]] = []

    def note(at_ns: int | None, what: str, **details: Any) -> None:
        if at_ns is not None:
            kept = {name: value for name, value in details.items() if value is not None}
            moments.append((at_ns, len(moments), {"at": format_ns(at_ns), "event": what, **kept}))

    note(message.created_ns, "received" if message.direction == "inbound" else "accepted")
    for segment in segments:
        place = {
            "part": segment.part + 1,
            "carrier": segment.carrier,
            "sequenceNumber": segment.sequence_number,
        }
        note(segment.submitted_ns, "submit_sm", **place)
        note(
            segment.answered_ns,
            "submit_sm_resp",
            **place,
            status=status_name(segment.status),
            messageId=segment.smsc_id,
        )
        note(
            segment.receipt_ns,
            "deliver_sm",
            part=segment.part + 1,
            carrier=segment.carrier,
            messageId=segment.smsc_id,
            receipt=segment.receipt_state,
            error=segment.receipt_error,
        )
    if message.state.final and message.direction == "outbound":
        note(message.updated_ns, message.state.value, code=message.code)
    return [moment for _, _, moment in sorted(moments, key=lambda entry: entry[:2])]
