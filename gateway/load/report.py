"""The report of a run: a document for programs, a table for people, verdicts on budgets for the exit code."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from gateway.load.histogram import Histogram
from gateway.load.profile import Budgets, Profile
from gateway.load.tally import Tally

PERCENTS = (50, 75, 90, 95, 99, 99.9, 99.99, 100)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One budget: what was allowed, what came, whether it holds."""

    budget: str
    allowed: float
    actual: float
    kept: bool


@dataclass(frozen=True, slots=True)
class ScopeConformance:
    """One scope's limits, judged key by key against the list of what left (`judge`)."""

    scope: str
    keys: int
    offered: int
    admitted: int
    released: int
    violations: tuple[str, ...] = ()
    """The worst windows that held too much, if any."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run showed."""

    profile: Profile
    tally: Tally
    elapsed_s: float
    """Real seconds the run took."""
    conformance: tuple[ScopeConformance, ...] = ()
    scope_seconds: dict[str, list[tuple[int, int, int, int]]] = field(default_factory=dict)
    """Per scope: (second, offered, admitted, released) segments."""
    notes: tuple[str, ...] = ()

    @property
    def verdicts(self) -> list[Verdict]:
        """Every budget that was set."""
        return list(_verdicts(self))

    @property
    def ok(self) -> bool:
        """Whether every budget is kept."""
        return all(verdict.kept for verdict in self.verdicts)

    @property
    def exit_code(self) -> int:
        """0: every budget kept, 1: not."""
        return 0 if self.ok else 1

    @property
    def generator_was_the_limit(self) -> bool:
        """Whether requests were sent so late that the generator, not the target, set the pace.

        So it was if one in a hundred was late by more than 10 ms and by more than half the target's time.
        """
        late_us = self.tally.lateness.percentile(99)
        return late_us > 10_000 and late_us > self.tally.service.percentile(99) / 2

    def document(self) -> dict[str, Any]:
        """Return the report as JSON-able data."""
        tally = self.tally
        return {
            "name": self.profile.name,
            "target": _without_password(self.profile.target),
            "ok": self.ok,
            "elapsedS": round(self.elapsed_s, 3),
            "offered": tally.offered,
            "accepted": tally.accepted,
            "refused": tally.refused,
            "failed": tally.failed,
            "acceptedPerS": round(tally.accepted / self.elapsed_s, 1) if self.elapsed_s else None,
            "codes": dict(tally.codes.most_common()),
            "senders": {name: dict(codes) for name, codes in sorted(tally.by_sender.items())},
            "latencyMs": _milliseconds(tally.latency),
            "serviceMs": _milliseconds(tally.service),
            "arrivalErrorMs": _milliseconds(tally.lateness),
            "generatorWasTheLimit": self.generator_was_the_limit,
            "conformance": [asdict(scope) for scope in self.conformance],
            "budgets": [asdict(verdict) for verdict in self.verdicts],
            "seconds": [second._asdict() for second in tally.seconds()],
            "scopeSeconds": self.scope_seconds,
            "profile": self.profile.model_dump(mode="json", exclude={"token", "target"}),
            "notes": list(self.notes),
        }

    def renderable(self) -> RenderableType:
        """Return the report as tables for a terminal."""
        parts: list[RenderableType] = [_traffic_table(self), _latency_table(self.tally)]
        if self.conformance:
            parts.append(_conformance_table(self.conformance))
        if self.verdicts:
            parts.append(_budget_table(self.verdicts))
        if self.generator_was_the_limit:
            parts.append("The generator was the limit: requests were sent late (see arrival error).")
        return Group(*parts, *self.notes)


def _verdicts(report: Report) -> Sequence[Verdict]:
    budgets, tally = report.profile.budgets, report.tally
    found = [_at_most(name, allowed, actual) for name, allowed, actual in _ceilings(budgets, tally)]
    if budgets.accepted_per_s is not None:
        actual = tally.accepted / report.elapsed_s if report.elapsed_s else 0.0
        kept = actual >= budgets.accepted_per_s
        found.append(Verdict("accepted_per_s", budgets.accepted_per_s, round(actual, 1), kept))
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


def _without_password(target: str) -> str:
    scheme, separator, rest = target.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if separator else target


def _milliseconds(histogram: Histogram) -> dict[str, float]:
    values = {f"p{percent:g}": round(us / 1000, 3) for percent, us in histogram.percentiles(PERCENTS)}
    return {"mean": round(histogram.mean / 1000, 3), **values}


def _traffic_table(report: Report) -> Table:
    tally = report.tally
    table = Table(title=f"{report.profile.name} → {_without_password(report.profile.target)}")
    for heading in ("", "requests", "share", "per second"):
        table.add_column(heading, justify="left" if not heading else "right")
    for word, count in (("offered", tally.offered), *tally.codes.most_common()):
        share = f"{count / tally.offered:.1%}" if tally.offered else ""
        per_s = f"{count / report.elapsed_s:,.0f}" if report.elapsed_s else ""
        table.add_row(word, f"{count:,}", share, per_s)
    return table


def _latency_table(tally: Tally) -> Table:
    table = Table(title="milliseconds")
    table.add_column("")
    for percent in PERCENTS:
        table.add_column(f"p{percent:g}", justify="right")
    rows = (("from due", tally.latency), ("from sent", tally.service), ("arrival error", tally.lateness))
    for word, histogram in rows:
        table.add_row(word, *(f"{us / 1000:,.3f}" for _, us in histogram.percentiles(PERCENTS)))
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
