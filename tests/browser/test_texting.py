"""Live, Messages and People: what the API says is what the page shows, and text stays text."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.system("chromium")
Demo = Open = Any  # of conftest.py


def phone(number: str) -> str:
    """A number as the page writes it."""
    return re.sub(r"^\+1(\d{3})(\d{3})(\d{4})$", r"+1 \1 \2 \3", number)


def total(page: Page, kind: str) -> Any:
    return page.locator(f'.tile[data-kind="{kind}"] .total')


def test_a_wrong_token_is_refused_in_words_and_a_right_one_opens_the_page(open_page: Open) -> None:
    page = open_page(token="")
    page.get_by_label("Token").fill("nonsense")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This token is not known here.")
    page.get_by_label("Token").fill("demo-admin")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
    expect(page.locator("#link")).to_have_text("live")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()


def test_live_counts_what_happens_and_shows_binds_queues_and_limits_as_the_api_has_them(
    open_page: Open, demo: Demo
) -> None:
    demo.settled()
    page = open_page("live")
    expect(page.locator("#link")).to_have_text("live")
    sent = [demo.send(f"live {number}") for number in range(3)]
    demo.refused("nobody gets this")
    expect(total(page, "accepted")).to_have_text("3 so far")
    expect(total(page, "refused")).to_have_text("1 so far")
    expect(total(page, "delivered")).to_have_text("3 so far")
    rows = page.get_by_role("region", name="The newest texts").locator("tbody tr")
    expect(rows.first).to_contain_text("live 2")
    expect(rows.first).to_contain_text(phone(sent[2]["to"]))
    expect(rows.first).to_contain_text("delivered")
    links = demo.items("/v1/links")
    shown = page.locator(".flow-carriers > li")
    assert [row.get_attribute("data-carrier") for row in shown.all()] == [one["carrier"] for one in links]
    for row, link in zip(shown.all(), links, strict=True):
        state = link["binds"][0]["state"]
        expect(row).to_contain_text(f"{state} · window {link['binds'][0]['windowUsed']}/{link['window']}")
    refused = page.get_by_role("region", name="Refused and failed, by code")
    expect(refused.locator("li", has_text="number_not_in_campaign").locator(".strong")).to_have_text("1")
    [limit] = demo.items("/v1/limits?scope=person&key=carol")
    limits = page.get_by_role("region", name="Limits in use").locator("li", has_text="carol")
    expect(limits).to_contain_text(f"of {limit['rate']['burst']}")


def test_messages_finds_what_the_api_finds_and_tells_a_texts_whole_story(open_page: Open, demo: Demo) -> None:
    long = "Acme Dental: your treatment plan is ready. " * 8
    sent = demo.send(long, "alice", "+12125550124")
    page = open_page("messages")
    page.get_by_label("Text contains").fill("treatment plan")
    page.get_by_label("Carrier").select_option("att")
    rows = page.get_by_role("region", name="Texts", exact=True).locator("tbody tr")
    found = demo.items("/v1/messages?contains=treatment%20plan&carrier=att&max=50")
    expect(rows).to_have_count(len(found))
    rows.first.click()
    story = page.get_by_role("region", name="One text")
    expect(story.locator(".story-head")).to_contain_text("delivered", timeout=15_000)
    expect(story.locator(".timeline > li")).to_have_count(2 + 3 * sent["segments"], timeout=15_000)
    told = demo.get(f"/v1/messages/{sent['id']}")
    assert told["state"] == "delivered"
    names = [one["event"] for one in told["timeline"]]
    assert [one.inner_text() for one in story.locator(".moment strong").all()] == names
    expect(story.locator(".verdicts li")).to_have_count(len(told["verdicts"]))
    first = next(one for one in told["timeline"] if one["event"] == "submit_sm")
    story.get_by_text("Decoded PDU").first.click()
    body = story.locator(".pdu-body").first
    for name in first["pdu"]["fields"]:
        expect(body).to_contain_text(name)
    octets = re.sub(r"(?m)^[0-9a-f]{4}  |\s", "", body.locator("pre").inner_text())
    assert octets == first["pdu"]["octets"]
    segments = story.get_by_role("group", name="Segments").locator("tbody tr")
    expect(segments).to_have_count(sent["segments"])
    story.get_by_text("Receipt as it came").first.click()
    expect(story.locator(".pdu-body", has_text="stat:DELIVRD").first).to_be_visible()


def test_a_filter_that_finds_nothing_says_so_and_lists_can_grow(open_page: Open, demo: Demo) -> None:
    page = open_page("messages")
    page.get_by_label("Text contains").fill("no text says this")
    expect(page.get_by_text("No text matches")).to_be_visible()
    page.get_by_label("Text contains").fill("")
    expect(page).not_to_have_url(re.compile("contains"))  # a reload while typing would keep the filter
    for number in range(55):
        demo.post(
            "/v1/carriers/att/inbound", {"from": "+12125550125", "to": "+12025550100", "text": f"n{number}"}
        )
    page.reload()
    rows = page.get_by_role("region", name="Texts", exact=True).locator("tbody tr")
    try:
        expect(rows).to_have_count(50)
    except AssertionError as error:
        raise AssertionError(page.locator("#main").inner_text()) from error
    page.get_by_role("button", name="Load older").click()
    expect(rows.nth(55)).to_be_visible()
    page.get_by_label("State").select_option("rejected")
    expect(page.get_by_text("No text matches").or_(rows.first)).to_be_visible()


def test_another_address_brings_other_filters(open_page: Open) -> None:
    page = open_page("messages")
    page.evaluate("location.hash = '#/messages?state=bogus'")
    expect(page.locator(".failure")).to_contain_text("state")
    page.evaluate("location.hash = '#/messages?number=%2B13105550120&direction=inbound'")
    expect(page.locator(".failure")).to_have_count(0)
    expect(page.get_by_label("Number")).to_have_value("+13105550120")
    expect(page.get_by_label("Direction")).to_have_value("inbound")
    expect(page.get_by_label("State")).to_have_value("")
    page.evaluate("location.hash = '#/messages'")
    expect(page.get_by_label("Direction")).to_have_value("")


def test_a_number_is_found_however_it_is_written_and_a_part_of_one_is_asked_for_whole(
    open_page: Open, demo: Demo
) -> None:
    demo.send("found by number", "carol", "+16475550124")
    page = open_page("messages")
    rows = page.get_by_role("region", name="Texts", exact=True).locator("tbody tr")
    page.get_by_label("Number").fill("(647) 555-0124")
    expect(page).to_have_url(re.compile(r"number=%2B16475550124"))
    expect(rows).to_have_count(len(demo.items("/v1/messages?number=%2B16475550124&max=50")))
    page.get_by_label("Number").fill("0124")
    expect(page.get_by_text("Write the whole number")).to_be_visible()


def test_moments_are_the_worlds_whatever_the_viewers_zone(open_page: Open, demo: Demo) -> None:
    sent = demo.send("seen from New York")
    page = open_page("messages", zone="America/New_York")
    row = page.locator("tr.pick", has_text="seen from New York").first
    expect(row.locator("time")).to_have_text(sent["created"][11:19])
    expect(page.locator("#world-label")).to_contain_text("UTC")
    started = demo.items("/v1/recordings")[0]["startedAt"]
    page.evaluate("location.hash = '#/recordings'")
    expect(page.locator("tr.pick a", has_text=started[11:19]).first).to_be_visible()


def test_an_mms_that_came_says_why_it_has_no_text(open_page: Open, demo: Demo) -> None:
    mms = {"from": "+12125550127", "to": "+12025550100", "text": "", "files": ["https://example.test/a.jpg"]}
    demo.post("/v1/carriers/att/inbound", mms)
    page = open_page("messages?number=%2B12125550127")
    expect(page.locator("td.text").first).to_contain_text("MMS")


def test_a_person_texts_a_handset_and_it_answers(open_page: Open, demo: Demo) -> None:
    page = open_page("people?left=alice&right=bob&handset=%2B13105550124")
    left = page.get_by_role("region", name="Webex App, left")
    left.get_by_role("textbox").fill("Hello from the left")
    left.get_by_role("textbox").press("Enter")
    expect(left.locator(".said", has_text="Hello from the left")).to_contain_text("delivered", timeout=15_000)
    handset = page.get_by_role("region", name="Handset")
    expect(handset.locator(".said", has_text="Hello from the left")).to_contain_text("from Alice")
    handset.get_by_role("textbox").fill("Hello back")
    handset.get_by_role("button", name="Send").click()
    expect(left.locator(".said", has_text="Hello back")).to_contain_text("received")
    newest = demo.items("/v1/messages?number=%2B13105550124&max=2")
    assert [(one["direction"], one["text"]) for one in newest] == [
        ("inbound", "Hello back"),
        ("outbound", "Hello from the left"),
    ]


def test_what_a_rule_refuses_is_shown_to_its_sender_with_its_code(open_page: Open) -> None:
    page = open_page("people?left=alice&right=bob&handset=%2B13105550124")
    right = page.get_by_role("region", name="Webex App, right")
    right.get_by_role("textbox").fill("Hello from Bob")
    right.get_by_role("button", name="Send").click()
    refused = right.locator(".said.refused")
    expect(refused).to_contain_text("number_not_in_campaign")
    expect(right.locator(".result")).to_contain_text("blocked by gateway")
    expect(
        page.get_by_role("region", name="Handset").locator(".said", has_text="Hello from Bob")
    ).to_have_count(0)


def test_a_persons_token_sees_that_persons_texts_only(open_page: Open, demo: Demo) -> None:
    demo.send("only carol's")
    own = demo.send("alice's own", "alice", "+14155550124")
    page = open_page("messages", token="demo-alice")
    rows = page.get_by_role("region", name="Texts", exact=True).locator("tbody tr")
    expect(rows.filter(has_text=own["text"]).first).to_be_visible()
    expect(rows.filter(has_text="only carol's")).to_have_count(0)
    assert rows.count() == len(demo.items("/v1/messages?max=50", "demo-alice"))


@pytest.mark.parametrize("way", ["outbound", "inbound"])
def test_hostile_text_stays_text_everywhere(open_page: Open, demo: Demo, hostile: str, way: str) -> None:
    live = open_page("live")
    expect(live.locator("#link")).to_have_text("live")
    if way == "outbound":
        demo.send(hostile, "alice", "+16045550124")
    else:
        demo.post(
            "/v1/carriers/telus/inbound", {"from": "+16045550124", "to": "+12025550100", "text": hostile}
        )
    expect(live.locator("td.text", has_text="<img src=x").first).to_be_visible()
    page = open_page("messages?number=%2B16045550124")
    row = page.locator("td.text", has_text="<script>").first
    expect(row).to_have_text(hostile)
    row.click()
    expect(page.locator(".bubble").first).to_have_text(hostile)
    page.locator("details.pdu summary").first.click()
    people = open_page("people?left=alice&right=bob&handset=%2B16045550124")
    expect(people.get_by_role("region", name="Webex App, left").locator(".said").last).to_contain_text(
        "<b>bold</b>"
    )
    for each in (live, page, people):
        assert each.locator("#main img, #main script").count() == 0
        assert each.title() != "owned"


def test_on_a_telephone_an_opened_text_stands_alone_and_closing_leads_back(
    open_page: Open, demo: Demo
) -> None:
    sent = demo.send("to be read on a telephone")
    page = open_page(f"messages/{sent['id']}", width=390)
    story = page.get_by_role("region", name="One text")
    expect(story.locator(".bubble").first).to_be_visible()
    texts = page.get_by_role("region", name="Texts", exact=True).first
    expect(texts).to_be_hidden()
    expect(story.get_by_role("heading", name="One text")).to_be_in_viewport()
    story.get_by_role("link", name="Close").click()
    expect(texts).to_be_visible()
    expect(story).to_be_hidden()


def test_beside_a_long_list_an_opened_text_stays_in_sight(open_page: Open, demo: Demo) -> None:
    for number in range(12):
        demo.send(f"one of many, number {number}")
    page = open_page("messages")
    row = page.locator("tr.pick").nth(11)
    row.scroll_into_view_if_needed()
    row.locator("a").click()
    heading = page.get_by_role("region", name="One text").get_by_role("heading", name="One text")
    expect(heading).to_be_in_viewport()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(heading).to_be_in_viewport()
    assert page.locator("td.text").first.evaluate("node => node.scrollWidth <= node.clientWidth")
