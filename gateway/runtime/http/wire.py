"""How an event looks outside: the same JSON on the stream, the WebSocket and in a webhook.

``{"id", "event": "message.accepted", "created": "2026-01-31T12:00:00.000Z", "data": {…}}``. An event may
render itself with ``as_payload() -> Mapping``; otherwise its fields are taken, camelCase, with these
conventions: an ``int`` field called ``id`` or ``…_id`` becomes an opaque string, ``…_ns`` becomes ISO-8601
UTC without the suffix.
"""

from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, cast

from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from gateway.runtime.http.auth import Principal
from gateway.runtime.ids import encode_id

_SEE_ALL = frozenset({"admin", "partner"})
_SEEN_BY_ALL = ("carrier.", "clock.")


def format_ns(now_ns: int) -> str:
    """World time in nanoseconds since the epoch as ISO-8601 UTC with milliseconds."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1_000_000:03d}Z"


@lru_cache(maxsize=256)  # the moments of one text, and of texts sent together, share their seconds
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def event_name(event: object) -> str:
    """The event's public name, ``message.accepted``; empty for what is not meant for outside."""
    name = getattr(type(event), "name", "")
    return name if isinstance(name, str) else ""


def event_payload(event: Any) -> Mapping[str, Any]:
    """What ``data`` holds for ``event``."""
    render = getattr(event, "as_payload", None)
    if render is not None:
        payload: Mapping[str, Any] = render()
        return payload
    return _fields(event) if is_dataclass(event) else {}


def event_document(event: Any, event_id: str, created_ns: int) -> bytes:
    """The whole JSON document of ``event``."""
    return to_json(
        {
            "id": event_id,
            "event": event_name(event),
            "created": format_ns(created_ns),
            "data": event_payload(event),
        },
        by_alias=True,
        serialize_unknown=True,
    )


def visible_to(event: Any, principal: Principal) -> bool:
    """Whether ``principal`` may see ``event``.

    An event may decide itself with ``visible_to(principal)``. Otherwise nobody sees events of another
    organisation, a person sees only that person's, and what names neither person nor organisation is for
    administrators and partners, except the state of carriers and of the clock.
    """
    decide = getattr(event, "visible_to", None)
    if decide is not None:
        return bool(decide(principal))
    organization = getattr(event, "organization_id", None)
    if organization is not None and principal.organization_id not in (None, _as_text(organization)):
        return False
    if principal.role in _SEE_ALL:
        return True
    person = getattr(event, "person_id", None)
    if principal.role == "person" and person is not None:
        return _as_text(person) == principal.person_id
    return event_name(event).startswith(_SEEN_BY_ALL)


def _as_text(value: Any) -> str:
    return encode_id(value) if isinstance(value, int) else str(value)


@lru_cache(maxsize=512)
def _plan(kind: Any) -> tuple[tuple[str, str, str], ...]:
    plan = []
    for item in fields(kind):
        if item.name == "id" or item.name.endswith("_id"):
            plan.append((item.name, to_camel(item.name), "id"))
        elif item.name.endswith("_ns"):
            plan.append((item.name, to_camel(item.name.removesuffix("_ns")), "ns"))
        else:
            plan.append((item.name, to_camel(item.name), ""))
    return tuple(plan)


def _fields(event: Any) -> dict[str, Any]:
    return {
        alias: _value(getattr(event, name), kind) for name, alias, kind in _plan(cast(Hashable, type(event)))
    }


def _value(value: Any, kind: str = "") -> Any:
    if kind and isinstance(value, int) and not isinstance(value, bool):
        return encode_id(value) if kind == "id" else format_ns(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, (tuple, list, set, frozenset)):
        return [_value(item) for item in value]
    return value
