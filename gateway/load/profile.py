"""Profiles of load: `loadtests/*.yaml` as models, and budgets that decide the exit code.

name: limiter
target: "limiter:"
duration_s: 60
arrivals: {shape: constant, rate: 10000, spacing: poisson}
senders:
  - {name: good, share: 9, numbers: 5000, segments: [1, 1, 2]}
  - {name: hostile, numbers: 1}
budgets: {p99_ms: 50, failed_ratio: 0}
"""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from gateway.load.arrivals import Bursts, Constant, Diurnal, Ramp, Replayed, Shape, Stage
from gateway.throttle.settings import LimitsSettings

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class ProfileError(ValueError):
    """A profile that cannot be run: which file, and every fault in it."""

    def __init__(self, path: str, faults: list[str]) -> None:
        super().__init__(path, faults)
        self.path, self.faults = path, faults

    def __str__(self) -> str:
        return "\n".join(f"{self.path}: {fault}" for fault in self.faults)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageSettings(_Model):
    """One straight piece of a ramp."""

    rate: float = Field(ge=0, le=10**7, description="Requests a second at its end.")
    seconds: float = Field(gt=0, description="How long it takes.")


class ArrivalSettings(_Model):
    """When requests arrive, whatever the target does."""

    shape: Literal["constant", "ramp", "diurnal", "bursts", "replayed"] = Field(
        "constant", description="The course of the rate."
    )
    spacing: Literal["even", "poisson"] = Field("poisson", description="Distances between arrivals.")
    rate: float = Field(100.0, ge=0, le=10**7, description="Requests a second (average, between bursts).")
    stages: tuple[StageSettings, ...] = Field((), description="ramp: its pieces, from `rate` on.")
    swing: float = Field(0.8, ge=0, le=1, description="diurnal: share of the rate it goes up and down.")
    period_s: float = Field(86_400.0, gt=0, description="diurnal: length of a day.")
    burst: int = Field(100, gt=0, description="bursts: requests at once.")
    every_s: float = Field(10.0, gt=0, description="bursts: seconds between them.")
    offsets_s: tuple[float, ...] = Field((), description="replayed: seconds at which requests came.")
    speed: float = Field(1.0, gt=0, description="replayed: times as fast.")

    @model_validator(mode="after")
    def _complete(self) -> "ArrivalSettings":
        if self.shape == "ramp" and not self.stages:
            raise ValueError("a ramp needs stages")
        if self.shape == "replayed" and not self.offsets_s:
            raise ValueError("replayed arrivals need offsets_s")
        return self

    def build(self, factor: float = 1.0) -> Shape:
        """Return the shape, its rates times `factor`."""
        rate = self.rate * factor
        if self.shape == "ramp":
            return Ramp(rate, [Stage(stage.rate * factor, stage.seconds) for stage in self.stages])
        if self.shape == "diurnal":
            return Diurnal(rate, self.swing, self.period_s)
        if self.shape == "bursts":
            return Bursts(max(round(self.burst * factor), 1), self.every_s, rate)
        if self.shape == "replayed":
            return Replayed(self.offsets_s, self.speed * factor)
        return Constant(rate)


class SenderSettings(_Model):
    """A kind of sender in the mix, good or hostile."""

    name: Name = Field(description="What reports call it.")
    share: float = Field(1.0, gt=0, description="Its weight among all senders.")
    numbers: int = Field(100, gt=0, le=10_000_000, description="Source numbers it texts from.")
    numbers_per_campaign: int = Field(49, gt=0, description="Numbers that share a campaign.")
    campaigns_per_brand: int = Field(10, gt=0, description="Campaigns that share a brand.")
    destinations: int = Field(10_000, gt=0, le=10_000_000, description="Recipients it chooses from.")
    carriers: tuple[Name, ...] = Field(("tmobile", "att"), min_length=1, description="Carriers, by turns.")
    segments: tuple[Annotated[int, Field(ge=1, le=10)], ...] = Field(
        (1,), min_length=1, description="Segments of its texts, by chance."
    )
    text: str = Field("Load {n}", max_length=1600, description="The text; {n} counts.")


