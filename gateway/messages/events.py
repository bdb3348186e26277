"""What happens to texts, as events on the bus. Names are those of the stream and the webhooks."""

from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.messages.documents import message_document
from gateway.messages.model import Message
from gateway.runtime.http.auth import Principal


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """Something happened to a text; `message` is the text as it is after it."""

    name: ClassVar[str] = "message"
    message: Message

    def visible_to(self, principal: Principal) -> bool:
        """Within the text's organisation; a person sees only that person's texts."""
        message = self.message
        if principal.organization_id not in (None, message.organization_id):
            return False
        return principal.role != "person" or principal.person_id == message.person_id

    def as_payload(self) -> dict[str, Any]:
        """The event's `data`: the text as the API shows it."""
        return message_document(self.message)


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
