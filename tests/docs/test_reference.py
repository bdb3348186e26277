"""The reference says what the code says: nothing stale, nothing undocumented, every link leads somewhere."""

import asyncio
import re
from pathlib import Path

import pytest

from docs import generate
from docs.pages import api, cli, configuration, events, metrics
from gateway.app import Service
from gateway.policy.rules import RULES

DOCS = Path(generate.__file__).parent
ROOT = DOCS.parent
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
EVERY_PAGE = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")]
)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return asyncio.run(generate.pages())


@pytest.fixture
async def service():
    async with generate.built_service() as built:
        yield built


async def test_no_page_is_stale(made: dict[str, str]):
    assert generate.stale(made) == [], "run `python -m docs.generate` and commit what it changes"


async def test_the_same_code_makes_the_same_pages(made: dict[str, str]):
    assert await generate.pages() == made


def test_a_changed_missing_or_left_over_page_is_stale(tmp_path: Path):
    (tmp_path / "same.md").write_text("a")
    (tmp_path / "changed.md").write_text("b")
    (tmp_path / "gone.md").write_text("c")
    made = {"same.md": "a", "changed.md": "B", "new.md": "d"}
    assert generate.stale(made, tmp_path) == ["changed.md", "gone.md", "new.md"]


def test_every_setting_is_described():
    assert configuration.undocumented() == []


def test_every_rule_stands_in_its_page(made: dict[str, str]):
    assert [rule.code for rule in RULES if f"| `{rule.code}` |" not in made["rules.md"]] == []


async def test_every_metric_says_what_it_counts(service: Service):
    assert [family.name for family in metrics.families(service) if not family.documentation] == []


async def test_every_endpoint_says_what_it_does(service: Service, made: dict[str, str]):
    found = list(api.operations(api.openapi(service)))
    assert len(found) > 30
    assert [path for _, path, operation in found if not operation["summary"]] == []
    assert [path for method, path, _ in found if f"### `{method} {path}`" not in made["api.md"]] == []


def test_every_command_and_option_has_help():
    for name, command in cli.commands().items():
        assert command.help, name
        assert [each.name for each in command.params if not getattr(each, "help", "")] == [], name


def test_every_event_says_when_it_happens():
    found = events.event_classes()
    assert "message.delivered" in found
    assert [name for name, kind in found.items() if not kind.__doc__] == []


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_links_and_pictures_lead_somewhere(page: str):
    """Files that exist, and headings or anchors that are in them; addresses elsewhere are not followed."""
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    targets = [*LINK.findall(text), *("".join(found) for found in PICTURE.findall(text))]
    broken = [each for each in targets if "://" not in each and not _leads_somewhere(path, each)]
    assert broken == []


def _leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    found = (page.parent / name).resolve() if name else page
    return found.exists() and (not anchor or anchor in _anchors(found.read_text(encoding="utf-8")))


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_no_page_names_a_path_of_somebodys_machine(page: str):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert re.findall(r"/(?:root|home/\w+|work|Users)/\S*", text) == []
