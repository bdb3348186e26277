"""A page that is looked at for ten minutes of two thousand texts a second: bounded memory, smooth frames.

The stream's frames are played into the page's own code as quickly as it takes them: ten minutes of ten frames
a second, each as full as the server fills it (64 KiB), with what did not fit told by `stream.lost`.
"""

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect

from gateway.runtime.http.stream import MAX_FRAME_BYTES

pytestmark = pytest.mark.system("chromium")
Open = Any  # of conftest.py

FEED = Path(__file__).parent / "feed.js"
FRAMES_PER_SECOND = 10
MINUTES = 10
TEXTS_PER_SECOND = 2000
EVENTS_PER_FRAME = TEXTS_PER_SECOND * 4 // FRAMES_PER_SECOND
HEAP_GROWTH_BYTES = 8 * 1024 * 1024
MEDIAN_FRAME_MS = 40.0


def live_under_load(open_page: Open) -> Any:
    page = open_page("live", token="")
    page.context.add_init_script(path=FEED)
    page.context.add_init_script("sessionStorage.setItem('gateway-token', 'demo-admin')")
    page.reload()
    expect(page.locator("#link")).to_have_text("live")
    return page


def heap_bytes(session: CDPSession) -> int:
    session.send("HeapProfiler.collectGarbage")
    return int(session.send("Runtime.getHeapUsage")["usedSize"])


@pytest.mark.slow
def test_ten_minutes_of_load_leave_memory_and_page_as_they_were(open_page: Open) -> None:
    page = live_under_load(open_page)
    session = page.context.new_cdp_session(page)
    play = "([frames, events, bytes, first]) => window.play(frames, events, bytes, first)"
    number, heaps, nodes = 0, [], []
    began = time.perf_counter()
    for _minute in range(MINUTES):
        for _tenth in range(6):
            number = page.evaluate(play, [FRAMES_PER_SECOND * 10, EVENTS_PER_FRAME, MAX_FRAME_BYTES, number])
        page.wait_for_timeout(300)  # the table is drawn four times a second
        heaps.append(heap_bytes(session))
        nodes.append(int(session.send("Memory.getDOMCounters")["nodes"]))
    took_s = time.perf_counter() - began
    mebibytes = [round(one / 2**20, 1) for one in heaps]
    print(f"\n{number} events in {took_s:.1f} s; heap MiB {mebibytes}; DOM nodes {nodes}")
    assert max(heaps[1:]) < heaps[0] + HEAP_GROWTH_BYTES
    assert max(nodes[1:]) < nodes[0] + 500
    accepted = page.locator('.tile[data-kind="accepted"] .total').inner_text()
    told = int(accepted.split()[0].replace(",", ""))
    assert told == pytest.approx(TEXTS_PER_SECOND * 60 * MINUTES, rel=0.01)
    assert page.get_by_role("region", name="The newest texts").locator("tbody tr").count() == 10


def test_frames_stay_smooth_at_two_thousand_texts_a_second(open_page: Open) -> None:
    page = live_under_load(open_page)
    measured = page.evaluate(
        "([pace, events, bytes]) => window.measure(pace, events, bytes, 4000)",
        [FRAMES_PER_SECOND, EVENTS_PER_FRAME, MAX_FRAME_BYTES],
    )
    print(f"\nframe time ms: {measured}")
    assert measured["median"] < MEDIAN_FRAME_MS