class CapSettings(_Model):
    """limiter: the carriers' caps that the limiter believes, for every campaign and brand."""

    campaign_minute: int | None = Field(None, ge=2, description="Segments per campaign and minute.")
    brand_day: int | None = Field(None, gt=0, description="Segments per brand and carrier's day.")


class Budgets(_Model):
    """What a run must keep to; what is null is not looked at."""

    p50_ms: float | None = Field(None, gt=0, description="Median, from when a request was due.")
    p99_ms: float | None = Field(None, gt=0, description="99th percentile.")
    p999_ms: float | None = Field(None, gt=0, description="99.9th percentile.")
    max_ms: float | None = Field(None, gt=0, description="The slowest.")
    failed_ratio: float | None = Field(None, ge=0, le=1, description="Share of requests without an answer.")
    refused_ratio: float | None = Field(None, ge=0, le=1, description="Share of requests refused.")
    accepted_per_s: float | None = Field(None, ge=0, description="At least so many accepted a second.")
    arrival_error_p99_ms: float | None = Field(
        None, gt=0, description="How late requests may be sent; beyond it the generator is the limit."
    )
    conformance: bool = Field(True, description="No limit may be exceeded in any window.")


class Profile(_Model):
    """One load test."""

    name: Name
    target: str = Field(
        pattern=r"^(https?://.+|wss?://.+|smpp://.+|limiter:)$", description="What is loaded."
    )
    duration_s: float = Field(60.0, gt=0, description="How long requests arrive.")
    requests: int | None = Field(None, gt=0, description="Stop after so many.")
    seed: int = Field(1, description="Same seed, same requests at the same times.")
    arrivals: ArrivalSettings = ArrivalSettings.model_validate({})
    senders: tuple[SenderSettings, ...] = Field((SenderSettings(name="good"),), min_length=1)
    limits: LimitsSettings = Field(
        LimitsSettings(), description="limiter: the section `limits:` it runs with."
    )
    caps: CapSettings = CapSettings.model_validate({})
    budgets: Budgets = Budgets.model_validate({})
    connections: int = Field(4, gt=0, le=10_000, description="HTTP, WebSocket or SMPP connections.")
    token: str | None = Field(None, description="Bearer token for HTTP and WebSocket.")

    @model_validator(mode="after")
    def _names_differ(self) -> "Profile":
        names = [sender.name for sender in self.senders]
        if len(set(names)) < len(names):
            raise ValueError("two senders have one name")
        return self

    def with_options(
        self, *, target: str | None = None, rate: float | None = None, duration_s: float | None = None
    ) -> "Profile":
        """Return the profile with what the command line says instead. Raises `ProfileError`."""
        changes: dict[str, object] = {}
        if target is not None:
            changes["target"] = target
        if duration_s is not None:
            changes["duration_s"] = duration_s
        if rate is not None:
            changes["arrivals"] = {**self.arrivals.model_dump(), "rate": rate}
        return _validated("command line", {**self.model_dump(), **changes})


def read_profile(path: Path) -> Profile:
    """Read a profile. Raises `ProfileError` with every fault."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(str(path), [f"cannot be read: {error}"]) from None
    except yaml.YAMLError as error:
        raise ProfileError(str(path), [str(error)]) from None
    if not isinstance(document, dict):
        raise ProfileError(str(path), ["a profile is a mapping such as `name: steady`"])
    return _validated(str(path), {"name": path.stem, **document})


def _validated(path: str, document: dict[str, object]) -> Profile:
    try:
        return Profile.model_validate(document)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc'])) or 'profile'}: {one['msg']}" for one in error.errors()]
        raise ProfileError(path, faults) from None
