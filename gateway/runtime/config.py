"""Configuration: one YAML, read by section, every fault reported at once with file, line and column.

A section belongs to one package's settings model, which refuses unknown keys. Sections of parts that do not
run are ignored with a debug line. What is wrong in one place does not hide what does not fit together in
another: the rest is judged without it (`crosschecks`). `--set a.b.0.c=value` overrides; the value is read as
YAML. Includes, environment variables and the resolution of scalars are described in `yamltree`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, overload

from pydantic import BaseModel, ValidationError

from gateway.runtime.crosschecks import CrossCheck, Noted, is_within, noting, placed
from gateway.runtime.errors import ConfigError, Fault
from gateway.runtime.log import get_logger
from gateway.runtime.modeltree import models_at, stand_in
from gateway.runtime.pruning import Pruned
from gateway.runtime.yamltree import KeyPath, Place, Tree, parse_value, path_text, read_tree

__all__ = ["ConfigError", "Fault", "LoadedConfig", "carried_config", "find_config", "load"]

Sections = Mapping[str, type[BaseModel]]
MAX_JUDGEMENTS = 16
"""Each finds what the one before hid; enough for any configuration a person writes."""
_M = TypeVar("_M", bound=BaseModel)
_log = get_logger("config")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration without faults: one settings model per section, and the files it came from."""

    path: Path
    files: tuple[Path, ...]
    sections: Mapping[str, BaseModel]

    @overload
    def section(self, name: str) -> Any: ...
    @overload
    def section(self, name: str, model: type[_M]) -> _M: ...
    def section(self, name: str, model: type[_M] | None = None) -> Any:
        """Return a section's settings; `model` only tells the type checker. Raises `KeyError`."""
        found = self.sections[name]
        if model is not None and not isinstance(found, model):
            raise TypeError(f"section {name} is a {type(found).__name__}, not a {model.__name__}")
        return found

    def relative(self, path: str | Path) -> Path:
        """Return a path of the configuration relative to its file, absolute paths as they are."""
        return self.path.parent / path


def load(
    path: str | Path,
    sections: Sections,
    overrides: Sequence[str] = (),
    *,
    known: Collection[str] | None = None,
    environment: Mapping[str, str] | None = None,
    checks: Iterable[CrossCheck] = (),
) -> LoadedConfig:
    """Read a configuration. Raises `ConfigError` with all its faults.

    `sections` maps the names of the running parts' sections to their models. With `known`, a section that is
    neither there nor in `sections` is a fault; without it every other section is ignored. `environment` is
    `os.environ` unless given. `checks` judge sections against each other.
    """
    file = Path(path)
    tree = read_tree(file, os.environ if environment is None else environment)
    if tree.unusable:
        raise ConfigError(sorted(set(tree.faults)))
    root = _root(tree)
    for override in overrides:
        _override(tree, root, override, sections)
    _check_names(tree, root, sections, known)
    judged = {name: _judge(tree, name, model, root.get(name)) for name, model in sections.items()}
    _cross_check(tree, judged, checks)
    if tree.faults:
        raise ConfigError(sorted(set(tree.faults)))
    found = {name: one.settings for name, one in judged.items() if one.settings is not None}
    return LoadedConfig(file, tuple(tree.files), found)


def find_config(name: str) -> Path:
    """Return a configuration file: a path that exists, else one of the files this distribution carries.

    Raises `ConfigError`.
    """
    given = Path(name)
    if given.is_file():
        return given
    if given.is_dir():
        raise ConfigError([Fault(name, 0, 0, "", "is a folder; a configuration is a file")])
    return carried_config(name)


def carried_config(name: str) -> Path:
    """Return a configuration file of this distribution, whatever lies in the current folder.

    Raises `ConfigError`.
    """
    package = Path(str(resources.files("gateway")))
    for folder in (package / "_config", package.parent / "config"):
        carried = folder / name
        if not Path(name).is_absolute() and carried.is_file():
            return carried
    told = "there is no such configuration file; `gateway.yaml`, the demo world's, comes with the program"
    raise ConfigError([Fault(name, 0, 0, "", told)])


