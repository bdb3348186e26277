"""`errors.md`: every code an API error can carry, found where it is raised."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docs.pages.markdown import code, page, table
from gateway.runtime.http.errors import DEFAULT_CODES, status_phrase

ROOT = Path(__file__).parents[2]
INTRODUCTION = """\
The `code` in an error's `errors` list is stable; the `description` is for people and may change.
Refusals of texts are the [rules](rules.md); everything else is here. What a carrier answers over SMPP
appears on a text as its `code` too: the name of the status in lower case (`esme_rinvdstadr`) or
`carrier_` and the receipt's `err` (`carrier_4702`)."""

MOST_EXAMPLES = 3
#: Codes a text can end with that no rule and no request error stands behind.
ENDINGS = {
    "cancelled": "taken back before it was released",
    "validity_expired": "`messages.validity_s` passed before a carrier had all of it",
    "window_wait_timeout": "no place in a window within `esme.carriers.NAME.window_wait_timeout_s`",
    "no_response": "the carrier never answered, after every attempt; its state is `unknown`",
    "receipt_missing": "accepted by the carrier, but its receipt never came; its state is `unknown`",
}


@dataclass
class Found:
    """Where a code is said."""

    statuses: set[int] = field(default_factory=set)
    descriptions: set[str] = field(default_factory=set)


def render() -> str:
    """The page."""
    return page("Error codes", INTRODUCTION, _requests(), _endings())


def request_codes() -> dict[str, Found]:
    """Every code a request can be refused with, besides those of rules."""
    found: dict[str, Found] = defaultdict(Found)
    for status, name in DEFAULT_CODES.items():
        found[name].statuses.add(status)
        found[name].descriptions.add(status_phrase(status))
    for path in sorted([*(ROOT / "gateway").rglob("*.py"), *(ROOT / "siprec").rglob("*.py")]):
        for status, name, description in _raised(ast.parse(path.read_text(encoding="utf-8"))):
            found[name].statuses.add(status)
            if description:
                found[name].descriptions.add(description)
    return dict(sorted(found.items()))


def _raised(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ApiError":
            values = [_constant(argument) for argument in node.args]
            if len(values) > 1 and isinstance(values[0], int) and isinstance(values[1], str) and values[1]:
                text = values[2] if len(values) > 2 else None
                yield values[0], values[1], text if isinstance(text, str) else ""


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _requests() -> list[str]:
    rows = [
        (
            code(name),
            " ".join(str(status) for status in sorted(found.statuses)),
            "; ".join(sorted(found.descriptions)[:MOST_EXAMPLES]),
        )
        for name, found in request_codes().items()
    ]
    return ["## Requests", "", *table(("Code", "HTTP", "For instance"), rows)]


def _endings() -> list[str]:
    rows = [(code(name), text) for name, text in ENDINGS.items()]
    return ["## Ends of a text that no rule and no carrier decided", "", *table(("Code", "Means"), rows)]
