"""Faults between values of a configuration: each is told at the very value, and all of them at once.

An after-validator collects what does not fit together and calls `refuse`. So that such a fault shows even
while other values are wrong, `config` judges the rest without those; a fault says what it rests on, and is
kept back while some of that is wrong itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


def refuse(settings: BaseModel, faults: Iterable[CrossFault]) -> None:
    """Raise `ValidationError` with all the faults, if there are any."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError(_KIND, "{told}", {"told": fault.message, "fault": fault}),
            loc=fault.at,
            input=None,
        )
        for fault in faults
    ]
    if details:
        raise ValidationError.from_exception_data(type(settings).__name__, details)


def rests_on(problem: Mapping[str, Any]) -> list[KeyPath] | None:
    """What a problem of a `ValidationError` rests on, from where its `loc` begins; None: no cross fault."""
    if problem["type"] != _KIND:
        return None
    fault: CrossFault = problem["ctx"]["fault"]
    model = problem["loc"][: len(problem["loc"]) - len(fault.at)]
    return [(*model, *path) for path in fault.rests_on]


def is_within(path: KeyPath, gone: KeyPath) -> bool:
    """Whether `path`, which may hold `ANY`, is at or below `gone`."""
    return len(gone) <= len(path) and all(
        key in (ANY, missing) for key, missing in zip(path, gone, strict=False)
    )
