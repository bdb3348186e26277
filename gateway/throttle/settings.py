"""Section `limits:` of the configuration: what the gateway believes it may send, and what happens beyond.

Every default is a model, not a published truth: Cisco says only that texting is not unlimited (webex.md B4),
carriers publish little, sources disagree (10dlc.md). Caps of campaign classes and brand scores come from the
registry's terms per carrier; the settings here say how such a cap is shaped.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.runtime.crosschecks import CrossFault, refuse
from gateway.throttle.limits import (
    LONGEST_MESSAGE,
    SECOND_NS,
    Overflow,
    RateLimit,
    ScopeLimit,
    WindowLimit,
    per_minute,
)
from gateway.throttle.scopes import Scope
from gateway.throttle.windows import MAX_COUNT, Calendar, Period
from gateway.throttle.zones import Zone, zone

FOUR_HOURS_S = 4 * 3600.0
DAY_S = 86_400.0
PERIODS_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


def _nanoseconds(seconds: float) -> int:
    return round(seconds * SECOND_NS)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class RateSettings(_Model):
    """A smooth rate: `segments` per `per`, up to `burst` at once."""

    segments: int = Field(gt=0, le=10**9, description="Segments per period.")
    per: Literal["second", "minute", "hour", "day"] = Field("second", description="The period.")
    burst: int = Field(
        LONGEST_MESSAGE, gt=0, le=10**9, description="Segments at once; a longer text never fits."
    )
    overflow: Literal["reject", "queue"] = Field("reject", description="What happens to a text beyond it.")
    max_wait_s: float = Field(
        FOUR_HOURS_S, ge=0, le=30 * DAY_S, description="Longest delay in the queue; beyond it queue_full."
    )

    @model_validator(mode="after")
    def _burst_comes_back(self) -> "RateSettings":
        try:
            self.limit()
        except ValueError as error:
            refuse(self, [CrossFault(("burst",), str(error), (("segments",), ("per",)))])
        return self

    def limit(self) -> RateLimit:
        """Return the limit as the limiter takes it."""
        period_ns = PERIODS_S[self.per] * SECOND_NS
        return RateLimit(
            self.segments, period_ns, self.burst, Overflow(self.overflow), _nanoseconds(self.max_wait_s)
        )


class WindowSettings(_Model):
    """A calendar window: at most `cap` segments until its reset."""

    cap: int | None = Field(gt=0, le=MAX_COUNT, description="Segments per window; null only counts.")
    period: Literal["minute", "hour", "day"] = Field("day", description="Length of the window.")
    zone: Zone = Field("UTC", description="Time zone whose midnight resets a day.")
    overflow: Literal["reject", "queue", "defer"] = Field(
        "reject", description="Beyond the cap: refuse, wait up to `max_wait_s`, or wait for the reset."
    )
    max_wait_s: float = Field(FOUR_HOURS_S, ge=0, le=30 * DAY_S, description="Longest delay with `queue`.")
    windows_ahead: int = Field(1, ge=1, le=31, description="Resets a text may wait for with `defer`.")
    release_per_s: float = Field(
        10.0, ge=0, le=10**6, description="Deferred segments leave at this rate after the reset; 0: at once."
    )

    def limit(self) -> WindowLimit:
        """Return the limit as the limiter takes it."""
        return WindowLimit(
            self.cap,
            Calendar(Period(self.period), zone(self.zone)),
            Overflow(self.overflow),
            _nanoseconds(self.max_wait_s),
            self.windows_ahead,
            round(SECOND_NS / self.release_per_s) if self.release_per_s else 0,
        )


class ScopeSettings(_Model):
    """The limits of every key of a scope that has no other; none by default."""

    rate: RateSettings | None = Field(None, description="A smooth rate, or null.")
    window: WindowSettings | None = Field(None, description="A calendar window, or null.")

    def limit(self) -> ScopeLimit:
        """Return the limit as the limiter takes it."""
        return ScopeLimit(
            None if self.rate is None else self.rate.limit(),
            None if self.window is None else self.window.limit(),
        )


class CampaignShape(_Model):
    """How the gateway keeps a carrier's cap per campaign and minute (AT&T)."""

    overflow: Literal["reject", "queue"] = Field("queue", description="What happens beyond the cap.")
    max_wait_s: float = Field(FOUR_HOURS_S, ge=0, le=30 * DAY_S, description="Longest delay in the queue.")
    burst: int | None = Field(
        None,
        gt=0,
        description="Segments at once; null: a sixtieth of the cap, at least the longest text. "
        "The rate is what the cap leaves: burst + 60 s of rate never exceed it.",
    )


