"""The schema for editors: it takes what the loader takes, includes among it, and still finds faults."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.runtime.config import load
from gateway.runtime.schema import file_schema, settings_schema
from gateway.runtime.yamltree import read_tree
from gateway.settings import EVERY_SECTION

CONFIG = Path(__file__).parents[3] / "config"
KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
LIMITS = {
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
}
NOTES = {"title", "description", "default", "writeOnly", "format", "$defs", "$schema", "discriminator"}
JUDGED = {
    *("$ref", "anyOf", "oneOf", "if", "then", "not", "type", "const", "enum", "properties", "required"),
    *(
        "additionalProperties",
        "patternProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "uniqueItems",
    ),
    *("minLength", "maxLength", "pattern", "propertyNames", "minProperties", *LIMITS),
}


class Judge:
    """As much of JSON Schema 2020-12 as our schemas use; a keyword it does not know is an error."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema

    def faults(self, value: Any) -> list[str]:
        """What is wrong, each with its path."""
        return list(self._faults(self._schema, value, ""))

    def _fits(self, schema: Any, value: Any) -> bool:
        return next(self._faults(schema, value, ""), None) is None

    def _faults(self, schema: Any, value: Any, at: str) -> Iterator[str]:
        if isinstance(schema, bool):
            if not schema:
                yield f"{at}: is not allowed"
            return
        unknown = schema.keys() - JUDGED - NOTES
        assert not unknown, f"{at}: keywords this judge does not know: {unknown}"
        if "$ref" in schema:
            yield from self._faults(self._schema["$defs"][schema["$ref"].rpartition("/")[2]], value, at)
        for options in (schema.get("anyOf"), schema.get("oneOf")):
            if options is not None and not any(self._fits(each, value) for each in options):
                yield f"{at}: fits none of {len(options)}"
        if "not" in schema and self._fits(schema["not"], value):
            yield f"{at}: fits what it must not"
        if "if" in schema and self._fits(schema["if"], value):
            yield from self._faults(schema["then"], value, at)
        if "const" in schema and value != schema["const"]:
            yield f"{at}: is not {schema['const']}"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{at}: is none of {schema['enum']}"
        kind = schema.get("type")
        if kind is not None and not self._is(value, kind):
            yield f"{at}: is no {kind}"
        elif isinstance(value, dict):
            yield from self._mapping_faults(schema, value, at)
        elif isinstance(value, list):
            yield from self._list_faults(schema, value, at)
        elif isinstance(value, str):
            if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
                yield f"{at}: is of a wrong length"
            if "pattern" in schema and not re.search(schema["pattern"], value):
                yield f"{at}: does not match {schema['pattern']}"
        elif isinstance(value, int | float) and not isinstance(value, bool):
            for keyword, holds in LIMITS.items():
                if keyword in schema and not holds(value, schema[keyword]):
                    yield f"{at}: {keyword} is {schema[keyword]}"

    @staticmethod
    def _is(value: Any, kind: str) -> bool:
        if isinstance(value, bool):
            return kind == "boolean"
        return isinstance(value, KINDS[kind])

    def _mapping_faults(self, schema: dict[str, Any], value: dict[str, Any], at: str) -> Iterator[str]:
        for key in schema.get("required", ()):
            if key not in value:
                yield f"{at}.{key}: is missing"
        if len(value) < schema.get("minProperties", 0):
            yield f"{at}: is too short"
        for key, each in value.items():
            patterns = schema.get("patternProperties", {}).items()
            found = [other for pattern, other in patterns if re.search(pattern, str(key))]
            if key in schema.get("properties", {}):
                found.append(schema["properties"][key])
            for other in found or [schema.get("additionalProperties", True)]:
                yield from self._faults(other, each, f"{at}.{key}")
            if "propertyNames" in schema:
                yield from self._faults(schema["propertyNames"], key, f"{at}.{key}")

    def _list_faults(self, schema: dict[str, Any], value: list[Any], at: str) -> Iterator[str]:
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at}: has a wrong number of items"
        first = schema.get("prefixItems", ())
        for index, each in enumerate(value):
            other = first[index] if index < len(first) else schema.get("items", True)
            yield from self._faults(other, each, f"{at}.{index}")


@pytest.fixture(scope="module")
def editor() -> Judge:
    """What an editor would underline in a file."""
    return Judge(file_schema(EVERY_SECTION))


@pytest.mark.parametrize(
    "name", sorted(path.name for path in CONFIG.glob("*.yaml") if path.stem != "registry")
)
def test_every_configuration_that_we_ship_fits(editor: Judge, name: str) -> None:
    written = yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))
    assert editor.faults(written) == []
    whole = read_tree(CONFIG / name, {})
    assert not whole.faults
    assert editor.faults(whole.value) == Judge(settings_schema(EVERY_SECTION)).faults(whole.value) == []


