"""Section `captures:` of the configuration: SMPP traffic recorded from the first PDU on."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class CapturesSettings(BaseModel):
    """A capture that begins with the service; others are begun over the API, or by `gateway record`."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    format: Literal["off", "pcap", "jsonl"] = Field(
        "off", description="Written to `captures/` below the storage folder; jsonl holds verdicts too."
    )
    mask_text: bool = Field(False, description="Replace texts by asterisks; numbers stay.")
    rotate_mib: int = Field(64, ge=1, le=4096, description="Size at which a new file begins, MiB.")
    max_files: int = Field(8, ge=1, le=1000, description="Files kept; the oldest goes first.")
