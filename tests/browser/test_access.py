"""For everybody: no fault that axe finds, keys alone suffice, nothing is wider than a telephone."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.system("chromium")
Demo = Open = Any  # of conftest.py
VIEWS = ("live", "messages", "people", "carriers", "registration", "calls", "recordings", "replay")


def settled(open_page: Open, view: str, **options: Any) -> Page:
    page: Page = open_page(view, **options)
    expect(page.locator("#link")).to_have_text("live")
    expect(page.locator(".skeleton")).to_have_count(0)
    return page


def faults_of(page: Page) -> list[str]:
    """What axe holds against the page, however little."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]
    ]


def test_axe_would_find_a_fault(open_page: Open) -> None:
    page = settled(open_page, "replay")
    page.evaluate("document.querySelector('#main').append(document.createElement('input'))")
    assert any(fault.startswith("label:") for fault in faults_of(page))


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_fault_in_either_theme(open_page: Open, view: str) -> None:
    page = settled(open_page, view, theme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    assert faults_of(page) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) != light
    assert faults_of(page) == []


def test_axe_finds_no_fault_in_details(open_page: Open, demo: Demo) -> None:
    demo.refused("refused for the list")
    text = demo.items("/v1/messages?state=delivered&max=1")[0]["id"]
    story = settled(open_page, f"messages/{text}")
    for summary in story.locator("details.pdu summary").all():
        summary.click()
    assert faults_of(story) == []
    recording = demo.items("/v1/recordings", "demo-alice")[0]["id"]
    heard = settled(open_page, f"recordings/{recording}", token="demo-alice")
    expect(heard.locator(".wave")).to_be_visible()
    assert faults_of(heard) == []
    assert faults_of(open_page(token="")) == []


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_a_telephone(open_page: Open, view: str) -> None:
    page = settled(open_page, view, width=390)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    wide = page.evaluate(
        """() => [...document.querySelectorAll('#main *')]
            .filter((each) => !each.closest('.scroll, canvas, .hidden, svg'))
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
            .map((each) => `${each.tagName}.${each.className}`)"""
    )
    assert wide == []
    unreachable = page.evaluate(
        """() => [...document.querySelectorAll('#main .scroll :is(a, button, select, .badge)')]
            .filter((each) => each.getBoundingClientRect().right > innerWidth)
            .map((each) => `${each.tagName} ${each.textContent}`)"""
    )
    assert unreachable == []


def test_views_are_reached_and_used_by_keys_alone(open_page: Open) -> None:
    page = settled(open_page, "live")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.get_by_role("link", name="People").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="People", exact=True)).to_be_visible()
    expect(page.locator("#main")).to_be_focused()
    assert page.title() == "People · Texting gateway"
    expect(page.get_by_role("link", name="People")).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Carriers").focus()
    page.keyboard.press("Enter")
    chosen = page.get_by_role("radio", name="Healthy")
    expect(chosen).to_be_checked()
    chosen.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Flaky")).to_be_checked()
    expect(page.get_by_role("status").filter(has_text="is flaky now")).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("radio", name="Healthy")).to_be_checked()


def test_a_story_opened_by_keys_is_where_the_focus_goes_and_escape_leads_back(
    open_page: Open, demo: Demo
) -> None:
    demo.send("to be opened by keys")
    page = settled(open_page, "messages")
    row = page.locator("tr.pick", has_text="to be opened by keys").first
    row.get_by_role("link").focus()
    page.keyboard.press("Enter")
    story = page.get_by_role("region", name="One text")
    expect(story.get_by_role("heading", name="One text")).to_be_focused()
    page.keyboard.press("Escape")
    expect(story).to_have_count(0)
    expect(row.get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    story.get_by_role("link", name="Close").click()
    expect(row.get_by_role("link")).to_be_focused()


def test_buttons_of_three_panes_have_three_names(open_page: Open) -> None:
    page = settled(open_page, "people")
    names = [each.get_attribute("aria-label") for each in page.get_by_role("button", name="Send").all()]
    assert names == ["Send, Webex App, left", "Send, Handset", "Send, Webex App, right"]


def test_an_address_that_leads_nowhere_says_so(open_page: Open) -> None:
    page = settled(open_page, "nowhere")
    expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
    page.get_by_role("link", name="Go to Live").click()
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()


def test_the_theme_is_chosen_and_kept(open_page: Open) -> None:
    page = settled(open_page, "live", theme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    theme = page.locator("#theme")
    theme.click()
    theme.click()
    expect(theme).to_contain_text("Dark")
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    expect(theme).to_contain_text("Dark")
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_that_cannot_be_fetched_says_so(open_page: Open, view: str) -> None:
    """The gateway refuses everything but the sign-in: no view stays blank, none throws."""
    page = open_page("live")
    refusal = '{"message": "no", "errors": [{"description": "out of order", "code": "out_of_order"}]}'
    page.route(
        "**/v1/**", lambda route: route.fulfill(status=500, body=refusal, content_type="application/json")
    )
    page.evaluate(
        "view => { location.hash = '#/replay'; setTimeout(() => { location.hash = `#/${view}`; }, 50); }",
        view,
    )
    expect(page.locator("#main")).to_contain_text("out of order")
    page.unroute("**/v1/**")


def test_the_connection_is_taken_up_again(open_page: Open, demo: Demo) -> None:
    page = settled(open_page, "live")
    page.context.set_offline(True)
    demo.send("while nobody looked")
    page.context.set_offline(False)
    expect(page.locator("#link")).to_have_text("live", timeout=20_000)
    demo.send("somebody looks again")
    newest = page.get_by_role("region", name="The newest texts")
    expect(newest).to_contain_text("somebody looks again")
    expect(newest).to_contain_text("while nobody looked")
