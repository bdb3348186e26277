"""`api.md`: every endpoint and every shape, from the OpenAPI document the service itself gives."""

from collections.abc import Iterator, Mapping
from typing import Any

from docs.pages.markdown import code, page, prose, sentence, table, value_text
from gateway.app import Service
from gateway.runtime.http.app import DOCUMENT

INTRODUCTION = """\
HTTP and JSON, with the conventions of Webex's REST APIs. A running gateway shows the same at `/docs`
and gives it to programs at `/openapi.json` (`?version=3.0` for tools that read nothing newer). Webex
publishes no API for business texts: that part is ours.

- **Authentication**: `Authorization: Bearer TOKEN`, with a token of `http.tokens`. A browser exchanges
  its token for a one-use ticket (`POST /v1/tickets`) and opens the stream or WebSocket with
  `?ticket=…`. On loopback the page, the docs, `/metrics`, `/healthz` and `/readyz` need none.
- **Errors**: `{"message", "errors": [{"description", "code"}], "trackingId"}`; a rule's refusal adds
  `blockedBy`. The codes are listed in [errors](errors.md) and [rules](rules.md). `429` and `503` carry
  `Retry-After` in seconds, unless waiting does not help (a text longer than its limit, which then says so)
  or nobody knows how long (a carrier that takes nothing).
- **Lists**: `{"items": […]}`, at most `max` (100 unless told otherwise); the header `Link: <…>;
  rel="next"` leads to the next page.
- **Idempotency**: where it says so, a request repeated with the same `Idempotency-Key` does its work
  once: the answer shows what the first one made, as it is by now. A key is one caller's, is of one request
  (another one, or the same text in a batch, is refused with `409`), and lasts `messages.idempotency_s`.
- Names are camelCase, moments ISO 8601 in UTC, ids opaque strings. Every answer has a `trackingid`
  header."""

Operation = Mapping[str, Any]


def render(service: Service) -> str:
    """The page."""
    document = openapi(service)
    return page("HTTP API", INTRODUCTION, _tags(document), _shapes(document))


def openapi(service: Service) -> dict[str, Any]:
    """The OpenAPI document of a built service."""
    if service.http is None:
        raise ValueError("the service has no HTTP side")
    return service.http.app[DOCUMENT]()


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    """(METHOD, path, operation) of every operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _tags(document: Mapping[str, Any]) -> Iterator[str]:
    every = list(operations(document))
    for tag in sorted(document["tags"], key=lambda each: each["name"]):
        mine = sorted((path, method, op) for method, path, op in every if tag["name"] in op["tags"])
        yield from (f"## {tag['name']}", "", prose(tag["description"]), "")
        for path, method, operation in mine:
            yield from _operation(method, path, operation)


def _operation(method: str, path: str, operation: Operation) -> Iterator[str]:
    yield from (f"### `{method} {path}`", "", f"{prose(operation['summary']).rstrip('.')}.", "")
    summary = prose(operation["summary"]).rstrip(".")
    rest = prose(operation.get("description")).removeprefix(summary).lstrip(". ").strip()
    if rest:
        yield from (rest, "")
    yield from _facts(operation)
    yield ""


def _facts(operation: Operation) -> Iterator[str]:
    roles = operation.get("x-roles")
    if roles:
        yield f"- For: {', '.join(code(role) for role in roles)}"
    elif {} in operation["security"]:
        yield "- Open on loopback"
    for where in ("query", "header"):
        names = [code(each["name"]) for each in operation["parameters"] if each["in"] == where]
        if names:
            yield f"- {where.title()}: {', '.join(names)}"
    if "requestBody" in operation:
        yield f"- Body: {_content(operation['requestBody'])}"
    answers = {int(status): answer for status, answer in operation["responses"].items()}
    good = [f"`{status}` {_content(answer)}".strip() for status, answer in answers.items() if status < 400]
    bad = [code(str(status)) for status in sorted(answers) if status >= 400]
    yield f"- Answers: {', '.join(good)}" + (f"; refusals: {' '.join(bad)}" if bad else "")


def _content(part: Mapping[str, Any]) -> str:
    for media, content in part.get("content", {}).items():
        if media != "application/json":
            return code(media)
        return _type(content["schema"])
    return ""


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#shape-{name.lower()})"
    if "anyOf" in schema or "oneOf" in schema:
        kinds = [_type(each) for each in schema.get("anyOf") or schema["oneOf"]]
        return " or ".join(dict.fromkeys(kinds))
    if "const" in schema:
        return value_text(schema["const"])
    if "enum" in schema:
        return " ".join(code(str(value)) for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and "items" in schema.get("properties", {}):
        return f"{_type(schema['properties']['items'])}, as `items`"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"mapping to {_type(schema['additionalProperties'])}"
    return {"string": "text", "boolean": "true or false"}.get(str(kind), str(kind or "any"))


def _shapes(document: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Shapes", "")
    for name, schema in document["components"]["schemas"].items():
        yield from (f'<a id="shape-{name.lower()}"></a>', "", f"### {name}", "")
        yield from (prose(schema.get("description")), "")
        if "enum" in schema:
            yield from (_type(schema), "")
        required = set(schema.get("required", ()))
        rows = [
            (code(key), _type(field), _default(key, field, required), sentence(field.get("description")))
            for key, field in schema.get("properties", {}).items()
        ]
        if rows:
            yield from table(("Key", "Type", "Default", "What it is"), rows)


def _default(key: str, field: Mapping[str, Any], required: set[str]) -> str:
    if key in required:
        return "**required**"
    return value_text(field["default"]) if "default" in field else ""
