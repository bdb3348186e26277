"""The report of a run: a document for programs, a table for people, verdicts on budgets for the exit code."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from gateway.load.address import without_password
from gateway.load.conformance import ScopeConformance, ScopeSecond
from gateway.load.histogram import Histogram
from gateway.load.profile import Profile
from gateway.load.settings import Budgets
from gateway.load.tally import Tally

PERCENTS = (50, 75, 90, 95, 99, 99.9, 99.99, 100)
SHOWN = (50, 90, 99, 99.9, 100)
"""Those a terminal has room for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One budget: what was allowed, what came, whether it holds."""

    budget: str
    allowed: float
    actual: float
    kept: bool


@dataclass(frozen=True, slots=True)
class Generator:
    """What the generator itself did."""

    cpu_share: float
    """Of one core."""
    sending_s: float
    """Seconds from the first request to the last."""
    sent: int
    gave_up: bool = False

    @property
    def offered_per_s(self) -> float:
        """Requests a second, good and hostile."""
        return self.sent / self.sending_s if self.sending_s else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a run showed."""

    profile: Profile
    tally: Tally
    """Good senders."""
    elapsed_s: float
    """Real seconds the run took, to the last answer."""
    hostile: Tally = field(default_factory=Tally)
    generator: Generator | None = None
    """None where nothing was sent: `limiter:`."""
    conformance: tuple[ScopeConformance, ...] = ()
    scope_seconds: dict[str, list[ScopeSecond]] = field(default_factory=dict)
    """Per scope: (second, offered, admitted, released) segments."""
    notes: tuple[str, ...] = ()
    stopped: bool = False
    """Whether a person ended it before its time."""

    @property
    def verdicts(self) -> list[Verdict]:
        """Every budget that was set."""
        return list(_verdicts(self))

    @property
    def ok(self) -> bool:
        """Whether every budget is kept; nothing offered keeps none, and neither does nothing accepted."""
        if not self.tally.offered + self.hostile.offered or self.nothing_served:
            return False
        return all(verdict.kept for verdict in self.verdicts)

    @property
    def nothing_served(self) -> bool:
        """Whether no good sender got anything, and no budget says how much may be refused or fail."""
        budgets, tally = self.profile.budgets, self.tally
        unsaid = budgets.refused_ratio is None and budgets.failed_ratio is None
        return unsaid and bool(tally.offered) and not tally.accepted

    @property
    def exit_code(self) -> int:
        """0: every budget kept, 1: not, or stopped before its time."""
        return 0 if self.ok and not self.stopped else 1

    @property
    def offered_per_s(self) -> float:
        """Requests a second that were sent, good and hostile."""
        if self.generator is not None:
            return self.generator.offered_per_s
        return self.tally.offered / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def accepted_per_s(self) -> float:
        """Requests of good senders a second that were accepted."""
        return self.tally.accepted / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def generator_was_the_limit(self) -> bool:
        """Whether requests were sent so late that the generator, not the target, set the pace.

        So it was if one in a hundred was late by more than 10 ms and by more than half the target's time.
        """
        if self.generator is not None and self.generator.gave_up:
            return True
        late_us = self.tally.lateness.percentile(99)
        return late_us > 10_000 and late_us > self.tally.service.percentile(99) / 2

    @property
    def warnings(self) -> list[str]:
        """What makes the figures say less about the target than they seem to."""
        found = []
        tally = self.tally
        if self.nothing_served:
            found.append(
                "Nothing was accepted: is it the right target, and the right token? Where that is as it "
                "should be, the profile says so: budgets: {refused_ratio: 1}."
            )
        if self.generator_was_the_limit:
            share = f", {self.generator.cpu_share:.0%} of a core busy" if self.generator else ""
            found.append(
                f"The generator was the limit: one request in a hundred was sent "
                f"{tally.lateness.percentile(99) / 1000:,.1f} ms late or later{share}. Lower the rate, or "
                f"give it a core of its own."
            )
        waited_us = tally.waiting.percentile(99)
        if waited_us > 1_000 and waited_us > tally.service.percentile(99) / 2:
            found.append(
                f"Requests waited for a connection with room (p99 {waited_us / 1000:,.1f} ms): more "
                f"`connections`, or a wider `window`, would show whether the target could take more."
            )
        if not tally.offered + self.hostile.offered:
            found.append("Nothing was offered: the time was too short for the rate.")
        if self.stopped:
            found.append("Stopped before its time.")
        return found

    def document(self) -> dict[str, Any]:
        """Return the report as JSON-able data."""
        tally = self.tally
        return {
            "name": self.profile.name,
            "target": without_password(self.profile.target),
            "ok": self.ok,
            "elapsedS": round(self.elapsed_s, 3),
            "offered": tally.offered,
            "accepted": tally.accepted,
            "refused": tally.refused,
            "failed": tally.failed,
            "offeredPerS": round(self.offered_per_s, 1),
            "acceptedPerS": round(self.accepted_per_s, 1),
            "codes": dict(tally.codes.most_common()),
            "senders": {name: dict(codes) for name, codes in sorted(self.senders.items())},
            "latencyMs": _milliseconds(tally.latency),
            "serviceMs": _milliseconds(tally.service),
            "waitingMs": _milliseconds(tally.waiting),
            "arrivalErrorMs": _milliseconds(tally.lateness),
            "hostile": {"codes": dict(self.hostile.codes.most_common()), "offered": self.hostile.offered},
            "generatorCpuShare": round(self.generator.cpu_share, 3) if self.generator else None,
            "generatorWasTheLimit": self.generator_was_the_limit,
            "conformance": [asdict(scope) for scope in self.conformance],
            "budgets": [asdict(verdict) for verdict in self.verdicts],
            "seconds": [second._asdict() for second in tally.seconds()],
            "scopeSeconds": self.scope_seconds,
            "profile": self.profile.model_dump(
                mode="json", exclude={"token": True, "target": True, "arrivals": {"offsets_s"}}
            ),
            "warnings": self.warnings,
            "stopped": self.stopped,
            "notes": list(self.notes),
        }

    @property
    def senders(self) -> dict[str, Counter[str]]:
        """Requests and segments of every sender, good and hostile, by code."""
        return {**self.tally.by_sender, **self.hostile.by_sender}

    def renderable(self) -> RenderableType:
        """Return the report as tables for a terminal."""
        parts: list[RenderableType] = [_traffic_table(self), _latency_table(self.tally)]
        if self.conformance:
            parts.append(_conformance_table(self.conformance))
        if self.verdicts:
            parts.append(_budget_table(self.verdicts))
        if len(self.senders) > 1:
            parts.insert(1, _senders_table(self.senders))
        warnings = [Text(warning, style="yellow") for warning in self.warnings]
        return Group(*parts, *(Text(note) for note in self.notes), *warnings)


