"""Models are found by the path of a value, whatever they are wrapped in; stand-ins fit where they are put."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr, StringConstraints, TypeAdapter

from gateway.runtime.modeltree import models_at, stand_in
from gateway.runtime.pruning import NOTHING
from gateway.settings import EVERY_SECTION


class Colour(Enum):
    RED = "red"


class Leaf(BaseModel):
    word: str
    colour: Colour
    size: int = Field(ge=1, le=5)
    kind: Literal["a", "b"]
    number: Annotated[str, StringConstraints(pattern=r"^\+1[2-9][0-9]{9}$")]
    secret: SecretStr
    names: tuple[str, ...]
    by_name: Mapping[str, int]
    maybe: float | None
    loud: str = Field(pattern="^!+$")
    dashed: int = Field(alias="dashed-name")


class Other(BaseModel):
    word: int


class Root(BaseModel):
    leaf: Leaf
    maybe: Leaf | None = None
    many: tuple[Leaf, ...] = ()
    named: dict[str, list[Annotated[Leaf, Field(description="one")]]] = {}
    either: Leaf | Other | int = 0


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), [Root]),
        (("leaf",), [Leaf]),
        (("maybe",), [Leaf]),
        (("many",), []),
        (("many", 3), [Leaf]),
        (("named", "x", 0), [Leaf]),
        (("either",), [Leaf, Other]),
        (("leaf", "word"), []),
        (("nowhere", "at", "all"), []),
    ],
)
def test_models_are_found_by_path(path: Any, found: list[type[BaseModel]]) -> None:
    assert models_at(Root, path) == found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("word", "-"),
        ("colour", "red"),
        ("size", 1),
        ("kind", "a"),
        ("number", "+12005550100"),
        ("secret", "-"),
        ("names", []),
        ("by_name", {}),
        ("maybe", 1),
        ("dashed-name", 1),
        ("loud", NOTHING),
        ("unknown", NOTHING),
    ],
)
def test_a_stand_in_fits(key: str, value: Any) -> None:
    assert stand_in(Root, ("many", 0, key)) == value
    assert stand_in(Root, ("nowhere", key)) is NOTHING


def required(annotation: Any, seen: set[Any]) -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in seen:
            return
        seen.add(annotation)
        for name, field in annotation.model_fields.items():
            if field.is_required():
                yield annotation, field.alias or name
            yield from required(field.annotation, seen)
    else:
        for inner in getattr(annotation, "__args__", ()):
            yield from required(inner, seen)


def test_of_the_whole_configuration_almost_every_key_has_one() -> None:
    seen: set[Any] = set()
    keys = [one for model in EVERY_SECTION.values() for one in required(model, seen)]
    without = {f"{model.__name__}.{key}" for model, key in keys if stand_in(model, (key,)) is NOTHING}
    assert len(keys) > 30
    assert without == {"Provider.products"}
    for model, key in keys:
        value = stand_in(model, (key,))
        if value is not NOTHING:
            annotation: Any = model.model_fields[key].annotation
            TypeAdapter(annotation).validate_python(value)
