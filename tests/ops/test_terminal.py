"""Completion, colours and progress, as a terminal shows them."""

import asyncio
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import cli
from siprec import cli as siprec_cli

ROOT = Path(__file__).parents[2]
COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")
PROGRAMS = {"gateway": cli.app, "siprec": siprec_cli.app}


def completed(program: str, shell: str, line: str) -> str:
    """What a shell is offered after `line`."""
    words = line.split(" ")
    environment = os.environ | {
        f"_{program.upper()}_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    module = f"import sys; sys.argv[0] = {program!r}; from {program}.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", module],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("program", "line", "offered"),
    [("gateway", "gateway d", ["demo", "doctor"]), ("siprec", "siprec recordings e", ["export"])],
)
def test_commands_are_completed(program: str, shell: str, line: str, offered: list[str]):
    told = completed(program, shell, line)
    assert [word for word in offered if word not in told] == []
    assert "rules" not in told


def test_options_are_completed():
    assert "--url" in completed("gateway", "bash", "gateway send --u")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_to_install_is_shown(program: str, shell: str):
    module = f"import sys; sys.argv[0] = {program!r}; from {program}.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", module],
        env=os.environ | {f"_{program.upper()}_COMPLETE": f"source_{shell}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"_{program.upper()}_COMPLETE" in done.stdout


def in_a_terminal(folder: Path, program: str, *words: str, **environment: str) -> bytes:
    """Everything a command writes to a terminal, escape sequences and all."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-m", f"{program}.cli", *words],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **environment},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        written = b""
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            written += piece
        os.close(ours)
        return written


PRINTED = {
    "help": ("gateway", "--help"),
    "rules": ("gateway", "rules"),
    "doctor": ("gateway", "doctor", "--only", "carriers"),
    "a mistake of usage": ("gateway", "sned"),
    "a log": ("gateway", "carriers", "--set", "http.port=0", "--set", "carriers.host=192.0.2.1"),
    "siprec help": ("siprec", "call", "--help"),
}


@pytest.mark.parametrize("what", PRINTED)
def test_no_color_means_none(what: str, tmp_path: Path):
    program, *words = PRINTED[what]
    assert COLOUR.findall(in_a_terminal(tmp_path, program, *words, NO_COLOR="1")) == []


def test_a_terminal_has_colours_otherwise(tmp_path: Path):
    assert COLOUR.search(in_a_terminal(tmp_path, "gateway", "doctor", "--only", "carriers"))


def test_a_pipe_gets_no_escape_sequence_at_all(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "doctor", "--only", "carriers"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.slow
async def test_who_waits_for_an_outcome_sees_that_it_goes_on(start, tmp_path: Path):
    service = await start("gateway.yaml", parts=("texting", "carriers"))
    words = ["send", "--from", "+12025550100", "--to", "+13105550122", "Are you awake?", "--timeout", "2.5"]
    shown = await asyncio.to_thread(in_a_terminal, tmp_path, "gateway", *words, "--url", service.http.url)
    assert "waiting for the outcome" in shown.decode()
    assert "submitted" in shown.decode(), "the handset takes twenty seconds"