def _verdicts(report: Report) -> Sequence[Verdict]:
    budgets, tally = report.profile.budgets, report.tally
    found = [_at_most(name, allowed, actual) for name, allowed, actual in _ceilings(budgets, tally)]
    rates = (
        ("accepted_per_s", budgets.accepted_per_s, report.accepted_per_s),
        ("offered_per_s", budgets.offered_per_s, report.offered_per_s),
    )
    found += [
        Verdict(name, least, round(actual, 1), round(actual, 1) >= least)
        for name, least, actual in rates
        if least is not None
    ]
    if budgets.hostile_accepted_ratio is not None:
        hostile = report.hostile
        share = hostile.accepted / (hostile.offered or 1)
        found.append(_at_most("hostile_accepted_ratio", budgets.hostile_accepted_ratio, share))
    if budgets.conformance and report.conformance:
        broken = sum(len(scope.violations) for scope in report.conformance)
        found.append(Verdict("conformance", 0, broken, broken == 0))
    return found


def _ceilings(budgets: Budgets, tally: Tally) -> list[tuple[str, float, float]]:
    latency, offered = tally.latency, tally.offered or 1
    ceilings = (
        ("p50_ms", budgets.p50_ms, latency.percentile(50) / 1000),
        ("p99_ms", budgets.p99_ms, latency.percentile(99) / 1000),
        ("p999_ms", budgets.p999_ms, latency.percentile(99.9) / 1000),
        ("max_ms", budgets.max_ms, latency.maximum / 1000),
        ("failed_ratio", budgets.failed_ratio, tally.failed / offered),
        ("refused_ratio", budgets.refused_ratio, tally.refused / offered),
        ("arrival_error_p99_ms", budgets.arrival_error_p99_ms, tally.lateness.percentile(99) / 1000),
    )
    return [(name, allowed, actual) for name, allowed, actual in ceilings if allowed is not None]


