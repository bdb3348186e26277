"""The JSON Schema of a configuration file, for editors: of what stands in a file, includes and all.

A mapping or list of the file may be had from other files instead (`include:`, see `yamltree`), so nothing can
be asked of what is written that a file included might bring.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.runtime.yamltree import INCLUDE

_FILES: Final = {
    "description": "Files, relative to this one, whose keys are merged below these",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}
_ITEMS: Final = {
    "description": "Items of other files, in this place",
    "type": "object",
    "properties": {INCLUDE: {**_FILES, "description": "Files, relative to this one, with the items"}},
    "required": [INCLUDE],
    "additionalProperties": False,
}
_OF_SCHEMAS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMAS: Final = ("items", "additionalProperties", "not", "if", "then", "else")
_NAMED_SCHEMAS: Final = ("properties", "patternProperties", "$defs")


def file_schema(sections: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a configuration file, for editors and `gateway schema`."""
    schema: dict[str, Any] = _with_includes(settings_schema(sections))
    return schema


def settings_schema(sections: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a configuration whose includes are resolved."""
    references, definitions = models_json_schema(
        [(model, "validation") for model in sections.values()], ref_template="#/$defs/{model}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of sms-siprec-gateway",
        "type": "object",
        "properties": {name: references[(model, "validation")] for name, model in sections.items()},
        "additionalProperties": False,
        **definitions,
    }


def _with_includes(schema: Any) -> Any:
    """Return a schema of what may be written where the loader would make what `schema` allows."""
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    for key in _NAMED_SCHEMAS:
        if key in made:
            made[key] = {name: _with_includes(each) for name, each in made[key].items()}
    for key in _SCHEMAS:
        if key in made:
            made[key] = _with_includes(made[key])
    for key in _OF_SCHEMAS:
        if key in made:
            made[key] = [_with_includes(each) for each in made[key]]
    if made.get("type") == "object":
        _let_mapping_include(made)
    elif made.get("type") == "array":
        _let_items_include(made)
    return made


def _let_mapping_include(made: dict[str, Any]) -> None:
    made["properties"] = {**made.get("properties", {}), INCLUDE: _FILES}
    required = made.pop("required", None)
    if required:
        made |= {"if": {"not": {"required": [INCLUDE]}}, "then": {"required": required}}
    for count in ("minProperties", "maxProperties", "propertyNames"):
        made.pop(count, None)


def _let_items_include(made: dict[str, Any]) -> None:
    """An item may stand for any number of items."""
    if "items" in made:
        made["items"] = {"anyOf": [made["items"], _ITEMS]}
    if "prefixItems" in made:
        made["prefixItems"] = [{"anyOf": [each, _ITEMS]} for each in made["prefixItems"]]
    for count in ("minItems", "maxItems"):
        made.pop(count, None)
