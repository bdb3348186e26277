"""Faults between values of a configuration: each is told at the very value, and all of them at once.

An after-validator hands what does not fit together to `refuse`. So that such a fault shows even while other
values are wrong, `config` judges the rest without those; a fault says what it rests on, and is kept back
while some of that is wrong itself. While `config` judges, `refuse` notes the faults and lets the model be:
what does not fit together is there all the same, and others may refer to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from gateway.runtime.yamltree import KeyPath

ANY = "*"
"""Stands for any key in what a fault rests on."""
_KIND = "cross_fault"


class CrossFault(NamedTuple):
    """One fault, at the value that is to be changed; paths begin at the model that judges."""

    at: KeyPath
    message: str
    rests_on: tuple[KeyPath, ...] = ()
    """Other values it would not be a fault without; with `ANY` for all keys of one place."""


CrossCheck = Callable[[Mapping[str, Any]], Iterable[CrossFault]]
"""Judges sections, by name, against each other; paths begin with a section's name."""


Noted = list[tuple[BaseModel, CrossFault]]
"""Faults, each with the model that has it."""
_noted: ContextVar[Noted | None] = ContextVar("noted", default=None)


class TlsFiles(NamedTuple):
    """The names of a model's fields that hold files for TLS; empty for what there is none for.

    A model that has it as `tls_files` is found by `tlsfiles`, which judges what is in them.
    """

    certificate: str = ""
    key: str = ""
    """May be unset where the key stands in the file of the certificate."""
    authorities: str = ""
    """CA certificates to trust."""


def refuse(settings: BaseModel, faults: Iterable[CrossFault]) -> None:
    """Raise `ValidationError` with all the faults, if there are any; under `noting`, note them."""
    noted = _noted.get()
    if noted is not None:
        noted.extend((settings, fault) for fault in faults)
        return
    details = [
        InitErrorDetails(
            type=PydanticCustomError(_KIND, "{told}", {"told": fault.message}), loc=fault.at, input=None
        )
        for fault in faults
    ]
    if details:
        raise ValidationError.from_exception_data(type(settings).__name__, details)


@contextmanager
def noting() -> Iterator[Noted]:
    """Let `refuse` note its faults in the list that this yields, each with the model that has it."""
    noted: Noted = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def placed(settings: BaseModel, noted: Noted) -> Iterator[CrossFault]:
    """Yield the faults noted while `settings` were made, with paths that begin there.

    One of a model that is no part of them is told of the whole.
    """
    if not noted:
        return
    places = {id(model): path for path, model in models_in(settings, ())}
    for model, fault in noted:
        path = places.get(id(model))
        if path is None:
            yield CrossFault((), fault.message)
        else:
            bases = tuple((*path, *base) for base in fault.rests_on)
            yield CrossFault((*path, *fault.at), fault.message, bases)


def models_in(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, BaseModel]]:
    """Yield every settings model in a value, itself included, with its path below `path`."""
    children: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, BaseModel):
        yield path, value
        fields = type(value).model_fields.items()
        children = ((field.alias or name, getattr(value, name)) for name, field in fields)
    elif isinstance(value, Mapping):
        children = value.items()
    elif isinstance(value, list | tuple):
        children = enumerate(value)
    for part, child in children:
        yield from models_in(child, (*path, part))


def is_within(path: KeyPath, gone: KeyPath) -> bool:
    """Whether `path`, which may hold `ANY`, is at or below `gone`."""
    return len(gone) <= len(path) and all(
        key in (ANY, missing) for key, missing in zip(path, gone, strict=False)
    )
