"""The sections of the configuration and which part of the program reads which."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from gateway.carriers.settings import CarriersSettings, NetworkSettings
from gateway.directory.settings import DirectorySettings
from gateway.esme.settings import EsmeSettings
from gateway.messages.settings import MessagesSettings
from gateway.messages.webhooks import WebhooksSettings
from gateway.policy.settings import BusinessTextingSettings
from gateway.registry.settings import RegistrySettings
from gateway.registry.terms import CarrierTerms
from gateway.runtime.http.settings import HttpSettings
from gateway.throttle.settings import LimitsSettings


class Section(BaseModel):
    """Base of the sections below: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level written.")
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="`auto`: readable lines on a terminal, JSON elsewhere."
    )


class ClockSettings(Section):
    """How world time runs: what every rule sees, never a protocol timer."""

    mode: Literal["system", "scaled", "frozen"] = Field("system", description="How the world's time runs.")
    speed: float = Field(1.0, gt=0, le=1_000_000, description="World seconds per real second (scaled).")
    start: AwareDatetime | None = Field(
        None, description="Where the world begins (scaled, frozen); null: at the present moment."
    )

    @model_validator(mode="after")
    def _system_is_now(self) -> "ClockSettings":
        if self.mode == "system" and (self.start is not None or self.speed != 1.0):
            raise ValueError("mode system follows the machine's clock: set mode to scaled or frozen")
        return self

    @property
    def start_ns(self) -> int | None:
        """The world's first moment in nanoseconds since the epoch."""
        if self.start is None:
            return None
        return round((self.start - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000_000)


class StorageSettings(Section):
    """Where texts, recordings and captures are kept."""

    folder: Path = Field(Path("data"), description="Folder of the embedded database and of files.")
    database: str | None = Field(
        None,
        description="Database URL (`sqlite:///path`, `postgresql://user@host/name`); "
        "null: `gateway.db` in the folder.",
    )
    node: int = Field(0, ge=0, le=1023, description="This process among those that write into one database.")

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.database or f"sqlite:///{self.folder / 'gateway.db'}"


class Network(NetworkSettings):
    """One carrier: its truth, and what the gateway believes of it."""

    terms: CarrierTerms = CarrierTerms()
    """What the gateway believes of it."""


class Networks(CarriersSettings):
    """The carriers of the world: who they are, and which of them this process plays."""

    networks: Mapping[str, Network] = Field(default_factory=dict)
    """Carriers by name, in the order of their ports."""


COMMON: dict[str, type[BaseModel]] = {
    "log": LogSettings,
    "clock": ClockSettings,
    "storage": StorageSettings,
    "http": HttpSettings,
    "directory": DirectorySettings,
}
CARRIERS: dict[str, type[BaseModel]] = {"carriers": Networks}
TEXTING: dict[str, type[BaseModel]] = {
    **CARRIERS,
    "registry": RegistrySettings,
    "business_texting": BusinessTextingSettings,
    "limits": LimitsSettings,
    "messages": MessagesSettings,
    "esme": EsmeSettings,
    "webhooks": WebhooksSettings,
}
PARTS: dict[str, dict[str, type[BaseModel]]] = {"texting": TEXTING, "carriers": CARRIERS}
EVERY_SECTION: dict[str, type[BaseModel]] = {**COMMON, **TEXTING}
