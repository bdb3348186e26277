"""How the page is told what happens: over a WebSocket, in however many tabs, and otherwise without one."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.system("chromium")
Demo = Open = Any  # of conftest.py

TABS = 8  # a browser keeps six plain connections to one gateway
SIGNED_IN = "sessionStorage.setItem('gateway-token', 'demo-alice')"
NO_SOCKET = """
window.WebSocket = class {
  constructor() { setTimeout(() => this.onclose(), 0); }
  close() {}
};
"""


def tab(context: Any, url: str) -> Page:
    """One more tab, live; Replay asks for nothing by itself, so that tabs are cheap."""
    page: Page = context.new_page()
    page.goto(f"{url}/#/replay", wait_until="commit")
    return page


def expect_live(page: Page) -> None:
    """The page says that its stream is open."""
    expect(page.locator("#link")).to_have_text("live", timeout=30_000)


def newest(page: Page, text: str) -> Any:
    """Where the Live view shows that text."""
    page.evaluate("location.hash = '#/live'")
    return page.get_by_role("region", name="The newest texts").get_by_text(text).first


def test_eight_tabs_of_one_browser_are_all_live(demo: Demo, chromium: Browser) -> None:
    context = chromium.new_context(reduced_motion="reduce")
    context.set_default_timeout(30_000)
    context.add_init_script(SIGNED_IN)
    try:
        tabs = [tab(context, demo.url) for _ in range(TABS)]
        for page in tabs:
            expect_live(page)
        demo.send("to the first and the last", "alice", "+13105550124")
        for page in (tabs[0], tabs[-1]):
            expect(newest(page, "to the first and the last")).to_be_visible()
    finally:
        context.close()


def test_without_a_websocket_the_page_is_live_by_server_sent_events(demo: Demo, chromium: Browser) -> None:
    context = chromium.new_context(reduced_motion="reduce")
    context.set_default_timeout(30_000)
    context.add_init_script(SIGNED_IN)
    context.add_init_script(NO_SOCKET)
    try:
        page = tab(context, demo.url)
        expect_live(page)
        demo.send("by server-sent events", "alice", "+13105550124")
        expect(newest(page, "by server-sent events")).to_be_visible()
    finally:
        context.close()
