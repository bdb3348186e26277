"""What `siprec call` does once its options are read; heavy imports happen inside.

Every command ends the process: 0 if everything is as it must be, 1 if not, 2 for a mistake.
"""

import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer

from gateway.runtime.commands import DONE, NOT_AS_EXPECTED, USAGE, busy, fail

Result = TypeVar("Result")


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    from gateway.runtime.interrupts import run  # noqa: PLC0415
    from siprec.srs.errors import AddressUnusable  # noqa: PLC0415

    try:
        with busy("calling"):
            return run(work)
    except (OSError, AddressUnusable) as error:
        fail(f"the calls could not be made: {error}", NOT_AS_EXPECTED)


def call_plain(
    *, as_json: bool, dialect: str, weather: tuple[float, float, float], **options: Any
) -> NoReturn:
    """Fork calls without phones. weather: loss, reorder, skew; options: those of `CallPlan`."""
    from siprec.calling.plain import CallPlan, document, run_calls  # noqa: PLC0415
    from siprec.metadata import Dialect  # noqa: PLC0415
    from siprec.phones.impairment import Weather  # noqa: PLC0415

    loss, reorder, skew = weather
    sky = Weather(loss=loss, reorder=reorder, skew_ppm=skew)
    plan = CallPlan(dialect=Dialect(dialect), weather=sky, **options)
    outcome = document(plan, _run(run_calls(plan)))
    if as_json:
        typer.echo(json.dumps(outcome))
    else:
        _print_calls(outcome)
    sys.exit(DONE if outcome["ok"] else NOT_AS_EXPECTED)


def show_library(*, as_json: bool) -> None:
    """Show the scenarios of the library."""
    from siprec.phones.scenario import load_scenario, names  # noqa: PLC0415

    found = {name: load_scenario(name) for name in names()}
    if as_json:
        rows = [{"name": name, "title": each.title, "facts": each.facts} for name, each in found.items()]
        typer.echo(json.dumps(rows))
        return
    from rich.console import Console  # noqa: PLC0415

    from siprec.calling.screen import print_library  # noqa: PLC0415

    print_library(Console(), found)


def call_scenario(
    name: str, recorders: tuple[str, ...], dialect: str | None, host: str, *, as_json: bool
) -> NoReturn:
    """Play a scenario and show its checks."""
    from siprec.calling.plain import SCENARIOS  # noqa: PLC0415
    from siprec.phones.scenario import load_scenario, names  # noqa: PLC0415

    if Path(name).suffix not in (".yaml", ".yml") and name not in names():
        fail(
            f"{name} is no scenario: `siprec call --list` shows them; plain calls are {', '.join(SCENARIOS)}",
            USAGE,
        )
    scenario = load_scenario(name)
    if dialect is not None:
        network = scenario.network.model_copy(update={"dialect": dialect})
        scenario = scenario.model_copy(update={"network": network})

    from siprec.calling.playing import play  # noqa: PLC0415

    report = _run(play(scenario, recorders=recorders, host=host))
    if as_json:
        typer.echo(json.dumps(report.as_dict()))
    else:
        from rich.console import Console  # noqa: PLC0415

        from siprec.calling.screen import print_report  # noqa: PLC0415

        print_report(Console(), report)
    sys.exit(DONE if report.ok else NOT_AS_EXPECTED)


def call_pairs(
    pairs: int, seconds: float, recorders: tuple[str, ...], dialect: str, host: str, *, as_json: bool
) -> NoReturn:
    """Let many pairs of phones talk at once."""
    from siprec.calling.pairs import drive  # noqa: PLC0415

    outcome = _run(drive(pairs, seconds, recorders=recorders, dialect=dialect, host=host))
    typer.echo(json.dumps(outcome.as_dict()) if as_json else str(outcome))
    sys.exit(DONE if outcome.ok else NOT_AS_EXPECTED)


def _print_calls(outcome: dict[str, object]) -> None:
    results = outcome["results"]
    assert isinstance(results, list)  # noqa: S101 - made by `document`
    for number, result in enumerate(results, 1):
        streams = ", ".join(
            f"stream {each['label']} {each['codec'] or 'refused'} {each['packets']} packets"
            for each in result["streams"]
        )
        refused = "".join(f"; {each}" for each in result["refused"])
        typer.echo(f"call {number}: {_fate(result)}{': ' if streams else ''}{streams}{refused}")
    typer.echo(f"{outcome['calls']} calls, {outcome['failed']} failed, {outcome['packets']} packets sent")
    if results and not any(result["status"] for result in results):
        told = "Nobody answered. Start a recorder with `siprec serve`, or say where it is with --to."
        typer.echo(told, err=True)


def _fate(result: dict[str, Any]) -> str:
    if result["status"] == 200:
        return f"{'recorded' if result['ok'] else 'not as it must be, recorded'} by {result['server']}"
    if result["status"]:
        return f"refused by {result['server']}: {result['status']} {result['reason']}".rstrip()
    return f"failed at {result['server']}: {result['reason'] or 'no answer'}"
