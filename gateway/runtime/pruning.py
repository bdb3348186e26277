"""A value without what is wrong in it, so that the rest of it can be judged.

What its entry cannot do without is replaced by a stand-in (`modeltree`), so that the rest of the entry is
judged as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.runtime.yamltree import KeyPath

NOTHING: Any = object()
"""There is no stand-in."""


def _nothing(path: KeyPath) -> Any:
    return NOTHING


class Pruned:
    """A copy of a value that wrong parts are taken out of; `gone` lists their paths in the whole value.

    `stand_in` returns what a key that is missing at a path may be replaced by, or `NOTHING`.
    """

    def __init__(self, value: Any, stand_in: Callable[[KeyPath], Any] = _nothing) -> None:
        self.value = _copied(value)
        self.gone: list[KeyPath] = []
        self._stand_in = stand_in
        self._replaced: set[KeyPath] = set()
        self._places: dict[int, list[int]] = {}
        """Of a list that has lost items: the places that those left had."""

    def original(self, path: KeyPath) -> KeyPath:
        """Turn a path in the pruned value into that in the whole one."""
        container, found = self.value, []
        for part in path:
            found.append(self._place(container, part))
            container = _child(container, part)
        return tuple(found)

    def take_out(self, problems: Iterable[Mapping[str, Any]]) -> bool:
        """Take out what problems of a `ValidationError` are about; False: nothing more can be.

        That is the value itself, or of a key that is missing, and that nothing can stand in for, the mapping
        that lacks it.
        """
        wrong: dict[int, tuple[Any, set[Any]]] = {}
        replaced = False
        for problem in problems:
            if problem.get("type") == "missing" and self._replace(problem["loc"]):
                replaced = True
            elif (target := self._target(problem["loc"])) is not None:
                container, part, path = target
                self.gone.append(path)
                wrong.setdefault(id(container), (container, set()))[1].add(part)
        for container, parts in wrong.values():
            if isinstance(container, list):
                self._shorten(container, parts)
            else:
                for part in parts:
                    del container[part]
        return replaced or bool(wrong)

    def _replace(self, loc: KeyPath) -> bool:
        """Let something stand in for a key that is missing, once; tell whether it does."""
        container = self.value
        for part in loc[:-1]:
            container = _child(container, part)
        path = self.original(loc)
        if not isinstance(container, dict) or path in self._replaced:
            return False
        value = self._stand_in(path)
        if value is NOTHING:
            return False
        container[loc[-1]] = value
        self._replaced.add(path)
        self.gone.append(path)
        return True

    def _shorten(self, items: list[Any], wrong: set[Any]) -> None:
        places = self._places.get(id(items)) or list(range(len(items)))
        kept = [index for index in range(len(items)) if index not in wrong]
        self._places[id(items)] = [places[index] for index in kept]
        items[:] = [items[index] for index in kept]

    def _target(self, loc: KeyPath) -> tuple[Any, Any, KeyPath] | None:
        """The innermost value a `loc` leads to: what holds it, its key there, its path in the whole."""
        container = self.value
        path: KeyPath = ()
        found: tuple[Any, Any, KeyPath] | None = None
        for part in loc:
            if _has(container, part):
                path = (*path, self._place(container, part))
                found = (container, part, path)
                container = container[part]
        return found

    def _place(self, container: Any, part: str | int) -> str | int:
        places = self._places.get(id(container)) if isinstance(container, list) else None
        return places[part] if places is not None and _has(container, part) else part  # type: ignore[index]


def _has(container: Any, part: str | int) -> bool:
    if isinstance(container, dict):
        return part in container
    return isinstance(container, list) and isinstance(part, int) and part < len(container)


def _child(container: Any, part: str | int) -> Any:
    return container[part] if _has(container, part) else None


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_copied(child) for child in value]
    return value
