"""Pages that are carried out: the shell blocks of a page, run in order, and what they print compared.

A `text` block below a `sh` block is what it prints: blanks count as one, `…` stands for anything.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_PORTS = (
    *("http.port=0", "carriers.port=0", "calling.port=0"),
    *("recording.sip.udp_port=0", "recording.sip.tcp_port=0", "recording.sip.tls.port=0"),
)
#: Where the demo says that it listens.
HOUSE = (r"The page +http://127\.0\.0\.1:(\d+)/", r"sip:srs@127\.0\.0\.1:(\d+)", r"tmobile (\d+)")
READY_WITHIN_S = 90.0
BLOCK_WITHIN_S = 60.0


def blocks(text: str) -> list[tuple[str, str | None]]:
    """(commands, what they print or None) in order."""
    found: list[tuple[str, str | None]] = []
    for kind, content in BLOCK.findall(text):
        if kind == "sh":
            found.append((content, None))
        else:
            commands, earlier = found[-1]
            if earlier is not None:
                raise ValueError(f"an output without commands: {content}")
            found[-1] = (commands, content)
    return found


def as_pattern(expected: str) -> re.Pattern[str]:
    """Blanks count as one, and `…` stands for anything, line ends included."""
    parts = [re.escape(" ".join(part.split())) for part in expected.split("…")]
    return re.compile(r"\s*.*?\s*".join(part.replace(r"\ ", r"\s+") for part in parts), re.DOTALL)


class Ports(NamedTuple):
    """Where the demo's doors are."""

    http: int
    sip: int
    smpp: int

    def in_place_of_the_usual(self, script: str) -> str:
        """The commands of a page, led to these ports."""
        for usual, port in (("8080", self.http), ("5060", self.sip), ("2775", self.smpp)):
            script = re.sub(rf"\b127\.0\.0\.1:{usual}\b", f"127.0.0.1:{port}", script)
        script = script.replace("http.port=8080", f"http.port={self.http}")
        return script.replace(
            "siprec call --duration", f"siprec call --to sip:srs@127.0.0.1:{self.sip} --duration"
        )


@contextmanager
def running_demo(folder: Path) -> Iterator[Ports]:
    """`make demo` without its installation, on free ports, once its tour is over. Its log is `demo.log`."""
    command = [sys.executable, "-m", "gateway.cli", "demo"]
    for each in ANY_PORTS:
        command += ["--set", each]
    log = folder / "demo.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT) as process,  # noqa: S603
    ):
        try:
            yield _ports(process, log)
        finally:
            process.terminate()
            process.wait(30)


def _ports(process: "subprocess.Popen[bytes]", log: Path) -> Ports:
    """Wait for the lines that the demo ends its tour with, and read where it listens."""
    deadline = time.monotonic() + READY_WITHIN_S
    while "Ctrl-C ends it" not in (text := log.read_text(encoding="utf-8")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the demo is not there: {text}")
        time.sleep(0.05)
    found = [re.search(pattern, text) for pattern in HOUSE]
    return Ports(*(int(each[1]) for each in found if each is not None))


def carry_out(commands: str, expected: str | None, ports: Ports, folder: Path) -> None:
    """Run one block as a reader would; AssertionError where it fails or prints something else."""
    script = ports.in_place_of_the_usual(commands)
    done = subprocess.run(  # noqa: S603 - what our own page says
        ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607
        cwd=folder,
        env=environment(ports),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BLOCK_WITHIN_S,
        check=False,
    )
    if done.returncode:
        log = (folder / "demo.log").read_text(encoding="utf-8")
        raise AssertionError(f"{script}\n{done.stdout}\nexit code {done.returncode}\n{log}")
    shown = done.stdout.strip()
    if expected is not None and not as_pattern(expected.strip()).fullmatch(shown):
        raise AssertionError(f"{script}\nprinted\n{shown}\nnot\n{expected}")


def environment(ports: Ports) -> dict[str, str]:
    """What a reader's shell has after `. .venv/bin/activate`."""
    path: Sequence[str] = (str(Path(sys.executable).parent), os.environ["PATH"])
    return os.environ | {
        "PATH": os.pathsep.join(path),
        "GATEWAY_URL": f"http://127.0.0.1:{ports.http}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
