"""Calls and Recordings: phones as the API has them, what was recorded as it sounds, to whom it may."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.system("chromium")
Demo = Open = Any  # of conftest.py
PATIENT = "+13105550120"


def handset(page: Page, phone: str) -> Any:
    return page.locator(f'.handset[data-phone="{phone}"]')


def test_phones_show_state_icon_and_softkeys_as_the_api_has_them(open_page: Open, demo: Demo) -> None:
    page = open_page("calls")
    phones = demo.items("/v1/phones")
    expect(page.locator(".handset")).to_have_count(len(phones))
    for phone in phones:
        shown = handset(page, phone["id"])
        expect(shown.locator("h3")).to_have_text(phone["name"])
        expect(shown.locator(".rec")).to_have_attribute("data-icon", phone["icon"])


def test_a_call_is_placed_paused_resumed_and_ended_by_softkeys(open_page: Open, demo: Demo) -> None:
    page = open_page("calls")
    form = page.get_by_role("form", name="Place a call")
    form.get_by_label("From").select_option("alice")
    form.get_by_label("To").select_option(PATIENT)
    form.get_by_role("button", name="Call").click()
    alice = handset(page, "alice")
    expect(alice.locator('[data-key="PauseRec"]')).to_be_visible(timeout=15_000)
    expect(alice.locator(".rec")).to_have_attribute("data-icon", "recording")
    [phone] = [one for one in demo.items("/v1/phones") if one["id"] == "alice"]
    keys = alice.locator(".softkeys button")
    assert [key.get_attribute("data-key") for key in keys.all()] == phone["softkeys"]
    alice.locator('[data-key="PauseRec"]').click()
    expect(alice.locator(".rec")).to_have_attribute("data-icon", "paused")
    expect(alice.locator('[data-key="ResumeRec"]')).to_be_visible()
    page.wait_for_timeout(1000)  # a pause that can be seen on the timeline
    alice.locator('[data-key="ResumeRec"]').click()
    expect(alice.locator(".rec")).to_have_attribute("data-icon", "recording")
    page.wait_for_timeout(1000)
    alice.locator('[data-key="EndCall"]').click()
    expect(alice).to_contain_text("idle")
    call = demo.items("/v1/calls")[0]
    assert call["state"] == "ended"
    row = page.locator(f'tr[data-call="{call["id"]}"]')
    expect(row).to_contain_text("ended")
    expect(row.locator("td").nth(2)).to_have_text("yes")  # recorded
    events = page.get_by_role("region", name="What happened in it").locator(".moment strong")
    said = demo.get(f"/v1/calls/{call['id']}")["log"]
    expect(events).to_have_count(len(said))
    assert any(line["what"] == "told" for line in said)
    moments = page.get_by_role("region", name="What happened in it").locator(".moment", has_text="told")
    expect(moments.first).to_contain_text(re.compile(r"announcement at [+−][\d.]+ s"))


def test_a_scenario_plays_to_its_end_and_every_expectation_is_listed(open_page: Open, demo: Demo) -> None:
    page = open_page("calls")
    library = demo.items("/v1/scenarios")
    choice = page.get_by_label("Scenario", exact=True)
    expect(choice.locator("option")).to_have_count(len(library))
    quick = min((one for one in library if one["name"].startswith("no")), key=lambda one: one["seconds"])
    choice.select_option(quick["name"])
    page.get_by_role("button", name="Play").click()
    scene = page.get_by_role("region", name="Play a scenario")
    expect(scene.locator(".timeline > li")).to_have_count(len(quick["script"]))
    expect(scene.get_by_text("expectations met")).to_be_visible(timeout=40_000)
    run = demo.items("/v1/scenarioRuns")[0]
    expect(scene.locator(".badge").first).to_have_text(run["state"])
    expect(scene.locator(".verdicts li")).to_have_count(len(run["checks"]))
    assert run["state"] == "passed"


def sealed(demo: Demo, token: str) -> dict[str, Any]:
    found = [one for one in demo.items("/v1/recordings", token) if one["state"] == "sealed"]
    assert found, "the tour of the demo records a call"
    return dict(found[0])


def test_a_recording_is_shown_with_waveform_marks_metadata_and_checksum(open_page: Open, demo: Demo) -> None:
    recording = sealed(demo, "demo-alice")
    path = f"/v1/recordings/{recording['id']}"
    story = demo.get(path, "demo-alice")
    page = open_page("recordings", token="demo-alice")
    row = page.locator(f'tr[data-id="{recording["id"]}"]')
    row.locator("a").click()
    expect(row).to_have_attribute("aria-selected", "true")
    lanes = page.locator(".wave-lane canvas")
    expect(lanes).to_have_count(len(demo.get(f"{path}/peaks", "demo-alice")["channels"]))
    assert lanes.first.evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean)"
    )
    details = story["details"]
    stereo = next(one for one in details["audio"] if one["kind"] == "stereo")
    facts = page.get_by_role("region", name="Facts")
    expect(facts).to_contain_text(stereo["sha256"])
    expect(facts).to_contain_text(story["tenant"]["externalGroup"])
    expect(facts).to_contain_text("left")
    marks = page.get_by_role("list", name="On the timeline").locator("li")
    gaps = sum(len(one["gaps"]) for one in details["streams"])
    expect(marks).to_have_count(len(details["pauses"]) + len(details["announcements"]) + gaps)
    page.get_by_role("button", name="Show every document").click()
    expect(page.locator(".pdu-body pre").first).to_contain_text("urn:ietf:params:xml:ns:siprec")
    expect(page.locator(".pdu")).to_have_count(details["metadataRevisions"])


def test_a_recording_plays_and_its_file_is_the_apis(open_page: Open, demo: Demo) -> None:
    recording = sealed(demo, "demo-alice")
    page = open_page(f"recordings/{recording['id']}", token="demo-alice")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".wave-time span").first).not_to_have_text("0:00.0")
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=20_000)
    length_s = page.evaluate("document.querySelector('audio').duration")
    assert length_s == pytest.approx(recording["durationMs"] / 1000, abs=0.05)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save stereo.wav").click()
    content = Path(saved.value.path()).read_bytes()
    assert content == demo.get(f"/v1/recordings/{recording['id']}/audio", "demo-alice")


def test_who_may_not_listen_learns_only_that_it_exists(open_page: Open, demo: Demo) -> None:
    recording = sealed(demo, "demo-alice")
    page = open_page(f"recordings/{recording['id']}")
    expect(page.locator(".notice")).to_contain_text("This token may know that the recording exists")
    expect(page.locator(".wave")).to_have_count(0)
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    assert "play" not in demo.get(f"/v1/recordings/{recording['id']}")["allowed"]


def test_recordings_are_grouped_and_filtered_by_provider(open_page: Open, demo: Demo) -> None:
    page = open_page("recordings")
    providers = {one["name"]: one["title"] for one in demo.items("/v1/providers")}
    found = {one["provider"] for one in demo.items("/v1/recordings")}
    heads = page.locator(".group-head h3")
    expect(heads.first).to_be_visible()
    assert set(heads.all_inner_texts()) == {providers[name] for name in found}
    page.get_by_label("Provider").select_option("callcabinet")
    kept = demo.items("/v1/recordings?provider=callcabinet")
    expect(page.locator("tr[data-id]")).to_have_count(len(kept))
    if not kept:
        expect(page.get_by_text("No recording matches")).to_be_visible()
    assert re.search(r"provider=callcabinet", page.url)
