"""The content security policy, measured: every source it names is needed, and nothing more is asked for."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from gateway.dashboard.routes import POLICY

pytestmark = pytest.mark.system("chromium")
Demo = Open = Any  # of conftest.py
SOURCES = re.findall(r"([a-z]+-src) (?!'none')[^;]+", POLICY)


def test_it_names_five_sources_and_forbids_the_rest() -> None:
    assert sorted(SOURCES) == ["connect-src", "img-src", "media-src", "script-src", "style-src"]
    for forbidden in ("unsafe-inline", "unsafe-eval", "data:", "*", "http:", "https:"):
        assert forbidden not in POLICY
    assert "default-src 'none'" in POLICY
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in POLICY


def visit(page: Page, url: str, policy: str, recording: str) -> list[str]:
    """Violations of `policy` while a recording is looked at and played."""

    def serve(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, headers={**response.headers, "content-security-policy": policy})

    blocked: list[str] = []
    page.expose_function("noted", lambda name: blocked.append(name))  # noqa: PLW0108 - it gets marked
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', (e) => window.noted(e.effectiveDirective));"
        "sessionStorage.setItem('gateway-token', 'demo-alice');"
    )
    page.route(url + "/", serve)
    page.goto(f"{url}/#/recordings/{recording}")
    play = page.get_by_role("button", name="Play")
    try:
        play.click(timeout=3000)
        expect(page.locator(".wave-time span").first).not_to_have_text("0:00.0", timeout=3000)
    except Exception:  # without a source the page does less: what was blocked is what counts
        pass
    page.wait_for_timeout(200)
    return blocked


@pytest.mark.parametrize("source", ["", *SOURCES])
def test_each_source_is_needed(demo: Demo, chromium: Browser, source: str) -> None:
    recording = demo.items("/v1/recordings", "demo-alice")[-1]["id"]
    policy = re.sub(rf"{source} [^;]+", f"{source} 'none'", POLICY) if source else POLICY
    context = chromium.new_context()
    try:
        blocked = visit(context.new_page(), demo.url, policy, recording)
    finally:
        context.close()
    assert {one.removesuffix("-elem") for one in blocked} == ({source} if source else set())


def test_text_cannot_become_markup_even_by_mistake(open_page: Open) -> None:
    page = open_page("live")
    attempt = """() => {
        try { document.body.innerHTML = '<b>x</b>'; return 'written'; } catch (fault) { return fault.name; }
    }"""
    page.evaluate("window.faults = []")
    assert page.evaluate(attempt) == "TypeError"
    page.evaluate("window.faults = []")  # this one was asked for


def test_nothing_is_fetched_from_elsewhere(open_page: Open, demo: Demo) -> None:
    asked: set[str] = set()
    page = open_page("live")
    page.on("request", lambda request: asked.add(request.url))
    for view in ("messages", "people", "carriers", "registration", "calls", "recordings", "replay"):
        page.evaluate("view => { location.hash = `#/${view}`; }", view)
        expect(page.locator(f'#main > [data-view="{view}"] h1')).to_be_visible()
    assert asked
    assert {url for url in asked if not url.startswith(demo.url)} == set()
