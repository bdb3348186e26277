"""What a check found: a level, a sentence, and what to do about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.runtime.commands import DONE, NOT_AS_EXPECTED, USAGE, shown


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It runs, and something will hurt under load or on another day."""
    FAULT = "fault"
    """It does not run like this."""


MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "bold yellow"), Level.FAULT: ("✗", "bold red")}
CONFIGURATION = "configuration"
"""The check whose faults end with the exit code of a wrong configuration."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says; `advice` is empty where there is nothing to do."""

    check: str
    level: Level
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """It runs, but."""
    return Finding(check, Level.WARNING, found, advice)


def fault(check: str, found: str, advice: str) -> Finding:
    """It does not run like this."""
    return Finding(check, Level.FAULT, found, advice)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 without a fault, 2 for one in the configuration, 1 for any other."""
    faults = {finding.check for finding in findings if finding.level is Level.FAULT}
    if not faults:
        return DONE
    return USAGE if CONFIGURATION in faults else NOT_AS_EXPECTED


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as `--json` prints them."""
    return {
        "ok": exit_code(findings) == DONE,
        "checks": [
            {"check": one.check, "level": one.level.value, "found": one.found, "advice": one.advice}
            for one in findings
        ],
    }


def print_table(findings: Sequence[Finding], console: Console) -> None:
    """Print the findings, each with its mark, and a last line that sums them up."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True, style="bold")
    table.add_column("found", overflow="fold")
    arrow = shown("→", "->", console.file)
    for one in findings:
        mark, style = MARKS[one.level]
        mark = shown(mark, one.level.value, console.file)
        found = Text(one.found)
        if one.advice:
            found.append(f"\n{arrow} {one.advice}", style)
        table.add_row(Text(mark, style), one.check, found)
    console.print(table)
    console.print(Text(_summary(findings)), highlight=False)


def _summary(findings: Sequence[Finding]) -> str:
    faults = sum(one.level is Level.FAULT for one in findings)
    warnings = sum(one.level is Level.WARNING for one in findings)
    if not faults and not warnings:
        return "All is well."
    told = [
        f"{count} {word}{'s'[: count != 1]}" for count, word in ((faults, "fault"), (warnings, "warning"))
    ]
    return f"{' and '.join(part for part, count in zip(told, (faults, warnings), strict=True) if count)}."
