"""The providers as the configuration describes them (`config/providers/*.yaml`)."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.runtime.crosschecks import CrossFault, refuse
from siprec.providers.model import Provider


class ProvidersSettings(BaseModel):
    """Who keeps recordings."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    providers: Mapping[str, Provider] = Field(default_factory=dict, description="Providers by name (C3).")
    storages: Mapping[str, str] = Field(
        default_factory=dict,
        description="Customers' own places for recordings (C6, C7), by name: a folder or `s3://bucket/prefix`.",
    )
    repeat_tone_seconds: tuple[int, int] = Field(
        (10, 90), description="Shortest and longest interval of the repeat tone (D6)."
    )

    @model_validator(mode="after")
    def _names_are_free(self) -> "ProvidersSettings":
        told = "the name says that there is no provider of its own"
        faults = [
            CrossFault(("providers", name), told) for name in ("none", "inherit") if name in self.providers
        ]
        low, high = self.repeat_tone_seconds
        if not 1 <= low <= high:
            faults.append(CrossFault(("repeat_tone_seconds",), "the shortest interval comes first"))
        refuse(self, faults)
        return self
