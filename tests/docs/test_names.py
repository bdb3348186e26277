"""What a page names is there: endpoints, metrics, commands and their options, settings, events, rules."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs import generate
from docs.pages import api, cli, configuration, events
from docs.pages import metrics as metrics_page
from gateway.policy.rules import RULES
from gateway.settings import EVERY_SECTION

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: Written by hand; what is made from the code names only what there is.
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]
    if path.parent.name not in ("reference", "decisions")
)
ENDPOINT = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]*)")
METRIC = re.compile(r"\b((?:gateway|siprec|carrier)_[a-z][a-z_]+)\b")
COMMAND = re.compile(r"(?<![\w/.-])((?:gateway|siprec) [a-z][^`\n|]*)")
CODE = re.compile(r"`([^`\n]+)`")
SETTING = re.compile(r"[a-z_]+(?:\.[a-z_]+|\.\{\w+\})+")


#: Endings of what is a file and no setting.
FILES = (".yaml", ".yml", ".md", ".py", ".db", ".json", ".jsonl", ".log", ".pcap")
#: Commands that a page gets wrong on purpose.
MISTAKES = {"gateway sned"}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def built() -> dict[str, Any]:
    """Paths of the API, names of metrics."""

    async def read() -> dict[str, Any]:
        async with generate.built_service() as service:
            operations = list(api.operations(api.openapi(service)))
            names = {family.name for family in metrics_page.families(service)}
            return {"operations": operations, "metrics": names}

    return asyncio.run(read())


def fits(path: str, known: str) -> bool:
    """Whether a path, with values or other names in its places, is this operation's."""
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(known))
    return re.fullmatch(pattern, path) is not None


@pytest.mark.parametrize("page", PAGES)
def test_endpoints(page: str, built: dict[str, Any]):
    known = [(method, path) for method, path, _ in built["operations"]]
    missing = [
        f"{method} {path}"
        for method, path in ENDPOINT.findall(text_of(page))
        if path.startswith("/v1/")
        and not any(method == other and fits(path.rstrip("."), name) for other, name in known)
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_metrics(page: str, built: dict[str, Any]):
    found = {name for name in METRIC.findall(text_of(page)) if not name.endswith("_")}
    families = built["metrics"]
    stems = {re.sub(r"_(total|bucket|count|sum)$", "", name): name for name in found}
    packages = {"gateway_load", "gateway_runtime"}
    assert sorted(name for stem, name in stems.items() if stem not in families | packages) == []


def commands_of(page: str) -> Iterator[tuple[str, list[str]]]:
    """(full name, further words) of every command a page prints as code."""
    text = text_of(page)
    blocks = re.findall(r"^ *```(?:sh|console|bash)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    spans = list(CODE.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
    for piece in [*"\n".join(blocks).replace("\\\n", " ").splitlines(), *spans]:
        match = COMMAND.search(piece)
        if match is None or piece.lstrip().startswith("#"):
            continue
        try:
            words = shlex.split(match[1], comments=True)
        except ValueError:
            words = match[1].split()
        yield " ".join(words[:2]), words


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options(page: str):
    known = cli.commands()
    groups = {name.rpartition(" ")[0] for name in known if name.count(" ") > 1}
    wrong = []
    for first, words in commands_of(page):
        name = " ".join(words[:3]) if first in groups else first
        if name in groups:
            continue
        if words[-1:] == ["…"] or name.split()[1].startswith("-"):
            continue
        if name in MISTAKES:
            continue
        if name not in known:
            wrong.append(name)
            continue
        options = {opt for each in known[name].params for opt in (*each.opts, *each.secondary_opts)}
        used = {word.partition("=")[0] for word in words[2:] if word.startswith("--") and len(word) > 2}
        wrong += [f"{name} {option}" for option in sorted(used - options - {"--help"})]
    assert wrong == []


@pytest.fixture(scope="module")
def settings() -> set[str]:
    return configuration.keys()


def known_setting(name: str, settings: set[str]) -> bool:
    parts = name.split(".")
    for key in settings:
        others = key.split(".")
        if len(others) >= len(parts) and all(
            other in (one, "*") for one, other in zip(parts, others, strict=False)
        ):
            return True
    # a mapping to plain values: its names are free
    return any(name.startswith(f"{key}.") and key.count(".") == name.count(".") - 1 for key in settings)


@pytest.mark.parametrize("page", PAGES)
def test_settings(page: str, settings: set[str]):
    spans = {span.partition("=")[0].partition(":")[0].strip() for span in CODE.findall(text_of(page))}
    spans |= set(re.findall(r"--set '?([a-z_.]+)=", text_of(page)))
    named = {
        span
        for span in spans
        if SETTING.fullmatch(span) and span.partition(".")[0] in EVERY_SECTION and not is_file_or_event(span)
    }
    assert sorted(name for name in named if not known_setting(name, settings)) == []


def is_file_or_event(name: str) -> bool:
    return name in events.event_classes() or name.endswith(FILES)


def test_the_checks_find_what_is_wrong(settings: set[str], built: dict[str, Any]):
    assert not known_setting("limits.nobody", settings)
    assert not known_setting("http.prot", settings)
    assert known_setting("limits.number.window.cap", settings)
    assert known_setting("esme.carriers.tmobile.window", settings)
    assert not known_setting("esme.carriers.tmobile.wimdow", settings)
    assert fits("/v1/messages/123", "/v1/messages/{id}")
    assert not fits("/v1/messages/123/x", "/v1/messages/{id}")


def test_every_rule_and_event_is_in_the_reference():
    rules = (DOCS / "reference/rules.md").read_text(encoding="utf-8")
    told = (DOCS / "reference/events.md").read_text(encoding="utf-8")
    assert [rule.code for rule in RULES if f"`{rule.code}`" not in rules] == []
    assert [name for name in events.event_classes() if f"`{name}`" not in told] == []