def _at_most(name: str, allowed: float, actual: float) -> Verdict:
    return Verdict(name, allowed, round(actual, 6), actual <= allowed)


def _milliseconds(histogram: Histogram) -> dict[str, float]:
    values = {f"p{percent:g}": round(us / 1000, 3) for percent, us in histogram.percentiles(PERCENTS)}
    return {"mean": round(histogram.mean / 1000, 3), **values}


def _traffic_table(report: Report) -> Table:
    tally = report.tally
    verdict = "[green]within its budgets[/]" if report.ok else "[red]not within its budgets[/]"
    title = escape(f"{report.profile.name} → {without_password(report.profile.target)}")
    table = Table(title=f"{title}: {verdict}" if report.verdicts else title)
    for heading in ("", "requests", "share", "per second"):
        table.add_column(heading, justify="left" if not heading else "right")
    for word, count in (("offered", tally.offered), *tally.codes.most_common()):
        share = f"{count / tally.offered:.1%}" if tally.offered else ""
        per_s = f"{count / report.elapsed_s:,.1f}" if report.elapsed_s else ""
        table.add_row(word, f"{count:,}", share, per_s)
    if report.hostile.offered:
        table.add_section()
        for word, count in (("hostile", report.hostile.offered), *report.hostile.codes.most_common()):
            table.add_row(word, f"{count:,}", f"{count / report.hostile.offered:.1%}", "")
    return table


def _senders_table(senders: dict[str, Counter[str]]) -> Table:
    table = Table(title="senders")
    for heading in ("sender", "segments", "accepted", "otherwise"):
        table.add_column(heading, justify="right" if heading in ("segments", "accepted") else "left")
    for name, codes in sorted(senders.items()):
        others = [
            f"{code} {count:,}" for code, count in codes.most_common() if code not in ("accepted", "segments")
        ]
        table.add_row(name, f"{codes['segments']:,}", f"{codes['accepted']:,}", ", ".join(others))
    return table


def _latency_table(tally: Tally) -> Table:
    table = Table(title="milliseconds")
    table.add_column("")
    for percent in SHOWN:
        table.add_column(f"p{percent:g}", justify="right")
    rows = (
        ("from due", tally.latency),
        ("from sent", tally.service),
        ("waited", tally.waiting),
        ("arrival error", tally.lateness),
    )
    for word, histogram in rows:
        table.add_row(word, *(f"{us / 1000:,.3f}" for _, us in histogram.percentiles(SHOWN)))
    return table


def _conformance_table(scopes: Sequence[ScopeConformance]) -> Table:
    table = Table(title="limits, in segments")
    for heading in ("scope", "keys", "offered", "admitted", "released", "judged"):
        table.add_column(heading, justify="left" if heading in ("scope", "judged") else "right")
    for one in scopes:
        verdict = one.violations[0] if one.violations else "kept in every window"
        counts = (one.keys, one.offered, one.admitted, one.released)
        table.add_row(one.scope, *(f"{count:,}" for count in counts), verdict)
    return table


def _budget_table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title="budgets")
    for heading in ("budget", "allowed", "actual", ""):
        table.add_column(heading, justify="right" if heading in ("allowed", "actual") else "left")
    for one in verdicts:
        table.add_row(one.budget, f"{one.allowed:g}", f"{one.actual:g}", "kept" if one.kept else "BROKEN")
    return table