def _root(tree: Tree) -> dict[str, Any]:
    if tree.value is None:
        return {}
    if not isinstance(tree.value, dict):
        tree.fault(tree.place(()), (), "a configuration is a mapping of sections")
        return {}
    return tree.value


def _check_names(tree: Tree, root: dict[str, Any], sections: Sections, known: Collection[str] | None) -> None:
    for name in root:
        if name in sections:
            continue
        if known is not None and name not in known:
            hint = _suggestion(name, [*sections, *known])
            tree.fault(tree.key_place((name,)), (name,), f"unknown section{hint}")
        else:
            _log.debug("section ignored: its part does not run", section=name)


class _Judged(NamedTuple):
    """A section: its settings, made of what is right in it; None if nothing could be made of that."""

    settings: BaseModel | None
    rest: Pruned
    misfits: Sequence[KeyPath] = ()
    """What is right in itself and does not fit together."""

    def lacks(self, path: KeyPath) -> bool:
        """Whether what was at a path was wrong, and so is not there."""
        original = self.rest.original(path)
        return any(is_within(original, gone) for gone in self.rest.gone)

    def doubts(self, path: KeyPath) -> bool:
        """Whether nothing can be said to rest on what is at a path, or is not."""
        original = self.rest.original(path)
        return self.lacks(path) or any(is_within(original, misfit) for misfit in self.misfits)


def _judge(tree: Tree, name: str, model: type[BaseModel], value: Any) -> _Judged:
    """Report every fault of a section: first those of single values, then what shows without them."""
    rest = Pruned({} if value is None else value, partial(stand_in, model))
    for _ in range(MAX_JUDGEMENTS):
        try:
            with noting() as noted:
                settings = model.model_validate(rest.value)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
        else:
            return _judge_whole(tree, name, _Judged(settings, rest), noted)
        if not rest.gone:
            for problem in problems:
                _report(tree, name, model, value, problem)
        if not rest.take_out(problems):
            break
    return _Judged(None, rest)


def _judge_whole(tree: Tree, name: str, judged: _Judged, noted: Noted) -> _Judged:
    """Report what does not fit together in a section, where all that a fault rests on is right."""
    misfits: list[KeyPath] = []
    assert judged.settings is not None  # noqa: S101 - the caller has them
    for at, message, bases in placed(judged.settings, noted):
        original = judged.rest.original(at)
        misfits.append(original)
        if not any(map(judged.lacks, (at, *bases))):
            _tell(tree, (name, *original), message)
    return judged._replace(misfits=misfits)


def _cross_check(tree: Tree, judged: Mapping[str, _Judged], checks: Iterable[CrossCheck]) -> None:
    sections = {name: one.settings for name, one in judged.items() if one.settings is not None}
    for check in checks:
        for at, message, bases in check(sections):
            section = judged[str(at[0])]
            if section.lacks(at[1:]) or any(judged[str(base[0])].doubts(base[1:]) for base in bases):
                continue
            _tell(tree, (at[0], *section.rest.original(at[1:])), message)


def _tell(tree: Tree, path: KeyPath, message: str) -> None:
    """Report a fault at a path or, where that is not written, at what it would stand in."""
    while path not in tree.places and len(path) > 1:
        path = path[:-1]
    if not _said(tree, path):
        tree.fault(tree.place(path), path, message)


def _report(tree: Tree, name: str, model: type[BaseModel], value: Any, problem: Any) -> None:
    path: KeyPath = (name,)
    for part in problem["loc"]:
        if (*path, part) in tree.places:
            path = (*path, part)
    if _said(tree, path):
        return
    kind = problem["type"]
    if kind == "missing":
        missing = (*path, problem["loc"][-1])
        tree.fault(tree.key_place(path), missing, "this key is missing")
    elif kind == "extra_forbidden":
        siblings = _field_names(model, path[1:-1])
        tree.fault(tree.key_place(path), path, f"unknown key{_suggestion(str(path[-1]), siblings)}")
    else:
        tree.fault(tree.place(path), path, _sentence(problem, path, value))


