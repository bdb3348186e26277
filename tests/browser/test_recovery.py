"""After a break: nothing looks current while it lasts, and what is shown afterwards is true.

The stream is played by `feed.js`, so that it breaks when a test says so; everything else is the running demo.
"""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.system("chromium")
Demo = Open = Any  # of conftest.py

FEED = Path(__file__).parent / "feed.js"
API = "**/v1/**"
TELL = "document => window.feed.tell(document)"
GAP = {"event": "stream.lost", "data": {"count": 0, "events": {}, "gap": True}}
ELSEWHEN = '{"now": "2031-01-02T03:04:05.000Z", "mode": "frozen", "speed": 1}'


def watched(open_page: Open, view: str) -> Page:
    """A page whose stream has told one event."""
    page: Page = open_page(view, script=FEED)
    expect(page.locator("#link")).to_have_text("live")
    page.evaluate(TELL, {"event": "number.changed", "id": "x-1", "data": {}})
    return page


def lose(page: Page) -> None:
    """The gateway is gone: the stream breaks, and nothing answers."""
    page.route(API, lambda route: route.abort())
    page.evaluate("window.feed.onclose()")
    expect(page.locator("#adrift")).to_contain_text("not current")


def find_again(page: Page) -> None:
    """A gateway answers that knows nothing of the event before."""
    page.unroute(API)
    expect(page.locator("#link")).to_have_text("live")
    page.evaluate(TELL, GAP)


def test_after_a_gap_the_page_shows_what_is_true_and_says_once_that_it_missed_something(
    open_page: Open, demo: Demo
) -> None:
    page = watched(open_page, "messages")
    lose(page)
    expect(page.locator("#world-label")).to_contain_text("not current")
    page.get_by_label("Text contains").fill("said behind the page")
    expect(page.get_by_text("The gateway cannot be reached.")).to_be_visible()
    demo.send("said behind the page's back")
    page.route("**/v1/clock", lambda route: route.fulfill(body=ELSEWHEN, content_type="application/json"))
    find_again(page)
    row = page.locator("tr.pick", has_text="said behind the page's back").first
    expect(row).to_be_visible()
    expect(page.get_by_text("The gateway cannot be reached.")).to_have_count(0)
    expect(page.locator("#world-time")).to_have_text("02 Jan 2031, 03:04:05")
    expect(row.locator("time")).to_contain_text("202")  # of another year than the world's: with its date
    expect(page.locator("#adrift")).to_be_hidden()
    expect(page.locator(".toast")).to_have_text(["Some events were missed while disconnected."])
    page.evaluate("location.hash = '#/live'")
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.get_by_role("region", name="The newest texts")).to_contain_text("said behind the page's back")
    expect(page.get_by_text("the totals leave them out")).to_be_hidden()


def total(page: Page, kind: str) -> Any:
    """How many texts of that kind the Live view counts."""
    return page.locator(f'.tile[data-kind="{kind}"] .total')


def test_what_happened_during_a_gap_is_in_the_totals_afterwards(open_page: Open, demo: Demo) -> None:
    page = watched(open_page, "live")
    known = demo.items("/v1/messages?max=1")[0]  # from before the page was opened
    page.evaluate(TELL, {"event": "message.delivered", "id": "x-2", "data": known})
    page.evaluate(TELL, {"event": "message.accepted", "id": "x-3", "data": known})
    expect(total(page, "accepted")).to_have_text("1 so far")  # as the stream tells, true or not
    for _ in range(2):
        lose(page)
        demo.refused("nobody heard of it")
        sent = demo.send("nor of this")
        demo.until_delivered(sent["id"])
        find_again(page)
        expect(page.locator("#adrift")).to_be_hidden()
    expect(total(page, "accepted")).to_have_text("2 so far")
    expect(total(page, "delivered")).to_have_text("3 so far")
    expect(total(page, "refused")).to_have_text("2 so far")
    codes = page.get_by_role("region", name="Refused and failed, by code")
    expect(codes.get_by_role("listitem")).to_contain_text(["number_not_in_campaign"])
    expect(page.get_by_text("the totals leave them out")).to_be_hidden()


def test_totals_that_cannot_be_counted_anew_say_that_they_are_short(open_page: Open) -> None:
    page = watched(open_page, "live")
    page.route("**/v1/totals*", lambda route: route.abort())
    page.evaluate(TELL, GAP)
    expect(page.get_by_text("the totals leave them out")).to_be_visible()


def test_while_the_connection_is_lost_no_badge_looks_alive(open_page: Open) -> None:
    page = watched(open_page, "carriers/verizon")
    badge = page.locator(".choice .badge").first
    colour = "each => getComputedStyle(each).color"
    expect(badge).to_have_text("bound")
    alive = badge.evaluate(colour)
    lose(page)
    assert badge.evaluate(colour) != alive
    expect(page.locator("#adrift-next")).to_contain_text("Trying again")
    find_again(page)
    expect(page.locator("#adrift")).to_be_hidden()
    assert badge.evaluate(colour) == alive


def test_a_token_that_is_no_more_leads_to_the_sign_in_with_a_word(open_page: Open) -> None:
    page = open_page("messages")
    expect(page.locator("tr.pick").first).to_be_visible()
    refusal = '{"message": "no", "errors": [{"description": "no", "code": "not_authenticated"}]}'
    page.route(API, lambda route: route.fulfill(status=401, body=refusal, content_type="application/json"))
    page.get_by_label("State").select_option("delivered")
    expect(page.get_by_role("alert")).to_have_text("This token is not known here any more. Sign in again.")
    assert page.evaluate("sessionStorage.getItem('gateway-token')") is None
    page.unroute(API)
    page.get_by_label("Token").fill("demo-admin")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Messages")).to_be_visible()
    expect(page.locator("#link")).to_have_text("live")
    expect(page.locator("#adrift")).to_be_hidden()


def test_coming_back_says_why_it_asks_for_a_token(open_page: Open) -> None:
    page = open_page(token="")
    page.evaluate("sessionStorage.setItem('gateway-token', 'of-yesterday')")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("not known here any more")
    page.route(API, lambda route: route.abort())
    page.evaluate("sessionStorage.setItem('gateway-token', 'demo-admin')")
    page.reload()
    expect(page.get_by_role("alert")).to_have_text("The gateway cannot be reached.")
    expect(page.get_by_label("Token")).to_have_value("demo-admin")
    page.unroute(API)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
