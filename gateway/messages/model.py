"""A text's life as data: states, the transition table, and the records that the rest of the room shares.

Outbound: accepted → queued → submitted → delivered | undeliverable | expired | rejected | unknown | deleted.
Inbound: received | undeliverable | rejected. All times are world time in integer nanoseconds since the epoch.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.smpp.constants import MessageState
from gateway.smpp.frozen import frozen


class Direction(StrEnum):
    """Which way a text travels, seen from the Webex user."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class State(StrEnum):
    """Where a text is in its life; the values are the API's words."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    DELETED = "deleted"
    RECEIVED = "received"

    @property
    def final(self) -> bool:
        """True when the text has its outcome (a late receipt may still correct `unknown`)."""
        return self in _OUTCOMES or self is State.RECEIVED


_OUTCOMES = frozenset(
    {State.DELIVERED, State.UNDELIVERABLE, State.EXPIRED, State.REJECTED, State.UNKNOWN, State.DELETED}
)

TRANSITIONS: dict[State, frozenset[State]] = {
    State.ACCEPTED: _OUTCOMES | {State.QUEUED, State.SUBMITTED},
    State.QUEUED: _OUTCOMES | {State.SUBMITTED},
    State.SUBMITTED: _OUTCOMES,
    State.DELIVERED: frozenset(),
    State.UNDELIVERABLE: frozenset(),
    State.EXPIRED: frozenset(),
    State.REJECTED: frozenset(),
    # A receipt that comes after the gateway gave up waiting still tells the truth.
    State.UNKNOWN: _OUTCOMES - {State.UNKNOWN},
    State.DELETED: frozenset(),
    State.RECEIVED: frozenset(),
}

#: States of texts that still wait for a carrier: what a restart sends again.
UNSENT = (State.ACCEPTED, State.QUEUED)

#: SMPP 3.4 §5.2.28 message_state of a receipt → the text's state; absent ones are intermediate.
STATE_OF_RECEIPT: dict[MessageState, State] = {
    MessageState.DELIVERED: State.DELIVERED,
    MessageState.EXPIRED: State.EXPIRED,
    MessageState.DELETED: State.DELETED,
    MessageState.UNDELIVERABLE: State.UNDELIVERABLE,
    MessageState.UNKNOWN: State.UNKNOWN,
    MessageState.REJECTED: State.REJECTED,
}

#: When segments end differently the text takes the worst of them, in this order.
_WORST_FIRST = (
    State.REJECTED,
    State.UNDELIVERABLE,
    State.EXPIRED,
    State.DELETED,
    State.UNKNOWN,
    State.DELIVERED,
)


def may_follow(current: State, following: State) -> bool:
    """Whether `following` is a legal successor of `current`."""
    return following in TRANSITIONS[current]


def aggregate(outcomes: list[State]) -> State:
    """One outcome for a multipart text: delivered only if every segment was; else the worst of them."""
    for state in _WORST_FIRST:
        if state in outcomes:
            return state
    raise ValueError("no segment outcome to aggregate")


@frozen
class Message:
    """A text as stored and shown.

    `source` and `destination` are E.164 with a plus sign; `segments` counts SMPP parts; `code` and
    `blocked_by` say why it failed, if it did; `verdicts` is JSON of what the rules said where it is worth
    keeping.
    """

    id: int
    direction: Direction
    state: State
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
    organization_id: str | None = None
    person_id: str | None = None
    reference: int = 0
    code: str | None = None
    blocked_by: str | None = None
    verdicts: str | None = None
    client: str | None = None


def message_row(message: Message) -> tuple[Any, ...]:
    """A text as the columns of its row, in order."""
    return (
        message.id,
        message.direction._value_,  # `value` is a property, and this is a hot path
        message.state._value_,
        message.source,
        message.destination,
        message.text,
        message.encoding,
        message.segments,
        message.carrier,
        message.created_ns,
        message.release_ns,
        message.expires_ns,
        message.updated_ns,
        message.organization_id,
        message.person_id,
        message.reference,
        message.code,
        message.blocked_by,
        message.verdicts,
        message.client,
    )


@frozen
class Segment:
    """One submit_sm of a text: what the carrier answered and what its receipt said.

    `status` is the command_status of submit_sm_resp (0 accepted); `error` the receipt's err field as sent.
    """

    message_id: int
    part: int
    carrier: str
    smsc_id: str | None
    sequence_number: int
    status: int
    submitted_ns: int
    answered_ns: int
    receipt_state: str | None = None
    receipt_error: str | None = None
    receipt_ns: int | None = None
    receipt_text: bytes | None = None


@dataclass(slots=True)
class Progress:
    """How far the segments of one text have come: the aggregation that turns parts into one outcome.

    `outcomes` maps part (0-based) to its final state; a part without an entry is still under way. `ending`:
    the text's own outcome is being stored.
    """

    total: int
    answered: set[int] = field(default_factory=set)
    outcomes: dict[int, State] = field(default_factory=dict)
    ending: bool = False

    def answer(self, part: int) -> bool:
        """Note that the carrier answered `part`; True when this was the last one outstanding."""
        self.answered.add(part)
        return len(self.answered) == self.total

    def settle(self, part: int, state: State) -> State | None:
        """Note the outcome of `part`; the text's outcome once all parts have one, else None."""
        self.outcomes.setdefault(part, state)
        if len(self.outcomes) < self.total:
            return None
        return aggregate(list(self.outcomes.values()))

    def take_back(self, part: int) -> None:
        """The outcome of `part` could not be stored; it will be told again."""
        self.outcomes.pop(part, None)
