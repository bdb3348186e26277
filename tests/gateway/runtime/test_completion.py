"""What the tab key offers for values."""

import os
import subprocess
import sys

import pytest

from gateway.runtime.completion import carried_names, completing


def test_names_of_a_folder_of_ours() -> None:
    assert {"tmobile", "telus", "att"} <= set(carried_names("config/carriers"))
    assert carried_names("config/nothing") == []


def test_others_come_first_and_what_was_typed_narrows() -> None:
    complete = completing("config/scenarios", "call", "on-hold")
    assert complete("on-")[0] == "on-hold"
    assert {name[:3] for name in complete("on-")} == {"on-"}
    assert complete("zzz") == []


@pytest.mark.parametrize(
    ("program", "typed", "offered"),
    [
        ("gateway", "gateway carriers --carrier t", ["telus", "tmobile"]),
        ("gateway", "gateway load limi", ["limiter"]),
        ("siprec", "siprec call always", ["always"]),
    ],
)
def test_the_tab_key_in_bash(program: str, typed: str, offered: list[str]) -> None:
    words = typed.split()
    asked = {f"_{program.upper()}_COMPLETE": "complete_bash", "COMP_WORDS": typed}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.argv[0] = {program!r}; import {program}.cli as c; c.app(prog_name={program!r})",
        ],
        env=os.environ | asked | {"COMP_CWORD": str(len(words) - 1)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.rpartition(",")[2] for line in done.stdout.split()]
    assert found[: len(offered)] == offered, done.stderr
