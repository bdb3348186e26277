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
    """Class decorator: `@dataclass(frozen=True, slots=True)`, quick to make; no `default_factory`."""
    made = dataclass(frozen=True, slots=True, init=False)(cls)
    names = tuple(field.name for field in fields(made))  # type: ignore[arg-type]
    if not names:
        return made
    draft = type(f"{made.__name__}Draft", made.__bases__, {"__slots__": names, "__doc__": None})
    _drafts[made] = draft
    type.__setattr__(made, "__new__", _constructor(made, draft))
    type.__setattr__(made, "__reduce__", _reduce)
    return made


def _reduce(self: Any) -> tuple[type, tuple[Any, ...]]:
    """Copies and pickles are made like any other."""
    return type(self), tuple(getattr(self, field.name) for field in fields(self))


def _constructor(cls: type, draft: type) -> Callable[..., Any]:
    """`__new__` rather than `__init__`: it starts from the draft, and nothing has to be thawed first."""
    parameters, scope = [], {"_draft": draft, "_frozen": cls}
    for field in fields(cls):
        if field.default is MISSING:
            parameters.append(field.name)
        else:
            scope[f"_default_{field.name}"] = field.default
            parameters.append(f"{field.name}=_default_{field.name}")
    stores = "\n".join(f"    self.{field.name} = {field.name}" for field in fields(cls))
    source = (
        f"def __new__(cls, {', '.join(parameters)}):\n"
        f"    self = _draft()\n{stores}\n    self.__class__ = _frozen\n    return self\n"
    )
    exec(source, scope)  # noqa: S102 - the source is made of the class's own field names
    return scope["__new__"]
