"""Tables for the terminal; readable at eighty columns."""

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from gateway.app import Service


def print_carriers(service: "Service") -> None:
    """Where each carrier listens and how a stranger binds to it."""
    assert service.carriers is not None  # noqa: S101 - called by the command that runs them
    table = Table(title="Mock carriers", box=SIMPLE_HEAD, title_style="bold")
    for heading in ("carrier", "country", "SMPP", "account", "behaviour"):
        table.add_column(heading, no_wrap=True)
    for state in service.carriers.states():
        address = f"{state.host}:{state.port}"
        table.add_row(f"[bold]{state.name}[/]", state.country, address, "guest / guest", state.behaviour)
    console = Console(stderr=True)
    console.print(table)
    if service.http is not None:
        console.print(f"API {service.http.url}/docs   Ctrl-C ends it.", highlight=False)


def carriers_json(service: "Service") -> None:
    """The same for programs: one line on stdout."""
    assert service.carriers is not None  # noqa: S101 - called by the command that runs them
    carriers = [
        {
            "name": state.name,
            "country": state.country,
            "host": state.host,
            "port": state.port,
            "behaviour": state.behaviour,
        }
        for state in service.carriers.states()
    ]
    print(json.dumps({"carriers": carriers, "http": service.http.url if service.http else None}), flush=True)


def print_rules(rules: Iterable[Mapping[str, Any]]) -> None:
    """All rules, a table per direction."""
    console = Console()
    for direction, group in groupby(rules, key=lambda rule: rule["direction"]):
        table = Table(title=f"{direction} rules".capitalize(), box=SIMPLE_HEAD, title_style="bold")
        for heading in ("code", "HTTP", "by"):
            table.add_column(heading, no_wrap=True, min_width=len(heading))
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
