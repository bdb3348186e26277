"""The thread that fakes live on, and time for them."""

import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from gateway.testing import Backstage, FrozenWorld


def test_work_is_done_on_one_thread_and_its_faults_come_back():
    with Backstage() as backstage:
        assert backstage.call(lambda: threading.current_thread().name) == "backstage"
        with pytest.raises(ZeroDivisionError):
            backstage.call(lambda: 1 // 0)
        with pytest.raises(TimeoutError):
            backstage.run(asyncio.sleep(60), timeout_s=0.01)
    backstage.close()
    assert "backstage" not in {thread.name for thread in threading.enumerate()}


def test_what_was_entered_is_left_in_reverse_order():
    left = []

    @asynccontextmanager
    async def fake(name):
        try:
            yield name
        finally:
            left.append(name)

    with Backstage() as backstage:
        assert backstage.enter(fake("first")) == "first"
        backstage.enter(fake("second"))
    assert left == ["second", "first"]


def test_an_unused_one_has_no_thread():
    with Backstage():
        assert "backstage" not in {thread.name for thread in threading.enumerate()}


def test_time_passes_through_every_due_moment_in_order():
    with Backstage() as backstage:
        world, seen = FrozenWorld(backstage), []
        begin_ns = world.clock.now_ns()

        def note(name):
            seen.append((name, (world.clock.now_ns() - begin_ns) / 1e9))
            if name == "first":
                world.clock.call_later(5, note, "between")

        backstage.call(world.clock.call_later, 10, note, "second")
        backstage.call(world.clock.call_later, 1, note, "first")
        world.advance(timedelta(seconds=7))
        assert seen == [("first", 1.0), ("between", 6.0)]
        world.advance(3)
        assert seen[-1] == ("second", 10.0)
        world.close()


def test_somebody_who_never_answers_holds_time_up_only_once():
    with Backstage() as backstage:
        world = FrozenWorld(backstage)
        backstage.call(world.clock.begin)
        fired = []
        for second in range(20):
            backstage.call(world.clock.call_later, second, fired.append, second)
        begun = asyncio.run(_clock())
        world.advance(30)
        assert fired == list(range(20))
        assert asyncio.run(_clock()) - begun < 5
        backstage.call(world.clock.end)
        world.close()


async def _clock():
    return asyncio.get_running_loop().time()


def test_public_names_are_all_there():
    import gateway.testing
    import siprec.testing

    for package in (gateway.testing, siprec.testing):
        assert sorted(package.__all__) == sorted(package._HOME)
        for name in package.__all__:
            assert getattr(package, name).__name__ == name
        with pytest.raises(AttributeError, match="no attribute"):
            package.nothing  # noqa: B018
