"""The report as one HTML page that needs nothing else: no script, nothing fetched."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from gateway.load.address import without_password
from gateway.load.conformance import ScopeConformance, ScopeSecond
from gateway.load.histogram import Histogram
from gateway.load.report import PERCENTS, Report
from gateway.load.tally import Second
from gateway.replay.page import html_page
from gateway.replay.plots import bar_plot, line_plot

MOST_POINTS: Final = 450
US_NS: Final = 1_000


def page(report: Report) -> str:
    """Draw a report."""
    name, target = escape(report.profile.name), escape(without_password(report.profile.target))
    word = ("good", "within its budgets") if report.ok else ("bad", "not within its budgets")
    verdict = f': <span class="{word[0]}">{word[1]}</span>' if report.verdicts else ""
    seconds = report.tally.seconds()
    parts = [
        f"<h1>Load of {target}{verdict}</h1>",
        f'<p class="soft">profile {name} · seed {report.profile.seed} · {report.elapsed_s:,.1f} s · '
        f"{report.offered_per_s:,.1f} requests a second offered</p>",
        *(f'<p class="warn">{escape(warning)}</p>' for warning in report.warnings),
        *(f"<p>{escape(note)}</p>" for note in report.notes),
        _budgets(report),
        "<h2>Requests</h2>",
        _traffic(report),
        "<h2>Requests a second</h2>",
        _timeline(seconds, report.hostile.seconds()),
        "<h2>Milliseconds</h2>",
        _latencies(report),
        "<h2>Latency over time (ms)</h2>",
        _latency_lines(seconds),
        "<h2>Latency, from when a request was due</h2>",
        bar_plot(_in_ns(report.tally.latency)),
        *_arrival_error(report),
        *_conformance(report.conformance, report.scope_seconds),
        "<h2>Profile</h2>",
        f"<details><summary>as it was run</summary><pre>{escape(_profile(report))}</pre></details>",
    ]
    return html_page(f"Load of {without_password(report.profile.target)}", parts)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(text: str) -> str:
    number = text[:1].isdigit()
    return f'<td class="number">{escape(text)}</td>' if number else f"<td>{escape(text)}</td>"


def _budgets(report: Report) -> str:
    if not report.verdicts:
        return ""
    rows = "".join(
        f'<tr><td>{escape(one.budget)}</td><td class="number">{one.allowed:g}</td>'
        f'<td class="number">{one.actual:g}</td>'
        + ('<td class="good">kept</td>' if one.kept else '<td class="bad">broken</td>')
        + "</tr>"
        for one in report.verdicts
    )
    return (
        "<h2>Budgets</h2><table><tr><th>budget</th><th>allowed</th><th>actual</th><th></th></tr>"
        f"{rows}</table>"
    )


def _traffic(report: Report) -> str:
    rows = []
    for name, codes in sorted(report.senders.items()):
        hostile = "hostile" if name in report.hostile.by_sender else "good"
        for code, count in codes.most_common():
            if code != "segments":
                rows.append((name, hostile, code, f"{count:,}"))
    return _table(("sender", "", "became", "requests"), rows)


def _latencies(report: Report) -> str:
    tally = report.tally
    rows = [
        (word, *(f"{us / 1000:,.3f}" for _, us in histogram.percentiles(PERCENTS)))
        for word, histogram in (
            ("from when it was due", tally.latency),
            ("from when it was sent", tally.service),
            ("waited for a connection", tally.waiting),
            ("arrival error", tally.lateness),
        )
    ]
    return _table(("", *(f"p{percent:g}" for percent in PERCENTS)), rows)


def _arrival_error(report: Report) -> list[str]:
    if report.generator is None:
        return []
    return [
        "<h2>Arrival error: how late the generator itself was</h2>",
        f'<p class="soft">{report.generator.cpu_share:.0%} of a core busy</p>',
        bar_plot(_in_ns(report.tally.lateness)),
    ]


def _in_ns(histogram: Histogram) -> dict[int, int]:
    return {us * US_NS: times for us, times in histogram.items()}


def _timeline(seconds: Sequence[Second], hostile: Sequence[Second]) -> str:
    if not seconds:
        return line_plot({}, 1.0)
    first, last = seconds[0].second, seconds[-1].second
    series = {
        name: [getattr(second, name) for second in seconds]
        for name in ("offered", "accepted", "refused", "failed")
    }
    if hostile:
        at = {second.second: second.offered for second in hostile}
        series["hostile"] = [at.get(second, 0) for second in range(first, last + 1)]
    return _lines(series)


def _latency_lines(seconds: Sequence[Second]) -> str:
    series = {
        "p50": [round(second.p50_us / 1000) for second in seconds],
        "p99": [round(second.p99_us / 1000) for second in seconds],
    }
    width = _width(len(seconds))
    highest = {name: [max(part) for part in _parts(values, width)] for name, values in series.items()}
    return line_plot(highest if seconds else {}, 1.0)


def _lines(series: dict[str, list[int]]) -> str:
    """Draw counts per second, several seconds to a point where there are many."""
    size = max((len(values) for values in series.values()), default=0)
    width = _width(size)
    summed = {name: [sum(part) for part in _parts(values, width)] for name, values in series.items()}
    return line_plot(summed if size else {}, float(width))


def _width(size: int) -> int:
    return max(-(-size // MOST_POINTS), 1)


def _parts(values: Sequence[int], width: int) -> list[Sequence[int]]:
    return [values[at : at + width] for at in range(0, len(values), width)]


def _conformance(
    scopes: Sequence[ScopeConformance], scope_seconds: dict[str, list[ScopeSecond]]
) -> list[str]:
    if not scopes:
        return []
    rows = [
        (
            one.scope,
            f"{one.keys:,}",
            f"{one.offered:,}",
            f"{one.admitted:,}",
            "; ".join(one.violations) or "kept in every window of every key",
        )
        for one in scopes
    ]
    parts = [
        "<h2>Throttle conformance, in segments</h2>",
        _table(("scope", "keys", "offered", "admitted", "judged"), rows),
    ]
    for scope, seconds in scope_seconds.items():
        last = seconds[-1][0]
        at = {second: counts for second, *counts in seconds}
        series = {
            name: [at.get(second, [0, 0, 0])[place] for second in range(last + 1)]
            for place, name in enumerate(("offered", "admitted", "released"))
        }
        parts += [f"<h2>{escape(scope)}: segments a second</h2>", _lines(series)]
    return parts


def _profile(report: Report) -> str:
    return json.dumps(report.document()["profile"], indent=1)


def write_report(report: Report, path: Path) -> None:
    """Write a report as the suffix says: .html a page of its own, anything else JSON. Raises `OSError`."""
    if path.suffix.lower() in (".html", ".htm"):
        text = page(report)
    else:
        text = json.dumps(report.document(), indent=1) + "\n"
    path.write_text(text, encoding="utf-8")
