"""Which events a webhook wants: resource, event and filter, in Webex's manner. Pure.

`resource` is a plural (`messages`, `carriers` …) or `all`; `event` is the word after the dot of an event's
name (`delivered`) or `all`; `filter` is `key=value` pairs joined by `&` over the top level of the event's
data, all of which have to hold: `direction=outbound&carrier=tmobile`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

ALL = "all"
RESOURCES = {
    "messages": "message",
    "carriers": "carrier",
    "limits": "limit",
    "campaigns": "campaign",
    "recordings": "recording",
    "clock": "clock",
}
"""Resource → the word before the dot of its events' names."""

_WORDS = {
    "messages": ("accepted", "queued", "submitted", "delivered", "failed", "received", "refused"),
    "carriers": ("bound", "unbound"),
    "limits": ("reached",),
    "campaigns": ("changed",),
    "recordings": ("started", "paused", "resumed", "finished", "deleted"),
    "clock": ("changed",),
}
"""Resource → the words after the dot."""
_OTHER_WORDS = ("added", "removed", "assigned", "blocked", "unblocked", "progressed")
"""Of events that belong to no resource, and come with `all`."""


class FilterInvalid(ValueError):
    """A filter that is not `key=value` pairs joined by `&`."""


def wants(resource: str, event: str, name: str) -> bool:
    """Tell whether an event of this name belongs to (resource, event); one without a name is internal."""
    if not name:
        return False
    kind, _, what = name.partition(".")
    return resource in (ALL, *_resources_of(kind)) and event in (ALL, what)


def words_of(resource: str) -> tuple[str, ...]:
    """Every `event` that a webhook of this resource may choose."""
    if resource != ALL:
        return (ALL, *_WORDS[resource])
    return tuple(dict.fromkeys((ALL, *(word for words in _WORDS.values() for word in words), *_OTHER_WORDS)))


def parse_filter(text: str | None) -> dict[str, str]:
    """Read a filter. Raises `FilterInvalid`."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=16)
    except ValueError:
        raise FilterInvalid("key=value pairs joined by &, at most 16") from None
    return dict(pairs)


def passes(conditions: Mapping[str, str], data: Mapping[str, Any]) -> bool:
    """Tell whether an event's data meet every condition."""
    return all(_text(data.get(key)) == value for key, value in conditions.items())


def _resources_of(kind: str) -> list[str]:
    return [resource for resource, word in RESOURCES.items() if word == kind]


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
