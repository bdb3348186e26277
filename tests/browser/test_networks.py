"""Carriers, 10DLC and Replay: what is switched on the page is what the API then says."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.system("chromium")
Demo = Open = Any  # of conftest.py


def test_a_carriers_behaviour_is_switched_live(open_page: Open, demo: Demo) -> None:
    page = open_page("carriers/rogers")
    expect(page.get_by_role("heading", name="Rogers")).to_be_visible()
    catalogue = demo.get("/v1/carrierFaults")
    shown = page.get_by_role("radiogroup", name="Behaviour").get_by_role("radio")
    assert shown.count() == len(catalogue["profiles"])
    expect(page.get_by_role("radio", name="Healthy")).to_be_checked()
    page.get_by_role("radio", name="Slow").check()
    expect(page.get_by_role("status").filter(has_text="Rogers is slow now")).to_be_visible()
    assert demo.get("/v1/carriers/rogers")["profile"] == "slow"
    page.get_by_role("radio", name="Healthy").check()
    expect(page.locator(".choice[aria-current=true]")).to_contain_text("healthy")
    assert demo.get("/v1/carriers/rogers")["profile"] == "healthy"


def test_faults_are_given_and_taken_and_texts_meet_them(open_page: Open, demo: Demo) -> None:
    page = open_page("carriers/bell")
    page.get_by_role("button", name="Add a fault").click()
    fault = page.get_by_role("group", name="Fault 1")
    fault.get_by_label("Fault", exact=True).select_option("status")
    fault.get_by_label("Status").fill("69")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("1 in force")).to_be_visible()
    [given] = demo.get("/v1/carriers/bell")["faults"]
    assert (given["kind"], given["status"]) == ("status", 69)
    sent = demo.send("refused by its carrier", "carol", "+15145550124")
    story = open_page(f"messages/{sent['id']}")
    expect(story.locator(".story-head")).to_contain_text("rejected")
    expect(story.locator(".timeline")).to_contain_text("ESME_RSUBMITFAIL")
    fault.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("No faults now")).to_be_visible()
    assert demo.get("/v1/carriers/bell")["faults"] == []


def test_a_story_tells_what_a_carrier_put_off(open_page: Open, demo: Demo) -> None:
    throttled = {"kind": "status", "status": 0x58}
    demo.call("PATCH", "/v1/carriers/telus", {"faults": [throttled]})
    sent = demo.send("put off by its carrier", "carol", "+16045550124")
    where = f"/v1/messages/{sent['id']}"
    give_up_at = time.monotonic() + 20
    while not any(one.get("settled") is False for one in demo.get(where)["timeline"]):
        assert time.monotonic() < give_up_at
    demo.call("PATCH", "/v1/carriers/telus", {"faults": []})
    demo.until_delivered(sent["id"])
    story = open_page(f"messages/{sent['id']}")
    put_off = story.locator(".timeline > li[data-tone=wait]")
    expect(put_off.first).to_contain_text("ESME_RTHROTTLED")
    expect(put_off.first).to_contain_text("over telus-1, settled nothing, may go again")
    expect(story.get_by_role("table", name="Segments")).to_contain_text("ESME_ROK")


def test_a_carriers_settings_are_switched_live(open_page: Open, demo: Demo) -> None:
    page = open_page("carriers/telus")
    form = page.get_by_role("form", name="Settings")
    form.get_by_label("Setting").select_option("caps")
    form.get_by_label("Value").fill('{"segments_per_text": 7}')
    form.get_by_role("button", name="Switch").click()
    expect(form.get_by_text("Caps switched")).to_be_visible()
    expect(page.get_by_role("region", name="Caps and windows")).to_contain_text("7 segments")
    assert demo.get("/v1/carriers/telus")["caps"]["segments_per_text"] == 7
    form.get_by_label("Value").fill('{"segments_per_text": 0}')
    form.get_by_role("button", name="Switch").click()
    expect(form.locator(".result[data-kind=bad]")).to_contain_text("segments_per_text")
    form.get_by_label("Value").fill("{")
    form.get_by_role("button", name="Switch").click()
    expect(form.locator(".result[data-kind=bad]")).to_contain_text("not JSON")
    form.get_by_role("button", name="All as in the file").click()
    expect(page.get_by_role("region", name="Caps and windows")).to_contain_text("10 segments")
    assert demo.get("/v1/carriers/telus")["caps"]["segments_per_text"] == 10


def test_a_handsets_text_is_injected_and_arrives(open_page: Open, demo: Demo) -> None:
    page = open_page("carriers/att")
    form = page.get_by_role("form", name="A handset writes")
    form.get_by_label("From").fill("+12125550126")
    form.get_by_label("Text").fill("From the page")
    form.get_by_role("button").click()
    expect(form.get_by_text("On its way in 1 segment")).to_be_visible()
    arrived = open_page("messages?number=%2B12125550126").locator("td.text", has_text="From the page")
    expect(arrived).to_be_visible()
    assert demo.items("/v1/messages?number=%2B12125550126")[0]["state"] == "received"
    caps = demo.get("/v1/carriers/att")["caps"]["campaign_minute"]["classes"]
    expect(page.get_by_role("region", name="Caps and windows")).to_contain_text(f"T {caps['T']}")
    outcomes = page.get_by_role("region", name="Binds and queues")
    expect(outcomes).to_contain_text("gateway")


def test_what_a_carrier_refuses_to_take_is_said(open_page: Open) -> None:
    page = open_page("carriers/att")
    form = page.get_by_role("form", name="A handset writes")
    form.get_by_label("From").fill("nobody")
    form.get_by_role("button").click()
    expect(form.locator(".result[data-kind=bad]")).to_contain_text("from")


def test_campaigns_show_what_each_carrier_makes_of_them(open_page: Open, demo: Demo) -> None:
    page = open_page("registration")
    for campaign in demo.items("/v1/campaigns"):
        shown = page.locator(f'[data-campaign="{campaign["id"]}"]')
        expect(shown.locator(".badge").first).to_have_text(campaign["status"])
        for carrier, view in campaign["carriers"].items():
            row = shown.locator(f'tr[data-carrier="{carrier}"]')
            expect(row).to_contain_text(view["approval"] or "no review")
            if view["campaignClass"]:
                expect(row).to_contain_text(view["campaignClass"])
            if view["segmentsPerMinute"]:
                expect(row).to_contain_text(f"{view['segmentsPerMinute']:,}")
    for number in demo.items("/v1/numbers"):
        row = page.locator(f'tr[data-number="{number["number"]}"]')
        expect(row).to_contain_text(number["locationId"])
        if number["authorized"]:
            expect(row).to_contain_text("authorised")


def test_a_campaign_is_suspended_and_resumed(open_page: Open, demo: Demo) -> None:
    page = open_page("registration")
    office = page.locator('[data-campaign="acme-office"]')
    office.get_by_role("button", name="Suspend").click()
    expect(office.locator(".badge").first).to_have_text("suspended")
    assert demo.get("/v1/campaigns/acme-office")["status"] == "suspended"
    office.get_by_role("button", name="Resume").click()
    expect(office.locator(".badge").first).to_have_text("confirmed")
    assert demo.get("/v1/campaigns/acme-office")["status"] == "confirmed"


def test_a_campaign_is_registered_and_the_clock_decides_about_it(open_page: Open, demo: Demo) -> None:
    page = open_page("registration")
    form = page.get_by_role("form", name="Register a campaign")
    form.get_by_label("Id (optional)").fill("from-the-page")
    form.get_by_role("button", name="Register").click()
    made = page.locator('[data-campaign="from-the-page"]')
    expect(made).to_contain_text("next step")
    before = demo.get("/v1/campaigns/from-the-page")["status"]
    assert before in ("submitted", "unconfirmed")
    page.get_by_role("button", name="+28 days").click()
    expect(made.locator(".badge").first).not_to_have_text(before)
    status = demo.get("/v1/campaigns/from-the-page")["status"]
    expect(made.locator(".badge").first).to_have_text(status.replace("_", " "))
    now = demo.get("/v1/clock")["now"]
    day = int(now[8:10])
    expect(page.locator(".clock time")).to_contain_text(re.compile(rf"\b0?{day}\b"))


def test_a_number_is_authorised_by_an_order(open_page: Open, demo: Demo) -> None:
    page = open_page("registration")
    row = page.locator('tr[data-number="+12025550105"]')
    row.get_by_role("button", name="Authorise").click()
    expect(row.locator(".badge")).to_have_text("authorised")
    [number] = [one for one in demo.items("/v1/numbers") if one["number"] == "+12025550105"]
    assert number["authorized"] is True


def test_a_capture_is_uploaded_replayed_and_reported(open_page: Open, demo: Demo, tmp_path: Path) -> None:
    capture = demo.post("/v1/captures", {"format": "pcap"})["id"]
    for number in range(5):
        demo.send(f"to be captured {number}", "carol", "+16475550126")
    open_page("live").wait_for_timeout(1500)  # receipts come within half a second of world time
    stopped = demo.post(f"/v1/captures/{capture}/stop")
    content = demo.get(f"/v1/captures/{capture}/files/{stopped['files'][0]}")
    file = tmp_path / "texts.pcap"
    file.write_bytes(content)
    page = open_page("replay")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("Choose a capture first.")).to_be_visible()
    page.set_input_files("input[type=file]", file)
    expect(page.get_by_text("texts.pcap")).to_be_visible()
    page.get_by_label("Play", exact=True).select_option("esme")
    page.get_by_role("button", name="Replay").click()
    figures = page.locator(".figures")
    expect(figures).to_be_visible(timeout=20_000)
    [job] = demo.items("/v1/replays")
    assert job["state"] == "finished"
    bar = page.get_by_role("meter", name="progress: 100 %")
    expect(bar).to_have_attribute("aria-valuenow", "1.000")
    expect(bar.locator("span")).to_have_attribute("style", "width: 100%;")
    report = demo.get(f"/v1/replays/{job['id']}/report/json")
    expect(figures.locator(".figure").first.locator(".value")).to_have_text(str(report["messages"]))
    expect(figures.locator(".figure").nth(1).locator(".value")).to_have_text(str(report["different"]))
    title = "As expected" if report["ok"] else "Not as expected"
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the report as JUnit").click()
    assert Path(saved.value.path()).read_bytes() == demo.get(f"/v1/replays/{job['id']}/report/junit")


def test_a_file_that_is_no_capture_is_refused_in_words(open_page: Open, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear reader")
    page = open_page("replay")
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Replay").click()
    expect(page.locator(".result[data-kind=bad]")).to_contain_text("capture_unreadable")
