"""`configuration.md`: every key of the YAML, from the models that validate it."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from docs.pages.markdown import code, page, prose, sentence, table, value_text
from gateway.policy.filters import CountFilter, DomainFilter, OptOutRatioFilter, WordFilter
from gateway.runtime.schema import settings_schema
from gateway.settings import COMMON, EVERY_SECTION, PARTS
from gateway.smpp.receipt import ReceiptNotation

Schema = Mapping[str, Any]

INTRODUCTION = """\
One YAML file holds everything; each part of the program reads its own sections. `gateway check FILE`
reports every fault at once as `file:line:column: message`, `gateway schema` prints the JSON Schema for
your editor, and `config/gateway.yaml` is a complete, commented example: the demo world.

- Any key can be overridden on the command line: `--set limits.number.window.cap=5`; the keys beside
  it stay as they are. A list is indexed by number.
- A mapping with a default of its own, such as `limits.number`, is replaced by the one that the file gives:
  `limits: {number: {window: {cap: 5}}}` leaves numbers without a rate, `number: {}` without any limit.
- `include: FILE` (or a list of files), allowed in every mapping, merges the keys of other files below
  those given.
- `${NAME}` in a value is replaced by the environment variable, so that secrets stay out of the file.
- Unknown keys are refused, with a suggestion. Sections of parts that do not run are ignored.
- Units stand in the names: `_s` and `_seconds` are seconds, `_bytes` bytes, `_days` days. **World
  time** is what `clock` bends and rules see; **wire time** and **real time** are the machine's, and
  never bend."""

#: Shapes that are plain dataclasses: pydantic does not read what is written below their fields.
DATACLASSES = (ReceiptNotation, WordFilter, DomainFilter, CountFilter, OptOutRatioFilter)


def render() -> str:
    """The page."""
    return page("Configuration", INTRODUCTION, _contents(), Sections().lines())


def undocumented() -> list[str]:
    """Keys that nobody has described, as `shape.key`."""
    sections = Sections()
    return [
        f"{name}.{key}"
        for name, shape in sections.shapes.items()
        for key, field in shape.get("properties", {}).items()
        if not sections.description(name, key, field)
    ]


def keys() -> set[str]:
    """Every dotted key of the whole file; the names of a mapping stand as `*`."""
    sections = Sections()
    found: set[str] = set()

    def walk(name: str, path: str, above: tuple[str, ...]) -> None:
        if name in above:
            return
        for key, field in sections.shapes[name].get("properties", {}).items():
            found.add(f"{path}.{key}")
            for target, suffix in _targets(field, sections.shapes):
                inner = f"{path}.{key}{suffix.replace('[]', '').replace('.NAME', '.*')}"
                found.add(inner)
                walk(target, inner, (*above, name))

    for section, reference in settings_schema(EVERY_SECTION)["properties"].items():
        walk(_target(reference) or "", section, ())
    return found


def _contents() -> list[str]:
    readers = {name: _readers(name) for name in EVERY_SECTION}
    return table(("Section", "Read by"), ((f"[`{name}`](#{name})", who) for name, who in readers.items()))


def _readers(section: str) -> str:
    if section in COMMON:
        return "every part"
    return ", ".join(part for part, sections in PARTS.items() if section in sections)


class Sections:
    """The schema of a whole file, and which shapes have been shown; `without` are told on another page."""

    def __init__(self, document: Schema | None = None, without: tuple[str, ...] = ()) -> None:
        document = settings_schema(EVERY_SECTION) if document is None else document
        self.shapes: dict[str, Schema] = document["$defs"]
        self._roots: dict[str, Schema] = document["properties"]
        self._shown: set[str] = set(without)
        self._titles = _titles(self.shapes)
        self._extra = {kind.__name__: _attribute_docs(kind) for kind in DATACLASSES}

    def lines(self) -> Iterator[str]:
        """Every section, each followed by the shapes it is the first to use."""
        for section in self._roots:
            yield from (f"## {section}", "")
            yield from self.section(section, section)

    def section(self, section: str, path: str) -> Iterator[str]:
        """One section, whose keys begin with `path`."""
        name = _target(self._roots[section])
        if name is None:
            raise TypeError(f"section {section} is not a model")
        yield from self._shape(name, path)

    def _shape(self, name: str, path: str) -> Iterator[str]:
        self._shown.add(name)
        shape = self.shapes[name]
        yield from (prose(shape.get("description")), "")
        yield from table(("Key", "Type", "Default", "What it is"), self._rows(name, shape))
        for key, field in shape.get("properties", {}).items():
            for target, suffix in _targets(field, self.shapes):
                if target not in self._shown:
                    inner = f"{path}.{key}{suffix}".lstrip(".")
                    yield from (f'<a id="{_anchor(target)}"></a>', "")
                    yield from (f"### {self._titles[target]}", "", f"At {code(inner)}.", "")
                    yield from self._shape(target, inner)

    def _rows(self, name: str, shape: Schema) -> Iterator[tuple[str, ...]]:
        required = set(shape.get("required", ()))
        for key, field in shape.get("properties", {}).items():
            default = "**required**" if key in required else _default(field)
            yield code(key), self._type(field), default, self.description(name, key, field)

    def description(self, shape: str, key: str, field: Schema) -> str:
        """What the code says of a key; empty where it says nothing."""
        told = sentence(field.get("description")) or sentence(self._extra.get(shape, {}).get(key))
        target = _target(field)  # pydantic leaves out a description that its shape has word for word
        return told or (sentence(self.shapes[target].get("description")) if target else "")

    def _type(self, schema: Schema) -> str:
        name = _target(schema)
        if name is not None:
            shape = self.shapes[name]
            if "enum" in shape:
                return _words(shape["enum"])
            if "properties" in shape:
                return f"[{self._titles[name]}](#{_anchor(name)})"
            return self._type(shape)
        if "anyOf" in schema or "oneOf" in schema:
            kinds = [self._type(each) for each in schema.get("anyOf") or schema["oneOf"]]
            return " or ".join(dict.fromkeys(kinds))
        if "const" in schema:
            return code(str(schema["const"]))
        if "enum" in schema:
            return _words(schema["enum"])
        return self._plain(schema)

    def _plain(self, schema: Schema) -> str:
        kind = schema.get("type")
        if kind == "array":
            if "prefixItems" in schema:
                return f"{len(schema['prefixItems'])} values: {self._type(schema['prefixItems'][0])}"
            return f"list of {self._type(schema.get('items', {}))}"
        if kind == "object":
            inner = schema.get("additionalProperties")
            if not isinstance(inner, Mapping) and "patternProperties" in schema:
                inner = next(iter(schema["patternProperties"].values()))
            return f"mapping to {self._type(inner)}" if isinstance(inner, Mapping) else "mapping"
        if kind in ("integer", "number"):
            return f"{kind}{_bounds(schema)}"
        if kind == "string":
            return {"password": "secret", "path": "path", "date-time": "moment"}.get(
                schema.get("format", ""), "text"
            )
        return {"boolean": "true or false", "null": "null"}.get(str(kind), "any")


def _target(schema: Schema) -> str | None:
    reference = schema.get("$ref")
    return None if reference is None else str(reference).rsplit("/", 1)[-1]


def _targets(schema: Schema, shapes: Mapping[str, Schema]) -> Iterator[tuple[str, str]]:
    """The shapes with keys below a field, each with what its path gains: `[]` for lists, `.NAME` for maps."""
    name = _target(schema)
    if name is not None and "properties" in shapes[name]:
        yield name, ""
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _targets(each, shapes)
    if isinstance(schema.get("items"), Mapping):
        yield from ((found, f"[]{rest}") for found, rest in _targets(schema["items"], shapes))
    patterns = schema.get("patternProperties", {}).values()
    for inner in (schema.get("additionalProperties"), *patterns):
        if isinstance(inner, Mapping):
            yield from ((found, f".NAME{rest}") for found, rest in _targets(inner, shapes))


def _titles(shapes: Mapping[str, Schema]) -> dict[str, str]:
    """Short names; where two packages use the same one, the package goes before it."""
    short = {name: name.rsplit("__", 1)[-1] for name in shapes}
    doubled = {title for title in short.values() if list(short.values()).count(title) > 1}
    return {
        name: f"{name.split('__')[1]}.{title}" if title in doubled and "__" in name else title
        for name, title in short.items()
    }


def _anchor(name: str) -> str:
    return f"shape-{name.lower().replace('__', '-')}"


def _words(values: list[Any]) -> str:
    return ", ".join(code(str(value)) for value in values)


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    parts = [
        f"≥ {low:g}" if low is not None and high is None else "",
        f"> {above:g}" if above is not None else "",
        f"{low:g}…{_number(high)}" if low is not None and high is not None else "",
        f"≤ {_number(high)}" if high is not None and low is None else "",
        f"< {below:g}" if below is not None else "",
    ]
    shown = ", ".join(part for part in parts if part)
    return f", {shown}" if shown else ""


def _number(value: float) -> str:
    return f"{value:,}" if float(value).is_integer() else f"{value:g}"


def _default(field: Schema) -> str:
    if "default" not in field:
        return ""
    value = field["default"]
    if _target(field) is not None and isinstance(value, Mapping):
        value = {key: each for key, each in value.items() if each is not None}
        return value_text(value) if value and len(str(value)) < 60 else "see the shape"
    return value_text(value)


def _attribute_docs(kind: type) -> dict[str, str]:
    """The strings written below the fields of a dataclass."""
    [body] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    statements = body.body if isinstance(body, ast.ClassDef) else []
    found: dict[str, str] = {}
    for field, after in pairwise(statements):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = after.value if isinstance(after, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[field.target.id] = inspect.cleandoc(text.value)
    return found
