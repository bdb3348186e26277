"""The tour of the demo goes as expected, also in a fast world, and its table fits a terminal."""

import asyncio
import io
from typing import Any

from rich.console import Console

from gateway.demo.run import _play, _table
from gateway.demo.steps import STEPS


async def test_every_step_goes_as_expected(open_world: Any) -> None:
    sip = (
        "recording.sip.udp_port=0",
        "recording.sip.tcp_port=0",
        "recording.sip.tls.port=0",
        "calling.port=0",
    )
    parts = ("texting", "carriers", "recording")
    async with open_world(*sip, "clock.mode=scaled", "clock.speed=5", parts=parts) as world:
        async with asyncio.timeout(60):
            tour = await _play(world.service, Console(quiet=True))
    wrong = {step.title: (step.expected, step.found) for step in tour.steps if not step.ok}
    assert not wrong
    assert len(tour.steps) == len(STEPS)
    summary = tour.summary()
    assert summary["ok"]
    assert summary["texts"]["delivered"] == 6
    assert set(summary["texts"]["rejected"]) >= {
        "mms_not_supported",
        "emoji_not_supported",
        "international_not_supported",
        "number_not_in_campaign",
        "campaign_not_active",
        "app_too_old",
        "no_primary_number",
        "throttled_person",
        "throttled_brand_day",
        "carrier_40016",
        "recipient_opted_out",
    }
    terminal = Console(width=80, record=True, file=io.StringIO())
    terminal.print(_table(tour))
    lines = terminal.export_text().strip().splitlines()
    assert len(lines) == len(STEPS) + 2, "no line wraps at eighty columns"
