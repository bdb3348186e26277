"""Sets of telephone numbers as configurations write them, and a table that finds what a number belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import AfterValidator


def _check_numbers(entries: tuple[str, ...]) -> tuple[str, ...]:
    for _ in _ranges(entries):
        pass
    return entries


def _ranges(entries: Iterable[str]) -> Iterator[tuple[str, str]]:
    """First and last number of each entry; a prefix stands for both."""
    for entry in entries:
        first, dash, last = entry.partition("..")
        if entry.endswith("*"):
            yield entry[:-1], entry
        elif dash and len(first) == len(last) and first <= last and last[1:].isdigit():
            yield first, last
        elif not dash and entry:
            yield entry, entry
        else:
            raise ValueError(
                f"{entry!r} is neither a number, nor FIRST..LAST of one length, nor a prefix with *"
            )


Numbers = Annotated[tuple[str, ...], AfterValidator(_check_numbers)]
"""Numbers in E.164: each a number, a range `+12025550190..+12025550199`, or a prefix `+1202*`."""


class NumberTable:
    """Finds what a number belongs to; the first entry that was added wins. Exact numbers cost one look-up."""

    __slots__ = ("_exact", "_prefixes", "_ranges")

    def __init__(self, rows: Iterable[tuple[tuple[str, ...], Any]] = ()) -> None:
        self._exact: dict[str, Any] = {}
        self._ranges: list[tuple[str, str, Any]] = []
        self._prefixes: list[tuple[str, Any]] = []
        for entries, value in rows:
            for first, last in _ranges(entries):
                if last.endswith("*"):
                    self._prefixes.append((first, value))
                elif int(last[1:] or 0) - int(first[1:] or 0) < 100 if first != last else True:
                    self._spread(first, last, value)
                else:
                    self._ranges.append((first, last, value))

    def _spread(self, first: str, last: str, value: Any) -> None:
        if first == last:
            self._exact.setdefault(first, value)
            return
        for number in range(int(first[1:]), int(last[1:]) + 1):
            self._exact.setdefault(f"{first[0]}{number:0{len(first) - 1}}", value)

    def get(self, number: str) -> Any:
        """Return the value of `number`, or None."""
        found = self._exact.get(number)
        if found is not None:
            return found
        for first, last, value in self._ranges:
            if len(number) == len(first) and first <= number <= last:
                return value
        for prefix, value in self._prefixes:
            if number.startswith(prefix):
                return value
        return None