class BrandDayShape(_Model):
    """How the gateway keeps a carrier's cap per brand and day (T-Mobile)."""

    overflow: Literal["reject", "queue", "defer"] = Field("reject", description="What happens beyond it.")
    max_wait_s: float = Field(FOUR_HOURS_S, ge=0, le=30 * DAY_S, description="Longest delay with `queue`.")
    release_per_s: float = Field(10.0, ge=0, le=10**6, description="Rate of deferred segments after reset.")


_NUMBER = ScopeSettings(
    rate=RateSettings(segments=1, per="second", burst=10, overflow="queue", max_wait_s=900),
    window=WindowSettings(cap=1000),
)
_PERSON = ScopeSettings(rate=RateSettings(segments=60, per="minute", burst=20))
_ORGANIZATION = ScopeSettings(window=WindowSettings(cap=25_000))


class LimitsSettings(_Model):
    """Limits per scope, in segments. All can be changed while running over `/v1/limits`."""

    number: ScopeSettings = Field(
        _NUMBER,
        description="Per sending number. Default: a segment a second, 10 at once, 900 in the queue (one "
        "vendor's convention), 1,000 a day (CTIA).",
    )
    person: ScopeSettings = Field(
        _PERSON, description="Per employee. Default: 60 a minute (upper end of CTIA's consumer traffic)."
    )
    campaign: ScopeSettings = Field(
        ScopeSettings(), description="Per campaign and carrier, where the carrier's terms say nothing."
    )
    brand_day: ScopeSettings = Field(
        ScopeSettings(), description="Per brand and carrier, where the carrier's terms say nothing."
    )
    carrier: ScopeSettings = Field(ScopeSettings(), description="All texts to one carrier.")
    organization: ScopeSettings = Field(
        _ORGANIZATION,
        description="Fair use of an organisation (webex.md B4 gives no number: 25,000 a day is ours).",
    )
    campaign_cap: CampaignShape = Field(CampaignShape(), description="Shape of caps per campaign.")
    brand_day_cap: BrandDayShape = Field(BrandDayShape(), description="Shape of caps per brand and day.")
    refund_refused: bool = Field(
        False,
        description="Whether a text the carrier refused, in its response or in the receipt, gives its"
        " segments back (carriers count it).",
    )
    sweep_interval_s: float = Field(
        0.25, gt=0, description="Real seconds between two sweeps of a few shards of idle keys."
    )
    compact_interval_s: float = Field(
        60.0, gt=0, description="Real seconds between two foldings of settled reservations into totals."
    )

    def defaults(self) -> dict[Scope, ScopeLimit]:
        """Return the default of every scope, as `Limiter` takes them."""
        return {scope: getattr(self, scope.value).limit() for scope in Scope}

    def campaign_limit(self, cap_per_minute: int) -> ScopeLimit:
        """Return the limit for a class's cap, in segments per minute (at least 2)."""
        shape = self.campaign_cap
        burst = shape.burst if shape.burst is not None and shape.burst < cap_per_minute else None
        return ScopeLimit(
            rate=per_minute(
                cap_per_minute,
                burst=burst,
                overflow=Overflow(shape.overflow),
                max_wait_ns=_nanoseconds(shape.max_wait_s),
            )
        )

    def brand_day_limit(self, cap_per_day: int, time_zone: str = "America/Los_Angeles") -> ScopeLimit:
        """Return the limit for a brand's cap, in segments per day of the carrier's zone."""
        shape = self.brand_day_cap
        window = WindowSettings(
            cap=cap_per_day,
            zone=time_zone,
            overflow=shape.overflow,
            max_wait_s=shape.max_wait_s,
            release_per_s=shape.release_per_s,
        )
        return ScopeLimit(window=window.limit())
