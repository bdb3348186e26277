"""A value without what is wrong in it, so that the rest of it can be judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.runtime.yamltree import KeyPath


class Pruned:
    """A copy of a value that wrong parts are taken out of; `gone` lists their paths in the whole value."""

    def __init__(self, value: Any) -> None:
        self.value = _copied(value)
        self.gone: list[KeyPath] = []
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

        That is the value itself, or of a key that is missing the mapping that lacks it.
        """
        wrong: dict[int, tuple[Any, set[Any]]] = {}
        for problem in problems:
            if (target := self._target(problem["loc"])) is not None:
                container, part, path = target
                self.gone.append(path)
                wrong.setdefault(id(container), (container, set()))[1].add(part)
        for container, parts in wrong.values():
            if isinstance(container, list):
                self._shorten(container, parts)
            else:
                for part in parts:
                    del container[part]
        return bool(wrong)

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
