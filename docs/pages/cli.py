"""`cli.md`: every command, from the programs themselves."""

import importlib.util
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import typer

from docs.pages.markdown import code, page, prose, table, value_text
from gateway.runtime.commands import DONE, NOT_AS_EXPECTED, USAGE

INTRODUCTION = """\
`-h` or `--help` shows the same in the terminal, and `--install-completion` teaches your shell to
complete it."""

EXITS = {
    DONE: "done, and as expected",
    NOT_AS_EXPECTED: "done, but not as expected: a text was refused, a step failed, nothing answered",
    USAGE: "the command line or the configuration is wrong; what and where stands on standard error",
    130: "ended by Ctrl-C (143: by SIGTERM) before it was done; a service that was ready ends with 0",
}
PROGRAMS = ("gateway", "siprec")


def render() -> str:
    """The page."""
    return page("Commands", INTRODUCTION, _exits(), _programs())


@cache
def commands() -> dict[str, Any]:
    """Every command by its full name, `gateway demo`, of the programs that exist."""
    found: dict[str, Any] = {}
    for program in PROGRAMS:
        if importlib.util.find_spec(f"{program}.cli") is None:
            continue
        root = typer.main.get_command(import_module(f"{program}.cli").app)
        found.update(_below(root, program))
    return found


def _below(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})  # typer brings its own kind of group
    if not children:
        yield name, command
    for child in children.values():
        if not child.hidden:
            yield from _below(child, f"{name} {child.name}")


def _exits() -> list[str]:
    return ["## Exit codes", "", *table(("Code", "Means"), ((str(n), text) for n, text in EXITS.items()))]


def _programs() -> Iterator[str]:
    for name, command in commands().items():
        yield from (f"## {name}", "")
        yield from _help(command)
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        options = [
            each for each in command.params if each.param_type_name == "option" and each.name != "help"
        ]
        usage = " ".join(["[OPTIONS]", *map(_metavar, arguments)])
        yield from (f"Usage: `{name} {usage}`", "")
        rows = [_row(each) for each in (*arguments, *options)]
        if rows:
            yield from table(("Option", "Default", "What it does"), rows)


def _help(command: Any) -> Iterator[str]:
    text, _, examples = (command.help or "").partition("Example")
    yield from (prose(text), "")
    lines = [line.strip() for line in examples.splitlines()[1:] if line.strip()]
    if lines:
        yield from ("```sh", *lines, "```", "")


def _row(parameter: Any) -> tuple[str, ...]:
    environment = f" Environment: `{parameter.envvar}`." if parameter.envvar else ""
    text = f"{getattr(parameter, 'help', '') or ''}{environment}"
    if parameter.param_type_name == "argument":
        return code(_metavar(parameter)), "**required**" if parameter.required else "", text
    names = ", ".join(code(name) for name in parameter.opts)
    if not getattr(parameter, "is_flag", False):
        names += f" {code(_metavar(parameter))}"
    return names, _default(parameter), text


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _default(parameter: Any) -> str:
    if parameter.required:
        return "**required**"
    default = parameter.default
    return "" if default in (None, False, ()) or callable(default) else value_text(default)
