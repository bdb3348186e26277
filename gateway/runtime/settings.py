"""The sections of the configuration that every service reads: logging, world time, storage."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from gateway.runtime.crosschecks import CrossFault, refuse


class Section(BaseModel):
    """Base of a section: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


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
    resume: bool = Field(
        True,
        description="After a restart the world goes on from where it was, never back behind what is stored; "
        "false: it begins anew, and what is stored keeps its moments: texts and limits of a world that was "
        "ahead wait until this one is there (take another folder to be rid of them).",
    )

    @model_validator(mode="after")
    def _system_is_now(self) -> "ClockSettings":
        system = "mode system follows the machine's clock: set mode to scaled or frozen"
        faults = []
        if self.mode == "system" and self.speed != 1.0:
            faults.append(CrossFault(("speed",), system, (("mode",),)))
        if self.mode == "system" and self.start is not None:
            faults.append(CrossFault(("start",), system, (("mode",),)))
        elif self.start is not None and not 1970 <= self.start.year < 2099:
            faults.append(CrossFault(("start",), "the world begins in one of the years 1970 to 2098"))
        refuse(self, faults)
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
    writer: Literal["thread", "process"] = Field(
        "thread",
        description="Who writes an SQLite file: a thread of the service, or a process of its own, which "
        "leaves the event loop alone under load and costs a moment at the start.",
    )
    node: int = Field(0, ge=0, le=1023, description="This process among those that write into one database.")

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.database or f"sqlite:///{self.folder / 'gateway.db'}"
