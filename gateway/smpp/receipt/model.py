"""A receipt, and the words of its state (SMPP 3.4 appendix B)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Final

from gateway.smpp.constants import ESM_MESSAGE_TYPE_MASK, MessageState
from gateway.smpp.frozen import frozen
from gateway.smpp.text import TextError

ESM_RECEIPT: Final = 0x04
ESM_INTERMEDIATE: Final = 0x20


class NotAReceipt(TextError):
    """Neither the text nor the TLVs name a message."""

    def __str__(self) -> str:
        return "no message id in the text and no receipted_message_id: not a receipt that can be matched"


STAT_WORDS: Final[Mapping[MessageState, str]] = MappingProxyType(
    {
        MessageState.ENROUTE: "ENROUTE",
        MessageState.DELIVERED: "DELIVRD",
        MessageState.EXPIRED: "EXPIRED",
        MessageState.DELETED: "DELETED",
        MessageState.UNDELIVERABLE: "UNDELIV",
        MessageState.ACCEPTED: "ACCEPTD",
        MessageState.UNKNOWN: "UNKNOWN",
        MessageState.REJECTED: "REJECTD",
    }
)


@frozen
class Receipt:
    """One receipt. Absent or unreadable fields are None; dates are taken as UTC, in nanoseconds since the
    epoch."""

    message_id: str
    state: MessageState
    error: str | None = None
    """`err` as written: `000`, `0012`, `00A`; from network_error_code where only that is there."""
    submitted: int | None = None
    delivered: int | None = None
    submitted_ns: int | None = None
    done_ns: int | None = None
    text: bytes = b""
    intermediate: bool = False
    network_type: int | None = None
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def final(self) -> bool:
        """True when no other receipt has to follow."""
        return self.state not in (MessageState.ENROUTE, MessageState.ACCEPTED)


def is_receipt(esm_class: int) -> bool:
    """True for a deliver_sm or data_sm whose esm_class marks a receipt or an intermediate notification."""
    return esm_class & ESM_MESSAGE_TYPE_MASK in (ESM_RECEIPT, ESM_INTERMEDIATE)
