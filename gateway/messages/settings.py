"""Section `messages:` of the configuration."""

from pydantic import BaseModel, ConfigDict, Field

DAY_S = 86_400.0


class MessagesSettings(BaseModel):
    """A text's life in the gateway: how long it may take, how long it is kept; all in world time."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    validity_s: float = Field(
        default=3 * DAY_S, gt=0, description="Seconds a text may take to its handset; then it is expired."
    )
    receipt_grace_s: float = Field(
        default=3600,
        ge=0,
        description="Seconds past the validity in which a receipt is awaited; then the text is unknown.",
    )
    queue_limit: int = Field(
        default=100_000,
        ge=1,
        description="Texts that may wait for one carrier; further ones are refused with queue_full.",
    )
    orphan_receipt_s: float = Field(
        default=3600,
        ge=0,
        description="Seconds a receipt is kept that came before (or without) its submit_sm_resp.",
    )
    reassembly_s: float = Field(
        default=3600, gt=0, description="Seconds an inbound multipart text may take to become complete."
    )
    idempotency_s: float = Field(
        default=DAY_S, gt=0, description="Seconds in which a repeated Idempotency-Key sends nothing more."
    )
