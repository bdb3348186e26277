"""`load.md`: every key of a load profile, from the models that validate it, and our own."""

from collections.abc import Iterator
from pathlib import Path

from docs.pages.configuration import Sections
from docs.pages.markdown import code, page, table
from gateway.load.profile import Profile, carried, read_profile
from gateway.load.settings import Deed
from gateway.runtime.schema import settings_schema
from gateway.runtime.yamltree import INCLUDE
from gateway.throttle.settings import LimitsSettings

ROOT = "profile"
LIMITS = LimitsSettings.__name__
FOLDER = Path(__file__).parents[2] / "loadtests"

INTRODUCTION = """\
A profile says what `gateway load` does: against what, how many requests arrive when, who sends them, and what
the run must keep to. It is a YAML file of your own, or one of ours by name; how to use it is told in
[Load a system and judge it](../how-to/load-test.md). Unknown keys are refused, every fault has its line, and
`include: FILE` and `${NAME}` work as in the [configuration](configuration.md)."""

DEEDS = {
    Deed.TEXT: "ordinary texts; everything else is hostile and counted apart",
    Deed.EMOJI: "texts with emoji",
    Deed.MMS: "texts with an attachment; over SMPP a WAP push",
    Deed.INTERNATIONAL: "texts to numbers outside the US and Canada",
    Deed.TOO_LONG: "texts of 40 segments; over SMPP a short message of 254 octets",
    Deed.MALFORMED: "octets that are no request: bad lengths, torn bodies, unknown commands, other protocols",
    Deed.BAD_CREDENTIALS: "a wrong password or token",
    Deed.SLOW_READER: "asks a hundred times on a connection, never reads, and keeps it for `hold_s`",
    Deed.SILENT: "connects, says nothing, and keeps the connection for `hold_s`",
}


def render() -> str:
    """The page."""
    sections = _sections()
    lines = list(sections.section(ROOT, ""))
    limits = f"[{LIMITS}](#shape-{LIMITS.lower()})"
    linked = (line.replace(limits, "[limits](configuration.md#limits)") for line in lines)
    return page("Load profiles", INTRODUCTION, _ours(), _deeds(), ["## Keys", ""], linked)


def undocumented() -> list[str]:
    """Keys that nobody has described."""
    sections = _sections()
    return [
        f"{name}.{key}"
        for name, shape in sections.shapes.items()
        for key, field in shape.get("properties", {}).items()
        if key != INCLUDE and not sections.description(name, key, field)
    ]


def _sections() -> Sections:
    return Sections(settings_schema({ROOT: Profile}), without=(LIMITS,))


def _ours() -> Iterator[str]:
    yield from ("## Profiles of ours", "", "`gateway load` without a profile lists them too.", "")
    profiles = (
        (name, read_profile(path)) for name, path in sorted(carried().items()) if path.parent == FOLDER
    )
    yield from table(
        ("Profile", "Target", "What it is for"),
        ((code(name), code(profile.target), profile.about) for name, profile in profiles),
    )


def _deeds() -> Iterator[str]:
    yield from ("## What a sender does", "", "The key `does` of a sender.", "")
    yield from table(("`does`", "What it sends"), ((code(deed.value), text) for deed, text in DEEDS.items()))
