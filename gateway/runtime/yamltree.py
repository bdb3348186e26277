"""YAML read with the place of every value, so that each fault can name file, line and column.

Plain scalars are resolved as YAML 1.2's core schema does, with one difference that telephony asks for: what
begins with `+` is a string, so that `+12025550100` needs no quotes. `no`, `off` and `1:30` are strings too.

`include: path` (or a list; `*` allowed; relative to its own file) inside a mapping merges the
mappings of those files below the mapping's own keys; as an item of a list it puts the file's items, or its
mapping as one item, in its place. `${NAME}` and `${NAME:-default}` in a string are environment variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gateway.runtime.errors import Fault

KeyPath = tuple[str | int, ...]
INCLUDE = "include"
MERGE = "<<"
MAX_NODES = 200_000
MAX_DEPTH = 64
MAX_INCLUDE_DEPTH = 8

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"-?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(
    r"-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|-?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; `line` and `column` count from 1, 0 where there is no file."""

    file: str
    line: int = 0
    column: int = 0


def path_text(path: KeyPath) -> str:
    """Write a key path the way `--set` takes it: `carriers.tmobile.binds.0`."""
    return ".".join(str(part) for part in path)


def resolve_plain(text: str) -> Any:
    """Return the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0 if text[:2] in ("0x", "0o") else 10)
    if _FLOAT.fullmatch(text):
        return float(text.replace(".", "", 1) if text.lower().endswith(("inf", "nan")) else text)
    return text


@dataclass
class Tree:
    """Values of one or several YAML files as plain Python, with the place of every key and value."""

    value: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    key_places: dict[KeyPath, Place] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unusable: bool = False
    """A limit was passed and reading ended there: what is missing from `value` is no fault of its own."""

    def place(self, path: KeyPath) -> Place:
        """Return where the value stands, or its nearest parent that stands anywhere."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(str(self.files[0]) if self.files else "configuration"))

    def key_place(self, path: KeyPath) -> Place:
        """Return where the key of a value stands, else the value."""
        return self.key_places.get(path) or self.place(path)

    def fault(self, place: Place, path: KeyPath, message: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(place.file, place.line, place.column, path_text(path), message))


def read_tree(path: Path, environment: Mapping[str, str]) -> Tree:
    """Read a file and all it includes. Faults are collected in the tree; nothing is raised."""
    tree = Tree()
    reader = _Reader(tree, environment)
    tree.value = reader.file(path, (), ())
    return tree


def parse_value(text: str) -> Any:
    """Read one YAML value, e.g. of a `--set`. Raises `ValueError` with YAML's complaint."""
    tree = Tree()
    try:
        node = _compose(text)
    except yaml.YAMLError as error:
        raise ValueError(getattr(error, "problem", None) or "not a YAML value") from None
    if node is None:
        return None
    value = _Reader(tree, None).value(node, (), Path("--set"), ())
    if tree.faults:
        raise ValueError(tree.faults[0].message)
    return value


