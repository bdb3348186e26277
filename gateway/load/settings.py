"""The parts of a profile: arrivals, senders, requests, calls, budgets. `profile` puts them together."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.directory.places import TimeZoneName
from gateway.load.arrivals import Bursts, Constant, Diurnal, Ramp, Replayed, Shape, Stage

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Number = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]


class Model(BaseModel):
    """What every part of a profile is: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class StageSettings(Model):
    """One straight piece of a ramp."""

    rate: float = Field(ge=0, le=10**7, description="Requests a second at its end.")
    seconds: float = Field(gt=0, description="How long it takes.")


class ArrivalSettings(Model):
    """When requests arrive, whatever the target does."""

    shape: Literal["constant", "ramp", "diurnal", "bursts", "replayed"] = Field(
        "constant", description="The course of the rate."
    )
    spacing: Literal["even", "poisson"] = Field("poisson", description="Distances between arrivals.")
    rate: float = Field(
        100.0, ge=0, le=10**7, description="Requests a second (diurnal: average; bursts: between them)."
    )
    stages: tuple[StageSettings, ...] = Field((), description="ramp: its pieces, from `rate` on.")
    swing: float = Field(0.8, ge=0, le=1, description="diurnal: share of the rate it goes up and down.")
    period_s: float = Field(86_400.0, gt=0, description="diurnal: length of a day.")
    burst: int = Field(100, gt=0, description="bursts: requests at once.")
    every_s: float = Field(10.0, gt=0, description="bursts: seconds between them.")
    capture: Path | None = Field(
        None,
        description="replayed: a capture that `gateway replay` can read, relative to the profile; its "
        "submit_sm give the moments.",
    )
    offsets_s: tuple[float, ...] = Field((), description="replayed: the moments themselves, in seconds.")
    speed: float = Field(1.0, gt=0, description="replayed: times as fast.")

    @model_validator(mode="after")
    def _complete(self) -> "ArrivalSettings":
        if self.shape == "ramp" and not self.stages:
            raise ValueError("a ramp needs stages")
        if self.shape == "replayed" and not self.offsets_s and self.capture is None:
            raise ValueError("replayed arrivals need a capture, or offsets_s")
        return self

    def build(self) -> Shape:
        """Return the shape; of a capture, `offsets_s` must have been read."""
        if self.shape == "ramp":
            return Ramp(self.rate, [Stage(stage.rate, stage.seconds) for stage in self.stages])
        if self.shape == "diurnal":
            return Diurnal(self.rate, self.swing, self.period_s)
        if self.shape == "bursts":
            return Bursts(self.burst, self.every_s, self.rate)
        if self.shape == "replayed":
            return Replayed(self.offsets_s, self.speed)
        return Constant(self.rate)

    def at_rate(self, rate: float) -> "ArrivalSettings":
        """Return the same shape at another rate: its average, or the highest of a ramp."""
        factor = rate / self.typical_rate if self.typical_rate else 1.0
        changes: dict[str, object] = {"rate": rate}
        if self.shape == "ramp":
            stages = [StageSettings(rate=one.rate * factor, seconds=one.seconds) for one in self.stages]
            changes = {"rate": self.rate * factor, "stages": tuple(stages)}
        elif self.shape == "bursts":
            changes = {"rate": self.rate * factor, "burst": max(round(self.burst * factor), 1)}
        elif self.shape == "replayed":
            changes = {"speed": self.speed * factor}
        return self.model_copy(update=changes)

    @property
    def typical_rate(self) -> float:
        """Requests a second: the highest of a ramp, else the average."""
        if self.shape == "ramp":
            return max(self.rate, *(stage.rate for stage in self.stages))
        if self.shape == "bursts":
            return self.rate + self.burst / self.every_s
        if self.shape == "replayed" and self.offsets_s:
            return len(self.offsets_s) / max(*self.offsets_s, 1e-3) * self.speed
        return self.rate


class Deed(StrEnum):
    """What a sender does. Every deed but `text` is hostile: it is counted apart from good traffic."""

    TEXT = "text"
    """Ordinary texts."""
    EMOJI = "emoji"
    """Texts with emoji."""
    MMS = "mms"
    """Texts with an attachment; over SMPP a WAP push."""
    INTERNATIONAL = "international"
    """Texts to numbers outside the US and Canada."""
    TOO_LONG = "too_long"
    """Texts of 40 segments; over SMPP a short message of 255 octets."""
    MALFORMED = "malformed"
    """Octets that are no request: bad lengths, unknown commands, torn bodies."""
    BAD_CREDENTIALS = "bad_credentials"
    """A wrong password or token."""
    SLOW_READER = "slow_reader"
    """Asks a hundred times on a connection and never reads."""
    SILENT = "silent"
    """Connects and says nothing."""


