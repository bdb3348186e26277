"""The OpenAPI 3.1 document of an API, made from its routes and models, and a 3.0 reading of it.

The docs page ships with a Swagger UI that reads 3.0 only, so ``as_openapi_30`` says the same in older words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from gateway.runtime.http.errors import status_phrase
from gateway.runtime.http.models import ErrorDocument
from gateway.runtime.http.routes import Route, Routes

_REF = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
_Key = tuple[str, str]
Schema = dict[str, Any]


def build_document(tags: Sequence[Routes], title: str, version: str, description: str = "") -> dict[str, Any]:
    """The OpenAPI 3.1 document of all routes that are not hidden."""
    shown = [route for routes in tags for route in routes if not route.hidden]
    schemas, definitions = _schemas(shown)
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        operation = _operation(route, schemas)
        paths.setdefault(_PARAMETER.sub(r"{\1}", route.path), {})[route.method.lower()] = operation
    named: dict[str, str] = {}
    for routes in tags:
        if any(not route.hidden for route in routes):
            named[routes.tag] = named.get(routes.tag) or routes.description
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": text} for tag, text in named.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(definitions.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "ticket": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "ticket",
                    "description": "One-use ticket from POST /v1/tickets, for browsers.",
                },
            },
            "headers": {
                "trackingid": {
                    "description": "Names this request; quote it in a support case.",
                    "schema": {"type": "string"},
                },
                "Link": {
                    "description": 'The next page, `rel="next"`, if there is one (RFC 8288).',
                    "schema": {"type": "string"},
                },
                "RetryAfter": {
                    "description": "Whole seconds to wait before trying again.",
                    "schema": {"type": "integer", "minimum": 1},
                },
            },
        },
    }


def _schemas(routes: Sequence[Route]) -> tuple[dict[_Key, Schema], dict[str, Schema]]:
    inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        ("error", "serialization", TypeAdapter(ErrorDocument))
    ]
    for route in routes:
        name = route.operation_id
        if route.body is not None and route.body is not bytes:
            inputs.append((f"body {name}", "validation", TypeAdapter(route.body)))
        if route.returns is not None and route.returns is not bytes:
            inputs.append((f"returns {name}", "serialization", TypeAdapter(route.returns)))
        if route.query is not None:
            inputs.append((f"query {name}", "validation", TypeAdapter(route.query)))
    schemas, rest = TypeAdapter.json_schemas(inputs, ref_template=_REF)
    return {(key, mode): dict(schema) for (key, mode), schema in schemas.items()}, rest.get("$defs", {})


def _operation(route: Route, schemas: Mapping[_Key, Schema]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route, schemas),
        "responses": _responses(route, schemas),
        "security": _security(route),
    }
    if route.description and route.description != route.summary:
        operation["description"] = route.description
    if route.roles is not None:
        operation["x-roles"] = sorted(route.roles)
    if route.body is not None:
        operation["requestBody"] = _request_body(route, schemas)
    return operation


def _security(route: Route) -> list[dict[str, list[str]]]:
    schemes: list[dict[str, list[str]]] = [{"bearer": []}]
    if route.ticket:
        schemes.append({"ticket": []})
    return [{}, *schemes] if route.public else schemes


def _request_body(route: Route, schemas: Mapping[_Key, Schema]) -> dict[str, Any]:
    if route.body is bytes:
        media: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
        content_type = route.consumes if route.consumes != "application/json" else "application/octet-stream"
    else:
        media = {"schema": schemas[f"body {route.operation_id}", "validation"]}
        content_type = route.consumes
        if route.examples:
            media["examples"] = {name: {"value": value} for name, value in route.examples.items()}
    return {"required": True, "content": {content_type: media}}


def _parameters(route: Route, schemas: Mapping[_Key, Schema]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    if route.query is not None:
        found += _query_parameters(route, schemas)
    if route.paged:
        found += [
            {
                "name": "max",
                "in": "query",
                "description": "Most items on a page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
            },
            {
                "name": "cursor",
                "in": "query",
                "description": "Where the page begins: take it from the `Link` header.",
                "schema": {"type": "string"},
            },
        ]
    if route.idempotent:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "A request repeated with the same key does its work once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return found


def _query_parameters(route: Route, schemas: Mapping[_Key, Schema]) -> list[dict[str, Any]]:
    adapter = TypeAdapter(route.query)
    schema = adapter.json_schema(ref_template=_REF)
    required = set(schema.get("required", ()))
    parameters = []
    for name, value in schema.get("properties", {}).items():
        shown = {key: item for key, item in value.items() if key != "description"}
        parameter = {"name": name, "in": "query", "required": name in required, "schema": shown}
        if "description" in value:
            parameter["description"] = value["description"]
        if name not in ("max", "cursor") or not route.paged:
            parameters.append(parameter)
    return parameters


def _responses(route: Route, schemas: Mapping[_Key, Schema]) -> dict[str, Any]:
    headers: dict[str, Any] = {"trackingid": {"$ref": "#/components/headers/trackingid"}}
    success: dict[str, Any] = {"description": status_phrase(route.status), "headers": headers}
    if route.paged:
        success["headers"] = {**headers, "Link": {"$ref": "#/components/headers/Link"}}
    if route.returns is bytes or (route.returns is None and route.produces != "application/json"):
        success["content"] = {route.produces: {"schema": {"type": "string"}}}
    elif route.returns is not None:
        schema = schemas[f"returns {route.operation_id}", "serialization"]
        if route.paged:
            schema = {"type": "object", "required": ["items"], "properties": {"items": _as_array(schema)}}
        success["content"] = {route.produces: {"schema": schema}}
    status = route.status if route.returns is not None or route.status != 200 else _empty_status(route)
    responses = {str(status): success}
    if status == 204:
        success["description"] = status_phrase(204)
    error_schema = schemas["error", "serialization"]
    for code in sorted(_error_statuses(route)):
        responses[str(code)] = _error_response(code, headers, error_schema)
    return responses


def _as_array(schema: Schema) -> Schema:
    return schema if schema.get("type") == "array" else {"type": "array", "items": schema}


def _empty_status(route: Route) -> int:
    return 200 if route.produces != "application/json" else 204


def _error_statuses(route: Route) -> set[int]:
    found = set(route.errors) | {500}
    if not route.public:
        found |= {401, 429, 503}
    if route.roles is not None or route.ticket:
        found.add(403)
    if route.body is not None:
        found |= {400, 413} | ({415} if route.body is not bytes else set())
    if route.query is not None or route.paged:
        found.add(400)
    if "{" in route.path:
        found.add(404)
    return found


def _error_response(code: int, headers: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    shown = dict(headers)
    if code in (429, 503):
        shown["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return {
        "description": status_phrase(code),
        "headers": shown,
        "content": {"application/json": {"schema": schema}},
    }


def as_openapi_30(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same API in the words of OpenAPI 3.0.3, for tools that read nothing newer."""
    converted: dict[str, Any] = _older(document)
    converted["openapi"] = "3.0.3"
    converted["info"]["license"].pop("identifier", None)
    return converted


