"""XML, hardened for reading and small for writing.

Reading refuses any DTD or entity before the parser sees a byte, and bounds size, depth and element count.
The bytes are decoded here and handed to the parser as text, so an `encoding` in the declaration cannot make
the parser see other characters than the check did. Writing keeps namespaces with default declarations, so
that what we do not understand goes out as it came in, save for prefixes.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, XMLParser

from siprec.metadata.errors import XmlRefusedError

MAX_XML_BYTES = 65_536
MAX_XML_DEPTH = 16
MAX_XML_ELEMENTS = 4_096

_DECLARATION = re.compile(r"<!(?!--|\[CDATA\[)")
_ENCODING = re.compile(rb"""\A<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_LATIN = frozenset({"iso-8859-1", "latin1", "latin-1", "windows-1252"})
_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
_NOT_XML_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(data: bytes) -> Element:
    """Parse a document; raises XmlRefusedError with the rule it breaks."""
    if len(data) > MAX_XML_BYTES:
        raise XmlRefusedError(f"longer than {MAX_XML_BYTES} bytes")
    text = _decode(data.strip(b" \t\r\n\0"))
    if _DECLARATION.search(text):
        raise XmlRefusedError("DOCTYPE, ENTITY and other declarations are not accepted")
    parser = XMLParser()  # noqa: S314 - no declaration reaches it
    try:
        parser.feed(text)
        root: Element = parser.close()
    except (ParseError, ValueError) as error:
        raise XmlRefusedError(f"not well-formed: {error}") from None
    _bound(root)
    return root


def _decode(data: bytes) -> str:
    match = _ENCODING.match(data)
    if match is not None and match[1].decode().lower() in _LATIN:
        return data.decode("latin-1")
    try:
        return data.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise XmlRefusedError("not UTF-8") from None


def _bound(root: Element) -> None:
    count, depth = 0, 0
    level: Sequence[Element] = (root,)
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_XML_DEPTH:
            raise XmlRefusedError(f"nested more than {MAX_XML_DEPTH} deep")
        if count > MAX_XML_ELEMENTS:
            raise XmlRefusedError(f"more than {MAX_XML_ELEMENTS} elements")
        level = [child for parent in level for child in parent]


def local(tag: str) -> str:
    """The name without its namespace."""
    return tag.rpartition("}")[2]


def namespace(tag: str) -> str:
    """The namespace of a name, empty for none."""
    return tag[1:].rpartition("}")[0] if tag.startswith("{") else ""


def text_of(parent: Element, *names: str) -> str | None:
    """Stripped text of the first child with one of these local names; None where absent or empty."""
    for child in parent:
        if child.tag.rpartition("}")[2] in names:
            return (child.text or "").strip() or None
    return None


def identity(element: Element, *names: str) -> str | None:
    """The first of these attributes; vendors write `id` for `participant_id` and qualify at will."""
    for name in names:
        for key, value in element.attrib.items():
            if key.rpartition("}")[2] == name and value.strip():
                return value.strip()
    return None


# --- writing ------------------------------------------------------------------------------------------


class Node(NamedTuple):
    """An element to write, in the namespace of its parent; `raw` children are already text."""

    name: str
    attributes: tuple[tuple[str, str | None], ...] = ()
    children: tuple["Node | str", ...] = ()
    text: str | None = None


def leaf(name: str, text: str | None) -> tuple[Node, ...]:
    """An element holding text, or nothing where there is no text."""
    return (Node(name, text=text),) if text is not None else ()


def content(*groups: Iterable[Node | str]) -> tuple[Node | str, ...]:
    """Children in a row: elements to write and XML kept as text."""
    return tuple(chain.from_iterable(groups))


def write(root: Node) -> bytes:
    """The document, UTF-8 with a declaration, on one line as the peers in the field write it."""
    return ('<?xml version="1.0" encoding="UTF-8"?>' + "".join(_pieces(root))).encode("utf-8", "replace")


def fragment(node: Node) -> str:
    """One element as text, for a place where raw XML is kept."""
    return "".join(_pieces(node))


def _pieces(node: Node) -> Iterator[str]:
    pairs = "".join(f' {key}="{quote(value)}"' for key, value in node.attributes if value is not None)
    if not node.children and node.text is None:
        yield f"<{node.name}{pairs}/>"
        return
    yield f"<{node.name}{pairs}>{escape(node.text or '')}"
    for child in node.children:
        if isinstance(child, str):
            yield child
        else:
            yield from _pieces(child)
    yield f"</{node.name}>"


def escape(text: str) -> str:
    """Text for element content; characters XML 1.0 cannot carry become U+FFFD."""
    clean = _NOT_XML_CHARACTERS.sub("\ufffd", text)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def quote(text: str) -> str:
    """Text for a double-quoted attribute."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


def keep(element: Element, inherited: str | None = None) -> str:
    """An element we do not understand, as text that means the same wherever it is put.

    inherited: the default namespace at that place; None where it is unknown, and so stated again.
    """
    space = namespace(element.tag)
    prefixes: dict[str, str] = {}
    pairs = []
    for key, value in element.attrib.items():
        pairs.append(f' {_attribute_name(key, prefixes)}="{quote(value)}"')
    own = "" if space == inherited else f' xmlns="{quote(space)}"'
    declared = "".join(f' xmlns:{prefix}="{quote(uri)}"' for uri, prefix in prefixes.items())
    inner = escape(element.text or "") + "".join(
        keep(child, space) + escape(child.tail or "") for child in element
    )
    name = local(element.tag)
    head = f"<{name}{own}{declared}{''.join(pairs)}"
    return f"{head}>{inner}</{name}>" if inner else f"{head}/>"


def _attribute_name(key: str, prefixes: dict[str, str]) -> str:
    space = namespace(key)
    if not space:
        return key
    if space == _XML_NAMESPACE:
        return "xml:" + local(key)
    prefix = prefixes.setdefault(space, f"n{len(prefixes)}")
    return f"{prefix}:{local(key)}"