class _Reader:
    def __init__(self, tree: Tree, environment: Mapping[str, str] | None) -> None:
        self._tree = tree
        self._environment = environment
        self._nodes = 0
        self._open: set[int] = set()
        """Identities of the mappings and sequences being read, outermost to innermost."""

    def file(self, path: Path, at: KeyPath, chain: tuple[Path, ...]) -> Any:
        """Read one file, whose root value has the key path `at`."""
        tree, start = self._tree, Place(str(path), 1, 1)
        tree.files.append(path)
        try:
            node = _compose(path.read_bytes())
        except OSError as error:
            tree.fault(Place(str(path)), at, error.strerror or "cannot be read")
            return None
        except yaml.YAMLError as error:
            tree.fault(_syntax_place(path, error), at, _syntax_message(error))
            return None
        if node is None:
            tree.places[at] = start
            return None
        return self.value(node, at, path, (*chain, path))

    def value(self, node: Node, at: KeyPath, file: Path, chain: tuple[Path, ...]) -> Any:
        """Turn a node into a value, noting the place of everything in it."""
        place = _place(node, file)
        self._tree.places[at] = place
        if isinstance(node, ScalarNode):
            return self._scalar(node, at, place) if self._counted(at, place) else None
        if not self._entered(node, at, place):
            return None
        try:
            if isinstance(node, SequenceNode):
                return self._sequence(node, at, file, chain)
            return self._mapping(node, at, file, chain)
        finally:
            self._open.discard(id(node))

    def _counted(self, at: KeyPath, place: Place) -> bool:
        """Count a value; tell whether reading goes on."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._give_up(place, at, f"more than {MAX_NODES:,} values: aliases that multiply?")
        return not self._tree.unusable

    def _entered(self, node: Node, at: KeyPath, place: Place) -> bool:
        """Note that a mapping or sequence is being read; tell whether it may be."""
        if not self._counted(at, place):
            return False
        if id(node) in self._open:
            self._give_up(place, at, "an alias inside this value means the value itself")
            return False
        if len(self._open) == MAX_DEPTH:
            self._give_up(place, at, f"nested deeper than {MAX_DEPTH} levels")
            return False
        self._open.add(id(node))
        return True

    def _give_up(self, place: Place, at: KeyPath, message: str) -> None:
        if not self._tree.unusable:
            self._tree.unusable = True
            self._tree.fault(place, at, message)

    def _scalar(self, node: Node, at: KeyPath, place: Place) -> Any:
        text: str = node.value
        if isinstance(node, ScalarNode) and not node.style:
            resolved = resolve_plain(text)
            if not isinstance(resolved, str):
                return resolved
        if self._environment is None or "${" not in text:
            return text
        return _VARIABLE.sub(lambda match: self._variable(match, at, place), text)

    def _variable(self, match: re.Match[str], at: KeyPath, place: Place) -> str:
        name, default = match.groups()
        value = (self._environment or {}).get(name, default)
        if value is None:
            self._tree.fault(place, at, f"environment variable {name} is not set")
            return ""
        return str(value)

    def _mapping(self, node: Node, at: KeyPath, file: Path, chain: tuple[Path, ...]) -> dict[str, Any]:
        below: dict[str, Any] = {}
        keys = [(key.value if isinstance(key, ScalarNode) else None, key, value) for key, value in node.value]
        for key, _, value_node in keys:  # first, so that the places of own keys win as their values do
            if key == INCLUDE:
                below = {**self._included_mapping(value_node, at, file, chain), **below}
            elif key == MERGE:
                below.update(self._merge_key(value_node, at, file, chain))
        own: dict[str, Any] = {}
        for key, key_node, value_node in keys:
            place = _place(key_node, file)
            if key is None:
                self._tree.fault(place, at, "a key must be a word")
            elif key in own:
                self._tree.fault(place, (*at, key), "this key is there twice")
            elif key not in (INCLUDE, MERGE):
                self._tree.key_places[(*at, key)] = place
                own[key] = self.value(value_node, (*at, key), file, chain)
        return _merged(below, own) if below else own

    def _merge_key(self, node: Node, at: KeyPath, file: Path, chain: tuple[Path, ...]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(source, MappingNode):
                self._tree.fault(_place(source, file), at, "<< takes a mapping")
                continue
            if not self._entered(source, at, _place(source, file)):
                break
            try:
                merged = {**self._mapping(source, at, file, chain), **merged}
            finally:
                self._open.discard(id(source))
        return merged

    def _sequence(self, node: SequenceNode, at: KeyPath, file: Path, chain: tuple[Path, ...]) -> list[Any]:
        items: list[Any] = []
        for item in node.value:
            if _is_include(item):
                self._include_items(item, items, at, file, chain)
            else:
                items.append(self.value(item, (*at, len(items)), file, chain))
        return items

    def _include_items(
        self, item: MappingNode, items: list[Any], at: KeyPath, file: Path, chain: tuple[Path, ...]
    ) -> None:
        for path in self._include_paths(item.value[0][1], at, file, chain):
            probe = _compose_quietly(path)
            if isinstance(probe, SequenceNode):
                self._tree.files.append(path)
                for entry in probe.value:
                    items.append(self.value(entry, (*at, len(items)), path, (*chain, path)))
            else:
                items.append(self.file(path, (*at, len(items)), chain))

    def _included_mapping(
        self, node: Node, at: KeyPath, file: Path, chain: tuple[Path, ...]
    ) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        here = self._tree.places[at]
        for path in self._include_paths(node, at, file, chain):
            value = self.file(path, at, chain)
            if value is None:
                continue
            if not isinstance(value, dict):
                self._tree.fault(Place(str(path), 1, 1), at, "an included file must hold a mapping here")
                continue
            for key in merged.keys() & value.keys():
                self._tree.fault(
                    self._tree.key_place((*at, key)), (*at, key), "two included files have this key"
                )
            merged.update(value)
        self._tree.places[at] = here
        return merged

    def _include_paths(self, node: Node, at: KeyPath, file: Path, chain: tuple[Path, ...]) -> list[Path]:
        paths: list[Path] = []
        for entry in node.value if isinstance(node, SequenceNode) else [node]:
            place = _place(entry, file)
            if not isinstance(entry, ScalarNode) or not entry.value:
                self._tree.fault(place, (*at, INCLUDE), "include takes a path or a list of paths")
                continue
            found = (
                sorted(file.parent.glob(entry.value)) if "*" in entry.value else [file.parent / entry.value]
            )
            if not found:
                self._tree.fault(place, (*at, INCLUDE), f"no file matches {entry.value}")
            for path in found:
                if not path.is_file():
                    self._tree.fault(place, (*at, INCLUDE), f"there is no file {path}")
                elif path in chain or len(chain) > MAX_INCLUDE_DEPTH:
                    self._tree.fault(place, (*at, INCLUDE), f"{path} includes itself")
                else:
                    paths.append(path)
        return paths


def _is_include(node: Node) -> bool:
    return (
        isinstance(node, MappingNode)
        and len(node.value) == 1
        and isinstance(node.value[0][0], ScalarNode)
        and node.value[0][0].value == INCLUDE
    )


def _compose(source: bytes | str) -> Node | None:
    """Return the root node; raises `yaml.YAMLError`, also for what is nested too deep to be composed.

    libyaml's composer calls itself on the C stack without a limit of its own, so depth is judged on its
    events, which come one by one.
    """
    depth = 0
    for event in yaml.parse(source, Loader=_Loader):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            problem = f"nested deeper than {MAX_DEPTH} levels"
            raise yaml.MarkedYAMLError(None, None, problem, event.start_mark)  # type: ignore[arg-type]
    node: Node | None = yaml.compose(source, Loader=_Loader)
    return node


def _compose_quietly(path: Path) -> Node | None:
    try:
        return _compose(path.read_bytes())
    except (OSError, yaml.YAMLError):
        return None  # `_Reader.file` reads it again and reports


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        result[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result


def _place(node: Node, file: Path) -> Place:
    return Place(str(file), node.start_mark.line + 1, node.start_mark.column + 1)


def _syntax_place(path: Path, error: yaml.YAMLError) -> Place:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return Place(str(path), 1, 1) if mark is None else Place(str(path), mark.line + 1, mark.column + 1)


def _syntax_message(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    context = getattr(error, "context", None)
    if "cannot start any token" in problem:
        problem = "a character that means nothing here; is it a tab? YAML is indented with spaces."
        context = None
    return f"{problem} {context}".strip() if context else str(problem)
