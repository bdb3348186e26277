"""README and pictures: the map is the repository's, pictures are small and fetch nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from docs import pictures
from gateway.carriers.faults import BEHAVIOURS, CATALOGUE
from gateway.carriers.profile import DESTINATION_OUTCOMES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def mapped() -> dict[str, set[str]]:
    """The names of the map below each top-level folder."""
    [text] = re.findall(r"^```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        names = re.split(r" {2,}", line.strip())[0].split()
        if line.startswith(" "):
            found[list(found)[-1]].update(names)
        else:
            found[names[0].rstrip("/")] = set()
    return found


def test_everything_on_the_map_exists():
    missing = [
        f"{top}/{name}"
        for top, names in mapped().items()
        for name in {"", *names}
        if not (ROOT / top / name).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("package", ["gateway", "siprec"])
def test_every_room_is_on_the_map(package: str):
    rooms = {f"{path.parent.name}/" for path in (ROOT / package).glob("*/__init__.py")}
    assert rooms - mapped()[package] == set()


def test_the_two_commands_come_first():
    first = re.search(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert first is not None
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make demo", "make test"]


def test_pictures_are_small_and_whole():
    svg = (pictures.FOLDER / "demo.svg").read_text(encoding="utf-8")
    page = (pictures.FOLDER / "page.png").read_bytes()
    assert "What" in svg
    assert "delivered" in svg
    assert "✗" not in svg, "a step of the tour had failed when the picture was made"
    assert re.findall(r"""(?:url\(|href=)["']?https?:""", svg) == []
    assert page.startswith(b"\x89PNG")
    assert len(page) < 200_000


def test_the_same_output_gives_the_same_picture():
    printed = "\x1b[1mWhat happened\x1b[0m\n\x1b[32m✓\x1b[0m a text <b>&amp;</b>"
    svg = pictures.draw(printed)
    assert svg == pictures.draw(printed)
    assert "<b>" not in svg
    assert "#6ec882" in svg, "green is drawn in the theme's green"


def test_the_numbers_it_boasts_of_are_true():
    assert f"{len(CATALOGUE)} faults" in README
    assert (len(BEHAVIOURS), len(DESTINATION_OUTCOMES)) == (6, 20)
    assert "six behaviours, twenty destinations" in README
