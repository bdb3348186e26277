"""The `business_texting:` section: which rules are in force, how strictly, and what the filters look for."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from gateway.policy.abuse import SpamBlock
from gateway.policy.filters import (
    Count,
    CountFilter,
    DomainFilter,
    Filter,
    FilterChain,
    OptOutRatioFilter,
    WordFilter,
)
from gateway.policy.optout import KEYWORDS, KeywordAction, KeywordTable, OptOutScope
from gateway.policy.pipeline import Hop, Pipeline
from gateway.policy.rules import SWITCHABLE_CODES, Revision
from gateway.policy.snapshot import PolicyTerms
from gateway.policy.verdict import BlockedBy, Mode, Verdict
from gateway.runtime.crosschecks import CrossFault, refuse

_FILTER_KINDS: Final = ("words", "domains", "messages", "recipients", "similar", "opt_out_ratio")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class FilterEntry(_Section):
    """One filter of improper use (B5): exactly one of words, domains, a count or the opt-out ratio."""

    cause: str = Field(
        description="What it stands for: fraud, volume, burst, spam, unauthorised, inappropriate …"
    )
    words: tuple[str, ...] = Field((), description="Words or phrases that are refused, without digits.")
    domains: tuple[str, ...] = Field((), description="Host names in links that are refused.")
    messages: int | None = Field(None, ge=1, description="Most texts of one number in the window.")
    recipients: int | None = Field(None, ge=1, description="Most recipients of one number in the window.")
    similar: int | None = Field(None, ge=1, description="Most similar texts of one number in the window.")
    opt_out_ratio: float | None = Field(
        None, gt=0, lt=1, description="Largest share of a number's texts answered by STOP."
    )
    minimum: int = Field(20, ge=1, description="Texts before the opt-out ratio is judged.")
    window_seconds: int = Field(86_400, ge=1, description="Length of the counting window, seconds.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "FilterEntry":
        given = [kind for kind in _FILTER_KINDS if getattr(self, kind) not in ((), None)]
        if len(given) != 1:
            told = f"give exactly one of {', '.join(_FILTER_KINDS)}"
            refuse(self, [CrossFault((), told, tuple((kind,) for kind in _FILTER_KINDS))])
        return self

    def build(self) -> Filter:
        """Return the filter as the chain takes it."""
        if self.words:
            return WordFilter(self.cause, self.words)
        if self.domains:
            return DomainFilter(self.cause, self.domains)
        if self.opt_out_ratio is not None:
            return OptOutRatioFilter(self.cause, self.opt_out_ratio, self.minimum, self.window_seconds)
        for count in Count:
            limit: int | None = getattr(self, count.value)
            if limit is not None:
                return CountFilter(self.cause, count, limit, self.window_seconds)
        raise AssertionError("validated above")


class HopFilters(_Section):
    """The filters of the two hops before the carrier; a carrier's own are in its profile."""

    gateway: tuple[FilterEntry, ...] = Field((), description="Cisco's own (blockedBy cisco).")
    vendor: tuple[FilterEntry, ...] = Field((), description="Its vendor's (blockedBy vendor).")


class OptOutSettings(_Section):
    """Keywords and the reach of a STOP (10dlc.md, Opt-out keywords)."""

    scope: OptOutScope = Field(OptOutScope.NUMBER, description="What a STOP ends: number, campaign or brand.")
    languages: tuple[str, ...] = Field(("en", "fr", "es"), min_length=1, description="Keyword languages.")
    opt_in_words: tuple[str, ...] = Field((), description="Further opt-in words, YES for instance.")
    replies: bool = Field(True, description="Answer keywords by a text.")

    @field_validator("languages")
    @classmethod
    def _known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [language for language in languages if language not in KEYWORDS]
        if unknown:
            raise ValueError(f"no keywords for {', '.join(unknown)}: known are {', '.join(KEYWORDS)}")
        return languages

    def keyword_table(self) -> KeywordTable:
        """Return the keywords that are listened to."""
        return KeywordTable(self.languages, {KeywordAction.IN: self.opt_in_words})


class SpamReportSettings(_Section):
    """When reports of spam block a sender (B9); numbers are modelled, none is published."""

    threshold: int = Field(3, ge=1, description="Different reporters that block a sender.")
    window_seconds: int = Field(7 * 86_400, ge=1, description="Time in which they must report, seconds.")


class BusinessTextingSettings(_Section):
    """The product's rules (webex.md A, B)."""

    revision: Revision = Field(Revision.T4, description="Revision of the product's description in force.")
    rules: dict[str, Mode] = Field(
        default_factory=dict, description="Mode by rule code: enforce (default), shadow or off."
    )
    minimum_app_version: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+){1,3}$")] = Field(
        "42.12", description="First Webex App that may text, quoted (A4)."
    )
    max_segments: int = Field(10, ge=1, le=255, description="Longest text, segments.")
    us_territories: Literal["domestic", "international"] = Field(
        "domestic", description="Whether Puerto Rico, Guam and the others count as the US."
    )
    toll_free_textable: bool = Field(True, description="Toll-free numbers are destinations.")
    retention_days: int = Field(400, ge=1, description="How long texts are kept, days (B6).")
    retention_customizable: bool = Field(False, description="Administrators may change the retention (B6).")
    refuse_hipaa: bool = Field(
        False, description="Refuse texting to HIPAA customers instead of warning (B7)."
    )
    filters: HopFilters = Field(default_factory=HopFilters, description="Filters of improper use (B5).")
    opt_out: OptOutSettings = Field(default_factory=OptOutSettings, description="STOP, START and HELP.")
    spam_reports: SpamReportSettings = Field(
        default_factory=SpamReportSettings, description="Reports of spam."
    )

    @field_validator("rules")
    @classmethod
    def _switchable(cls, modes: dict[str, Mode]) -> dict[str, Mode]:
        for code in modes:
            if code not in SWITCHABLE_CODES:
                raise ValueError(f"rule '{code}' is not known or cannot be switched; see `gateway rules`")
        return modes

    @property
    def terms(self) -> PolicyTerms:
        """The values that checks compare with."""
        return PolicyTerms(
            minimum_app_version=tuple(int(part) for part in self.minimum_app_version.split(".")),
            max_segments=self.max_segments,
            territories_domestic=self.us_territories == "domestic",
            toll_free_textable=self.toll_free_textable,
        )

    def pipeline(self, on_shadow: Callable[[Verdict], None] | None = None) -> Pipeline:
        """Return the rules compiled; `on_shadow` is told the verdicts of rules in shadow mode."""
        hops = (
            Hop(BlockedBy.CISCO, FilterChain(entry.build() for entry in self.filters.gateway)),
            Hop(BlockedBy.VENDOR, FilterChain(entry.build() for entry in self.filters.vendor)),
        )
        return Pipeline(
            revision=self.revision, modes=self.rules, terms=self.terms, hops=hops, on_shadow=on_shadow
        )

    def spam_block(self) -> SpamBlock:
        """Return an empty spam block."""
        return SpamBlock(self.spam_reports.threshold, self.spam_reports.window_seconds)
