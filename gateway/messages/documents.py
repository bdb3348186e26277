"""How a text looks outside: one document for the API, the stream and webhooks."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Any

from gateway.messages.intents import InsertSetback
from gateway.messages.model import Message, Segment
from gateway.messages.outbound import SubmitTerms, build_submits
from gateway.messages.pdus import pdu_document
from gateway.messages.verdicts import verdicts_of
from gateway.runtime.http.wire import format_ns
from gateway.runtime.ids import encode_id
from gateway.smpp.constants import status_name
from gateway.smpp.pdu import SubmitSmResp

_moment = lru_cache(maxsize=64)(format_ns)  # of texts taken in together all moments are the same


def message_document(message: Message) -> dict[str, Any]:
    """A text as JSON-able data: ids opaque, times ISO-8601 UTC, absent things left out."""
    created = format_ns(message.created_ns)
    updated_ns, release_ns = message.updated_ns, message.release_ns
    document: dict[str, Any] = {
        "id": encode_id(message.id),
        "direction": message.direction._value_,  # `value` is a property, and this is a hot path
        "state": message.state._value_,
        "from": message.source,
        "to": message.destination,
        "text": message.text,
        "segments": message.segments,
        "encoding": message.encoding,
        "carrier": message.carrier,
        "releaseAt": created if release_ns == message.created_ns else format_ns(release_ns),
        "created": created,
        "updated": created if updated_ns == message.created_ns else format_ns(updated_ns),
    }
    if message.organization_id is not None:
        document["organizationId"] = message.organization_id
    if message.person_id is not None:
        document["personId"] = message.person_id
    if message.code is not None:
        document["code"] = message.code
    if message.blocked_by is not None:
        document["blockedBy"] = message.blocked_by
    if message.client is not None:
        document["client"] = json.loads(message.client)
    return document


def message_json(message: Message) -> str:
    """`message_document` as JSON text, at a third of the price: for the answers to who sends."""
    created, released = _moment(message.created_ns), _moment(message.release_ns)
    updated = _moment(message.updated_ns)
    parts = (
        f'{{"id":"{encode_id(message.id)}","direction":"{message.direction._value_}"'
        f',"state":"{message.state._value_}","from":{_quoted(message.source)}'
        f',"to":{_quoted(message.destination)},"text":{_quoted(message.text)}'
        f',"segments":{message.segments},"encoding":"{message.encoding}"'
        f',"carrier":{_quoted(message.carrier)},"releaseAt":"{released}"'
        f',"created":"{created}","updated":"{updated}"'
    )
    if message.organization_id is not None:
        parts += f',"organizationId":{_quoted(message.organization_id)}'
    if message.person_id is not None:
        parts += f',"personId":{_quoted(message.person_id)}'
    if message.code is not None:
        parts += f',"code":{_quoted(message.code)}'
    if message.blocked_by is not None:
        parts += f',"blockedBy":{_quoted(message.blocked_by)}'
    if message.client is not None:
        parts += f',"client":{message.client}'
    return parts + "}"


def story_document(
    message: Message,
    segments: list[Segment],
    terms: SubmitTerms | None = None,
    setbacks: Sequence[InsertSetback] = (),
) -> dict[str, Any]:
    """A text with what the rules said and what went over the wire.

    With the carrier's `terms` every PDU of the timeline is decoded.
    """
    document = message_document(message)
    document["verdicts"] = verdicts_of(message, segments)
    document["timeline"] = timeline(message, segments, terms, setbacks)
    return document


def timeline(
    message: Message,
    segments: list[Segment],
    terms: SubmitTerms | None = None,
    setbacks: Sequence[InsertSetback] = (),
) -> list[dict[str, Any]]:
    """What happened to a text, in order of time: acceptance, each PDU with its carrier's answer, receipts.

    `setbacks`: sendings that were refused for the moment, stayed unanswered or went down with their bind.
    """
    moments: list[tuple[int, int, dict[str, Any]]] = []

    def note(at_ns: int | None, what: str, **details: Any) -> None:
        if at_ns is not None:
            kept = {name: value for name, value in details.items() if value is not None}
            moments.append((at_ns, len(moments), {"at": format_ns(at_ns), "event": what, **kept}))

    note(message.created_ns, "received" if message.direction == "inbound" else "accepted")
    for setback in setbacks:
        note(
            setback.at_ns,
            setback.trouble,
            part=setback.part + 1,
            carrier=setback.carrier,
            link=setback.link or None,
            sequenceNumber=setback.sequence_number or None,
            status=status_name(setback.status) if setback.status else None,
            settled=False,
        )
    for segment in segments:
        place = {"part": segment.part + 1, "carrier": segment.carrier}
        number = _first_number(segment, setbacks)
        note(
            segment.submitted_ns,
            "submit_sm",
            **place,
            sequenceNumber=number,
            pdu=_submit(message, segment, number, terms),
        )
        note(
            segment.answered_ns,
            "submit_sm_resp",
            **place,
            sequenceNumber=segment.sequence_number,
            status=status_name(segment.status),
            messageId=segment.smsc_id,
            pdu=_answer(segment) if terms is not None else None,
        )
        note(
            segment.receipt_ns,
            "deliver_sm",
            part=segment.part + 1,
            carrier=segment.carrier,
            messageId=segment.smsc_id,
            receipt=segment.receipt_state,
            error=segment.receipt_error,
            text=None if segment.receipt_text is None else segment.receipt_text.decode("latin-1"),
        )
    if message.state.final and message.direction == "outbound":
        note(message.updated_ns, message.state.value, code=message.code)
    return [moment for _, _, moment in sorted(moments, key=lambda entry: entry[:2])]


def _first_number(segment: Segment, setbacks: Sequence[InsertSetback]) -> int:
    """The number under which a segment went out at `submitted_ns`: it may have been answered under another.

    Setbacks of an earlier run of the gateway came before.
    """
    numbers = (
        setback.sequence_number
        for setback in setbacks
        if setback.part == segment.part and setback.at_ns >= segment.submitted_ns
    )
    return next(numbers, 0) or segment.sequence_number


def _submit(
    message: Message, segment: Segment, sequence_number: int, terms: SubmitTerms | None
) -> dict[str, Any] | None:
    """The submit_sm of a segment, built again as it went out."""
    if terms is None:
        return None
    submits = build_submits(message, terms, segment.submitted_ns)
    if segment.part >= len(submits):  # the terms have changed since
        return None
    return pdu_document(replace(submits[segment.part], sequence_number=sequence_number))


def _answer(segment: Segment) -> dict[str, Any] | None:
    if segment.answered_ns is None:
        return None
    answer = SubmitSmResp(
        message_id=segment.smsc_id or "",
        command_status=segment.status,
        sequence_number=segment.sequence_number,
    )
    return pdu_document(answer)
