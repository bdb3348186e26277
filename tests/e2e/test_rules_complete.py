"""No rule of the table is without a test over HTTP: the marks of this folder against the table itself."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from gateway.policy.rules import RULES

HERE = Path(__file__).parent
MODULES = ("test_admin.py", *sorted(path.name for path in HERE.glob("test_rules_*.py")))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"covered_{name[:-3]}", HERE / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def marks_of(function: Any) -> list[Any]:
    """The marks of a test, and those of its parameter sets."""
    marks = list(getattr(function, "pytestmark", ()))
    for mark in tuple(marks):
        if mark.name == "parametrize":
            marks += [inner for each in mark.args[1] for inner in getattr(each, "marks", ())]
    return marks


def covered(module: ModuleType) -> set[tuple[str, str]]:
    tests = (value for name, value in vars(module).items() if name.startswith("test_"))
    return {mark.args for test in tests for mark in marks_of(test) if mark.name == "rule"}


def test_every_rule_is_shown_over_http() -> None:
    shown: set[tuple[str, str]] = set()
    for name in MODULES:
        if name != Path(__file__).name:
            shown |= covered(load(name))
    assert shown == {(rule.direction.value, rule.code) for rule in RULES}