@pytest.mark.parametrize(
    ("key", "folder"),
    [(("carriers", "networks", "x"), "carriers"), (("recording", "providers", "dubber"), "providers")],
)
def test_every_file_that_one_includes_fits_where_it_goes(
    editor: Judge, key: tuple[str, ...], folder: str
) -> None:
    for path in sorted((CONFIG / folder).glob("*.yaml")):
        place = (*key[:-1], path.stem) if folder == "providers" else key
        value: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        for part in reversed(place):
            value = {part: value}
        assert editor.faults(value) == [], path.name


def test_the_registry_fits_where_it_goes(editor: Judge) -> None:
    registry = yaml.safe_load((CONFIG / "registry.yaml").read_text(encoding="utf-8"))
    assert editor.faults({"registry": registry}) == []
    assert {path.name for path in CONFIG.glob("*.yaml")} == {"bench.yaml", "gateway.yaml", "registry.yaml"}


def test_it_still_finds_faults(editor: Judge) -> None:
    assert editor.faults({"htp": {}}) == [".htp: is not allowed"]
    assert editor.faults({"http": {"port": 70_000, "hots": ""}}) == [
        ".http.port: maximum is 65535",
        ".http.hots: is not allowed",
    ]
    assert editor.faults({"http": {"tokens": [{"token": "a"}]}}) == [".http.tokens.0: fits none of 2"]
    assert editor.faults({"include": 3}) == [".include: fits none of 2"]


class Strict(BaseModel):
    """Base of those here."""

    model_config = ConfigDict(extra="forbid")


class Door(Strict):
    """Has a key that must be given."""

    width: int
    colour: str = "red"


class House(Strict):
    """Has everything that may be included."""

    front: Door
    doors: dict[str, Door] = {}
    rooms: dict[str, int] = Field({}, min_length=1)
    guests: list[str] = Field([], min_length=2)
    visits: tuple[Door, ...] = ()
    sizes: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=2)] = []


HOUSE = Judge(file_schema({"house": House}))
FILES = {
    "root": "house: {front: {width: 3}}",
    "more": "log: {}",
    "house": "front: {width: 3}",
    "door": "width: 3",
    "paint": "colour: blue",
    "doors": "side: {width: 1}",
    "rooms": "{hall: 1, attic: 2}",
    "names": "[a, b]",
    "visits": "[{width: 1}]",
    "sizes": "[1]",
}


@pytest.mark.parametrize(
    "text",
    [
        "house: {include: house}",
        "include: [root, more]",
        "house: {front: {include: door, colour: blue}}",
        "house: {front: {include: [door, paint]}}",
        "house: {front: {width: 1}, doors: {include: doors}}",
        "house: {front: {width: 1}, doors: {back: {include: door}}}",
        "house: {front: {width: 1}, rooms: {include: rooms, cellar: 3}}",
        "house: {front: {width: 1}, guests: [{include: names}]}",
        "house: {front: {width: 1}, guests: [c, {include: [names, names]}]}",
        "house: {front: {width: 1}, visits: [{include: visits}, {width: 2}]}",
        "house: {front: {width: 1}, sizes: [{include: sizes}]}",
    ],
)
def test_an_include_may_stand_wherever_the_loader_takes_one(text: str, tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "house.yaml").write_text(text)
    assert load(tmp_path / "house.yaml", {"house": House}).section("house", House).front.width in (1, 3)
    assert HOUSE.faults(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "house: {}",
        "house: {front: {}}",
        "house: {front: {include: door, colur: blue}}",
        "house: {front: {include: door, width: wide}}",
        "house: {front: {width: 1}, rooms: {include: rooms, cellar: deep}}",
        "house: {front: {width: 1}, guests: [{include: names, other: 1}]}",
        "house: {front: {width: 1}, guests: {include: names}}",
        "house: {front: {width: 1}, sizes: [0]}",
    ],
)
def test_beside_an_include_faults_stay_faults(text: str) -> None:
    assert HOUSE.faults(yaml.safe_load(text)) != []


def test_settings_without_files_are_as_pydantic_has_them() -> None:
    schema = settings_schema({"house": House})
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["properties"] == {"house": {"$ref": "#/$defs/House"}}
    assert schema["$defs"]["Door"]["required"] == ["width"]
    for value in ({"front": {"width": 1}}, {"front": {}}, {"front": {"width": 1}, "guests": ["a"]}):
        try:
            House.model_validate(value)
        except ValidationError:
            assert Judge(schema).faults({"house": value})
        else:
            assert not Judge(schema).faults({"house": value})
