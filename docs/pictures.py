"""Makes the pictures of README and docs from real runs.

`python -m docs.pictures [terminal] [page] [--to FOLDER]`: `demo.svg` is the output of `gateway demo --once`.
The page's pictures are Chromium's, of a running demo that people text and call through: `page.png` is the
Live view, `page-VIEW.png` the others. `--to` puts every view there in light and dark, 1280 and 390 pixels
wide. Ports are free ones, so that a picture can be made while another demo runs.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from gateway.runtime.ports import free_ports

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parent / "pictures"
COLUMNS = 116
WIDE, NARROW = (1280, 860), (390, 844)
CARRIERS = ("tmobile", "att", "verizon", "uscellular", "bell", "rogers", "telus")
READY_WITHIN_S = 60.0
SERVING = "Ctrl-C ends it."
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
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


def demo_command(http: int, *arguments: str, folder: Path | None = None) -> list[str]:
    """The demo on free ports, keeping things in `folder` if one is given."""
    sip, calling, *carriers = free_ports(2 + len(CARRIERS))
    settings = [
        f"http.port={http}",
        f"recording.sip.udp_port={sip}",
        f"recording.sip.tcp_port={sip}",
        "recording.sip.tls.port=0",
        f"calling.port={calling}",
        *(f"carriers.networks.{name}.port={port}" for name, port in zip(CARRIERS, carriers, strict=True)),
        *([] if folder is None else [f"storage.folder={folder}"]),
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
def running_demo(http: int, folder: Path | None = None) -> Iterator[str]:
    """A demo whose tour is over and that serves: its address. Raises `RuntimeError`, `TimeoutError`."""
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(  # noqa: S603 - our own program
            demo_command(http, folder=folder), stdout=printed, stderr=subprocess.STDOUT
        )
        try:
            _wait_for_the_tour(process, printed)
            yield f"http://127.0.0.1:{http}"
        finally:
            process.terminate()
            process.wait(30)


def _wait_for_the_tour(process: subprocess.Popen[bytes], printed: IO[str]) -> None:
    give_up_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up_at:
        printed.seek(0)
        said = printed.read()
        if SERVING in said:
            return
        if process.poll() is not None:
            raise RuntimeError(f"the demo ended: {said[-2000:]}")
        time.sleep(0.1)
    raise TimeoutError(f"the demo's tour was not over within {READY_WITHIN_S} s")


class Caller:
    """The demo's API as these pictures use it."""

    def __init__(self, url: str, token: str = "demo-admin") -> None:  # noqa: S107 - the demo's own
        self._url = url
        self._token = token

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        """One request; its JSON or bytes, None where it was refused."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data=data, method=method)  # noqa: S310 - loopback
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header(
            "Content-Type", "application/octet-stream" if isinstance(body, bytes) else "application/json"
        )
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            content = answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return json.loads(content) if is_json and content else content
        return None


def talk(call: Caller, rounds: int = 1, pause_s: float = 0.3) -> None:
    """Send texts of every kind, a few a second, so that there is something to see."""
    for _ in range(rounds):
        for person, to, text in TEXTS:
            call("POST", "/v1/messages", {"personId": person, "to": to, "text": text})
            time.sleep(pause_s)


@contextmanager
def browser() -> Iterator["Browser"]:
    """Chromium of this machine, driven by Playwright. Raises `FileNotFoundError`."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only pictures of the page need it

    executable = shutil.which("chromium")
    if executable is None:
        raise FileNotFoundError("chromium is not installed: run `make system-deps`")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_FLAGS))
        yield launched
        launched.close()


@contextmanager
def view(
    chromium: "Browser", url: str, token: str, size: Sequence[int] = WIDE, theme: str = "light"
) -> Iterator["Page"]:
    """A page that is signed in."""
    context: Any = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, locale="en-GB"
    )
    context.add_init_script(f"sessionStorage.setItem('gateway-token', {json.dumps(token)})")
    page = context.new_page()
    page.goto(f"{url}/#/live")
    page.locator("#main h1").wait_for()
    yield page
    context.close()


