"""Typed write intents of the messages room: what the rest of the room asks the database to make durable.

Each is a tuple of bind parameters in field order with its statement beside it (`gateway.runtime.database`).
Updates guard the transition in SQL, so that statements of one batch may run grouped: a final state is never
overwritten.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, delete, insert, literal_column, update

from gateway.messages.model import TRANSITIONS, State
from gateway.messages.tables import (
    idempotency,
    inbound_segments,
    messages,
    orphan_receipts,
    segments,
    setbacks,
)
from gateway.runtime.intents import writes


def _word(state: State) -> ColumnElement[str]:
    """A state as an SQL literal: our own constant, so that it costs no bind parameter."""
    return literal_column(f"'{state.value}'")


def _in(*states: State) -> ColumnElement[bool]:
    return messages.c.state.in_([_word(state) for state in states])


def _before(following: State) -> ColumnElement[bool]:
    """The text is in a state that `following` may follow."""
    return _in(*(state for state, successors in TRANSITIONS.items() if following in successors))


_OPEN = _in(*(state for state, successors in TRANSITIONS.items() if successors))


@writes(insert(messages).values({c.name: bindparam(c.name) for c in messages.columns}), rank=0)
class InsertMessage(NamedTuple):
    """A new text, outbound or inbound."""

    id: int
    direction: str
    state: str
    source: str
    destination: str
    text: str
    encoding: str
    segments: int
    carrier: str
    created_ns: int
    release_ns: int
    expires_ns: int
    updated_ns: int
    organization_id: str | None
    person_id: str | None
    reference: int
    code: str | None
    blocked_by: str | None
    verdicts: str | None
    client: str | None


@writes(insert(idempotency).values({c.name: bindparam(c.name) for c in idempotency.columns}), rank=1)
class InsertIdempotencyKey(NamedTuple):
    """A caller's Idempotency-Key; unique per caller, so that a concurrent repeat cannot send twice."""

    caller: str
    key: str
    digest: str
    message_id: int
    created_ns: int


@writes(delete(messages).where(messages.c.id == bindparam("id")), rank=8)
class DeleteMessage(NamedTuple):
    """The text's retention is over; its segments and their setbacks go with it."""

    id: int


@writes(delete(idempotency).where(idempotency.c.created_ns < bindparam("before_ns")), rank=8)
class DeleteOldIdempotencyKeys(NamedTuple):
    """Keys from before that moment answer nothing any more."""

    before_ns: int


@writes(
    insert(segments).values(
        {c.name: bindparam(c.name) for c in segments.columns if not c.name.startswith("receipt_")}
    ),
    rank=2,
)
class InsertSegment(NamedTuple):
    """The carrier's answer to one submit_sm."""

    message_id: int
    part: int
    carrier: str
    smsc_id: str | None
    sequence_number: int
    status: int
    submitted_ns: int
    answered_ns: int


@writes(
    insert(setbacks).values({c.name: bindparam(c.name) for c in setbacks.columns if c.name != "id"}), rank=2
)
class InsertSetback(NamedTuple):
    """A submit_sm did not settle its segment, which may go again."""

    message_id: int
    part: int
    carrier: str
    link: str
    trouble: str
    sequence_number: int
    status: int
    at_ns: int


@writes(
    (
        update(messages)
        .where(messages.c.id == bindparam("message_id"), _before(State.QUEUED))
        .values(state=_word(State.QUEUED), updated_ns=bindparam("updated_ns"))
    ),
    rank=3,
)
class MarkQueued(NamedTuple):
    """The text waits: for its release time or for a bind."""

    updated_ns: int
    message_id: int


@writes(
    update(messages)
    .where(messages.c.id == bindparam("message_id"))
    .values({name: bindparam(name) for name in ("release_ns", "expires_ns", "updated_ns")}),
    rank=3,
)
class MoveMessage(NamedTuple):
    """The text leaves later than it was told, and may take as long as before from then on."""

    release_ns: int
    expires_ns: int
    updated_ns: int
    message_id: int


@writes(
    (
        update(messages)
        .where(messages.c.id == bindparam("message_id"), _before(State.SUBMITTED))
        .values(state=_word(State.SUBMITTED), updated_ns=bindparam("updated_ns"))
    ),
    rank=4,
)
class MarkSubmitted(NamedTuple):
    """Every segment is with the carrier."""

    updated_ns: int
    message_id: int


@writes(
    (
        update(messages)
        .where(messages.c.id == bindparam("message_id"), _OPEN)
        .values(
            state=bindparam("state"),
            updated_ns=bindparam("updated_ns"),
            code=bindparam("code"),
            blocked_by=bindparam("blocked_by"),
        )
    ),
    rank=5,
)
class MarkFinal(NamedTuple):
    """The text has its outcome; an outcome already there stays, except `unknown`."""

    state: str
    updated_ns: int
    code: str | None
    blocked_by: str | None
    message_id: int


@writes(
    (
        update(segments)
        .where(segments.c.message_id == bindparam("message_id"), segments.c.part == bindparam("part"))
        .values(
            receipt_state=bindparam("receipt_state"),
            receipt_error=bindparam("receipt_error"),
            receipt_ns=bindparam("receipt_ns"),
            receipt_text=bindparam("receipt_text"),
        )
    ),
    rank=5,
)
class MarkReceipt(NamedTuple):
    """A receipt for one segment."""

    receipt_state: str
    receipt_error: str | None
    receipt_ns: int
    receipt_text: bytes | None
    message_id: int
    part: int


@writes(insert(orphan_receipts).values({c.name: bindparam(c.name) for c in orphan_receipts.columns}), rank=6)
class InsertOrphanReceipt(NamedTuple):
    """A receipt nobody expects yet."""

    id: int
    carrier: str
    smsc_id: str
    source: str
    state: str
    error: str | None
    received_ns: int
    receipt_text: bytes | None


@writes(delete(orphan_receipts).where(orphan_receipts.c.id == bindparam("id")), rank=7)
class DeleteOrphanReceipt(NamedTuple):
    """The orphan found its submit."""

    id: int


@writes(
    insert(inbound_segments).values({c.name: bindparam(c.name) for c in inbound_segments.columns}), rank=6
)
class InsertInboundSegment(NamedTuple):
    """One part of an inbound text that waits for the others."""

    id: int
    carrier: str
    source: str
    destination: str
    reference: int
    total: int
    part: int
    data_coding: int
    payload: bytes
    received_ns: int


@writes(delete(inbound_segments).where(inbound_segments.c.id == bindparam("id")), rank=7)
class DeleteInboundSegment(NamedTuple):
    """The part went into a complete text, or was given up."""

    id: int
