"""What happens to texts, as events on the bus. Names are those of the stream and the webhooks."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from gateway.messages.documents import message_document
from gateway.messages.model import Message, State
from gateway.runtime.http.auth import Principal


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """Something happened to a text: `message` as it was stored, and what has changed since.

    Kept apart, because most events are never looked at: the merged document is made when somebody does.
    """

    name: ClassVar[str] = "message"
    message: Message
    state: State | None = None
    updated_ns: int | None = None
    code: str | None = None
    blocked_by: str | None = None

    @property
    def current(self) -> Message:
        """The text as it is after the event."""
        if self.state is None:
            return self.message
        updated_ns = self.message.updated_ns if self.updated_ns is None else self.updated_ns
        return replace(
            self.message, state=self.state, updated_ns=updated_ns, code=self.code, blocked_by=self.blocked_by
        )

    def visible_to(self, principal: Principal) -> bool:
        """Within the text's organisation; a person sees only that person's texts."""
        return principal.oversees(self.message.organization_id, self.message.person_id)

    def as_payload(self) -> dict[str, Any]:
        """The event's `data`: the text as the API shows it."""
        return message_document(self.current)


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """A rule refused an outbound text; it was not stored. Says who and why, never what or to whom."""

    name: ClassVar[str] = "message.refused"
    code: str
    blocked_by: str
    http_status: int
    organization_id: str | None = None
    person_id: str | None = None

    def visible_to(self, principal: Principal) -> bool:
        """As the text would have been."""
        return principal.oversees(self.organization_id, self.person_id)


@dataclass(frozen=True, slots=True)
class MessageAccepted(MessageEvent):
    """The text is durable; the sender has been told 202."""

    name: ClassVar[str] = "message.accepted"


@dataclass(frozen=True, slots=True)
class MessageQueued(MessageEvent):
    """The text waits for its release time or for a bind."""

    name: ClassVar[str] = "message.queued"


@dataclass(frozen=True, slots=True)
class MessageSubmitted(MessageEvent):
    """Every segment has been accepted by the carrier."""

    name: ClassVar[str] = "message.submitted"


@dataclass(frozen=True, slots=True)
class MessageDelivered(MessageEvent):
    """Receipts say that every segment reached the handset."""

    name: ClassVar[str] = "message.delivered"


@dataclass(frozen=True, slots=True)
class MessageFailed(MessageEvent):
    """The text ended otherwise: rejected, undeliverable, expired, unknown or deleted."""

    name: ClassVar[str] = "message.failed"


@dataclass(frozen=True, slots=True)
class MessageReceived(MessageEvent):
    """An inbound text was stored (for a person, or refused with a code)."""

    name: ClassVar[str] = "message.received"
