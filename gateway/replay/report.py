"""A replay's report: for the terminal, as JSON, as JUnit XML, as one HTML page of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.replay.page import html_page
from gateway.replay.plots import bar_plot, line_plot
from gateway.replay.summary import Summary

SHOWN: Final = 20
_DIFFERENCE: Final = ("what", "expected", "actual")


@dataclass(slots=True)
class Report:
    """Everything there is to say. `passed` is the verdict."""

    capture: str
    format: str
    role: str
    speed: str
    seed: int
    against: str
    """`recorded`, `golden` or `rules`."""
    summary: Summary
    tolerated: int = 0
    pdus: int = 0
    unreadable: int = 0
    complaints: list[str] = field(default_factory=list)
    inbound: int = 0
    recorded_inbound: int = 0
    unexpected: int = 0
    stopped: bool = False

    @property
    def passed(self) -> bool:
        """Whether it came to its end, and no more messages differ than are tolerated."""
        return self.summary.different <= self.tolerated and not self.stopped

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.stopped:
            return "stopped"
        return "as expected" if self.passed else "not as expected"

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return {
            "ok": self.passed,
            "capture": {
                "name": self.capture,
                "format": self.format,
                "pdus": self.pdus,
                "unreadable": self.unreadable,
                "complaints": self.complaints,
            },
            "role": self.role,
            "speed": self.speed,
            "seed": self.seed,
            "against": self.against,
            "tolerated": self.tolerated,
            "stopped": self.stopped,
            "inbound": {"recorded": self.recorded_inbound, "received": self.inbound},
            "unexpected": self.unexpected,
            **self.summary.to_dict(),
        }

    def to_json(self) -> str:
        """The document, always the same for the same replay."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    def to_junit(self) -> str:
        """A test suite, a case for each message: all that differ, and the first ten thousand that do not."""
        failing: dict[int, list[dict[str, Any]]] = {}
        for each in self.summary.differences:
            failing.setdefault(each["message"], []).append(each)
        cases = [(number, failing.get(number)) for number in sorted({*failing, *self.summary.passed})]
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuite name={quoteattr('replay ' + self.capture)} tests={quoteattr(str(len(cases)))} "
            f'failures="{len(failing)}" errors="0" skipped="0">',
            f'<properties><property name="messages" value="{self.summary.messages}"/>'
            f'<property name="different" value="{self.summary.different}"/></properties>',
        ]
        for number, found in cases:
            opening = f'<testcase classname="replay.{self.role}" name="message {number}"'
            if not found:
                lines.append(opening + "/>")
                continue
            text = "; ".join(
                f"{one['what']}: expected {one['expected']}, got {one['actual']}" for one in found
            )
            lines.append(f"{opening}><failure message={quoteattr(text)}/></testcase>")
        return "\n".join([*lines, "</testsuite>"]) + "\n"

    def to_html(self) -> str:
        """One page that needs nothing else."""
        return _page(self)

    def write(self, path: Path) -> None:
        """Write it as its suffix says: .html, .xml (JUnit), anything else JSON; raises `OSError`."""
        content = {".html": self.to_html, ".htm": self.to_html, ".xml": self.to_junit}
        path.write_text(content.get(path.suffix.lower(), self.to_json)(), encoding="utf-8")

    def show(self, console: Console) -> None:
        """Print it."""
        title = Text(f"{self.capture} as {self.role} against {self.against}: ")
        title.append(self.verdict, "bold green" if self.passed else "bold red")
        table = Table(title=title, show_header=False)
        for name, value in _totals(self):
            table.add_row(name, Text(value))
        console.print(table)
        if self.summary.differences:
            found = Table(title="differences")
            for heading in ("message", *_DIFFERENCE):
                found.add_column(heading)
            for each in self.summary.differences[:SHOWN]:
                found.add_row(str(each["message"]), *(Text(each[name]) for name in _DIFFERENCE))
            console.print(found)
            more = sum(self.summary.kinds.values()) - SHOWN
            if more > 0:
                console.print(f"… and {more} more; --report FILE.html has them")
        for complaint in self.complaints[:5]:
            console.print(Text.assemble(("unreadable ", "yellow"), complaint), soft_wrap=True)


def _totals(report: Report) -> list[tuple[str, str]]:
    summary = report.summary
    rows = [
        ("capture", f"{report.format}, {report.pdus} PDUs, {report.unreadable} unreadable parts"),
        ("messages", str(summary.messages)),
        ("accepted", str(summary.accepted)),
        *((f"refused {code}", str(count)) for code, count in sorted(summary.refused.items())),
        *((f"receipt {word}", str(count)) for word, count in sorted(summary.receipts.items())),
        ("different", f"{summary.different} (tolerated {report.tolerated})"),
    ]
    if summary.unanswered:
        rows.append(("unanswered", str(summary.unanswered)))
    if report.inbound or report.recorded_inbound:
        rows.append(("inbound texts", f"{report.inbound} received, {report.recorded_inbound} recorded"))
    if report.unexpected:
        rows.append(("unexpected", str(report.unexpected)))
    for name, latency in (("response", summary.response), ("receipt", summary.receipt)):
        if latency.count:
            shown = ", ".join(
                f"{label} {latency.percentile_s(share):.3f} s"
                for label, share in (("p50", 0.5), ("p99", 0.99))
            )
            rows.append((f"{name} time", shown))
    if report.stopped:
        rows.append(("stopped", "what was not played is not judged"))
    return rows


# --- HTML ---------------------------------------------------------------------------------------------------


def _page(report: Report) -> str:
    verdict = f'<span class="{"good" if report.passed else "bad"}">{report.verdict}</span>'
    timeline = report.summary.timeline.to_dict()
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _totals(report)
    )
    parts = [
        f"<h1>Replay of {escape(report.capture)} as {report.role}: {verdict}</h1>",
        f'<p class="soft">compared with {report.against} · speed {escape(report.speed)} · '
        f"seed {report.seed}</p>",
        f"<table>{rows}</table>",
        "<h2>Timeline</h2>",
        line_plot(timeline["series"], timeline["widthS"]),
        "<h2>Time to the answer</h2>",
        bar_plot(report.summary.response.buckets),
        "<h2>Time to the receipt</h2>",
        bar_plot(report.summary.receipt.buckets),
        _differences(report),
    ]
    if report.complaints:
        items = "".join(f"<li>{escape(each)}</li>" for each in report.complaints)
        parts.append(f"<h2>Unreadable parts</h2><ol>{items}</ol>")
    return html_page(f"Replay of {report.capture}", parts)


def _differences(report: Report) -> str:
    if not report.summary.differences:
        return "<h2>Differences</h2><p>None.</p>"
    rows = "".join(
        f"<tr><td>{one['message']}</td><td>{escape(one['what'])}</td><td>{escape(one['expected'])}</td>"
        f"<td>{escape(one['actual'])}</td></tr>"
        for one in report.summary.differences
    )
    shown = f"{len(report.summary.differences)} of {sum(report.summary.kinds.values())}"
    head = "<tr><th>message</th><th>what</th><th>expected</th><th>actual</th></tr>"
    return f'<h2>Differences</h2><p class="soft">{shown}</p><table>{head}{rows}</table>'
