"""Tables for the terminal; readable at eighty columns."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


def print_rules(rules: Iterable[Mapping[str, Any]]) -> None:
    """All rules, a table per direction."""
    console = Console()
    for direction, group in groupby(rules, key=lambda rule: rule["direction"]):
        table = Table(title=f"{direction} rules".capitalize(), box=SIMPLE_HEAD, title_style="bold")
        for heading in ("code", "HTTP", "by"):
            table.add_column(heading, no_wrap=True)
        table.add_column("what it says")
        for rule in group:
            facts = f" [dim]{' '.join(rule['facts'])}[/]" if rule["facts"] else ""
            fixed = "" if rule["switchable"] else " [dim](always on)[/]"
            table.add_row(
                f"[bold]{rule['code']}[/]",
                str(rule["httpStatus"] or "–"),
                rule["blockedBy"],
                f"{rule['description']}{facts}{fixed}",
            )
        console.print(table)
