"""Frozen slots dataclasses that are quick to make.

A frozen dataclass assigns every field through `object.__setattr__`, 3 µs for a submit_sm. `frozen` gives the
class a *draft*: a mutable twin with the same `__slots__`. Fields are stored on a draft, then its `__class__`
becomes the frozen one: equal, hashable, copyable and immutable as ever, at a third of the price. The
generated `__init__` does it for callers; decoders fill `draft_of(cls)` themselves.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_drafts: dict[type, type] = {}


def draft_of(cls: type) -> Any:
    """The mutable twin of a class made by `frozen`.

    Call it, store every field, then set `__class__` to `cls`.
    """
    return _drafts[cls]


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Class decorator.

    `@dataclass(frozen=True, slots=True)` with a quick `__init__`; no `default_factory`.
    """
    made = dataclass(frozen=True, slots=True)(cls)
    names = tuple(field.name for field in fields(made))  # type: ignore[arg-type]
    if not names:
        return made
    draft = type(f"{made.__name__}Draft", made.__bases__, {"__slots__": names, "__doc__": None})
    _drafts[made] = draft
    type.__setattr__(made, "__init__", _initializer(made, draft))
    return made


def _initializer(cls: type, draft: type) -> Callable[..., None]:
    parameters, scope = [], {"_become": object.__setattr__, "_draft": draft, "_frozen": cls}
    for field in fields(cls):
        if field.default is MISSING:
            parameters.append(field.name)
        else:
            scope[f"_default_{field.name}"] = field.default
            parameters.append(f"{field.name}=_default_{field.name}")
    stores = "\n".join(f"    self.{field.name} = {field.name}" for field in fields(cls))
    source = (
        f"def __init__(self, {', '.join(parameters)}):\n"
        f"    _become(self, '__class__', _draft)\n{stores}\n    self.__class__ = _frozen\n"
    )
    exec(source, scope)  # noqa: S102 - the source is made of the class's own field names
    return scope["__init__"]  # type: ignore[return-value]
