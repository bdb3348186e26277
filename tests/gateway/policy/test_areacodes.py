"""Area codes are learnt in the background, and only while nobody else needs the loop."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from gateway.policy import numbers
from gateway.policy.areacodes import AreaCodes
from gateway.runtime.lifecycle import Lifecycle

CODES = 20


class Lesson:
    """Stands in for `numbers.learn`, and tells when it is over."""

    def __init__(self) -> None:
        self.learnt = 0
        self.over = asyncio.Event()

    def __call__(self) -> Iterator[None]:
        """Learn one code at each step."""
        for _ in range(CODES):
            self.learnt += 1
            yield
        self.over.set()


async def _begin(monkeypatch: pytest.MonkeyPatch, lifecycle: Lifecycle) -> Lesson:
    lesson = Lesson()
    monkeypatch.setattr(numbers, "learn", lesson)
    lifecycle.add("area codes", AreaCodes(lifecycle, delay_s=0.0, pause_s=0.002))
    await lifecycle.start()
    return lesson


async def test_every_area_code_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    lifecycle = Lifecycle()
    lesson = await _begin(monkeypatch, lifecycle)
    await asyncio.wait_for(lesson.over.wait(), 30)
    await lifecycle.stop()
    assert lesson.learnt == CODES


async def test_learning_waits_while_the_loop_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    lifecycle = Lifecycle()
    lesson = await _begin(monkeypatch, lifecycle)
    for _ in range(CODES):
        time.sleep(0.01)  # noqa: ASYNC251 - keeps the loop longer than any pause may take
        await asyncio.sleep(0)
    assert lesson.learnt == 1
    await asyncio.wait_for(lesson.over.wait(), 30)
    await lifecycle.stop()


async def test_a_stopped_service_learns_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    lifecycle = Lifecycle()
    lesson = await _begin(monkeypatch, lifecycle)
    await lifecycle.stop()
    assert not lesson.over.is_set()