def _said(tree: Tree, path: KeyPath) -> bool:
    """Whether what is wrong there is told already."""
    return any(fault.path == path_text(path) for fault in tree.faults)


def _sentence(problem: Any, path: KeyPath, value: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if problem["type"] in ("model_type", "model_attributes_type", "dataclass_type"):
        return "Input should be a mapping of keys to values"
    if problem["type"] == "string_type" and isinstance(_at(value, path[1:]), int | float):
        return f"{message}; put quotes around it"
    return message


def _at(value: Any, path: KeyPath) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _field_names(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys the mapping at `path` may have; none where it may be of several kinds."""
    models = models_at(model, path)
    return [] if len(models) != 1 else [field.alias or key for key, field in models[0].model_fields.items()]


def _suggestion(word: str, candidates: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, candidates, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _override(tree: Tree, root: dict[str, Any], override: str, sections: Sections) -> None:
    place = Place(f"--set {override.partition('=')[0]}")
    dotted, equals, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        tree.fault(Place("--set"), (), f"{override!r} is not of the form a.b.c=value")
        return
    try:
        value = parse_value(text)
    except ValueError as error:
        tree.fault(place, tuple(keys), f"the value is not YAML: {error}")
        return
    _begin_with_default(tree, root, keys, sections, place)
    path = _put(root, keys, value)
    if isinstance(path, str):
        tree.fault(place, tuple(keys), path)
        return
    for length in range(1, len(path) + 1):
        tree.places.setdefault(path[:length], place)
    for old in [known for known in tree.places if known[: len(path)] == path]:
        tree.places[old] = place
        tree.key_places[old] = place
    _note_places(tree, path, value, place)


def _begin_with_default(
    tree: Tree, root: dict[str, Any], keys: list[str], sections: Sections, place: Place
) -> None:
    """Where an override reaches into what is not given, let the rest of it be its default."""
    model: Any = sections.get(keys[0])
    given: Any = root.get(keys[0])
    for length in range(2, len(keys)):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return
        key = keys[length - 1]
        fields = model.model_fields.items()
        field = next((one for name, one in fields if key in (name, one.alias)), None)
        if field is None or not (given is None or isinstance(given, dict)):
            return
        given = None if given is None else given.get(key)
        default = field.get_default(call_default_factory=True)
        model = type(default) if isinstance(default, BaseModel) else field.annotation
        if given is None and isinstance(default, BaseModel):
            rest = default.model_dump(mode="json", by_alias=True, exclude_unset=True)
            if rest:
                path = _put(root, keys[:length], rest)
                if not isinstance(path, str):
                    _note_places(tree, path, rest, place)
                return


def _note_places(tree: Tree, path: KeyPath, value: Any, place: Place) -> None:
    tree.places[path] = tree.key_places[path] = place
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for part, child in children:
        _note_places(tree, (*path, part), child, place)


def _put(root: dict[str, Any], keys: list[str], value: Any) -> KeyPath | str:
    """Set a value; return its path, or the sentence that says why not."""
    container: Any = root
    path: KeyPath = ()
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        part: str | int = key
        if isinstance(container, list):
            if not key.isdecimal() or int(key) > len(container) or (int(key) == len(container) and not last):
                return f"{path_text(path)} is a list of {len(container)}; {key} is no place in it"
            part = int(key)
            if part == len(container):
                container.append(None)
        elif not isinstance(container, dict):
            return f"{path_text(path)} holds a single value, not keys"
        path = (*path, part)
        if last:
            container[part] = value
        else:
            if isinstance(container, dict) and container.get(key) is None:
                container[key] = {}
            container = container[part]
    return path