def _older(node: Any) -> Any:
    if isinstance(node, Mapping):
        return _older_schema({key: _older(value) for key, value in node.items()})
    if isinstance(node, (list, tuple)):
        return [_older(item) for item in node]
    return node


def _older_schema(node: dict[str, Any]) -> dict[str, Any]:
    if isinstance(node.get("anyOf"), list) and {"type": "null"} in node["anyOf"]:
        node = _nullable(node)
    if "const" in node and not isinstance(node["const"], Mapping):
        node["enum"] = [node.pop("const")]
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(node.get(bound), (int, float)) and not isinstance(node[bound], bool):
            node[limit] = node[bound]
            node[bound] = True
    if isinstance(node.get("prefixItems"), list):
        node["items"] = {"anyOf": node.pop("prefixItems")}
    if isinstance(node.get("examples"), list):
        examples = node.pop("examples")
        if examples:
            node["example"] = examples[0]
    return node


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    kept = [item for item in node["anyOf"] if item != {"type": "null"}]
    rest: dict[str, Any] = {key: value for key, value in node.items() if key != "anyOf"}
    if len(kept) == 1 and "$ref" not in kept[0]:
        return {**kept[0], **rest, "nullable": True}
    return {**rest, ("allOf" if len(kept) == 1 else "anyOf"): kept, "nullable": True}


def references(node: Any) -> Iterable[str]:
    """Every ``$ref`` in a document."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(node, (list, tuple)):
        for item in node:
            yield from references(item)
