"""`events.md`: every event the bus carries outside, found in the code."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from pydantic.alias_generators import to_camel

from docs.pages.markdown import code, page, sentence, table
from gateway.messages.webhooks.selection import RESOURCES

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "siprec")
EVENT_NAME = re.compile(r'name(: ClassVar\[str\])? = "[a-z_]+\.[a-z_]+"')
INTRODUCTION = """\
What happens is told in one JSON shape, `{"id", "event", "created", "data"}`, on `GET /v1/stream`
(server-sent events, or a WebSocket where the request asks for one), on the WebSocket `GET /v1/app`, and in
webhooks. `created` is world time.

- The stream takes `?events=message.*,carrier.bound`; a viewer sees what its token may see: a person
  only that person's texts, an administrator those of the organisation.
- A viewer gets at most ten frames a second. One that is too slow loses its oldest events and is told so
  by `stream.lost` (`{"count", "events", "gap"}`); `Last-Event-ID` resumes where it left off
  (`?lastEventId=` where no header can be sent). `gap` says that events are gone which nobody counted:
  `GET /v1/totals` counts anew, up to the event it names.
  `?frameBytes=16384` asks for frames of at most that size, as the page does: a sample, the rest counted.
- A webhook chooses by `resource` and `event`: `messages` and `delivered` select `message.delivered`."""


def render() -> str:
    """The page."""
    return page("Events", INTRODUCTION, _events(), _resources())


@cache
def event_classes() -> dict[str, type]:
    """Every event class with a public name, `message.accepted`, by that name."""
    found: dict[str, type] = {}
    for module in _modules():
        for kind in vars(module).values():
            name = vars(kind).get("name") if isinstance(kind, type) else None
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if (
                own
                and is_dataclass(kind)
                and isinstance(name, str)
                and "." in name
                and kind.__name__[0] != "_"
            ):
                found[name] = kind
    return dict(sorted(found.items()))


def _modules() -> Iterator[ModuleType]:
    """The modules that name an event; importing every module would make the page wait for all of them."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if EVENT_NAME.search(path.read_text(encoding="utf-8")):
                steps = path.relative_to(ROOT).with_suffix("").parts
                yield importlib.import_module(".".join(steps).removesuffix(".__init__"))


def _events() -> list[str]:
    rows = [(code(name), sentence(kind.__doc__), _data(kind)) for name, kind in event_classes().items()]
    return ["## Names", "", *table(("Event", "When", "`data`"), rows)]


def _data(kind: type) -> str:
    render_own = getattr(kind, "as_payload", None)
    if render_own is not None:
        text = sentence(render_own.__doc__)
        internal = text.startswith("Return what streams")
        return "ids and states, no number and no name" if internal else text.partition(": ")[2] or text
    names = [to_camel(each.name.removesuffix("_ns")) for each in fields(kind)]
    return " ".join(code(name) for name in names)


def _resources() -> list[str]:
    rows = [(code(resource), code(f"{word}.…")) for resource, word in RESOURCES.items()]
    return ["## Resources of webhooks", "", *table(("`resource`", "Events"), [*rows, ("`all`", "every one")])]
