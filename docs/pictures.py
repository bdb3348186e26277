"""Makes the pictures of README and docs from real runs: `python -m docs.pictures [terminal] [page]`.

`demo.svg` is the output of `gateway demo --once`; `page.png` is the page of a running demo in Chromium.
Ports are free ones, so that a picture can be made while another demo runs.
"""

import asyncio
import base64
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from gateway.demo.client import ApiClient

FOLDER = Path(__file__).parent / "pictures"
COLUMNS = 116
PAGE_SIZE = (1280, 860)
CARRIERS = ("tmobile", "att", "verizon", "uscellular", "bell", "rogers", "telus")
READY_WITHIN_S = 60.0
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--force-color-profile=srgb",
)
TEXTS = (
    ("alice", "+13105550120", "Your appointment is tomorrow at 10:30."),
    ("carol", "+15145550120", "À bientôt: rendez-vous à Montréal"),
    ("alice", "+12125550120", "Acme Dental: your treatment plan is ready. Please reply with a time. " * 3),
    ("alice", "+13105550121", "Anybody there?"),
    ("alice", "+14155550120", "See you 😀"),
    ("bob", "+13105550120", "Hello from Bob"),
    ("alice", "+442071838750", "Hello London"),
    ("carol", "+16045550120", "See you in Vancouver"),
    ("alice", "+13125550120", "Running ten minutes late"),
    ("carol", "+16475550120", "Your parcel is at the front desk"),
)
THEME = TerminalTheme(
    (16, 20, 28),
    (214, 220, 230),
    [
        (60, 66, 80),
        (240, 100, 100),
        (110, 200, 130),
        (230, 190, 90),
        (110, 160, 240),
        (200, 130, 220),
        (100, 200, 210),
        (214, 220, 230),
    ],
)
#: Rich's own frame fetches a font from the network; this one takes what the reader has.
SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>{unique_id}: the output of gateway demo --once</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  line-height: {line_height}px; white-space: pre }}
.{unique_id}-title {{ font: 16px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def free_ports(count: int) -> list[int]:
    """Ports that are free now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def demo_command(http: int, *arguments: str) -> list[str]:
    """The demo on free ports."""
    sip, *carriers = free_ports(1 + len(CARRIERS))
    settings = [
        f"http.port={http}",
        f"recording.sip.udp_port={sip}",
        f"recording.sip.tcp_port={sip}",
        "recording.sip.tls.port=0",
        "calling.port=0",
        *(f"carriers.networks.{name}.port={port}" for name, port in zip(CARRIERS, carriers, strict=True)),
    ]
    command = [sys.executable, "-m", "gateway.cli", "demo", *arguments]
    return [*command, *(part for each in settings for part in ("--set", each))]


def take_terminal() -> None:
    """`demo.svg`: run the demo once, draw what it printed. Raises `CalledProcessError` if a step failed."""
    environment = os.environ | {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run(  # noqa: S603 - our own program
        demo_command(free_ports(1)[0], "--once"), env=environment, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if "What happened" in line)
    table = "\n".join(line.rstrip() for line in lines[first:]).rstrip()
    (FOLDER / "demo.svg").write_text(draw(f"$ gateway demo --once\n\n{_without_controls(table)}"), "utf-8")


def draw(printed: str) -> str:
    """What a terminal showed, colours included, as SVG; the same text gives the same picture."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(printed), "", sep="\n")  # the frame cuts into its last line
    svg = console.export_svg(title="gateway demo", theme=THEME, code_format=SVG, unique_id="demo")
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def _without_controls(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-LN-Za-ln-z]", "", text)  # all but colours, which end in m


@contextmanager
def running_demo(http: int) -> Iterator[None]:
    """A demo that keeps serving."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        demo_command(http), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


async def wait_until_ready(url: str) -> None:
    """Wait until the demo at `url` takes work. Raises `TimeoutError`."""
    async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def talk(url: str) -> None:
    """Send texts of every kind, a few a second, so that there is something to see."""
    async with ApiClient(url, "demo-admin") as client:
        for person, to, text in TEXTS:
            await client.post("/v1/messages", {"personId": person, "to": to, "text": text})
            await asyncio.sleep(0.4)


class Browser:
    """A page in Chromium, told what to do over its debugging protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._sent = 0

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its result. Raises `RuntimeError` with what Chromium says against it."""
        self._sent += 1
        await self._socket.send_json({"id": self._sent, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=30)
            if answer.get("id") == self._sent:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])


@asynccontextmanager
async def browser(size: Sequence[int]) -> AsyncIterator[Browser]:
    """Chromium with one empty page of this size."""
    executable = shutil.which("chromium")
    if executable is None:
        raise FileNotFoundError("chromium is not installed: run `make system-deps`")
    with tempfile.TemporaryDirectory(prefix="gateway-chromium-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            executable,
            *CHROMIUM_FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession() as session:
                port = await _debugging_port(Path(profile))
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    target = next(each for each in await answer.json() if each["type"] == "page")
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as connection:
                    page = Browser(connection)
                    width, height = size
                    await page.call(
                        "Emulation.setDeviceMetricsOverride",
                        width=width,
                        height=height,
                        deviceScaleFactor=1,
                        mobile=False,
                    )
                    yield page
        finally:
            process.terminate()
            await process.wait()


async def _debugging_port(profile: Path) -> int:
    async with asyncio.timeout(30):
        while True:
            written = profile / "DevToolsActivePort"
            if written.is_file() and (lines := written.read_text().splitlines()):
                return int(lines[0])
            await asyncio.sleep(0.1)


async def take_page() -> None:
    """`page.png`: the page of a running demo while texts flow, signed in as the administrator."""
    [http] = free_ports(1)
    url = f"http://127.0.0.1:{http}"
    with running_demo(http):
        await wait_until_ready(url)
        async with browser(PAGE_SIZE) as page:
            await page.call("Page.navigate", url=f"{url}/")
            await asyncio.sleep(2)
            await page.call(
                "Runtime.evaluate",
                expression="sessionStorage.setItem('gateway-token', 'demo-admin'); location.reload()",
            )
            await asyncio.sleep(2)
            for _ in range(2):
                await talk(url)
            await asyncio.sleep(1)
            shot = await page.call("Page.captureScreenshot", format="png")
    (FOLDER / "page.png").write_bytes(base64.b64decode(shot["data"]))


def main(wanted: Sequence[str]) -> None:
    """Make the pictures asked for, or both."""
    FOLDER.mkdir(exist_ok=True)
    if not wanted or "terminal" in wanted:
        take_terminal()
    if not wanted or "page" in wanted:
        asyncio.run(take_page())


if __name__ == "__main__":
    main(sys.argv[1:])
