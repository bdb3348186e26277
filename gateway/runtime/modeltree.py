"""Settings models followed by path: which model stands where, and what may stand in for a value of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from gateway.runtime.pruning import NOTHING
from gateway.runtime.yamltree import KeyPath

_PLAIN: Final[tuple[Any, ...]] = ("-", 1, 0, "+12005550100", [], {})
"""Tried in order where nothing is to be chosen from; the number is of an area code that is not in use."""


def models_at(model: type[BaseModel], path: KeyPath) -> list[type[BaseModel]]:
    """Return every model that the mapping at `path` below `model` may be of."""
    current: list[Any] = [model]
    for part in path:
        current = [option for one in current for inner in _step(one, part) for option in _options(inner)]
    return [one for one in current if _is_model(one)]


def stand_in(model: type[BaseModel], path: KeyPath) -> Any:
    """Return a value that fits the key at `path` and that nobody would write; `NOTHING` if none is known."""
    for holder in models_at(model, path[:-1]):
        field = _field(holder, path[-1])
        if field is not None:
            return next((value for value in _candidates(field.annotation) if _fits(field, value)), NOTHING)
    return NOTHING


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _field(model: type[BaseModel], key: str | int) -> FieldInfo | None:
    return next((field for name, field in model.model_fields.items() if key in (name, field.alias)), None)


def _step(annotation: Any, part: str | int) -> Iterator[Any]:
    """Yield the annotation of what `part` leads to."""
    if _is_model(annotation):
        field = _field(annotation, part)
        if field is not None:
            yield field.annotation
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(origin, type) and arguments:
        yield arguments[-1] if issubclass(origin, Mapping) else arguments[0]


def _options(annotation: Any) -> Iterator[Any]:
    """Yield what an annotation may stand for, without `None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for option in get_args(annotation):
            if option is not type(None):
                yield from _options(option)
    else:
        yield annotation


def _candidates(annotation: Any) -> Iterator[Any]:
    for option in _options(annotation):
        if get_origin(option) is Literal:
            yield from get_args(option)
        elif isinstance(option, type) and issubclass(option, Enum):
            yield from (member.value for member in option)
    yield from _PLAIN


def _fits(field: FieldInfo, value: Any) -> bool:
    annotation: Any = field.annotation
    for constraint in field.metadata:
        annotation = Annotated[annotation, constraint]
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True
