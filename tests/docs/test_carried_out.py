"""Pages whose shell blocks are carried out in order against a running demo, their outputs compared."""

import asyncio
import re
from pathlib import Path

import pytest

from docs.carried_out import Ports, as_pattern, blocks, carry_out, running_demo

DOCS = Path(__file__).parents[2] / "docs"
#: What the harness does itself: the reader's first terminal, and getting the commands onto the PATH.
DONE_BY_HARNESS = ("make demo\n", ". .venv/bin/activate\n")
#: Each page and the least number of blocks it has.
PAGES = {"tutorial.md": 15, "how-to/mend-the-usual-mistakes.md": 12}


@pytest.mark.parametrize(
    ("expected", "printed", "fits"),
    [
        ("a … c", "a b\nc", True),
        ("a c", "a  c\n", True),
        ("a c", "a b c", False),
        ('{"id": "…"}', '{"id": "x"}', True),
        ("exit code 1", "exit code 2", False),
    ],
)
def test_outputs_are_compared(expected: str, printed: str, fits: bool):
    assert bool(as_pattern(expected).fullmatch(printed.strip())) is fits


@pytest.mark.parametrize(
    ("written", "led"),
    [
        ("curl http://127.0.0.1:8080/docs", "curl http://127.0.0.1:1/docs"),
        ("gateway run --set http.port=8080", "gateway run --set http.port=1"),
        ("siprec call --duration 2", "siprec call --to sip:srs@127.0.0.1:2 --duration 2"),
        ("siprec call --to sip:srs@127.0.0.1:9 x", "siprec call --to sip:srs@127.0.0.1:9 x"),
        ("--target smpp://guest:guest@127.0.0.1:2775", "--target smpp://guest:guest@127.0.0.1:3"),
        ("--url localhost:8080", "--url localhost:8080"),
    ],
)
def test_commands_are_led_to_the_demo_s_ports(written: str, led: str):
    assert Ports(1, 2, 3).in_place_of_the_usual(written) == led


@pytest.mark.slow
@pytest.mark.system("curl")
@pytest.mark.parametrize("page", PAGES)
async def test_every_block_does_what_the_page_says(page: str, tmp_path: Path):
    found = [
        each for each in blocks((DOCS / page).read_text(encoding="utf-8")) if each[0] not in DONE_BY_HARNESS
    ]
    assert len(found) >= PAGES[page]
    await asyncio.to_thread(carry_out_all, found, tmp_path)


def carry_out_all(found: list[tuple[str, str | None]], folder: Path) -> None:
    with running_demo(folder) as ports:
        for commands, expected in found:
            carry_out(commands, expected, ports, folder)


def test_there_are_ten_mistakes():
    text = (DOCS / "how-to/mend-the-usual-mistakes.md").read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^## (\d+)\.", text, re.MULTILINE)] == list(range(1, 11))
