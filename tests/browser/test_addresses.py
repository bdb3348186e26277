"""What the address bar says, and which view is shown for it."""

from typing import Any

import pytest
from playwright.sync_api import Route, expect

pytestmark = pytest.mark.system("chromium")
Open = Any  # of conftest.py

LATE = """
window.addEventListener('hashchange', (event) => window.late && event.stopImmediatePropagation());
"""


def test_a_view_does_not_take_the_address_back_from_whoever_leaves_it(open_page: Open) -> None:
    page = open_page("live")
    page.add_init_script(LATE)
    page.reload()
    expect(page.locator("#link")).to_have_text("live")
    held: list[Route] = []
    page.route("**/v1/carriers", lambda route: held.append(route))  # noqa: PLW0108 - it gets marked
    with page.expect_request("**/v1/carriers"):
        page.evaluate("location.hash = '#/carriers'")
    page.evaluate("window.late = true; location.hash = '#/replay'")  # the view has not heard of it yet
    with page.expect_response("**/v1/carriers"):
        for route in held:
            route.continue_()
    expect(page.locator(".choice").first).to_be_visible()  # it goes on as if it stayed
    page.evaluate("window.late = false; window.dispatchEvent(new HashChangeEvent('hashchange'))")
    expect(page.locator('#main > [data-view="replay"] h1')).to_be_visible()
    assert page.evaluate("location.hash") == "#/replay"
