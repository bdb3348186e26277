"""The world is moved over the API only where that can be kept: who is told to try again moves it once."""

from typing import Any

import pytest

from gateway.runtime.bus import Bus
from gateway.runtime.clock import WorldClock
from gateway.runtime.errors import DatabaseBusy
from gateway.runtime.http.clock import clock_routes

Serve = Any  # of conftest.py


@pytest.mark.parametrize("change", [{"advance": 3_600}, {"speed": 10}, {"freeze": True}])
async def test_nothing_moves_while_nothing_can_be_stored(serve: Serve, change: dict[str, object]) -> None:
    clock, away = WorldClock(1_800_000_000_000_000_000, frozen=True), True
    clock.set_speed(1)
    kept: list[str] = []

    async def durable() -> None:
        if away:
            raise DatabaseBusy("locked")
        kept.append(clock.mode)

    api = await serve([clock_routes(clock, Bus(), durable)])
    before = (clock.mode, clock.speed)
    started_ns = clock.now_ns()
    answer = await api.call("POST", "/v1/clock", json=change)
    assert (answer.status, answer.codes) == (503, ["database_busy"])
    assert answer.headers["Retry-After"]
    assert (clock.mode, clock.speed) == before
    assert clock.now_ns() - started_ns < 1_800_000_000_000
    away = False
    answer = await api.call("POST", "/v1/clock", json=change)
    assert answer.status == 200
    assert kept[-1] == clock.mode
    assert (clock.mode, clock.speed) != before or clock.now_ns() - started_ns >= 3_600_000_000_000
