"""The little Markdown the generated pages need."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

LONGEST_VALUE = 60


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; cells may hold Markdown, pipes and line ends are taken care of."""
    lines = [_row(headings), _row(["---"] * len(headings))]
    return [*lines, *(_row([_cell(cell) for cell in row]) for row in rows), ""]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or "–"


def code(value: str) -> str:
    """A value as inline code."""
    return f"`{value}`" if value else ""


def value_text(value: Any) -> str:
    """A default as inline code; one that is too long for a table is told by its size."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= LONGEST_VALUE:
        return code(text)
    return f"{len(value)} entries" if isinstance(value, list | dict) else code(text[:LONGEST_VALUE] + "…")


def prose(text: str | None) -> str:
    """A docstring's paragraphs joined to one line each, for a page; RST's double backquotes become single."""
    paragraphs = (text or "").replace("``", "`").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def sentence(text: str | None) -> str:
    """The first paragraph of a docstring."""
    return prose(text).split("\n\n")[0]


def page(title: str, introduction: str, *parts: Iterable[str]) -> str:
    """A whole page, with the note that nobody edits it by hand."""
    lines = [
        f"# {title}",
        "",
        "<!-- Made by `python -m docs.generate`: change the code, then make it anew. -->",
        "",
        introduction,
        "",
        *(line for part in parts for line in part),
    ]
    return "\n".join(lines).rstrip() + "\n"