class SenderSettings(Model):
    """A kind of sender in the mix, good or hostile."""

    name: Name = Field(description="What reports call it.")
    share: float = Field(1.0, gt=0, description="Its weight among all senders.")
    does: Deed = Field(
        Deed.TEXT,
        description="What it does. All but `text` is hostile and counted apart: `emoji`, `mms`, "
        "`international` and `too_long` texts; `malformed` octets, `bad_credentials`, a `slow_reader` that "
        "asks and never reads, a `silent` connection.",
    )
    numbers: int = Field(100, gt=0, le=10_000_000, description="Source numbers it texts from.")
    first_number: Number | None = Field(
        None, description="The first of them; null: those after the previous sender's, from +12025600000."
    )
    numbers_per_campaign: int = Field(49, gt=0, description="limiter: numbers that share a campaign.")
    campaigns_per_brand: int = Field(10, gt=0, description="limiter: campaigns that share a brand.")
    destinations: int = Field(10_000, gt=0, le=10_000_000, description="Recipients it chooses from.")
    first_destination: Number = Field("+13102000000", description="The first of them.")
    carriers: tuple[Name, ...] = Field(
        ("tmobile", "att"), min_length=1, description="limiter: carriers of the recipients, by turns."
    )
    segments: tuple[Annotated[int, Field(ge=1, le=10)], ...] = Field(
        (1,), min_length=1, description="Segments of its texts, by chance."
    )
    text: str = Field("Load {n}", max_length=1600, description="The text; {n} counts.")
    hold_s: float = Field(
        5.0, gt=0, le=600, description="slow_reader, silent: how long it keeps the connection."
    )

    @property
    def hostile(self) -> bool:
        """Whether it is counted apart."""
        return self.does is not Deed.TEXT


class CapSettings(Model):
    """limiter: the carriers' caps that the limiter believes, for every campaign and brand."""

    campaign_minute: int | None = Field(None, ge=2, description="Segments per campaign and minute.")
    brand_day: int | None = Field(None, gt=0, description="Segments per brand and carrier's day.")
    brand_day_zone: TimeZoneName = Field(
        "America/Los_Angeles", description="Whose midnight resets `brand_day`, by its IANA name."
    )


class HttpSettings(Model):
    """HTTP: the request, for services that are none of ours.

    {from}, {to}, {text} and {n} stand for a text's; in the path they are percent-encoded, in the body
    escaped as JSON.
    """

    method: Literal["GET", "POST", "PUT"] = Field("POST", description="The method.")
    path: str = Field("/v1/messages", pattern="^/", max_length=2000, description="Path and query.")
    body: str | None = Field(None, max_length=20_000, description="The body; null: our API's.")
    headers: dict[str, str] = Field({}, description="Further headers.")


class CallSettings(Model):
    """sip: how calls are forked to a recording server."""

    by: Literal["phones", "sipp"] = Field(
        "phones", description="`phones`: our simulated recording client, with audio; `sipp`: SIPp."
    )
    hold_s: float = Field(2.0, gt=0, le=3600, description="phones: how long a call lasts.")
    dialect: Literal["broadworks", "rfc7866"] = Field("broadworks", description="Metadata of the calls.")
    codecs: tuple[str, ...] = Field(("PCMU", "PCMA"), min_length=1, description="phones: codecs offered.")
    tenant: str = Field(
        "acme-sp/acme-dental/alice@acme-dental.example",
        pattern="^[^/]+/[^/]+/.+$",
        description="phones: service provider, external group and identifier.",
    )
    transport: Literal["udp", "tcp"] = Field("udp", description="sipp: transport of the signalling.")


class Budgets(Model):
    """What a run must keep to; what is null is not looked at. Latencies and ratios are the good senders'."""

    p50_ms: float | None = Field(None, gt=0, description="Median, from when a request was due.")
    p99_ms: float | None = Field(None, gt=0, description="99th percentile.")
    p999_ms: float | None = Field(None, gt=0, description="99.9th percentile.")
    max_ms: float | None = Field(None, gt=0, description="The slowest.")
    failed_ratio: float | None = Field(None, ge=0, le=1, description="Share of requests without an answer.")
    refused_ratio: float | None = Field(None, ge=0, le=1, description="Share of requests refused.")
    accepted_per_s: float | None = Field(None, ge=0, description="At least so many accepted a second.")
    offered_per_s: float | None = Field(None, ge=0, description="At least so many sent a second.")
    hostile_accepted_ratio: float | None = Field(
        None, ge=0, le=1, description="Share of hostile requests that were accepted."
    )
    arrival_error_p99_ms: float | None = Field(
        None, gt=0, description="How late requests may be sent; beyond it the generator is the limit."
    )
    conformance: bool = Field(True, description="No limit may be exceeded in any window.")
