"""The running demo and a real Chromium, driven by Playwright.

One demo and one browser for each worker; every test has a page of its own, and fails if the page logged an
error or did something its policy forbids.
"""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from docs.pictures import CHROMIUM_FLAGS, running_demo
from gateway.runtime.ports import free_ports

ADMIN, ALICE, BOB = "demo-admin", "demo-alice", "demo-bob"
UNDER_WAY = ("accepted", "queued", "submitted")
WIDTH, HEIGHT = 1280, 860
HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> & <b>bold</b>"
)

WATCH = """
window.faults = [];
document.addEventListener('securitypolicyviolation', (event) =>
  window.faults.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


expect.set_options(timeout=15_000)  # a busy machine takes its time


class Refused(AssertionError):
    """The API refused what a test asked of it."""


@dataclass
class Demo:
    """The running demo, asked over its public API."""

    url: str

    def call(self, method: str, path: str, body: Any = None, token: str = ADMIN) -> Any:
        """One request; the JSON document, or the bytes of anything else. Raises `Refused`."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {token}")
        if data is not None:
            request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content = answer.read()
                is_json = "json" in answer.headers.get("Content-Type", "")
                return (json.loads(content) if content else None) if is_json else content
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(f"{error.code} {error.read().decode()}") from None

    def get(self, path: str, token: str = ADMIN) -> Any:
        return self.call("GET", path, token=token)

    def post(self, path: str, body: Any = None, token: str = ADMIN) -> Any:
        return self.call("POST", path, body, token)

    def items(self, path: str, token: str = ADMIN) -> list[Any]:
        found: list[Any] = self.get(path, token)["items"]
        return found

    def send(self, text: str, person: str = "carol", to: str = "+16475550124") -> dict[str, Any]:
        """A text that is taken; its document."""
        sent: dict[str, Any] = self.post("/v1/messages", {"personId": person, "to": to, "text": text})
        return sent

    def until_delivered(self, message_id: str) -> None:
        """Wait for a text's receipt."""
        give_up_at = time.monotonic() + 20
        while self.get(f"/v1/messages/{message_id}")["state"] != "delivered":
            assert time.monotonic() < give_up_at, "the text was not delivered"
            time.sleep(0.05)

    def settled(self) -> None:
        """Wait until no text is on its way: the tour leaves some that a limit lets go one by one."""
        give_up_at = time.monotonic() + 60
        while any(self.items(f"/v1/messages?max=1&state={state}") for state in UNDER_WAY):
            assert time.monotonic() < give_up_at, "texts are still on their way"
            time.sleep(0.1)

    def refused(self, text: str, person: str = "bob", to: str = "+13105550124") -> None:
        """A text that is refused."""
        with pytest.raises(Refused):
            self.send(text, person, to)


@pytest.fixture
def hostile() -> str:
    """A text that would do harm as markup."""
    return HOSTILE


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    [http] = free_ports(1)
    with running_demo(http, tmp_path_factory.mktemp("demo")) as url:
        yield Demo(url)


@pytest.fixture(scope="module")  # while it lives a loop runs in this thread: other modules need theirs
def chromium(tool: Callable[[str], str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tool("chromium"), args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(demo: Demo, chromium: Browser) -> Iterator[Open]:
    """`open_page("messages", token=…, theme=…, width=…)`: that view, signed in, loaded.

    `zone` is the viewer's time zone; `script` runs before the page's own.
    """
    opened: list[Page] = []
    with contextlib.ExitStack() as stack:

        def open_view(
            view: str = "live",
            *,
            token: str = ADMIN,
            theme: str = "light",
            width: int = WIDTH,
            zone: str | None = None,
            script: Path | None = None,
        ) -> Page:
            context: Any = chromium.new_context(
                viewport={"width": width, "height": HEIGHT},
                color_scheme=theme,  # type: ignore[arg-type]
                reduced_motion="reduce",
                timezone_id=zone,
            )
            stack.callback(context.close)
            context.set_default_timeout(20_000)
            context.add_init_script(WATCH)
            if script:
                context.add_init_script(path=script)
            if token:
                context.add_init_script(f"sessionStorage.setItem('gateway-token', {json.dumps(token)})")
            page: Page = context.new_page()
            page.faults = []  # type: ignore[attr-defined]
            page.on("pageerror", lambda error: page.faults.append(f"error: {error}"))  # type: ignore[attr-defined]
            page.goto(f"{demo.url}/#/{view}")
            if token:
                expect(page.locator("#main h1")).to_be_visible()
            opened.append(page)
            return page

        yield open_view
        for page in opened:
            faults = [*page.faults, *page.evaluate("window.faults")]  # type: ignore[attr-defined]
            assert faults == []
            assert page.title() != "owned"
