"""Scenarios on a terminal: the library as a table, a played one as its checks."""

from rich.console import Console
from rich.table import Table

from gateway.runtime.commands import shown
from siprec.calling.report import Report
from siprec.phones.scenario import Scenario


def print_library(console: Console, scenarios: dict[str, Scenario]) -> None:
    """Name, title and facts of each."""
    table = Table(box=None, header_style="bold")
    table.add_column("Scenario", no_wrap=True)
    table.add_column("What happens")
    table.add_column("Shows")
    for name, scenario in scenarios.items():
        table.add_row(name, scenario.title, " ".join(scenario.facts))
    console.print(table)


def print_report(console: Console, report: Report) -> None:
    """Every check, what failed in red, and the verdict."""
    table = Table(title=report.title, title_justify="left", box=None, header_style="bold")
    table.add_column("")
    table.add_column("Check")
    table.add_column("Found", style="dim")
    for check in report.checks:
        good, bad = shown("✓", "ok", console.file), shown("✗", "no", console.file)
        mark = f"[green]{good}[/green]" if check.ok else f"[red]{bad}[/red]"
        table.add_row(mark, check.what, "" if check.ok and len(check.found) > 40 else check.found)
    console.print(table)
    for each in report.unchecked:
        console.print(f"[yellow]not checked:[/yellow] {each}")
    failed = sum(not check.ok for check in report.checks)
    passed = len(report.checks) - failed
    verdict = "[green]as it must be[/green]" if report.ok else f"[red]{failed} not as it must be[/red]"
    console.print(f"{passed} checks passed, {verdict}")
