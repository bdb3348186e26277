"""The tutorial, carried out: its shell blocks in order against a running demo, its outputs compared."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CARRIERS = ("tmobile", "att", "verizon", "uscellular", "bell", "rogers", "telus")
#: What the harness does itself: the reader's first terminal, and getting the commands onto the PATH.
DONE_BY_HARNESS = ("make demo\n", ". .venv/bin/activate\n")
READY_WITHIN_S = 20.0


def blocks(text: str) -> list[tuple[str, str | None]]:
    """(commands, what they print or None) in order."""
    found: list[tuple[str, str | None]] = []
    for kind, content in BLOCK.findall(text):
        if kind == "sh":
            found.append((content, None))
        else:
            commands, earlier = found[-1]
            assert earlier is None, "an output follows its commands"
            found[-1] = (commands, content)
    return found


def as_pattern(expected: str) -> re.Pattern[str]:
    """Blanks count as one, and `…` stands for anything, line ends included."""
    parts = [re.escape(" ".join(part.split())) for part in expected.split("…")]
    return re.compile(r"\s*.*?\s*".join(part.replace(r"\ ", r"\s+") for part in parts), re.DOTALL)


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


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Ports(NamedTuple):
    """Where the demo's two doors are."""

    http: int
    sip: int

    def in_place_of_the_usual(self, script: str) -> str:
        """The commands of the tutorial, led to these ports."""
        script = script.replace("127.0.0.1:8080", f"127.0.0.1:{self.http}")
        return script.replace("siprec call", f"siprec call --to sip:srs@127.0.0.1:{self.sip}")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Ports]:
    """`make demo` without its installation, on free ports."""
    http, sip, *carriers = free_ports(2 + len(CARRIERS))
    settings = [f"http.port={http}", "recording.sip.tls.port=0", "calling.port=0"]
    settings += [f"recording.sip.udp_port={sip}", f"recording.sip.tcp_port={sip}"]
    settings += [
        f"carriers.networks.{name}.port={port}" for name, port in zip(CARRIERS, carriers, strict=True)
    ]
    command = [sys.executable, "-m", "gateway.cli", "demo"]
    for each in settings:
        command += ["--set", each]
    log = (tmp_path / "demo.log").open("wb")
    process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(http, process, tmp_path / "demo.log")
        yield Ports(http, sip)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        log.close()


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"the demo was not ready in {READY_WITHIN_S} s: {log.read_text(encoding='utf-8')}")


@pytest.mark.slow
@pytest.mark.system("curl")
async def test_every_block_does_what_the_tutorial_says(demo: Ports, tmp_path: Path):
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "GATEWAY_URL": f"http://127.0.0.1:{demo.http}",
        "COLUMNS": "100",
    }
    carried_out = 0
    for commands, expected in blocks(TUTORIAL.read_text(encoding="utf-8")):
        if commands in DONE_BY_HARNESS:
            continue
        script = demo.in_place_of_the_usual(commands)
        done = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        log = (tmp_path / "demo.log").read_text(encoding="utf-8")
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{log}"
        if expected is not None:
            shown = done.stdout.strip()
            assert as_pattern(expected.strip()).fullmatch(shown), (
                f"{script}\nprinted\n{shown}\nnot\n{expected}"
            )
        carried_out += 1
    assert carried_out > 10