class Stage:
    """A demo with something to see in every view."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.call = Caller(url)

    def set_up(self) -> None:
        """Text, capture the texts, replay the capture, record a call with a pause."""
        capture = self.call("POST", "/v1/captures", {"format": "pcap"})["id"]
        talk(self.call)
        time.sleep(2)
        files = self.call("POST", f"/v1/captures/{capture}/stop")["files"]
        content = self.call("GET", f"/v1/captures/{capture}/files/{files[0]}")
        self.replay: str = self.call("POST", "/v1/replays?role=esme", content)["id"]
        texts = self.call("GET", "/v1/messages?max=100&carrier=att&direction=outbound")["items"]
        self.text: str = next(each["id"] for each in texts if each["segments"] > 1)
        self._record()

    def _record(self) -> None:
        placed = self.call("POST", "/v1/calls", {"from": "alice", "to": "+13105550120"})
        for key, wait_s in (("PauseRec", 4.5), ("ResumeRec", 2.5), ("EndCall", 4.0)):
            time.sleep(wait_s)
            self.call("POST", "/v1/phones/alice/softkeys", {"key": key, "callId": placed["id"]})
        time.sleep(2)
        own = Caller(self.url, "demo-alice")("GET", "/v1/recordings")["items"]
        self.recording: str = own[0]["id"]

    def places(self) -> list[tuple[str, str, str]]:
        """Name, address and token of what is worth a picture."""
        people = "people?left=alice&right=carol&handset=%2B13105550120"
        return [
            ("live", "live", "demo-admin"),
            ("messages", f"messages/{self.text}", "demo-admin"),
            ("people", people, "demo-admin"),
            ("carriers", "carriers/att", "demo-admin"),
            ("registration", "registration", "demo-admin"),
            ("calls", "calls", "demo-admin"),
            ("recordings", f"recordings/{self.recording}", "demo-alice"),
            ("replay", f"replay/{self.replay}", "demo-admin"),
        ]

    def show(self, page: "Page", name: str, place: str) -> None:
        """Go there, and let happen what belongs into the picture."""
        page.evaluate("place => { location.hash = '#/' + place }", place)
        page.locator("#main h1").wait_for()
        page.wait_for_timeout(700)
        if name == "messages":
            page.locator("details.pdu summary").first.click()
        if name == "live":
            talk(self.call, 2, 0.25)
        if name == "calls":
            self.call("POST", "/v1/calls", {"from": "alice", "to": "+13105550120", "seconds": 8})
            page.wait_for_timeout(4500)
        page.wait_for_timeout(600)


def take_page(everywhere: Path | None = None) -> None:
    """The pictures of the page; with `everywhere` every view in both themes and widths goes there."""
    [http] = free_ports(1)
    with (
        tempfile.TemporaryDirectory(prefix="gateway-pictures-", ignore_cleanup_errors=True) as data,
        running_demo(http, Path(data)) as url,
        browser() as chromium,
    ):
        stage = Stage(url)
        stage.set_up()
        if everywhere is None:
            _take_docs(chromium, stage)
        else:
            _take_everywhere(chromium, stage, everywhere)


def _take_docs(chromium: "Browser", stage: Stage) -> None:
    for name, place, token in stage.places():
        with view(chromium, stage.url, token, theme="dark" if name == "recordings" else "light") as page:
            stage.show(page, name, place)
            page.screenshot(path=FOLDER / ("page.png" if name == "live" else f"page-{name}.png"))


def _take_everywhere(chromium: "Browser", stage: Stage, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        for size in (WIDE, NARROW):
            for name, place, token in stage.places():
                with view(chromium, stage.url, token, size, theme) as page:
                    stage.show(page, name, place)
                    page.screenshot(path=folder / f"{name}-{theme}-{size[0]}.png", full_page=True)


def main(arguments: Sequence[str]) -> None:
    """Make the pictures asked for, or all."""
    FOLDER.mkdir(exist_ok=True)
    wanted = list(arguments)
    everywhere = None
    if "--to" in wanted:
        at = wanted.index("--to")
        everywhere = Path(wanted[at + 1])
        del wanted[at : at + 2]
    if "terminal" in wanted or not (wanted or everywhere):
        take_terminal()
    if "page" in wanted or everywhere or not wanted:
        take_page(everywhere)


if __name__ == "__main__":
    main(sys.argv[1:])
